//! An SMSP for rehearsal: the provider's side of wire.md over real mutual TLS, with scenarios and faults.
//!
//! It checks every request against the contract, keeps an access history for each child, counts the notifications that the real CP-IS
//! would have sent, and breaks connections in every way that a network can. All its children are invented.

pub mod answer;
pub mod certificates;
mod contract;
mod control;
mod history;
mod http;
mod provider;
mod reply;
pub mod scenario;
mod server;
mod tree;

use provider::Provider;
use scenario::Scenario;
use std::{io, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, task::JoinHandle};

/// What a simulator needs to start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Port 0 takes any free port.
    pub listen: SocketAddr,
    /// The address of the control port, which shows the counts; loopback only.
    pub control_listen: Option<SocketAddr>,
    pub tls: Tls,
    pub scenario: Scenario,
}

/// PEM texts of the provider's side of mutual TLS.
#[derive(Clone)]
pub struct Tls {
    /// The chain, leaf first.
    pub cert_pem: Vec<u8>,
    /// PKCS#8, PKCS#1 or SEC1.
    pub key_pem: Vec<u8>,
    /// The CAs of client certificates. Every client needs a certificate.
    pub client_ca_pem: Vec<u8>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(..)")
    }
}

/// Why a simulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {cause}")]
    Listen { address: SocketAddr, cause: io::Error },
    #[error("the control port must be on loopback, not on {0}")]
    ControlNotOnLoopback(SocketAddr),
    #[error("{what} cannot be read as PEM")]
    Pem { what: &'static str },
    #[error("the TLS settings are refused: {0}")]
    Tls(#[from] rustls::Error),
    #[error("the client CA is refused: {0}")]
    ClientCa(#[from] rustls::server::VerifierBuilderError),
}

/// The counts since the start or the last reset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// TLS sessions with an accepted client certificate.
    pub connections: u64,
    /// Complete HTTP requests.
    pub requests: u64,
    /// Queries that reached CP-IS: accepted, valid and passed on.
    pub queries: u64,
    /// The queries among them about a child with a record: one each, for any number of authorities.
    pub notifications: u64,
}

/// A running simulator. Dropping it stops it; [`Simulator::stop`] also waits until it has stopped.
pub struct Simulator {
    address: SocketAddr,
    control_address: Option<SocketAddr>,
    provider: Arc<Provider>,
    tasks: Vec<JoinHandle<()>>,
}

impl Simulator {
    /// Starts listening on the current tokio runtime.
    ///
    /// # Errors
    /// [`StartError`]; then nothing keeps running.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        if let Some(control) = config.control_listen.filter(|control| !control.ip().is_loopback()) {
            return Err(StartError::ControlNotOnLoopback(control));
        }
        let acceptor = server::acceptor(&config.tls)?;
        let (listener, address) = listen(config.listen).await?;
        let control = match config.control_listen {
            Some(control) => Some(listen(control).await?),
            None => None,
        };
        let provider = Arc::new(Provider::new(config.scenario));
        let mut tasks = vec![tokio::spawn(server::serve(listener, acceptor, Arc::clone(&provider)))];
        let control_address = control.as_ref().map(|(_, address)| *address);
        if let Some((listener, _)) = control {
            tasks.push(tokio::spawn(control::serve(listener, Arc::clone(&provider))));
        }
        Ok(Self { address, control_address, provider, tasks })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of its control port, if it has one.
    #[must_use]
    pub fn control_address(&self) -> Option<SocketAddr> {
        self.control_address
    }

    /// The endpoint, for `smsp.url`: `https://localhost:PORT/smsp/cpis`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}{}", self.address.port(), provider::PATH)
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        self.provider.counts()
    }

    /// The `wsa:MessageID`s of the queries that CP-IS received, oldest first. A client's trail must have all of them.
    #[must_use]
    pub fn message_ids(&self) -> Vec<String> {
        self.provider.message_ids()
    }

    /// Closes every connection and waits until all tasks have ended.
    pub async fn stop(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            // The abort itself is the expected error.
            let _aborted = task.await;
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |cause| StartError::Listen { address, cause };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
