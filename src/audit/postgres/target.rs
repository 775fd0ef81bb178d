//! Where the database is, and how it is reached safely.
//!
//! By default TLS, with the certificate and the host name verified; `sslmode=require`, `verify-ca` and `verify-full` all mean
//! that. Without `sslmode`, TLS is omitted only if nothing leaves the machine (loopback, Unix socket). `sslmode=disable` is
//! obeyed with a warning: a mesh may encrypt. `allow` and `prefer` are refused: an eavesdropper can force them to fall back.

use super::fault::{fault, other};
use crate::audit::StoreError;
use crate::secret::StoreUrl;
use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, Connection, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A database and how to reach it. Holds a password: no `Debug`. Open connections continue after a renewal.
pub struct Target(ArcSwap<ConnectionConfig>);

struct ConnectionConfig {
    config: Config,
    /// `None`: without TLS.
    tls: Option<MakeRustlsConnect>,
}

/// A connection's other half, which must be driven.
pub(super) type Wire = BoxFuture<'static, ()>;

/// For one address.
const CONNECT: Duration = Duration::from_secs(3);
/// A peer that disappears is noticed within about 20 s, even while nothing is sent.
const IDLE: Duration = Duration::from_secs(10);
const PROBE: Duration = Duration::from_secs(3);
const PROBES: u32 = 3;

impl ConnectionConfig {
    fn new(url: &StoreUrl, ca_pem: Option<&[u8]>) -> Result<Self, StoreError> {
        let (url, mode) = take_ssl_mode(url.expose());
        let mut config: Config =
            url.parse().map_err(|_| other("the URL has an option that is not known, or a value that cannot be read"))?;
        if config.get_user().is_none_or(str::is_empty) {
            return Err(other("the URL names no user"));
        }
        if config.get_hosts().is_empty() {
            return Err(other("the URL names no host"));
        }
        if config.get_application_name().is_none() {
            config.application_name(concat!("cpis-fhir/", env!("CARGO_PKG_VERSION")));
        }
        config.connect_timeout(CONNECT).tcp_user_timeout(IDLE);
        config.keepalives_idle(IDLE).keepalives_interval(PROBE).keepalives_retries(PROBES);
        let is_near = config.get_hosts().iter().all(is_near);
        let tls = match mode.as_deref() {
            None if is_near => None,
            Some("disable") => {
                if !is_near {
                    tracing::warn!(
                        target: "cpis_fhir::trail",
                        "sslmode=disable: what goes to the trail's database can be read and changed on the way"
                    );
                }
                None
            }
            None | Some("require" | "verify-ca" | "verify-full") => Some(tls(ca_pem)?),
            Some("allow" | "prefer") => {
                return Err(other("sslmode=allow and prefer protect nothing; wanted verify-full, or disable"));
            }
            Some(_) => return Err(other("the URL's sslmode is not known; wanted verify-full, or disable")),
        };
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        Ok(Self { config, tls })
    }
}

impl Target {
    /// # Errors
    /// `Other` when the URL or the CAs cannot be used. No error holds a part of the URL.
    pub fn new(url: &StoreUrl, ca_pem: Option<&[u8]>) -> Result<Self, StoreError> {
        Ok(Self(ArcSwap::from_pointee(ConnectionConfig::new(url, ca_pem)?)))
    }

    /// Uses this for every new connection.
    ///
    /// # Errors
    /// As [`Target::new`]; then nothing changes.
    pub fn renew(&self, url: &StoreUrl, ca_pem: Option<&[u8]>) -> Result<(), StoreError> {
        self.0.store(Arc::new(ConnectionConfig::new(url, ca_pem)?));
        Ok(())
    }

    /// Connects; if there are several addresses and `writes`, to one that takes writes.
    pub(super) async fn connect(&self, writes: bool) -> Result<(Client, Wire), StoreError> {
        let way = self.0.load_full();
        let mut config = way.config.clone();
        if writes {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        match &way.tls {
            None => config.connect(NoTls).await.map(|(client, wire)| (client, run(wire))),
            Some(tls) => config.connect(tls.clone()).await.map(|(client, wire)| (client, run(wire))),
        }
        .map_err(|error| fault(&error))
    }
}

fn run<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(wire: Connection<Socket, T>) -> Wire {
    Box::pin(async move {
        if let Err(error) = wire.await {
            tracing::debug!(target: "cpis_fhir::trail", error = %fault(&error), "a connection to the trail's database ended");
        }
    })
}

/// The URL without `sslmode`, of which the client knows only some values, and the value.
fn take_ssl_mode(url: &str) -> (String, Option<String>) {
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let mut mode = None;
    let mut rest = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value.to_owned()),
            _ => rest.push(pair),
        }
    }
    if rest.is_empty() { (base.to_owned(), mode) } else { (format!("{base}?{}", rest.join("&")), mode) }
}

fn is_near(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        Host::Unix(_) => true,
    }
}

fn tls(ca_pem: Option<&[u8]>) -> Result<MakeRustlsConnect, StoreError> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| other(format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots(ca_pem)?)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn roots(ca_pem: Option<&[u8]>) -> Result<RootCertStore, StoreError> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = ca_pem {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| other("the CAs of the database cannot be read as PEM"))?;
            roots.add(certificate).map_err(|_| other("a certificate among the CAs of the database is not one that can sign"))?;
        }
    } else {
        // Some files of the system's store may be broken; the readable ones are used.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() { Err(other("there is no CA for the certificate of the database")) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    fn target(url: &str) -> Result<Target, StoreError> {
        let ca = crate::simulator::certificates::Certificates::generate("x").unwrap().ca_pem;
        Target::new(&StoreUrl::new(Url::parse(url).unwrap()), Some(ca.as_bytes()))
    }

    fn has_tls(url: &str) -> bool {
        let way = target(url).unwrap().0.load_full();
        assert_eq!(way.config.get_ssl_mode() == SslMode::Require, way.tls.is_some());
        way.tls.is_some()
    }

    #[test]
    fn tls_is_left_out_on_this_machine_or_when_the_url_says_so() {
        for near in ["127.0.0.1:5432", "localhost", "[::1]", "%2Fvar%2Frun%2Fpostgresql"] {
            assert!(!has_tls(&format!("postgres://u:p@{near}/db")), "{near}");
        }
        assert!(!has_tls("postgres://u:p@db.example/db?sslmode=disable"));
    }

    #[test]
    fn tls_is_the_rule_and_every_word_for_it_is_known() {
        assert!(has_tls("postgres://u:p@db.example/db"));
        for mode in ["require", "verify-ca", "verify-full"] {
            assert!(has_tls(&format!("postgres://u:p@127.0.0.1/db?connect_timeout=2&sslmode={mode}&application_name=x")));
        }
    }

    #[test]
    fn a_url_that_cannot_be_used_is_refused_without_showing_it() {
        for (url, problem) in [
            ("postgres://u:hunter2@h/db?sslmode=prefer", "sslmode=allow and prefer protect nothing"),
            ("postgres://u:hunter2@h/db?sslmode=hunter2", "the URL's sslmode is not known"),
            ("postgres://u:hunter2@h/db?hunter2=1", "the URL has an option that is not known"),
            ("postgres://h/db", "the URL names no user"),
            ("postgres://:hunter2@h/db", "the URL names no user"),
        ] {
            let error = target(url).err().unwrap().to_string();
            assert!(error.contains(problem) && !error.contains("hunter2"), "{url}: {error}");
        }
    }
}
