//! Finds out who asks, once for each request, before its parameters or its body are read.

use super::headers::CallerHeaders;
use super::problem::Problem;
use super::routes::Route;
use super::{App, ScheduledCare, request_context};
use crate::access::{CallerCredentials, ClientCertificate, Header, Headers, Identity, Interaction, Refusal};
use crate::audit::{Entry, Event, Outcome, RequestFacts, Who};
use crate::cpis::{AuthorPart, Delivery, RegisterErrorKind};
use crate::fhir::graph::ResourceType;
use crate::fhir::search::{Direction, Include, Search};
use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;

/// The headers of a request as access reads them.
struct RequestHeaders<'r>(&'r HeaderMap);

impl Headers for RequestHeaders<'_> {
    fn header(&self, name: &str) -> Header<'_> {
        let mut values = self.0.get_all(name);
        match (values.next(), values.next()) {
            (None, _) => Header::Absent,
            (Some(value), None) => Header::One(value.as_bytes()),
            (Some(_), Some(_)) => Header::Several,
        }
    }
}

/// A request refused because of its caller, for the trail.
#[allow(dead_code, reason = "the trail's entry wants the peer address of `request`")]
pub(super) struct RefusedRequest<'r> {
    pub refusal: &'r Refusal,
    /// The person, if known: always with a 403 except for an unreadable identity, never with a 401.
    pub identity: Option<&'r Identity>,
    pub request: &'r HttpRequest,
    pub route: Option<Route>,
    /// With the request's id.
    pub caller: &'r CallerHeaders,
}

/// Puts a refusal on the trail, once for each refused request, before its answer goes out, within the caller's budget.
/// Requests over the rate are not refusals in this sense: a flood must not fill the trail.
pub(super) async fn refused(app: &App, refused: &RefusedRequest<'_>) {
    app.refusals.record(&app.trail, entry(app, refused)).await;
}

fn entry(app: &App, refused: &RefusedRequest<'_>) -> Entry {
    let interaction = refused.route.map_or("none", Route::template);
    Entry {
        who: refused.identity.map(|identity| Who::from(&identity.requester)),
        request: RequestFacts {
            source_system: refused.identity.and_then(|identity| identity.source_system.clone()),
            ..request_context::of(refused.request, refused.caller, app.trail.seal(), interaction)
        },
        outcome: Some(Outcome {
            name: refused.refusal.name().into(),
            delivery: Some(Delivery::NotDelivered),
            notification_expected: Some(false),
            ..Outcome::default()
        }),
        ..Entry::of(Event::Refused)
    }
}

/// The person who asks.
///
/// # Errors
/// 401, 403 or 503 for a [`Refusal`]; 429 over the rate, of the user or, where nobody is known, of the address.
pub(super) async fn identify(request: &HttpRequest, app: &App) -> Result<Identity, Problem> {
    let headers = RequestHeaders(request.headers());
    let credentials = CallerCredentials { headers: &headers, certificate: request.conn_data::<ClientCertificate>() };
    match app.access.identify(credentials).await {
        Ok(identity) => {
            app.rates.user(&identity.requester.user).map_err(Problem::throttled)?;
            Ok(identity)
        }
        Err(refusal) => {
            app.rates.stranger(request.peer_addr().map(|peer| peer.ip())).map_err(Problem::throttled)?;
            Err(of(refusal, app))
        }
    }
}

/// Whether the person may ask, and in this way; the care setting of the request becomes theirs.
///
/// # Errors
/// 403 for a [`Refusal`], 400 where the settings require an `X-Request-ID`.
pub(super) fn admit(app: &App, caller: &CallerHeaders, identity: &mut Identity) -> Result<(), Problem> {
    may_ask(app, caller, identity).map_err(|refusal| of(refusal, app))?;
    if app.options.fhir.require_request_id && caller.request_id_was_made {
        return Err(super::headers::REQUEST_ID_MISSING.into());
    }
    Ok(())
}

fn may_ask(app: &App, caller: &CallerHeaders, identity: &mut Identity) -> Result<(), Refusal> {
    app.access.may_look(identity)?;
    if let Err(failure) = app.lookups.author(&identity.requester)
        && let RegisterErrorKind::AuthorIncomplete { missing } = failure.kind
    {
        return Err(Refusal::Incomplete(missing.into_iter().map(AuthorPart::name).collect()));
    }
    // A nominated author replaces only the author: the trail names the person who looked (decisions.md 51).
    let name = &identity.requester.name;
    if name.given.is_empty() && name.family.is_empty() {
        return Err(Refusal::Incomplete(vec!["name"]));
    }
    identity.requester.care_setting = app.access.care_setting(identity, caller.care_setting)?;
    if caller.unscheduled == Some(false) {
        if app.options.scheduled_care == ScheduledCare::SilentRead {
            app.access.may_read_silently(identity)?;
        }
        // No upstream that is built supports a query without a notification yet.
        return Err(Refusal::ScheduledCare);
    }
    Ok(())
}

/// Whether the token's scopes allow `search` with all that it could include: `s` for its type, `r` for every type that an include
/// could add, whether or not this child has any of it.
///
/// # Errors
/// 403.
pub(super) fn search_in_scope(app: &App, identity: &Identity, search: &Search) -> Result<(), Problem> {
    if !identity.scopes.is_limited() {
        return Ok(());
    }
    in_scope(app, identity, search.resource, Interaction::Search)?;
    for kind in search.includes.iter().flat_map(added) {
        in_scope(app, identity, kind, Interaction::Read)?;
    }
    Ok(())
}

/// The types that an include could add.
fn added(include: &Include) -> Vec<ResourceType> {
    match (include.direction, include.target) {
        (Direction::Reverse, _) => vec![include.path.source],
        (Direction::Forward, Some(target)) => vec![target],
        (Direction::Forward, None) => include.path.targets.to_vec(),
    }
}

/// Whether the token's scopes allow `interaction` with `resource`.
///
/// # Errors
/// 403.
pub(super) fn in_scope(app: &App, identity: &Identity, resource: ResourceType, interaction: Interaction) -> Result<(), Problem> {
    if identity.scopes.allow(resource.name(), interaction) {
        return Ok(());
    }
    Err(of(Refusal::OutOfScope(resource.name()), app))
}

fn of(refusal: Refusal, app: &App) -> Problem {
    Problem::of_refusal(refusal, app.access.takes_bearer())
}
