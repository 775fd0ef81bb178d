//! The routes: one pure function over method and path, so that every answer, including a 404 or 405, is ours.

use crate::fhir::capability::definitions;
use crate::fhir::graph::ResourceType;
use crate::fhir::search::registry::{SEARCHABLE, Searchable};
use actix_web::http::Method;
use std::borrow::Cow;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `GET [base]/[type]?...`
    Search(ResourceType),
    /// `POST [base]/[type]/_search`
    SearchByPost(ResourceType),
    /// `GET [base]/[type]/[id]`. The id is not kept: nothing that could be an NHS number may reach a log.
    Read(ResourceType),
    /// `GET [base]/PatientFlag`, where it is switched on.
    PatientFlag,
    /// `GET [base]/_page/[token]`
    Page,
    /// `POST [base]`
    Batch,
    /// `GET [base]/metadata`
    Metadata,
    /// `GET [base]/SearchParameter/[id]`, with the id of one of ours.
    SearchParameter(&'static str),
    /// `GET [base]/.well-known/smart-configuration`
    SmartConfiguration,
    /// `GET /openapi.yaml`, at the root and under the base.
    OpenApiYaml,
    /// `GET /openapi.json`, the same document.
    OpenApiJson,
    Ping,
    Status,
    Live,
    Ready,
    /// `GET /metrics`, on the admin listener only.
    Metrics,
    /// `POST /audit/_search`, on the admin listener only.
    TrailSearch,
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
            Self::PatientFlag => "/PatientFlag",
            Self::Page => "/_page/{token}",
            Self::Batch => "/",
            Self::Metadata => "/metadata",
            Self::SearchParameter(_) => "/SearchParameter/{id}",
            Self::SmartConfiguration => "/.well-known/smart-configuration",
            Self::OpenApiYaml => "/openapi.yaml",
            Self::OpenApiJson => "/openapi.json",
            Self::Ping => "/_ping",
            Self::Status => "/_status",
            Self::Live => "/health/live",
            Self::Ready => "/health/ready",
            Self::Metrics => "/metrics",
            Self::TrailSearch => "/audit/_search",
        }
    }

    /// The whole template: with the FHIR base where the route is under it, and with the type of resource.
    pub fn name(self, base: &str) -> String {
        match self {
            Self::Search(resource) => format!("{base}/{}", resource.name()),
            Self::SearchByPost(resource) => format!("{base}/{}/_search", resource.name()),
            Self::Read(resource) => format!("{base}/{}/{{id}}", resource.name()),
            Self::Batch if !base.is_empty() => base.to_owned(),
            _ if self.is_at_root() => self.template().to_owned(),
            _ => format!("{base}{}", self.template()),
        }
    }

    fn is_at_root(self) -> bool {
        self.is_health() || matches!(self, Self::OpenApiYaml | Self::OpenApiJson | Self::TrailSearch | Self::Metrics)
    }

    pub fn resource(self) -> Option<ResourceType> {
        match self {
            Self::Search(resource) | Self::SearchByPost(resource) | Self::Read(resource) => Some(resource),
            _ => None,
        }
    }

    /// Whether the admin listener has it too.
    pub fn is_health(self) -> bool {
        matches!(self, Self::Ping | Self::Status | Self::Live | Self::Ready)
    }
}

/// One route as the OpenAPI document describes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DescribedRoute {
    pub method: &'static str,
    /// With `{...}` for what the caller fills in; without the base.
    pub path: String,
    /// Whether it is at the root, not under the FHIR base.
    pub at_root: bool,
}

/// Every route that is served, for the test that the OpenAPI document has them all and no other.
pub fn described() -> Vec<DescribedRoute> {
    let at = |at_root: bool, methods: &[&'static str], path: &str| {
        methods.iter().map(|method| DescribedRoute { method, path: path.to_owned(), at_root }).collect::<Vec<_>>()
    };
    let mut all = at(false, &["POST"], "/");
    all.extend(at(false, &["GET"], "/PatientFlag"));
    all.extend(at(false, &["GET"], "/_page/{token}"));
    for row in SEARCHABLE {
        all.extend(at(false, &["GET"], &format!("/{}", row.resource.name())));
        all.extend(at(false, &["POST"], &format!("/{}/_search", row.resource.name())));
    }
    for kind in ResourceType::ALL {
        all.extend(at(false, &["GET"], &format!("/{}/{{id}}", kind.name())));
    }
    for route in [Route::Metadata, Route::SearchParameter(""), Route::SmartConfiguration] {
        all.extend(at(false, &["GET", "HEAD"], route.template()));
    }
    for route in [Route::OpenApiYaml, Route::OpenApiJson, Route::Ping, Route::Status, Route::Live, Route::Ready] {
        all.extend(at(true, &["GET", "HEAD"], route.template()));
    }
    all
}

