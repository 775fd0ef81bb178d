//! Certificates and private keys in PEM: present, readable, belonging together, and for how long.

use super::reader::Reader;
use super::validity::Validity;
use crate::clock;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// What the settings need to know of our own certificate.
pub(super) struct Own {
    /// The subject's common name.
    pub common_name: Option<String>,
}

/// Checks the chain under `cert_name` and the private key under `key_name`, and that they belong together.
///
/// A certificate outside its validity is a warning, not a fault: certificates are reloaded while the service runs, and
/// a service that is up tells a clinician that CP-IS could not be asked, where one that is down tells nothing
/// (decisions.md 39). `cpis-fhir check` reports it.
pub(super) fn check_own(
    reader: &mut Reader,
    (cert_name, cert_pem): (&str, Option<&[u8]>),
    (key_name, key_pem): (&str, Option<&[u8]>),
) -> Option<Own> {
    let chain = cert_pem.and_then(|pem| chain(reader, cert_name, pem));
    let key = key_pem.and_then(|pem| private_key(reader, key_name, pem));
    let own = chain.as_ref().and_then(|chain| look_at(reader, cert_name, chain.first()?));
    let (chain, key, own) = (chain?, key?, own?);
    match CertifiedKey::from_der(chain, key, &rustls::crypto::aws_lc_rs::default_provider()) {
        Ok(_) => Some(own),
        Err(rustls::Error::InconsistentKeys(_)) => {
            reader.fault(key_name, format!("is not the key of the certificate in {cert_name}"));
            None
        }
        Err(rustls::Error::InvalidCertificate(_)) => {
            reader.fault(cert_name, "holds a certificate that TLS cannot use; wanted X.509 version 3");
            None
        }
        Err(_) => {
            reader.fault(key_name, "holds a key of a kind that TLS cannot use; wanted RSA, ECDSA or Ed25519");
            None
        }
    }
}

/// Checks that a bundle holds at least one certificate of a CA, and that each of its certificates can be read.
pub(super) fn check_authorities(reader: &mut Reader, name: &str, pem: &[u8]) -> Option<()> {
    let bundle = chain(reader, name, pem)?;
    let mut authorities = 0;
    for (at, der) in bundle.iter().enumerate() {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            reader.fault(name, format!("certificate {} of the file cannot be read", at + 1));
            return None;
        };
        if certificate.is_ca() {
            authorities += 1;
            warn_of_validity(reader, name, &certificate);
        }
    }
    if authorities == 0 {
        reader.fault(name, "holds no certificate of a certification authority (basicConstraints CA)");
        return None;
    }
    Some(())
}

fn chain(reader: &mut Reader, name: &str, pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(chain) if !chain.is_empty() => Some(chain),
        Ok(_) => {
            reader.fault(name, "the file holds no certificate; wanted PEM with BEGIN CERTIFICATE");
            None
        }
        Err(_) => {
            reader.fault(name, "the file is broken PEM; wanted certificates with BEGIN CERTIFICATE");
            None
        }
    }
}

fn private_key(reader: &mut Reader, name: &str, pem: &[u8]) -> Option<PrivateKeyDer<'static>> {
    if let Ok(key) = PrivateKeyDer::from_pem_slice(pem) {
        return Some(key);
    }
    let is_locked = pem.windows(9).any(|window| window == b"ENCRYPTED");
    let problem = if is_locked {
        "the key in the file is locked with a passphrase; wanted one without"
    } else {
        "the file holds no private key; wanted PEM with BEGIN PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY"
    };
    reader.fault(name, problem);
    None
}

fn look_at(reader: &mut Reader, name: &str, der: &CertificateDer<'_>) -> Option<Own> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        reader.fault(name, "the first certificate of the file cannot be read");
        return None;
    };
    if let Some(problem) = outside_validity(&certificate)
        && reader.is_renewal
    {
        reader.fault(name, problem);
        return None;
    }
    warn_of_validity(reader, name, &certificate);
    let mut names = certificate.subject().iter_common_name();
    let common_name = names.next().and_then(|name| name.as_str().ok()).map(|name| name.trim().to_owned());
    Some(Own { common_name: common_name.filter(|name| !name.is_empty() && !name.chars().any(char::is_control)) })
}

/// When a certificate is not to be used now: what is wrong with it.
fn outside_validity(certificate: &X509Certificate<'_>) -> Option<String> {
    Validity::of(certificate).problem(clock::now())
}

fn warn_of_validity(reader: &mut Reader, name: &str, certificate: &X509Certificate<'_>) {
    if let Some(warning) = Validity::of(certificate).warning(clock::now()) {
        reader.warn(name, warning);
    }
}
