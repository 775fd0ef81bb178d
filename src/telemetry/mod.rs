//! What the service reports while it runs: traces, metrics and logs. They never hold anything of a child.
//!
//! - [`request`]: one request as a span, in the metrics and as a line of the log. - [`spans`]: what happens inside it.
//! - [`metrics`](metrics()): the instruments, and [`page`] for Prometheus. - [`start`]: the exporters and the log.
//!
//! Spans are our own, not `tracing`'s: only functions of [`spans`] and [`request`] put anything into one, and a request that is
//! not sampled pays nothing. `tracing`'s events are the log.

mod baggage;
pub mod certificates;
mod delivery;
mod exchange;
mod exporters;
mod logs;
mod metrics;
mod options;
mod page;
mod process;
pub mod request;
pub mod spans;
mod start;
mod trace;

pub use exchange::ExchangePhase;
pub use logs::LogForm;
pub use metrics::{Breaker, LookupLabels, LookupNumbers, Metrics, TrailNumbers, metrics};
pub use page::{PageFormat, page};
pub use start::{Telemetry, start};
pub use trace::traceparent;

/// From now on a panic is counted and logged with its place alone: its message could hold data of a child.
pub fn silence_panic_messages() {
    std::panic::set_hook(Box::new(|panic| {
        metrics().panicked();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(target: "cpis_fhir::panic", place, "panic");
    }));
}
