//! Errors of every room become one thing here: an HTTP status with an OperationOutcome (fhir.md 5, decisions.md 5, 18).

use super::body::BodyError;
use super::headers::HeaderError;
use super::media::MediaError;
use super::routes::NoRoute;
use crate::cpis::{Contradiction, Delivery, Failure, FailureKind, Fault, LocalAuthority, ResponseCode};
use crate::fhir::batch::BatchError;
use crate::fhir::graph::Authority;
use crate::fhir::outcome::{HttpCode, Issue, IssueType, Severity, SpineCode};
use crate::fhir::search::SearchError;
use crate::fhir::wording;

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

/// What only routes other than a search can answer: (status, issue code, Spine code, http-error-code).
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
    /// Seconds. Only where CP-IS certainly has not heard (decisions.md 5).
    pub retry_after: Option<u32>,
    /// The `Allow` header of a 405.
    pub allow: Option<&'static str>,
    /// A short name for logs and metrics.
    pub name: &'static str,
    /// Whether CP-IS may have heard, where a look was begun.
    pub delivery: Option<Delivery>,
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
        Self { status, issue, retry_after: None, allow: None, name, delivery: None }
    }

    fn at(mut self, expression: Option<&str>) -> Self {
        self.issue.expression = expression.map(str::to_owned);
        self
    }

    /// Our own fault, with nothing said of it but that.
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

    /// The service is being stopped and takes no new work.
    pub fn draining() -> Self {
        let mut problem = Self::new(
            "draining",
            503,
            IssueType::Transient,
            SpineCode::ServiceUnavailable,
            HttpCode::Unavailable,
            "This service is being restarted. CP-IS was not asked: try again in a few seconds.",
        );
        problem.retry_after = Some(RETRY_AFTER);
        problem
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

    /// A page of a look that is over.
    pub fn page_is_gone() -> Self {
        Self::new(
            "page-gone",
            410,
            IssueType::NotFound,
            SpineCode::ResourceNotFound,
            HttpCode::NotFound,
            "The look that this page belongs to is over. Search for the child again.",
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

    /// A care setting that the settings do not allow.
    pub fn care_setting_refused() -> Self {
        forbidden("care-setting", "This care setting is not allowed here.").at(Some("CPIS-Care-Setting"))
    }

    /// A read that must not notify, which this interface cannot promise (fhir.md 4).
    pub fn scheduled_care_refused() -> Self {
        forbidden(
            "scheduled-care",
            "This interface to CP-IS is for unscheduled care only: every query notifies the local authority. \
             A query for scheduled care was not made.",
        )
        .at(Some("IsUnscheduledAccessEvent"))
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
                "There is nothing at this address. The resource types that can be searched are Flag, EpisodeOfCare, CareTeam, \
                 CarePlan and AuditEvent.",
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
            SearchError::UnknownParameter { .. }
            | SearchError::UnknownModifier { .. }
            | SearchError::UnknownInclude { .. }
            | SearchError::UnsupportedValue { .. } => (IssueType::NotSupported, SpineCode::UnsupportedService),
            SearchError::TwoChildren { .. }
            | SearchError::UnknownChild { .. }
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
            MediaError::UnsupportedContentType | MediaError::UnsupportedResourceType => {
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
        };
        Self::new("body", status, issue, spine, HttpCode::BadRequest, error.to_string())
    }
}

impl Problem {
    /// What a failed look is to the caller. `own_identity`: the author on the wire was the caller, not a nominated person.
    pub fn of_failure(failure: &Failure, own_identity: bool) -> Self {
        let mut problem = of_kind(&failure.kind, own_identity);
        problem.delivery = Some(failure.delivery);
        let text = &mut problem.issue.diagnostics;
        if !matches!(failure.kind, FailureKind::AuthorIncomplete { .. } | FailureKind::Internal) {
            text.push_str(" This does not mean that there is no plan.");
        }
        // Nothing of an answer about another child is shown, its authority's numbers neither.
        if !matches!(failure.kind, FailureKind::OtherChild | FailureKind::OtherMessage) {
            push_contacts(text, &failure.contacts);
        }
        match failure.delivery {
            Delivery::MaybeDelivered => {
                text.push_str(
                    " The local authority may already have been notified of this look: do not repeat it automatically.",
                );
            }
            Delivery::NotDelivered if problem.status == 503 => problem.retry_after = Some(RETRY_AFTER),
            Delivery::NotDelivered => {}
        }
        problem
    }
}

fn push_contacts(text: &mut String, contacts: &[LocalAuthority]) {
    for (at, authority) in contacts.iter().enumerate() {
        text.push_str(if at == 0 { " CP-IS named this authority: ring " } else { "; " });
        text.push_str(&wording::contact(&Authority::new(authority)));
    }
    if !contacts.is_empty() {
        text.push('.');
    }
}

fn of_kind(kind: &FailureKind, own_identity: bool) -> Problem {
    use FailureKind as Kind;
    match kind {
        Kind::AuthorIncomplete { missing } => forbidden(
            "author-incomplete",
            format!("CP-IS was not asked: the query's author needs what the caller's identity lacks: {}.", missing.join(", ")),
        ),
        Kind::NotConnected { .. } => unavailable("not-connected", "CP-IS could not be checked: no connection to the SMSP."),
        Kind::Tls { .. } => unavailable("tls", "CP-IS could not be checked: no secure connection to the SMSP."),
        Kind::RefusedByStatus { .. } => {
            unavailable("refused", "CP-IS could not be checked: the SMSP refused the request unread.")
        }
        Kind::ConnectionLost => timeout("connection-lost", "CP-IS could not be checked: the connection to the SMSP broke."),
        Kind::Timeout => timeout("timeout", "CP-IS could not be checked: the SMSP gave no answer in time."),
        Kind::TooLarge => {
            bad_answer("too-large", IssueType::Structure, "CP-IS could not be checked: the answer is over the size limit.")
        }
        Kind::NotAnAnswer { what } => {
            bad_answer("not-an-answer", IssueType::Exception, &format!("CP-IS could not be checked: the SMSP sent {what}."))
        }
        Kind::Unreadable { why } => bad_answer(
            "unreadable",
            IssueType::Structure,
            &format!("CP-IS could not be checked: the answer cannot be read ({why})."),
        ),
        Kind::UnknownCode { code } => bad_answer(
            "unknown-code",
            IssueType::Structure,
            &format!("CP-IS could not be checked: the response code is unknown ({}).", code.as_deref().unwrap_or("none given")),
        ),
        Kind::OtherChild => bad_answer(
            "other-child",
            IssueType::Structure,
            "The answer is not about the child that was asked for, and nothing of it is shown. CP-IS could not be checked.",
        ),
        Kind::OtherMessage => bad_answer(
            "other-message",
            IssueType::Structure,
            "The answer belongs to another message, and nothing of it is shown. CP-IS could not be checked.",
        ),
        Kind::Contradictory(contradiction) => bad_answer("incomplete", IssueType::Incomplete, contradicts(*contradiction)),
        Kind::Response(code) => of_response(*code, own_identity),
        Kind::Soap { fault, code } => of_fault(*fault, code.as_deref()),
        Kind::BusinessError { code } => bad_answer("business-error", IssueType::Exception, &spine_error(code.as_deref())),
        Kind::QueryFailed { code } => bad_answer("query-failed", IssueType::Exception, &spine_error(code.as_deref())),
        Kind::Internal => Problem::internal(),
    }
}

fn of_response(code: ResponseCode, own_identity: bool) -> Problem {
    let text = |what: &str| format!("CP-IS could not be checked: {what} ({}).", code.code());
    match code {
        ResponseCode::InputInvalid => {
            own_fault("input-invalid", SpineCode::UnknownError, text("the SMSP found our query invalid"))
        }
        ResponseCode::ResponseInvalid => bad_answer(
            "response-invalid",
            IssueType::Exception,
            &text("the SMSP could not use what CP-IS answered, so a record may exist"),
        ),
        ResponseCode::LocalStoreOnly => unavailable(
            "local-store-only",
            &text("Spine is unavailable and the SMSP answered from a local store without records"),
        ),
        ResponseCode::SpineUnreachable => {
            unavailable("spine-unreachable", &text("Spine is unavailable, the SMSP could not reach it"))
        }
        ResponseCode::AuthorCredentials if own_identity => {
            forbidden("author-credentials", text("the SMSP does not accept the author's credentials"))
        }
        ResponseCode::AuthorCredentials => {
            own_fault("author-credentials", SpineCode::UnknownError, text("the SMSP does not accept the nominated author"))
        }
        ResponseCode::ProviderFailure => bad_answer("provider-failure", IssueType::Exception, &text("the SMSP failed")),
        ResponseCode::CpisFailure => bad_answer("cpis-failure", IssueType::Exception, &text("CP-IS failed")),
    }
}

fn of_fault(fault: Fault, code: Option<&str>) -> Problem {
    let text = |what: &str| match code {
        Some(code) => format!("CP-IS could not be checked: {what} (SOAP fault, {code})."),
        None => format!("CP-IS could not be checked: {what} (SOAP fault)."),
    };
    match fault {
        Fault::Retryable => unavailable("fault-retryable", &text("the SMSP is busy or down for a time")),
        Fault::NotRetryable => bad_answer("fault", IssueType::Exception, &text("the SMSP could not process the query")),
        Fault::InvalidMessage => {
            own_fault("fault-invalid-message", SpineCode::UnknownError, text("the SMSP found our message invalid"))
        }
        Fault::AccessDenied => own_fault(
            "fault-access-denied",
            SpineCode::AccessDenied,
            text("the SMSP refuses this service's certificate or ASID; tell the operator"),
        ),
    }
}

fn spine_error(code: Option<&str>) -> String {
    match code {
        Some(code) => format!("CP-IS could not be checked: Spine reported an error ({code})."),
        None => "CP-IS could not be checked: Spine reported an error.".to_owned(),
    }
}

fn contradicts(contradiction: Contradiction) -> &'static str {
    match contradiction {
        Contradiction::NoMatchWithContent => {
            "The answer says that there is no record, and yet holds or counts one. CP-IS could not be checked."
        }
        Contradiction::TotalUnreadable => {
            "The answer does not say readably how many records it holds. CP-IS could not be checked."
        }
        Contradiction::NothingReadable => "CP-IS holds a record for this child, but nothing of it could be read.",
        Contradiction::ContentBeyondTotal => "The answer counts no record, and yet holds one. CP-IS could not be checked.",
        Contradiction::EmptySuccess => "The answer says that data was found, and holds none. CP-IS could not be checked.",
        Contradiction::CodesDisagree => "The answer's own codes disagree. CP-IS could not be checked.",
    }
}

fn unavailable(name: &'static str, text: &str) -> Problem {
    Problem::new(name, 503, IssueType::Transient, SpineCode::ServiceUnavailable, HttpCode::RecUnavailable, text)
}

fn timeout(name: &'static str, text: &str) -> Problem {
    Problem::new(name, 504, IssueType::Timeout, SpineCode::UnableToCallService, HttpCode::RecTimeout, text)
}

fn bad_answer(name: &'static str, issue: IssueType, text: &str) -> Problem {
    Problem::new(name, 502, issue, SpineCode::UnknownError, HttpCode::RecServerError, text)
}

fn own_fault(name: &'static str, spine: SpineCode, text: String) -> Problem {
    Problem::new(name, 500, IssueType::Exception, spine, HttpCode::ServerError, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpis::{NumberUse, Organisation, OrganisationKind, Phase, TelephoneNumber};

    fn authority() -> LocalAuthority {
        LocalAuthority {
            organisation: Organisation {
                kind: OrganisationKind::Organisation,
                ods_code: "999".into(),
                name: "Exampleshire County Council".into(),
            },
            numbers: vec![
                TelephoneNumber { number: "02079460001".into(), uses: vec![NumberUse::OfficeHours] },
                TelephoneNumber { number: "02079460002".into(), uses: vec![NumberUse::EmergencyDuty] },
            ],
        }
    }

    fn maybe(kind: FailureKind) -> Failure {
        Failure::understanding(kind)
    }

    fn not(kind: FailureKind) -> Failure {
        Failure::new(kind, Phase::Connect, Delivery::NotDelivered)
    }

    /// The rows of fhir.md 5 and decisions.md 18: failure, status, issue code, Spine code, http-error-code.
    fn rows() -> Vec<(Failure, u16, &'static str, &'static str, &'static str)> {
        use FailureKind::*;
        let response = |code| maybe(Response(code));
        let soap = |fault| maybe(Soap { fault, code: Some("1000".into()) });
        vec![
            (response(ResponseCode::InputInvalid), 500, "exception", "UNKNOWN_ERROR", "SERVER_ERROR"),
            (response(ResponseCode::ResponseInvalid), 502, "exception", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
            (not(Response(ResponseCode::LocalStoreOnly)), 503, "transient", "SERVICE_UNAVAILABLE", "REC_UNAVAILABLE"),
            (not(Response(ResponseCode::SpineUnreachable)), 503, "transient", "SERVICE_UNAVAILABLE", "REC_UNAVAILABLE"),
            (response(ResponseCode::AuthorCredentials), 403, "forbidden", "ACCESS_DENIED", "FORBIDDEN"),
            (response(ResponseCode::ProviderFailure), 502, "exception", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
            (response(ResponseCode::CpisFailure), 502, "exception", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
            (maybe(UnknownCode { code: None }), 502, "structure", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
            (maybe(Unreadable { why: "x" }), 502, "structure", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
            (maybe(TooLarge), 502, "structure", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
            (maybe(OtherChild), 502, "structure", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
            (maybe(OtherMessage), 502, "structure", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
            (maybe(NotAnAnswer { what: "x" }), 502, "exception", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
            (maybe(Contradictory(Contradiction::NoMatchWithContent)), 502, "incomplete", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
            (maybe(Contradictory(Contradiction::NothingReadable)), 502, "incomplete", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
            (maybe(BusinessError { code: None }), 502, "exception", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
            (maybe(QueryFailed { code: None }), 502, "exception", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
            (soap(Fault::Retryable), 503, "transient", "SERVICE_UNAVAILABLE", "REC_UNAVAILABLE"),
            (soap(Fault::NotRetryable), 502, "exception", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
            (soap(Fault::InvalidMessage), 500, "exception", "UNKNOWN_ERROR", "SERVER_ERROR"),
            (soap(Fault::AccessDenied), 500, "exception", "ACCESS_DENIED", "SERVER_ERROR"),
            (not(NotConnected { cause: "refused" }), 503, "transient", "SERVICE_UNAVAILABLE", "REC_UNAVAILABLE"),
            (not(Tls { cause: "alert".into() }), 503, "transient", "SERVICE_UNAVAILABLE", "REC_UNAVAILABLE"),
            (not(RefusedByStatus { status: 404 }), 503, "transient", "SERVICE_UNAVAILABLE", "REC_UNAVAILABLE"),
            (maybe(ConnectionLost), 504, "timeout", "UNABLE_TO_CALL_SERVICE", "REC_TIMEOUT"),
            (maybe(Timeout), 504, "timeout", "UNABLE_TO_CALL_SERVICE", "REC_TIMEOUT"),
            (not(AuthorIncomplete { missing: vec!["ASID"] }), 403, "forbidden", "ACCESS_DENIED", "FORBIDDEN"),
            (maybe(Internal), 500, "exception", "UNKNOWN_ERROR", "SERVER_ERROR"),
        ]
    }

    #[test]
    fn every_failure_has_the_status_and_codes_of_the_contract() {
        for (failure, status, issue, spine, http) in rows() {
            let problem = Problem::of_failure(&failure, true);
            let coded = (
                problem.status,
                problem.issue.issue_type.code(),
                problem.issue.spine.unwrap().code(),
                problem.issue.http.unwrap().code(),
            );
            assert_eq!(coded, (status, issue, spine, http), "{failure}");
            assert_eq!(problem.issue.severity, Severity::Error);
        }
    }

    #[test]
    fn retry_after_stands_only_where_cp_is_has_not_heard() {
        for (failure, ..) in rows() {
            let problem = Problem::of_failure(&failure, true);
            let heard = failure.delivery == Delivery::MaybeDelivered;
            assert!(!(heard && problem.retry_after.is_some()), "{failure}");
            assert_eq!(problem.retry_after.is_some(), !heard && problem.status == 503, "{failure}");
            assert_eq!(problem.issue.diagnostics.contains("may already have been notified"), heard, "{failure}");
        }
    }

    #[test]
    fn no_failure_can_be_read_as_no_plan() {
        for (failure, ..) in rows() {
            let problem = Problem::of_failure(&failure, true);
            assert!(problem.status >= 400);
            let said = problem.issue.diagnostics;
            assert!(
                said.contains("This does not mean that there is no plan") || said.contains("CP-IS was not asked"),
                "{failure}"
            );
        }
    }

    #[test]
    fn the_numbers_of_an_authority_that_could_be_read_are_never_hidden() {
        let failure = maybe(FailureKind::Contradictory(Contradiction::TotalUnreadable)).with_contacts(vec![authority()]);
        let said = Problem::of_failure(&failure, true).issue.diagnostics;
        for wanted in ["Exampleshire County Council", "02079460001", "02079460002", "emergency duty team"] {
            assert!(said.contains(wanted), "{wanted}: {said}");
        }
    }

    #[test]
    fn nothing_of_an_answer_about_another_child_is_shown() {
        for kind in [FailureKind::OtherChild, FailureKind::OtherMessage] {
            let failure = maybe(kind).with_contacts(vec![authority()]);
            assert!(!Problem::of_failure(&failure, true).issue.diagnostics.contains("0207"));
        }
    }

    #[test]
    fn credentials_of_a_nominated_author_are_our_fault_not_the_callers() {
        let failure = maybe(FailureKind::Response(ResponseCode::AuthorCredentials));
        let problem = Problem::of_failure(&failure, false);
        assert_eq!((problem.status, problem.issue.issue_type.code()), (500, "exception"));
    }
}
