//! What is sampled, and what is switched off.

use super::collector::{Collector, Manner, Received, borrowed, hex};
use super::traces::{CALLER, TRACE, trace, traceparent};
use crate::common::{GOOD_CHILD, TestApp};

async fn app(collector: &Collector, more: &[(&str, &str)]) -> TestApp {
    let mut variables = collector.variables();
    variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    TestApp::with(&borrowed(&variables)).await
}

const NEVER: [(&str, &str); 2] = [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0")];

#[tokio::test(flavor = "multi_thread")]
async fn with_a_ratio_of_none_no_span_is_sent_but_metrics_and_logs_are() {
    let collector = Collector::start(Manner::Takes).await;
    let mut app = app(&collector, &NEVER).await;
    app.assert_well("start").await;
    collector.until("log", |received| received.records().into_iter().find(|record| !record.trace_id.is_empty())).await;
    collector.until("metric", |received| (!received.metric_names().is_empty()).then_some(())).await;
    let sent = app.last_request().await;
    assert!(sent.lines().any(|line| line.starts_with("traceparent: 00-") && line.ends_with("-00")), "{sent}");
    assert_eq!(tokio::task::block_in_place(|| app.service.stop()), Some(0));
    assert!(collector.look(Received::spans).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_samples_is_followed_and_one_that_does_not_too() {
    let collector = Collector::start(Manner::Takes).await;
    let app = app(&collector, &NEVER).await;
    let unsampled = format!("00-{}-{CALLER}-00", "2".repeat(32));
    app.get_with("Flag?patient=9990000018", &[("traceparent", &unsampled)]).await;
    assert!(app.last_request().await.contains(&format!("\ntraceparent: 00-{}-", "2".repeat(32))));
    app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("traceparent", &traceparent())]).await;
    trace(&collector).await;
    assert!(collector.look(Received::spans).iter().all(|span| hex(&span.trace_id) == TRACE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_sdk_sends_nothing_and_serves_as_before() {
    let collector = Collector::start(Manner::Takes).await;
    let mut app = app(&collector, &[("OTEL_SDK_DISABLED", "true")]).await;
    app.assert_well("start").await;
    let page = app.send(app.http.get(format!("{}/metrics", app.service.admin)), &[]).await;
    assert!(page.text.contains("cpis_lookups_total{"), "the page does not go out: it is fetched");
    assert_eq!(tokio::task::block_in_place(|| app.service.stop()), Some(0));
    assert!(collector.look(|received| received.raw.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_signal_can_be_switched_off() {
    let collector = Collector::start(Manner::Takes).await;
    let mut app = app(&collector, &[("OTEL_LOGS_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")]).await;
    app.assert_well("start").await;
    assert_eq!(tokio::task::block_in_place(|| app.service.stop()), Some(0));
    let (spans, metrics, logs) = collector.look(|received| (received.spans(), received.metric_names(), received.records()));
    assert!(!spans.is_empty() && metrics.is_empty() && logs.is_empty(), "what waits is sent at the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_is_said_by_the_environment_and_has_a_name_without_it() {
    let collector = Collector::start(Manner::Takes).await;
    let app = app(&collector, &[("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=rehearsal%2C%20east,team=100%")]).await;
    app.assert_well("start").await;
    trace_resource(&collector, "service.name", "cpis-fhir").await;
    trace_resource(&collector, "service.version", env!("CARGO_PKG_VERSION")).await;
    trace_resource(&collector, "deployment.environment.name", "rehearsal, east").await;
    app.service.line_with("OTEL_RESOURCE_ATTRIBUTES: some are not key=value");
}

async fn trace_resource(collector: &Collector, key: &str, value: &str) {
    let said = collector
        .until(key, |received| {
            let resource = received.traces.first()?.resource_spans.first()?.resource.as_ref()?;
            super::collector::attribute(&resource.attributes, key)
        })
        .await;
    assert_eq!(said, value);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_can_be_compressed() {
    let collector = Collector::start(Manner::Takes).await;
    let mut app = app(&collector, &[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")]).await;
    app.assert_well("start").await;
    assert_eq!(tokio::task::block_in_place(|| app.service.stop()), Some(0));
    let (spans, heads) =
        collector.look(|received| (received.spans(), String::from_utf8_lossy(&received.raw.concat()).into_owned()));
    assert!(!spans.is_empty() && heads.to_lowercase().contains("content-encoding: gzip"));
}
