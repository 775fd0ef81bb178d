//! A failed look as the caller sees it: status, codes, and a sentence that nobody can read as "no plan" (fhir.md 5, decisions.md
//! 5, 16, 18).

use super::{Problem, RETRY_AFTER, forbidden};
use crate::cpis::{Contradiction, Delivery, LocalAuthority, RegisterErrorKind, Rejection};
use crate::fhir::graph::Authority;
use crate::fhir::outcome::{HttpCode, IssueType, SpineCode};
use crate::fhir::wording;
use crate::lookup::LookError;
use crate::upstream::{self, NAME};

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
            // Its own text says what was delivered.
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
        LookError::CircuitOpen => unavailable(&format!(
            "CP-IS could not be checked: {NAME} has failed again and again, and is left alone for some seconds. CP-IS was not asked.",
        )),
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
        Kind::AuthorIncomplete { missing } => {
            let missing: Vec<&str> = missing.iter().map(|part| part.name()).collect();
            let missing = missing.join(", ");
            forbidden(
                "author-incomplete",
                format!("CP-IS was not asked: the query's author needs what the caller's identity lacks: {missing}."),
            )
        }
        Kind::Unreachable(_) => unavailable(&unchecked(&format!("no connection to {NAME}"))),
        Kind::Insecure(_) => unavailable(&unchecked(&format!("no secure connection to {NAME}"))),
        Kind::RefusedByStatus { .. } => unavailable(&unchecked(&format!("{NAME} refused the request unread"))),
        Kind::ConnectionLost => timeout(&unchecked(&format!("the connection to {NAME} broke"))),
        Kind::Timeout => timeout(&unchecked(&format!("{NAME} gave no answer in time"))),
        Kind::TooLarge => bad_answer(IssueType::Structure, &unchecked("the answer is over the size limit")),
        Kind::NotAnAnswer(what) => {
            let what = upstream::non_answer(*what);
            bad_answer(IssueType::Exception, &unchecked(&format!("{NAME} sent {what}")))
        }
        Kind::Unreadable(why) => {
            let why = upstream::malformed(*why);
            bad_answer(IssueType::Structure, &unchecked(&format!("the answer cannot be read ({why})")))
        }
        Kind::UnknownCode { code } => {
            let code = code.as_deref().unwrap_or("none given");
            bad_answer(IssueType::Structure, &unchecked(&format!("the response code is unknown ({code})")))
        }
        Kind::OtherChild => bad_answer(
            IssueType::Structure,
            "The answer is not about the child that was asked for, and nothing of it is shown. CP-IS could not be checked.",
        ),
        Kind::OtherMessage => bad_answer(
            IssueType::Structure,
            "The answer belongs to another message, or does not say to which, and nothing of it is shown. CP-IS could not be checked.",
        ),
        Kind::Contradictory(contradiction) => bad_answer(IssueType::Incomplete, contradicts(*contradiction)),
        Kind::Rejected { reason, code } => of_rejection(*reason, code.as_deref(), own_identity),
        Kind::Internal => Problem::internal(),
    }
}

fn unchecked(why: &str) -> String {
    format!("CP-IS could not be checked: {why}.")
}

fn of_rejection(reason: Rejection, code: Option<&str>, own_identity: bool) -> Problem {
    let mark = upstream::mark(reason, code);
    let text = |what: &str| unchecked(&mark.as_ref().map_or_else(|| what.to_owned(), |mark| format!("{what} ({mark})")));
    match reason {
        Rejection::QueryInvalid => own_fault(SpineCode::UnknownError, text(&format!("{NAME} found our query invalid"))),
        Rejection::AnswerUnusable => {
            bad_answer(IssueType::Exception, &text(&format!("{NAME} could not use what CP-IS answered, so a record may exist")))
        }
        Rejection::LocalStoreOnly => {
            unavailable(&text(&format!("Spine is unavailable and {NAME} answered from a local store without records")))
        }
        Rejection::SpineUnreachable => unavailable(&text(&format!("Spine is unavailable, {NAME} could not reach it"))),
        Rejection::AuthorRefused if own_identity => {
            forbidden("author-credentials", text(&format!("{NAME} does not accept the author's credentials")))
        }
        Rejection::AuthorRefused => {
            own_fault(SpineCode::UnknownError, text(&format!("{NAME} does not accept the nominated author")))
        }
        Rejection::ProviderFailed => bad_answer(IssueType::Exception, &text(&format!("{NAME} failed"))),
        Rejection::CpisFailed => bad_answer(IssueType::Exception, &text("CP-IS failed")),
        Rejection::Busy => unavailable(&text(&format!("{NAME} is busy or down for a time"))),
        Rejection::NotProcessed => bad_answer(IssueType::Exception, &text(&format!("{NAME} could not process the query"))),
        Rejection::MessageInvalid => own_fault(SpineCode::UnknownError, text(&format!("{NAME} found our message invalid"))),
        Rejection::AccessDenied => own_fault(
            SpineCode::AccessDenied,
            text(&format!("{NAME} refuses this service's certificate or ASID; tell the operator")),
        ),
        Rejection::BusinessError | Rejection::QueryFailed => bad_answer(IssueType::Exception, &text("Spine reported an error")),
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

/// The failure itself has the names of these.
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
