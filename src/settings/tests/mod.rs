//! The settings as an operator meets them: a file, variables, and either settings or one message.

mod audit_alone;
mod contradictions;
mod defaults;
mod faults;
mod secrets;
mod sources;

use super::{Settings, SettingsError, load, names};
use crate::access::{ClaimPath, IdentityPart, Issuer};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A folder with everything that a service needs, and the settings that name it.
struct Fixture {
    dir: TempDir,
    /// By key, not by variable.
    settings: BTreeMap<String, String>,
    file: Option<PathBuf>,
}

/// PEM texts that are made once: key generation is slow.
struct Pem {
    ca: String,
    cert: String,
    key: String,
    other_key: String,
}

fn pem() -> &'static Pem {
    static PEM: OnceLock<Pem> = OnceLock::new();
    PEM.get_or_init(|| {
        let ca = authority();
        let key = KeyPair::generate().unwrap();
        let cert = client_params(Some("cpis.example.nhs.uk")).signed_by(&key, &ca).unwrap();
        Pem { ca: ca.pem(), cert: cert.pem(), key: key.serialize_pem(), other_key: KeyPair::generate().unwrap().serialize_pem() }
    })
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Rehearsal CA");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn client_params(common_name: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["cpis.example.nhs.uk".to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(name) = common_name {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    params
}

/// Where the issuer's tokens hold the part.
fn path(issuer: &Issuer, part: IdentityPart) -> Option<&str> {
    issuer.claims[part].as_ref().map(ClaimPath::as_str)
}

/// A key file's line, different for each letter.
fn key_line(letter: char) -> String {
    letter.to_string().repeat(64)
}

impl Fixture {
    /// A service for real use: bearer tokens, every file in its place.
    fn new() -> Self {
        let fixture = Self::bare();
        for (name, letter) in [("chain.key", 'a'), ("encryption.key", 'b'), ("id.key", 'c')] {
            fixture.write(name, &key_line(letter));
        }
        fixture
            .with_path("audit.chain_key_file", "chain.key")
            .with_path("audit.encryption_key_file", "encryption.key")
            .with_path("fhir.id_key_file", "id.key")
            .with("smsp.asid", "200000000001")
            .with("access.issuers[0].issuer", "https://issuer.example")
            .with("access.issuers[0].audience", "cpis-fhir")
    }

    /// A demonstration, without key files.
    fn demo() -> Self {
        Self::bare().with("access.modes", "demo")
    }

    fn bare() -> Self {
        let fixture = Self { dir: TempDir::new().unwrap(), settings: BTreeMap::new(), file: None };
        for (name, text) in [("ca.pem", &pem().ca), ("client.pem", &pem().cert), ("client.key", &pem().key)] {
            fixture.write(name, text);
        }
        let store = format!("sqlite:{}", fixture.path("audit.db").display());
        fixture
            .with("smsp.url", "https://smsp.example/cpis")
            .with_path("smsp.ca", "ca.pem")
            .with_path("smsp.client_cert", "client.pem")
            .with_path("smsp.client_key", "client.key")
            .with("smsp.sender_ods", "X26")
            .with("audit.store", &store)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file that only its owner may read.
    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        set_mode(&self.path(name), 0o600);
    }

    fn with(mut self, key: &str, value: &str) -> Self {
        self.settings.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Names a file of the folder.
    fn with_path(self, key: &str, name: &str) -> Self {
        let path = self.path(name).display().to_string();
        self.with(key, &path)
    }

    /// Writes a file of the folder and names it.
    fn with_file(self, key: &str, name: &str, text: &str) -> Self {
        self.write(name, text);
        self.with_path(key, name)
    }

    fn without(mut self, key: &str) -> Self {
        assert!(self.settings.remove(key).is_some(), "{key} was not set");
        self
    }

    /// A settings file with this text, below the variables.
    fn with_toml(mut self, text: &str) -> Self {
        self.write("cpis.toml", text);
        self.file = Some(self.path("cpis.toml"));
        self
    }

    fn env(&self) -> Vec<(String, String)> {
        self.settings.iter().map(|(key, value)| (names::variable(key), value.clone())).collect()
    }

    fn load(&self) -> Result<Settings, SettingsError> {
        load(self.file.as_deref(), self.env())
    }

    fn settings(&self) -> Settings {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    fn message(&self) -> String {
        self.load().expect_err("faults").to_string()
    }

    /// The only fault.
    fn fault(&self) -> String {
        let message = self.message();
        let lines: Vec<&str> = message.lines().collect();
        assert_eq!(lines[0], "cpis-fhir cannot start: 1 fault in the settings", "{message}");
        assert_eq!(lines.len(), 2, "{message}");
        lines[1].trim_start_matches("- ").to_owned()
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) {}
