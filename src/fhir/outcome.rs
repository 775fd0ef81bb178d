//! OperationOutcome: the one form of every error and remark (fhir.md 5).

use fhirbolt_model::r4::Resource;
use fhirbolt_model::r4::resources::{OperationOutcome, OperationOutcomeIssue};
use fhirbolt_model::r4::types::{CodeableConcept, Coding};

const SPINE_SYSTEM: &str = "https://fhir.nhs.uk/CodeSystem/England-SpineErrorOrWarningCode";
const HTTP_SYSTEM: &str = "https://fhir.nhs.uk/CodeSystem/http-error-codes";

/// The codes of FHIR's issue-type that this service uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IssueType {
    Structure,
    Required,
    Value,
    Login,
    Expired,
    Forbidden,
    NotSupported,
    NotFound,
    TooLong,
    Timeout,
    Throttled,
    Transient,
    Incomplete,
    Exception,
    Informational,
}

impl IssueType {
    pub fn code(self) -> &'static str {
        match self {
            Self::Structure => "structure",
            Self::Required => "required",
            Self::Value => "value",
            Self::Login => "login",
            Self::Expired => "expired",
            Self::Forbidden => "forbidden",
            Self::NotSupported => "not-supported",
            Self::NotFound => "not-found",
            Self::TooLong => "too-long",
            Self::Timeout => "timeout",
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::Incomplete => "incomplete",
            Self::Exception => "exception",
            Self::Informational => "informational",
        }
    }
}

/// The codes of England-SpineErrorOrWarningCode that this service uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpineCode {
    InvalidSearchData,
    InvalidValue,
    MissingValue,
    UnsupportedService,
    PreconditionFailed,
    AccessDenied,
    ResourceNotFound,
    InvalidMethod,
    TooManyRequests,
    ServiceUnavailable,
    UnableToCallService,
    UnknownError,
}

impl SpineCode {
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidSearchData => "INVALID_SEARCH_DATA",
            Self::InvalidValue => "INVALID_VALUE",
            Self::MissingValue => "MISSING_VALUE",
            Self::UnsupportedService => "UNSUPPORTED_SERVICE",
            Self::PreconditionFailed => "PRECONDITION_FAILED",
            Self::AccessDenied => "ACCESS_DENIED",
            Self::ResourceNotFound => "RESOURCE_NOT_FOUND",
            Self::InvalidMethod => "INVALID_METHOD",
            Self::TooManyRequests => "TOO_MANY_REQUESTS",
            Self::ServiceUnavailable => "SERVICE_UNAVAILABLE",
            Self::UnableToCallService => "UNABLE_TO_CALL_SERVICE",
            Self::UnknownError => "UNKNOWN_ERROR",
        }
    }
}

/// The codes of NHS England's http-error-codes that this service uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HttpCode {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    UnsupportedMediaType,
    TooManyRequests,
    ServerError,
    Unavailable,
    RecServerError,
    RecUnavailable,
    RecTimeout,
}

impl HttpCode {
    pub fn code(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::NotAcceptable => "NOT_ACCEPTABLE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::TooManyRequests => "TOO_MANY_REQUESTS",
            Self::ServerError => "SERVER_ERROR",
            Self::Unavailable => "UNAVAILABLE",
            Self::RecServerError => "REC_SERVER_ERROR",
            Self::RecUnavailable => "REC_UNAVAILABLE",
            Self::RecTimeout => "REC_TIMEOUT",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
    Information,
}

/// One issue. `diagnostics` says what to do and never repeats what a caller sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    pub severity: Severity,
    pub issue_type: IssueType,
    pub spine: Option<SpineCode>,
    pub http: Option<HttpCode>,
    pub diagnostics: String,
    /// The parameter or header at fault.
    pub expression: Option<String>,
}

/// The OperationOutcome of `issues`: at least one. It has no id (decisions.md 28).
pub fn operation_outcome(issues: &[Issue]) -> Resource {
    debug_assert!(!issues.is_empty(), "an OperationOutcome has an issue");
    let issue = issues.iter().map(build).collect();
    Resource::OperationOutcome(Box::new(OperationOutcome { issue, ..Default::default() }))
}

fn build(issue: &Issue) -> OperationOutcomeIssue {
    let severity = match issue.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Information => "information",
    };
    let mut coding = Vec::with_capacity(2);
    if let Some(spine) = issue.spine {
        coding.push(code_in(SPINE_SYSTEM, spine.code()));
    }
    if let Some(http) = issue.http {
        coding.push(code_in(HTTP_SYSTEM, http.code()));
    }
    let details = (!coding.is_empty()).then(|| Box::new(CodeableConcept { coding, ..Default::default() }));
    OperationOutcomeIssue {
        severity: severity.into(),
        code: issue.issue_type.code().into(),
        details,
        diagnostics: Some(issue.diagnostics.as_str().into()),
        expression: issue.expression.iter().map(|expression| expression.as_str().into()).collect(),
        ..Default::default()
    }
}

fn code_in(system: &str, code: &str) -> Coding {
    Coding { system: Some(system.into()), code: Some(code.into()), ..Default::default() }
}
