//! A real OIDC issuer on loopback: discovery, a key set, keys that it can rotate, and everything that can go wrong with one.

#![allow(clippy::needless_pass_by_value, reason = "claims are written where they are used")]

use super::trail::TrailFolder;
use super::{TestApp, loopback};
use cpis_fhir::simulator::certificates::Certificates;
use cpis_fhir::simulator::scenario::Scenario;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::KeyPair;
use serde_json::{Map, Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

pub const AUDIENCE: &str = "cpis-fhir";

/// How the issuer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Well,
    /// HTTP 500.
    Broken,
    /// Nothing for a minute.
    Slow,
    /// HTTP 200 and a web page: [`Issuer::garble`] says which.
    Garbage,
    /// HTTP 200 and ten megabytes.
    Endless,
    /// To another place.
    Redirecting,
    /// Hangs up at once.
    Away,
}

/// A key of the issuer.
#[derive(Clone)]
pub struct Key {
    pub id: String,
    pub algorithm: Algorithm,
    pub private: EncodingKey,
    /// As published.
    pub public: Value,
}

pub struct Issuer {
    /// Also its `iss`.
    pub url: String,
    shared: Arc<Shared>,
    /// Key files and, with TLS, the issuer's CA.
    folder: tempfile::TempDir,
    ca: Option<String>,
}

struct Shared {
    url: Mutex<String>,
    mood: Mutex<Mood>,
    /// The last one signs.
    keys: Mutex<Vec<Key>>,
    further: Mutex<Vec<Value>>,
    configuration: Mutex<Map<String, Value>>,
    discoveries: AtomicU64,
    key_sets: AtomicU64,
    others: AtomicU64,
    page: Mutex<String>,
    heads: Mutex<Vec<u8>>,
}

impl Key {
    pub fn new(id: &str, algorithm: Algorithm) -> Self {
        let kind = match algorithm {
            Algorithm::ES256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Algorithm::ES384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Algorithm::EdDSA => &rcgen::PKCS_ED25519,
            _ => &rcgen::PKCS_RSA_SHA256,
        };
        let pair = KeyPair::generate_for(kind).unwrap();
        let pem = pair.serialize_pem();
        let (private, mut public) = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 => {
                let (x, y) = pair.public_key_raw()[1..].split_at((pair.public_key_raw().len() - 1) / 2);
                let curve = if algorithm == Algorithm::ES256 { "P-256" } else { "P-384" };
                let public = json!({"kty": "EC", "crv": curve, "x": base64(x), "y": base64(y)});
                (EncodingKey::from_ec_der(&pair.serialize_der()), public)
            }
            Algorithm::EdDSA => {
                let public = json!({"kty": "OKP", "crv": "Ed25519", "x": base64(pair.public_key_raw())});
                (EncodingKey::from_ed_der(&pair.serialize_der()), public)
            }
            _ => {
                let private = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
                let public = serde_json::to_value(Jwk::from_encoding_key(&private, algorithm).unwrap()).unwrap();
                (private, public)
            }
        };
        public["kid"] = json!(id);
        public["use"] = json!("sig");
        public["alg"] = json!(algorithm);
        Self { id: id.to_owned(), algorithm, private, public }
    }

    /// A token with these claims, signed, its header changed by `change`.
    pub fn sign(&self, claims: &Value, change: impl FnOnce(&mut Header)) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.clone());
        change(&mut header);
        encode(&header, claims, &self.private).unwrap()
    }
}

pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

impl Issuer {
    /// Over plain HTTP, with one ES256 key.
    pub async fn start() -> Self {
        Self::with_key(Algorithm::ES256).await
    }

    pub async fn with_key(algorithm: Algorithm) -> Self {
        Self::open(algorithm, None).await
    }

    /// Over TLS, with a certificate of a CA of its own.
    pub async fn start_tls() -> Self {
        Self::open(Algorithm::ES256, Some(Certificates::generate("nobody").unwrap())).await
    }

