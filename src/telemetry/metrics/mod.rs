//! The instruments. Every label value comes from the code or the settings, so no request can add one.

mod exemplars;
mod observed;

pub(super) use exemplars::Exemplar;
pub use observed::{Breaker, LookupNumbers, TrailNumbers};

use super::delivery::Tally;
use super::exchange::ExchangePhase;
use super::page;
use exemplars::Exemplars;
use observed::ObservedNumbers;
use opentelemetry::metrics::{Counter, Histogram, Meter, UpDownCounter};
use opentelemetry::{KeyValue, TraceId};
use prometheus::proto::LabelPair;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Seconds, from one millisecond to a minute: an answer from the sharing window, a look, a look that ran into its deadline.
static SECONDS: [f64; 16] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0];

static METRICS: OnceLock<Metrics> = OnceLock::new();

/// The metrics of this process. Before [`super::start`] they are exported nowhere.
pub fn metrics() -> &'static Metrics {
    static NOWHERE: OnceLock<Metrics> = OnceLock::new();
    METRICS.get().unwrap_or_else(|| NOWHERE.get_or_init(|| Metrics::new(&opentelemetry::global::meter("nowhere"))))
}

/// Makes `meter`'s instruments those of the process, once.
pub(super) fn install(meter: &Meter) {
    let _ = METRICS.set(Metrics::new(meter));
}

/// Every instrument, under its OpenTelemetry name. `helm/cpis-fhir/metrics.txt` has the Prometheus names.
pub struct Metrics {
    request_duration: Histogram<f64>,
    request_exemplars: Exemplars<RequestSeries>,
    active_requests: UpDownCounter<i64>,
    lookups: Counter<u64>,
    exchange_phase: Histogram<f64>,
    phase_exemplars: Exemplars<&'static str>,
    trail_commit: Histogram<f64>,
    refused: Counter<u64>,
    connections_ended: Counter<u64>,
    panics: Counter<u64>,
    reload_errors: Counter<u64>,
    observed: Arc<ObservedNumbers>,
}

/// The labels of one series of requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct RequestSeries {
    method: &'static str,
    route: Option<Arc<str>>,
    status: u16,
}

/// How one query ended, in words of the chart's `metrics.txt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookupLabels {
    pub outcome: &'static str,
    /// Whether the query may have been delivered; absent if CP-IS answered.
    pub delivery: Option<&'static str>,
    pub response_code: &'static str,
}

/// A request in flight, until this is dropped.
pub(super) struct ActiveRequest(&'static str);

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        metrics().active_requests.add(-1, &[KeyValue::new("http.request.method", self.0)]);
    }
}

