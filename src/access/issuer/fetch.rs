//! Fetches an issuer's OpenID configuration and keys: bounded in time and size, without redirects.

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

/// Longest accepted document, in bytes. Key sets have a few kilobytes.
const LONGEST: usize = 256 * 1024;
const CONNECT: Duration = Duration::from_secs(2);
/// For one document, from name resolution to its last byte.
const WHOLE: Duration = Duration::from_secs(3);

/// Fetches an issuer's keys: their location, and the CAs to trust.
pub(in crate::access) struct KeyFetcher {
    issuer: String,
    keys: KeySource,
    trust: ArcSwap<Trust>,
}

/// The CAs that may have signed the issuer's certificate.
struct Trust {
    /// The issuer's own CAs; `None`: the system's.
    authorities: Option<Vec<CertificateDer<'static>>>,
    /// Created on first use, since reading the system's CAs takes a while.
    http: OnceCell<reqwest::Client>,
}

impl Trust {
    fn new(ca_pem: Option<&[u8]>) -> Result<Self, &'static str> {
        let authorities = ca_pem.map(|pem| CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()).transpose();
        let authorities = authorities.map_err(|_| "holds no certificates that can be read")?;
        Ok(Self { authorities, http: OnceCell::new() })
    }
}

/// The documents of one fetch.
pub(in crate::access) struct FetchedKeys {
    pub keys: KeySet,
    /// The OpenID configuration, if the keys are found by discovery.
    pub configuration: Option<serde_json::Value>,
}

impl KeyFetcher {
    /// For the issuer at `at` in the settings.
    pub(in crate::access) fn new(at: usize, issuer: &Issuer) -> Result<Self, AccessError> {
        let trust = Trust::new(issuer.ca_pem.as_deref()).map_err(|reason| AccessError { at, key: "ca", reason })?;
        Ok(Self { issuer: issuer.issuer.clone(), keys: issuer.keys.clone(), trust: ArcSwap::from_pointee(trust) })
    }

    /// From the next fetch on, accepts only servers with a certificate of these CAs; `None`: of the system's CAs.
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

    /// Fetches the keys, and first the OpenID configuration if it names their URL.
    ///
    /// # Errors
    /// The reason, for the log. It contains nothing that the issuer sent.
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

    /// `jwks_uri` of a configuration that names this issuer (OpenID Connect Discovery 4.3).
    fn key_url(&self, discovery: &Url, configuration: &serde_json::Value) -> Result<Url, &'static str> {
        if configuration.get("issuer").and_then(serde_json::Value::as_str) != Some(self.issuer.as_str()) {
            return Err("the OpenID configuration is of another issuer");
        }
        let uri = configuration.get("jwks_uri").and_then(serde_json::Value::as_str);
        let url = uri.and_then(|uri| Url::parse(uri).ok()).ok_or("the OpenID configuration names no keys")?;
        // Plain HTTP only on loopback, and only if the discovery URL uses it too.
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
    // Without any CAs, https fails for each issuer separately, and the log says so.
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

/// Does not use the error's own text: it contains the URL, and may contain what the server sent.
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
