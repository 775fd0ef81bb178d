//! A batch: independent searches and reads in one request. All entries about one child share one look (fhir.md 3, decisions.md
//! 14).

use super::caller::search_in_scope;
use super::media::{self, Presentation};
use super::problem::Problem;
use super::response::Response;
use super::routes::{self, NoRoute, Route};
use super::search::{DatedLook, base_url, look, question, searchset, understand};
use super::{AdmittedRequest, App, body, read, request_context};
use crate::access::Refusal;
use crate::cpis::NhsNumber;
use crate::fhir::batch::{self, EntryRequest};
use crate::fhir::outcome::operation_outcome;
use crate::fhir::search::registry::Searchable;
use crate::fhir::search::{Search, pairs};
use crate::lookup::{Freshness, Look};
use actix_web::http::{Method, StatusCode};
use actix_web::web;
use fhirbolt_model::r4::Resource;
use fhirbolt_model::r4::resources::{Bundle, BundleEntry, BundleEntryResponse};

/// What one entry asks for.
enum EntryInteraction {
    Search(Box<Search>),
    Read(Box<read::ReadRequest>),
}

impl EntryInteraction {
    /// The child about whom CP-IS may be asked for it.
    fn child(&self) -> Option<&NhsNumber> {
        match self {
            Self::Search(search) => Some(&search.nhs_number),
            Self::Read(wanted) => wanted.may_ask_about(),
        }
    }

    /// What the trail calls it.
    fn name(&self) -> String {
        match self {
            Self::Search(search) => search.view.name.to_owned(),
            Self::Read(wanted) => format!("read {}", wanted.resource.name()),
        }
    }
}

/// The looks that the batch may ask for, each made once.
type BatchLooks = Vec<(NhsNumber, Result<Look, Problem>)>;

/// Answers `POST [base]`.
pub async fn handle(
    admitted: AdmittedRequest<'_>,
    payload: web::Payload,
    presentation: Presentation,
) -> Result<Response, Problem> {
    let AdmittedRequest { app, request, .. } = admitted;
    let limits = &app.options.limits;
    media::check_coding(request.headers())?;
    let body = body::read(payload, limits.body, limits.header_timeout).await?;
    let content_type = request.headers().get("Content-Type").and_then(|value| value.to_str().ok());
    let entries = match media::of_resource(content_type, &body)? {
        media::Syntax::Json => batch::from_json(media::without_mark(&body))?,
        media::Syntax::Xml => batch::from_xml(media::without_mark(&body))?,
    };
    if entries.len() > app.options.fhir.batch.max_entries {
        return Err(Problem::batch_too_large(&format!("{} entries", app.options.fhir.batch.max_entries)));
    }
    let base_url = base_url(request, &app.options);
    let asked: Vec<Result<EntryInteraction, Problem>> =
        entries.iter().map(|entry| understood(entry, &base_url, admitted)).collect();
    let looks = look_at_all(&asked, admitted).await?;
    let mut refusal = None;
    let mut entry = Vec::with_capacity(asked.len());
    for (asked, request) in asked.into_iter().zip(&entries) {
        entry.push(match asked {
            Ok(EntryInteraction::Search(search)) => found(&search, &looks, &base_url, app, &mut refusal),
            Ok(EntryInteraction::Read(wanted)) => match find(&wanted, &looks, admitted).await {
                Ok(found) => read_one(found, &wanted, request, &base_url, presentation),
                Err(problem) => refused(problem, &mut refusal),
            },
            Err(problem) => refused(problem, &mut refusal),
        });
    }
    let bundle = Bundle {
        id: Some(uuid::Uuid::new_v4().to_string().into()),
        r#type: "batch-response".into(),
        entry,
        ..Default::default()
    };
    Ok(Response { refusal, ..Response::resource("batch", &Resource::Bundle(Box::new(bundle)), presentation) })
}

/// What an entry asks for, by the same routes and rules as a single request.
fn understood(entry: &EntryRequest, base_url: &str, admitted: AdmittedRequest<'_>) -> Result<EntryInteraction, Problem> {
    let AdmittedRequest { app, identity, .. } = admitted;
    let (Some(method), Some(url)) = (&entry.method, &entry.url) else { return Err(Problem::batch_entry_incomplete()) };
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| NoRoute::MethodNotAllowed("GET"))?;
    let relative = url.strip_prefix(base_url).unwrap_or(url).trim_start_matches('/');
    let (path, query) = relative.split_once('?').unwrap_or((relative, ""));
    let served = routes::RouteOptions { base: "", get_search: true, patient_flag: app.options.fhir.patient_flag };
    let path = routes::plain(path);
    match routes::find(&method, &format!("/{path}"), served)? {
        Route::Search(resource) => {
            let mut pairs = Vec::new();
            pairs::decode(query.as_bytes(), &mut pairs)?;
            let view = Searchable::of(resource).ok_or(NoRoute::NotFound)?;
            let search = understand(view, &pairs, admitted)?;
            search_in_scope(app, identity, &search)?;
            Ok(EntryInteraction::Search(Box::new(search)))
        }
        Route::Read(resource) => {
            let mut pairs = Vec::new();
            pairs::decode(query.as_bytes(), &mut pairs)?;
            let id = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            Ok(EntryInteraction::Read(Box::new(read::ReadRequest::understand(resource, id, &pairs, admitted)?)))
        }
        _ => Err(Problem::not_in_a_batch()),
    }
}

