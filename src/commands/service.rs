//! Builds the service from settings and runs it until a signal stops it. Used by `serve` and `demo`.

use super::renewal::{self, Renewer};
use super::{CommandError, systemd};
use crate::access::Access;
use crate::api::{self, App, health::RegisterHealth, problem::names_of_refusals};
use crate::audit::{self, Entry, Event, Inquiry, OpenTrail, Trail, TrailState};
use crate::cpis::Register;
use crate::fhir::id::IdKeys;
use crate::lookup;
use crate::lookup::remote::{RemoteError, RemoteTable, Retention};
use crate::lookup::{BreakerState, Lookups, RecallSource, Statistics, ends_of_a_query};
use crate::memory;
use crate::secret::KeyMaterial;
use crate::settings::Settings;
use crate::smsp::client::ClientError;
use crate::smsp::renewable::RenewableRegister;
use crate::telemetry::{self, Breaker, LookupNumbers, TrailNumbers};
use actix_web::dev::ServerHandle;
use actix_web::web;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long requests and looks in flight may take together to finish after the signal to stop.
const DRAIN: Duration = Duration::from_secs(30);

/// How long the trail may then take to write its remaining entries.
const FLUSH: Duration = Duration::from_secs(10);

/// How long the store may then take to merge its write-ahead log into its file.
const SETTLE: Duration = Duration::from_secs(3);

/// The addresses of both listeners, once they are open.
pub struct ListenAddresses {
    pub public: SocketAddr,
    pub admin: SocketAddr,
}

/// What happens while the service runs, and what ends it.
pub struct Lifecycle<R, S> {
    /// Called with the addresses once both listeners are open.
    pub ready: R,
    /// Ends the service.
    pub stop: S,
    /// Reads the settings again while the service runs; `None`: nothing is renewed.
    pub source: Option<renewal::SettingsSource>,
}

/// Runs the service. `core` owns the connections to CP-IS and every look.
///
/// # Errors
/// [`CommandError::Settings`] if a listener or certificate in the settings cannot be used.
pub fn run(
    settings: Arc<Settings>,
    core: &tokio::runtime::Handle,
    lifecycle: Lifecycle<impl FnOnce(&ListenAddresses), impl Future<Output = ()> + 'static>,
) -> Result<(), CommandError> {
    let Service { app, register, trail } = build(&settings, core)?;
    observe(&app, &settings);
    actix_web::rt::System::new().block_on(async move {
        let bound = api::bind(&app).map_err(|error| CommandError::Settings(format!("cpis-fhir cannot start: {error}")))?;
        note(&app.trail, Event::Started, started(&settings)).await;
        let watching = lifecycle.source.map(|source| {
            let renewer = Renewer::new(source, Arc::clone(&settings), app.clone(), register, trail, &bound);
            renewal::watch(renewer, settings.files.clone(), core)
        });
        (lifecycle.ready)(&ListenAddresses { public: bound.public_address, admin: bound.admin_address });
        systemd::ready();
        let handles = bound.handles();
        let serving = actix_web::rt::spawn(bound.run());
        lifecycle.stop.await;
        if let Some(watching) = watching {
            watching.abort();
        }
        finish(&app, handles).await;
        match serving.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(CommandError::Failed(format!("a listener failed: {error}"))),
            Err(_) => Err(CommandError::Failed("a listener ended unexpectedly".to_owned())),
        }
    })
}

/// Stops in order: readiness, new connections, work in flight, then the trail's remaining entries. The admin listener closes last,
/// so that health checks see that the service is stopping.
async fn finish(app: &App, [public, admin]: [ServerHandle; 2]) {
    tracing::info!("stopping: finishing what is in flight");
    systemd::stopping();
    app.start_draining();
    let began = Instant::now();
    public.stop(true).await;
    if !app.lookups.drain(DRAIN.saturating_sub(began.elapsed())).await {
        tracing::warn!(in_flight = app.lookups.in_flight(), "stopped with looks in flight: their outcome is unknown");
    }
    app.settle_refusals().await;
    note(&app.trail, Event::Stopped, format!("version {}", env!("CARGO_PKG_VERSION"))).await;
    if !app.trail.flush(FLUSH).await {
        tracing::error!(owed = app.trail.state().backlog, "stopped with entries that the trail has not taken: they are lost");
    }
    app.trail.settle(SETTLE).await;
    admin.stop(true).await;
}

