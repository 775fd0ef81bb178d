//! Every request, from its parsed head to its answer: its route, who asks, its handler, one log line. A handler's panic ends here.

use super::conformance;
use super::cors::CrossOrigin;
use super::headers::{CallerHeaders, HeaderError};
use super::media::Negotiation;
use super::problem::Problem;
use super::response::Response;
use super::routes::{self, NoRoute, Route};
use super::server::{ConnectionHandle, TlsPeer};
use super::{AdmittedRequest, App, Listener, audit, batch, caller, health, read, search};
use crate::access::Identity;
use crate::cpis::{Delivery, Text};
use crate::fhir::graph::ResourceType;
use crate::telemetry::request::{Beginning, Ending, Facts, Observed};
use crate::telemetry::spans;
use actix_web::http::{ConnectionType, Version};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

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
    let cross_origin = CrossOrigin::of(&request, &app, **listener);
    let mut identity = None;
    let working = async {
        if let Some(preflight) = cross_origin.and_then(|cross_origin| cross_origin.preflight(&request, route)) {
            return Ok(preflight);
        }
        let received = Received { request: &request, app: &app, caller: &caller, header_fault, negotiation: &negotiation };
        received.answer(route?, payload, &mut identity).await
    };
    let response = match AssertUnwindSafe(observed.around(working)).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(problem)) => Response::problem(problem, negotiation.presentation()),
        Err(_panic) => Response::problem(Problem::internal(), negotiation.presentation()),
    };
    if let Some(refusal) = &response.refusal {
        let (identity, route) = (identity.as_ref(), route.ok());
        let refused = caller::RefusedRequest { refusal, identity, request: &request, route, caller: &caller };
        caller::refused(&app, &refused).await;
    }
    observed.end(&Ending {
        status: response.status,
        outcome: response.name,
        delivery: response.delivery.map(Delivery::name),
        shared: response.shared,
        resource: route.ok().and_then(Route::resource).map(ResourceType::name),
        request_id: caller.request_id.as_ref().map(|id| app.trail.seal().kept(id)).as_deref(),
    });
    let connection = request.conn_data::<ConnectionHandle>();
    let mut response = response.into_response(&caller, &app, connection.map(ConnectionHandle::progress));
    if let Some(cross_origin) = cross_origin {
        cross_origin.mark(&mut response);
    }
    if closes(&request, &app) {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    response
}

/// A request whose head was read, before anything is known of who asks.
struct Received<'r> {
    request: &'r HttpRequest,
    app: &'r App,
    caller: &'r CallerHeaders,
    header_fault: Result<(), HeaderError>,
    negotiation: &'r Negotiation,
}

impl Received<'_> {
    /// The answer of the route's handler. `known` becomes who asks, as soon as that is known.
    async fn answer(self, route: Route, payload: web::Payload, known: &mut Option<Identity>) -> Result<Response, Problem> {
        let Self { request, app, caller, header_fault, negotiation } = self;
        if let Some(health) = health::answer(route, request, app).await {
            return Ok(health);
        }
        if let Some(plain) = conformance::plain(route, request, app) {
            return plain;
        }
        if conformance::is_of_fhir(route) {
            header_fault?;
            negotiation.fault()?;
            let described = conformance::of_fhir(route, request, app, negotiation.presentation());
            return described.ok_or_else(|| NoRoute::NotFound.into());
        }
        if route == Route::TrailSearch {
            header_fault?;
            return audit::handle(request, payload, app, caller).await;
        }
        let access = spans::access();
        let identity = known.insert(access.around(caller::identify(request, app)).await?);
        if let Some(connection) = request.conn_data::<ConnectionHandle>() {
            connection.is_of_somebody_known();
        }
        Facts::requester(&identity.requester.organisation.code_upper(), identity.requester.role.code.as_str());
        header_fault?;
        // The form of a posted search may still name the format of its answer.
        if !matches!(route, Route::SearchByPost(_)) {
            negotiation.fault()?;
        }
        access.within(|| caller::admit(app, caller, identity))?;
        drop(access);
        let admitted = AdmittedRequest { app, request, caller, identity };
        match route {
            Route::Read(resource) => read::handle(resource, admitted, negotiation.presentation()).await,
            Route::Batch => batch::handle(admitted, payload, negotiation.presentation()).await,
            _ => search::handle(route, admitted, payload, negotiation).await,
        }
    }
}

/// Whether the answer closes the connection, so that the caller reconnects: to another replica, or with a certificate that is still
/// good. The rest of a body is not waited for either.
fn closes(request: &HttpRequest, app: &App) -> bool {
    let is_outdated = request.conn_data::<TlsPeer>().is_some_and(TlsPeer::is_outdated);
    let is_unread = request.conn_data::<ConnectionHandle>().is_some_and(|connection| !connection.has_body());
    app.is_draining() || is_outdated || is_unread
}

fn route_of(request: &HttpRequest, app: &App, listener: Listener) -> Result<Route, NoRoute> {
    let options = &app.options;
    let served = routes::RouteOptions {
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
    if listener == Listener::Admin && !route.is_health() { Err(NoRoute::NotFound) } else { Ok(route) }
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
