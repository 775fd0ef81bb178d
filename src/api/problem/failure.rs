//! A failed look as the caller sees it: status, codes, and a sentence that nobody can read as "no plan" (fhir.md 5, decisions.md 5,
//! 16, 18).

use super::{Problem, RETRY_AFTER, forbidden};
use crate::cpis::{Contradiction, Delivery, Fault, LocalAuthority, RegisterErrorKind, ResponseCode};
use crate::fhir::graph::Authority;
use crate::fhir::outcome::{HttpCode, IssueType, SpineCode};
use crate::fhir::wording;
use crate::lookup::LookError;

impl Problem {
    /// What a failed look is to the caller. `own_identity`: the author on the wire was the caller, not a nominated person.
    pub fn of_failure(error: &LookError, own_identity: bool) -> Self {
        let mut problem = of_look(error, own_identity);
        problem.name = error.outcome();
        problem.delivery = Some(error.delivery());
        let text = &mut problem.issue.diagnostics;
        if !says_so_itself(error) {
            text.push_str(" This does not mean that there is no plan.");
        }
        push_contacts(text, error.named());
        match error.delivery() {
            // Its own text says what was heard.
            Delivery::MaybeDelivered
                if matches!(error, LookError::Withheld | LookError::NoLongerHeld | LookError::BeforeRestart) => {}
            Delivery::MaybeDelivered => {
                text.push_str(
                    " The local authority may already have been notified of this look: do not repeat it automatically. For 5 minutes a \
                     repetition gets this failure again, and CP-IS is not asked. A person who decides to ask anew sends \
                     CPIS-New-Look: true, and a new X-Request-ID where one was sent.",
                );
            }
            Delivery::NotDelivered if problem.status == 503 => problem.retry_after = Some(RETRY_AFTER),
            Delivery::NotDelivered => {}
        }
        problem
    }
}