/// Records an event of the service. The service starts and stops even if that fails: the entry is written as soon as the trail
/// accepts it, and no query is sent before that.
async fn note(trail: &Trail, event: Event, detail: String) {
    let entry = Entry { detail: Some(detail), ..Entry::of(event) };
    if let Err(error) = trail.record(&entry).await {
        tracing::error!(event = event.name(), %error, "the trail cannot be written");
        trail.record_when_possible(&entry);
    }
}

/// The settings that decide which queries are sent, shared and kept. No secret, no URL.
fn started(settings: &Settings) -> String {
    let Settings { api, smsp, access, lookup, .. } = settings;
    let lookup::Rules { patience, sharing, .. } = &lookup.rules;
    let modes: Vec<String> = access.modes.iter().map(|mode| format!("{mode:?}").to_lowercase()).collect();
    format!(
        "version {}; access.modes {}; smsp.sender_ods {}; smsp.timeout {:?}; smsp.late_timeout {:?}; lookup.share_for {:?}; \
         lookup.refresh_after {:?}; fhir.patient_flag {}; fhir.read_asks {}",
        env!("CARGO_PKG_VERSION"),
        modes.join(","),
        smsp.dialect.sender_ods,
        patience.caller,
        patience.late,
        sharing.share_for,
        sharing.refresh_after,
        api.fhir.patient_flag,
        api.fhir.read_asks,
    )
}

/// A service that does not listen yet, with the parts that can be renewed.
struct Service {
    app: web::Data<App>,
    register: Arc<dyn Register>,
    trail: audit::Renewable,
}

fn build(settings: &Settings, core: &tokio::runtime::Handle) -> Result<Service, CommandError> {
    memory::limit_to(settings.memory.unwrap_or_else(memory::usual));
    let wrong = |error: &dyn std::fmt::Display| CommandError::Settings(format!("cpis-fhir cannot start: {error}"));
    let register = register(settings).map_err(|error| wrong(&error))?;
    let ids = IdKeys::new(settings.id_keys.iter().map(|key| *key.bytes()).collect()).map_err(|error| wrong(&error))?;
    let register_health = RegisterHealth::new(Arc::clone(&register), core.clone());
    let opened = core.block_on(audit::open(&settings.audit, core.clone())).map_err(|error| wrong(&error))?;
    let OpenTrail { trail, reader, chain, seal, renewable, .. } = opened;
    let recalled = RecallSource { reader: Arc::clone(&reader), chain: Arc::clone(&chain), seal, window: window(settings) };
    let inquiry = Inquiry::new(trail.clone(), reader, chain);
    let lookups = match replicas(settings, core).map_err(|error| wrong(&error))? {
        None => {
            let lookups = Lookups::new(Arc::clone(&register), trail.clone(), settings.lookup.rules, core.clone());
            core.block_on(lookups.recall(recalled));
            lookups
        }
        // Replicas remember looks in the shared table.
        Some(table) => Lookups::shared(Arc::clone(&register), trail.clone(), settings.lookup.rules, table, core.clone()),
    };
    let access = Access::start(settings.access.clone(), core).map_err(|error| wrong(&error))?;
    let app = App::new(settings.api.clone(), access, lookups, trail, ids, register_health).with_inquiry(inquiry);
    Ok(Service { app: web::Data::new(app), register, trail: renewable })
}

/// The way to CP-IS that the settings select.
fn register(settings: &Settings) -> Result<Arc<dyn Register>, ClientError> {
    let smsp = &settings.smsp;
    Ok(Arc::new(RenewableRegister::new(smsp.connection.clone(), smsp.dialect.clone())?))
}

/// The file in which shared answers survive a restart, and the keys that encrypt it.
fn window(settings: &Settings) -> Option<(PathBuf, Vec<KeyMaterial>)> {
    let keys = audit::keys_for(&settings.audit.encryption_keys, b"cpis-fhir lookup: window file");
    settings.lookup.window_file.clone().map(|path| (path, keys))
}

/// The table that replicas share, if the settings name one. The service starts even if it is unavailable; looks are then not shared.
fn replicas(settings: &Settings, core: &tokio::runtime::Handle) -> Result<Option<RemoteTable>, RemoteError> {
    let lookup::Options { rules, store, .. } = &settings.lookup;
    let lookup::StoreLocation::Redis(url) = &store.location else { return Ok(None) };
    let retention = Retention::new(rules.sharing.share_for, rules.patience.caller, rules.patience.late);
    let table = RemoteTable::new(url, store.ca.as_deref(), &store.keys, retention, core.clone())?;
    match core.block_on(table.ready()) {
        Ok(()) => tracing::info!("looks are shared between replicas"),
        Err(away) => tracing::error!(%away, "the sharing table is away: looks are not shared between replicas until it is back"),
    }
    Ok(Some(table))
}

