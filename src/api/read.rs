//! Read by id: answered from the requester's shared look, and never a reason to ask CP-IS (decisions.md 11, 27).

use super::caller::in_scope;
use super::media::Presentation;
use super::problem::Problem;
use super::respond::Answered;
use super::search::{Shown, held, last_segment, look, question};
use super::{Asking, facts};
use crate::access::Interaction;
use crate::fhir::graph::ResourceType;
use crate::lookup::{Freshness, Look};
use actix_web::HttpRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhirbolt_model::r4::Resource;

/// One resource, as it is read.
pub struct Found {
    pub resource: Resource,
    pub look: Look,
}

/// The strong ETag of what is sent: every byte of it, today's status and the time of the answer included. It is the only thing by which
/// a resource is called unchanged (decisions.md 48): no date is, since what is shown changes at midnight too.
pub(super) fn etag(body: &[u8]) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]))
}

/// Whether the request's If-None-Match names `etag`, or anything.
pub(super) fn is_known(request: &HttpRequest, etag: &str) -> bool {
    let mut values = request.headers().get_all("If-None-Match").filter_map(|value| value.to_str().ok());
    values.any(|tags| has_tag(tags, etag))
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
    let etag = etag(&answered.body);
    if is_known(asking.request, &etag) {
        answered.status = 304;
        answered.body.clear();
    }
    answered.shared = found.look.shared;
    answered.age = found.look.age;
    answered.etag = Some(etag);
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
    Ok(Found { resource, look })
}
