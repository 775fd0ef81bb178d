//! `check`: everything that the service needs before the first request, without a CP-IS query.
//!
//! Each module checks one thing. [`finding`] is one line of the output, [`report`] all of them. `--ready` asks a running service
//! instead ([`ready`]).

mod certificates;
mod finding;
mod issuers;
mod ready;
mod report;
mod sharing;
mod smsp;
mod trail;

use super::{CommandError, environment, say, service};
use crate::api::{self, ServerOptions};
use crate::settings::{self, Settings, SettingsError};
use finding::Finding;
use futures_util::join;
use report::Report;
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// The text of `--help` about exit codes.
pub const EXIT_CODES: &str = "Exit codes: 0 all is well, 1 something failed, 2 the settings are wrong, 3 warnings only. \
    With --ready: 0 ready, 1 anything else.\n\
    Run it as the service's user: another user may have other rights.";

#[derive(Debug, clap::Args)]
pub struct CheckOptions {
    /// Settings file (TOML). Environment variables CPIS_FHIR__... win over it
    #[arg(long, env = "CPIS_FHIR_CONFIG")]
    config: Option<PathBuf>,
    /// One JSON object: {"status", "findings": [{"check", "status", "message", "days_left"}]}
    #[arg(long, conflicts_with = "ready")]
    json: bool,
    /// How long each check over the network may take; at least 1s
    #[arg(long, default_value = "5s", value_parser = limit, conflicts_with = "ready")]
    timeout: Duration,
    /// Only ask a running service whether it is ready, for a container's health check: one line, exit code 0 or 1, within 4 s
    #[arg(long)]
    ready: bool,
    /// With --ready: the listener to ask, such as http://127.0.0.1:9090, instead of the one in the settings
    #[arg(long, value_name = "URL", requires = "ready")]
    admin: Option<String>,
}

fn limit(text: &str) -> Result<Duration, &'static str> {
    settings::read_duration(text)
        .filter(|limit| *limit >= Duration::from_secs(1))
        .ok_or("wanted a duration of at least one second, such as 5s")
}

/// Checks everything, or asks whether the service is ready.
///
/// # Errors
/// [`CommandError::Settings`] with every fault, [`CommandError::Failed`] if no threads can be started.
pub fn run(options: &CheckOptions) -> Result<ExitCode, CommandError> {
    if options.ready {
        return ready::run(options.config.as_deref(), options.admin.as_deref());
    }
    let settings = match settings::load(options.config.as_deref(), environment()) {
        Ok(settings) => Arc::new(settings),
        Err(error) if options.json => {
            say(&of_faults(&error).json().to_string());
            return Ok(ExitCode::from(2));
        }
        Err(error) => return Err(CommandError::Settings(error.to_string())),
    };
    let runtime = service::core_runtime()?;
    let limit = options.timeout;
    let checking = runtime.spawn(async move { check_all(&settings, limit).await });
    let report = runtime.block_on(checking).map_err(|_| CommandError::Failed("the check itself failed".to_owned()))?;
    // Does not wait: a name resolution under way cannot be cancelled.
    runtime.shutdown_background();
    say(&if options.json { report.json().to_string() } else { report.to_string() });
    Ok(ExitCode::from(report.exit_code()))
}

fn of_faults(error: &SettingsError) -> Report {
    Report(error.faults().iter().map(|fault| Finding::fail("settings", fault.to_string())).collect())
}

/// All findings, in the order of the output. Checks over the network run at the same time.
async fn check_all(settings: &Settings, limit: Duration) -> Report {
    let (smsp, issuers, trail, sharing) = join!(
        smsp::check(settings, limit),
        issuers::check(settings, limit),
        trail::check(settings, limit),
        within(limit, "lookup.store", sharing::check(settings)),
    );
    let mut findings = of_settings(settings);
    findings.extend(certificates::check(settings));
    findings.extend([smsp, issuers, trail, vec![sharing, sharing::window(settings)], listeners(settings)].into_iter().flatten());
    Report(findings)
}

/// Runs `checking`, or fails it after `limit`.
async fn within(limit: Duration, check: &str, checking: impl Future<Output = Finding>) -> Finding {
    tokio::time::timeout(limit, checking).await.unwrap_or_else(|_| Finding::fail(check, format!("no answer within {limit:?}")))
}

/// The warnings of the settings, except those about certificates, which have their own findings.
fn of_settings(settings: &Settings) -> Vec<Finding> {
    let warnings = settings.warnings.iter().filter(|warning| !settings::is_of_validity(warning));
    let warnings: Vec<Finding> = warnings.map(|warning| Finding::warn("settings", warning.as_str())).collect();
    if warnings.is_empty() { vec![Finding::ok("settings", "whole, and without contradiction")] } else { warnings }
}

/// Not tried: a running service already uses the ports.
fn listeners(settings: &Settings) -> Vec<Finding> {
    let scheme = |is_tls: bool| if is_tls { "https" } else { "http" };
    let api::Options { server, admin, .. } = &settings.api;
    let ServerOptions { listen, base_path, tls, .. } = server;
    vec![
        Finding::skip("server.listen", format!("{}://{listen}{base_path}, not tried", scheme(tls.is_some()))),
        Finding::skip("admin.listen", format!("{}://{}, not tried", scheme(admin.tls.is_some()), admin.listen)),
    ]
}
