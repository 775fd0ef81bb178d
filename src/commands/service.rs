//! Builds the service from settings and runs it until it is told to stop. Used by `serve` and `demo`.

use super::CommandError;
use crate::api::{self, App, health::SmspHealth};
use crate::fhir::id::IdKeys;
use crate::lookup::{Lookups, Patience, Sharing};
use crate::settings::{ServerTls, Settings};
use crate::smsp::{client::Client, probe};
use crate::telemetry::{self, LookupNumbers, certificates};
use actix_web::web;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long requests in flight may take to finish after the signal to stop.
const DRAIN: Duration = Duration::from_secs(30);

/// Where the service listens, once it does.
pub struct Ready {
    pub public: SocketAddr,
    pub admin: SocketAddr,
}

/// Runs the service. `core` owns the SMSP client and every look; `ready` is told the addresses; `stop` ends it.
///
/// # Errors
/// [`CommandError::Settings`] where a listener or certificate named in the settings cannot be used.
pub fn run(
    settings: Arc<Settings>,
    core: &tokio::runtime::Handle,
    ready: impl FnOnce(&Ready),
    stop: impl Future<Output = ()> + 'static,
) -> Result<(), CommandError> {
    let app = web::Data::new(build(settings, core)?);
    actix_web::rt::System::new().block_on(async move {
        let bound = api::bind(&app).map_err(|error| CommandError::Settings(format!("cpis-fhir cannot start: {error}")))?;
        ready(&Ready { public: bound.public_address, admin: bound.admin_address });
        let handles = bound.handles();
        let serving = actix_web::rt::spawn(bound.run());
        stop.await;
        tracing::info!("stopping: finishing what is in flight");
        app.start_draining();
        for handle in handles {
            handle.stop(true).await;
        }
        if !app.lookups.drain(DRAIN).await {
            tracing::warn!(in_flight = app.lookups.in_flight(), "stopped with looks in flight: their outcome is unknown");
        }
        match serving.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(CommandError::Failed(format!("a listener failed: {error}"))),
            Err(_) => Err(CommandError::Failed("a listener ended unexpectedly".to_owned())),
        }
    })
}

fn build(settings: Arc<Settings>, core: &tokio::runtime::Handle) -> Result<App, CommandError> {
    let smsp = &settings.smsp;
    let wrong = |error: &dyn std::fmt::Display| CommandError::Settings(format!("cpis-fhir cannot start: {error}"));
    let client = Client::new(smsp.connection.clone(), smsp.dialect.clone()).map_err(|error| wrong(&error))?;
    let patience = Patience { connect: smsp.connection.connect_timeout, caller: smsp.timeout, late: smsp.late_timeout };
    let sharing = Sharing { share_for: settings.lookup.share_for, refresh_after: settings.lookup.refresh_after };
    let ids = IdKeys::new(settings.fhir.id_keys.iter().map(|key| *key.bytes()).collect()).map_err(|error| wrong(&error))?;
    let probe = probe::Probe::new(&smsp.connection, &smsp.dialect.url).map_err(|error| wrong(&error))?;
    let runtime = core.clone();
    let smsp_health = SmspHealth::new(Box::new(move || {
        let (probe, runtime) = (probe.clone(), runtime.clone());
        Box::pin(async move {
            runtime.spawn(async move { probe.shake_hands().await }).await.unwrap_or_else(|_| Err("the probe failed".into()))
        })
    }));
    let lookups = Lookups::new(Arc::new(client), patience, sharing, core.clone());
    observe(&lookups, &settings);
    Ok(App::new(settings, lookups, ids, smsp_health))
}

/// What the metrics read of this service.
fn observe(lookups: &Lookups, settings: &Settings) {
    let lookups = lookups.clone();
    telemetry::metrics().observe_lookups(move || LookupNumbers {
        in_flight: u64::try_from(lookups.in_flight()).unwrap_or(u64::MAX),
        ..LookupNumbers::default()
    });
    let own = |tls: Option<&ServerTls>| tls.and_then(|tls| certificates::ends(&tls.cert_pem));
    let connection = &settings.smsp.connection;
    let ends = [
        ("smsp-client", certificates::ends(&connection.client_cert_pem)),
        ("smsp-ca", certificates::ends(&connection.ca_pem)),
        ("server", own(settings.server.tls.as_ref())),
        ("admin", own(settings.admin.tls.as_ref())),
    ];
    let ends: Vec<_> = ends.into_iter().filter_map(|(name, end)| Some((name, end?))).collect();
    telemetry::metrics()
        .observe_certificates(move || ends.iter().map(|(name, end)| (*name, certificates::days_until(*end))).collect());
}

/// The runtime that owns the SMSP client and every look (decisions.md 32).
///
/// # Errors
/// [`CommandError::Failed`] when the machine gives no threads.
pub fn core_runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    tokio::runtime::Builder::new_multi_thread()
        .thread_name("cpis-core")
        .enable_all()
        .build()
        .map_err(|error| CommandError::Failed(format!("cannot start threads: {error}")))
}

/// Completes at the first SIGTERM or SIGINT; a second one ends the process at once.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    let mut either = async move || {
        tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
    };
    either().await;
    actix_web::rt::spawn(async move {
        either().await;
        std::process::exit(130);
    });
}
