//! A machine on which `check` finds everything right, until a test says otherwise.

use super::issuer::Issuer;
use super::loopback;
use cpis_fhir::simulator::certificates::Certificates;
use cpis_fhir::simulator::scenario::Scenario;
use cpis_fhir::simulator::{Config, Simulator, Tls};
use jiff::{Span, Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

pub struct Fixture {
    pub folder: tempfile::TempDir,
    pub simulator: Simulator,
    pub issuer: Issuer,
    pub certificates: Certificates,
    settings: BTreeMap<String, String>,
}

/// What `check --json` said.
pub struct Checked {
    pub code: i32,
    pub json: Value,
    pub stderr: String,
}

impl Fixture {
    pub async fn well() -> Self {
        Self::with_client(-1, 365).await
    }

    /// With a client certificate that is good for these days, counted from today.
    pub async fn with_client(from: i64, to: i64) -> Self {
        let certificates = certificates(from, to);
        let tls = Tls {
            cert_pem: certificates.server_cert_pem.clone().into_bytes(),
            key_pem: certificates.server_key_pem.clone().into_bytes(),
            client_ca_pem: certificates.ca_pem.clone().into_bytes(),
        };
        let config = Config { listen: loopback(), control_listen: None, tls, scenario: Scenario::built_in() };
        let (simulator, issuer) = (Simulator::start(config).await.unwrap(), Issuer::start().await);
        let folder = tempfile::tempdir().unwrap();
        certificates.write_to(folder.path()).unwrap();
        let mut fixture = Self { folder, simulator, issuer, certificates, settings: BTreeMap::new() };
        fixture.fill();
        fixture
    }

    fn fill(&mut self) {
        let url = self.simulator.url();
        let issuers = json!([self.issuer.as_setting(&json!({}))]).to_string();
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let files = [
            ("SMSP__CA", file("ca.pem")),
            ("SMSP__CLIENT_CERT", file("client.pem")),
            ("SMSP__CLIENT_KEY", file("client-key.pem")),
        ];
        let store = format!("sqlite:{}", file("audit.db"));
        let keys = [("FHIR__ID", "1a"), ("AUDIT__CHAIN", "2b"), ("AUDIT__ENCRYPTION", "3c")];
        for (key, value) in files {
            self.set(key, &value);
        }
        for (key, digits) in keys {
            let path = self.secret(&format!("{}.key", key.to_lowercase()), &digits.repeat(32));
            self.set(&format!("{key}_KEY_FILE"), &path);
        }
        self.set("SMSP__URL", &url).set("SMSP__SENDER_ODS", "RX1").set("SMSP__ASID", "200000000115");
        self.set("ACCESS__MODES", "bearer").set("ACCESS__ISSUERS", &issuers).set("AUDIT__STORE", &store);
        self.set("SERVER__LISTEN", "127.0.0.1:0").set("ADMIN__LISTEN", "127.0.0.1:0");
    }

    pub fn set(&mut self, key: &str, value: &str) -> &mut Self {
        self.settings.insert(key.to_owned(), value.to_owned());
        self
    }

    pub fn keep_only_the_smsp(&mut self) {
        self.settings.retain(|key, _| key.starts_with("SMSP__"));
    }

    /// For a service that runs while the check does.
    pub fn settings(&self) -> Vec<(&str, &str)> {
        self.settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }

    /// A file that only its owner may read. Gives its path.
    pub fn secret(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    pub fn names(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// `cpis-fhir` with these settings, to its end. Whatever it is, CP-IS is asked nothing.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cpis-fhir"));
        command.args(arguments).env_clear().current_dir(self.folder.path());
        for (key, value) in &self.settings {
            command.env(format!("CPIS_FHIR__{key}"), value);
        }
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let counts = self.simulator.counts();
        assert_eq!((counts.requests, counts.queries), (0, 0));
        output
    }

    pub async fn text(&self) -> (i32, String) {
        let output = self.run(&["check", "--timeout", "20s"]).await;
        assert_eq!(text(&output.stderr), "");
        (output.status.code().unwrap(), text(&output.stdout))
    }

    pub async fn check(&self) -> Checked {
        self.check_with(&["--json", "--timeout", "20s"]).await
    }

    pub async fn check_with(&self, arguments: &[&str]) -> Checked {
        let output = self.run(&[&["check"], arguments].concat()).await;
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        let json = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
        Checked { code: output.status.code().unwrap(), json, stderr }
    }
}

impl Checked {
    /// The first finding of `check`.
    pub fn of(&self, check: &str) -> &Value {
        let found = self.json["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == check);
        found.unwrap_or_else(|| panic!("nothing about {check}: {}", self.json))
    }

    pub fn status(&self, check: &str) -> &str {
        self.of(check)["status"].as_str().unwrap()
    }

    pub fn message(&self, check: &str) -> &str {
        self.of(check)["message"].as_str().unwrap()
    }

    /// It failed, for this alone.
    pub fn assert_only_failure(&self, check: &str) {
        let failed: Vec<&Value> =
            self.json["findings"].as_array().unwrap().iter().filter(|finding| finding["status"] == "fail").collect();
        assert!(failed.len() == 1 && failed[0]["check"] == check, "{}", self.json);
        assert_eq!(self.code, 1);
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A CA, a server and a client; all but the client good for a year.
pub fn certificates(from: i64, to: i64) -> Certificates {
    let mut ca = params(&format!("CA {}", uuid::Uuid::new_v4()), -1, 365);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let leaf = |params: CertificateParams| {
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &ca).unwrap().pem(), key.serialize_pem())
    };
    let mut server = params("localhost", -1, 365);
    server.subject_alt_names =
        CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap().subject_alt_names;
    let mut client = params("cpis-client.test", from, to);
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let ((server_cert_pem, server_key_pem), (client_cert_pem, client_key_pem)) = (leaf(server), leaf(client));
    Certificates { ca_pem: ca.pem(), server_cert_pem, server_key_pem, client_cert_pem, client_key_pem }
}

fn params(name: &str, from: i64, to: i64) -> CertificateParams {
    let today = Timestamp::now().to_zoned_datetime(TimeZone::UTC).date();
    let at = |days: i64| {
        let date = today.checked_add(Span::new().days(days)).unwrap();
        date_time_ymd(date.year().into(), date.month().try_into().unwrap(), date.day().try_into().unwrap())
    };
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (at(from), at(to));
    params
}
