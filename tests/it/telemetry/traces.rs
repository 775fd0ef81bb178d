//! One look is one trace, from the caller to the SMSP.

use super::collector::{Collector, Manner, Received, attribute, borrowed, hex};
use crate::common::children::slow;
use crate::common::{GOOD_CHILD, TestApp};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use serde_json::Value;

pub const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
pub const CALLER: &str = "b7ad6b7169203331";

pub fn traceparent() -> String {
    format!("00-{TRACE}-{CALLER}-01")
}

/// The spans of the caller's trace, once its request has ended.
pub async fn trace(collector: &Collector) -> Vec<Span> {
    let of_trace =
        |received: &Received| -> Vec<Span> { received.spans().into_iter().filter(|span| hex(&span.trace_id) == TRACE).collect() };
    collector
        .until("whole trace", |received| {
            let spans = of_trace(received);
            spans.iter().any(|span| span.kind() == SpanKind::Server).then_some(spans)
        })
        .await
}

fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} in {:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>());
    found[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_look_is_one_trace_with_every_span_joined_to_the_callers() {
    let collector = Collector::start(Manner::Takes).await;
    let app = TestApp::with(&borrowed(&collector.variables())).await;
    let headers = [
        ("traceparent", traceparent()),
        ("tracestate", "vendor=9990000018".to_owned()),
        ("baggage", "nhs=9990000018".to_owned()),
        ("X-Request-ID", "60E0B220-8136-4CA5-AE46-1D97EF59D068".to_owned()),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let got = app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &headers).await;
    assert_eq!(got.status, 200, "{}", got.text);

    let spans = trace(&collector).await;
    let server = named(&spans, "GET /FHIR/R4/Flag");
    assert_eq!(hex(&server.parent_span_id), CALLER);
    for (parent, name) in [
        ("GET /FHIR/R4/Flag", "access"),
        ("GET /FHIR/R4/Flag", "search"),
        ("GET /FHIR/R4/Flag", "lookup"),
        ("GET /FHIR/R4/Flag", "translation.fhir"),
        ("lookup", "POST"),
        ("lookup", "translation.hl7v3"),
        ("POST", "smsp.connect"),
        ("POST", "smsp.tls"),
        ("POST", "smsp.send"),
        ("POST", "smsp.wait"),
        ("POST", "smsp.read"),
    ] {
        assert_eq!(hex(&named(&spans, name).parent_span_id), hex(&named(&spans, parent).span_id), "{name} is not in {parent}");
        assert!(named(&spans, name).end_time_unix_nano >= named(&spans, name).start_time_unix_nano);
    }
    let entries: Vec<_> = spans.iter().filter(|span| span.name == "audit.commit").collect();
    let said = |span: &&Span| attribute(&span.attributes, "cpis.audit.event").unwrap();
    assert_eq!(entries.iter().map(said).collect::<Vec<_>>(), ["asked", "answered"], "in the order in which they ended");
    assert!(entries.iter().all(|span| span.parent_span_id == named(&spans, "lookup").span_id));
    assert!(entries[0].end_time_unix_nano <= named(&spans, "POST").start_time_unix_nano, "no record, no query");
    assert_eq!(spans.len(), 14, "{:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>());
    assert!(spans.iter().all(|span| span.trace_state.is_empty()));

    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/FHIR/R4/Flag"),
        ("http.response.status_code", "200"),
        ("url.scheme", "http"),
        ("network.protocol.version", "1.1"),
        ("cpis.outcome", "found"),
    ] {
        assert_eq!(attribute(&server.attributes, key).as_deref(), Some(value), "{key}");
    }
    let lookup = named(&spans, "lookup");
    assert_eq!(attribute(&lookup.attributes, "cpis.lookup.answered_by").as_deref(), Some("asked"));
    assert_eq!(attribute(&lookup.attributes, "cpis.response_code").as_deref(), Some("success"));
    let client = named(&spans, "POST");
    assert_eq!((client.kind(), server.kind()), (SpanKind::Client, SpanKind::Server));
    let smsp = reqwest::Url::parse(&app.simulator.url()).unwrap();
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.response.status_code", "200"),
        ("network.protocol.version", "1.1"),
        ("server.address", smsp.host_str().unwrap()),
        ("server.port", &smsp.port().unwrap().to_string()),
    ] {
        assert_eq!(attribute(&client.attributes, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(attribute(&client.attributes, "error.type"), None);

    let sent = app.last_request().await;
    assert!(sent.contains(&format!("\ntraceparent: 00-{TRACE}-{}-01\n", hex(&client.span_id))), "{sent}");
    assert!(!sent.contains("tracestate") && !sent.contains("baggage") && !sent.contains(CALLER));

    let record = collector
        .until("log record", |received| {
            let is_it = |key: &str| key == "60E0B220-8136-4CA5-AE46-1D97EF59D068";
            received.records().into_iter().find(|record| attribute(&record.attributes, "request_id").is_some_and(|id| is_it(&id)))
        })
        .await;
    assert_eq!((hex(&record.trace_id).as_str(), hex(&record.span_id)), (TRACE, hex(&server.span_id)));
    collector.until("metric", |received| received.metric_names().contains(&"cpis.lookups".to_owned()).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_the_log_has_the_trace_the_outcome_the_durations_and_who_asked() {
    let collector = Collector::start(Manner::Takes).await;
    let app = TestApp::with(&borrowed(&collector.variables())).await;
    app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("traceparent", &traceparent())]).await;
    let server = trace(&collector).await.into_iter().find(|span| span.kind() == SpanKind::Server).unwrap();
    let line: Value = serde_json::from_str(&app.service.line_with("cpis_fhir::request")).unwrap();
    for (key, value) in [
        ("trace_id", TRACE),
        ("span_id", &hex(&server.span_id)),
        ("method", "GET"),
        ("route", "/FHIR/R4/Flag"),
        ("resource", "Flag"),
        ("outcome", "found"),
        ("organisation", "RX1"),
        ("role", "R0260"),
    ] {
        assert_eq!(line[key], value, "{key} in {line}");
    }
    let duration = |key: &str| line[key].as_u64().unwrap_or_else(|| panic!("{key} in {line}"));
    assert!(duration("smsp_ms") <= duration("lookup_ms") && duration("lookup_ms") <= duration("duration_ms"), "{line}");
    assert_eq!(line["status"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_look_connects_to_nothing_and_a_shared_one_asks_nobody() {
    let collector = Collector::start(Manner::Takes).await;
    let app = TestApp::with(&borrowed(&collector.variables())).await;
    app.look("9990000018").await;
    app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("traceparent", &traceparent())]).await;
    let spans = trace(&collector).await;
    named(&spans, "smsp.wait");
    assert!(!spans.iter().any(|span| span.name == "smsp.connect" || span.name == "smsp.tls"), "the connection was there");

    let other = traceparent().replace(TRACE, &"1".repeat(32));
    app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("traceparent", &other)]).await;
    let shared = collector
        .until("second trace", |received| {
            let spans: Vec<_> = received.spans().into_iter().filter(|span| hex(&span.trace_id) == "1".repeat(32)).collect();
            spans.iter().any(|span| span.kind() == SpanKind::Server).then_some(spans)
        })
        .await;
    assert!(!shared.iter().any(|span| span.name == "POST"));
    let links = &named(&shared, "lookup").links;
    assert_eq!(links.iter().map(|link| hex(&link.trace_id)).collect::<Vec<_>>(), [TRACE], "it links to the look that it shares");
    assert_eq!(attribute(&named(&shared, "lookup").attributes, "cpis.lookup.answered_by").as_deref(), Some("shared"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_look_is_an_error_in_its_spans_by_name() {
    let collector = Collector::start(Manner::Takes).await;
    let app = TestApp::with(&borrowed(&collector.variables())).await;
    let got = app.get_with("Flag?patient=4444444444", &[("traceparent", &traceparent())]).await;
    assert_eq!(got.status, 503, "{}", got.text);
    let spans = trace(&collector).await;
    for name in ["GET /FHIR/R4/Flag", "lookup"] {
        let span = named(&spans, name);
        assert_eq!(span.status.as_ref().unwrap().code(), StatusCode::Error);
        assert_eq!(attribute(&span.attributes, "error.type").as_deref(), Some("spine-unreachable"));
    }
    assert_eq!(attribute(&named(&spans, "lookup").attributes, "cpis.response_code").as_deref(), Some("SMSP-0004"));
}

/// As the conventions for HTTP clients have it: a status of 400 and more, and what was given up.
#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_came_to_nothing_is_an_error_in_the_trace() {
    for (child, error_type) in [("9990000794", "429"), (NEVER_ANSWERED, "timeout")] {
        let collector = Collector::start(Manner::Takes).await;
        let mut settings = collector.variables();
        let soon = [("SMSP__CONNECT_TIMEOUT", "300ms"), ("SMSP__TIMEOUT", "500ms"), ("SMSP__LATE_TIMEOUT", "500ms")];
        settings.extend(soon.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let app = TestApp::with(&borrowed(&settings)).await;
        app.get_with(&format!("Flag?patient={child}"), &[("traceparent", &traceparent())]).await;
        let client = collector
            .until("exchange", |received| received.spans().into_iter().find(|span| span.kind() == SpanKind::Client))
            .await;
        assert_eq!(attribute(&client.attributes, "error.type").as_deref(), Some(error_type), "{child}");
        assert_eq!(client.status.as_ref().unwrap().code(), StatusCode::Error, "{child}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_traceparent_begins_a_trace_of_its_own() {
    let collector = Collector::start(Manner::Takes).await;
    let app = TestApp::with(&borrowed(&collector.variables())).await;
    app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("traceparent", "00-9990000018-9990000018-01")]).await;
    let server = collector
        .until("server span", |received| received.spans().into_iter().find(|span| span.kind() == SpanKind::Server))
        .await;
    assert!(server.parent_span_id.is_empty() && server.trace_id.len() == 16);
    let sent = app.last_request().await;
    assert!(sent.contains(&format!("\ntraceparent: 00-{}-", hex(&server.trace_id))), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_are_not_traced() {
    let collector = Collector::start(Manner::Takes).await;
    let app = TestApp::with(&borrowed(&collector.variables())).await;
    for path in ["/health/ready", "/health/live", "/_ping"] {
        let got = app.send(app.http.get(format!("{}{path}", app.service.public)), &[]).await;
        assert_eq!(got.status, 200);
    }
    app.look(GOOD_CHILD).await;
    collector.until("span of the look", |received| received.spans().into_iter().find(|span| span.name == "lookup")).await;
    assert!(collector.look(Received::spans).iter().all(|span| !span.name.contains("/_ping") && !span.name.contains("/health")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_is_not_told_to_an_smsp_that_shall_not_hear_of_it() {
    let collector = Collector::start(Manner::Takes).await;
    let mut settings = collector.variables();
    settings.push(("SMSP__SEND_TRACEPARENT".to_owned(), "false".to_owned()));
    let app = TestApp::with(&borrowed(&settings)).await;
    app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("traceparent", &traceparent())]).await;
    assert!(!app.last_request().await.contains("traceparent"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_the_callers_trace_is_passed_on_as_it_came() {
    let app = TestApp::open().await;
    app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("traceparent", &traceparent())]).await;
    assert!(app.last_request().await.contains(&format!("\ntraceparent: {}\n", traceparent())));
    app.service.line_with(&format!(r#""trace_id":"{TRACE}""#));
}

/// Of the built-in scenario: the reply never comes.
const NEVER_ANSWERED: &str = "9990000980";

/// The look goes on, and its spans stay those of the request that asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_whose_caller_was_told_that_time_is_up_still_ends_in_its_trace() {
    let collector = Collector::start(Manner::Takes).await;
    let mut settings = collector.variables();
    settings.extend([("SMSP__CONNECT_TIMEOUT", "300ms"), ("SMSP__TIMEOUT", "500ms")].map(|(k, v)| (k.to_owned(), v.to_owned())));
    let app = TestApp::with_scenario(slow("1500ms"), &borrowed(&settings)).await;
    let got = app.get_with("Flag?patient=9990000018", &[("traceparent", &traceparent())]).await;
    assert_eq!(got.status, 504, "{}", got.text);
    let late = collector
        .until("late exchange", |received| {
            received.spans().into_iter().find(|span| span.kind() == SpanKind::Client && hex(&span.trace_id) == TRACE)
        })
        .await;
    let server = named(&trace(&collector).await, "GET /FHIR/R4/Flag").clone();
    assert!(late.end_time_unix_nano > server.end_time_unix_nano + 500_000_000, "the exchange outlived the request");
    assert_eq!(attribute(&server.attributes, "error.type").as_deref(), Some("timeout"));
}
