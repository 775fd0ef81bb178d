//! `check --ready`: asks a running service, and nothing else. For a container's health check, every few seconds: one thread, no telemetry.

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

/// For all of it. A container's runtime gives a health check five.
const LIMIT: Duration = Duration::from_secs(4);

/// Whom to ask, and how.
#[derive(Debug, Clone)]
enum HealthProbe {
    /// `GET` of this URL.
    Get { url: Url, trust: Trust },
    /// Whether it is there: it lets in nobody without a certificate, and a health check has none.
    Handshake { address: SocketAddr, trust: Trust },
}

/// Prints one line. 0: ready; 1: anything else, also wrong settings, since a container's runtime reserves 2.
///
/// # Errors
/// [`CommandError::Failed`] when the machine gives no runtime.
pub fn run(config: Option<&Path>, admin: Option<&str>) -> Result<ExitCode, CommandError> {
    let failed = |error: std::io::Error| CommandError::Failed(format!("the question cannot be put: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let answer = match probe(config, admin) {
        Err(problem) => Err(problem),
        Ok(probe) => runtime.block_on(async {
            tokio::time::timeout(LIMIT, send(&probe)).await.unwrap_or_else(|_| Err(format!("no answer within {LIMIT:?}")))
        }),
    };
    // Not waited for: a name that is still being resolved cannot be given up.
    runtime.shutdown_background();
    let (word, said, code) = match answer {
        Ok(said) => ("ready", said, ExitCode::SUCCESS),
        Err(said) => ("NOT READY", said, ExitCode::FAILURE),
    };
    say(&format!("{word}: {said}"));
    Ok(code)
}

fn probe(config: Option<&Path>, admin: Option<&str>) -> Result<HealthProbe, String> {
    let listeners = settings::load_listeners(config, environment());
    match admin {
        // The settings help to trust, and need not be there.
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

/// The admin listener, or the public one where only that lets in callers without a certificate: both tell whether the service is ready.
fn of_listeners(Listeners { server, admin }: &Listeners) -> Result<HealthProbe, String> {
    let open = [admin, server].into_iter().find(|listener| !listener.wants_certificate);
    let Listener { address, is_tls, cert_pem, .. } = open.unwrap_or(admin);
    if address.port() == 0 {
        return Err("the settings leave the port open; name the listener with --admin".to_owned());
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

/// Where a listener on every address is found from this machine.
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
        other => Err(format!("{url}: HTTP {other}, so that it is something else that answers there")),
    }
}

/// Why there is no connection: the innermost words, which name no more than the address does.
fn cause(error: &reqwest::Error) -> String {
    let mut source: &dyn std::error::Error = error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    format!("no connection ({source})")
}

/// A server that speaks TLS 1.3 has shown its certificate before it misses ours.
async fn handshake(address: SocketAddr, trust: &Trust) -> Result<String, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| format!("{address}: no connection ({})", error.kind()))?;
    let config = Arc::new(trust.config()?);
    let shaken = tokio_rustls::TlsConnector::from(config).connect(ServerName::from(address.ip()), stream).await;
    shaken.map_err(|error| format!("{address}: {error}"))?;
    Ok(format!("{address} is there; it asks callers for a certificate, so that more could not be asked{}", trust.remark()))
}

#[cfg(test)]
mod tests;
