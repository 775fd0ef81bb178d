//! Looks per second with the trail on disk, against the same run with the trail in memory (issue: at least 0.9 with 64 clients), and what an
//! answer from the sharing window costs against one that asks. The real binary, the simulator over mutual TLS, every look a new child.
//!
//! `scripts/with-postgres cargo bench --bench audited` (`-- --rounds N --seconds S`); without the script, and so without
//! `CPIS_FHIR_BENCH_POSTGRES`, the PostgreSQL trail is left out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use cpis_fhir::cpis::NhsNumber;
use cpis_fhir::simulator::certificates::Certificates;
use cpis_fhir::simulator::scenario::Scenario;
use cpis_fhir::simulator::{Config, Simulator, Tls};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A trail to measure, and the service that keeps it.
struct Case {
    name: &'static str,
    service: Service,
    /// Looks per second of each round: with 1 client and with 64.
    alone: Vec<f64>,
    crowded: Vec<f64>,
}

struct Service {
    process: Child,
    fhir: String,
    _folder: tempfile::TempDir,
}

const CROWD: usize = 64;

#[tokio::main]
async fn main() {
    let (rounds, seconds) = (argument("--rounds", 5), argument("--seconds", 2));
    let certificates = Certificates::generate("cpis-client.bench").unwrap();
    let tls = Tls {
        cert_pem: certificates.server_cert_pem.clone().into_bytes(),
        key_pem: certificates.server_key_pem.clone().into_bytes(),
        client_ca_pem: certificates.ca_pem.clone().into_bytes(),
    };
    let listen = ([127, 0, 0, 1], 0).into();
    let config = Config { listen, control_listen: None, tls, scenario: Scenario::built_in() };
    let simulator = Simulator::start(config).await.unwrap();
    let mut stores = vec![("memory", "sqlite::memory:".to_owned()), ("SQLite", "sqlite:audit.db".to_owned())];
    if let Ok(url) = std::env::var("CPIS_FHIR_BENCH_POSTGRES") {
        stores.push(("PostgreSQL", url));
    }
    let case = |(name, store): (&'static str, String)| Case {
        name,
        service: Service::start(&certificates, &simulator.url(), &store),
        alone: Vec::new(),
        crowded: Vec::new(),
    };
    let mut cases: Vec<Case> = stores.into_iter().map(case).collect();
    let children = Arc::new(Children::default());
    for _ in 0..rounds {
        for case in &mut cases {
            let time = Duration::from_secs(seconds);
            case.alone.push(looks_per_second(&case.service, 1, time, &children).await);
            case.crowded.push(looks_per_second(&case.service, CROWD, time, &children).await);
        }
    }
    println!("looks per second, medians of {rounds} interleaved rounds of {seconds} s");
    println!("{:<12} {:>10} {:>12} {:>24}", "trail", "1 client", "64 clients", "of memory, 64 clients");
    for case in &cases {
        let ratios = case.crowded.iter().zip(&cases[0].crowded).map(|(this, memory)| this / memory).collect();
        println!(
            "{:<12} {:>10.0} {:>12.0} {:>24.2}",
            case.name,
            median(case.alone.clone()),
            median(case.crowded.clone()),
            median(ratios)
        );
    }
    let (asking, sharing) = asking_and_sharing(&cases[1].service).await;
    println!("one answer: asking {asking:.0} us, shared {sharing:.0} us, ratio {:.2} (goal 0.35)", sharing / asking);
}

fn argument(name: &str, default: u64) -> u64 {
    let all: Vec<String> = std::env::args().collect();
    let at = all.iter().position(|argument| argument == name);
    at.and_then(|at| all.get(at + 1)).and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Valid numbers, each given out once.
#[derive(Default)]
struct Children(AtomicU64);

impl Children {
    fn next(&self) -> NhsNumber {
        loop {
            let nine = 300_000_000 + self.0.fetch_add(1, Relaxed);
            if let Some(number) = (0..10).find_map(|check| NhsNumber::from_u64(nine * 10 + check).ok()) {
                return number;
            }
        }
    }
}

async fn looks_per_second(service: &Service, clients: usize, time: Duration, children: &Arc<Children>) -> f64 {
    let began = Instant::now();
    let looking = (0..clients).map(|_| {
        let (url, children) = (format!("{}/Flag/_search", service.fhir), Arc::clone(children));
        tokio::spawn(async move {
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            let mut looks = 0u32;
            while began.elapsed() < time {
                let body = format!("patient={}", children.next().digits());
                let request = http.post(&url).header("Content-Type", "application/x-www-form-urlencoded").body(body);
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 200);
                response.bytes().await.unwrap();
                looks += 1;
            }
            looks
        })
    });
    let looks: u32 = futures_util::future::join_all(looking).await.into_iter().map(Result::unwrap).sum();
    f64::from(looks) / began.elapsed().as_secs_f64()
}

/// Medians in microseconds, interleaved.
async fn asking_and_sharing(service: &Service) -> (f64, f64) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/Flag?patient=9990000018", service.fhir);
    let (mut asking, mut sharing) = (Vec::new(), Vec::new());
    for _ in 0..300 {
        for (new, times) in [("true", &mut asking), ("false", &mut sharing)] {
            let began = Instant::now();
            let response = http.get(&url).header("CPIS-New-Look", new).send().await.unwrap();
            assert_eq!(response.status(), 200);
            response.bytes().await.unwrap();
            times.push(began.elapsed().as_secs_f64() * 1e6);
        }
    }
    (median(asking), median(sharing))
}

impl Service {
    fn start(certificates: &Certificates, smsp_url: &str, store: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        certificates.write_to(folder.path()).unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let settings = [
            ("SMSP__URL", smsp_url.to_owned()),
            ("SMSP__CA", file("ca.pem")),
            ("SMSP__CLIENT_CERT", file("client.pem")),
            ("SMSP__CLIENT_KEY", file("client-key.pem")),
            ("SMSP__SENDER_ODS", "RX1".to_owned()),
            ("ACCESS__MODES", "demo".to_owned()),
            ("SERVER__LISTEN", "127.0.0.1:0".to_owned()),
            ("ADMIN__LISTEN", "127.0.0.1:0".to_owned()),
            ("AUDIT__STORE", store.to_owned()),
            ("LIMITS__REQUESTS_PER_SECOND", "1000000".to_owned()),
            ("LIMITS__CHILDREN_PER_USER", "1000000".to_owned()),
        ];
        let mut command = Command::new(env!("CARGO_BIN_EXE_cpis-fhir"));
        command.arg("serve").env_clear().current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::piped());
        for (key, value) in settings {
            command.env(format!("CPIS_FHIR__{key}"), value);
        }
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let public = lines.find_map(|line| {
            let entry: serde_json::Value = serde_json::from_str(&line).ok()?;
            (entry["message"] == "ready").then(|| entry["public"].as_str().unwrap().to_owned())
        });
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, fhir: format!("http://{}/FHIR/R4", public.expect("the service is ready")), _folder: folder }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
