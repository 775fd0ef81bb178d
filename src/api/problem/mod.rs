//! Errors of every room become one thing here: an HTTP status with an OperationOutcome (fhir.md 5, decisions.md 5, 18).

mod access;
mod failure;
#[cfg(test)]
mod tests;
mod trail;

pub use access::names_of_refusals;

use super::body::BodyError;
use super::headers::HeaderError;
use super::media::MediaError;
use super::routes::NoRoute;
use crate::access::Refusal;
use crate::cpis::Delivery;
use crate::fhir::batch::BatchError;
use crate::fhir::outcome::{HttpCode, Issue, IssueType, Severity, SpineCode};
use crate::fhir::search::{SearchError, registry};
use crate::lookup::LookError;

/// Seconds after which a caller may try again, where nothing was sent.
const RETRY_AFTER: u32 = 5;

/// Every error that a caller can see: status, issue-type, Spine code, http-error-code (fhir.md 5). Each has an example in
/// `openapi/cpis-fhir.yaml`, which a test holds against this.
pub const EVERY: &[(u16, IssueType, SpineCode, HttpCode)] = &[
    (400, IssueType::Value, SpineCode::InvalidSearchData, HttpCode::BadRequest),
    (400, IssueType::Required, SpineCode::MissingValue, HttpCode::BadRequest),
    (400, IssueType::NotSupported, SpineCode::UnsupportedService, HttpCode::BadRequest),
    (400, IssueType::Value, SpineCode::InvalidValue, HttpCode::BadRequest),
    (400, IssueType::Required, SpineCode::PreconditionFailed, HttpCode::BadRequest),
    (400, IssueType::Value, SpineCode::PreconditionFailed, HttpCode::BadRequest),
    (401, IssueType::Login, SpineCode::AccessDenied, HttpCode::Unauthorized),
    (401, IssueType::Expired, SpineCode::AccessDenied, HttpCode::Unauthorized),
    (403, IssueType::Forbidden, SpineCode::AccessDenied, HttpCode::Forbidden),
    (404, IssueType::NotFound, SpineCode::ResourceNotFound, HttpCode::NotFound),
    (405, IssueType::NotSupported, SpineCode::InvalidMethod, HttpCode::MethodNotAllowed),
    (406, IssueType::NotSupported, SpineCode::UnsupportedService, HttpCode::NotAcceptable),
    (408, IssueType::Timeout, SpineCode::PreconditionFailed, HttpCode::BadRequest),
    (413, IssueType::TooLong, SpineCode::UnsupportedService, HttpCode::BadRequest),
    (415, IssueType::NotSupported, SpineCode::UnsupportedService, HttpCode::UnsupportedMediaType),
    (429, IssueType::Throttled, SpineCode::TooManyRequests, HttpCode::TooManyRequests),
    (500, IssueType::Exception, SpineCode::UnknownError, HttpCode::ServerError),
    (500, IssueType::Exception, SpineCode::AccessDenied, HttpCode::ServerError),
    (502, IssueType::Exception, SpineCode::UnknownError, HttpCode::RecServerError),
    (502, IssueType::Structure, SpineCode::UnknownError, HttpCode::RecServerError),
    (502, IssueType::Incomplete, SpineCode::UnknownError, HttpCode::RecServerError),
    (503, IssueType::Transient, SpineCode::ServiceUnavailable, HttpCode::Unavailable),
    (503, IssueType::Transient, SpineCode::ServiceUnavailable, HttpCode::RecUnavailable),
    (504, IssueType::Timeout, SpineCode::UnableToCallService, HttpCode::RecTimeout),
];

/// What only routes other than searches can answer: (status, issue code, Spine code, http-error-code).
pub const OF_OTHER_ROUTES: &[(u16, IssueType, SpineCode, HttpCode)] = &[
    (400, IssueType::Structure, SpineCode::InvalidValue, HttpCode::BadRequest),
    (400, IssueType::TooLong, SpineCode::InvalidValue, HttpCode::BadRequest),
    (410, IssueType::NotFound, SpineCode::ResourceNotFound, HttpCode::NotFound),
];

