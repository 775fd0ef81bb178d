//! The metrics as Prometheus reads them, for `GET /metrics` on the admin listener.

mod openmetrics;

pub(super) use openmetrics::{SeriesExemplars, series};

use super::metrics::metrics;
use super::process;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, Registry, TextEncoder};
use std::fmt::Write as _;
use std::sync::OnceLock;

static REGISTRY: OnceLock<Registry> = OnceLock::new();

/// How the page is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageFormat {
    /// The text format of Prometheus: the default.
    Text,
    /// OpenMetrics, which has exemplars.
    OpenMetrics,
}

impl PageFormat {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Every metric that dashboards and alerts may use, with its Prometheus type. The same names as `helm/cpis-fhir/metrics.txt`.
const DECLARED: [(&str, &str); 32] = [
    ("http_server_request_duration_seconds", "histogram"),
    ("http_server_active_requests", "gauge"),
    ("cpis_lookups_total", "counter"),
    ("cpis_notifications_caused_total", "counter"),
    ("cpis_notifications_saved_total", "counter"),
    ("cpis_lookups_repeated_total", "counter"),
    ("cpis_lookup_in_flight", "gauge"),
    ("cpis_lookup_queued", "gauge"),
    ("cpis_lookup_shed_total", "counter"),
    ("cpis_memory_used_bytes", "gauge"),
    ("cpis_memory_limit_bytes", "gauge"),
    ("cpis_lookup_unshared_total", "counter"),
    ("cpis_smsp_phase_duration_seconds", "histogram"),
    ("cpis_breaker_state", "gauge"),
    ("cpis_trail_commit_duration_seconds", "histogram"),
    ("cpis_trail_failing", "gauge"),
    ("cpis_trail_owed", "gauge"),
    ("cpis_trail_entries_total", "counter"),
    ("cpis_certificate_days_left", "gauge"),
    ("cpis_certificate_reload_errors_total", "counter"),
    ("cpis_issuer_key_age_seconds", "gauge"),
    ("cpis_requests_refused_total", "counter"),
    ("cpis_connections_ended_total", "counter"),
    ("cpis_panics_total", "counter"),
    ("cpis_build_info", "gauge"),
    ("cpis_telemetry_dropped_total", "counter"),
    ("cpis_log_lines_dropped_total", "counter"),
    ("process_cpu_seconds_total", "counter"),
    ("process_resident_memory_bytes", "gauge"),
    ("process_open_fds", "gauge"),
    ("process_max_fds", "gauge"),
    ("process_start_time_seconds", "gauge"),
];

/// The registry that the meter provider fills.
pub(super) fn registry() -> &'static Registry {
    REGISTRY.get_or_init(Registry::new)
}

/// All metrics at this moment. A metric without a value yet has only its type.
pub fn page(format: PageFormat) -> String {
    // Exemplars first: each is counted before it is kept, so none names a bucket that is still empty.
    let exemplars = metrics().exemplars();
    let mut families = registry().gather();
    families.extend(process::families());
    let is_absent = |name: &str| !families.iter().any(|family| family.name() == name);
    let absent = DECLARED.into_iter().filter(|(name, _)| is_absent(name));
    match format {
        PageFormat::Text => text(&families, absent),
        PageFormat::OpenMetrics => openmetrics::write(&families, absent, &exemplars),
    }
}

fn text(families: &[MetricFamily], absent: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    let mut text = Vec::with_capacity(16 * 1024);
    // Writing to memory fails only for a malformed family; what was written before it stays.
    if TextEncoder::new().encode(families, &mut text).is_err() {
        tracing::error!(target: "cpis_fhir::telemetry", "a metric cannot be written as text");
    }
    let mut text = String::from_utf8_lossy(&text).into_owned();
    for (name, kind) in absent {
        let _ = writeln!(text, "# TYPE {name} {kind}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_that_dashboards_and_alerts_are_checked_against() {
        // The first word of each line is the name; the rest of the line, and lines with #, are for people.
        let lines = include_str!("../../../helm/cpis-fhir/metrics.txt").lines().filter(|line| !line.starts_with('#'));
        let listed: Vec<&str> = lines.filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(listed, DECLARED.map(|(name, _)| name));
    }
}
