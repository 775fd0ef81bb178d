//! The app under test: the simulator in this process, the real binary serving in another, joined by mutual TLS.

pub mod canaries;
pub mod children;
pub mod clock;
pub mod container;
pub mod crash;
pub mod fixture;
pub mod gateway;
pub mod issuer;
pub mod leaks;
pub mod load;
pub mod renewal;
pub mod restart;
pub mod scripted;
pub mod smsp;
pub mod trail;
pub mod wire;

use cpis_fhir::simulator::certificates::Certificates;
use cpis_fhir::simulator::scenario::Scenario;
use cpis_fhir::simulator::{Config, Counts, Simulator, Tls};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The built-in scenario's text: the reference for what it holds.
pub const BUILT_IN: &str = include_str!("../../src/simulator/built_in.toml");

/// "A child protection plan alone".
pub const GOOD_CHILD: &str = "9990000034";

pub const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";

pub struct TestApp {
    pub simulator: Simulator,
    pub service: Service,
    pub http: reqwest::Client,
    pub certificates: Certificates,
    settings: Vec<(String, String)>,
}

/// The binary, serving.
pub struct Service {
    process: Child,
    /// `http://127.0.0.1:PORT`
    pub public: String,
    pub admin: String,
    pub stderr: Arc<Mutex<String>>,
    folder: tempfile::TempDir,
}

/// A response, read.
pub struct Got {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl TestApp {
    pub async fn open() -> Self {
        Self::with(&[]).await
    }

    /// With further settings, such as `("SMSP__TIMEOUT", "1s")`.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::with_scenario(Scenario::built_in(), settings).await
    }

    pub async fn with_scenario(scenario: Scenario, settings: &[(&str, &str)]) -> Self {
        let certificates = Certificates::generate("cpis-client.test").unwrap();
        let tls = Tls {
            cert_pem: certificates.server_cert_pem.clone().into_bytes(),
            key_pem: certificates.server_key_pem.clone().into_bytes(),
            client_ca_pem: certificates.ca_pem.clone().into_bytes(),
        };
        let config = Config { listen: loopback(), control_listen: Some(loopback()), tls, scenario };
        let simulator = Simulator::start(config).await.unwrap();
        let service = Service::start(&certificates, &simulator.url(), settings);
        let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Self { simulator, service, http: client(), certificates, settings }
    }

    /// Another replica with the same settings, before the same simulator.
    pub fn another(&self) -> Service {
        self.another_with(&[])
    }

    /// Another replica, with some settings of its own.
    pub fn another_with(&self, own: &[(&str, &str)]) -> Service {
        let settings = self.settings.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let settings: Vec<(&str, &str)> = settings.chain(own.iter().copied()).collect();
        Service::start(&self.certificates, &self.simulator.url(), &settings)
    }

    /// Starts the service anew, with the same settings, after it was stopped or killed.
    pub fn start_again(&mut self) {
        self.service = self.another();
    }

    pub fn counts(&self) -> Counts {
        self.simulator.counts()
    }

    /// The search for a child's flags.
    pub async fn look(&self, number: &str) -> Got {
        self.get(&format!("Flag?patient={number}")).await
    }

    /// A child with one plan is asked about, and found.
    pub async fn assert_well(&self, after: &str) {
        let got = self.look(GOOD_CHILD).await;
        assert_eq!(got.status, 200, "after {after}: {}", got.text);
        assert_eq!(got.total(), 1, "after {after}: {}", got.text);
    }

    /// What the simulator was last sent: the request line, headers and the message.
    pub async fn last_request(&self) -> String {
        let control = self.simulator.control_address().unwrap();
        let got = self.send(self.http.get(format!("http://{control}/exchanges/last")), &[]).await;
        got.text.split_once("=== Request\n").unwrap().1.split_once("\n\n=== Reply\n").unwrap().0.to_owned()
    }

    /// What the simulator last sent, as it was before any fault of transport.
    pub async fn last_reply(&self) -> String {
        let control = self.simulator.control_address().unwrap();
        let got = self.send(self.http.get(format!("http://{control}/exchanges/last")), &[]).await;
        got.text.split_once("=== Reply\n").unwrap().1.split_once("\n\n").unwrap().1.trim_end().to_owned()
    }

    /// `GET` under the FHIR base.
    pub async fn get(&self, path_and_query: &str) -> Got {
        self.get_with(path_and_query, &[]).await
    }

    pub async fn get_with(&self, path_and_query: &str, headers: &[(&str, &str)]) -> Got {
        self.send(self.http.get(self.fhir(path_and_query)), headers).await
    }

