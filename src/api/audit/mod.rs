//! `POST /audit/_search` on the admin listener: the trail's search for other programs. A form in, JSON out; criteria are only in
//! the body, since an NHS number must never be in a URL.
//!
//! Every attempt is on the trail before it is answered, even a refused one; but not one over the rate: a flood must not fill the
//! trail.

mod permission;

use super::headers::CallerHeaders;
use super::problem::Problem;
use super::response::Response;
use super::{App, Limits, body, media, request_context};
use crate::access::Access;
use crate::audit::{Entry, Event, Inquirer, Inquiry, InquiryError, Outcome, Page, Question, Rest, TrailError, Who};
use crate::export::{self, LABEL, Numbers};
use actix_web::{HttpRequest, web};
use permission::SearchRefusal;

/// What is asked besides the question itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SearchOptions {
    limit: usize,
    /// Only lines below this number: the next page.
    before: Option<u64>,
    show_nhs_numbers: bool,
}

const DEFAULT_LIMIT: usize = 100;
const MOST: usize = 1000;
/// The most lines that one request may read, so that no question keeps the store busy: `next_before` continues from there.
const MOST_READ: usize = 50_000;

/// Whether the trail can be searched over HTTP. Reaching the listener does not identify a person: without roles for it there is
/// no such route, except in a demonstration, whose children are invented (decisions.md 57). The command line can always search.
pub(super) fn is_offered(access: &Access) -> bool {
    let options = access.options();
    options.is_demo() || !options.allow.audit_roles.is_empty()
}

/// Answers a search of the trail.
pub async fn handle(
    request: &HttpRequest,
    payload: web::Payload,
    app: &App,
    caller: &CallerHeaders,
) -> Result<Response, Problem> {
    let inquiry = app.inquiry.as_ref().ok_or_else(Problem::trail_unavailable)?;
    let may = permission::may_search(request, app).await;
    answer(inquiry, may, request, payload, caller, app.options.limits).await
}

async fn answer(
    inquiry: &Inquiry,
    may: Result<Who, Box<SearchRefusal>>,
    request: &HttpRequest,
    payload: web::Payload,
    caller: &CallerHeaders,
    limits: Limits,
) -> Result<Response, Problem> {
    let facts = request_context::of(request, caller, inquiry.trail().seal(), "search of the trail");
    let who = match may {
        Ok(who) => who,
        Err(refused) => {
            let SearchRefusal { who, problem } = *refused;
            // A refusal of the access room is put on the trail with all others. Over the rate, nothing was decided.
            if problem.denial.is_some() || problem.status == 429 {
                return Err(problem);
            }
            let outcome = Outcome { name: problem.name.into(), ..Outcome::default() };
            let entry = Entry { who, request: facts, outcome: Some(outcome), ..Entry::of(Event::Refused) };
            inquiry.trail().record(&entry).await.map_err(|error| unrecorded(&error))?;
            return Err(problem);
        }
    };
    let form = form(request, payload, limits).await?;
    let (question, manner) = read(&form)?;
    let inquirer = Inquirer { who, request: facts, manner: told(manner) };
    let mut search =
        inquiry.search(&question, Event::Searched, inquirer, manner.before).await.map_err(|error| unanswered(&error))?;
    let page = search.page(manner.limit, MOST_READ).await.map_err(|error| unanswered(&error))?;
    let archived = search.archived_to().await.map_err(|error| unanswered(&error))?;
    let numbers = if manner.show_nhs_numbers { Numbers::All } else { Numbers::Only(question.child.as_ref()) };
    Ok(Response::ok("trail-searched", written(&page, archived, numbers).into_bytes(), "application/json"))
}

/// `label`, `intact` (whether every line shown is as it was written), `more` (null where that is not known), `next_before`,
/// `archived_to` (the last line that is in an archive, and was not searched), `entries`.
fn written(page: &Page, archived: u64, numbers: Numbers<'_>) -> String {
    let (more, next) = match page.rest {
        Rest::None => ("false", "null".to_owned()),
        Rest::Before(seq) => ("true", seq.to_string()),
        Rest::UnreadBefore(seq) => ("null", seq.to_string()),
    };
    let intact = page.hits.iter().all(|hit| hit.doubt.is_none());
    let entries: Vec<String> = page.hits.iter().map(|hit| export::line(hit, numbers).trim_end().to_owned()).collect();
    format!(
        "{{\"label\":\"{LABEL}\",\"intact\":{intact},\"more\":{more},\"next_before\":{next},\"archived_to\":{archived},\"entries\":[{}]}}\n",
        entries.join(",\n")
    )
}

fn unanswered(error: &InquiryError) -> Problem {
    match error {
        InquiryError::Record(error) => unrecorded(error),
        InquiryError::Read(_) => Problem::trail_unavailable(),
    }
}

fn unrecorded(error: &TrailError) -> Problem {
    tracing::error!(target: "cpis_fhir::trail", %error, "a search of the trail cannot be put on it, and is not answered");
    Problem::trail_unavailable()
}

async fn form(request: &HttpRequest, payload: web::Payload, limits: Limits) -> Result<Vec<(String, String)>, Problem> {
    media::check_coding(request.headers())?;
    let body = body::read(payload, limits.body, limits.header_timeout).await?;
    let content_type = request.headers().get("Content-Type").map(|value| value.to_str().unwrap_or("unreadable"));
    Ok(form_urlencoded::parse(media::form(content_type, &body)?).into_owned().collect())
}

/// The question, and `limit` (1 to 1000), `before`, `show-nhs-numbers` (true or false).
fn read(form: &[(String, String)]) -> Result<(Question, SearchOptions), Problem> {
    let mut manner = SearchOptions { limit: DEFAULT_LIMIT, before: None, show_nhs_numbers: false };
    let mut criteria = Vec::new();
    for (name, value) in form {
        let fits = match name.as_str() {
            "limit" => value.parse().ok().filter(|limit| (1..=MOST).contains(limit)).map(|limit| manner.limit = limit),
            "before" => value.parse().ok().map(|before| manner.before = Some(before)),
            "show-nhs-numbers" => value.parse().ok().map(|show| manner.show_nhs_numbers = show),
            _ => {
                criteria.push((name.as_str(), value.as_str()));
                Some(())
            }
        };
        fits.ok_or_else(Problem::trail_manner)?;
    }
    let question = Question::read(criteria).map_err(Problem::of_question)?;
    Ok((question, manner))
}

/// For the entry of the search.
fn told(manner: SearchOptions) -> String {
    let numbers = if manner.show_nhs_numbers { "every NHS number shown" } else { "no other NHS number shown" };
    let page = if manner.before.is_some() { ", a further page" } else { "" };
    format!("limit {}{page}; {numbers}", manner.limit)
}

#[cfg(test)]
mod tests;
