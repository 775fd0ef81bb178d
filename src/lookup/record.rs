//! What a look puts on the trail, and when a look has failed or its outcome is unknown.

use super::table::Flight;
use crate::audit::{Entry, Event, Message, RequestFacts, Shown, StoreErrorKind, Trail, TrailError, Upshot, Who};
use crate::cpis::{Answer, AuthorAsSent, Delivery, Failure, FailureKind, MessageIds, Question};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// The trail as this room uses it. A seam for tests that hold the clock still: the trail's writer is a thread of its own.
pub(super) trait Ledger: Send + Sync + 'static {
    /// As [`Trail::record`].
    fn record<'a>(&'a self, entry: &'a Entry) -> Recording<'a>;
    /// As [`Trail::record_again`].
    fn record_again<'a>(&'a self, entry: &'a Entry) -> Recording<'a>;
    /// As [`Trail::record_when_possible`].
    fn record_when_possible(&self, entry: &Entry);
    /// As [`Trail::can_owe_more`].
    fn can_owe_more(&self) -> bool;
}

pub(super) type Recording<'a> = Pin<Box<dyn Future<Output = Result<(), TrailError>> + Send + 'a>>;

impl Ledger for Trail {
    fn record<'a>(&'a self, entry: &'a Entry) -> Recording<'a> {
        Box::pin(Trail::record(self, entry))
    }

    fn record_again<'a>(&'a self, entry: &'a Entry) -> Recording<'a> {
        Box::pin(Trail::record_again(self, entry))
    }

    fn record_when_possible(&self, entry: &Entry) {
        Trail::record_when_possible(self, entry);
    }

    fn can_owe_more(&self) -> bool {
        Trail::can_owe_more(self)
    }
}

/// Whether an entry may stand on the trail although writing it failed. Where the store itself says that it wrote nothing, it
/// does not.
pub(super) fn may_stand(error: &TrailError) -> bool {
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

/// **asked**: this query is about to go out.
pub(super) fn asked(
    flight: &Flight,
    question: &Question,
    facts: &RequestFacts,
    author: &AuthorAsSent,
    ids: &MessageIds,
) -> Entry {
    Entry {
        look: Some(flight.look),
        message: Some(Message::from(ids)),
        author: Some(author.clone()),
        ..entry(Event::Asked, question, facts)
    }
}

/// **answered**, **failed** or **unknown**: what came of the query that `asked` is about.
pub(super) fn ended(asked: &Entry, outcome: Result<&Answer, &Failure>) -> Entry {
    let mut entry = Entry { upshot: Some(upshot(outcome)), ..asked.clone() };
    let of_now = Entry::of(event(outcome));
    (entry.id, entry.at, entry.event) = (of_now.id, of_now.at, of_now.event);
    if let (Ok(answer), Some(message)) = (outcome, &mut entry.message) {
        message.response_id = Some(answer.response_id.clone()).filter(|id| !id.is_empty());
    }
    entry
}

/// **shared**: an answer that was held already is shown. `age`: since it came; none to a request that waited for it.
pub(super) fn shared(
    flight: &Flight,
    question: &Question,
    facts: &RequestFacts,
    answer: &Answer,
    age: Option<Duration>,
) -> Entry {
    let age_ms = age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    // Sharing notifies nobody.
    let upshot = Upshot { age_ms, notification_expected: Some(false), ..upshot(Ok(answer)) };
    Entry { look: Some(flight.look), upshot: Some(upshot), ..entry(Event::Shared, question, facts) }
}

/// **refused**: the query could not be written in this requester's name.
pub(super) fn refused(flight: &Flight, question: &Question, facts: &RequestFacts, failure: &Failure) -> Entry {
    Entry { look: Some(flight.look), upshot: Some(upshot(Err(failure))), ..entry(Event::Refused, question, facts) }
}

/// **not-held**: a read or page outside any held look.
pub(super) fn not_held(question: &Question, facts: &RequestFacts) -> Entry {
    entry(Event::NotHeld, question, facts)
}

/// The rule. *Answered*: CP-IS answered. *Failed*: what CP-IS has heard is known: nothing at all, or a query to which the SMSP
/// replied, understood, that it failed. *Unknown*: everything else. The query may have been heard, and no reply to it was
/// understood: none came, it broke off, it cannot be read, it contradicts itself, or it is another's.
fn event(outcome: Result<&Answer, &Failure>) -> Event {
    use FailureKind as Kind;
    let Err(failure) = outcome else { return Event::Answered };
    let is_understood =
        matches!(failure.kind, Kind::Response(_) | Kind::Soap { .. } | Kind::BusinessError { .. } | Kind::QueryFailed { .. });
    if failure.delivery == Delivery::NotDelivered || is_understood { Event::Failed } else { Event::Unknown }
}

fn upshot(outcome: Result<&Answer, &Failure>) -> Upshot {
    match outcome {
        Ok(answer) => Upshot {
            outcome: if answer.records().is_empty() { "no-record" } else { "found" }.into(),
            // No question any more.
            delivery: None,
            shown: Some(Shown::from(answer)),
            response_code: None,
            notification_expected: notification_expected(outcome),
            age_ms: None,
        },
        Err(failure) => Upshot {
            outcome: failure.kind.name().into(),
            response_code: failure.kind.response_code().map(Into::into),
            delivery: Some(failure.delivery),
            notification_expected: notification_expected(outcome),
            shown: None,
            age_ms: None,
        },
    }
}

/// A record has an authority, which is told of the look (wire.md 1.4). Nothing was told where nothing was delivered. Of an answer
/// from a local store, and of a failure that may have been heard, nobody knows.
pub(super) fn notification_expected(outcome: Result<&Answer, &Failure>) -> Option<bool> {
    match outcome {
        Ok(answer) if answer.stale => None,
        Ok(answer) => Some(!answer.records().is_empty()),
        Err(failure) => (failure.delivery == Delivery::NotDelivered).then_some(false),
    }
}
