//! The page for Prometheus.

use super::collector::{Collector, Manner, borrowed};
use super::traces::{TRACE, traceparent};
use crate::common::{GOOD_CHILD, Got, TestApp};
use cpis_fhir::simulator::scenario::Scenario;
use std::time::Duration;

/// What dashboards and alerts of the chart are made of: the first word of each line that is not for people alone.
fn names() -> Vec<&'static str> {
    let lines = include_str!("../../../helm/cpis-fhir/metrics.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_whitespace().next()).collect()
}

/// Of these there is nothing to measure here: the demo has no issuer, and nothing is sent to a collector.
const EMPTY_IN_A_DEMO: [&str; 2] = ["cpis_issuer_key_age_seconds", "cpis_telemetry_dropped_total"];

async fn page(app: &TestApp) -> Got {
    app.send(app.http.get(format!("{}/metrics", app.service.admin)), &[]).await
}

/// As Prometheus asks for it.
async fn openmetrics(app: &TestApp) -> Got {
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    app.send(app.http.get(format!("{}/metrics", app.service.admin)), &[("Accept", accept)]).await
}

/// The value of the one series whose name and labels are `series`.
fn value(page: &str, series: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} in {page}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_name_that_is_promised_is_on_the_page_with_a_value() {
    let app = TestApp::open().await;
    app.assert_well("start").await;
    let page = page(&app).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/plain; version=0.0.4; charset=utf-8")));
    assert_eq!(names().len(), 32);
    for name in names() {
        assert!(page.text.contains(&format!("# TYPE {name} ")), "{name} in {}", page.text);
        let has_value = page.text.lines().any(|line| {
            let series = line.split(['{', ' ']).next().unwrap_or_default();
            [name.to_owned(), format!("{name}_count")].contains(&series.to_owned())
        });
        let may_be_empty = EMPTY_IN_A_DEMO.contains(&name);
        assert!(has_value != may_be_empty, "{name} in {}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_looks_and_phases_are_counted_by_name() {
    let app = TestApp::open().await;
    app.look(GOOD_CHILD).await;
    app.look(GOOD_CHILD).await;
    app.look("9990000026").await;
    app.look("4444444444").await;
    app.get("Flag/9990000018").await;
    let page = page(&app).await.text;
    let counted = [
        (
            r#"http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="/FHIR/R4/Flag"}"#,
            3.0,
        ),
        (
            r#"http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="503",http_route="/FHIR/R4/Flag"}"#,
            1.0,
        ),
        (
            r#"http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="404",http_route="/FHIR/R4/Flag/{id}"}"#,
            1.0,
        ),
        (r#"cpis_lookups_total{outcome="found",response_code="success"}"#, 1.0),
        (r#"cpis_lookups_total{outcome="no-record",response_code="success"}"#, 1.0),
        (r#"cpis_lookups_total{delivery="none",outcome="spine-unreachable",response_code="SMSP-0004"}"#, 1.0),
        (r#"cpis_smsp_phase_duration_seconds_count{phase="connect"}"#, 1.0),
        (r#"cpis_smsp_phase_duration_seconds_count{phase="tls"}"#, 1.0),
        (r#"cpis_smsp_phase_duration_seconds_count{phase="wait"}"#, 3.0),
        (r#"cpis_smsp_phase_duration_seconds_count{phase="queue"}"#, 3.0),
        ("cpis_notifications_caused_total", 1.0),
        ("cpis_notifications_saved_total", 1.0),
        ("cpis_trail_failing", 0.0),
        ("cpis_trail_owed", 0.0),
        ("cpis_lookup_in_flight", 0.0),
        ("cpis_breaker_state", 0.0),
        ("cpis_panics_total", 0.0),
        // The scrape itself.
        (r#"http_server_active_requests{http_request_method="GET"}"#, 1.0),
        (concat!(r#"cpis_build_info{revision="unknown",version=""#, env!("CARGO_PKG_VERSION"), r#""}"#), 1.0),
    ];
    for (series, wanted) in counted {
        assert!((value(&page, series) - wanted).abs() < 0.5, "{series} in {page}");
    }
    // Started; asked and answered three times; shared; not held.
    assert!(value(&page, "cpis_trail_entries_total") >= 8.0 && value(&page, "cpis_trail_commit_duration_seconds_count") >= 8.0);
    assert!(value(&page, r#"cpis_certificate_days_left{certificate="smsp-client"}"#) > 0.0);
    assert!(page.contains(r#"http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="200",http_route="/FHIR/R4/Flag",le="0.001"}"#), "{page}");
    assert!(page.contains(r#"le="60""#));
}

/// An alert must see the first of each as a rise.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_not_happened_yet_is_0_and_its_first_event_adds_no_series() {
    let app = TestApp::open().await;
    let before = page(&app).await.text;
    for series in [
        r#"cpis_lookups_total{outcome="found",response_code="success"}"#,
        r#"cpis_lookups_total{outcome="no-record",response_code="success"}"#,
        r#"cpis_lookups_total{delivery="maybe",outcome="unreadable",response_code="none"}"#,
        r#"cpis_lookups_total{delivery="maybe",outcome="timeout",response_code="none"}"#,
        r#"cpis_lookups_total{delivery="maybe",outcome="author-credentials",response_code="SMSP-0005"}"#,
        r#"cpis_lookups_total{delivery="none",outcome="not-connected",response_code="none"}"#,
        r#"cpis_lookups_total{delivery="none",outcome="spine-unreachable",response_code="SMSP-0004"}"#,
        r#"cpis_requests_refused_total{reason="token-expired"}"#,
        r#"cpis_requests_refused_total{reason="throttled"}"#,
        r#"cpis_connections_ended_total{reason="unread"}"#,
        "cpis_notifications_caused_total",
        "cpis_notifications_saved_total",
        "cpis_lookups_repeated_total",
        "cpis_lookup_shed_total",
        "cpis_lookup_unshared_total",
        "cpis_panics_total",
        "cpis_certificate_reload_errors_total",
    ] {
        assert!(value(&before, series).abs() < 0.5, "{series} in {before}");
    }
    app.look("4444444444").await;
    for child in Scenario::built_in().children().map(|(number, _)| number.digits().to_owned()) {
        let timeout = Duration::from_secs(3);
        let _ = app.http.get(app.fhir(&format!("Flag?patient={child}"))).timeout(timeout).send().await;
    }
    app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("IsUnscheduledAccessEvent", "false")]).await;
    let after = page(&app).await.text;
    assert!(value(&after, r#"cpis_requests_refused_total{reason="scheduled-care"}"#) > 0.5, "{after}");
    let counted = |page: &str, name: &str| page.lines().filter(|line| line.starts_with(&format!("{name}{{"))).count();
    for name in ["cpis_lookups_total", "cpis_requests_refused_total"] {
        assert_eq!(counted(&after, name), counted(&before, name), "{after}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_is_seen_as_the_kernel_sees_it() {
    let app = TestApp::open().await;
    app.assert_well("start").await;
    let page = page(&app).await.text;
    let status = std::fs::read_to_string(format!("/proc/{}/status", app.service.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident: f64 = line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0;
    let said = value(&page, "process_resident_memory_bytes");
    assert!((resident / 2.0..resident * 2.0).contains(&said), "{said} and {resident}");
    let began = value(&page, "process_start_time_seconds");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - 60.0..now + 2.0).contains(&began), "{began} and {now}");
    assert!(value(&page, "process_open_fds") >= 8.0 && value(&page, "process_cpu_seconds_total") > 0.0, "{page}");
    assert!(value(&page, "process_max_fds") > value(&page, "process_open_fds"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_callers_send_adds_no_label() {
    let app = TestApp::open().await;
    app.look(GOOD_CHILD).await;
    let series = |page: &str| page.lines().filter(|line| line.starts_with("http_server_request_duration_seconds_count")).count();
    for n in 0..20 {
        app.get(&format!("Flag/id-{n}-9990000018")).await;
        app.get(&format!("Unknown{n}")).await;
        let method = reqwest::Method::from_bytes(format!("M{n}").as_bytes()).unwrap();
        app.send(app.http.request(method, app.fhir("Flag")), &[]).await;
    }
    let text = page(&app).await.text;
    assert_eq!(series(&text), 4, "{text}");
    assert!(text.contains(r#"http_request_method="_OTHER""#));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_listener_has_no_such_page() {
    let app = TestApp::open().await;
    let got = app.send(app.http.get(format!("{}/metrics", app.service.public)), &[]).await;
    assert_eq!((got.status, got.issue().as_str()), (404, "not-found"));
    assert_eq!(page(&app).await.status, 200);
}

/// The exemplars on buckets of `series`, a name with its labels without the closing bracket: value and trace.
fn exemplars(page: &str, series: &str) -> Vec<(f64, String)> {
    let of_series = page.lines().filter(|line| line.starts_with(series));
    let exemplars = of_series.filter_map(|line| {
        let (_, exemplar) = line.split_once(r#" # {trace_id=""#)?;
        let (trace, value) = exemplar.split_once(r#""} "#)?;
        Some((value.split(' ').next()?.parse().unwrap(), trace.to_owned()))
    });
    exemplars.collect()
}

const FLAG: &str = r#"http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="200",http_route="/FHIR/R4/Flag","#;
const WAIT: &str = r#"cpis_smsp_phase_duration_seconds_bucket{phase="wait","#;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_traced_stands_as_the_exemplar_of_its_bucket() {
    let collector = Collector::start(Manner::Takes).await;
    let app = TestApp::with(&borrowed(&collector.variables())).await;
    app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("traceparent", &traceparent())]).await;
    let got = openmetrics(&app).await;
    let wanted = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!((got.status, got.header("content-type")), (200, Some(wanted)));
    let page = got.text;
    assert!(page.ends_with("\n# EOF\n") && page.contains("\n# TYPE cpis_lookups counter\n"), "{page}");
    for series in [FLAG, WAIT] {
        let exemplars = exemplars(&page, series);
        assert_eq!(exemplars.len(), 1, "{series} in {page}");
        assert_eq!(exemplars[0].1, TRACE);
        // It is on the bucket that it was counted in: no bucket before it has counted anything.
        let line = page.lines().find(|line| line.starts_with(series) && line.contains("trace_id")).unwrap();
        let bound: f64 = line.split_once("le=\"").unwrap().1.split('"').next().unwrap().parse().unwrap();
        assert!(exemplars[0].0 <= bound && line.contains("} 1 # {"), "{line}");
        let before = page.lines().take_while(|earlier| *earlier != line).filter(|earlier| earlier.starts_with(series));
        assert!(before.into_iter().all(|earlier| earlier.ends_with(" 0")), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_traced_request_of_a_bucket_is_its_exemplar() {
    let collector = Collector::start(Manner::Takes).await;
    let app = TestApp::with(&borrowed(&collector.variables())).await;
    app.look(GOOD_CHILD).await;
    // All of them are answered from the sharing window, so that some must fall into one bucket.
    let traces: Vec<String> = (1..=40).map(|n| format!("{n:032x}")).collect();
    for trace in &traces {
        let traceparent = traceparent().replace(TRACE, trace);
        app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("traceparent", &traceparent)]).await;
    }
    let exemplars = exemplars(&openmetrics(&app).await.text, FLAG);
    assert!(exemplars.len() < 17 && exemplars.iter().any(|(_, trace)| trace == traces.last().unwrap()), "{exemplars:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_exported_is_no_exemplar() {
    let collector = Collector::start(Manner::Takes).await;
    let mut never = collector.variables();
    never.extend([("OTEL_TRACES_SAMPLER", "always_off")].map(|(name, value)| (name.to_owned(), value.to_owned())));
    for variables in [never, Vec::new()] {
        let app = TestApp::with(&borrowed(&variables)).await;
        app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("traceparent", &traceparent())]).await;
        let page = openmetrics(&app).await.text;
        assert!(page.contains(&format!(r#"{FLAG}le="60.0"}} 1"#)) && page.ends_with("\n# EOF\n"), "{page}");
        assert!(!page.contains("trace_id"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_formats_have_the_same_names_and_text_has_no_exemplars() {
    let collector = Collector::start(Manner::Takes).await;
    let app = TestApp::with(&borrowed(&collector.variables())).await;
    app.look(GOOD_CHILD).await;
    let (text, open) = (page(&app).await, openmetrics(&app).await.text);
    assert_eq!(text.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = text.text;
    assert!(!text.contains(" # {") && !text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
    assert!(text.contains("# TYPE cpis_lookups_total counter"), "{text}");
    let samples = |page: &str| -> std::collections::BTreeSet<String> {
        let lines = page.lines().filter(|line| !line.starts_with('#') && !line.contains("/metrics"));
        lines.map(|line| line.split(' ').next().unwrap().replace(".0\"}", "\"}")).collect()
    };
    assert_eq!(samples(&text), samples(&open));
}
