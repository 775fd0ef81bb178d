//! Read by id: answered from the requester's shared look, and never a reason to ask CP-IS (decisions.md 11, 27).

use super::caller::in_scope;
use super::media::Presentation;
use super::problem::Problem;
use super::respond::Answered;
use super::search::{Shown, held, last_segment, look, question};
use super::{Asking, facts};
use crate::access::Interaction;
use crate::fhir::graph::ResourceType;
use crate::fhir::json;
use crate::lookup::{Freshness, Look};
use actix_web::HttpRequest;
use actix_web::http::header::HttpDate;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhirbolt_model::r4::Resource;
use std::time::SystemTime;

/// One resource, as it is read.
pub struct Found {
    pub resource: Resource,
    /// Weak: a hash of the content without `meta.lastUpdated`.
    pub etag: String,
    /// When CP-IS answered.
    pub last_modified: HttpDate,
    pub look: Look,
}

impl Found {
    /// Whether `tags`, of an If-None-Match, has this content.
    pub fn is_known_as(&self, tags: &str) -> bool {
        has_tag(tags, &self.etag)
    }
}

/// Whether `tags`, the value of an If-None-Match, has `etag`, by weak comparison, or is `*`.
pub(super) fn has_tag(tags: &str, etag: &str) -> bool {
    fn opaque(tag: &str) -> &str {
        tag.strip_prefix("W/").unwrap_or(tag)
    }
    tags.split(',').map(str::trim).any(|tag| tag == "*" || opaque(tag) == opaque(etag))
}

/// Answers `GET [type]/[id]`, also where nothing changed since the caller read it.
pub async fn handle(resource: ResourceType, asking: Asking<'_>, presentation: Presentation) -> Result<Answered, Problem> {
    let found = find(resource, &last_segment(asking.request), asking, "read").await?;
    let mut answered = Answered::resource("read", &found.resource, presentation);
    if is_unchanged(asking.request, &found) {
        answered.status = 304;
        answered.body.clear();
    }
    answered.shared = found.look.shared;
    answered.age = found.look.age;
    answered.etag = Some(found.etag);
    answered.last_modified = Some(found.last_modified);
    Ok(answered)
}

/// The resource that `id` names, where the requester's shared look still holds it. `what`: what the trail calls it.
///
/// # Errors
/// 404 for an id that is forged, of another type, forgotten, or of a look that is not this requester's; 403 for a type that the
/// token's scopes do not have.
pub async fn find(resource: ResourceType, id: &str, asking: Asking<'_>, what: &str) -> Result<Found, Problem> {
    let Asking { app, caller, identity, .. } = asking;
    in_scope(app, identity, resource, Interaction::Read)?;
    let ids = app.ids();
    let open = ids.open(id).filter(|open| open.kind == resource).ok_or_else(Problem::no_such_resource)?;
    let question = question(&open.nhs_number, identity, caller);
    let may_ask = app.settings.fhir.read_asks && matches!(resource, ResourceType::Flag | ResourceType::EpisodeOfCare);
    let request = facts::request(asking, format!("{what} {}", resource.name()));
    let look = if may_ask {
        look(app, question, Freshness::Shared, request).await?
    } else {
        held(app, &question, &request, |_| true).await?.ok_or_else(Problem::no_such_resource)?
    };
    let shown = Shown::today(&look);
    let graph = shown.graph(&ids);
    let node = graph.find(&open).ok_or_else(Problem::no_such_resource)?;
    let resource = graph.build(node);
    drop(graph);
    Ok(Found { etag: etag(&resource), last_modified: last_modified(&look), resource, look })
}

fn last_modified(look: &Look) -> HttpDate {
    SystemTime::from(look.answer.effective).into()
}

/// A weak ETag: two reads with one content have one ETag, whenever CP-IS was asked.
fn etag(resource: &Resource) -> String {
    let mut content = Vec::with_capacity(4096);
    json::write_resource(&mut content, resource);
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &without_last_updated(&content));
    format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..12]))
}

/// The JSON without the one value that changes with every look. It stands once, in `meta`, written by us.
fn without_last_updated(json: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = br#""lastUpdated":""#;
    let Some(at) = json.windows(NAME.len()).position(|window| window == NAME) else { return json.to_vec() };
    let value = at + NAME.len();
    let end = json[value..].iter().position(|&byte| byte == b'"').map_or(value, |length| value + length);
    [&json[..at], &json[end..]].concat()
}

/// If-None-Match, which wins, or If-Modified-Since.
fn is_unchanged(request: &HttpRequest, found: &Found) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(known) = header("If-None-Match") {
        return found.is_known_as(known);
    }
    let since = header("If-Modified-Since").and_then(|text| text.parse::<HttpDate>().ok());
    since.is_some_and(|since| found.last_modified <= since)
}
