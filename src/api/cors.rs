//! What pages of other origins may read in a browser (the Fetch standard's CORS), where `server.cors_origins` names any: apps of
//! SMART App Launch. Never every origin, and no cookies or certificates of the browser: the token says who asks.

use super::response::Response;
use super::routes::{NoRoute, Route};
use super::{App, Listener};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};

/// Headers of requests that mean something here and that a page may not send unasked.
const SENT: &str = "Accept, Authorization, Cache-Control, Content-Type, CPIS-Care-Setting, CPIS-New-Look, If-None-Match, \
                    IsUnscheduledAccessEvent, IsUnscheduledEvent, Prefer, traceparent, TraceID, X-Correlation-ID, X-Request-ID";
/// Headers of answers that a page could not read otherwise.
const READ: &str = "Age, Allow, ETag, Retry-After, TraceID, WWW-Authenticate, X-Correlation-ID, X-Request-ID";
/// How long a browser may remember the answer, in seconds.
const REMEMBERED: &str = "600";

/// A request where some origins may read answers.
#[derive(Debug, Clone, Copy)]
pub struct CrossOrigin<'r> {
    /// The request's origin, if it is one of them.
    origin: Option<&'r HeaderValue>,
}

impl<'r> CrossOrigin<'r> {
    /// `None` where no origin is named in the settings, and on the admin listener.
    pub fn of(request: &'r HttpRequest, app: &App, listener: Listener) -> Option<Self> {
        let named = &app.options.server.cors_origins;
        if named.is_empty() || listener != Listener::Public {
            return None;
        }
        let origin = request.headers().get("Origin").filter(|origin| named.iter().any(|one| one.as_bytes() == origin.as_bytes()));
        Some(Self { origin })
    }

    /// The answer to a browser that asks whether it may send a request.
    pub fn preflight(self, request: &HttpRequest, route: Result<Route, NoRoute>) -> Option<Response> {
        let asks = self.origin.is_some()
            && request.method() == Method::OPTIONS
            && request.headers().contains_key("Access-Control-Request-Method");
        match route {
            Err(NoRoute::MethodNotAllowed(allow)) if asks && !allow.is_empty() => {
                Some(Response { status: 204, allow: Some(allow), ..Response::ok("preflight", "", "") })
            }
            _ => None,
        }
    }

    /// Adds to an answer who may read it.
    pub fn mark(self, response: &mut HttpResponse) {
        let is_preflight = response.status() == 204;
        let headers = response.headers_mut();
        let mut set = |name: &'static str, value: HeaderValue| headers.insert(HeaderName::from_static(name), value);
        let Some(origin) = self.origin else {
            set("vary", HeaderValue::from_static("Accept, Origin"));
            return;
        };
        set("access-control-allow-origin", origin.clone());
        if !is_preflight {
            set("vary", HeaderValue::from_static("Accept, Origin"));
            set("access-control-expose-headers", HeaderValue::from_static(READ));
            return;
        }
        set("vary", HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers"));
        set("access-control-allow-headers", HeaderValue::from_static(SENT));
        set("access-control-max-age", HeaderValue::from_static(REMEMBERED));
        headers.remove("content-type");
        if let Some(allow) = headers.remove("allow").next() {
            headers.insert(HeaderName::from_static("access-control-allow-methods"), allow);
        }
    }
}
