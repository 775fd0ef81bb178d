//! The way to the SMSP's address, for its queries and for the probe: name, then TCP.

use futures_util::stream::{FuturesUnordered, StreamExt};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

/// How long one address is waited for before the next is tried beside it (RFC 8305).
const HEAD_START: Duration = Duration::from_millis(250);

/// The host name of the SMSP has no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name cannot be resolved")]
pub(super) struct ResolveError;

/// The host of a URL as name resolution and TLS take it.
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

/// The first of the addresses that takes a connection. One that is silent does not hide the others.
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