/// An error as the caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub status: u16,
    pub issue: Issue,
    /// Seconds. Only if nothing was delivered (decisions.md 5).
    pub retry_after: Option<u32>,
    /// The `Allow` header of a 405.
    pub allow: Option<&'static str>,
    /// If the caller is refused for who they are or what they may do.
    pub denial: Option<Box<Denial>>,
    /// A short name for logs and metrics.
    pub name: &'static str,
    /// Whether the query may have been delivered, if a look was started.
    pub delivery: Option<Delivery>,
}

/// A refused caller: what the trail and the challenge need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    pub refusal: Refusal,
    /// The `WWW-Authenticate` header of a 401, or of a 403 for scopes.
    pub challenge: Option<String>,
}

impl Problem {
    fn new(
        name: &'static str,
        status: u16,
        issue_type: IssueType,
        spine: SpineCode,
        http: HttpCode,
        diagnostics: impl Into<String>,
    ) -> Self {
        debug_assert!(
            [EVERY, OF_OTHER_ROUTES].concat().contains(&(status, issue_type, spine, http)),
            "an error that problem::EVERY and openapi/cpis-fhir.yaml do not have"
        );
        let issue = Issue {
            severity: Severity::Error,
            issue_type,
            spine: Some(spine),
            http: Some(http),
            diagnostics: diagnostics.into(),
            expression: None,
        };
        Self { status, issue, retry_after: None, allow: None, denial: None, name, delivery: None }
    }

    fn at(mut self, expression: Option<&str>) -> Self {
        self.issue.expression = expression.map(str::to_owned);
        self
    }

    /// Our own fault, without details.
    pub fn internal() -> Self {
        Self::new(
            "internal",
            500,
            IssueType::Exception,
            SpineCode::UnknownError,
            HttpCode::ServerError,
            "A fault inside this service. CP-IS may or may not have been asked. This does not mean that there is no plan.",
        )
    }

    /// A read that no look of this requester can answer (decisions.md 11).
    pub fn no_such_resource() -> Self {
        Self::new(
            "no-such-resource",
            404,
            IssueType::NotFound,
            SpineCode::ResourceNotFound,
            HttpCode::NotFound,
            "There is no such resource, or the look that it came from is over. Search for the child again.",
        )
    }

    /// SMART's required endpoints are not known here.
    pub fn no_smart_configuration() -> Self {
        Self::new(
            "no-smart-configuration",
            404,
            IssueType::NotFound,
            SpineCode::ResourceNotFound,
            HttpCode::NotFound,
            "There is no SMART configuration here: no issuer of tokens is known that names its endpoints.",
        )
    }

    /// A page of a look that has expired, or is not the one that is held (decisions.md 43).
    pub fn page_is_gone() -> Self {
        Self::new(
            "page-gone",
            410,
            IssueType::NotFound,
            SpineCode::ResourceNotFound,
            HttpCode::NotFound,
            "The look that this page belongs to is over, or a newer one has taken its place. CP-IS was not asked. Search for the child again.",
        )
    }

    /// A batch that asks for more than a batch may.
    pub fn batch_too_large(limit: &str) -> Self {
        Self::new(
            "batch-too-large",
            400,
            IssueType::TooLong,
            SpineCode::InvalidValue,
            HttpCode::BadRequest,
            format!("The batch asks for more than {limit}. CP-IS was not asked."),
        )
        .at(Some("Bundle.entry"))
    }

    /// An entry of a batch that asks for something else than a search or a read.
    pub fn not_in_a_batch() -> Self {
        Self::new(
            "not-in-a-batch",
            400,
            IssueType::NotSupported,
            SpineCode::UnsupportedService,
            HttpCode::BadRequest,
            "A batch holds searches (GET [type]?patient=...) and reads (GET [type]/[id]) alone. Send this as a request of its own.",
        )
        .at(Some("Bundle.entry.request"))
    }

    /// An entry of a batch without a method or a URL.
    pub fn batch_entry_incomplete() -> Self {
        Self::new(
            "batch-entry",
            400,
            IssueType::Required,
            SpineCode::MissingValue,
            HttpCode::BadRequest,
            "An entry of a batch needs request.method and request.url.",
        )
        .at(Some("Bundle.entry.request"))
    }
}

