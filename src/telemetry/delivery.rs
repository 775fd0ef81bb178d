//! Delivery to the collector: bounded queues, counted losses, one log line when it starts to fail or works again.

use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{BatchLogProcessor, LogBatch, LogProcessor, SdkLogRecord};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanProcessor};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// The deliveries of one signal.
#[derive(Debug)]
pub(super) struct Tally {
    pub signal: &'static str,
    /// How many may wait.
    limit: usize,
    waiting: AtomicUsize,
    /// Dropped because the queue was full.
    pub overflowed: AtomicU64,
    /// Dropped because the collector did not take them in time.
    pub undelivered: AtomicU64,
    failing: AtomicBool,
}

impl Tally {
    pub(super) fn new(signal: &'static str, limit: usize) -> Arc<Self> {
        let (waiting, failing) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { signal, limit, waiting, overflowed: AtomicU64::new(0), undelivered: AtomicU64::new(0), failing })
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether one more may wait; counts it either way.
    fn admit(&self) -> bool {
        let admitted = self
            .waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |waiting| (waiting < self.limit).then_some(waiting + 1))
            .is_ok();
        if !admitted {
            self.overflowed.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    fn taken(&self, count: usize) {
        let _ = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, |waiting| Some(waiting.saturating_sub(count)));
    }

    /// Logs a change once. Runs on an exporter's thread, whose log lines do not go to the collector.
    fn settle(&self, outcome: &OTelSdkResult, count: u64) {
        let failed = outcome.is_err();
        if failed {
            self.undelivered.fetch_add(count, Ordering::Relaxed);
        }
        if self.failing.swap(failed, Ordering::Relaxed) == failed {
            return;
        }
        let signal = self.signal;
        if failed {
            tracing::warn!(target: "cpis_fhir::telemetry", signal, "the collector does not take telemetry: it is dropped");
        } else {
            tracing::info!(target: "cpis_fhir::telemetry", signal, "the collector takes telemetry again");
        }
    }
}

/// An exporter whose outcomes are counted.
#[derive(Debug)]
pub(super) struct Watched<E> {
    exporter: E,
    tally: Arc<Tally>,
}

impl<E> Watched<E> {
    pub(super) fn new(exporter: E, tally: &Arc<Tally>) -> Self {
        Self { exporter, tally: Arc::clone(tally) }
    }
}

impl opentelemetry_sdk::trace::SpanExporter for Watched<SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        self.tally.taken(count);
        let outcome = self.exporter.export(batch).await;
        self.tally.settle(&outcome, count as u64);
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl opentelemetry_sdk::logs::LogExporter for Watched<LogExporter> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let count = batch.iter().count();
        self.tally.taken(count);
        let outcome = self.exporter.export(batch).await;
        self.tally.settle(&outcome, count as u64);
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Metrics only grow or are read anew, so the next export makes up for a lost one. This counts exports.
impl PushMetricExporter for Watched<MetricExporter> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let outcome = self.exporter.export(metrics).await;
        self.tally.settle(&outcome, 1);
        outcome
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

/// The SDK's batching of spans, which counts what does not fit. Never waits.
#[derive(Debug)]
pub(super) struct BoundedSpans {
    pub batches: BatchSpanProcessor,
    pub tally: Arc<Tally>,
}

impl SpanProcessor for BoundedSpans {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.tally.admit() {
            self.batches.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// As [`BoundedSpans`], for log records.
#[derive(Debug)]
pub(super) struct BoundedLogs {
    pub batches: BatchLogProcessor,
    pub tally: Arc<Tally>,
}

impl LogProcessor for BoundedLogs {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if self.tally.admit() {
            self.batches.emit(record, scope);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_the_queue_is_dropped_and_counted() {
        let tally = Tally::new("traces", 2);
        assert_eq!([tally.admit(), tally.admit(), tally.admit()], [true, true, false]);
        assert_eq!(tally.overflowed.load(Ordering::Relaxed), 1);
        tally.taken(2);
        assert!(tally.admit());
        tally.taken(9);
        assert!(tally.admit() && tally.admit(), "a count never goes below nothing");
    }

    #[test]
    fn what_the_collector_does_not_take_is_counted() {
        let tally = Tally::new("logs", 2);
        tally.settle(&Ok(()), 5);
        tally.settle(&Err(opentelemetry_sdk::error::OTelSdkError::AlreadyShutdown), 7);
        assert_eq!(tally.undelivered.load(Ordering::Relaxed), 7);
    }
}
