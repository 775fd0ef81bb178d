//! Which signals are exported, and how: OpenTelemetry's own environment variables.
//!
//! This reads only what the SDK and its exporters do not read themselves. Unlike the specification's default, a signal is
//! exported only if its exporter or an endpoint is named: without either, the service does not look for a collector.

/// The transport of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// `http/protobuf`
    Http,
    Grpc,
}

/// One of the three signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl Signal {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
            Self::Logs => "LOGS",
        }
    }
}

/// What is exported by OTLP; `None`: nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub traces: Option<Protocol>,
    pub metrics: Option<Protocol>,
    pub logs: Option<Protocol>,
    /// What was not understood, for the log. Names variables, never values.
    pub warnings: Vec<String>,
}

impl Options {
    /// Reads the environment. An empty variable counts as unset.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let mut options = Self::default();
        if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return options;
        }
        let mut read =
            |signal| is_on(signal, &variable, &mut options.warnings).then(|| protocol(signal, &variable, &mut options.warnings));
        let (traces, metrics, logs) = (read(Signal::Traces), read(Signal::Metrics), read(Signal::Logs));
        Self { traces, metrics, logs, ..options }
    }
}

fn is_on(signal: Signal, variable: &impl Fn(&str) -> Option<String>, warnings: &mut Vec<String>) -> bool {
    let name = format!("OTEL_{}_EXPORTER", signal.variable());
    let Some(exporters) = variable(&name) else {
        let own = format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.variable());
        return variable("OTEL_EXPORTER_OTLP_ENDPOINT").or_else(|| variable(&own)).is_some();
    };
    let mut on = false;
    for exporter in exporters.split(',').map(str::trim) {
        match exporter {
            "otlp" => on = true,
            "none" => {}
            // The admin listener always has the page.
            "prometheus" if signal == Signal::Metrics => {}
            _ => warnings.push(format!("{name}: only otlp and none are known here; this exporter is left out")),
        }
    }
    on
}

fn protocol(signal: Signal, variable: &impl Fn(&str) -> Option<String>, warnings: &mut Vec<String>) -> Protocol {
    let own = format!("OTEL_EXPORTER_OTLP_{}_PROTOCOL", signal.variable());
    let said = variable(&own).or_else(|| variable("OTEL_EXPORTER_OTLP_PROTOCOL"));
    match said.as_deref() {
        None | Some("http/protobuf") => Protocol::Http,
        Some("grpc") if cfg!(feature = "otlp-grpc") => Protocol::Grpc,
        Some(_) => {
            warnings
                .push(format!("{own} or OTEL_EXPORTER_OTLP_PROTOCOL: is not one that this build speaks; http/protobuf is used"));
            Protocol::Http
        }
    }
}

/// How long one export may take: `OTEL_EXPORTER_OTLP_[SIGNAL_]TIMEOUT`, in milliseconds.
pub(super) fn timeout(signal: Signal) -> std::time::Duration {
    const DEFAULT: u64 = 10_000;
    let own = format!("OTEL_EXPORTER_OTLP_{}_TIMEOUT", signal.variable());
    let said = std::env::var(own).or_else(|_| std::env::var("OTEL_EXPORTER_OTLP_TIMEOUT")).ok();
    std::time::Duration::from_millis(said.and_then(|text| text.trim().parse().ok()).unwrap_or(DEFAULT))
}

/// A file that a variable names: `OTEL_EXPORTER_OTLP_[SIGNAL_]` and `what`, such as `CERTIFICATE`.
pub(super) fn file(signal: Signal, what: &str) -> Option<std::io::Result<Vec<u8>>> {
    let own = format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.variable());
    let path = std::env::var_os(own).or_else(|| std::env::var_os(format!("OTEL_EXPORTER_OTLP_{what}")))?;
    (!path.is_empty()).then(|| std::fs::read(path))
}

/// How many spans or log records may wait for the collector: `OTEL_BSP_MAX_QUEUE_SIZE`, `OTEL_BLRP_MAX_QUEUE_SIZE`.
pub(super) fn queue(variable: &str) -> usize {
    const DEFAULT: usize = 2048;
    const MOST: usize = 65_536;
    let said = std::env::var(variable).ok().and_then(|text| text.trim().parse().ok());
    said.filter(|size| (1..=MOST).contains(size)).unwrap_or(DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Options {
        Options::read(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    fn on(options: &Options) -> (bool, bool, bool) {
        (options.traces.is_some(), options.metrics.is_some(), options.logs.is_some())
    }

    #[test]
    fn nothing_goes_out_where_nothing_is_said() {
        assert_eq!(read(&[]), Options::default());
        assert_eq!(read(&[("OTEL_SERVICE_NAME", "x"), ("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]), Options::default());
    }

    #[test]
    fn an_endpoint_sends_everything_but_what_is_switched_off() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        assert_eq!(on(&read(&[endpoint])), (true, true, true));
        assert_eq!(on(&read(&[endpoint, ("OTEL_LOGS_EXPORTER", "none")])), (true, true, false));
        assert_eq!(on(&read(&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")])), (false, false, false));
    }

    #[test]
    fn one_signal_goes_out_by_its_own_endpoint_or_exporter() {
        assert_eq!(on(&read(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/v1/traces")])), (true, false, false));
        assert_eq!(on(&read(&[("OTEL_METRICS_EXPORTER", "otlp,prometheus")])), (false, true, false));
    }

    #[test]
    fn the_protocol_is_http_unless_said_otherwise() {
        let exporter = ("OTEL_TRACES_EXPORTER", "otlp");
        assert_eq!(read(&[exporter]).traces, Some(Protocol::Http));
        let general = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc");
        let wanted = if cfg!(feature = "otlp-grpc") { Protocol::Grpc } else { Protocol::Http };
        assert_eq!(read(&[exporter, general, own]).traces, Some(wanted));
    }

    #[test]
    fn what_is_not_known_is_warned_of_without_its_value() {
        let options = read(&[
            ("OTEL_TRACES_EXPORTER", "secret"),
            ("OTEL_LOGS_EXPORTER", "otlp"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "secret"),
        ]);
        assert_eq!(on(&options), (false, false, true));
        assert_eq!(options.warnings.len(), 2);
        assert!(!options.warnings.concat().contains("secret"));
    }
}
