//! An HTTP answer: body, status and the headers that every answer carries (fhir.md 4).

use super::App;
use super::connection::answer::{Answer, Progress};
use super::headers::CallerHeaders;
use super::media::Presentation;
use super::problem::Problem;
use crate::access::Refusal;
use crate::cpis::Delivery;
use crate::fhir::outcome;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use fhirbolt_model::r4::Resource;
use std::rc::Rc;

const NO_STORE: &str = "no-store";

/// The answer, and what a log may say of it.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub body: Bytes,
    pub content_type: &'static str,
    /// A short name of what happened.
    pub name: &'static str,
    pub delivery: Option<Delivery>,
    /// Whether another request's look was shared.
    pub shared: bool,
    /// How old the shared answer is.
    pub age: Option<std::time::Duration>,
    /// Of a read, or of a document.
    pub etag: Option<String>,
    pub retry_after: Option<u32>,
    pub allow: Option<&'static str>,
    /// `WWW-Authenticate`.
    pub challenge: Option<String>,
    /// Why the caller was refused, for the whole request or an entry of a batch. Not sent: for the trail.
    pub refusal: Option<Refusal>,
    /// `no-store`, except for what holds nothing of a patient.
    pub cache_control: &'static str,
}

impl Response {
    pub fn ok(name: &'static str, body: impl Into<Bytes>, content_type: &'static str) -> Self {
        Self {
            status: 200,
            body: body.into(),
            content_type,
            name,
            delivery: None,
            shared: false,
            age: None,
            etag: None,
            retry_after: None,
            allow: None,
            challenge: None,
            refusal: None,
            cache_control: NO_STORE,
        }
    }

    /// A resource, with status 200.
    pub fn resource(name: &'static str, resource: &Resource, presentation: Presentation) -> Self {
        Self::ok(name, presentation.write(resource), presentation.format.content_type())
    }

    pub fn problem(problem: Problem, presentation: Presentation) -> Self {
        let resource = outcome::operation_outcome(&[problem.issue]);
        let (refusal, challenge) = problem.denial.map_or((None, None), |denial| (Some(denial.refusal), denial.challenge));
        Self {
            status: problem.status,
            delivery: problem.delivery,
            retry_after: problem.retry_after,
            allow: problem.allow,
            challenge,
            refusal,
            ..Self::resource(problem.name, &resource, presentation)
        }
    }

    /// `progress`: of the connection, which learns from it when the answer is complete.
    pub fn into_response(self, caller: &CallerHeaders, app: &App, progress: Option<Rc<Progress>>) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        response
            .insert_header(("Content-Type", self.content_type))
            .insert_header(("Vary", "Accept"))
            .insert_header(("Cache-Control", self.cache_control))
            .insert_header(("X-Content-Type-Options", "nosniff"))
            .insert_header(("Referrer-Policy", "no-referrer"));
        let echoed =
            [("X-Request-ID", &caller.request_id), ("X-Correlation-ID", &caller.correlation_id), ("TraceID", &caller.trace_id)];
        for (name, value) in echoed {
            if let Some(value) = value {
                response.insert_header((name, value.as_received()));
            }
        }
        if app.options.server.tls.is_some() {
            response.insert_header(("Strict-Transport-Security", "max-age=31536000"));
        }
        if let Some(etag) = self.etag {
            response.insert_header(("ETag", etag));
        }
        if let Some(age) = self.age {
            response.insert_header(("Age", age.as_secs().to_string()));
        }
        if let Some(seconds) = self.retry_after {
            response.insert_header(("Retry-After", seconds.to_string()));
        }
        if let Some(allow) = self.allow {
            response.insert_header(("Allow", allow));
        }
        if let Some(challenge) = self.challenge {
            response.insert_header(("WWW-Authenticate", challenge));
        }
        response.body(Answer::new(self.body, progress))
    }
}
