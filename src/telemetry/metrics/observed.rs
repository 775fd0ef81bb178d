//! Numbers that live in other rooms and are read when metrics are collected.

use crate::telemetry::delivery::Tally;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The lookups at one moment. Counters only grow.
#[derive(Debug, Clone, Copy, Default)]
pub struct LookupNumbers {
    /// Looks in flight.
    pub in_flight: u64,
    /// Looks that wait for a permit.
    pub queued: u64,
    /// Looks refused because every permit and the queue were taken, memory was short, or the circuit breaker was open.
    pub shed: u64,
    /// Bytes that remembered looks, kept answers and bodies in flight use, and may use.
    pub memory_used: u64,
    pub memory_limit: u64,
    /// Looks that were not shared with other replicas because the shared store could not be reached.
    pub unshared: u64,
    /// Queries of one user about one child beyond three in an hour.
    pub repeated: u64,
    /// Looks after which an authority is expected to have been notified.
    pub notifications_caused: u64,
    /// Requests that would have notified an authority, and were answered by another request's look.
    pub notifications_saved: u64,
    pub breaker: Breaker,
}

/// The state of the circuit breaker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Breaker {
    #[default]
    Closed,
    HalfOpen,
    Open,
}

impl Breaker {
    /// The value of `cpis_breaker_state`.
    fn value(self) -> u64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

/// The audit trail at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrailNumbers {
    /// The store's last write failed, or the looks from before the start have not been read yet: no query goes out.
    pub failing: bool,
    /// Entries that still wait for the store.
    pub owed: u64,
    /// Entries that this process wrote.
    pub entries: u64,
}

/// Where a number is read from, once it is known.
pub(super) struct Source<T>(Mutex<Option<Arc<dyn Fn() -> T + Send + Sync>>>);

impl<T> Default for Source<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Source<T> {
    pub(super) fn set(&self, read: impl Fn() -> T + Send + Sync + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(read));
    }

    fn read(&self) -> Option<T> {
        let read = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        read.map(|read| read())
    }
}

