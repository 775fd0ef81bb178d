//! A search from request to answer: parameters, requester, look, graph, bundle.

use super::caller::search_in_scope;
use super::children::TooMany;
use super::headers::CallerHeaders;
use super::lookup_span::LookupSpan;
use super::media::{self, Negotiation, Presentation};
use super::problem::Problem;
use super::response::Response;
use super::routes::{self, Route};
use super::server::ConnectionHandle;
use super::{AdmittedRequest, App, HandlingPolicy, Options, body, request_context};
use crate::access::Identity;
use crate::audit::{Entry, Event, Outcome, Who};
use crate::clock;
use crate::cpis::{Answer, Delivery, NhsNumber, Question, Requester};
use crate::fhir::bundle::Searchset;
use crate::fhir::graph::{Context, Graph};
use crate::fhir::id::IdKeys;
use crate::fhir::search::pairs::{self, Pair};
use crate::fhir::search::registry::{PATIENT_FLAG, Searchable};
use crate::fhir::search::{BaseUrl, Cursor, Handling, LookFingerprint, ReferenceResolver, Search};
use crate::lookup::{Freshness, Look, Request};
use crate::telemetry::spans;
use actix_web::{HttpRequest, web};
use fhirbolt_model::r4::Resource;
use jiff::civil::Date;

/// Answers a search in any of its forms: GET, POST, `/PatientFlag`, or a further page of one.
pub async fn handle(
    route: Route,
    admitted: AdmittedRequest<'_>,
    payload: web::Payload,
    negotiation: &Negotiation,
) -> Result<Response, Problem> {
    let AdmittedRequest { app, request, caller, identity } = admitted;
    let (view, posted) = match route {
        Route::Search(resource) => (Searchable::of(resource), None),
        Route::SearchByPost(resource) => (Searchable::of(resource), Some(payload)),
        Route::PatientFlag => (Some(PATIENT_FLAG), None),
        Route::Page => return page(admitted, negotiation).await,
        _ => (None, None),
    };
    let view = view.ok_or(super::routes::NoRoute::NotFound)?;
    if route == Route::PatientFlag && caller.unscheduled != Some(true) {
        return Err(super::headers::UNSCHEDULED_MISSING.into());
    }
    let reading = spans::search();
    let pairs = parameters(request, posted, &app.options).await?;
    negotiation.settle(&pairs)?;
    let search = understand(view, &pairs, admitted)?;
    search_in_scope(app, identity, &search)?;
    drop(reading);
    let asked = request_context::request(admitted, format!("search {}", view.name));
    let look = look(app, question(&search.nhs_number, identity, caller), caller.freshness, asked).await?;
    Ok(show(&search, &DatedLook::today(&look), &base_url(request, &app.options), app, negotiation.presentation()))
}

/// A further page: of the same look as the first one, as of the same day, and never a reason to ask (decisions.md
/// 24, 43).
async fn page(admitted: AdmittedRequest<'_>, negotiation: &Negotiation) -> Result<Response, Problem> {
    let AdmittedRequest { app, request, caller, identity } = admitted;
    let ids = app.ids();
    let cursor = Cursor::open(&last_segment(request), &ids).ok_or_else(Problem::no_such_resource)?;
    let mut form = Vec::new();
    pairs::decode(request.query_string().as_bytes(), &mut form)?;
    let search = cursor.search(&form, &ids)?;
    search_in_scope(app, identity, &search)?;
    let asked = request_context::request(admitted, format!("page {}", cursor.resource.name()));
    let question = question(&cursor.nhs_number, identity, caller);
    let is_its_own = |answer: &Answer| LookFingerprint::of(answer) == cursor.look;
    let look = held(app, &question, &asked, is_its_own).await?.ok_or_else(Problem::page_is_gone)?;
    let shown = DatedLook { look: &look, day: cursor.day };
    Ok(show(&search, &shown, &base_url(request, &app.options), app, negotiation.presentation()))
}

/// The id or token at the end of the path.
pub(super) fn last_segment(request: &HttpRequest) -> String {
    let path = routes::plain(request.path());
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
}

pub(super) fn question(nhs_number: &NhsNumber, identity: &Identity, caller: &CallerHeaders) -> Question {
    Question { nhs_number: nhs_number.clone(), requester: identity.requester.clone(), traceparent: caller.traceparent.clone() }
}

/// The answer to `question`, or what its failure is to the caller.
pub(super) async fn look(app: &App, mut question: Question, freshness: Freshness, asked: Request) -> Result<Look, Problem> {
    may_look_at(app, &question, &asked).await?;
    let own_identity = speaks_for_itself(&question.requester);
    let span = LookupSpan::begin(&mut question);
    let outcome = span.work().around(app.lookups.look(question, freshness, asked)).await;
    span.end(&outcome);
    outcome.map_err(|failure| Problem::of_failure(&failure, own_identity))
}

