//! Traces across processes: W3C `traceparent` in and out. `tracestate` and `baggage` are never read, so neither goes anywhere.

use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, TraceId};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracer;
use std::sync::OnceLock;

const TRACEPARENT: &str = "traceparent";

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// The tracer, if traces are exported.
pub(super) fn tracer() -> Option<&'static SdkTracer> {
    TRACER.get()
}

pub(super) fn install(tracer: SdkTracer) {
    let _ = TRACER.set(tracer);
}

/// `context` with the span that `traceparent` names as its parent, or unchanged if that is malformed.
pub(super) fn continued(context: &Context, traceparent: Option<&str>) -> Context {
    struct TraceparentExtractor<'a>(&'a str);
    impl Extractor for TraceparentExtractor<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            (key == TRACEPARENT).then_some(self.0)
        }

        fn keys(&self) -> Vec<&str> {
            vec![TRACEPARENT]
        }
    }
    match traceparent {
        Some(traceparent) => TraceContextPropagator::new().extract_with_context(context, &TraceparentExtractor(traceparent)),
        None => context.clone(),
    }
}

/// The `traceparent` of `context`'s span, if it has one.
pub(super) fn traceparent_of(context: &Context) -> Option<String> {
    #[derive(Default)]
    struct TraceparentInjector(Option<String>);
    impl Injector for TraceparentInjector {
        fn set(&mut self, key: &str, value: String) {
            if key == TRACEPARENT {
                self.0 = Some(value);
            }
        }
    }
    let mut injector = TraceparentInjector::default();
    TraceContextPropagator::new().inject_context(context, &mut injector);
    injector.0
}

/// The `traceparent` of the current span; the caller's if nothing is traced here; none if nothing is traced at all.
pub fn traceparent() -> Option<String> {
    Context::map_current(traceparent_of)
}

/// The trace id of `context`'s span if that is exported: a span of ours that is sampled.
pub(super) fn exported(context: &Context) -> Option<TraceId> {
    tracer()?;
    let span = context.span();
    let ids = span.span_context();
    (ids.is_sampled() && !ids.is_remote()).then(|| ids.trace_id())
}

/// The ids of the current trace and span, in hex, for a log.
pub(super) fn current_ids() -> Option<(String, String)> {
    Context::map_current(|context| {
        let span = context.span();
        let ids = span.span_context();
        ids.is_valid().then(|| (ids.trace_id().to_string(), ids.span_id().to_string()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn passed_on(traceparent: &str) -> Option<String> {
        traceparent_of(&continued(&Context::new(), Some(traceparent)))
    }

    #[test]
    fn a_traceparent_is_passed_on_as_it_came_where_nothing_is_traced_here() {
        assert_eq!(passed_on(GOOD).as_deref(), Some(GOOD));
        assert_eq!(traceparent_of(&Context::new()), None);
    }

    #[test]
    fn a_malformed_traceparent_is_as_none() {
        let upper = GOOD.to_uppercase();
        let zeros = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        let no_span = "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01";
        for bad in ["", "00-0-0-0", "9990000018", zeros, no_span, &upper, &format!("{GOOD}-x"), &format!("ff{}", &GOOD[2..])] {
            assert_eq!(passed_on(bad), None, "{bad}");
        }
    }
}
