//! Reading an issuer's OpenID configuration and keys: bounded in time and size, never redirected.

use crate::access::AccessError;
use crate::access::keys::KeySet;
use crate::access::{Issuer, KeySource};
use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use url::{Host, Url};

/// Longest document that is read. Key sets have a few kilobytes.
const LONGEST: usize = 256 * 1024;
const CONNECT: Duration = Duration::from_secs(2);
/// For one document, from name resolution to its last byte.
const WHOLE: Duration = Duration::from_secs(3);

/// Where an issuer's keys are, and whom to trust for it.
pub(in crate::access) struct KeyFetcher {
    issuer: String,
    keys: KeySource,
    trust: ArcSwap<Trust>,
}

/// Whom to believe that they are the issuer.
struct Trust {
    /// The issuer's own CAs; without them the system's.
    authorities: Option<Vec<CertificateDer<'static>>>,
    /// Made when it is first needed, since the system's CAs take a while to read.
    http: OnceCell<reqwest::Client>,
}

impl Trust {
    fn new(ca_pem: Option<&[u8]>) -> Result<Self, &'static str> {
        let authorities = ca_pem.map(|pem| CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()).transpose();
        let authorities = authorities.map_err(|_| "holds no certificates that can be read")?;
        Ok(Self { authorities, http: OnceCell::new() })
    }
}

/// What was read.
pub(in crate::access) struct FetchedKeys {
    pub keys: KeySet,
    /// The OpenID configuration, where the keys are found by it.
    pub configuration: Option<serde_json::Value>,
}

impl KeyFetcher {
    /// Of the issuer at `at` in the settings.
    pub(in crate::access) fn new(at: usize, issuer: &Issuer) -> Result<Self, AccessError> {
        let trust = Trust::new(issuer.ca_pem.as_deref()).map_err(|reason| AccessError { at, key: "ca", reason })?;
        Ok(Self { issuer: issuer.issuer.clone(), keys: issuer.keys.clone(), trust: ArcSwap::from_pointee(trust) })
    }

    /// Keys are read from servers that these CAs vouch for, from the next reading on; the system's CAs where there are none.
    ///
    /// # Errors
    /// What is wrong with the bundle.
    pub(super) fn renew(&self, ca_pem: Option<&[u8]>) -> Result<(), &'static str> {
        self.trust.store(Arc::new(Trust::new(ca_pem)?));
        Ok(())
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Reads the keys, and before them the document that says where they are.
    ///
    /// # Errors
    /// Why not, for the log: nothing that the issuer sent.
    pub(in crate::access) async fn read(&self) -> Result<FetchedKeys, &'static str> {
        let trust = self.trust.load_full();
        let http = trust.http.get_or_try_init(|| client(trust.authorities.clone())).await?;
        let (url, configuration) = match &self.keys {
            KeySource::Jwks(url) => (url.clone(), None),
            KeySource::Discovery(url) => {
                let body = get(http, url.clone()).await?;
                let configuration = serde_json::from_slice(&body).map_err(|_| "the OpenID configuration is not JSON")?;
                (self.key_url(url, &configuration)?, Some(configuration))
            }
        };
        let keys = KeySet::parse(&get(http, url).await?)?;
        Ok(FetchedKeys { keys, configuration })
    }

    /// `jwks_uri` of a configuration that is the issuer's own (OpenID Connect Discovery 4.3).
    fn key_url(&self, discovery: &Url, configuration: &serde_json::Value) -> Result<Url, &'static str> {
        if configuration.get("issuer").and_then(serde_json::Value::as_str) != Some(self.issuer.as_str()) {
            return Err("the OpenID configuration is of another issuer");
        }
        let uri = configuration.get("jwks_uri").and_then(serde_json::Value::as_str);
        let url = uri.and_then(|uri| Url::parse(uri).ok()).ok_or("the OpenID configuration names no keys")?;
        // Plain HTTP only on this machine, and only where the settings have begun with it.
        let is_plain_allowed = discovery.scheme() == "http" && url.scheme() == "http" && is_loopback(&url);
        if url.scheme() == "https" || is_plain_allowed {
            Ok(url)
        } else {
            Err("the OpenID configuration names keys at an address that is not https")
        }
    }
}

async fn client(authorities: Option<Vec<CertificateDer<'static>>>) -> Result<reqwest::Client, &'static str> {
    let tls = tokio::task::spawn_blocking(move || tls(authorities)).await.map_err(|_| "TLS cannot be set up")??;
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("cpis-fhir/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .referer(false)
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|_| "the HTTP client cannot be set up")
}

fn tls(authorities: Option<Vec<CertificateDer<'static>>>) -> Result<ClientConfig, &'static str> {
    let mut roots = RootCertStore::empty();
    // Without any, https fails for each issuer by itself, and is told in the log.
    let trusted = authorities.unwrap_or_else(|| rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(trusted);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder.map_err(|_| "TLS cannot be set up")?.with_root_certificates(roots).with_no_client_auth())
}

async fn get(http: &reqwest::Client, url: Url) -> Result<Vec<u8>, &'static str> {
    let mut reply = http.get(url).header("Accept", "application/json").send().await.map_err(|error| cause(&error))?;
    if reply.status().as_u16() != 200 {
        return Err("the issuer answered with an error or a redirect");
    }
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(|error| cause(&error))? {
        if body.len() + chunk.len() > LONGEST {
            return Err("the issuer's document is too long");
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Not the error's own words: they hold the URL, and may hold what the other side sent.
fn cause(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "the issuer does not answer in time"
    } else if error.is_connect() {
        "no connection to the issuer, or its certificate is not trusted"
    } else {
        "the issuer's answer broke off"
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
