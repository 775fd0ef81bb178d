//! Which request means what: one pure function over method and path, so that every answer, also a 404 or 405, is ours.

use crate::fhir::graph::ResourceType;
use crate::fhir::search::registry::Searchable;
use actix_web::http::Method;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `GET [base]/[type]?...`
    Search(ResourceType),
    /// `POST [base]/[type]/_search`
    SearchByPost(ResourceType),
    /// `GET [base]/[type]/[id]`. The id is not kept: nothing that could be an NHS number may reach a log.
    Read(ResourceType),
    Ping,
    Status,
    Live,
    Ready,
}

/// Why there is no route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoute {
    NotFound,
    /// The methods that are allowed, for the `Allow` header.
    MethodNotAllowed(&'static str),
}

impl Route {
    /// The template for logs, spans and metrics: no part of it comes from the caller.
    pub fn template(self) -> &'static str {
        match self {
            Self::Search(_) => "/{type}",
            Self::SearchByPost(_) => "/{type}/_search",
            Self::Read(_) => "/{type}/{id}",
            Self::Ping => "/_ping",
            Self::Status => "/_status",
            Self::Live => "/health/live",
            Self::Ready => "/health/ready",
        }
    }

    pub fn resource(self) -> Option<ResourceType> {
        match self {
            Self::Search(resource) | Self::SearchByPost(resource) | Self::Read(resource) => Some(resource),
            _ => None,
        }
    }
}

/// Finds the route of `method` and `path`. Health stands at the root, FHIR under `base` (no trailing slash, may be empty).
///
/// # Errors
/// [`NoRoute`] with the methods that the path does have, if any.
pub fn find(method: &Method, path: &str, base: &str, get_search: bool) -> Result<Route, NoRoute> {
    if let Some(health) = health(path) {
        return if matches!(*method, Method::GET | Method::HEAD) {
            Ok(health)
        } else {
            Err(NoRoute::MethodNotAllowed("GET, HEAD"))
        };
    }
    let under_base = path.strip_prefix(base).and_then(|rest| rest.strip_prefix('/')).ok_or(NoRoute::NotFound)?;
    let mut segments = under_base.strip_suffix('/').unwrap_or(under_base).split('/');
    let resource = segments.next().and_then(ResourceType::parse).ok_or(NoRoute::NotFound)?;
    let (second, more) = (segments.next(), segments.next());
    match (second, more) {
        (None, None) => of_type(method, resource, get_search),
        (Some("_search"), None) if Searchable::of(resource).is_some() => match *method {
            Method::POST => Ok(Route::SearchByPost(resource)),
            _ => Err(NoRoute::MethodNotAllowed("POST")),
        },
        (Some(id), None) if !id.is_empty() && !id.starts_with('_') && !id.starts_with('$') => match *method {
            Method::GET => Ok(Route::Read(resource)),
            _ => Err(NoRoute::MethodNotAllowed("GET")),
        },
        _ => Err(NoRoute::NotFound),
    }
}

fn health(path: &str) -> Option<Route> {
    match path {
        "/_ping" => Some(Route::Ping),
        "/_status" => Some(Route::Status),
        "/health/live" => Some(Route::Live),
        "/health/ready" => Some(Route::Ready),
        _ => None,
    }
}

fn of_type(method: &Method, resource: ResourceType, get_search: bool) -> Result<Route, NoRoute> {
    if Searchable::of(resource).is_none() {
        return Err(NoRoute::NotFound);
    }
    match (method, get_search) {
        (&Method::GET, true) => Ok(Route::Search(resource)),
        (_, true) => Err(NoRoute::MethodNotAllowed("GET")),
        (_, false) => Err(NoRoute::MethodNotAllowed("")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &Method, path: &str) -> Result<Route, NoRoute> {
        find(method, path, "/FHIR/R4", true)
    }

    #[test]
    fn every_searchable_type_has_both_forms_of_search() {
        for row in crate::fhir::search::registry::SEARCHABLE {
            let name = row.resource.name();
            assert_eq!(found(&Method::GET, &format!("/FHIR/R4/{name}")), Ok(Route::Search(row.resource)));
            assert_eq!(found(&Method::GET, &format!("/FHIR/R4/{name}/")), Ok(Route::Search(row.resource)));
            assert_eq!(found(&Method::POST, &format!("/FHIR/R4/{name}/_search")), Ok(Route::SearchByPost(row.resource)));
        }
    }

    #[test]
    fn a_search_by_head_is_not_allowed_since_it_would_ask() {
        assert_eq!(found(&Method::HEAD, "/FHIR/R4/Flag"), Err(NoRoute::MethodNotAllowed("GET")));
        assert_eq!(found(&Method::HEAD, "/FHIR/R4/Flag/_search"), Err(NoRoute::MethodNotAllowed("POST")));
        assert_eq!(found(&Method::GET, "/FHIR/R4/Flag/_search"), Err(NoRoute::MethodNotAllowed("POST")));
    }

    #[test]
    fn writes_are_not_allowed() {
        for method in [Method::PUT, Method::PATCH, Method::DELETE, Method::POST] {
            assert_eq!(found(&method, "/FHIR/R4/Flag"), Err(NoRoute::MethodNotAllowed("GET")));
            assert_eq!(found(&method, "/FHIR/R4/Flag/abc"), Err(NoRoute::MethodNotAllowed("GET")));
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for path in [
            "/",
            "/FHIR/R4",
            "/FHIR/R4/",
            "/FHIR/R4/Observation",
            "/FHIR/R4/Patient",
            "/FHIR/R4/flag",
            "/FHIR/R4/Flag/a/b",
            "/FHIR/R4/Flag//",
            "/FHIR/R4/Flag/$cpis.getBundle",
            "/FHIR/R4/Flag/_history",
            "/FHIR/R5/Flag",
            "/FHIR/R4Flag",
        ] {
            assert_eq!(found(&Method::GET, path), Err(NoRoute::NotFound), "{path}");
        }
    }

    #[test]
    fn with_get_search_off_only_post_searches() {
        assert_eq!(find(&Method::GET, "/FHIR/R4/Flag", "/FHIR/R4", false), Err(NoRoute::MethodNotAllowed("")));
        assert!(find(&Method::POST, "/FHIR/R4/Flag/_search", "/FHIR/R4", false).is_ok());
    }

    #[test]
    fn health_stands_at_the_root() {
        assert_eq!(found(&Method::GET, "/health/ready"), Ok(Route::Ready));
        assert_eq!(found(&Method::HEAD, "/_ping"), Ok(Route::Ping));
        assert_eq!(found(&Method::POST, "/_status"), Err(NoRoute::MethodNotAllowed("GET, HEAD")));
    }
}