/// One look for each child about whom CP-IS may be asked; none if there are more children than a batch may ask about.
async fn look_at_all(asked: &[Result<EntryInteraction, Problem>], admitted: AdmittedRequest<'_>) -> Result<BatchLooks, Problem> {
    let AdmittedRequest { app, caller, identity, .. } = admitted;
    let mut children: Vec<&NhsNumber> = Vec::new();
    for child in asked.iter().flatten().filter_map(EntryInteraction::child) {
        if !children.contains(&child) {
            children.push(child);
        }
    }
    let most = app.options.fhir.batch.max_children;
    if children.len() > most {
        return Err(Problem::batch_too_large(&format!("{most} children: a batch is not a ward list")));
    }
    let looks = children.into_iter().map(async |child| {
        let about: Vec<&EntryInteraction> = asked.iter().flatten().filter(|asked| asked.child() == Some(child)).collect();
        let request = request_context::request(admitted, format!("batch {}", names(&about)));
        // A read alone never wants a newer look than the shared one.
        let is_searched = about.iter().any(|asked| matches!(asked, EntryInteraction::Search(_)));
        let freshness = if is_searched { caller.freshness } else { Freshness::Shared };
        let outcome = look(app, question(child, identity, caller), freshness, request).await;
        (child.clone(), outcome)
    });
    Ok(futures_util::future::join_all(looks).await)
}

/// What the batch asks for about one child, such as `Flag,CarePlan`.
fn names(about: &[&EntryInteraction]) -> String {
    let mut names: Vec<String> = Vec::new();
    for name in about.iter().map(|asked| asked.name()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(",")
}

/// The resource of a read: from the look that the batch made for it, if reads may ask.
async fn find(
    wanted: &read::ReadRequest,
    looks: &BatchLooks,
    admitted: AdmittedRequest<'_>,
) -> Result<read::ReadResource, Problem> {
    let Some(child) = wanted.may_ask_about() else { return wanted.find(admitted, "batch read").await };
    match looks.iter().find(|(looked_at, _)| looked_at == child) {
        Some((_, outcome)) => wanted.find_in(outcome.clone()?, admitted.app),
        None => Err(Problem::internal()),
    }
}

fn found(search: &Search, looks: &BatchLooks, base_url: &str, app: &App, refusal: &mut Option<Refusal>) -> BundleEntry {
    let look = looks.iter().find(|(child, _)| *child == search.nhs_number).map(|(_, outcome)| outcome);
    match look {
        Some(Ok(look)) => answered(None, searchset(search, &DatedLook::today(look), base_url, app), response(200)),
        Some(Err(problem)) => refused(problem.clone(), refusal),
        None => refused(Problem::internal(), refusal),
    }
}

/// The ETag is that of a single read in the format of the batch.
fn read_one(
    found: read::ReadResource,
    wanted: &read::ReadRequest,
    request: &EntryRequest,
    base_url: &str,
    presentation: Presentation,
) -> BundleEntry {
    let etag = read::etag(&presentation.write(&found.resource));
    let unchanged = request.if_none_match.as_deref().is_some_and(|tags| read::has_tag(tags, &etag));
    let mut response = response(if unchanged { 304 } else { 200 });
    response.etag = Some(etag.as_str().into());
    let url = format!("{base_url}/{}/{}", wanted.resource.name(), wanted.id);
    let shown = (!unchanged).then_some(found.resource);
    BundleEntry { full_url: Some(url.into()), resource: shown, response: Some(response), ..Default::default() }
}

fn answered(full_url: Option<String>, resource: Resource, response: BundleEntryResponse) -> BundleEntry {
    BundleEntry { full_url: full_url.map(Into::into), resource: Some(resource), response: Some(response), ..Default::default() }
}

/// A child's failed look, or a wrong entry, affects that entry only. The first refusal of the caller is
/// kept in `refusal`.
fn refused(problem: Problem, refusal: &mut Option<Refusal>) -> BundleEntry {
    if refusal.is_none() {
        *refusal = problem.denial.map(|denial| denial.refusal);
    }
    let mut response = response(problem.status);
    response.outcome = Some(operation_outcome(&[problem.issue]));
    BundleEntry { response: Some(response), ..Default::default() }
}

fn response(status: u16) -> BundleEntryResponse {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    BundleEntryResponse { status: format!("{status} {reason}").trim_end().into(), ..Default::default() }
}
