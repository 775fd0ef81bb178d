//! Name resolution and TCP connections to the SMSP, for queries and for the probe.

use futures_util::stream::{FuturesUnordered, StreamExt};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

/// How long to wait for one address before trying the next in parallel (RFC 8305).
const HEAD_START: Duration = Duration::from_millis(250);

/// The host name of the SMSP has no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name cannot be resolved")]
pub(super) struct ResolveError;

/// The host of a URL in the form for name resolution and TLS.
pub(super) fn host(url: &Url) -> Option<String> {
    url.host_str().map(|host| host.trim_matches(['[', ']']).to_owned())
}

pub(super) fn port(url: &Url) -> u16 {
    url.port_or_known_default().unwrap_or(443)
}

/// Asks the system for the addresses of a name.
pub(super) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
    let found: Vec<_> = tokio::net::lookup_host((host, port)).await.map_err(|_| ResolveError)?.collect();
    if found.is_empty() { Err(ResolveError) } else { Ok(found) }
}

/// Connects to the first address that accepts. A silent address does not block the others.
pub(super) async fn connect(addresses: &[SocketAddr]) -> io::Result<(SocketAddr, TcpStream)> {
    let mut attempts = FuturesUnordered::new();
    let mut untried = addresses.iter();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(&address) = untried.next() {
            attempts.push(async move { TcpStream::connect(address).await.map(|stream| (address, stream)) });
        }
        let patience = if untried.len() > 0 { HEAD_START } else { Duration::MAX };
        match timeout(patience, attempts.next()).await {
            Ok(Some(Ok(connected))) => return Ok(connected),
            Ok(Some(Err(error))) => last = error,
            Ok(None) => return Err(last),
            Err(_silent) => {}
        }
    }
}
