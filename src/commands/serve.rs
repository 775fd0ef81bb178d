use super::service;
use super::{CommandError, say_error};
use crate::settings::{self, Mode, Settings};
use crate::telemetry;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Settings file (TOML). Environment variables CPIS_FHIR__... win over it
    #[arg(long, env = "CPIS_FHIR_CONFIG")]
    config: Option<PathBuf>,
}

/// Runs the service until a signal stops it.
pub fn run(options: &Options) -> Result<(), CommandError> {
    let began = Instant::now();
    let settings =
        settings::load(options.config.as_deref(), environment()).map_err(|error| CommandError::Settings(error.to_string()))?;
    refuse_what_is_not_built(&settings)?;
    let telemetry = telemetry::start(settings.telemetry.log);
    telemetry::silence_panic_messages();
    for warning in &settings.warnings {
        tracing::warn!(warning, "settings");
    }
    let settings = Arc::new(settings);
    let core = service::core_runtime()?;
    let shown = Arc::clone(&settings);
    let ended = service::run(
        settings,
        core.handle(),
        move |ready| {
            tracing::info!(
                public = %ready.public, admin = %ready.admin,
                ready_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX), "ready"
            );
            let scheme = if shown.server.tls.is_some() { "https" } else { "http" };
            say_error(&format!(
                "cpis-fhir is ready: {scheme}://{}{}\nTry: curl {scheme}://{}/health/ready",
                ready.public, shown.server.base_path, ready.public
            ));
        },
        service::stop_signal(),
    );
    drop(core);
    drop(telemetry);
    ended
}

/// A person must be vouched for, and a trail kept, before this may serve anyone but its own demo user.
fn refuse_what_is_not_built(settings: &Settings) -> Result<(), CommandError> {
    if settings.access.modes == [Mode::Demo] {
        return Ok(());
    }
    Err(CommandError::Settings(
        "cpis-fhir cannot start: 1 fault in the settings\n- access.modes (CPIS_FHIR__ACCESS__MODES): this version can only run as \
         [\"demo\"], on loopback: tokens, gateways and the audit trail that they need are not part of it yet"
            .to_owned(),
    ))
}

/// The environment as text. What is not UTF-8 is read as near as can be, so that it is refused by name rather than by a panic.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
}