    /// `POST [type]/_search` with a form.
    pub async fn search(&self, resource: &str, form: &[(&str, &str)]) -> Got {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.http.post(self.fhir(&format!("{resource}/_search"))).body(body);
        self.send(request, &[("Content-Type", "application/x-www-form-urlencoded")]).await
    }

    pub async fn send(&self, mut request: reqwest::RequestBuilder, headers: &[(&str, &str)]) -> Got {
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Got::read(request.send().await.unwrap()).await
    }

    pub fn fhir(&self, path_and_query: &str) -> String {
        format!("{}/FHIR/R4/{path_and_query}", self.service.public)
    }
}

impl Service {
    pub fn start(certificates: &Certificates, smsp_url: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_by(serve(), certificates, smsp_url, settings)
    }

    /// The same by another command than the binary's `serve`.
    pub fn start_by(command: Command, certificates: &Certificates, smsp_url: &str, settings: &[(&str, &str)]) -> Self {
        let began = Instant::now();
        let (mut process, folder) = spawn_by(command, certificates, smsp_url, settings);
        let (stderr, lines) = collect(process.stderr.take().unwrap());
        loop {
            assert!(began.elapsed() < Duration::from_secs(20), "the service did not get ready: {}", stderr.lock().unwrap());
            if let Some(status) = process.try_wait().unwrap() {
                panic!("the service ended ({status}): {}", stderr.lock().unwrap());
            }
            let Ok(line) = lines.recv_timeout(Duration::from_millis(100)) else { continue };
            let Ok(entry) = serde_json::from_str::<Value>(&line) else { continue };
            if entry["message"] == "ready" {
                let address = |name: &str| format!("http://{}", entry[name].as_str().unwrap());
                return Self { public: address("public"), admin: address("admin"), process, stderr, folder };
            }
        }
    }

    /// Sends the process a signal, such as `-HUP`.
    pub fn signal(&self, signal: &str) {
        signal_to(self.process.id(), signal);
    }