/// Its own text already says that CP-IS was not asked, or that this does not mean that there is no plan.
fn says_so_itself(error: &LookError) -> bool {
    use RegisterErrorKind::{AuthorIncomplete, Internal};
    matches!(error, LookError::Broken { .. })
        || error.register().is_some_and(|error| matches!(error.kind, AuthorIncomplete { .. } | Internal))
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

fn of_look(error: &LookError, own_identity: bool) -> Problem {
    match error {
        LookError::Register(error) => of_register(&error.kind, own_identity),
        LookError::Trail(_) => {
            busy("The audit trail cannot be written, and without it nothing is asked or shown. CP-IS was not asked: try again in a \
                  few seconds.")
        }
        // Not whether there was a record: that would show what may not be shown yet.
        LookError::Withheld => own_fault(
            SpineCode::UnknownError,
            "CP-IS was asked, but the audit trail cannot be written, so what it answered is withheld. Where there is a record, the \
             local authority has been notified of this look. Repeat with the same X-Request-ID only: then CP-IS is not asked again, \
             and the answer is shown once it is on the trail."
                .to_owned(),
        ),
        LookError::Overloaded => {
            busy("Too many looks are on their way to CP-IS. CP-IS was not asked: try again in a few seconds.")
        }
        LookError::CircuitOpen => unavailable(
            "CP-IS could not be checked: the SMSP has failed again and again, and is left alone for some seconds. CP-IS was not asked.",
        ),
        LookError::NoLongerHeld => own_fault(
            SpineCode::UnknownError,
            "CP-IS answered this request before, and the answer is no longer held here. Where there is a record, the local authority \
             has been notified of that look. Another X-Request-ID makes a new look."
                .to_owned(),
        ),
        LookError::BeforeRestart => own_fault(
            SpineCode::UnknownError,
            "CP-IS answered this request before a restart of this service, and the answer is no longer held here. Where there is a \
             record, the local authority has been notified of that look. To ask again, send CPIS-New-Look: true with another \
             X-Request-ID."
                .to_owned(),
        ),
        LookError::TableUnavailable => {
            busy("Whether this look is still held is not known: the table that replicas share cannot be reached. CP-IS was not asked: \
                  try again in a few seconds.")
        }
        LookError::Broken { .. } => Problem::internal(),
    }
}

fn of_register(kind: &RegisterErrorKind, own_identity: bool) -> Problem {
    use RegisterErrorKind as Kind;
    match kind {
        Kind::AuthorIncomplete { missing } => forbidden(
            "author-incomplete",
            format!("CP-IS was not asked: the query's author needs what the caller's identity lacks: {}.", missing.join(", ")),
        ),
        Kind::NotConnected { .. } => unavailable("CP-IS could not be checked: no connection to the SMSP."),
        Kind::Tls { .. } => unavailable("CP-IS could not be checked: no secure connection to the SMSP."),
        Kind::RefusedByStatus { .. } => unavailable("CP-IS could not be checked: the SMSP refused the request unread."),
        Kind::ConnectionLost => timeout("CP-IS could not be checked: the connection to the SMSP broke."),
        Kind::Timeout => timeout("CP-IS could not be checked: the SMSP gave no answer in time."),
        Kind::TooLarge => bad_answer(IssueType::Structure, "CP-IS could not be checked: the answer is over the size limit."),
        Kind::NotAnAnswer { what } => {
            bad_answer(IssueType::Exception, &format!("CP-IS could not be checked: the SMSP sent {what}."))
        }
        Kind::Unreadable { why } => {
            bad_answer(IssueType::Structure, &format!("CP-IS could not be checked: the answer cannot be read ({why})."))
        }
        Kind::UnknownCode { code } => bad_answer(
            IssueType::Structure,
            &format!("CP-IS could not be checked: the response code is unknown ({}).", code.as_deref().unwrap_or("none given")),
        ),
        Kind::OtherChild => bad_answer(
            IssueType::Structure,
            "The answer is not about the child that was asked for, and nothing of it is shown. CP-IS could not be checked.",
        ),
        Kind::OtherMessage => bad_answer(
            IssueType::Structure,
            "The answer belongs to another message, or does not say to which, and nothing of it is shown. CP-IS could not be checked.",
        ),
        Kind::Contradictory(contradiction) => bad_answer(IssueType::Incomplete, contradicts(*contradiction)),
        Kind::Response(code) => of_response(*code, own_identity),
        Kind::Soap { fault, code } => of_fault(*fault, code.as_deref()),
        Kind::BusinessError { code } | Kind::QueryFailed { code } => {
            bad_answer(IssueType::Exception, &spine_error(code.as_deref()))
        }
        Kind::Internal => Problem::internal(),
    }
}

fn of_response(code: ResponseCode, own_identity: bool) -> Problem {
    let text = |what: &str| format!("CP-IS could not be checked: {what} ({}).", code.code());
    match code {
        ResponseCode::InputInvalid => own_fault(SpineCode::UnknownError, text("the SMSP found our query invalid")),
        ResponseCode::ResponseInvalid => {
            bad_answer(IssueType::Exception, &text("the SMSP could not use what CP-IS answered, so a record may exist"))
        }
        ResponseCode::LocalStoreOnly => {
            unavailable(&text("Spine is unavailable and the SMSP answered from a local store without records"))
        }
        ResponseCode::SpineUnreachable => unavailable(&text("Spine is unavailable, the SMSP could not reach it")),
        ResponseCode::AuthorCredentials if own_identity => {
            forbidden("author-credentials", text("the SMSP does not accept the author's credentials"))
        }
        ResponseCode::AuthorCredentials => {
            own_fault(SpineCode::UnknownError, text("the SMSP does not accept the nominated author"))
        }
        ResponseCode::ProviderFailure => bad_answer(IssueType::Exception, &text("the SMSP failed")),
        ResponseCode::CpisFailure => bad_answer(IssueType::Exception, &text("CP-IS failed")),
    }
}

fn of_fault(fault: Fault, code: Option<&str>) -> Problem {
    let text = |what: &str| match code {
        Some(code) => format!("CP-IS could not be checked: {what} (SOAP fault, {code})."),
        None => format!("CP-IS could not be checked: {what} (SOAP fault)."),
    };
    match fault {
        Fault::Retryable => unavailable(&text("the SMSP is busy or down for a time")),
        Fault::NotRetryable => bad_answer(IssueType::Exception, &text("the SMSP could not process the query")),
        Fault::InvalidMessage => own_fault(SpineCode::UnknownError, text("the SMSP found our message invalid")),
        Fault::AccessDenied => {
            own_fault(SpineCode::AccessDenied, text("the SMSP refuses this service's certificate or ASID; tell the operator"))
        }
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

/// What the names of these are is the failure's own to say.
const NAMED_LATER: &str = "look";

fn busy(text: &str) -> Problem {
    Problem::new(NAMED_LATER, 503, IssueType::Transient, SpineCode::ServiceUnavailable, HttpCode::Unavailable, text)
}

fn unavailable(text: &str) -> Problem {
    Problem::new(NAMED_LATER, 503, IssueType::Transient, SpineCode::ServiceUnavailable, HttpCode::RecUnavailable, text)
}

fn timeout(text: &str) -> Problem {
    Problem::new(NAMED_LATER, 504, IssueType::Timeout, SpineCode::UnableToCallService, HttpCode::RecTimeout, text)
}

fn bad_answer(issue: IssueType, text: &str) -> Problem {
    Problem::new(NAMED_LATER, 502, issue, SpineCode::UnknownError, HttpCode::RecServerError, text)
}

fn own_fault(spine: SpineCode, text: String) -> Problem {
    Problem::new(NAMED_LATER, 500, IssueType::Exception, spine, HttpCode::ServerError, text)
}
