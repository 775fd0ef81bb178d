//! `check --ready`: only asks a running service. A container's health check runs it every few seconds, so it uses one thread and no
//! telemetry.

mod pinned;

use crate::commands::{CommandError, environment, say};
use crate::settings::{self, Listener, Listeners};
use pinned::Trust;
use rustls::pki_types::ServerName;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use url::Url;

/// Limit for everything. Container runtimes allow a health check five seconds.
const LIMIT: Duration = Duration::from_secs(4);

/// What to ask, and whom to trust.
#[derive(Debug, Clone)]
enum HealthProbe {
    /// `GET` of this URL.
    Get { url: Url, trust: Trust },
    /// Only a TLS handshake: the listener requires a client certificate, and a health check has none.
    Handshake { address: SocketAddr, trust: Trust },
}

/// Prints one line. 0: ready; 1: anything else, even wrong settings, since container runtimes reserve 2.
///
/// # Errors
/// [`CommandError::Failed`] if no runtime can be started.
pub fn run(config: Option<&Path>, admin: Option<&str>) -> Result<ExitCode, CommandError> {
    let failed = |error: std::io::Error| CommandError::Failed(format!("the health check cannot start: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let answer = match probe(config, admin) {
        Err(problem) => Err(problem),
        Ok(probe) => runtime.block_on(async {
            tokio::time::timeout(LIMIT, send(&probe)).await.unwrap_or_else(|_| Err(format!("no answer within {LIMIT:?}")))
        }),
    };
    // Does not wait: a name resolution under way cannot be cancelled.
    runtime.shutdown_background();
    let (word, text, code) = match answer {
        Ok(text) => ("ready", text, ExitCode::SUCCESS),
        Err(text) => ("NOT READY", text, ExitCode::FAILURE),
    };
    say(&format!("{word}: {text}"));
    Ok(code)
}

fn probe(config: Option<&Path>, admin: Option<&str>) -> Result<HealthProbe, String> {
    let listeners = settings::load_listeners(config, environment());
    match admin {
        // The settings only provide the certificate to trust, and are optional.
        Some(url) => of_url(url, listeners.ok().as_ref()),
        None => of_listeners(&listeners.map_err(|error| error.to_string().replace('\n', " "))?),
    }
}

fn of_url(text: &str, listeners: Option<&Listeners>) -> Result<HealthProbe, String> {
    let wanted = "--admin: wanted a URL such as http://127.0.0.1:9090";
    let url = Url::parse(&format!("{}/health/ready", text.trim_end_matches('/'))).map_err(|_| wanted)?;
    let trust = match (url.scheme(), listeners.and_then(|listeners| listeners.admin.cert_pem.as_deref())) {
        ("http", _) => Trust::Nobody,
        ("https", Some(pem)) => Trust::only(pem)?,
        ("https", None) => Trust::System,
        _ => return Err(wanted.to_owned()),
    };
    Ok(HealthProbe::Get { url, trust })
}

/// The admin listener, or the public one if only that accepts callers without a certificate. Both have the health endpoint.
fn of_listeners(Listeners { server, admin }: &Listeners) -> Result<HealthProbe, String> {
    let open = [admin, server].into_iter().find(|listener| !listener.wants_certificate);
    let Listener { address, is_tls, cert_pem, .. } = open.unwrap_or(admin);
    if address.port() == 0 {
        return Err("the port in the settings is 0; name the listener with --admin".to_owned());
    }
    let address = SocketAddr::new(near(address.ip()), address.port());
    let trust = if *is_tls { Trust::here(cert_pem.as_deref()) } else { Trust::Nobody };
    if open.is_none() {
        return Ok(HealthProbe::Handshake { address, trust });
    }
    let scheme = if *is_tls { "https" } else { "http" };
    let url = Url::parse(&format!("{scheme}://{address}/health/ready")).map_err(|_| "the address of the listener is no URL")?;
    Ok(HealthProbe::Get { url, trust })
}

/// The loopback address for a listener on all addresses.
fn near(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

async fn send(probe: &HealthProbe) -> Result<String, String> {
    match probe {
        HealthProbe::Get { url, trust } => get(url, trust).await,
        HealthProbe::Handshake { address, trust } => handshake(*address, trust).await,
    }
}

async fn get(url: &Url, trust: &Trust) -> Result<String, String> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(trust.config()?)
        .no_proxy()
        .referer(false)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|_| "the HTTP client cannot be set up")?;
    let asked = client.get(url.clone()).send().await;
    let status = asked
        .map_err(|error| format!("{url}: {}", if error.is_connect() { cause(&error) } else { "no answer".to_owned() }))?
        .status();
    match status.as_u16() {
        200 => Ok(format!("{url}{}", trust.remark())),
        503 => Err(format!("{url}: the service is stopping (HTTP 503)")),
        other => Err(format!("{url}: HTTP {other}, so something else answers there")),
    }
}

/// Why there is no connection: the innermost error, which names at most the address.
fn cause(error: &reqwest::Error) -> String {
    let mut source: &dyn std::error::Error = error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    format!("no connection ({source})")
}

/// With TLS 1.3 the server has sent its certificate before it notices that ours is absent.
async fn handshake(address: SocketAddr, trust: &Trust) -> Result<String, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| format!("{address}: no connection ({})", error.kind()))?;
    let config = Arc::new(trust.config()?);
    let shaken = tokio_rustls::TlsConnector::from(config).connect(ServerName::from(address.ip()), stream).await;
    shaken.map_err(|error| format!("{address}: {error}"))?;
    Ok(format!("{address} is there; it requires a client certificate, so only the TLS handshake was tried{}", trust.remark()))
}

#[cfg(test)]
mod tests;
