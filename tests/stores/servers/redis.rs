//! A real Redis of one test, on a port of its own, without a disk.

use cpis_fhir::lookup;
use cpis_fhir::secret::{KeyMaterial, StoreUrl};
use cpis_fhir::settings::Settings;
use cpis_fhir::simulator::certificates::Certificates;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub struct Redis {
    process: Child,
    pub port: u16,
    arguments: Vec<String>,
    folder: TempDir,
}

impl Redis {
    pub fn start() -> Self {
        Self::with(&[])
    }

    pub fn with_password(password: &str) -> Self {
        Self::with(&["--requirepass", password])
    }

    /// Speaks TLS alone.
    pub fn with_tls(certificates: &Certificates) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("cert.pem"), &certificates.server_cert_pem).unwrap();
        std::fs::write(path("key.pem"), &certificates.server_key_pem).unwrap();
        let port = free_port();
        let tls = [
            "--tls-port",
            &port.to_string(),
            "--port",
            "0",
            "--tls-cert-file",
            &path("cert.pem"),
            "--tls-key-file",
            &path("key.pem"),
            "--tls-auth-clients",
            "no",
        ];
        Self::launch(port, tls.map(str::to_owned).to_vec(), folder)
    }

    fn with(arguments: &[&str]) -> Self {
        let port = free_port();
        let arguments = ["--port", &port.to_string()].iter().chain(arguments).map(|&text| text.to_owned()).collect();
        Self::launch(port, arguments, tempfile::tempdir().unwrap())
    }

    fn launch(port: u16, arguments: Vec<String>, folder: TempDir) -> Self {
        let process = spawn(&arguments, &folder);
        let redis = Self { process, port, arguments, folder };
        redis.wait_until_up();
        redis
    }

    fn wait_until_up(&self) {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "redis-server did not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Comes back empty, on the same port.
    pub fn start_again(&mut self) {
        self.process = spawn(&self.arguments, &self.folder);
        self.wait_until_up();
    }

    /// Accepts connections and says nothing, until [`Redis::wake`].
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    pub fn wake(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.process.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub fn url(&self) -> StoreUrl {
        store_url(&format!("redis://127.0.0.1:{}/0", self.port), None).0
    }

    /// For `lookup.store`.
    pub fn address(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// A connection of the test itself.
    pub fn connect(&self) -> redis::Connection {
        redis::Client::open(format!("redis://127.0.0.1:{}/0", self.port)).unwrap().get_connection().unwrap()
    }

    /// Everything that lies in the server: every name, field and value.
    pub fn everything(&self) -> Vec<u8> {
        let mut connection = self.connect();
        let names: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
        let mut everything = Vec::new();
        for name in names {
            everything.extend_from_slice(&name);
            let kind: String = redis::cmd("TYPE").arg(&name).query(&mut connection).unwrap();
            let values: Vec<Vec<u8>> = match kind.as_str() {
                "string" => vec![redis::cmd("GET").arg(&name).query(&mut connection).unwrap()],
                "hash" => redis::cmd("HGETALL").arg(&name).query(&mut connection).unwrap(),
                other => panic!("a key of type {other}"),
            };
            for value in values {
                everything.extend_from_slice(&value);
            }
        }
        everything
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(arguments: &[String], folder: &TempDir) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", &folder.path().display().to_string()])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("redis-server is needed: {error}"))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What an operator's settings make of a store URL and a password file, with a key of the letter `k`.
pub fn store_url(url: &str, password: Option<&str>) -> (StoreUrl, Vec<KeyMaterial>) {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, url, password);
    let store = settings.lookup.store;
    match store.location {
        lookup::StoreLocation::Redis(url) => (url, store.keys),
        lookup::StoreLocation::Memory => panic!("{url} is not a Redis"),
    }
}

fn settings(folder: &TempDir, url: &str, password: Option<&str>) -> Settings {
    let certificates = Certificates::generate("cpis-client.test").unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let mut variables = vec![
        ("ACCESS__MODES", "demo".to_owned()),
        ("SMSP__URL", "https://smsp.example/cpis".to_owned()),
        ("SMSP__CA", file("ca.pem", &certificates.ca_pem)),
        ("SMSP__CLIENT_CERT", file("client.pem", &certificates.client_cert_pem)),
        ("SMSP__CLIENT_KEY", file("client.key", &certificates.client_key_pem)),
        ("SMSP__SENDER_ODS", "X26".to_owned()),
        ("AUDIT__STORE", format!("sqlite:{}", folder.path().join("audit.db").display())),
        ("LOOKUP__STORE", url.to_owned()),
        ("LOOKUP__STORE_KEY_FILE", file("store.key", &"ab".repeat(32))),
    ];
    if let Some(password) = password {
        variables.push(("LOOKUP__STORE_PASSWORD_FILE", file("store.password", password)));
    }
    let variables = variables.into_iter().map(|(name, value)| (format!("CPIS_FHIR__{name}"), value));
    cpis_fhir::settings::load(None, variables).unwrap_or_else(|error| panic!("{error}"))
}
