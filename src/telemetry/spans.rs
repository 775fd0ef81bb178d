//! The spans of a request. Each is a child of the span it starts in, and ends when it is dropped.
//!
//! A span exists only if traces are exported and the request's own span is sampled; otherwise this costs next to nothing. A span
//! holds only what these functions take: names from the code, codes of the SMSP, numbers. Never text of a request.

use super::exchange::ExchangePhase;
use super::metrics::metrics;
use super::trace;
use opentelemetry::trace::{FutureExt as _, Span as _, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, Value};
use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

/// Work that has a span if its trace is exported.
#[derive(Debug)]
#[must_use = "a span ends when it is dropped"]
pub struct Work(Option<Context>);

/// Finding out who asks, and whether they may.
pub fn access() -> Work {
    begin("access", SpanKind::Internal)
}

/// Reading the parameters of a search.
pub fn search() -> Work {
    begin("search", SpanKind::Internal)
}

/// One look of a request, whether it asks or shares.
pub fn lookup() -> Work {
    begin("lookup", SpanKind::Internal)
}

/// One entry put on the audit trail; `event` is the entry's kind.
pub fn trail(event: &'static str) -> Work {
    let work = begin("audit.commit", SpanKind::Internal);
    work.note("cpis.audit.event", event);
    work
}

/// What is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Translation {
    /// HL7 V3 is read.
    Hl7V3,
    /// FHIR is written.
    Fhir,
}

/// Reading an answer of CP-IS, or writing it as FHIR.
pub fn translation(what: Translation) -> Work {
    let name = match what {
        Translation::Hl7V3 => "translation.hl7v3",
        Translation::Fhir => "translation.fhir",
    };
    begin(name, SpanKind::Internal)
}

/// One HTTP exchange with the SMSP, as a child of the span that `traceparent` names: its flight may outlive the request.
///
/// `host` and `port` are those of the settings.
pub fn exchange(traceparent: Option<&str>, host: &str, port: Option<u16>) -> Work {
    let Some(tracer) = trace::tracer() else { return Work(None) };
    let parent = Context::map_current(|context| {
        let here = trace::traceparent_of(context);
        if here.as_deref() == traceparent { context.clone() } else { trace::continued(context, traceparent) }
    });
    let work = begin_under(tracer, &parent, "POST", SpanKind::Client);
    work.note("http.request.method", "POST");
    if work.0.is_some() {
        work.note("server.address", host.to_owned());
    }
    if let Some(port) = port {
        work.note("server.port", i64::from(port));
    }
    work
}

fn begin(name: &'static str, kind: SpanKind) -> Work {
    let Some(tracer) = trace::tracer() else { return Work(None) };
    Context::map_current(|parent| begin_under(tracer, parent, name, kind))
}

fn begin_under(
    tracer: &impl Tracer<Span = opentelemetry_sdk::trace::Span>,
    parent: &Context,
    name: &'static str,
    kind: SpanKind,
) -> Work {
    if !parent.span().span_context().is_sampled() {
        return Work(None);
    }
    let span = tracer.build_with_context(SpanBuilder::from_name(name).with_kind(kind), parent);
    Work(Some(parent.with_span(span)))
}

/// Links the current span to the one that `traceparent` names, whose look it shares.
pub fn shares(traceparent: Option<&str>) {
    if trace::tracer().is_none() {
        return;
    }
    let other = trace::continued(&Context::new(), traceparent);
    let other = other.span().span_context().clone();
    if other.is_valid() {
        Context::map_current(|here| here.span().add_link(other, Vec::new()));
    }
}

impl Work {
    /// Drives `future` inside the span.
    pub async fn around<F: Future>(&self, future: F) -> F::Output {
        match &self.0 {
            Some(context) => future.with_context(context.clone()).await,
            None => future.await,
        }
    }

    /// Runs `work` inside the span.
    pub fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let _inside = self.0.clone().map(Context::attach);
        work()
    }

    /// Adds an attribute: a name from the code, a code, a number.
    pub fn note(&self, key: &'static str, value: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(key, value));
        }
    }

    /// Marks the work as failed; `error_type` is a name from the code, or an HTTP status.
    pub fn failed(&self, error_type: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new("error.type", error_type));
            context.span().set_status(Status::error(""));
        }
    }

    /// The `traceparent` of the span, where there is one.
    pub fn traceparent(&self) -> Option<String> {
        self.0.as_ref().and_then(trace::traceparent_of)
    }

    /// Records a finished phase that took `took`. The metric counts it even if nothing is traced.
    pub fn phase(&self, phase: ExchangePhase, began: SystemTime, took: Duration) {
        metrics().exchange_phase(phase, took, self.0.as_ref().and_then(trace::exported));
        if let Some(context) = &self.0 {
            tell_phase(context, phase, began, began + took);
        }
    }
}

/// Records a finished span as a child of `context`'s.
fn tell_phase(context: &Context, phase: ExchangePhase, began: SystemTime, ended: SystemTime) {
    let Some(tracer) = trace::tracer().filter(|_| context.span().span_context().is_sampled()) else { return };
    let span = SpanBuilder::from_name(phase.span_name()).with_start_time(began);
    tracer.build_with_context(span, context).end_with_timestamp(ended);
}

/// A wait shorter than this is no wait.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// A phase that is timed before the exchange it belongs to has a span.
#[derive(Debug)]
#[must_use = "it is told when it ends"]
pub struct Waiting(Instant, SystemTime);

impl Waiting {
    pub fn begin() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    /// Counts the phase. Without a wait it gets no span.
    pub fn end(self, phase: ExchangePhase) {
        let took = self.0.elapsed();
        metrics().exchange_phase(phase, took, Context::map_current(trace::exported));
        if took >= LEAST_WAIT {
            Context::map_current(|here| tell_phase(here, phase, self.1, self.1 + took));
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }
}
