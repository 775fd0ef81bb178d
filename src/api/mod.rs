//! The HTTP door: routes, headers, limits, and every error as an OperationOutcome.
//!
//! A request goes through [`dispatch`] from its first parsed head on; what is not ours to answer never gets past it.

mod batch;
mod body;
mod documents;
mod headers;
pub mod health;
mod looked;
mod media;
pub mod problem;
mod read;
mod respond;
pub mod routes;
mod search;
mod server;

pub use server::{Bound, ServeError, bind};

use crate::cpis::{Delivery, Text};
use crate::fhir::graph::ResourceType;
use crate::fhir::id::IdKeys;
use crate::lookup::Lookups;
use crate::settings::Settings;
use crate::telemetry::request::{Beginning, Ending, Observed};
use actix_web::http::Version;
use actix_web::{HttpRequest, HttpResponse, web};
use documents::Documents;
use futures_util::FutureExt;
use headers::CallerHeaders;
use health::SmspHealth;
use media::Negotiation;
use problem::Problem;
use respond::Answered;
use routes::Route;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What every request needs.
pub struct App {
    pub settings: Arc<Settings>,
    pub lookups: Lookups,
    pub ids: IdKeys,
    pub smsp_health: SmspHealth,
    pub documents: Documents,
    draining: AtomicBool,
}

impl App {
    pub fn new(settings: Arc<Settings>, lookups: Lookups, ids: IdKeys, smsp_health: SmspHealth) -> Self {
        let documents = Documents::new(&settings);
        Self { settings, lookups, ids, smsp_health, documents, draining: AtomicBool::new(false) }
    }

    /// From now on the service is not ready and takes no new searches.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}

/// Whom a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// FHIR and health.
    Public,
    /// Health; metrics and the trail's search come here.
    Admin,
}

/// Answers one request, whatever it is. One log line each, with nothing of a child in it.
pub(crate) async fn dispatch(
    request: HttpRequest,
    payload: web::Payload,
    app: web::Data<App>,
    listener: web::Data<Listener>,
) -> HttpResponse {
    let route = route_of(&request, &app, **listener);
    let (caller, header_fault) = CallerHeaders::read(request.headers());
    let caller = caller.with_request_id(|| uuid::Uuid::new_v4().to_string());
    let observed = Observed::begin(beginning(&request, route.ok(), &caller, &app, **listener));
    let negotiation = Negotiation::of(&request);
    let working = async {
        let route = route.map_err(Problem::from)?;
        if let Some(health) = health::answer(route, &app).await {
            return Ok(health);
        }
        if let Some(plain) = documents::plain(route, &request, &app) {
            return plain;
        }
        header_fault?;
        // The form of a posted search may still say how its answer shall look.
        if !matches!(route, Route::SearchByPost(_)) {
            negotiation.fault()?;
        }
        if let Some(described) = documents::of_fhir(route, &request, &app, negotiation.presentation()) {
            return Ok(described);
        }
        match route {
            Route::Read(resource) => read::handle(resource, &request, &app, &caller, negotiation.presentation()).await,
            Route::Batch => batch::handle(&request, payload, &app, &caller, negotiation.presentation()).await,
            _ => search::handle(route, &request, payload, &app, &caller, &negotiation).await,
        }
    };
    let answered = match AssertUnwindSafe(observed.around(working)).catch_unwind().await {
        Ok(Ok(answered)) => answered,
        Ok(Err(problem)) => Answered::problem(problem, negotiation.presentation()),
        Err(_panic) => Answered::problem(Problem::internal(), negotiation.presentation()),
    };
    observed.end(&Ending {
        status: answered.status,
        outcome: answered.name,
        delivery: answered.delivery.map(delivery_name),
        shared: answered.shared,
        resource: route.ok().and_then(Route::resource).map(ResourceType::name),
        request_id: caller.request_id.as_deref(),
    });
    answered.into_response(&caller, &app)
}

fn route_of(request: &HttpRequest, app: &App, listener: Listener) -> Result<Route, routes::NoRoute> {
    let settings = &app.settings;
    let served = routes::Served {
        base: &settings.server.base_path,
        get_search: settings.fhir.get_search,
        patient_flag: settings.fhir.patient_flag,
    };
    let found = routes::find(request.method(), request.path(), served);
    let here = |route: Route| match listener {
        Listener::Public => route.is_of_public(),
        Listener::Admin => route.is_of_admin(),
    };
    if let Ok(route) = found
        && !here(route)
    {
        Err(routes::NoRoute::NotFound)
    } else {
        found
    }
}

fn beginning<'c>(
    request: &HttpRequest,
    route: Option<Route>,
    caller: &'c CallerHeaders,
    app: &App,
    listener: Listener,
) -> Beginning<'c> {
    let method = match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    };
    let tls = match listener {
        Listener::Public => app.settings.server.tls.is_some(),
        Listener::Admin => app.settings.admin.tls.is_some(),
    };
    Beginning {
        method,
        route: route.map(|route| route.name(&app.settings.server.base_path)),
        scheme: if tls { "https" } else { "http" },
        version: if request.version() == Version::HTTP_10 { "1.0" } else { "1.1" },
        traceparent: caller.traceparent.as_ref().map(Text::as_str),
        traced: !route.is_some_and(Route::is_of_admin),
    }
}

fn delivery_name(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::NotDelivered => "NotDelivered",
        Delivery::MaybeDelivered => "MaybeDelivered",
    }
}