/// Connects the metrics to this service for as long as it runs.
fn observe(app: &Arc<App>, settings: &Settings) {
    let metrics = telemetry::metrics();
    metrics.begin_at_zero(ends_of_a_query(), names_of_refusals(), api::ENDINGS);
    let of = Arc::downgrade(app);
    metrics.observe_lookups(move || of.upgrade().map(|app| looks(&app.lookups.statistics())).unwrap_or_default());
    let of = Arc::downgrade(app);
    metrics.observe_trail(move || of.upgrade().map(|app| trail(&app)).unwrap_or_default());
    let of = Arc::downgrade(app);
    metrics.observe_issuers(move || of.upgrade().map(|app| app.access.key_ages()).unwrap_or_default());
    renewal::observe_certificates(settings);
}

fn looks(now: &Statistics) -> LookupNumbers {
    LookupNumbers {
        in_flight: u64::try_from(now.in_flight).unwrap_or(u64::MAX),
        queued: u64::try_from(now.waiting).unwrap_or(u64::MAX),
        shed: now.shed,
        memory_used: u64::try_from(now.memory_used).unwrap_or(u64::MAX),
        memory_limit: u64::try_from(now.memory_limit).unwrap_or(u64::MAX),
        unshared: now.unshared,
        repeated: now.repeated,
        notifications_caused: now.notifications_caused,
        notifications_saved: now.notifications_saved,
        breaker: match now.breaker {
            BreakerState::Closed => Breaker::Closed,
            BreakerState::HalfOpen => Breaker::HalfOpen,
            BreakerState::Open => Breaker::Open,
        },
    }
}

fn trail(app: &App) -> TrailNumbers {
    let TrailState { failing, backlog, entries, .. } = app.trail.state();
    let failing = failing.is_some() || app.lookups.is_recalling();
    TrailNumbers { failing, owed: u64::try_from(backlog).unwrap_or(u64::MAX), entries }
}

/// The runtime that owns the connections to CP-IS and every look (decisions.md 32).
///
/// # Errors
/// [`CommandError::Failed`] when the machine gives no threads.
pub fn core_runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("cpis-core")
        .enable_all()
        .build()
        .map_err(|error| CommandError::Failed(format!("cannot start threads: {error}")))?;
    outlive_file_limits(&runtime);
    Ok(runtime)
}

/// Ignores SIGXFSZ, so that a file that reaches its size limit (RLIMIT_FSIZE) is an error for its writer and does not end the
/// process. The handler stays in place for good.
fn outlive_file_limits(runtime: &tokio::runtime::Runtime) {
    use tokio::signal::unix::{SignalKind, signal};
    /// The same number on Linux and macOS, on every supported architecture.
    const SIGXFSZ: i32 = 25;
    let _guard = runtime.enter();
    if let Err(error) = signal(SignalKind::from_raw(SIGXFSZ)) {
        tracing::warn!(%error, "a file that reaches its size limit would end the process");
    }
}

/// Handles SIGTERM and SIGINT from now on. The first signal completes the returned future; a second one ends the process at once.
/// Before the future is awaited nothing is in flight, so then the first signal ends the process at once too.
///
/// Call it first during a start: the first process of a container ignores signals without a handler.
pub fn stop_signal(core: &tokio::runtime::Handle) -> impl Future<Output = ()> + 'static {
    use tokio::signal::unix::{SignalKind, signal};
    let (stop, first) = tokio::sync::oneshot::channel();
    let is_awaited = Arc::new(AtomicBool::new(false));
    let has_begun = Arc::clone(&is_awaited);
    let _guard = core.enter();
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut term), Ok(mut interrupt)) => {
            let mut either = async move || {
                tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
            };
            core.spawn(async move {
                either().await;
                if !has_begun.load(Ordering::SeqCst) {
                    std::process::exit(0);
                }
                let _ = stop.send(());
                either().await;
                std::process::exit(130);
            });
        }
        (Err(error), _) | (_, Err(error)) => tracing::error!(%error, "signals to stop cannot be handled"),
    }
    async move {
        is_awaited.store(true, Ordering::SeqCst);
        if first.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
