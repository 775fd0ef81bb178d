//! One request, reported three times: as a span, in the metrics, and as a log line.

use super::metrics::{ActiveRequest, metrics};
use super::trace;
use opentelemetry::trace::{FutureExt as _, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is known of a request when it starts.
#[derive(Debug)]
pub struct Beginning<'a> {
    /// A method of HTTP, or `_OTHER`.
    pub method: &'static str,
    /// The template of its path, without anything of the caller; `None` where there is no such path.
    pub route: Option<String>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// `1.0`, `1.1`.
    pub version: &'static str,
    /// The caller's `traceparent`, as it came.
    pub traceparent: Option<&'a str>,
    /// Probes and scrapes are not traced: they come all day and say nothing.
    pub traced: bool,
}

/// What is known of it when it was answered.
#[derive(Debug)]
pub struct Ending<'a> {
    pub status: u16,
    /// A name of the code for what happened.
    pub outcome: &'static str,
    /// Whether the query may have been delivered, if a look was started.
    pub delivery: Option<&'static str>,
    /// Whether another request's look was shared.
    pub shared: bool,
    /// The type of resource that was asked for.
    pub resource: Option<&'static str>,
    /// As the trail keeps it.
    pub request_id: Option<&'a str>,
}

/// What other rooms found out about the request, for the log.
#[derive(Debug, Clone, Default)]
pub struct Facts(Arc<Mutex<Found>>);

#[derive(Debug, Clone, Default)]
struct Found {
    organisation: Option<String>,
    role: Option<String>,
    lookup: Option<Duration>,
    exchange: Option<Duration>,
}

impl Facts {
    /// The facts of the current request, or of the request whose look this is.
    fn current() -> Option<Self> {
        Context::map_current(|context| context.get::<Self>().cloned())
    }

    fn note(change: impl FnOnce(&mut Found)) {
        if let Some(facts) = Self::current() {
            change(&mut facts.0.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Notes who asks: the ODS code of the organisation and the code of the role. What is not a code is left out.
    pub fn requester(organisation: &str, role: &str) {
        Self::note(|found| {
            found.organisation = code(organisation);
            found.role = code(role);
        });
    }

    /// How long the request waited for a look; of several, the longest.
    pub fn lookup(took: Duration) {
        Self::note(|found| found.lookup = found.lookup.max(Some(took)));
    }

    /// How long an exchange with the SMSP took; of several, the longest.
    pub fn exchange(took: Duration) {
        Self::note(|found| found.exchange = found.exchange.max(Some(took)));
    }
}

/// `text` where it has the form of an organisation's or a role's code, and cannot be a number or a date of a person: parts
/// between colons, each of at most 12 letters and digits, six of them digits, without small letters; letters alone are five at
/// most.
fn code(text: &str) -> Option<String> {
    let plain = |part: &str| {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        let form = part.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let short = if digits == 0 || digits == part.len() { part.len() <= 5 } else { part.len() <= 12 };
        form && short && digits <= 6
    };
    ((1..=32).contains(&text.len()) && text.split(':').all(plain)).then(|| text.to_owned())
}

/// A request being answered. If it is dropped before its end, its caller has gone.
pub struct Observed {
    context: Context,
    facts: Facts,
    began: Instant,
    method: &'static str,
    route: Option<Arc<str>>,
    ended: bool,
    _active: ActiveRequest,
}

impl Observed {
    /// Starts the request's span, as a child of the caller's.
    pub fn begin(beginning: Beginning<'_>) -> Self {
        let active = metrics().request_began(beginning.method);
        let facts = Facts::default();
        let parent = trace::continued(&Context::new(), beginning.traceparent).with_value(facts.clone());
        let route: Option<Arc<str>> = beginning.route.map(Arc::from);
        let context = match trace::tracer() {
            Some(tracer) if beginning.traced => {
                let name = match &route {
                    Some(route) => format!("{} {route}", beginning.method),
                    None => beginning.method.to_owned(),
                };
                let mut attributes = vec![
                    KeyValue::new("http.request.method", beginning.method),
                    KeyValue::new("url.scheme", beginning.scheme),
                    KeyValue::new("network.protocol.version", beginning.version),
                ];
                attributes.extend(route.clone().map(|route| KeyValue::new("http.route", route)));
                let span = SpanBuilder::from_name(name).with_kind(SpanKind::Server).with_attributes(attributes);
                parent.with_span(tracer.build_with_context(span, &parent))
            }
            _ => parent,
        };
        Self { context, facts, began: Instant::now(), method: beginning.method, route, ended: false, _active: active }
    }

    /// Drives the work of the request inside its span.
    pub fn around<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        work.with_context(self.context.clone())
    }

    /// Ends the span, counts the request and logs it.
    pub fn end(mut self, ending: &Ending<'_>) {
        self.ended = true;
        let took = self.began.elapsed();
        metrics().request(self.method, self.route.as_ref(), ending.status, took, trace::exported(&self.context));
        if matches!(ending.status, 401 | 403 | 429) {
            metrics().refused(ending.outcome);
        }
        let span = self.context.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(ending.status)));
        span.set_attribute(KeyValue::new("cpis.outcome", ending.outcome));
        if ending.status >= 500 {
            span.set_attribute(KeyValue::new("error.type", ending.outcome));
            span.set_status(Status::error(""));
        }
        self.log(Some(ending), took);
        span.end();
    }

    fn log(&self, ending: Option<&Ending<'_>>, took: Duration) {
        let _inside = self.context.clone().attach();
        let found = self.facts.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tracing::info!(
            target: "cpis_fhir::request",
            method = self.method,
            route = self.route.as_deref().unwrap_or("none"),
            resource = ending.and_then(|ending| ending.resource),
            status = ending.map(|ending| ending.status),
            outcome = ending.map_or("caller-gone", |ending| ending.outcome),
            delivery = ending.and_then(|ending| ending.delivery),
            shared = ending.is_some_and(|ending| ending.shared),
            duration_ms = milliseconds(took),
            lookup_ms = found.lookup.map(milliseconds),
            smsp_ms = found.exchange.map(milliseconds),
            organisation = found.organisation,
            role = found.role,
            request_id = ending.and_then(|ending| ending.request_id),
            "request"
        );
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let span = self.context.span();
        span.set_attribute(KeyValue::new("error.type", "caller-gone"));
        self.log(None, self.began.elapsed());
        span.end();
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Work of a request that continues in another task, with the request's span and facts. It may outlive the request.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    work.with_current_context()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_organisations_and_roles_are_told() {
        for plain in ["RX1", "X26", "RAL", "999", "A81001", "R8000", "S0030:G0100:R0570"] {
            assert_eq!(code(plain).as_deref(), Some(plain));
        }
    }

    #[test]
    fn what_is_no_code_is_not_told() {
        for other in [
            "",
            "9990000018",
            "999 000 0018",
            "RX1 9990000018",
            "RX9990000018",
            "Dr Example",
            "Müller",
            "Robin",
            "TESTPATIENT",
            "20190214",
            "R20190214",
            "01632:960001",
            "LS14ap",
            &"R".repeat(33),
        ] {
            assert_eq!(code(other), None, "{other}");
        }
    }
}