fn forbidden(name: &'static str, diagnostics: impl Into<String>) -> Problem {
    Problem::new(name, 403, IssueType::Forbidden, SpineCode::AccessDenied, HttpCode::Forbidden, diagnostics)
}

impl From<NoRoute> for Problem {
    fn from(error: NoRoute) -> Self {
        match error {
            NoRoute::NotFound => Self::new(
                "no-route",
                404,
                IssueType::NotFound,
                SpineCode::ResourceNotFound,
                HttpCode::NotFound,
                format!("There is nothing at this address. The resource types that can be searched are {}.", registry::names()),
            ),
            NoRoute::MethodNotAllowed(allow) => {
                let mut problem = Self::new(
                    "method",
                    405,
                    IssueType::NotSupported,
                    SpineCode::InvalidMethod,
                    HttpCode::MethodNotAllowed,
                    "This method is not allowed here. Search with GET [type]?patient=... or POST [type]/_search.",
                );
                problem.allow = Some(allow);
                problem
            }
        }
    }
}

impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Self {
        let (issue, spine) = match error {
            SearchError::NoChild => (IssueType::Required, SpineCode::MissingValue),
            SearchError::NotAnNhsNumber { .. } => (IssueType::Value, SpineCode::InvalidSearchData),
            SearchError::NeverFound { .. }
            | SearchError::UnknownParameter { .. }
            | SearchError::UnknownOfRead { .. }
            | SearchError::UnknownModifier { .. }
            | SearchError::UnknownInclude { .. }
            | SearchError::UnsupportedValue { .. } => (IssueType::NotSupported, SpineCode::UnsupportedService),
            SearchError::TwoChildren { .. }
            | SearchError::UnknownChild { .. }
            | SearchError::OfAnotherServer { .. }
            | SearchError::WrongIdentifierSystem { .. }
            | SearchError::Malformed { .. }
            | SearchError::Undecodable { .. } => (IssueType::Value, SpineCode::InvalidValue),
        };
        Self::new("search", 400, issue, spine, HttpCode::BadRequest, error.to_string()).at(error.parameter())
    }
}

impl From<HeaderError> for Problem {
    fn from(error: HeaderError) -> Self {
        let issue = if error.missing { IssueType::Required } else { IssueType::Value };
        Self::new("header", 400, issue, SpineCode::PreconditionFailed, HttpCode::BadRequest, error.to_string())
            .at(Some(error.header))
    }
}

impl From<MediaError> for Problem {
    fn from(error: MediaError) -> Self {
        let (status, issue, spine, http) = match error {
            MediaError::NotAcceptable { .. } | MediaError::OtherVersion { .. } => {
                (406, IssueType::NotSupported, SpineCode::UnsupportedService, HttpCode::NotAcceptable)
            }
            MediaError::UnsupportedContentType | MediaError::UnsupportedResourceType | MediaError::Compressed => {
                (415, IssueType::NotSupported, SpineCode::UnsupportedService, HttpCode::UnsupportedMediaType)
            }
            MediaError::NotABoolean { .. } => (400, IssueType::Value, SpineCode::InvalidValue, HttpCode::BadRequest),
        };
        Self::new("media", status, issue, spine, http, error.to_string()).at(Some(error.at()))
    }
}

impl From<BatchError> for Problem {
    fn from(error: BatchError) -> Self {
        let issue = if error == BatchError::Unreadable { IssueType::Structure } else { IssueType::Value };
        Self::new("batch", 400, issue, SpineCode::InvalidValue, HttpCode::BadRequest, error.to_string())
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let (status, issue, spine) = match error {
            BodyError::TooLarge => (413, IssueType::TooLong, SpineCode::UnsupportedService),
            BodyError::TooSlow => (408, IssueType::Timeout, SpineCode::PreconditionFailed),
            BodyError::Broken => (400, IssueType::Value, SpineCode::PreconditionFailed),
            BodyError::NoRoom => {
                return Self::of_failure(&LookError::Overloaded, true);
            }
        };
        Self::new("body", status, issue, spine, HttpCode::BadRequest, error.to_string())
    }
}