    async fn open(algorithm: Algorithm, certificates: Option<Certificates>) -> Self {
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let scheme = if certificates.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            url: Mutex::new(url.clone()),
            mood: Mutex::new(Mood::Well),
            keys: Mutex::new(vec![Key::new("key-0", algorithm)]),
            further: Mutex::default(),
            configuration: Mutex::default(),
            discoveries: AtomicU64::new(0),
            key_sets: AtomicU64::new(0),
            others: AtomicU64::new(0),
            page: Mutex::new("<html>Sign in to the ward network</html>".to_owned()),
            heads: Mutex::default(),
        });
        let folder = tempfile::tempdir().unwrap();
        for (name, byte) in [("id.key", "1a"), ("chain.key", "2b"), ("encryption.key", "3c")] {
            std::fs::write(folder.path().join(name), byte.repeat(32)).unwrap();
        }
        let ca = certificates.as_ref().map(|certificates| {
            let path = folder.path().join("issuer-ca.pem");
            std::fs::write(&path, &certificates.ca_pem).unwrap();
            path.display().to_string()
        });
        tokio::spawn(serve(listener, Arc::clone(&shared), certificates.map(|certificates| acceptor(&certificates, None))));
        Self { url, shared, folder, ca }
    }

    /// Claims of a doctor of RX1 who may look, good for five minutes.
    pub fn claims(&self) -> Value {
        json!({
            "iss": self.url, "aud": AUDIENCE, "exp": now() + 300, "iat": now(), "sub": "dr-example", "azp": "the-epr",
            "given_name": "Asha", "family_name": "Example", "role_code": "S0010:G0020:R0050", "role_name": "Consultant",
            "activities": ["B0107", "B0011"], "org": "RX1", "org_name": "Example University Hospitals NHS Trust",
        })
    }

    /// A token of [`Issuer::claims`] with `claims` put over them; null takes one away.
    pub fn token(&self, claims: Value) -> String {
        self.key().sign(&self.with(claims), |_| {})
    }

    /// A doctor's token.
    pub fn good(&self) -> String {
        self.token(json!({}))
    }

    pub fn with(&self, claims: Value) -> Value {
        let mut all = self.claims();
        for (name, value) in claims.as_object().unwrap() {
            if value.is_null() {
                all.as_object_mut().unwrap().remove(name);
            } else {
                all[name] = value.clone();
            }
        }
        all
    }

    /// The key that signs.
    pub fn key(&self) -> Key {
        self.shared.keys.lock().unwrap().last().unwrap().clone()
    }

    /// A new key signs; the earlier ones are still published.
    pub fn rotate(&self) {
        let mut keys = self.shared.keys.lock().unwrap();
        let algorithm = keys.last().unwrap().algorithm;
        let id = format!("key-{}", keys.len());
        keys.push(Key::new(&id, algorithm));
    }

    /// Only the key that signs is published any more.
    pub fn withdraw_old_keys(&self) {
        let mut keys = self.shared.keys.lock().unwrap();
        let last = keys.len() - 1;
        keys.drain(..last);
    }

    /// Published with the issuer's own keys.
    pub fn publish_too(&self, key: Value) {
        self.shared.further.lock().unwrap().push(key);
    }

    /// Put over the members of its OpenID configuration.
    pub fn configure(&self, name: &str, value: Value) {
        self.shared.configuration.lock().unwrap().insert(name.to_owned(), value);
    }

    pub fn be(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
    }

    /// What it answers in [`Mood::Garbage`].
    pub fn garble(&self, page: &str) {
        page.clone_into(&mut self.shared.page.lock().unwrap());
    }

    /// Every request that came, as it came.
    pub fn heads(&self) -> Vec<u8> {
        self.shared.heads.lock().unwrap().clone()
    }

    /// How often its keys have been asked for.
    pub fn key_sets(&self) -> u64 {
        self.shared.key_sets.load(Ordering::SeqCst)
    }

    pub fn discoveries(&self) -> u64 {
        self.shared.discoveries.load(Ordering::SeqCst)
    }

    /// How often anything else has been asked for.
    pub fn others(&self) -> u64 {
        self.shared.others.load(Ordering::SeqCst)
    }

    /// One item of `access.issuers`, with `further` members.
    pub fn as_setting(&self, further: &Value) -> Value {
        let mut setting = json!({
            "issuer": self.url, "audience": [AUDIENCE],
            "algorithms": ["RS256", "PS384", "ES256", "ES384", "EdDSA"],
            "claims": {"role_code": "role_code", "role_name": "role_name", "activities": "activities", "sds_user_id": "sds",
                       "role_profile_id": "profile", "organisation_ods": "org", "organisation_name": "org_name"},
        });
        if let Some(ca) = &self.ca {
            setting["ca"] = json!(ca);
        }
        for (name, value) in further.as_object().unwrap() {
            setting[name] = value.clone();
        }
        setting
    }

    /// Settings of a service for real use that believes this issuer's tokens; more keys may follow.
    pub fn settings(&self) -> Vec<(String, String)> {
        self.settings_with(&json!({}))
    }

    pub fn settings_with(&self, further: &Value) -> Vec<(String, String)> {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        [
            ("ACCESS__MODES", "bearer".to_owned()),
            ("ACCESS__ISSUERS", json!([self.as_setting(further)]).to_string()),
            ("SMSP__ASID", "200000000115".to_owned()),
            ("FHIR__ID_KEY_FILE", file("id.key")),
            ("AUDIT__CHAIN_KEY_FILE", file("chain.key")),
            ("AUDIT__ENCRYPTION_KEY_FILE", file("encryption.key")),
            ("LIMITS__REQUESTS_PER_SECOND", "100000".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .to_vec()
    }

    /// A [`TestApp`] whose service believes this issuer's tokens.
    pub async fn app(&self) -> TestApp {
        self.app_with(&json!({}), &[]).await
    }

    /// The same, with `further` members of the issuer's setting and more settings.
    pub async fn app_with(&self, further: &Value, settings: &[(&str, &str)]) -> TestApp {
        let own = self.settings_with(further);
        let all: Vec<(&str, &str)> =
            own.iter().map(|(key, value)| (key.as_str(), value.as_str())).chain(settings.iter().copied()).collect();
        TestApp::with_scenario(Scenario::built_in(), &all).await
    }

    /// The same, with its trail where it can be read.
    pub async fn app_on(&self, trail: &TrailFolder) -> TestApp {
        let settings = trail.settings();
        let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        self.app_with(&json!({}), &settings).await
    }

    /// Where the key files and the CA are, and room for more.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

/// `Authorization` for a token.
pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// With `client_ca_pem`, only clients of that CA get in.
pub fn acceptor(certificates: &Certificates, client_ca_pem: Option<&str>) -> tokio_rustls::TlsAcceptor {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::server::WebPkiClientVerifier;
    let chain = |pem: &str| CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(certificates.server_key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let clients = match client_ca_pem {
        None => WebPkiClientVerifier::no_client_auth(),
        Some(pem) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add_parsable_certificates(chain(pem));
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap()
        }
    };
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_client_cert_verifier(clients).with_single_cert(chain(&certificates.server_cert_pem), key).unwrap();
    Arc::new(config).into()
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, tls: Option<tokio_rustls::TlsAcceptor>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => answer(stream, &shared).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        answer(stream, &shared).await;
                    }
                }
            }
        });
    }
}

