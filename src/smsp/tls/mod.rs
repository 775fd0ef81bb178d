//! Mutual TLS to the SMSP (wire.md 5.7): TLS 1.2 and 1.3, only AES-GCM, only the given CAs, with a check of the host name.
//!
//! Refuses a server certificate without a subject alternative name: rustls ignores the CN.

use super::ConnectionOptions;
use crate::cpis::TlsCause;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject};
use rustls::{
    AlertDescription, CertificateError, CipherSuite, ClientConfig, InconsistentKeys, RootCertStore, SignatureScheme,
    client::{ResolvesClientCert, WebPkiServerVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    sign::CertifiedKey,
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The allowed cipher suites of TLS 1.2 and 1.3. All have forward secrecy and authenticated encryption.
const CIPHER_SUITES: [CipherSuite; 6] = [
    CipherSuite::TLS13_AES_256_GCM_SHA384,
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

/// What is wrong with the PEM files of [`ConnectionOptions`]. Never shows their content.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CredentialsError {
    #[error("the CA bundle cannot be read as PEM")]
    CaUnreadable,
    #[error("the CA bundle holds no certificate")]
    NoCa,
    #[error("a certificate of the CA bundle is not one that can sign")]
    CaUnusable,
    #[error("the client certificate cannot be read as PEM")]
    CertificateUnreadable,
    #[error("the client certificate file holds no certificate")]
    NoCertificate,
    #[error("the client certificate is not an X.509 certificate")]
    CertificateUnusable,
    #[error("the client key cannot be read as PEM")]
    KeyUnreadable,
    #[error("the client key file holds no private key (PKCS#8, PKCS#1 or SEC1, not encrypted)")]
    NoKey,
    #[error("the client key is of a kind that TLS cannot use")]
    KeyUnusable,
    #[error("the client key does not belong to the client certificate")]
    KeyMismatch,
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
}

/// Counts the handshakes in which the server requested our certificate. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct HandshakeCount(Arc<AtomicU64>);

impl HandshakeCount {
    /// The full handshakes so far. A resumed session does not count: it does not send the certificate again.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The cryptography of connections to the SMSP: aws-lc-rs, restricted to AES-GCM with forward secrecy.
#[must_use]
pub fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| CIPHER_SUITES.contains(&suite.suite()));
    provider
}

/// The TLS configuration of [`ConnectionOptions`]. Offers no ALPN, so HTTP/1.1 is used.
pub fn config(connection: &ConnectionOptions, handshakes: &HandshakeCount) -> Result<ClientConfig, CredentialsError> {
    let identity = identity(connection)?;
    let provider = Arc::new(provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(authorities(&connection.ca_pem)?), Arc::clone(&provider))
        .build()
        .map_err(|_| CredentialsError::CaUnusable)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(CredentialsError::Setup)?
        .with_webpki_verifier(verifier)
        .with_client_cert_resolver(Arc::new(ClientIdentity { key: Arc::new(identity), handshakes: handshakes.clone() }));
    Ok(config)
}

fn authorities(bundle: &[u8]) -> Result<RootCertStore, CredentialsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(bundle).map_err(|_| CredentialsError::CaUnreadable)? {
        roots.add(certificate).map_err(|_| CredentialsError::CaUnusable)?;
    }
    if roots.is_empty() { Err(CredentialsError::NoCa) } else { Ok(roots) }
}

fn identity(connection: &ConnectionOptions) -> Result<CertifiedKey, CredentialsError> {
    let chain = certificates(&connection.client_cert_pem).map_err(|_| CredentialsError::CertificateUnreadable)?;
    if chain.is_empty() {
        return Err(CredentialsError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(&connection.client_key_pem).map_err(|error| match error {
        pem::Error::NoItemsFound => CredentialsError::NoKey,
        _ => CredentialsError::KeyUnreadable,
    })?;
    let key = provider().key_provider.load_private_key(key).map_err(|_| CredentialsError::KeyUnusable)?;
    let identity = CertifiedKey::new(chain, key);
    match identity.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(identity),
        Err(rustls::Error::InconsistentKeys(_)) => Err(CredentialsError::KeyMismatch),
        Err(_) => Err(CredentialsError::CertificateUnusable),
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

/// Our certificate and key, sent to every server that requests them.
#[derive(Debug)]
struct ClientIdentity {
    key: Arc<CertifiedKey>,
    handshakes: HandshakeCount,
}

impl ResolvesClientCert for ClientIdentity {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.handshakes.0.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(&self.key))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Why TLS failed.
#[must_use]
pub fn cause(error: &rustls::Error) -> TlsCause {
    match error {
        rustls::Error::AlertReceived(alert) => TlsCause::Alert(u8::from(*alert)),
        rustls::Error::InvalidCertificate(error) => certificate_cause(error),
        rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol => TlsCause::NothingInCommon,
        rustls::Error::InvalidMessage(_) | rustls::Error::InappropriateMessage { .. } => TlsCause::NotTls,
        rustls::Error::NoCertificatesPresented => TlsCause::NoCertificate,
        _ => TlsCause::Other,
    }
}

fn certificate_cause(error: &CertificateError) -> TlsCause {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsCause::CertificateExpired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsCause::CertificateNotYetValid,
        CertificateError::UnknownIssuer => TlsCause::UnknownCa,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => TlsCause::OtherName,
        CertificateError::Revoked => TlsCause::CertificateRevoked,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => TlsCause::NotAServersCertificate,
        _ => TlsCause::CertificateUnacceptable,
    }
}

/// Whether an alert means that the server refuses us or our certificate, so it cannot have read a request.
///
/// A server may send other fatal alerts (a bad record, an internal error) after it has read a request.
#[must_use]
pub fn refuses_us(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::HandshakeFailure
            | AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError
            | AlertDescription::CertificateUnobtainable
            | AlertDescription::CertificateRequired
    )
}

#[cfg(test)]
pub(in crate::smsp) mod certificates;
#[cfg(test)]
mod tests;
