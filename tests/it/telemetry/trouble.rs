//! A collector that is away, hangs or refuses, and a log that nobody reads: no request notices.

use super::collector::{Collector, Manner, borrowed};
use crate::common::{TestApp, client, loopback, spawn};
use cpis_fhir::simulator::certificates::Certificates;
use cpis_fhir::simulator::scenario::Scenario;
use cpis_fhir::simulator::{Config, Simulator, Tls};
use std::io::{BufRead, BufReader};
use std::process::Command;
use std::time::{Duration, Instant};

/// A queue of a few, so that it is soon full.
const SMALL: [(&str, &str); 4] = [
    ("OTEL_BSP_MAX_QUEUE_SIZE", "16"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8"),
    ("OTEL_BLRP_MAX_QUEUE_SIZE", "16"),
    ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "8"),
];

fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

async fn dropped(app: &TestApp, reason: &str) -> f64 {
    let page = app.send(app.http.get(format!("{}/metrics", app.service.admin)), &[]).await.text;
    let series = format!(r#"cpis_telemetry_dropped_total{{reason="{reason}",signal="traces"}} "#);
    page.lines().find_map(|line| line.strip_prefix(&series)).unwrap_or_else(|| panic!("{series} in {page}")).parse().unwrap()
}

/// Requests that are answered from the sharing window, so that only the service itself takes time.
async fn requests(app: &TestApp, count: usize) -> Duration {
    let mut slowest = Duration::ZERO;
    for _ in 0..count {
        let began = Instant::now();
        app.assert_well("trouble with the collector").await;
        slowest = slowest.max(began.elapsed());
    }
    slowest
}

async fn unaffected(mut variables: Vec<(String, String)>, reason: &str) {
    variables.extend(SMALL.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let mut app = TestApp::with(&borrowed(&variables)).await;
    requests(&app, 20).await;
    let before = resident_kib(app.service.process_id());
    let slowest = requests(&app, 300).await;
    let grown = resident_kib(app.service.process_id()).saturating_sub(before);
    assert!(slowest < Duration::from_secs(1), "a request took {slowest:?}");
    assert!(grown < 32 * 1024, "{grown} KiB more");
    let began = Instant::now();
    while dropped(&app, reason).await < 1.0 {
        assert!(began.elapsed() < Duration::from_secs(15), "nothing was counted as {reason}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let began = Instant::now();
    assert_eq!(tokio::task::block_in_place(|| app.service.stop()), Some(0));
    assert!(began.elapsed() < Duration::from_secs(6), "stopping took {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_costs_requests_nothing() {
    let collector = Collector::start(Manner::Hangs).await;
    unaffected(collector.variables(), "queue-full").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_refuses_costs_requests_nothing() {
    let collector = Collector::start(Manner::Refuses).await;
    unaffected(collector.variables(), "queue-full").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_requests_nothing_and_is_told_of_once() {
    let collector = Collector::start(Manner::Takes).await;
    let mut variables = collector.variables();
    // Nobody listens there: the port is one that was free a moment ago.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    variables[0].1 = format!("http://{nobody}");
    variables.push(("OTEL_EXPORTER_OTLP_TIMEOUT".to_owned(), "300".to_owned()));
    let app = TestApp::with(&borrowed(&variables)).await;
    let began = Instant::now();
    app.assert_well("start").await;
    while dropped(&app, "not-delivered").await < 1.0 {
        assert!(began.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    app.assert_well("the collector was away").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let said = app.service.said();
    let told = said.lines().filter(|line| line.contains("does not take") && line.contains(r#""signal":"traces""#)).count();
    assert_eq!(told, 1, "{said}");
    assert!(!said.contains("opentelemetry"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_that_cannot_be_used_are_told_of_and_do_not_keep_the_service_from_starting() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "not a URL with secret in it"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "secret"),
        ("OTEL_LOGS_EXPORTER", "secret"),
        ("OTEL_TRACES_SAMPLER", "secret"),
    ];
    let app = TestApp::with(&variables).await;
    app.assert_well("start").await;
    let said = app.service.said();
    assert!(said.contains("telemetry is not sent"), "{said}");
    assert!(said.contains("OTEL_LOGS_EXPORTER"), "{said}");
}

/// A reader that stops reading, such as a hung log shipper: the pipe fills, and with it nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_blocks_no_request() {
    let certificates = Certificates::generate("cpis-client.test").unwrap();
    let tls = Tls {
        cert_pem: certificates.server_cert_pem.clone().into_bytes(),
        key_pem: certificates.server_key_pem.clone().into_bytes(),
        client_ca_pem: certificates.ca_pem.clone().into_bytes(),
    };
    let config = Config { listen: loopback(), control_listen: None, tls, scenario: Scenario::built_in() };
    let simulator = Simulator::start(config).await.unwrap();
    let (mut process, _folder) = spawn(&certificates, &simulator.url(), &[]);
    let mut stderr = BufReader::new(process.stderr.take().unwrap());
    let addresses = loop {
        let mut line = String::new();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "the service ended");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if line["message"] == "ready" {
            break line;
        }
    };
    let (http, ping) = (client(), format!("http://{}/_ping", addresses["public"].as_str().unwrap()));
    // A pipe holds 64 KiB; a line is about 250 bytes.
    let mut slowest = Duration::ZERO;
    for _ in 0..1500 {
        let began = Instant::now();
        assert_eq!(http.get(&ping).send().await.unwrap().status().as_u16(), 200);
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "a request took {slowest:?}");
    let began = Instant::now();
    assert!(Command::new("kill").arg(process.id().to_string()).status().unwrap().success());
    let code = tokio::task::block_in_place(|| process.wait()).unwrap().code();
    assert_eq!(code, Some(0));
    assert!(began.elapsed() < Duration::from_secs(6), "stopping took {:?}", began.elapsed());
    drop(stderr);
}