#[derive(Default)]
pub(super) struct ObservedNumbers {
    pub lookups: Source<LookupNumbers>,
    pub trail: Source<TrailNumbers>,
    pub certificates: Source<Vec<(&'static str, f64)>>,
    pub issuers: Source<Vec<(String, Duration)>>,
    pub delivery: Source<Vec<Arc<Tally>>>,
    pub log_lines: Source<u64>,
}

/// The instruments that read `observed`. Without a source there is no value: unknown is not 0.
pub(super) fn build(meter: &Meter, observed: &Arc<ObservedNumbers>) {
    lookups(meter, observed);
    trail(meter, observed);
    own_state(meter, observed);
    let source = Arc::clone(observed);
    let days = meter.f64_observable_gauge("cpis.certificate.days_left").with_unit("{day}");
    days.with_description("Days until a certificate ends")
        .with_callback(move |gauge| {
            for (certificate, days) in source.certificates.read().unwrap_or_default() {
                gauge.observe(days, &[KeyValue::new("certificate", certificate)]);
            }
        })
        .build();
    let source = Arc::clone(observed);
    let age = meter.f64_observable_gauge("cpis.issuer.key.age").with_unit("s");
    age.with_description("How long ago the keys of a token issuer were read")
        .with_callback(move |gauge| {
            for (issuer, age) in source.issuers.read().unwrap_or_default() {
                gauge.observe(age.as_secs_f64(), &[KeyValue::new("issuer", issuer)]);
            }
        })
        .build();
}

fn lookups(meter: &Meter, observed: &Arc<ObservedNumbers>) {
    let of = |read: fn(LookupNumbers) -> u64| {
        let source = Arc::clone(observed);
        move || source.lookups.read().map(read)
    };
    gauge(meter, "cpis.lookup.in_flight", "{look}", "Looks on their way to CP-IS", of(|numbers| numbers.in_flight));
    gauge(meter, "cpis.lookup.queued", "{look}", "Looks that wait for a place", of(|numbers| numbers.queued));
    let breaker = "The circuit breaker towards the SMSP: 0 closed, 1 half open, 2 open";
    gauge(meter, "cpis.breaker.state", "{state}", breaker, of(|numbers| numbers.breaker.value()));
    let shed = "Looks refused since everything was full or the SMSP is left alone";
    counter(meter, "cpis.lookup.shed", "{look}", shed, of(|numbers| numbers.shed));
    let used = "Memory of remembered looks, kept answers and bodies in flight";
    gauge(meter, "cpis.memory.used", "By", used, of(|numbers| numbers.memory_used));
    let limit = "What they may have (limits.memory); beyond, looks are refused";
    gauge(meter, "cpis.memory.limit", "By", limit, of(|numbers| numbers.memory_limit));
    let unshared = "Looks that could not be shared with other replicas";
    counter(meter, "cpis.lookup.unshared", "{look}", unshared, of(|numbers| numbers.unshared));
    let repeated = "Queries of one user about one child beyond three in an hour";
    counter(meter, "cpis.lookups.repeated", "{query}", repeated, of(|numbers| numbers.repeated));
    let caused = "Looks after which an authority is expected to have been notified";
    counter(meter, "cpis.notifications.caused", "{notification}", caused, of(|numbers| numbers.notifications_caused));
    let saved = "Requests answered by another's look that would have notified by themselves";
    counter(meter, "cpis.notifications.saved", "{notification}", saved, of(|numbers| numbers.notifications_saved));
}

fn trail(meter: &Meter, observed: &Arc<ObservedNumbers>) {
    let of = |read: fn(TrailNumbers) -> u64| {
        let source = Arc::clone(observed);
        move || source.trail.read().map(read)
    };
    gauge(
        meter,
        "cpis.trail.failing",
        "{state}",
        "1 while the trail cannot be written, or is not read back after a start, and no query goes out",
        of(|n| u64::from(n.failing)),
    );
    gauge(meter, "cpis.trail.owed", "{entry}", "Entries that still wait for the store", of(|numbers| numbers.owed));
    counter(meter, "cpis.trail.entries", "{entry}", "Entries that this process wrote", of(|numbers| numbers.entries));
}

/// The version of this process, and the telemetry that it lost.
fn own_state(meter: &Meter, observed: &Arc<ObservedNumbers>) {
    let info = meter.u64_observable_gauge("cpis.build_info").with_description("1, with what this build is");
    info.with_callback(|gauge| {
        let version = KeyValue::new("version", env!("CARGO_PKG_VERSION"));
        let revision = KeyValue::new("revision", option_env!("CPIS_FHIR_COMMIT").unwrap_or("unknown"));
        gauge.observe(1, &[version, revision]);
    })
    .build();
    let source = Arc::clone(observed);
    let lines = "Log lines dropped since nobody read standard error";
    counter(meter, "cpis.log.lines.dropped", "{line}", lines, move || source.log_lines.read());
    let source = Arc::clone(observed);
    let dropped = meter.u64_observable_counter("cpis.telemetry.dropped").with_unit("{item}");
    dropped
        .with_description("Spans, log records and exports of metrics that the collector did not get")
        .with_callback(move |counter| {
            for tally in source.delivery.read().unwrap_or_default() {
                for (reason, count) in [("queue-full", &tally.overflowed), ("not-delivered", &tally.undelivered)] {
                    let labels = [KeyValue::new("signal", tally.signal), KeyValue::new("reason", reason)];
                    counter.observe(count.load(Ordering::Relaxed), &labels);
                }
            }
        })
        .build();
}

fn gauge(
    meter: &Meter,
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    read: impl Fn() -> Option<u64> + Send + Sync + 'static,
) {
    let builder = meter.u64_observable_gauge(name).with_unit(unit).with_description(help);
    builder.with_callback(move |gauge| read().into_iter().for_each(|value| gauge.observe(value, &[]))).build();
}

fn counter(
    meter: &Meter,
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    read: impl Fn() -> Option<u64> + Send + Sync + 'static,
) {
    let builder = meter.u64_observable_counter(name).with_unit(unit).with_description(help);
    builder.with_callback(move |counter| read().into_iter().for_each(|value| counter.observe(value, &[]))).build();
}
