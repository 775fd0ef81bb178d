//! Health (fhir.md 6, decisions.md 39). No check ever asks CP-IS: the SMSP's is name resolution, TCP and a TLS handshake.

use super::App;
use super::media::scrape;
use super::response::Response;
use super::routes::Route;
use crate::cpis::Register;
use crate::telemetry;
use actix_web::HttpRequest;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::Mutex;

/// How long the outcome of a probe stands: the way to CP-IS is probed at most this often.
const PROBE_EVERY: Duration = Duration::from_mins(1);

/// What a check found: nothing, or a short reason without any address or name.
type Checked = Result<(), String>;

/// The state of the way to CP-IS, probed when asked for and remembered for a minute.
pub struct RegisterHealth {
    register: Arc<dyn Register>,
    /// Owns its connections.
    runtime: Handle,
    last: Mutex<Option<(Instant, Checked)>>,
}

impl RegisterHealth {
    pub fn new(register: Arc<dyn Register>, runtime: Handle) -> Self {
        Self { register, runtime, last: Mutex::default() }
    }

    /// Forgets the outcome: it came from other certificates.
    pub async fn forget(&self) {
        *self.last.lock().await = None;
    }

    async fn state(&self) -> Checked {
        // The lock is held while probing, so that a burst of requests makes one handshake.
        let mut last = self.last.lock().await;
        if let Some((at, checked)) = last.as_ref()
            && at.elapsed() < PROBE_EVERY
        {
            return checked.clone();
        }
        let checked = match self.runtime.spawn(self.register.probe()).await {
            Ok(probed) => probed.map_err(|error| error.to_string()),
            Err(_) => Err("the probe failed".to_owned()),
        };
        *last = Some((Instant::now(), checked.clone()));
        checked
    }
}

/// The answer, if the route is one of health's.
pub async fn answer(route: Route, request: &HttpRequest, app: &App) -> Option<Response> {
    if route == Route::Metrics {
        let format = scrape::wanted(request.headers());
        return Some(Response::ok("metrics", telemetry::page(format).into_bytes(), format.content_type()));
    }
    let (status, body) = match route {
        Route::Ping => (200, ping()),
        Route::Status => self::status(app).await,
        Route::Ready if app.is_draining() => (503, json!({ "status": "fail", "output": "draining" })),
        Route::Live | Route::Ready => (200, json!({ "status": "pass" })),
        _ => return None,
    };
    let mut answered = Response::ok("health", body.to_string().into_bytes(), "application/json");
    answered.status = status;
    Some(answered)
}

fn ping() -> serde_json::Value {
    let commit = option_env!("CPIS_FHIR_COMMIT").unwrap_or("unknown");
    let version = env!("CARGO_PKG_VERSION");
    json!({ "version": version, "revision": commit, "releaseId": version, "commitId": commit })
}

fn word(is_well: bool) -> &'static str {
    if is_well { "pass" } else { "fail" }
}

fn check(component: &str, found: &Checked) -> serde_json::Value {
    let mut check = json!({ "status": word(found.is_ok()), "componentType": component });
    if let Err(reason) = found {
        check["output"] = json!(reason);
    }
    check
}

/// `pass` or `fail` in the body; the status code is 200 either way, since the service itself answers.
async fn status(app: &App) -> (u16, serde_json::Value) {
    let register = app.register_health.state().await;
    let trail = match app.trail.state().failing {
        None if app.lookups.is_recalling() => Err("the trail is not read back yet: nothing is asked".to_owned()),
        None => Ok(()),
        Some(kind) => Err(format!("the trail's store {kind}: nothing is asked")),
    };
    let is_well = register.is_ok() && trail.is_ok();
    let body = json!({
        "status": word(is_well),
        "version": env!("CARGO_PKG_VERSION"),
        "checks": {
            "smsp:connectivity": [check("system", &register)],
            "trail:writable": [check("datastore", &trail)],
            "lookups:inFlight": [{ "status": "pass", "observedValue": app.lookups.in_flight() }],
        },
    });
    (200, body)
}
