//! Shakes hands with the SMSP and hangs up: is it there, and does it accept our certificate? Never sends a query.

use super::Connection;
use super::client::ClientError;
use super::tls::{self, Handshakes};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A server that refuses our certificate says so only after the handshake of TLS 1.3 (decisions.md 31).
const LISTEN_FOR_REFUSAL: Duration = Duration::from_millis(500);

/// What a probe needs, made once.
#[derive(Clone)]
pub struct Probe {
    config: Arc<ClientConfig>,
    host: String,
    port: u16,
    limit: Duration,
}

impl Probe {
    /// # Errors
    /// [`ClientError`] where certificates or the URL cannot be used.
    pub fn new(connection: &Connection, url: &str) -> Result<Self, ClientError> {
        let config = Arc::new(tls::config(connection, &Handshakes::default())?);
        let url = url::Url::parse(url).map_err(|_| ClientError::Url)?;
        let host = url.host_str().ok_or(ClientError::Url)?.trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        Ok(Self { config, host, port, limit: connection.connect_timeout })
    }

    /// Resolves, connects, completes TLS and listens for a refusal.
    ///
    /// # Errors
    /// A short reason, without address, name or certificate content.
    pub async fn shake_hands(&self) -> Result<(), String> {
        let connecting = async {
            let tcp = TcpStream::connect((self.host.as_str(), self.port))
                .await
                .map_err(|error| format!("no connection ({})", error.kind()))?;
            let name = ServerName::try_from(self.host.clone()).map_err(|_| "the host name cannot be checked".to_owned())?;
            TlsConnector::from(Arc::clone(&self.config)).connect(name, tcp).await.map_err(|error| reason(&error))
        };
        let mut stream = tokio::time::timeout(self.limit, connecting).await.map_err(|_| "no connection in time".to_owned())??;
        match tokio::time::timeout(LISTEN_FOR_REFUSAL, stream.read_u8()).await {
            Err(_still_open) => Ok(()),
            Ok(Ok(_)) => Err("the server spoke first".to_owned()),
            Ok(Err(error)) => Err(format!("refused after the handshake: {}", reason(&error))),
        }
    }
}

fn reason(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => tls::cause(error),
        None if error.kind() == ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        None => format!("TLS failed ({})", error.kind()),
    }
}