    /// Asks the process to stop and waits for its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        self.ended()
    }

    /// Waits for its exit code.
    pub fn ended(&mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }

    /// Ends the process without any warning, as a power cut would.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Everything that the process has said so far. Its log is written by a thread of its own, so this waits until it is quiet.
    pub fn said(&self) -> String {
        let (mut said, mut quiet) = (String::new(), 0);
        for _ in 0..60 {
            let now = self.stderr.lock().unwrap().clone();
            quiet = if now.len() == said.len() { quiet + 1 } else { 0 };
            said = now;
            if quiet == 5 {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        said
    }

    /// The first line with `words` in it, once the process has said one.
    pub fn line_with(&self, words: &str) -> String {
        let began = Instant::now();
        loop {
            let said = self.stderr.lock().unwrap().clone();
            // The last one may be half a line.
            if let Some(line) = said.split_inclusive('\n').find(|line| line.ends_with('\n') && line.contains(words)) {
                return line.trim_end().to_owned();
            }
            assert!(began.elapsed() < Duration::from_secs(10), "no line has {words}: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where it runs: its certificates, and what it wrote; what it said on standard output is in the file `stdout`.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Files and connections that it has open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }

    /// The same once nothing is opened or closed any more: right after the start its workers still begin.
    pub async fn descriptors_at_rest(&self) -> usize {
        let (mut count, mut same) = (self.descriptors(), 0);
        while same < 10 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let now = self.descriptors();
            same = if now == count { same + 1 } else { 0 };
            count = now;
        }
        count
    }

    /// Memory that it holds now, in KiB.
    pub fn resident_kib(&self) -> usize {
        self.memory("VmRSS:")
    }

    /// The most memory that it has held since its start, in KiB.
    pub fn peak_kib(&self) -> usize {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Waits until it has no more than `count` descriptors open.
    pub async fn until_descriptors(&self, count: usize) {
        let began = Instant::now();
        while self.descriptors() > count {
            assert!(began.elapsed() < Duration::from_mins(1), "{} descriptors, not {count}", self.descriptors());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Descriptors and KiB that it holds now: for [`Service::holds_no_more`], after some fault.
    pub async fn holds(&self) -> [usize; 2] {
        [self.descriptors_at_rest().await, self.resident_kib()]
    }

    /// What a fault took is back, but for a connection or two that are kept, and for what an allocator keeps.
    pub async fn holds_no_more(&self, [descriptors, kib]: [usize; 2]) {
        self.until_descriptors(descriptors + 4).await;
        let more = self.resident_kib().saturating_sub(kib);
        assert!(more <= 16 * 1024, "{more} KiB more than before");
    }

    /// Freezes the process, as a frozen machine would, until [`Service::thaw`].
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Got {
    pub async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The issue code of an OperationOutcome.
    pub fn issue(&self) -> String {
        let json = self.json();
        assert_eq!(json["resourceType"], "OperationOutcome", "{json}");
        json["issue"][0]["code"].as_str().unwrap().to_owned()
    }

    /// The two codes of an OperationOutcome's first issue: of Spine and of HTTP.
    pub fn codes(&self) -> (String, String) {
        let coding = &self.json()["issue"][0]["details"]["coding"];
        let code = |at: usize| coding[at]["code"].as_str().unwrap().to_owned();
        (code(0), code(1))
    }

    pub fn diagnostics(&self) -> String {
        self.json()["issue"][0]["diagnostics"].as_str().unwrap().to_owned()
    }

    pub fn total(&self) -> u64 {
        let json = self.json();
        assert_eq!((&json["resourceType"], &json["type"]), (&"Bundle".into(), &"searchset".into()), "{json}");
        json["total"].as_u64().unwrap()
    }

    /// The resources of one search mode.
    pub fn resources(&self, mode: &str) -> Vec<Value> {
        let json = self.json();
        let entries = json["entry"].as_array().cloned().unwrap_or_default();
        entries.into_iter().filter(|entry| entry["search"]["mode"] == mode).map(|entry| entry["resource"].clone()).collect()
    }

    /// The types of the resources of one search mode, in order.
    pub fn types(&self, mode: &str) -> Vec<String> {
        self.resources(mode).iter().map(|resource| resource["resourceType"].as_str().unwrap().to_owned()).collect()
    }

    /// "No plan", as a client sees it: HTTP 200 and an empty searchset.
    pub fn says_no_record(&self) -> bool {
        self.status == 200 && self.json()["total"] == 0 && self.json().get("entry").is_none()
    }
}

/// The binary started with settings, not waited for.
pub fn spawn(certificates: &Certificates, smsp_url: &str, settings: &[(&str, &str)]) -> (Child, tempfile::TempDir) {
    spawn_by(serve(), certificates, smsp_url, settings)
}

fn serve() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cpis-fhir"));
    command.arg("serve");
    command
}

/// The same by another command than the binary's `serve`.
pub fn spawn_by(
    mut command: Command,
    certificates: &Certificates,
    smsp_url: &str,
    settings: &[(&str, &str)],
) -> (Child, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    certificates.write_to(folder.path()).unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    command
        .env_clear()
        .current_dir(folder.path())
        .env("CPIS_FHIR__SMSP__URL", smsp_url)
        .env("CPIS_FHIR__SMSP__CA", file("ca.pem"))
        .env("CPIS_FHIR__SMSP__CLIENT_CERT", file("client.pem"))
        .env("CPIS_FHIR__SMSP__CLIENT_KEY", file("client-key.pem"))
        .env("CPIS_FHIR__SMSP__SENDER_ODS", "RX1")
        .env("CPIS_FHIR__ACCESS__MODES", r#"["demo"]"#)
        // Tests look at more children than a person does; the one of the limit sets its own.
        .env("CPIS_FHIR__LIMITS__CHILDREN_PER_USER", "1000000")
        .env("CPIS_FHIR__SERVER__LISTEN", "127.0.0.1:0")
        .env("CPIS_FHIR__ADMIN__LISTEN", "127.0.0.1:0")
        .stdout(std::fs::File::create(folder.path().join("stdout")).unwrap())
        .stderr(Stdio::piped());
    for (key, value) in settings {
        // OpenTelemetry's, Rust's, systemd's and the system's own variables, and the one that names the settings file, are no
        // settings.
        const OTHERS: [&str; 6] =
            ["OTEL_", "RUST_", "TMPDIR", "NOTIFY_SOCKET", "CPIS_FHIR_CONFIG", cpis_fhir::clock::OFFSET_FILE];
        let own = !OTHERS.iter().any(|other| key.starts_with(other));
        command.env(if own { format!("CPIS_FHIR__{key}") } else { (*key).to_owned() }, value);
    }
    (command.spawn().unwrap(), folder)
}

fn collect(stderr: std::process::ChildStderr) -> (Arc<Mutex<String>>, std::sync::mpsc::Receiver<String>) {
    let all = Arc::new(Mutex::new(String::new()));
    let (sender, lines) = std::sync::mpsc::channel();
    let kept = Arc::clone(&all);
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let mut kept = kept.lock().unwrap();
            kept.push_str(&line);
            kept.push('\n');
            drop(kept);
            let _ = sender.send(line);
        }
    });
    (all, lines)
}

/// Sends a process a signal, such as `-STOP`.
pub fn signal_to(process: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
}

pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub fn loopback() -> std::net::SocketAddr {
    ([127, 0, 0, 1], 0).into()
}
