//! The page in OpenMetrics 1.0.0, with exemplars. Neither the `prometheus` crate nor OpenTelemetry's exporter writes it.
//!
//! Source: the OpenMetrics specification, sections "ABNF" and "Metric Types".

use crate::telemetry::metrics::Exemplar;
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::UNIX_EPOCH;

/// The exemplars of each series, by its name and labels as [`series`] writes them: one slot per bucket, the last for +Inf.
pub(in crate::telemetry) type SeriesExemplars = HashMap<String, Vec<Option<Exemplar>>>;

/// Writes `families`, then the types of `absent`, which have no measurement yet.
pub(super) fn write<'a>(
    families: &[MetricFamily],
    absent: impl Iterator<Item = (&'a str, &'a str)>,
    exemplars: &SeriesExemplars,
) -> String {
    let mut text = String::with_capacity(16 * 1024);
    for family in families {
        let kind = match family.get_field_type() {
            MetricType::COUNTER => "counter",
            MetricType::GAUGE => "gauge",
            MetricType::HISTOGRAM => "histogram",
            // We have no metric of this type.
            MetricType::SUMMARY | MetricType::UNTYPED => continue,
        };
        head(&mut text, family.name(), kind, family.help());
        for metric in family.get_metric() {
            match family.get_field_type() {
                MetricType::COUNTER => {
                    let name = format!("{}_total", base(family.name(), kind));
                    sample(&mut text, &series(&name, metric.get_label()), metric.get_counter().get_value());
                }
                MetricType::HISTOGRAM => histogram(&mut text, family.name(), metric, exemplars),
                _ => sample(&mut text, &series(family.name(), metric.get_label()), metric.get_gauge().get_value()),
            }
        }
    }
    for (name, kind) in absent {
        head(&mut text, name, kind, "");
    }
    text.push_str("# EOF\n");
    text
}

/// The family's name: a counter's ends before `_total`, which only its samples have.
fn base<'n>(name: &'n str, kind: &str) -> &'n str {
    if kind == "counter" { name.strip_suffix("_total").unwrap_or(name) } else { name }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let name = base(name, kind);
    let _ = writeln!(text, "# TYPE {name} {kind}");
    // OpenMetrics wants the unit at the end of the family's name.
    if let Some(unit) = ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(&format!("_{unit}"))) {
        let _ = writeln!(text, "# UNIT {name} {unit}");
    }
    if !help.is_empty() {
        let _ = writeln!(text, "# HELP {name} {}", escaped(help));
    }
}

fn histogram(text: &mut String, name: &str, metric: &Metric, exemplars: &SeriesExemplars) {
    let (labels, histogram) = (metric.get_label(), metric.get_histogram());
    let known = exemplars.get(&series(name, labels)).map_or(&[][..], Vec::as_slice);
    let bounded = histogram.get_bucket().iter().map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()));
    let buckets = bounded.filter(|(bound, _)| bound.is_finite()).chain([(f64::INFINITY, histogram.get_sample_count())]);
    for (at, (bound, count)) in buckets.enumerate() {
        let mut bucket = LabelPair::default();
        bucket.set_name("le".to_owned());
        bucket.set_value(bound_text(bound));
        let with_bound = [labels, &[bucket]].concat();
        let _ = write!(text, "{} {count}", series(&format!("{name}_bucket"), &with_bound));
        if let Some(exemplar) = known.get(at).and_then(Option::as_ref) {
            write_exemplar(text, exemplar);
        }
        text.push('\n');
    }
    sample(text, &series(&format!("{name}_sum"), labels), histogram.get_sample_sum());
    let _ = writeln!(text, "{} {}", series(&format!("{name}_count"), labels), histogram.get_sample_count());
}

/// A trace's id, what was measured, and when, in seconds.
fn write_exemplar(text: &mut String, exemplar: &Exemplar) {
    let at = exemplar.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, milliseconds) = (at.as_secs(), at.subsec_millis());
    let _ = write!(text, " # {{trace_id=\"{}\"}} {} {seconds}.{milliseconds:03}", exemplar.trace, number(exemplar.value));
}

fn sample(text: &mut String, series: &str, value: f64) {
    let _ = writeln!(text, "{series} {}", number(value));
}

/// A name with its labels, in the order in which they come.
pub(in crate::telemetry) fn series(name: &str, labels: &[LabelPair]) -> String {
    let mut text = name.to_owned();
    for (at, label) in labels.iter().enumerate() {
        let before = if at == 0 { '{' } else { ',' };
        let _ = write!(text, "{before}{}=\"{}\"", label.name(), escaped(label.value()));
    }
    if !labels.is_empty() {
        text.push('}');
    }
    text
}

/// Inside quotes, and in a help text, these three are escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

fn number(value: f64) -> String {
    if value.is_infinite() { if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned() } else { value.to_string() }
}

/// A bucket's bound. A whole number keeps its decimal point, so that every program writes the same label.
fn bound_text(bound: f64) -> String {
    if bound.is_finite() && bound.fract() == 0.0 { format!("{bound:.1}") } else { number(bound) }
}

#[cfg(test)]
mod tests;
