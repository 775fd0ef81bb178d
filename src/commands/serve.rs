use super::{CommandError, environment, say_error};
use super::{renewal, service};
use crate::settings;
use crate::telemetry;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub struct ServeOptions {
    /// Settings file (TOML). Environment variables CPIS_FHIR__... win over it
    #[arg(long, env = "CPIS_FHIR_CONFIG")]
    config: Option<PathBuf>,
}

/// How long the runtime may take to stop blocking work of the operating system, such as name resolution.
const LEFT_OVER: Duration = Duration::from_millis(500);

/// Runs the service until a signal stops it.
pub fn run(options: &ServeOptions) -> Result<(), CommandError> {
    let began = Instant::now();
    let settings =
        settings::load(options.config.as_deref(), environment()).map_err(|error| CommandError::Settings(error.to_string()))?;
    let telemetry = telemetry::start(settings.log);
    telemetry::silence_panic_messages();
    for warning in &settings.warnings {
        tracing::warn!(warning, "settings");
    }
    let settings = Arc::new(settings);
    let core = service::core_runtime()?;
    let stop = service::stop_signal(core.handle());
    let shown = Arc::clone(&settings);
    let ready = move |ready: &service::ListenAddresses| {
        tracing::info!(
            public = %ready.public, admin = %ready.admin,
            ready_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX), "ready"
        );
        let scheme = if shown.api.server.tls.is_some() { "https" } else { "http" };
        say_error(&format!(
            "cpis-fhir is ready: {scheme}://{}{}\nTry: curl {scheme}://{}/health/ready",
            ready.public, shown.api.server.base_path, ready.public
        ));
    };
    let file = options.config.clone();
    let source: renewal::SettingsSource = Box::new(move |started| settings::renew(file.as_deref(), environment(), started));
    let lifecycle = service::Lifecycle { ready, stop, source: Some(source) };
    let ended = service::run(settings, core.handle(), lifecycle);
    // Everything is on record: a hanging resolver must not delay the end.
    core.shutdown_timeout(LEFT_OVER);
    drop(telemetry);
    ended
}
