//! What a look puts on the trail, and when its outcome is failed and when unknown.

use super::table::{Absence, Completion};
use super::{LookError, Origin};
use crate::audit::{Entry, Event, Message, Outcome, RequestFacts, ShownCounts, StoreErrorKind, Trail, TrailError, Who};
use crate::cpis::{Answer, AuthorAsSent, MessageIds, Question, RegisterErrorKind};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The trail as this room uses it. Tests with a paused clock replace it: the trail's own writer is a thread, which that clock does
/// not stop.
pub(super) trait Ledger: Send + Sync + 'static {
    /// As [`Trail::record`].
    fn record<'a>(&'a self, entry: &'a Entry) -> BoxFuture<'a, Result<(), TrailError>>;
    /// As [`Trail::record_again`].
    fn record_again<'a>(&'a self, entry: &'a Entry) -> BoxFuture<'a, Result<(), TrailError>>;
    /// As [`Trail::record_when_possible`].
    fn record_when_possible(&self, entry: &Entry);
    /// As [`Trail::has_backlog_room`].
    fn has_backlog_room(&self) -> bool;
}

impl Ledger for Trail {
    fn record<'a>(&'a self, entry: &'a Entry) -> BoxFuture<'a, Result<(), TrailError>> {
        Box::pin(Trail::record(self, entry))
    }

    fn record_again<'a>(&'a self, entry: &'a Entry) -> BoxFuture<'a, Result<(), TrailError>> {
        Box::pin(Trail::record_again(self, entry))
    }

    fn record_when_possible(&self, entry: &Entry) {
        Trail::record_when_possible(self, entry);
    }

    fn has_backlog_room(&self) -> bool {
        Trail::has_backlog_room(self)
    }
}

/// Whether the trail may hold an entry although writing it failed. It does not if the store itself says that it wrote nothing.
pub(super) fn may_be_stored(error: &TrailError) -> bool {
    match error {
        TrailError::Body(_) | TrailError::Overloaded => false,
        TrailError::Slow | TrailError::Closed => true,
        TrailError::Store(error) => {
            !matches!(error.kind, StoreErrorKind::Full | StoreErrorKind::Locked | StoreErrorKind::ReadOnly)
        }
    }
}

fn entry(event: Event, question: &Question, facts: &RequestFacts) -> Entry {
    Entry {
        who: Some(Who::from(&question.requester)),
        child: Some(question.nhs_number.clone()),
        request: facts.clone(),
        ..Entry::of(event)
    }
}

/// **asked**: this query is about to be sent. `detail`: why it may be one too many.
pub(super) fn asked(
    look: Uuid,
    question: &Question,
    facts: &RequestFacts,
    author: &AuthorAsSent,
    ids: &MessageIds,
    detail: Option<&str>,
) -> Entry {
    Entry {
        look: Some(look),
        message: Some(Message::from(ids)),
        author: Some(author.clone()),
        detail: detail.map(Into::into),
        ..entry(Event::Asked, question, facts)
    }
}

/// Who is shown an outcome when it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Showing {
    /// The request that asked: it waits for this entry.
    ToItsCaller,
    /// Nobody: its caller has gone.
    Missed(Absence),
    /// Nobody: the entry could not be written, and its caller got an error.
    Withheld,
    /// Nobody: another attempt follows, and the caller gets its outcome.
    NotYet,
}

impl Showing {
    fn detail(self) -> Option<&'static str> {
        match self {
            Self::ToItsCaller | Self::NotYet => None,
            Self::Missed(Absence::TimedOut) => {
                Some("it came after its caller was told that there was no answer in time: nothing was shown")
            }
            Self::Missed(Absence::HungUp) => Some("it came when its caller had gone: nothing was shown"),
            Self::Withheld => Some("the trail could not be written as it came: its caller was told that it is withheld"),
        }
    }
}

