//! The line itself, as one request walks it: parameters, requester, look, graph, bundle.

use super::headers::CallerHeaders;
use super::media::{self, Negotiation, Presentation};
use super::problem::Problem;
use super::respond::Answered;
use super::routes::Route;
use super::{App, body};
use crate::access;
use crate::cpis::{Question, Requester, today_in_london};
use crate::fhir::bundle::{self, Page};
use crate::fhir::graph::{Context, Graph, ResourceType};
use crate::fhir::search::pairs::{self, Pair};
use crate::fhir::search::registry::Searchable;
use crate::fhir::search::{Handling, Search};
use crate::lookup::Look;
use crate::settings::{self, Mode, Settings};
use actix_web::{HttpRequest, web};
use jiff::Timestamp;

pub async fn handle(
    route: Route,
    request: &HttpRequest,
    payload: web::Payload,
    app: &App,
    caller: &CallerHeaders,
    negotiation: &Negotiation,
) -> Result<Answered, Problem> {
    let (resource, posted) = match route {
        Route::Search(resource) => (resource, None),
        Route::SearchByPost(resource) => (resource, Some(payload)),
        // A read is answered from the requester's shared look and never asks; the sharing window comes with the trail.
        _ => return Err(Problem::no_such_resource()),
    };
    let requester = requester(app, caller)?;
    let pairs = parameters(request, posted, &app.settings).await?;
    negotiation.settle(&pairs)?;
    let search = understand(resource, &pairs, app, caller)?;
    if app.is_draining() {
        return Err(Problem::draining());
    }
    let own_identity = speaks_for_itself(&requester);
    let question = Question { nhs_number: search.child.nhs_number.clone(), requester, traceparent: caller.traceparent.clone() };
    let look = app.lookups.look(question).await.map_err(|failure| Problem::of_failure(&failure, own_identity))?;
    Ok(show(&search, &look, &base_url(request, &app.settings), app, negotiation.presentation()))
}

/// Who asks, and whether they may ask in this way.
fn requester(app: &App, caller: &CallerHeaders) -> Result<Requester, Problem> {
    let access = &app.settings.access;
    debug_assert_eq!(access.modes, [Mode::Demo], "no other mode starts yet");
    let care_setting = caller.care_setting.unwrap_or(access.care_setting);
    if !access.care_settings.contains(&care_setting) {
        return Err(Problem::care_setting_refused());
    }
    if caller.unscheduled == Some(false) {
        return Err(Problem::scheduled_care_refused());
    }
    if app.settings.fhir.require_request_id && caller.request_id_was_made {
        return Err(super::headers::REQUEST_ID_MISSING.into());
    }
    Ok(access::demo_requester(&app.settings.smsp.dialect.sender_ods, care_setting))
}

async fn parameters(request: &HttpRequest, posted: Option<web::Payload>, settings: &Settings) -> Result<Vec<Pair>, Problem> {
    let mut all = Vec::new();
    pairs::decode(request.query_string().as_bytes(), &mut all)?;
    if let Some(payload) = posted {
        let body = body::read(payload, settings.limits.body, settings.limits.header_timeout).await?;
        let content_type = request.headers().get("Content-Type").map(|value| value.to_str().unwrap_or("unreadable"));
        media::check_form(content_type, body.is_empty())?;
        pairs::decode(&body, &mut all)?;
    }
    Ok(all)
}

fn understand(resource: ResourceType, pairs: &[Pair], app: &App, caller: &CallerHeaders) -> Result<Search, Problem> {
    use settings::Handling as Server;
    let handling = match (app.settings.fhir.handling, caller.handling) {
        (Server::StrictOnly, _) | (Server::Strict, None) => Handling::Strict,
        (Server::LenientOnly, _) | (Server::Lenient, None) => Handling::Lenient,
        (Server::Strict | Server::Lenient, Some(asked)) => asked,
    };
    let searchable = Searchable::of(resource).ok_or(super::routes::NoRoute::NotFound)?;
    Ok(Search::parse(searchable, pairs, handling, &app.ids)?)
}

/// SMSP-0005 is about the caller's credentials only where the caller stood in the query as its author.
fn speaks_for_itself(requester: &Requester) -> bool {
    !requester.name.is_empty() && !requester.role.code.is_empty() && !requester.role.name.is_empty()
}

fn show(search: &Search, look: &Look, base_url: &str, app: &App, presentation: Presentation) -> Answered {
    let today = today_in_london(Timestamp::now());
    // Every look that gets here was asked as unscheduled, whatever the header said or left unsaid.
    let graph = Graph::new(&look.answer, &Context { ids: &app.ids, today, unscheduled: true });
    let page = Page { search, answer: &look.answer, graph: &graph, base_url, ids: &app.ids };
    let name = if look.answer.records().is_empty() { "no-record" } else { "found" };
    let mut answered = Answered::resource(name, &bundle::searchset(&page), presentation);
    answered.shared = look.shared;
    answered
}

/// The absolute base of links: the setting, or what the request was sent to. A strange `Host` is not repeated.
fn base_url(request: &HttpRequest, settings: &Settings) -> String {
    let server = &settings.server;
    if let Some(url) = &server.public_url {
        return url.as_str().trim_end_matches('/').to_owned();
    }
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    let host = request.headers().get("Host").and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
    let own = server.listen.to_string();
    format!("{scheme}://{}{}", host.unwrap_or(&own), server.base_path)
}

fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']' | b'_'))
}
