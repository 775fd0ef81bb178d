//! One look has one outcome, by the same word in trace, metric, log and trail.

use super::collector::{Collector, Manner, attribute, borrowed};
use super::traces::{trace, traceparent};
use crate::common::trail::TrailFolder;
use crate::common::{Service, TestApp};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The words of one look.
#[derive(Debug, Clone, Copy)]
struct Words {
    outcome: &'static str,
    /// Of a failure.
    delivery: Option<&'static str>,
    /// As a label.
    response_code: &'static str,
    /// The trail's kind of entry.
    event: &'static str,
}

const fn words(outcome: &'static str, delivery: Option<&'static str>, response_code: &'static str, event: &'static str) -> Words {
    Words { outcome, delivery, response_code, event }
}

/// Of children of the built-in scenario.
const LOOKS: [(&str, Words); 5] = [
    ("9990000018", words("found", None, "success", "answered")),
    ("9990000026", words("no-record", None, "success", "answered")),
    // The reply never comes.
    ("9990000980", words("timeout", Some("maybe"), "none", "unknown")),
    ("4444444444", words("spine-unreachable", Some("none"), "SMSP-0004", "failed")),
    ("9990001138", words("other-child", Some("maybe"), "none", "unknown")),
];

/// So soon that a connection which fails is not tried again.
const SOON: [(&str, &str); 3] = [("SMSP__CONNECT_TIMEOUT", "300ms"), ("SMSP__TIMEOUT", "500ms"), ("SMSP__LATE_TIMEOUT", "500ms")];

#[tokio::test(flavor = "multi_thread")]
async fn a_look_has_the_same_outcome_in_trace_metric_log_trail_and_exports() {
    let app = TestApp::open().await;
    for (child, words) in LOOKS {
        assert_told_alike(&app, &app.simulator.url(), child, words).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_without_a_connection_has_the_same_outcome_everywhere() {
    let app = TestApp::open().await;
    // Bound, so that nobody else listens there, and not listening.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let url = format!("https://127.0.0.1:{}/smsp/cpis", closed.local_addr().unwrap().port());
    assert_told_alike(&app, &url, "9990000018", words("not-connected", Some("none"), "none", "failed")).await;
}

/// A service of its own looks at one child.
async fn assert_told_alike(app: &TestApp, smsp: &str, child: &str, words: Words) {
    let (collector, trail) = (Collector::start(Manner::Takes).await, TrailFolder::sqlite());
    let of_trail = trail.settings().into_iter().map(|(key, value)| (key.to_owned(), value));
    let settings: Vec<(String, String)> = collector.variables().into_iter().chain(of_trail).collect();
    let settings = [borrowed(&settings), SOON.to_vec()].concat();
    let mut service = Service::start(&app.certificates, smsp, &settings);
    let request = app.http.get(format!("{}/FHIR/R4/Flag?patient={child}", service.public));
    app.send(request, &[("traceparent", &traceparent())]).await;

    assert_spans(&trace(&collector).await, words);
    assert_log(&service.line_with("cpis_fhir::request"), words);
    assert_eq!(counted(app, &service).await, [series(words)]);
    assert_eq!(tokio::task::block_in_place(|| service.stop()), Some(0), "{}", service.said());
    assert_trail(&exported(&trail, "lines"), words);
    assert_audit_event(&exported(&trail, "fhir"), words);
    let report = exported(&trail, "pars");
    assert!(report.contains(&format!("\"{}\",", words.outcome)), "{words:?} in {report}");
}

fn assert_spans(spans: &[Span], words: Words) {
    for span in spans.iter().filter(|span| span.name == "lookup" || span.kind() == SpanKind::Server) {
        let said = |key| attribute(&span.attributes, key);
        assert_eq!(said("cpis.outcome").as_deref(), Some(words.outcome), "{}", span.name);
        let error = words.delivery.map(|_| words.outcome);
        assert_eq!(said("error.type").as_deref(), error, "{}", span.name);
    }
    let lookup = spans.iter().find(|span| span.name == "lookup").unwrap();
    assert_eq!(attribute(&lookup.attributes, "cpis.response_code").as_deref(), Some(words.response_code));
}

fn assert_log(line: &str, words: Words) {
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((line["outcome"].as_str(), line["delivery"].as_str()), (Some(words.outcome), words.delivery), "{line}");
}

/// The series of queries that count something, once there is one: a query outlives a caller whose time was up.
async fn counted(app: &TestApp, service: &Service) -> Vec<String> {
    let began = Instant::now();
    loop {
        let page = app.send(app.http.get(format!("{}/metrics", service.admin)), &[]).await.text;
        let lines = page.lines().filter(|line| line.starts_with("cpis_lookups_total{") && !line.ends_with(" 0"));
        let counted: Vec<String> = lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect();
        if !counted.is_empty() {
            return counted;
        }
        assert!(began.elapsed() < Duration::from_secs(15), "no query is counted: {page}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn series(words: Words) -> String {
    let delivery = words.delivery.map(|delivery| format!(r#"delivery="{delivery}","#)).unwrap_or_default();
    let Words { outcome, response_code, .. } = words;
    format!(r#"cpis_lookups_total{{{delivery}outcome="{outcome}",response_code="{response_code}"}}"#)
}

/// The one entry that says how the query ended.
fn assert_trail(lines: &str, words: Words) {
    let entries = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["entry"].clone());
    let ends: Vec<Value> = entries.filter(|entry| !entry["look"].is_null() && !entry["upshot"].is_null()).collect();
    assert_eq!(ends.len(), 1, "{ends:?}");
    let (entry, upshot) = (&ends[0], &ends[0]["upshot"]);
    assert_eq!(entry["event"], words.event);
    assert_eq!((upshot["outcome"].as_str(), upshot["delivery"].as_str()), (Some(words.outcome), words.delivery), "{entry}");
    if words.response_code.starts_with("SMSP") {
        assert_eq!(upshot["response_code"], words.response_code);
    }
}

fn assert_audit_event(lines: &str, words: Words) {
    let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let description = format!("{}: {}", words.event, words.outcome);
    let event = events.into_iter().find(|event| event["outcomeDesc"] == description.as_str());
    let event = event.unwrap_or_else(|| panic!("{description} in {lines}"));
    let details = event["entity"].as_array().unwrap().iter().flat_map(|entity| entity["detail"].as_array().into_iter().flatten());
    let delivery = details.into_iter().find(|detail| detail["type"] == "delivery");
    assert_eq!(delivery.and_then(|detail| detail["valueString"].as_str()), words.delivery, "{event}");
}

fn exported(trail: &TrailFolder, format: &str) -> String {
    let out = trail.file(format);
    let output = trail.audit(&["export", "--format", format, "--out", &out.display().to_string()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(out).unwrap()
}
