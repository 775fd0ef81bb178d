//! A folder as a cluster mounts a secret: each name is a link into a folder of one version, and an update swaps one link.

use crate::common::trail::TrailFolder;
use crate::common::{Service, client, loopback};
use cpis_fhir::audit::Event;
use cpis_fhir::simulator::certificates::Certificates;
use cpis_fhir::simulator::scenario::Scenario;
use cpis_fhir::simulator::{Config, Simulator, Tls};
use std::cell::Cell;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

pub struct Mounted {
    folder: tempfile::TempDir,
    versions: Cell<usize>,
}

impl Mounted {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let mounted = Self { folder: tempfile::tempdir().unwrap(), versions: Cell::new(0) };
        mounted.update(files);
        mounted
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Puts a whole new version in place, in one step.
    pub fn update(&self, files: &[(&str, &str)]) {
        let version = format!("..version-{}", self.versions.replace(self.versions.get() + 1));
        let place = self.folder.path().join(&version);
        std::fs::create_dir(&place).unwrap();
        for (name, text) in files {
            std::fs::write(place.join(name), text).unwrap();
            let link = self.folder.path().join(name);
            if !link.is_symlink() {
                symlink(Path::new("..data").join(name), link).unwrap();
            }
        }
        let next = self.folder.path().join("..data_tmp");
        symlink(&version, &next).unwrap();
        std::fs::rename(next, self.folder.path().join("..data")).unwrap();
    }
}

/// The files of an SMSP client: its certificate, its key, and the CA that it trusts.
pub fn client_files<'a>(own: &'a Certificates, ca_pem: &'a str) -> [(&'static str, &'a str); 3] {
    [("tls.crt", &own.client_cert_pem), ("tls.key", &own.client_key_pem), ("ca.crt", ca_pem)]
}

/// A simulator that knows the clients of two CAs, and the certificates of both.
pub struct RenewalFixture {
    pub simulator: Simulator,
    pub first: Certificates,
    pub second: Certificates,
    pub smsp: Mounted,
    pub trail: TrailFolder,
}

impl RenewalFixture {
    pub async fn new() -> Self {
        let [first, second] = ["first.test", "second.test"].map(|name| Certificates::generate(name).unwrap());
        let tls = Tls {
            cert_pem: first.server_cert_pem.clone().into_bytes(),
            key_pem: first.server_key_pem.clone().into_bytes(),
            client_ca_pem: [first.ca_pem.as_bytes(), second.ca_pem.as_bytes()].concat(),
        };
        let config = Config { listen: loopback(), control_listen: Some(loopback()), tls, scenario: Scenario::built_in() };
        let simulator = Simulator::start(config).await.unwrap();
        let smsp = Mounted::new(&client_files(&first, &first.ca_pem));
        Self { simulator, first, second, smsp, trail: TrailFolder::sqlite() }
    }

    /// A service with its trail on disk and its certificates from the mounted folder.
    pub fn serve(&self, further: &[(&str, &str)]) -> Service {
        self.serve_on(&self.trail, further)
    }

    /// The same with its trail elsewhere.
    pub fn serve_on(&self, trail: &TrailFolder, further: &[(&str, &str)]) -> Service {
        let [cert, key, ca] = ["tls.crt", "tls.key", "ca.crt"].map(|name| self.smsp.path(name));
        let trail = trail.settings();
        let mut settings: Vec<(&str, &str)> = trail.iter().map(|(key, value)| (*key, value.as_str())).collect();
        settings.extend([("SMSP__CLIENT_CERT", cert.as_str()), ("SMSP__CLIENT_KEY", &key), ("SMSP__CA", &ca)]);
        settings.push(("LIMITS__REQUESTS_PER_SECOND", "100000"));
        settings.extend(further);
        Service::start(&self.first, &self.simulator.url(), &settings)
    }

    /// Entries of the trail about renewals, as an inspector finds them.
    pub async fn renewals(&self) -> Vec<String> {
        let told = self.trail.told().await;
        let renewals = told.into_iter().map(|told| told.entry).filter(|entry| entry.event == Event::Reloaded);
        renewals.filter_map(|entry| entry.detail).collect()
    }
}

/// Waits until the service has said `words` `times` times.
pub fn wait_for(service: &Service, words: &str, times: usize) {
    let began = Instant::now();
    loop {
        let said = service.stderr.lock().unwrap().clone();
        if said.matches(words).count() >= times {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "not {times} times {words:?}: {said}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub const RENEWED: &str = "renewed without a restart";
pub const KEPT: &str = "cannot be used as it is now";

/// Flags of the child with one plan, over HTTP or HTTPS, as the service has it.
pub async fn flags(http: &reqwest::Client, service: &Service) -> Result<u16, reqwest::Error> {
    let url = format!("{}/FHIR/R4/Flag?patient={}", service.public, crate::common::GOOD_CHILD);
    let response = http.get(url).header("CPIS-New-Look", "true").send().await?;
    let status = response.status().as_u16();
    response.bytes().await.map(|_| status)
}

/// The number that the metrics page has for `name`.
pub async fn metric(service: &Service, name: &str) -> f64 {
    let page = client().get(format!("{}/metrics", service.admin)).send().await.unwrap().text().await.unwrap();
    let line = page.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {page}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}