impl Metrics {
    fn new(meter: &Meter) -> Self {
        let seconds = |name: &'static str, help: &'static str| {
            meter.f64_histogram(name).with_unit("s").with_description(help).with_boundaries(SECONDS.to_vec()).build()
        };
        // A unit in braces is for people: it is not part of the Prometheus name.
        let counter = |name: &'static str, unit: &'static str, help: &'static str| {
            meter.u64_counter(name).with_unit(unit).with_description(help).build()
        };
        let metrics = Self {
            request_duration: seconds("http.server.request.duration", "Duration of HTTP requests"),
            request_exemplars: Exemplars::new(&SECONDS),
            active_requests: meter
                .i64_up_down_counter("http.server.active_requests")
                .with_unit("{request}")
                .with_description("HTTP requests under way")
                .build(),
            lookups: counter(
                "cpis.lookups",
                "{query}",
                "Queries to the SMSP, by what became of them, whether CP-IS may have heard, and the response code",
            ),
            exchange_phase: seconds("cpis.smsp.phase.duration", "Duration of the phases of exchanges with the SMSP"),
            phase_exemplars: Exemplars::new(&SECONDS),
            trail_commit: seconds("cpis.trail.commit.duration", "Duration of commits of the audit trail"),
            refused: counter("cpis.requests.refused", "{request}", "Requests that were refused for who asked or how often"),
            connections_ended: counter(
                "cpis.connections.ended",
                "{connection}",
                "Connections that the service ended because of what the caller did, or for want of places",
            ),
            panics: counter("cpis.panics", "{panic}", "Panics; each cost one request at most"),
            reload_errors: counter(
                "cpis.certificate.reload_errors",
                "{error}",
                "Certificates that changed on disk and cannot be used",
            ),
            observed: Arc::default(),
        };
        observed::build(meter, &metrics.observed);
        // Starts at 0 rather than absent: an alert must see the first event as a rise.
        metrics.panics.add(0, &[]);
        metrics.reload_errors.add(0, &[]);
        metrics
    }

    pub(super) fn request_began(&self, method: &'static str) -> ActiveRequest {
        self.active_requests.add(1, &[KeyValue::new("http.request.method", method)]);
        ActiveRequest(method)
    }

    /// Counts one answered request. `route`: a template; `trace`: if it is exported.
    pub(super) fn request(
        &self,
        method: &'static str,
        route: Option<&Arc<str>>,
        status: u16,
        took: Duration,
        trace: Option<TraceId>,
    ) {
        let took = took.as_secs_f64();
        let mut labels =
            vec![KeyValue::new("http.request.method", method), KeyValue::new("http.response.status_code", i64::from(status))];
        labels.extend(route.map(|route| KeyValue::new("http.route", Arc::clone(route))));
        self.request_duration.record(took, &labels);
        self.request_exemplars.record(trace, took, || RequestSeries { method, route: route.cloned(), status });
    }

    /// Starts counters at 0 rather than absent: an alert must see the first event as a rise. `lookups`: how queries may end;
    /// `refusals`: names of problems; `endings`: why connections are ended.
    pub fn begin_at_zero(
        &self,
        lookups: impl IntoIterator<Item = LookupLabels>,
        refusals: impl IntoIterator<Item = &'static str>,
        endings: impl IntoIterator<Item = &'static str>,
    ) {
        for reason in endings {
            self.connections_ended.add(0, &[KeyValue::new("reason", reason)]);
        }
        for labels in lookups {
            self.count_lookups(labels, 0);
        }
        for reason in refusals {
            self.refused.add(0, &[KeyValue::new("reason", reason)]);
        }
    }

    /// Counts one query.
    pub fn lookup(&self, labels: LookupLabels) {
        self.count_lookups(labels, 1);
    }

    fn count_lookups(&self, labels: LookupLabels, count: u64) {
        let LookupLabels { outcome, delivery, response_code } = labels;
        let mut labels = vec![KeyValue::new("outcome", outcome), KeyValue::new("response_code", response_code)];
        labels.extend(delivery.map(|delivery| KeyValue::new("delivery", delivery)));
        self.lookups.add(count, &labels);
    }

    /// Counts one phase of an exchange, including the one in which it failed.
    pub(super) fn exchange_phase(&self, phase: ExchangePhase, took: Duration, trace: Option<TraceId>) {
        let took = took.as_secs_f64();
        self.exchange_phase.record(took, &[KeyValue::new("phase", phase.name())]);
        self.phase_exemplars.record(trace, took, || phase.name());
    }

    /// The newest exported trace of each bucket, by the series' name on the page.
    pub(super) fn exemplars(&self) -> page::SeriesExemplars {
        let requests = self.request_exemplars.all().into_iter().map(|(series, buckets)| {
            let RequestSeries { method, route, status } = series;
            let mut labels = vec![label("http_request_method", method), label("http_response_status_code", &status.to_string())];
            labels.extend(route.map(|route| label("http_route", &route)));
            (page::series("http_server_request_duration_seconds", &labels), buckets)
        });
        let phases = self.phase_exemplars.all().into_iter();
        let phases =
            phases.map(|(phase, buckets)| (page::series("cpis_smsp_phase_duration_seconds", &[label("phase", phase)]), buckets));
        requests.chain(phases).collect()
    }

    /// Counts one commit of the audit trail, including a failed one.
    pub fn trail_commit(&self, took: Duration) {
        self.trail_commit.record(took.as_secs_f64(), &[]);
    }

    /// Counts one refused request. `reason`: the name of a problem.
    pub fn refused(&self, reason: &'static str) {
        self.refused.add(1, &[KeyValue::new("reason", reason)]);
    }

    /// Counts one connection that we closed. `reason`: from the vocabulary in the chart's `metrics.txt`.
    pub fn connection_ended(&self, reason: &'static str) {
        self.connections_ended.add(1, &[KeyValue::new("reason", reason)]);
    }

    pub(super) fn panicked(&self) {
        self.panics.add(1, &[]);
    }

    /// Counts one certificate that changed on disk and cannot be used.
    pub fn reload_failed(&self) {
        self.reload_errors.add(1, &[]);
    }

    /// Sets where the state of the lookups is read from when metrics are collected. The last call counts.
    pub fn observe_lookups(&self, read: impl Fn() -> LookupNumbers + Send + Sync + 'static) {
        self.observed.lookups.set(read);
    }

    /// Sets where the state of the trail is read from.
    pub fn observe_trail(&self, read: impl Fn() -> TrailNumbers + Send + Sync + 'static) {
        self.observed.trail.set(read);
    }

    /// Sets where the certificates are read from: a name (`smsp-client`, `smsp-ca`, `server`, `admin`) and the days until the
    /// certificate ends, negative once it has.
    pub fn observe_certificates(&self, read: impl Fn() -> Vec<(&'static str, f64)> + Send + Sync + 'static) {
        self.observed.certificates.set(read);
    }

    /// Sets where the issuers are read from: each issuer of the settings, and the age of its keys. An issuer whose keys were
    /// never read is left out.
    pub fn observe_issuers(&self, read: impl Fn() -> Vec<(String, Duration)> + Send + Sync + 'static) {
        self.observed.issuers.set(read);
    }

    pub(super) fn observe_delivery(&self, tallies: Vec<Arc<Tally>>) {
        self.observed.delivery.set(move || tallies.clone());
    }

    pub(super) fn observe_log_lines(&self, dropped: impl Fn() -> u64 + Send + Sync + 'static) {
        self.observed.log_lines.set(dropped);
    }
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value.to_owned());
    label
}
