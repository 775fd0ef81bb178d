use super::*;
use opentelemetry::TraceId;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram};
use std::time::{Duration, SystemTime};

fn label(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn counter(labels: Vec<LabelPair>, value: f64) -> Metric {
    let (mut metric, mut counter) = (Metric::from_label(labels), Counter::default());
    counter.set_value(value);
    metric.set_counter(counter);
    metric
}

fn gauge(value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    Metric::from_gauge(gauge)
}

fn histogram(labels: Vec<LabelPair>, buckets: &[(f64, u64)], count: u64, sum: f64) -> Metric {
    let (mut metric, mut histogram) = (Metric::from_label(labels), Histogram::default());
    let buckets = buckets.iter().map(|&(bound, count)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(count);
        bucket
    });
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(count);
    histogram.set_sample_sum(sum);
    metric.set_histogram(histogram);
    metric
}

fn page(families: &[MetricFamily]) -> String {
    write(families, std::iter::empty(), &SeriesExemplars::new())
}

#[test]
fn a_counters_family_has_no_suffix_and_its_samples_do() {
    let counted = family("looks_total", "Looks", MetricType::COUNTER, vec![counter(vec![label("a", "b")], 3.0)]);
    assert_eq!(page(&[counted]), "# TYPE looks counter\n# HELP looks Looks\nlooks_total{a=\"b\"} 3\n# EOF\n");
}

#[test]
fn a_unit_is_said_where_the_family_ends_with_it() {
    for (name, kind, unit) in [
        ("process_cpu_seconds_total", MetricType::COUNTER, Some("# UNIT process_cpu_seconds seconds\n")),
        ("resident_bytes", MetricType::GAUGE, Some("# UNIT resident_bytes bytes\n")),
        ("certificate_days_left", MetricType::GAUGE, None),
        ("milliseconds", MetricType::GAUGE, None),
    ] {
        let text = page(&[family(name, "", kind, Vec::new())]);
        assert_eq!(text.contains("# UNIT"), unit.is_some(), "{text}");
        assert!(unit.is_none_or(|unit| text.contains(unit)), "{text}");
    }
}

#[test]
fn quotes_backslashes_and_lines_are_escaped_in_labels_and_help() {
    let odd = "a\\b\"c\nd";
    let text = page(&[family("x_total", odd, MetricType::COUNTER, vec![counter(vec![label("l", odd)], 1.0)])]);
    assert_eq!(text, "# TYPE x counter\n# HELP x a\\\\b\\\"c\\nd\nx_total{l=\"a\\\\b\\\"c\\nd\"} 1\n# EOF\n");
}

#[test]
fn numbers_without_end_have_their_own_words() {
    for (value, text) in [(f64::INFINITY, "+Inf"), (f64::NEG_INFINITY, "-Inf"), (f64::NAN, "NaN"), (0.25, "0.25"), (-7.0, "-7")] {
        assert!(page(&[family("x", "", MetricType::GAUGE, vec![gauge(value)])]).contains(&format!("\nx {text}\n")));
    }
}

#[test]
fn a_bucket_names_its_trace_what_was_measured_and_when() {
    let labels = vec![label("phase", "wait")];
    let measured = histogram(labels.clone(), &[(0.5, 1), (1.0, 1)], 3, 9.25);
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_007);
    let trace = TraceId::from_hex("0af7651916cd43dd8448eb211c80319c").unwrap();
    let exemplar = |value| Some(Exemplar { trace, value, at });
    let exemplars = SeriesExemplars::from([(series("x_seconds", &labels), vec![exemplar(0.123), None, exemplar(6.5)])]);
    let text = write(&[family("x_seconds", "", MetricType::HISTOGRAM, vec![measured])], std::iter::empty(), &exemplars);
    let wanted = r#"# TYPE x_seconds histogram
# UNIT x_seconds seconds
x_seconds_bucket{phase="wait",le="0.5"} 1 # {trace_id="0af7651916cd43dd8448eb211c80319c"} 0.123 1700000000.007
x_seconds_bucket{phase="wait",le="1.0"} 1
x_seconds_bucket{phase="wait",le="+Inf"} 3 # {trace_id="0af7651916cd43dd8448eb211c80319c"} 6.5 1700000000.007
x_seconds_sum{phase="wait"} 9.25
x_seconds_count{phase="wait"} 3
# EOF
"#;
    assert_eq!(text, wanted);
}

#[test]
fn exemplars_of_another_series_are_not_its_own() {
    let measured = histogram(vec![label("phase", "wait")], &[(0.5, 1)], 1, 0.1);
    let exemplar = Exemplar { trace: TraceId::from_bytes([1; 16]), value: 0.1, at: SystemTime::now() };
    let others = SeriesExemplars::from([(series("x", &[label("phase", "read")]), vec![Some(exemplar), None])]);
    let text = write(&[family("x", "", MetricType::HISTOGRAM, vec![measured])], std::iter::empty(), &others);
    assert!(!text.contains("trace_id"), "{text}");
}

#[test]
fn what_has_no_value_yet_stands_with_its_type_before_the_end() {
    let text = write(&[], [("refused_total", "counter")].into_iter(), &SeriesExemplars::new());
    assert_eq!(text, "# TYPE refused counter\n# EOF\n");
}