/// What the settings say about routes.
#[derive(Debug, Clone, Copy)]
pub struct RouteOptions<'a> {
    /// The FHIR base: no trailing slash, may be empty.
    pub base: &'a str,
    pub get_search: bool,
    pub patient_flag: bool,
}

/// The path with what is percent-encoded without need written plainly, which means the same (RFC 3986 6.2.2.2).
pub fn plain(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut parts = path.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).map(char::from);
        if let Some(byte) = byte.filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, '-' | '.' | '_' | '~')) {
            plain.push(byte);
            plain.push_str(&part[2..]);
        } else {
            plain.push('%');
            plain.push_str(part);
        }
    }
    Cow::Owned(plain)
}

/// Finds the route of `method` and `path`. Health is at the root, FHIR under the base.
///
/// # Errors
/// [`NoRoute`] with the methods that the path does have, if any.
pub fn find(method: &Method, path: &str, served: RouteOptions<'_>) -> Result<Route, NoRoute> {
    let base = served.base;
    if let Some(open) = health(path).or_else(|| document(path, base)) {
        return if matches!(*method, Method::GET | Method::HEAD) {
            Ok(open)
        } else {
            Err(NoRoute::MethodNotAllowed("GET, HEAD"))
        };
    }
    let under_base = path.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with('/')).ok_or(NoRoute::NotFound)?;
    let under_base = under_base.strip_prefix('/').unwrap_or_default();
    let mut segments = under_base.strip_suffix('/').unwrap_or(under_base).split('/');
    let (first, second, more) = (segments.next().unwrap_or_default(), segments.next(), segments.next());
    match (first, second, more) {
        ("", None, None) => return only(method, &Method::POST, Route::Batch, "POST"),
        ("PatientFlag", None, None) if served.patient_flag => return only(method, &Method::GET, Route::PatientFlag, "GET"),
        ("_page", Some(_), None) => return only(method, &Method::GET, Route::Page, "GET"),
        _ => {}
    }
    let resource = ResourceType::parse(first).ok_or(NoRoute::NotFound)?;
    match (second, more) {
        (None, None) => of_type(method, resource, served.get_search),
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

/// Routes of the admin listener alone. Not in the OpenAPI document, which is for callers of the public one (docs/audit.md has
/// them).
///
/// `searches_trail`: whether the trail's search is offered here.
pub fn of_admin(method: &Method, path: &str, searches_trail: bool) -> Option<Result<Route, NoRoute>> {
    match path {
        "/audit/_search" if searches_trail => Some(only(method, &Method::POST, Route::TrailSearch, "POST")),
        "/metrics" => Some(only(method, &Method::GET, Route::Metrics, "GET")),
        _ => None,
    }
}

fn only(method: &Method, allowed: &Method, route: Route, allow: &'static str) -> Result<Route, NoRoute> {
    if method == allowed { Ok(route) } else { Err(NoRoute::MethodNotAllowed(allow)) }
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

/// What describes this instance, the same for every caller.
fn document(path: &str, base: &str) -> Option<Route> {
    let openapi = |path: &str| match path {
        "/openapi.yaml" => Some(Route::OpenApiYaml),
        "/openapi.json" => Some(Route::OpenApiJson),
        _ => None,
    };
    let under_base = || path.strip_prefix(base).filter(|rest| rest.starts_with('/'));
    openapi(path).or_else(|| match under_base()? {
        "/metadata" => Some(Route::Metadata),
        "/.well-known/smart-configuration" => Some(Route::SmartConfiguration),
        rest => openapi(rest).or_else(|| {
            let own = definitions::find(rest.strip_prefix("/SearchParameter/")?)?;
            Some(Route::SearchParameter(own.id))
        }),
    })
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

    const SERVED: RouteOptions<'_> = RouteOptions { base: "/FHIR/R4", get_search: true, patient_flag: true };

    fn found(method: &Method, path: &str) -> Result<Route, NoRoute> {
        find(method, path, SERVED)
    }

    #[test]
    fn what_is_encoded_without_need_means_the_same() {
        for (path, means) in [
            ("/FHIR/R4/Flag/%5Fsearch", "/FHIR/R4/Flag/_search"),
            ("/FHIR/R4/%46la%67", "/FHIR/R4/Flag"),
            ("/FHIR/R4/%2ewell-known", "/FHIR/R4/.well-known"),
            ("/FHIR%2FR4/Flag", "/FHIR%2FR4/Flag"),
            ("/Flag%3Fpatient=1", "/Flag%3Fpatient=1"),
            ("/%", "/%"),
            ("/%4", "/%4"),
            ("/%+1%zz%00%25", "/%+1%zz%00%25"),
            ("/%e2%82%ac%2541", "/%e2%82%ac%2541"),
        ] {
            assert_eq!(plain(path), means);
        }
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
            "/FHIR/R4x",
            "/FHIR/R4/_page",
            "/FHIR/R4/_page/a/b",
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
        let served = RouteOptions { get_search: false, ..SERVED };
        assert_eq!(find(&Method::GET, "/FHIR/R4/Flag", served), Err(NoRoute::MethodNotAllowed("")));
        assert!(find(&Method::POST, "/FHIR/R4/Flag/_search", served).is_ok());
        // A next link holds no NHS number, so it still works.
        assert_eq!(find(&Method::GET, "/FHIR/R4/_page/abc", served), Ok(Route::Page));
    }

    #[test]
    fn the_patient_flags_shape_is_there_only_where_it_is_switched_on() {
        assert_eq!(found(&Method::GET, "/FHIR/R4/PatientFlag"), Ok(Route::PatientFlag));
        let served = RouteOptions { patient_flag: false, ..SERVED };
        assert_eq!(find(&Method::GET, "/FHIR/R4/PatientFlag", served), Err(NoRoute::NotFound));
    }

    #[test]
    fn a_batch_is_posted_to_the_base() {
        for path in ["/FHIR/R4", "/FHIR/R4/"] {
            assert_eq!(found(&Method::POST, path), Ok(Route::Batch));
            assert_eq!(found(&Method::GET, path), Err(NoRoute::MethodNotAllowed("POST")));
        }
    }

    #[test]
    fn documents_stand_under_the_base_and_may_be_asked_for_by_head() {
        assert_eq!(found(&Method::GET, "/FHIR/R4/metadata"), Ok(Route::Metadata));
        assert_eq!(found(&Method::HEAD, "/FHIR/R4/.well-known/smart-configuration"), Ok(Route::SmartConfiguration));
        for own in definitions::all() {
            let path = format!("/FHIR/R4/SearchParameter/{}", own.id);
            assert_eq!(found(&Method::GET, &path), Ok(Route::SearchParameter(own.id)));
        }
        for path in ["/openapi.yaml", "/FHIR/R4/openapi.yaml"] {
            assert_eq!(found(&Method::HEAD, path), Ok(Route::OpenApiYaml));
        }
        assert_eq!(find(&Method::GET, "/metadata", RouteOptions { base: "", ..SERVED }), Ok(Route::Metadata));
        assert_eq!(found(&Method::POST, "/FHIR/R4/metadata"), Err(NoRoute::MethodNotAllowed("GET, HEAD")));
        for path in ["/metadata", "/FHIR/R4metadata", "/FHIR/R4/SearchParameter", "/FHIR/R4/SearchParameter/x"] {
            assert_eq!(found(&Method::GET, path), Err(NoRoute::NotFound), "{path}");
        }
    }

    #[test]
    fn every_described_route_is_found() {
        for route in described() {
            let base = if route.at_root { "" } else { "/FHIR/R4" };
            let own = definitions::all().next().unwrap();
            let id = if route.path.starts_with("/SearchParameter") { own.id } else { "abc" };
            let path = format!("{base}{}", route.path.replace("{id}", id).replace("{token}", id));
            let method = Method::from_bytes(route.method.as_bytes()).unwrap();
            assert!(found(&method, &path).is_ok(), "{route:?}");
        }
    }

    #[test]
    fn names_hold_the_base_and_the_type_and_nothing_of_a_caller() {
        let name = |method, path| found(&method, path).unwrap().name("/FHIR/R4");
        for (method, path, wanted) in [
            (Method::GET, "/FHIR/R4/Flag", "/FHIR/R4/Flag"),
            (Method::POST, "/FHIR/R4/Flag/_search", "/FHIR/R4/Flag/_search"),
            (Method::GET, "/FHIR/R4/Flag/9990000018", "/FHIR/R4/Flag/{id}"),
            (Method::GET, "/FHIR/R4/_page/9990000018", "/FHIR/R4/_page/{token}"),
            (Method::POST, "/FHIR/R4", "/FHIR/R4"),
            (Method::GET, "/FHIR/R4/metadata", "/FHIR/R4/metadata"),
            (Method::GET, "/health/live", "/health/live"),
        ] {
            assert_eq!(name(method, path), wanted);
        }
        assert_eq!((Route::Batch.name(""), Route::Metrics.name("/FHIR/R4")), ("/".to_owned(), "/metrics".to_owned()));
        assert_eq!(Route::TrailSearch.name("/FHIR/R4"), "/audit/_search");
    }

    #[test]
    fn health_stands_at_the_root() {
        assert_eq!(found(&Method::GET, "/health/ready"), Ok(Route::Ready));
        assert_eq!(found(&Method::HEAD, "/_ping"), Ok(Route::Ping));
        assert_eq!(found(&Method::POST, "/_status"), Err(NoRoute::MethodNotAllowed("GET, HEAD")));
    }
}
