//! Starts and stops telemetry: the providers, their exporters, the log.
//!
//! Exporters are built before the service's runtimes exist and shut down after they are gone: reqwest's blocking client must not
//! be dropped inside a runtime, and the last spans end with the last task.

use super::LogForm;
use super::delivery::{BoundedLogs, BoundedSpans, Tally, Watched};
use super::exporters::{self, ExporterError};
use super::logs::{self, LogWriter};
use super::options::{self, Options, Protocol, Signal};
use super::{metrics, page, trace};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{BatchConfigBuilder as LogBatches, BatchLogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{BatchConfigBuilder as SpanBatches, BatchSpanProcessor, SdkTracerProvider};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// How long the last delivery to the collector may take at the end, all signals together.
const LAST_DELIVERY: Duration = Duration::from_millis(3500);

const SERVICE: &str = "cpis-fhir";

/// What runs in the background. Stops when it is dropped: drop it after the runtimes.
#[must_use = "telemetry ends when this is dropped"]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: SdkMeterProvider,
    logs: Option<SdkLoggerProvider>,
    /// Runs the connections of gRPC.
    grpc: Option<tokio::runtime::Runtime>,
    /// Dropped last: the others may still log.
    _log_writer: LogWriter,
}

/// What was set up, before it is installed for the process.
struct Providers {
    traces: Option<SdkTracerProvider>,
    metrics: SdkMeterProvider,
    logs: Option<SdkLoggerProvider>,
    tallies: Vec<Arc<Tally>>,
}

/// Starts logs, metrics and traces as `OTEL_*` and `RUST_LOG` say. Call it once, outside any runtime.
///
/// Nothing here stops the service: a signal that cannot be sent is left out, with a warning.
pub fn start(form: LogForm) -> Telemetry {
    let (writer, log_writer) = logs::writer();
    let (providers, grpc) = logs::early(form, writer.clone(), || {
        let options = Options::read(|name| std::env::var(name).ok());
        for warning in &options.warnings {
            tracing::warn!(target: "cpis_fhir::telemetry", "{warning}");
        }
        let grpc = grpc_runtime(&options);
        let inside = grpc.as_ref().map(tokio::runtime::Runtime::enter);
        let providers = providers(&options);
        drop(inside);
        (providers, grpc)
    });
    logs::install(form, writer, providers.logs.as_ref());
    metrics::install(&providers.metrics.meter(SERVICE));
    metrics::metrics().observe_delivery(providers.tallies.clone());
    metrics::metrics().observe_log_lines(log_writer.dropped());
    if let Some(traces) = &providers.traces {
        trace::install(traces.tracer(SERVICE));
    }
    let Providers { traces, metrics, logs, .. } = providers;
    Telemetry { traces, metrics, logs, grpc, _log_writer: log_writer }
}

fn grpc_runtime(options: &Options) -> Option<tokio::runtime::Runtime> {
    let wanted = [options.traces, options.metrics, options.logs].contains(&Some(Protocol::Grpc));
    let builder = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("cpis-otlp").enable_all().build();
    wanted.then(builder).and_then(Result::ok)
}

fn providers(options: &Options) -> Providers {
    let resource = resource();
    let mut tallies = Vec::new();
    let mut tally = |signal: Signal, limit: usize| {
        let tally = Tally::new(signal.name(), limit);
        tallies.push(Arc::clone(&tally));
        tally
    };
    let traces = usable(Signal::Traces, options.traces.map(exporters::spans)).map(|exporter| {
        let tally = tally(Signal::Traces, options::queue("OTEL_BSP_MAX_QUEUE_SIZE"));
        let batches = SpanBatches::default().with_max_queue_size(tally.limit()).build();
        let batches = BatchSpanProcessor::builder(Watched::new(exporter, &tally)).with_batch_config(batches).build();
        let processor = BoundedSpans { batches, tally };
        SdkTracerProvider::builder().with_resource(resource.clone()).with_span_processor(processor).build()
    });
    let logs = usable(Signal::Logs, options.logs.map(exporters::logs)).map(|exporter| {
        let tally = tally(Signal::Logs, options::queue("OTEL_BLRP_MAX_QUEUE_SIZE"));
        let batches = LogBatches::default().with_max_queue_size(tally.limit()).build();
        let batches = BatchLogProcessor::builder(Watched::new(exporter, &tally)).with_batch_config(batches).build();
        let processor = BoundedLogs { batches, tally };
        SdkLoggerProvider::builder().with_resource(resource.clone()).with_log_processor(processor).build()
    });
    let mut meters = SdkMeterProvider::builder().with_resource(resource);
    let reader = opentelemetry_prometheus::exporter().with_registry(page::registry().clone()).scope_info_enabled(false).build();
    if let Ok(reader) = reader {
        meters = meters.with_reader(reader);
    } else {
        tracing::error!(target: "cpis_fhir::telemetry", "there is no page of metrics");
    }
    if let Some(exporter) = usable(Signal::Metrics, options.metrics.map(exporters::metrics)) {
        let tally = tally(Signal::Metrics, 0);
        meters = meters.with_reader(PeriodicReader::builder(Watched::new(exporter, &tally)).build());
    }
    Providers { traces, metrics: meters.build(), logs, tallies }
}

