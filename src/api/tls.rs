//! TLS of a listener: 1.2 and 1.3, with certificates that may be renewed while connections are open.
//!
//! A connection that stands goes on with what it began with. Where the CAs of callers change, it is closed after its next answer,
//! and no session of before can be resumed, so that a caller who is no longer trusted is soon gone.

use super::ServerTls;
use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache, StoresServerSessions, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig, SignatureScheme};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Sessions that can be resumed, as rustls has by default.
const SESSIONS: usize = 256;

/// TLS of one listener.
pub struct ListenerTls {
    own: Arc<OwnCertificate>,
    /// `None`: callers need no certificate.
    callers: Option<Arc<Callers>>,
    sessions: Arc<Sessions>,
    /// How often the CAs of callers have changed.
    generation: AtomicU64,
}

/// The CAs that a connection was accepted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation(u64);

/// Our certificate, as it is now.
#[derive(Debug)]
struct OwnCertificate(ArcSwap<CertifiedKey>);

/// The CAs of callers, as they are now.
#[derive(Debug)]
struct Callers(ArcSwap<ClientAuthorities>);

#[derive(Debug)]
struct ClientAuthorities {
    pem: Vec<u8>,
    verifier: Arc<dyn ClientCertVerifier>,
    /// Names of the CAs, from which a caller with several certificates chooses. rustls wants them to outlive every renewal, so
    /// each new list of names stays in memory: some hundred bytes each time the CAs change.
    names: &'static [DistinguishedName],
}

#[derive(Debug)]
struct Sessions(ArcSwap<Arc<dyn StoresServerSessions>>);

impl ListenerTls {
    /// # Errors
    /// What cannot be used, without anything of what is in it.
    pub fn new(tls: &ServerTls) -> Result<Self, String> {
        let own = Arc::new(OwnCertificate(ArcSwap::from_pointee(own(tls)?)));
        let callers = tls.client_ca_pem.as_deref().map(|pem| ClientAuthorities::new(pem, &[])).transpose()?;
        let callers = callers.map(|vouching| Arc::new(Callers(ArcSwap::from_pointee(vouching))));
        let sessions = Arc::new(Sessions(ArcSwap::from_pointee(ServerSessionMemoryCache::new(SESSIONS))));
        Ok(Self { own, callers, sessions, generation: AtomicU64::new(0) })
    }

    /// For the acceptor, which keeps it for as long as the listener is open.
    ///
    /// # Errors
    /// Where TLS cannot be set up at all.
    pub fn config(&self) -> Result<ServerConfig, String> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match &self.callers {
            None => builder.with_no_client_auth(),
            Some(callers) => builder.with_client_cert_verifier(Arc::clone(callers) as Arc<dyn ClientCertVerifier>),
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&self.own) as Arc<dyn ResolvesServerCert>);
        config.session_storage = Arc::clone(&self.sessions) as Arc<dyn StoresServerSessions>;
        Ok(config)
    }

    /// Every handshake from now on goes by `tls`.
    ///
    /// # Errors
    /// What cannot be used; then everything is as it was.
    pub fn renew(&self, tls: &ServerTls) -> Result<(), String> {
        let own = own(tls)?;
        let vouching = match (&self.callers, tls.client_ca_pem.as_deref()) {
            (None, None) => None,
            (Some(callers), Some(pem)) => callers.other(pem)?.map(|vouching| (callers, vouching)),
            _ => return Err("whether callers need a certificate cannot change before the next start".to_owned()),
        };
        self.own.0.store(Arc::new(own));
        if let Some((callers, vouching)) = vouching {
            callers.0.store(Arc::new(vouching));
            self.sessions.forget();
            self.generation.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    /// To be kept with a connection.
    pub fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn own(tls: &ServerTls) -> Result<CertifiedKey, String> {
    let chain = CertificateDer::pem_slice_iter(&tls.cert_pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|_| "the certificate cannot be read")?;
    let key = PrivateKeyDer::from_pem_slice(tls.key_pem.bytes()).map_err(|_| "the private key cannot be read")?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(|error| error.to_string())
}

impl ClientAuthorities {
    /// `names`: those of before, which are kept where they are the same.
    fn new(pem: &[u8], names: &'static [DistinguishedName]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| "the client CA cannot be read")?;
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        let now = roots.subjects();
        let is_same = now.iter().map(AsRef::as_ref).eq(names.iter().map(AsRef::<[u8]>::as_ref));
        let names = if is_same { names } else { now.leak() };
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
        Ok(Self { pem: pem.to_vec(), verifier: verifier.map_err(|error| error.to_string())?, names })
    }
}

impl Callers {
    /// The replacement, if `pem` holds something else.
    fn other(&self, pem: &[u8]) -> Result<Option<ClientAuthorities>, String> {
        let now = self.0.load();
        if now.pem == pem { Ok(None) } else { ClientAuthorities::new(pem, now.names).map(Some) }
    }
}

impl ResolvesServerCert for OwnCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl ClientCertVerifier for Callers {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.load().names
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.0.load().verifier.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.load().verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.load().verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.load().verifier.supported_verify_schemes()
    }
}

impl Sessions {
    fn forget(&self) {
        let sessions: Arc<dyn StoresServerSessions> = ServerSessionMemoryCache::new(SESSIONS);
        self.0.store(Arc::new(sessions));
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.0.load().put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.load().get(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.load().take(key)
    }

    fn can_cache(&self) -> bool {
        self.0.load().can_cache()
    }
}