/// **answered**, **failed** or **unknown**: the outcome of the query that `asked` is about, and whether it was shown.
pub(super) fn ended(asked: &Entry, outcome: Result<&Answer, &LookError>, showing: Showing) -> Entry {
    let mut entry = Entry { outcome: Some(entry_outcome(outcome)), detail: showing.detail().map(Into::into), ..asked.clone() };
    hide_unless_shown(&mut entry, showing);
    let of_now = Entry::of(event(outcome));
    (entry.id, entry.at, entry.event) = (of_now.id, of_now.at, of_now.event);
    if let (Ok(answer), Some(message)) = (outcome, &mut entry.message) {
        message.response_id = Some(answer.response_id.clone()).filter(|id| !id.is_empty());
    }
    entry
}

fn hide_unless_shown(entry: &mut Entry, showing: Showing) {
    if let (Some(outcome), true) = (&mut entry.outcome, showing != Showing::ToItsCaller) {
        (outcome.shown, outcome.authorities) = (None, None);
    }
}

/// Marks the entry of an outcome as withheld: it could not be written when the outcome came.
pub(super) fn withheld(ended: &mut Entry) {
    hide_unless_shown(ended, Showing::Withheld);
    ended.detail.get_or_insert_with(|| Showing::Withheld.detail().unwrap_or_default().to_owned());
}

/// The query that `ended` is about.
pub(super) fn origin(ended: &Entry) -> Option<Arc<Origin>> {
    Some(Arc::new(Origin { look: ended.look?, message: ended.message.clone() }))
}

/// **shared**: an outcome is shown that another request asked for, or that came before. `age`: since it came; `None` for a request
/// that waited for it.
pub(super) fn shared(
    look: Uuid,
    question: &Question,
    facts: &RequestFacts,
    completion: &Completion,
    age: Option<Duration>,
) -> Entry {
    let age_ms = age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    let outcome = completion.outcome.as_deref().map_err(AsRef::as_ref);
    // Sharing notifies nobody.
    let outcome = Outcome { age_ms, notification_expected: Some(false), ..entry_outcome(outcome) };
    let origin = completion.origin.as_deref();
    Entry {
        look: Some(origin.map_or(look, |origin| origin.look)),
        message: origin.and_then(|origin| origin.message.clone()),
        outcome: Some(outcome),
        ..entry(Event::Shared, question, facts)
    }
}

/// **refused**: the query could not be written in this requester's name.
pub(super) fn refused(look: Uuid, question: &Question, facts: &RequestFacts, failure: &LookError) -> Entry {
    Entry { look: Some(look), outcome: Some(entry_outcome(Err(failure))), ..entry(Event::Refused, question, facts) }
}

/// **not-held**: a read or page without a held look.
pub(super) fn not_held(question: &Question, facts: &RequestFacts) -> Entry {
    entry(Event::NotHeld, question, facts)
}

/// The rule. *Answered*: CP-IS answered. *Failed*: it is known what was delivered: nothing, or a query to which the SMSP replied,
/// understood, that it failed. *Unknown*: everything else. The query may have been delivered, and no reply to it was understood:
/// none came, it broke off, it cannot be read, it contradicts itself, or it belongs to another query.
fn event(outcome: Result<&Answer, &LookError>) -> Event {
    let Err(failure) = outcome else { return Event::Answered };
    let is_understood = failure.register().is_some_and(|error| matches!(error.kind, RegisterErrorKind::Rejected { .. }));
    if failure.is_undelivered() || is_understood { Event::Failed } else { Event::Unknown }
}

fn entry_outcome(outcome: Result<&Answer, &LookError>) -> Outcome {
    match outcome {
        Ok(answer) => Outcome {
            name: answer.outcome().into(),
            // It was delivered.
            delivery: None,
            shown: Some(ShownCounts::from(answer)),
            response_code: answer.response_code.clone(),
            notification_expected: answer.notification_expected(),
            authorities: None,
            age_ms: None,
        },
        Err(failure) => Outcome {
            name: failure.outcome().into(),
            response_code: failure.response_code().map(Into::into),
            delivery: Some(failure.delivery()),
            notification_expected: failure.notification_expected(),
            shown: None,
            authorities: Some(failure.named().len())
                .filter(|named| *named > 0)
                .map(|named| u32::try_from(named).unwrap_or(u32::MAX)),
            age_ms: None,
        },
    }
}
