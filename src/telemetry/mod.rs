//! What the service says of itself while it runs. Nothing of a child is ever in it.

use crate::settings::LogForm;
use tracing_subscriber::EnvFilter;

/// Sends logs to standard error, one line each; `RUST_LOG` overrides the level.
pub fn start_logs(format: LogForm) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,actix_server=warn,actix_http=off,hyper=off,reqwest=off,rustls=off"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second call, as in tests, leaves the first one in place.
    let _ = match format {
        LogForm::Json => logs.json().flatten_event(true).with_target(true).try_init(),
        LogForm::Pretty => logs.with_target(false).compact().try_init(),
    };
}

/// From now on a panic says where it happened and nothing else: its message could hold data of a child.
pub fn silence_panic_messages() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(target: "cpis_fhir::panic", place, "panic");
    }));
}
