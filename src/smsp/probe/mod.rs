//! Checks that the SMSP is reachable and accepts our certificate, by a TLS handshake. Never sends a query.

mod steps;

pub use steps::{Blame, LISTEN_FOR_REFUSAL, ProbeSteps, TlsFault, TlsSession};

use super::client::ClientError;
use super::tls::{self, HandshakeCount};
use super::{ConnectionOptions, tcp};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;

/// The prepared configuration of a probe.
#[derive(Clone)]
pub struct SmspProbe {
    config: Arc<ClientConfig>,
    handshakes: HandshakeCount,
    host: String,
    port: u16,
    limit: Duration,
}

impl SmspProbe {
    /// # Errors
    /// [`ClientError`] if certificates or the URL cannot be used.
    pub fn new(connection: &ConnectionOptions, url: &str) -> Result<Self, ClientError> {
        let handshakes = HandshakeCount::default();
        let config = Arc::new(tls::config(connection, &handshakes)?);
        let url = url::Url::parse(url).map_err(|_| ClientError::Url)?;
        let host = tcp::host(&url).ok_or(ClientError::Url)?;
        Ok(Self { config, handshakes, host, port: tcp::port(&url), limit: connection.connect_timeout })
    }

    /// Resolves, connects, completes TLS and listens for a refusal.
    ///
    /// # Errors
    /// A short reason without address, name or certificate content.
    pub async fn shake_hands(&self) -> Result<(), String> {
        self.steps(self.limit).await.summary()
    }

    /// The host and port that are probed.
    #[must_use]
    pub fn target(&self) -> (&str, u16) {
        (&self.host, self.port)
    }
}
