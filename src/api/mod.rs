//! The HTTP door: routes, headers, limits, and every error as an OperationOutcome.
//!
//! Every request goes through [`dispatch`] once its head is parsed; a request that is not ours to answer goes no further.

mod audit;
mod batch;
mod body;
mod caller;
mod children;
mod connection;
mod cors;
mod descriptors;
mod documents;
mod facts;
mod headers;
pub mod health;
mod lookup_span;
mod media;
mod options;
pub mod problem;
mod rate;
mod read;
mod refusals;
mod respond;
pub mod routes;
mod search;
mod server;
pub mod tls;

pub use connection::ENDINGS;
pub use options::{
    AdminOptions, BatchLimits, FhirOptions, HandlingPolicy, Limits, Options, ScheduledCare, ServerOptions, ServerTls,
};
pub use server::{Bound, ServeError, bind};

use crate::access::{Access, Identity};
use crate::audit::{Inquiry, Trail};
use crate::cpis::{Delivery, Text};
use crate::fhir::graph::ResourceType;
use crate::fhir::id::IdKeys;
use crate::lookup::Lookups;
use crate::telemetry::request::{Beginning, Ending, Facts, Observed};
use crate::telemetry::spans;
use actix_web::http::{ConnectionType, Version};
use actix_web::{HttpRequest, HttpResponse, web};
use arc_swap::ArcSwap;
use children::Children;
use cors::CrossOrigin;
use documents::Documents;
use futures_util::FutureExt;
use headers::CallerHeaders;
use health::RegisterHealth;
use media::Negotiation;
use problem::Problem;
use rate::Rates;
use refusals::Refusals;
use respond::Answered;
use routes::Route;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What every request needs.
pub struct App {
    pub options: Options,
    pub access: Access,
    pub lookups: Lookups,
    pub trail: Trail,
    ids: ArcSwap<IdKeys>,
    pub register_health: RegisterHealth,
    pub documents: Documents,
    rates: Rates,
    children: Children,
    refusals: Refusals,
    /// Where there is a trail: its search on the admin listener.
    pub inquiry: Option<Inquiry>,
    /// Its connections read it too.
    draining: Arc<AtomicBool>,
}

impl App {
    pub fn new(
        options: Options,
        access: Access,
        lookups: Lookups,
        trail: Trail,
        ids: IdKeys,
        register_health: RegisterHealth,
    ) -> Self {
        let documents = Documents::new(&options, access.options());
        let limits = options.limits;
        let rates = Rates::new(limits.requests_per_second);
        let children = Children::new(limits.children_per_user, limits.children_window);
        Self {
            options,
            access,
            lookups,
            trail,
            ids: ArcSwap::from_pointee(ids),
            register_health,
            documents,
            rates,
            children,
            refusals: Refusals::default(),
            inquiry: None,
            draining: Arc::default(),
        }
    }

    /// With the search of the trail on the admin listener.
    #[must_use]
    pub fn with_inquiry(mut self, inquiry: Inquiry) -> Self {
        self.inquiry = Some(inquiry);
        self
    }

    /// The keys of ids, as they are now.
    fn ids(&self) -> Arc<IdKeys> {
        self.ids.load_full()
    }

    /// Makes ids with these keys from now on.
    pub fn renew_ids(&self, ids: IdKeys) {
        self.ids.store(Arc::new(ids));
    }

    /// Puts counted refusals on the trail that are not there yet.
    pub async fn settle_refusals(&self) {
        self.refusals.settle(&self.trail).await;
    }

    /// From now on the service is not ready, and every answer closes its connection. Further requests are still answered.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}

/// The kinds of listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// FHIR and health.
    Public,
    /// Health, metrics and the trail's search.
    Admin,
}