/// Whether the user may look at another child. The trail records a refusal once in a while.
async fn may_look_at(app: &App, question: &Question, asked: &Request) -> Result<(), Problem> {
    let Err(TooMany { wait, is_first }) = app.children.look(&question.requester.user, &question.nhs_number) else {
        return Ok(());
    };
    let problem = Problem::too_many_children(wait);
    if is_first {
        tracing::warn!("a user wants to look at more children than limits.children_per_user; CP-IS is not asked");
        let outcome = Outcome {
            name: problem.name.into(),
            delivery: Some(Delivery::NotDelivered),
            notification_expected: Some(false),
            ..Outcome::default()
        };
        let entry = Entry {
            who: Some(Who::from(&question.requester)),
            child: Some(question.nhs_number.clone()),
            request: asked.facts.clone(),
            outcome: Some(outcome),
            ..Entry::of(Event::Refused)
        };
        app.refusals.record(&app.trail, entry).await;
    }
    Err(problem)
}

/// The requester's shared look, if there is one and it is wanted. The trail records that it is shown, or that there is none.
pub(super) async fn held(
    app: &App,
    question: &Question,
    asked: &Request,
    is_wanted: impl Fn(&Answer) -> bool,
) -> Result<Option<Look>, Problem> {
    app.lookups.held(question, asked, is_wanted).await.map_err(|failure| Problem::of_failure(&failure, true))
}

async fn parameters(request: &HttpRequest, posted: Option<web::Payload>, options: &Options) -> Result<Vec<Pair>, Problem> {
    let mut all = Vec::new();
    pairs::decode(request.query_string().as_bytes(), &mut all)?;
    if let Some(payload) = posted {
        media::check_coding(request.headers())?;
        let body = body::read(payload, options.limits.body, options.limits.header_timeout).await?;
        let content_type = request.headers().get("Content-Type").map(|value| value.to_str().unwrap_or("unreadable"));
        pairs::decode(media::form(content_type, &body)?, &mut all)?;
    }
    Ok(all)
}

/// How to treat what is not understood, by the settings and the caller.
pub(super) fn handling(admitted: AdmittedRequest<'_>) -> Handling {
    match (admitted.app.options.fhir.handling, admitted.caller.handling) {
        (HandlingPolicy::StrictOnly, _) | (HandlingPolicy::Strict, None) => Handling::Strict,
        (HandlingPolicy::LenientOnly, _) | (HandlingPolicy::Lenient, None) => Handling::Lenient,
        (HandlingPolicy::Strict | HandlingPolicy::Lenient, Some(asked)) => asked,
    }
}

pub(super) fn understand(view: &'static Searchable, pairs: &[Pair], admitted: AdmittedRequest<'_>) -> Result<Search, Problem> {
    let AdmittedRequest { app, request, .. } = admitted;
    let ids = app.ids();
    let public = app.options.server.public_url.as_ref().and_then(|url| BaseUrl::of_url(url.as_str()));
    let requested = BaseUrl::of_request(&requested_base(request, &app.options));
    let bases = public.into_iter().chain(requested).collect();
    Ok(Search::parse(view, pairs, handling(admitted), ReferenceResolver { ids: &ids, bases })?)
}

/// SMSP-0005 is about the caller's credentials only if the caller was the author of the query.
fn speaks_for_itself(requester: &Requester) -> bool {
    !requester.name.is_empty() && !requester.role.code.is_empty() && !requester.role.name.is_empty()
}

fn show(search: &Search, shown: &DatedLook<'_>, base_url: &str, app: &App, presentation: Presentation) -> Response {
    let _translating = spans::translation(spans::Translation::Fhir);
    let look = shown.look;
    let mut answered = Response::resource(look.answer.outcome(), &searchset(search, shown, base_url, app), presentation);
    answered.shared = look.shared;
    answered.age = look.age;
    answered
}

/// A look, and the day in England as of which it is shown.
pub(super) struct DatedLook<'l> {
    look: &'l Look,
    day: Date,
}

impl<'l> DatedLook<'l> {
    /// As of today: everything but a further page.
    pub(super) fn today(look: &'l Look) -> Self {
        Self { look, day: clock::today() }
    }

    /// The look as resources.
    pub(super) fn graph<'a>(&'a self, ids: &'a IdKeys) -> Graph<'a> {
        // Every look was asked as unscheduled, whatever the header said.
        Graph::new(&self.look.answer, &Context { ids, today: self.day, unscheduled: true })
    }
}

/// The look as `search` sees it.
pub(super) fn searchset(search: &Search, shown: &DatedLook<'_>, base_url: &str, app: &App) -> Resource {
    let ids = app.ids();
    let graph = shown.graph(&ids);
    Searchset { search, answer: &shown.look.answer, graph: &graph, base_url, ids: &ids }.to_bundle()
}

/// The absolute base of links: the setting, or the address that the request was sent to. An odd `Host` is not repeated.
pub(super) fn base_url(request: &HttpRequest, options: &Options) -> String {
    let server = &options.server;
    if let Some(url) = &server.public_url {
        return url.as_str().trim_end_matches('/').to_owned();
    }
    requested_base(request, options)
}

/// The address that the request was sent to, as far as it is known here.
fn requested_base(request: &HttpRequest, options: &Options) -> String {
    let server = &options.server;
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    let host = request.headers().get("Host").and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
    let own =
        || request.conn_data::<ConnectionHandle>().and_then(ConnectionHandle::local_address).unwrap_or(server.listen).to_string();
    format!("{scheme}://{}{}", host.map_or_else(own, str::to_owned), server.base_path)
}

fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']' | b'_'))
}
