//! Which certificate is trusted: exactly the one in the service's settings, whatever its name and dates.
//!
//! On this machine any certificate is accepted, and a different one is reported: a service that could not load a new certificate keeps
//! the previous one, and must not be stopped for that. The health check exchanges no secrets.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Which server certificates are trusted.
#[derive(Debug, Clone)]
pub enum Trust {
    /// None: the connection is not encrypted.
    Nobody,
    /// Certificates of the system's CAs, with the name in the URL.
    System,
    /// Only this certificate.
    Only(CertificateDer<'static>),
    /// Any certificate, since the listener is on this machine. Records whether it differs from the expected one.
    Here { expected: Option<CertificateDer<'static>>, mismatch: MismatchFlag },
}

/// Set if the server's certificate is not the expected one.
#[derive(Debug, Clone, Default)]
pub struct MismatchFlag(Arc<AtomicBool>);

impl Trust {
    /// The first certificate in `pem`.
    ///
    /// # Errors
    /// There is no certificate in it.
    pub fn only(pem: &[u8]) -> Result<Self, String> {
        let own = CertificateDer::pem_slice_iter(pem).next().and_then(Result::ok);
        own.map(Self::Only).ok_or_else(|| "the listener's certificate in the settings cannot be read".to_owned())
    }

    /// Expects the first certificate in `pem`, if it can be read.
    pub fn here(pem: Option<&[u8]>) -> Self {
        let expected = pem.and_then(|pem| CertificateDer::pem_slice_iter(pem).next()?.ok());
        Self::Here { expected, mismatch: MismatchFlag::default() }
    }

    /// A remark about the server's certificate, for the end of the output line.
    pub fn remark(&self) -> &'static str {
        match self {
            Self::Here { mismatch, .. } if mismatch.0.load(Ordering::Relaxed) => {
                "; its certificate is not the one that the settings name now"
            }
            _ => "",
        }
    }

    /// The TLS configuration that trusts these certificates.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn config(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let pinned = match self {
            Self::Only(certificate) => {
                Some(PinnedVerifier { certificate: Some(certificate.clone()), on_mismatch: None, provider })
            }
            Self::Here { expected, mismatch } => {
                Some(PinnedVerifier { certificate: expected.clone(), on_mismatch: Some(mismatch.clone()), provider })
            }
            Self::Nobody | Self::System => None,
        };
        if let Some(pinned) = pinned {
            return Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned)).with_no_client_auth());
        }
        let mut roots = RootCertStore::empty();
        if matches!(self, Self::System) {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

/// Trusts one certificate, without checks of its name, dates or issuer.
#[derive(Debug)]
struct PinnedVerifier {
    certificate: Option<CertificateDer<'static>>,
    /// Set on another certificate; `None`: another certificate is refused.
    on_mismatch: Option<MismatchFlag>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.certificate.as_ref() == Some(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        let mismatch =
            self.on_mismatch.as_ref().ok_or(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))?;
        mismatch.0.store(true, Ordering::Relaxed);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