/// A request of somebody who may ask, on its way to its handler.
#[derive(Clone, Copy)]
struct Asking<'r> {
    app: &'r App,
    request: &'r HttpRequest,
    caller: &'r CallerHeaders,
    identity: &'r Identity,
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
    let caller = caller.with_request_id();
    let observed = Observed::begin(beginning(&request, route.ok(), &caller, &app, **listener));
    let negotiation = Negotiation::of(&request);
    let mut known: Option<Identity> = None;
    let way = request.conn_data::<server::Way>();
    let cross_origin = CrossOrigin::of(&request, &app, **listener);
    let working = async {
        if let Some(preflight) = cross_origin.and_then(|cross_origin| cross_origin.preflight(&request, route)) {
            return Ok(preflight);
        }
        let route = route.map_err(Problem::from)?;
        if let Some(health) = health::answer(route, &request, &app).await {
            return Ok(health);
        }
        if let Some(plain) = documents::plain(route, &request, &app) {
            return plain;
        }
        if documents::is_of_fhir(route) {
            header_fault?;
            negotiation.fault()?;
            let described = documents::of_fhir(route, &request, &app, negotiation.presentation());
            return described.ok_or_else(|| routes::NoRoute::NotFound.into());
        }
        if route == Route::TrailSearch {
            header_fault?;
            return audit::handle(&request, payload, &app, &caller).await;
        }
        let access = spans::access();
        let identity = known.insert(access.around(caller::identify(&request, &app)).await?);
        if let Some(way) = way {
            way.is_of_somebody_known();
        }
        Facts::requester(&identity.requester.organisation.code_upper(), identity.requester.role.code.as_str());
        header_fault?;
        // The form of a posted search may still name the format of its answer.
        if !matches!(route, Route::SearchByPost(_)) {
            negotiation.fault()?;
        }
        access.within(|| caller::admit(&app, &caller, identity))?;
        drop(access);
        let asking = Asking { app: &app, request: &request, caller: &caller, identity };
        match route {
            Route::Read(resource) => read::handle(resource, asking, negotiation.presentation()).await,
            Route::Batch => batch::handle(asking, payload, negotiation.presentation()).await,
            _ => search::handle(route, asking, payload, &negotiation).await,
        }
    };
    let answered = match AssertUnwindSafe(observed.around(working)).catch_unwind().await {
        Ok(Ok(answered)) => answered,
        Ok(Err(problem)) => Answered::problem(problem, negotiation.presentation()),
        Err(_panic) => Answered::problem(Problem::internal(), negotiation.presentation()),
    };
    if let Some(refusal) = &answered.refusal {
        let (identity, route) = (known.as_ref(), route.ok());
        let refused = caller::Refused { refusal, identity, request: &request, route, caller: &caller };
        caller::refused(&app, &refused).await;
    }
    observed.end(&Ending {
        status: answered.status,
        outcome: answered.name,
        delivery: answered.delivery.map(Delivery::name),
        shared: answered.shared,
        resource: route.ok().and_then(Route::resource).map(ResourceType::name),
        request_id: caller.request_id.as_ref().map(|id| app.trail.seal().kept(id)).as_deref(),
    });
    let mut response = answered.into_response(&caller, &app, way.map(server::Way::progress));
    if let Some(cross_origin) = cross_origin {
        cross_origin.mark(&mut response);
    }
    // So that the caller reconnects: to another replica, or with a certificate that is still good. The rest of a body is not
    // waited for.
    let is_outdated = request.conn_data::<server::Met>().is_some_and(server::Met::is_outdated);
    if app.is_draining() || is_outdated || way.is_some_and(|way| !way.has_body()) {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    response
}

fn route_of(request: &HttpRequest, app: &App, listener: Listener) -> Result<Route, routes::NoRoute> {
    let options = &app.options;
    let served = routes::Served {
        base: &options.server.base_path,
        get_search: options.fhir.get_search,
        patient_flag: options.fhir.patient_flag,
    };
    let path = routes::plain(request.path());
    if listener == Listener::Admin
        && let Some(route) = routes::of_admin(request.method(), &path, audit::is_offered(&app.access))
    {
        return route;
    }
    let route = routes::find(request.method(), &path, served)?;
    if listener == Listener::Admin && !route.is_health() { Err(routes::NoRoute::NotFound) } else { Ok(route) }
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
        Listener::Public => app.options.server.tls.is_some(),
        Listener::Admin => app.options.admin.tls.is_some(),
    };
    Beginning {
        method,
        route: route.map(|route| route.name(&app.options.server.base_path)),
        scheme: if tls { "https" } else { "http" },
        version: if request.version() == Version::HTTP_10 { "1.0" } else { "1.1" },
        traceparent: caller.traceparent.as_ref().map(Text::as_str),
        traced: !route.is_some_and(|route| route.is_health() || route == Route::Metrics),
    }
}
