//! The steps of a probe: name resolution, TCP, TLS, and whether the SMSP accepts our certificate.

use super::SmspProbe;
use crate::smsp::{tcp, tls};
use crate::upstream;
use rustls::pki_types::ServerName;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Under TLS 1.3 a server refuses our certificate only after the handshake (decisions.md 31).
pub const LISTEN_FOR_REFUSAL: Duration = Duration::from_millis(500);

/// The most likely cause of an alert that comes before the server requested our certificate.
const NO_CIPHER_IN_COMMON: &str = "no cipher suite in common (TLS 1.2/1.3 with forward-secret AEAD is needed)";

/// The results of a probe. Each step runs only if the one before it succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeSteps {
    /// The addresses of the host name.
    pub names: Result<Vec<SocketAddr>, &'static str>,
    /// The address that accepted the connection, or why none did.
    pub tcp: Option<Result<SocketAddr, String>>,
    pub tls: Option<Result<TlsSession, TlsFault>>,
}

/// A TLS session that the server kept open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSession {
    /// For example `TLS 1.3`.
    pub version: &'static str,
    /// For example `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// The server's leaf certificate, DER.
    pub certificate: Vec<u8>,
}

/// Why there is no TLS session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFault {
    /// A few words, without any name or certificate.
    pub cause: String,
    pub blame: Blame,
}

/// Whose certificate was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The server refused ours, or closed the connection after it received it.
    Ours,
    /// We refused the server's.
    Theirs,
    Unknown,
}

impl ProbeSteps {
    /// Success, or why the SMSP cannot be asked.
    ///
    /// # Errors
    /// A short reason without address, name or certificate content.
    pub(super) fn summary(self) -> Result<(), String> {
        self.names?;
        match (self.tcp, self.tls) {
            (Some(Err(cause)), _) => Err(cause),
            (_, Some(Err(fault))) => Err(fault.cause),
            _ => Ok(()),
        }
    }
}

impl SmspProbe {
    /// Resolves, connects and completes TLS within `limit`, then listens for a refusal for another half second.
    pub async fn steps(&self, limit: Duration) -> ProbeSteps {
        let until = Instant::now() + limit;
        let names = self.resolve(until).await;
        let Ok(addresses) = &names else { return ProbeSteps { names, tcp: None, tls: None } };
        let (tcp, stream) = match connect(addresses, until).await {
            Ok((address, stream)) => (Ok(address), Some(stream)),
            Err(cause) => (Err(cause), None),
        };
        let tls = match stream {
            Some(stream) => Some(self.secure(stream, until).await),
            None => None,
        };
        ProbeSteps { names, tcp: Some(tcp), tls }
    }

    async fn resolve(&self, until: Instant) -> Result<Vec<SocketAddr>, &'static str> {
        let lookup = tcp::resolve(&self.host, self.port);
        let found = timeout_at(until, lookup).await.map_err(|_| "the name is not resolved in time")?;
        found.map_err(|tcp::ResolveError| "the name cannot be resolved")
    }

    async fn secure(&self, stream: TcpStream, until: Instant) -> Result<TlsSession, TlsFault> {
        let other = |cause: &str| TlsFault { cause: cause.to_owned(), blame: Blame::Unknown };
        let name = ServerName::try_from(self.host.clone()).map_err(|_| other("the host name cannot be checked"))?;
        let asked_before = self.handshakes.count();
        let shaking = TlsConnector::from(Arc::clone(&self.config)).connect(name, stream);
        let mut stream = timeout_at(until, shaking)
            .await
            .map_err(|_| other("no TLS handshake in time"))?
            .map_err(|error| self.before_our_certificate(fault(&error, Blame::Unknown), asked_before))?;
        match timeout(LISTEN_FOR_REFUSAL, stream.read_u8()).await {
            Err(_still_open) => Ok(session(&stream)),
            Ok(Ok(_)) => Err(other("the server spoke first")),
            Ok(Err(error)) => {
                // The server has received our certificate and nothing else.
                let TlsFault { cause, blame } = fault(&error, Blame::Ours);
                Err(TlsFault { cause: format!("refused after the handshake: {cause}"), blame })
            }
        }
    }
}

impl SmspProbe {
    /// A server that ends the handshake before it requested our certificate did not refuse the certificate.
    fn before_our_certificate(&self, fault: TlsFault, asked_before: u64) -> TlsFault {
        if fault.blame != Blame::Ours || self.handshakes.count() > asked_before {
            return fault;
        }
        let hint = "before our certificate was asked for";
        let cause = format!("{NO_CIPHER_IN_COMMON}; {} {hint}", fault.cause);
        TlsFault { cause, blame: Blame::Unknown }
    }
}

async fn connect(addresses: &[SocketAddr], until: Instant) -> Result<(SocketAddr, TcpStream), String> {
    match timeout_at(until, tcp::connect(addresses)).await {
        Ok(connected) => connected.map_err(|error| format!("no connection ({})", error.kind())),
        Err(_) => Err("no connection in time".to_owned()),
    }
}

fn session(stream: &TlsStream<TcpStream>) -> TlsSession {
    let connection = stream.get_ref().1;
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let own = connection.peer_certificates().and_then(|chain| chain.first());
    TlsSession {
        version,
        cipher: suite.unwrap_or("unknown cipher").to_owned(),
        certificate: own.map(|der| der.to_vec()).unwrap_or_default(),
    }
}

/// The meaning of a handshake error; `otherwise` is the blame if it says nothing about a certificate.
fn fault(error: &std::io::Error, otherwise: Blame) -> TlsFault {
    let (cause, blame) = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error @ rustls::Error::AlertReceived(alert)) if tls::refuses_us(*alert) => {
            (upstream::tls_cause(tls::cause(error)), Blame::Ours)
        }
        Some(error @ rustls::Error::InvalidCertificate(_)) => (upstream::tls_cause(tls::cause(error)), Blame::Theirs),
        Some(error) => (upstream::tls_cause(tls::cause(error)), otherwise),
        None if error.kind() == ErrorKind::UnexpectedEof => ("the server closed the connection".to_owned(), otherwise),
        None => (format!("TLS failed ({})", error.kind()), otherwise),
    };
    TlsFault { cause, blame }
}
