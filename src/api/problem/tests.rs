use super::*;
use crate::audit::TrailUnavailable;
use crate::cpis::{
    Contradiction, Fault, LocalAuthority, NumberUse, Organisation, OrganisationKind, Phase, RegisterError, RegisterErrorKind,
    ResponseCode, TelephoneNumber,
};
use std::time::Duration;

#[test]
fn an_address_with_nothing_names_the_types_that_can_be_searched() {
    assert_eq!(
        Problem::from(NoRoute::NotFound).issue.diagnostics,
        "There is nothing at this address. The resource types that can be searched are Flag, EpisodeOfCare, CareTeam, CarePlan and \
         AuditEvent."
    );
}

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

fn maybe(kind: RegisterErrorKind) -> LookError {
    RegisterError::understanding(kind).into()
}

fn named(kind: RegisterErrorKind) -> LookError {
    RegisterError::understanding(kind).with_contacts(vec![authority()]).into()
}

fn not(kind: RegisterErrorKind) -> LookError {
    RegisterError::new(kind, Phase::Connect, Delivery::NotDelivered).into()
}

/// The rows of fhir.md 5 and decisions.md 18: failure, status, issue code, Spine code, http-error-code.
fn rows() -> Vec<(LookError, u16, &'static str, &'static str, &'static str)> {
    use RegisterErrorKind::*;
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
        (LookError::Trail(TrailUnavailable), 503, "transient", "SERVICE_UNAVAILABLE", "UNAVAILABLE"),
        (LookError::Overloaded, 503, "transient", "SERVICE_UNAVAILABLE", "UNAVAILABLE"),
        (LookError::CircuitOpen, 503, "transient", "SERVICE_UNAVAILABLE", "REC_UNAVAILABLE"),
        (LookError::Withheld, 500, "exception", "UNKNOWN_ERROR", "SERVER_ERROR"),
        (LookError::NoLongerHeld, 500, "exception", "UNKNOWN_ERROR", "SERVER_ERROR"),
        (LookError::BeforeRestart, 500, "exception", "UNKNOWN_ERROR", "SERVER_ERROR"),
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
        let heard = failure.delivery() == Delivery::MaybeDelivered;
        assert!(!(heard && problem.retry_after.is_some()), "{failure}");
        assert_eq!(problem.retry_after.is_some(), !heard && problem.status == 503, "{failure}");
        let says_so = ["may already have been notified", "has been notified"];
        assert_eq!(says_so.iter().any(|words| problem.issue.diagnostics.contains(words)), heard, "{failure}");
    }
}

#[test]
fn what_is_withheld_does_not_show_whether_there_is_a_record_and_names_the_way_to_get_it() {
    let problem = Problem::of_failure(&LookError::Withheld, true);
    let said = &problem.issue.diagnostics;
    assert!(said.contains("Where there is a record, the local authority has been notified"), "{said}");
    assert!(said.contains("Repeat with the same X-Request-ID only"), "{said}");
    assert_eq!(problem.retry_after, None);
}

#[test]
fn every_failure_has_a_name_of_its_own_for_logs() {
    let mut names: Vec<&str> = rows().iter().map(|(failure, ..)| Problem::of_failure(failure, true).name).collect();
    assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')), "{names:?}");
    names.sort_unstable();
    names.dedup();
    // Two rows differ only in which contradiction it is.
    assert_eq!(names.len(), rows().len() - 1);
}

#[test]
fn every_reason_to_refuse_is_counted_from_nothing() {
    let of_failures = rows().into_iter().map(|(failure, ..)| Problem::of_failure(&failure, true));
    let of_access = Refusal::EACH.iter().map(|refusal| Problem::of_refusal(refusal.clone(), true));
    let others = [Problem::throttled(Duration::from_secs(1)), Problem::trail_refused()];
    for problem in of_failures.chain(of_access).chain(others) {
        let is_counted = matches!(problem.status, 401 | 403 | 429);
        assert_eq!(names_of_refusals().any(|name| name == problem.name), is_counted, "{}", problem.name);
    }
}

#[test]
fn no_failure_can_be_read_as_no_plan() {
    for (failure, ..) in rows() {
        let problem = Problem::of_failure(&failure, true);
        assert!(problem.status >= 400);
        let said = problem.issue.diagnostics;
        assert!(said.contains("This does not mean that there is no plan") || said.contains("CP-IS was not asked"), "{failure}");
    }
}

#[test]
fn the_numbers_of_an_authority_that_could_be_read_are_never_hidden() {
    let failure = named(RegisterErrorKind::Contradictory(Contradiction::TotalUnreadable));
    let said = Problem::of_failure(&failure, true).issue.diagnostics;
    for wanted in ["Exampleshire County Council", "02079460001", "02079460002", "emergency duty team"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}

#[test]
fn nothing_of_an_answer_about_another_child_is_shown() {
    for kind in [RegisterErrorKind::OtherChild, RegisterErrorKind::OtherMessage] {
        let failure = named(kind);
        assert!(!Problem::of_failure(&failure, true).issue.diagnostics.contains("0207"));
    }
}

#[test]
fn credentials_of_a_nominated_author_are_our_fault_not_the_callers() {
    let failure = maybe(RegisterErrorKind::Response(ResponseCode::AuthorCredentials));
    let problem = Problem::of_failure(&failure, false);
    assert_eq!((problem.status, problem.issue.issue_type.code()), (500, "exception"));
}
