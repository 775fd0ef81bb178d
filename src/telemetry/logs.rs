//! The log: one line per event on standard error. A separate thread writes it, so a reader who stops reading blocks only that
//! thread.

use super::trace;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use std::fmt;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogForm {
    Json,
    Pretty,
}

/// What is logged where `RUST_LOG` says nothing.
const DEFAULT: &str = "info,actix_server=warn";

/// The most lines that wait for a reader of standard error, about 500 bytes each; more are dropped and counted.
const MOST_LINES: usize = 16_384;

/// Stops the log when it is dropped, after writing what waits, for at most a second.
pub(super) struct LogWriter {
    _guard: WorkerGuard,
    dropped: ErrorCounter,
}

impl LogWriter {
    /// Lines dropped because nobody read them.
    pub(super) fn dropped(&self) -> impl Fn() -> u64 + Send + Sync + 'static + use<> {
        let dropped = self.dropped.clone();
        move || u64::try_from(dropped.dropped_lines()).unwrap_or(u64::MAX)
    }
}

/// Starts the writer. Nothing is logged before [`install`].
pub(super) fn writer() -> (NonBlocking, LogWriter) {
    let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(MOST_LINES).thread_name("cpis-log");
    let (writer, guard) = builder.finish(std::io::stderr());
    let dropped = writer.error_counter();
    (writer, LogWriter { _guard: guard, dropped })
}

/// From now on everything goes to `writer`, and to `collector` where there is one. A second call, as in tests, changes nothing.
pub(super) fn install(form: LogForm, writer: NonBlocking, collector: Option<&SdkLoggerProvider>) {
    let collector =
        collector.map(|provider| OpenTelemetryTracingBridge::new(provider).with_filter(wanted(EnvFilter::new(DEFAULT))));
    let filter = wanted(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT)));
    let lines = lines(form, writer).with_filter(filter);
    let _ = tracing_subscriber::registry().with(lines).with(collector).try_init();
}

/// Collects the lines that this thread logs while `work` runs: the SDK logs faults of its variables when it is built.
pub(super) fn early<T>(form: LogForm, writer: NonBlocking, work: impl FnOnce() -> T) -> T {
    let filter = EnvFilter::new("off,cpis_fhir=info,opentelemetry=warn,opentelemetry_sdk=warn");
    let subscriber = tracing_subscriber::registry().with(lines(form, writer).with_filter(filter));
    tracing::subscriber::with_default(subscriber, work)
}

fn lines<S>(form: LogForm, writer: NonBlocking) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    match form {
        LogForm::Json => {
            let json =
                Format::default().json().flatten_event(true).with_target(true).with_current_span(false).with_span_list(false);
            let fields = tracing_subscriber::fmt::format::JsonFields::new();
            Box::new(layer.fmt_fields(fields).event_format(Traced(json)))
        }
        LogForm::Pretty => Box::new(layer.with_target(false).compact()),
    }
}

/// `filter`, limited to what [`is_harmless`] for other crates, even if `RUST_LOG` asks for more.
fn wanted<S>(filter: EnvFilter) -> impl tracing_subscriber::layer::Filter<S>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    filter.and(filter_fn(is_harmless))
}

/// The only other crate that is ever logged: it reports when workers start, die and stop.
const ALSO: &str = "actix_server";

/// This crate logs only its own types. Any other could print a header, a URL, a body, a certificate's name or exported data, and
/// may start to with any version. So only [`ALSO`] is logged as well, and not in detail.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    match target.split("::").next().unwrap_or(target) {
        env!("CARGO_CRATE_NAME") => true,
        ALSO => *metadata.level() <= Level::INFO,
        _ => false,
    }
}

/// JSON with the trace ids in front, so that a line can be matched to its trace.
struct Traced(Format<Json>);

impl<S, N> FormatEvent<S, N> for Traced
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some((trace, span)) = trace::current_ids() else { return self.0.format_event(context, writer, event) };
        let mut line = String::with_capacity(512);
        self.0.format_event(context, Writer::new(&mut line), event)?;
        match line.strip_prefix('{') {
            Some(rest) => write!(writer, r#"{{"trace_id":"{trace}","span_id":"{span}",{rest}"#),
            None => writer.write_str(&line),
        }
    }
}
