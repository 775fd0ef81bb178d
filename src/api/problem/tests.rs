use super::*;
use crate::audit::TrailUnavailable;
use crate::cpis::{
    AuthorPart, ConnectCause, Contradiction, LocalAuthority, Malformed, NonAnswer, NumberUse, Organisation, OrganisationKind,
    Phase, RegisterError, RegisterErrorKind, Rejection, TelephoneNumber, TlsCause,
};
use crate::upstream;
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
    let rejected = |reason, code: Option<&str>| Rejected { reason, code: code.map(str::to_owned) };
    let response = |reason| maybe(rejected(reason, upstream::response_code(reason)));
    let fault = |reason| maybe(rejected(reason, Some("1000")));
    vec![
        (response(Rejection::QueryInvalid), 500, "exception", "UNKNOWN_ERROR", "SERVER_ERROR"),
        (response(Rejection::AnswerUnusable), 502, "exception", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
        (
            not(rejected(Rejection::LocalStoreOnly, upstream::response_code(Rejection::LocalStoreOnly))),
            503,
            "transient",
            "SERVICE_UNAVAILABLE",
            "REC_UNAVAILABLE",
        ),
        (
            not(rejected(Rejection::SpineUnreachable, upstream::response_code(Rejection::SpineUnreachable))),
            503,
            "transient",
            "SERVICE_UNAVAILABLE",
            "REC_UNAVAILABLE",
        ),
        (response(Rejection::AuthorRefused), 403, "forbidden", "ACCESS_DENIED", "FORBIDDEN"),
        (response(Rejection::ProviderFailed), 502, "exception", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
        (response(Rejection::CpisFailed), 502, "exception", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
        (maybe(UnknownCode { code: None }), 502, "structure", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
        (maybe(Unreadable(Malformed::Syntax)), 502, "structure", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
        (maybe(TooLarge), 502, "structure", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
        (maybe(OtherChild), 502, "structure", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
        (maybe(OtherMessage), 502, "structure", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
        (maybe(NotAnAnswer(NonAnswer::Html)), 502, "exception", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
        (maybe(Contradictory(Contradiction::NoMatchWithContent)), 502, "incomplete", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
        (maybe(Contradictory(Contradiction::NothingReadable)), 502, "incomplete", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
        (maybe(rejected(Rejection::BusinessError, None)), 502, "exception", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
        (maybe(rejected(Rejection::QueryFailed, None)), 502, "exception", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
        (fault(Rejection::Busy), 503, "transient", "SERVICE_UNAVAILABLE", "REC_UNAVAILABLE"),
        (fault(Rejection::NotProcessed), 502, "exception", "UNKNOWN_ERROR", "REC_SERVER_ERROR"),
        (fault(Rejection::MessageInvalid), 500, "exception", "UNKNOWN_ERROR", "SERVER_ERROR"),
        (fault(Rejection::AccessDenied), 500, "exception", "ACCESS_DENIED", "SERVER_ERROR"),
        (not(Unreachable(ConnectCause::Refused)), 503, "transient", "SERVICE_UNAVAILABLE", "REC_UNAVAILABLE"),
        (not(Insecure(TlsCause::Alert(48))), 503, "transient", "SERVICE_UNAVAILABLE", "REC_UNAVAILABLE"),
        (not(RefusedByStatus { status: 404 }), 503, "transient", "SERVICE_UNAVAILABLE", "REC_UNAVAILABLE"),
        (maybe(ConnectionLost), 504, "timeout", "UNABLE_TO_CALL_SERVICE", "REC_TIMEOUT"),
        (maybe(Timeout), 504, "timeout", "UNABLE_TO_CALL_SERVICE", "REC_TIMEOUT"),
        (not(AuthorIncomplete { missing: vec![AuthorPart::Asid] }), 403, "forbidden", "ACCESS_DENIED", "FORBIDDEN"),
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
    let failure = maybe(RegisterErrorKind::Rejected { reason: Rejection::AuthorRefused, code: None });
    let problem = Problem::of_failure(&failure, false);
    assert_eq!((problem.status, problem.issue.issue_type.code()), (500, "exception"));
}

#[test]
fn the_texts_of_failures_are_those_that_callers_know() {
    let text = |kind| Problem::of_failure(&not(kind), true).issue.diagnostics;
    let rejected = |reason, code: Option<&str>| text(RegisterErrorKind::Rejected { reason, code: code.map(str::to_owned) });
    let told = [
        text(RegisterErrorKind::Unreachable(ConnectCause::Refused)),
        text(RegisterErrorKind::NotAnAnswer(NonAnswer::EmptyEnvelope)),
        text(RegisterErrorKind::Unreadable(Malformed::NotAnEnvelope)),
        rejected(Rejection::SpineUnreachable, Some("SMSP-0004")),
        rejected(Rejection::Busy, Some("2100")),
        rejected(Rejection::NotProcessed, None),
        rejected(Rejection::QueryFailed, Some("GE002")),
        rejected(Rejection::BusinessError, None),
        Problem::of_failure(&LookError::CircuitOpen, true).issue.diagnostics,
    ];
    let expected = [
        "no connection to the SMSP.",
        "the SMSP sent SOAP without an answer of CP-IS.",
        "the answer cannot be read (not SOAP).",
        "Spine is unavailable, the SMSP could not reach it (SMSP-0004).",
        "the SMSP is busy or down for a time (SOAP fault, 2100).",
        "the SMSP could not process the query (SOAP fault).",
        "Spine reported an error (GE002).",
        "Spine reported an error.",
        "the SMSP has failed again and again, and is left alone for some seconds. CP-IS was not asked.",
    ];
    let expected = expected.map(|why| format!("CP-IS could not be checked: {why} This does not mean that there is no plan."));
    assert_eq!(told, expected);
}
