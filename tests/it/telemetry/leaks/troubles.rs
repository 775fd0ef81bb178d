//! A trail that cannot be written, a log that nobody reads, a collector that refuses.

use super::super::collector::borrowed;
use super::people::{ANSWER, CHILD, FAMILY, GIVEN, PHONE};
use super::watch::{Ending, Watch};
use crate::common::canaries::Canaries;
use crate::common::smsp::{RawSmsp, ok};
use crate::common::trail::TrailFolder;
use crate::common::{Got, client, spawn};
use cpis_fhir::simulator::certificates::Certificates;
use std::io::{BufRead as _, BufReader, Read as _};
use std::time::Duration;

fn owned<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    settings.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

async fn smsp() -> (Certificates, RawSmsp) {
    let certificates = Certificates::generate("cpis-client.test").unwrap();
    let smsp = RawSmsp::start(&certificates, &certificates.ca_pem).await;
    smsp.say(ok(ANSWER.as_bytes()));
    (certificates, smsp)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_cannot_be_written_is_told_of_without_what_should_stand_on_it() {
    let trail = TrailFolder::sqlite();
    let (certificates, smsp) = smsp().await;
    let settings: Vec<(String, String)> = trail.settings().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let watch = Watch::open(&certificates, &smsp.url, &settings).await;
    assert_eq!(watch.look("before the store is gone").await.status, 200);
    let (file, away) = (trail.file("audit.db"), trail.file("away.db"));
    std::fs::rename(&file, &away).unwrap();
    let got = watch.look("the store is gone").await;
    assert_eq!((got.status, got.issue().as_str()), (503, "transient"), "{}", got.text);
    watch
        .get("a refusal that cannot be written", &format!("Flag?patient={CHILD}"), &[("IsUnscheduledAccessEvent", "false")])
        .await;
    std::fs::rename(&away, &file).unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(watch.look("the store is locked").await.status, 503);
    drop(other);
    assert_eq!(watch.look("the store is back").await.status, 200);
    let asked = vec![("the SMSP", smsp.heads())];
    let lines = &["the trail cannot be written", "the trail can be written again", "a refusal could not be put on the trail"];
    watch
        .end(&Ending {
            asked,
            spans: &["audit.commit", "lookup"],
            outcomes: &["found", "trail-unavailable"],
            lines,
            ..Ending::default()
        })
        .await;
    let bytes: Vec<u8> = ["audit.db", "audit.db-wal", "audit.head"]
        .iter()
        .flat_map(|name| std::fs::read(trail.file(name)).unwrap_or_default())
        .collect();
    assert!(bytes.len() > 1000, "there is a trail");
    super::people::Secrets::new(&[]).on_the_trail.assert_none("the trail's file", &bytes);
}

/// Standard error is a full pipe: what waits, what is dropped and what is read in the end reveals nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_read_late_tells_nothing_either() {
    let (certificates, smsp) = smsp().await;
    let (mut process, _folder) = spawn(&certificates, &smsp.url, &[("RUST_LOG", "trace"), ("RUST_BACKTRACE", "full")]);
    let mut stderr = BufReader::new(process.stderr.take().unwrap());
    let address = loop {
        let mut line = String::new();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "the service ended");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if line["message"] == "ready" {
            break line["public"].as_str().unwrap().to_owned();
        }
    };
    let http = client();
    for n in 0..500 {
        let query =
            if n % 2 == 0 { format!("patient={CHILD}") } else { format!("patient={CHILD}&{FAMILY}={GIVEN}&name={PHONE}") };
        let url = format!("http://{address}/FHIR/R4/Flag?{query}");
        let got = Got::read(http.get(url).header("baggage", FAMILY).send().await.unwrap()).await;
        assert_eq!(got.status, if n % 2 == 0 { 200 } else { 400 }, "{}", got.text);
    }
    crate::common::signal_to(process.id(), "-TERM");
    let mut log = String::new();
    let log = tokio::task::spawn_blocking(move || {
        stderr.read_to_string(&mut log).unwrap();
        log
    });
    let log = log.await.unwrap();
    assert_eq!(tokio::task::block_in_place(|| process.wait()).unwrap().code(), Some(0));
    assert!(log.len() > 100_000 && log.lines().count() > 500, "the pipe was full: {} bytes", log.len());
    super::people::Secrets::new(&[]).all.assert_none("the log", log.as_bytes());
}

/// What the operator has for the collector is a secret too, and what the collector answers may be anything.
#[tokio::test(flavor = "multi_thread")]
async fn exporters_in_trouble_say_nothing_of_their_own() {
    const SECRET: &str = "c0llect0r-t0ken-of-the-trust";
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://user:{SECRET}@localhost:{}/{SECRET}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                let _ = stream.read(&mut [0; 16 * 1024]).await;
                let reply = format!(
                    "HTTP/1.1 400 {FAMILY}\r\nContent-Type: text/html\r\nX-{GIVEN}: {CHILD}\r\n\r\n<h1>{FAMILY} {CHILD}</h1>"
                );
                let _ = stream.write_all(reply.as_bytes()).await;
            });
        }
    });
    let (certificates, smsp) = smsp().await;
    let header = format!("authorization=Bearer {SECRET}");
    let variables = owned([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", &header),
        ("OTEL_TRACES_SAMPLER_ARG", SECRET),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", SECRET),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "50"),
        ("RUST_LOG", "trace,opentelemetry=trace,opentelemetry_sdk=trace,opentelemetry_otlp=trace,reqwest=trace,hyper_util=trace"),
    ]);
    let mut service = crate::common::Service::start(&certificates, &smsp.url, &borrowed(&variables));
    let http = client();
    for _ in 0..20 {
        let url = format!("{}/FHIR/R4/Flag?patient={CHILD}", service.public);
        assert_eq!(http.get(url).header("CPIS-New-Look", "true").send().await.unwrap().status().as_u16(), 200);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let page = http.get(format!("{}/metrics", service.admin)).send().await.unwrap().text().await.unwrap();
    assert_eq!(tokio::task::block_in_place(|| service.stop()), Some(0));
    let said = service.said();
    assert!(said.contains("the collector does not take telemetry"), "{said}");
    let secrets = Canaries::new([SECRET]);
    secrets.assert_none("the log", said.as_bytes());
    secrets.assert_none("the page", page.as_bytes());
    super::people::Secrets::new(&[]).all.assert_none("the log", said.as_bytes());
    // Of others' words only those of the listeners, though everything was asked for.
    let targets = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let targets: std::collections::BTreeSet<String> =
        targets.filter_map(|line| Some(line["target"].as_str()?.split("::").next()?.to_owned())).collect();
    assert!(targets.iter().all(|target| ["cpis_fhir", "actix_server"].contains(&target.as_str())), "{targets:?}");
}
