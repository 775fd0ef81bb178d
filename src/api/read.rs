//! Read by id: answered from the requester's shared look, and never a reason to ask CP-IS (decisions.md 11, 27).

use super::caller::in_scope;
use super::media::Presentation;
use super::problem::Problem;
use super::response::Response;
use super::search::{DatedLook, handling, held, last_segment, look, question};
use super::{AdmittedRequest, App, request_context};
use crate::access::Interaction;
use crate::cpis::NhsNumber;
use crate::fhir::graph::ResourceType;
use crate::fhir::id::IdContent;
use crate::fhir::resources;
use crate::fhir::search::pairs::{self, Pair};
use crate::fhir::search::{ReadParameters, subset};
use crate::lookup::{Freshness, Look};
use actix_web::HttpRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhirbolt_model::r4::Resource;

/// One resource, as it is read.
pub struct ReadResource {
    pub resource: Resource,
    pub look: Look,
}

/// The strong ETag of what is sent: every byte of it, today's status and the time of the answer included. It is the only thing by
/// which a resource is called unchanged (decisions.md 48): no date is, since what is shown changes at midnight too.
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

/// A read that was understood.
pub struct ReadRequest {
    pub resource: ResourceType,
    pub id: String,
    open: IdContent,
    portion: ReadParameters,
    /// It may ask CP-IS, if the settings allow it.
    may_ask: bool,
}

/// Answers `GET [type]/[id]`, including with 304 if nothing changed since the caller read it.
pub async fn handle(
    resource: ResourceType,
    admitted: AdmittedRequest<'_>,
    presentation: Presentation,
) -> Result<Response, Problem> {
    let mut pairs = Vec::new();
    pairs::decode(admitted.request.query_string().as_bytes(), &mut pairs)?;
    let wanted = ReadRequest::understand(resource, &last_segment(admitted.request), &pairs, admitted)?;
    let found = wanted.find(admitted, "read").await?;
    let mut answered = Response::resource("read", &found.resource, presentation);
    let etag = etag(&answered.body);
    if is_known(admitted.request, &etag) {
        answered.status = 304;
        answered.body.clear();
    }
    answered.shared = found.look.shared;
    answered.age = found.look.age;
    answered.etag = Some(etag);
    Ok(answered)
}

impl ReadRequest {
    /// # Errors
    /// 403 for a type that the token's scopes do not have; 400 for parameters that a read does not have; 404 for an id that is
    /// forged or of another type.
    pub fn understand(resource: ResourceType, id: &str, pairs: &[Pair], admitted: AdmittedRequest<'_>) -> Result<Self, Problem> {
        let AdmittedRequest { app, identity, .. } = admitted;
        in_scope(app, identity, resource, Interaction::Read)?;
        let portion = ReadParameters::parse(resource, pairs, handling(admitted))?;
        let open = app.ids().open(id).filter(|open| open.kind == resource).ok_or_else(Problem::no_such_resource)?;
        let may_ask = app.options.fhir.read_asks && matches!(resource, ResourceType::Flag | ResourceType::EpisodeOfCare);
        Ok(Self { resource, id: id.to_owned(), open, portion, may_ask })
    }

    /// The child about whom CP-IS may be asked for this read.
    pub fn may_ask_about(&self) -> Option<&NhsNumber> {
        self.may_ask.then_some(&self.open.nhs_number)
    }

    /// The resource, if the requester's shared look still holds it or may be made. `what`: what the trail calls it.
    ///
    /// # Errors
    /// 404 for one that is forgotten, or of a look that is not this requester's; a look's failure.
    pub async fn find(&self, admitted: AdmittedRequest<'_>, what: &str) -> Result<ReadResource, Problem> {
        let AdmittedRequest { app, caller, identity, .. } = admitted;
        let question = question(&self.open.nhs_number, identity, caller);
        let request = request_context::request(admitted, format!("{what} {}", self.resource.name()));
        let look = if self.may_ask {
            look(app, question, Freshness::Shared, request).await?
        } else {
            held(app, &question, &request, |_| true).await?.ok_or_else(Problem::no_such_resource)?
        };
        self.find_in(look, app)
    }

    /// The resource in this look.
    ///
    /// # Errors
    /// 404 where it is not there.
    pub fn find_in(&self, look: Look, app: &App) -> Result<ReadResource, Problem> {
        let ids = app.ids();
        let shown = DatedLook::today(&look);
        let graph = shown.graph(&ids);
        let node = graph.find(&self.open).ok_or_else(Problem::no_such_resource)?;
        let mut resource = resources::build(&graph, node);
        drop(graph);
        if let Some(part) = self.portion.subset() {
            subset::apply(&mut resource, part);
        }
        Ok(ReadResource { resource, look })
    }
}