fn usable<E>(signal: Signal, exporter: Option<Result<E, ExporterError>>) -> Option<E> {
    match exporter? {
        Ok(exporter) => Some(exporter),
        Err(error) => {
            tracing::warn!(target: "cpis_fhir::telemetry", signal = signal.name(), %error, "telemetry is not sent");
            None
        }
    }
}

/// The resource: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`, completed with our own values.
fn resource() -> Resource {
    let said = Resource::builder().build();
    let name = said.get(&"service.name".into()).map(|name| name.to_string());
    let mut resource = Resource::builder();
    if name.is_none_or(|name| name.starts_with("unknown_service")) {
        resource = resource.with_service_name(SERVICE);
    }
    for (key, value) in
        [("service.version", env!("CARGO_PKG_VERSION").to_owned()), ("service.instance.id", uuid::Uuid::new_v4().to_string())]
    {
        if said.get(&key.into()).is_none() {
            resource = resource.with_attribute(KeyValue::new(key, value));
        }
    }
    // The SDK would take them undecoded.
    let (attributes, bad) = super::baggage::read(&std::env::var("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default());
    if bad > 0 {
        tracing::warn!(
            target: "cpis_fhir::telemetry", bad,
            "OTEL_RESOURCE_ATTRIBUTES: some are not key=value with a % only before two hex digits; they are taken as they stand, or not at all"
        );
    }
    let own = |key: &str| key == "service.name" && std::env::var_os("OTEL_SERVICE_NAME").is_some_and(|name| !name.is_empty());
    for (key, value) in attributes.into_iter().filter(|(key, _)| !own(key)) {
        resource = resource.with_attribute(KeyValue::new(key, value));
    }
    resource.build()
}

impl Drop for Telemetry {
    /// Delivers what still waits, for at most [`LAST_DELIVERY`]: a hanging collector does not hold up the process.
    fn drop(&mut self) {
        let (done, finished) = mpsc::channel::<()>();
        let mut begun = 0;
        let mut shut_down = |work: Box<dyn FnOnce() + Send>| {
            let done = done.clone();
            let shutting = move || {
                work();
                let _ = done.send(());
            };
            begun += usize::from(std::thread::Builder::new().name("cpis-otlp-end".to_owned()).spawn(shutting).is_ok());
        };
        if let Some(traces) = self.traces.take() {
            shut_down(Box::new(move || drop(traces.shutdown_with_timeout(LAST_DELIVERY))));
        }
        if let Some(logs) = self.logs.take() {
            shut_down(Box::new(move || drop(logs.shutdown_with_timeout(LAST_DELIVERY))));
        }
        let metrics = self.metrics.clone();
        shut_down(Box::new(move || drop(metrics.shutdown_with_timeout(LAST_DELIVERY))));
        let deadline = Instant::now() + LAST_DELIVERY;
        for _ in 0..begun {
            if finished.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_err() {
                tracing::warn!(target: "cpis_fhir::telemetry", "the collector did not take the last telemetry in time");
                break;
            }
        }
        if let Some(grpc) = self.grpc.take() {
            grpc.shutdown_background();
        }
    }
}
