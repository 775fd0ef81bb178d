//! Checks certificates and private keys in PEM: present, readable, matching and valid.

use super::files::{self, Contents};
use super::key::Key;
use super::reader::{Reader, ReportedFault};
use super::validity::Validity;
use crate::clock;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::path::PathBuf;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// What the settings need to know of our own certificate.
pub(super) struct OwnCertificate {
    /// The subject's common name.
    pub common_name: Option<String>,
}

/// Our certificate or its key: the setting that names the file, and the contents.
pub(super) type Pem<'a> = (Key<Option<PathBuf>>, Option<&'a Contents>);

/// Checks a chain and its private key, and that they match.
///
/// A certificate outside its validity is a warning, not a fault: certificates are reloaded while the service runs, and
/// a service that runs can tell a clinician that CP-IS could not be asked; one that is down cannot
/// (decisions.md 39). `cpis-fhir check` reports it.
pub(super) fn check_own(
    reader: &mut Reader,
    (cert, cert_pem): Pem<'_>,
    (key, key_pem): Pem<'_>,
) -> Result<OwnCertificate, ReportedFault> {
    let chain = cert_pem.ok_or(ReportedFault).and_then(|pem| chain(reader, cert, pem));
    let private_key = key_pem.ok_or(ReportedFault).and_then(|pem| private_key(reader, key, pem));
    let chain = chain?;
    let own = read_own(reader, cert, chain.first().ok_or(ReportedFault)?);
    let (private_key, own) = (private_key?, own?);
    match CertifiedKey::from_der(chain, private_key, &rustls::crypto::aws_lc_rs::default_provider()) {
        Ok(_) => Ok(own),
        Err(rustls::Error::InconsistentKeys(_)) => Err(reader.fault(key, format!("is not the key of the certificate in {cert}"))),
        Err(rustls::Error::InvalidCertificate(_)) => {
            Err(reader.fault(cert, "holds a certificate that TLS cannot use; wanted X.509 version 3"))
        }
        Err(_) => Err(reader.fault(key, "holds a key of a kind that TLS cannot use; wanted RSA, ECDSA or Ed25519")),
    }
}

/// The checked bundle of CAs that `key` names, if it is set.
pub(super) fn authorities(reader: &mut Reader, key: Key<Option<PathBuf>>) -> Result<Option<Vec<u8>>, ReportedFault> {
    let Some(pem) = files::contents(reader, key)? else { return Ok(None) };
    check_authorities(reader, key, &pem)?;
    Ok(Some(pem.to_vec()))
}

/// Checks that a bundle holds at least one certificate of a CA, and that each of its certificates can be read.
pub(super) fn check_authorities(reader: &mut Reader, key: Key<Option<PathBuf>>, pem: &[u8]) -> Result<(), ReportedFault> {
    let bundle = chain(reader, key, pem)?;
    let mut authorities = 0;
    for (at, der) in bundle.iter().enumerate() {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            return Err(reader.fault(key, format!("certificate {} of the file cannot be read", at + 1)));
        };
        if certificate.is_ca() {
            authorities += 1;
            warn_of_validity(reader, key, &certificate);
        }
    }
    if authorities == 0 {
        return Err(reader.fault(key, "holds no certificate of a certification authority (basicConstraints CA)"));
    }
    Ok(())
}

fn chain(reader: &mut Reader, key: Key<Option<PathBuf>>, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ReportedFault> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(reader.fault(key, "the file holds no certificate; wanted PEM with BEGIN CERTIFICATE")),
        Err(_) => Err(reader.fault(key, "the file is broken PEM; wanted certificates with BEGIN CERTIFICATE")),
    }
}

fn private_key(reader: &mut Reader, key: Key<Option<PathBuf>>, pem: &[u8]) -> Result<PrivateKeyDer<'static>, ReportedFault> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        let is_locked = pem.windows(9).any(|window| window == b"ENCRYPTED");
        let problem = if is_locked {
            "the key in the file is locked with a passphrase; wanted one without"
        } else {
            "the file holds no private key; wanted PEM with BEGIN PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY"
        };
        reader.fault(key, problem)
    })
}

fn read_own(reader: &mut Reader, key: Key<Option<PathBuf>>, der: &CertificateDer<'_>) -> Result<OwnCertificate, ReportedFault> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return Err(reader.fault(key, "the first certificate of the file cannot be read"));
    };
    if let Some(problem) = outside_validity(&certificate)
        && reader.is_renewal
    {
        return Err(reader.fault(key, problem));
    }
    warn_of_validity(reader, key, &certificate);
    let mut names = certificate.subject().iter_common_name();
    let common_name = names.next().and_then(|name| name.as_str().ok()).map(|name| name.trim().to_owned());
    Ok(OwnCertificate { common_name: common_name.filter(|name| !name.is_empty() && !name.chars().any(char::is_control)) })
}

/// Why a certificate must not be used now.
fn outside_validity(certificate: &X509Certificate<'_>) -> Option<String> {
    Validity::of(certificate).problem(clock::now())
}

fn warn_of_validity(reader: &mut Reader, key: Key<Option<PathBuf>>, certificate: &X509Certificate<'_>) {
    if let Some(warning) = Validity::of(certificate).warning(clock::now()) {
        reader.warn(key, warning);
    }
}