/// One request a connection.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut piece).await {
            Ok(read @ 1..) => head.extend_from_slice(&piece[..read]),
            _ => return,
        }
    }
    shared.heads.lock().unwrap().extend_from_slice(&head);
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let count = match path {
        "/.well-known/openid-configuration" => &shared.discoveries,
        "/jwks" => &shared.key_sets,
        _ => &shared.others,
    };
    count.fetch_add(1, Ordering::SeqCst);
    let mood = *shared.mood.lock().unwrap();
    let (status, extra, body) = match mood {
        Mood::Well => ("200 OK", "", shared.document(path)),
        Mood::Broken => ("500 Internal Server Error", "", "{\"keys\": []}".to_owned()),
        Mood::Garbage => ("200 OK", "", shared.page.lock().unwrap().clone()),
        Mood::Endless => ("200 OK", "", format!("{{\"keys\": [\"{}\"]}}", "x".repeat(10 << 20))),
        Mood::Redirecting => ("302 Found", "Location: /elsewhere\r\n", String::new()),
        Mood::Slow => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            return;
        }
        Mood::Away => return,
    };
    let reply = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{extra}Connection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(reply.as_bytes()).await;
    let _ = stream.shutdown().await;
}

impl Shared {
    fn document(&self, path: &str) -> String {
        if path == "/jwks" {
            let mut keys: Vec<Value> = self.keys.lock().unwrap().iter().map(|key| key.public.clone()).collect();
            keys.extend(self.further.lock().unwrap().iter().cloned());
            return json!({"keys": keys}).to_string();
        }
        let url = self.url.lock().unwrap().clone();
        let mut document = json!({
            "issuer": url, "jwks_uri": format!("{url}/jwks"), "token_endpoint": format!("{url}/token"),
            "authorization_endpoint": format!("{url}/authorize"), "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"],
        });
        for (name, value) in self.configuration.lock().unwrap().iter() {
            document[name] = value.clone();
        }
        document.to_string()
    }
}
