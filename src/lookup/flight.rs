//! A flight: one look on its way to CP-IS and back, in a task of its own that no caller can cancel.

use super::{Look, LookKey, Patience};
use crate::cpis::{Answer, Delivery, Failure, FailureKind, MessageIds, Phase, Question, Register};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

pub(super) type Outcome = Result<Arc<Answer>, Arc<Failure>>;
pub(super) type Landing = watch::Receiver<Option<Outcome>>;

/// The flights on their way, by look.
#[derive(Clone, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<LookKey, Landing>>>);

impl Flights {
    /// The look of `key`: finished, on its way, or else registered first and started then, so that no second one can start
    /// beside it.
    ///
    /// `finished` is asked under the same lock that a landing flight needs to leave the table, and an answer is kept before its
    /// flight leaves: no look can fall between the two and be asked twice.
    pub(super) fn find_or_start(
        &self,
        key: LookKey,
        finished: impl FnOnce(&LookKey) -> Option<Look>,
        start: impl FnOnce(Entry),
    ) -> Found {
        let mut flights = self.lock();
        if let Some(look) = finished(&key) {
            return Found::Finished(look);
        }
        if let Some(landing) = flights.get(&key) {
            return Found::Flight { landing: landing.clone(), joined: true };
        }
        let (sender, landing) = watch::channel(None);
        flights.insert(key.clone(), landing.clone());
        drop(flights);
        start(Entry { flights: self.clone(), key, sender });
        Found::Flight { landing, joined: false }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LookKey, Landing>> {
        // The map is consistent at every await-free step, so a panic elsewhere does not make it unusable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a look was found.
pub(super) enum Found {
    Finished(Look),
    /// `joined`: another request had started it.
    Flight {
        landing: Landing,
        joined: bool,
    },
}

/// A flight's place in the table. It is given up when the flight lands, and also if its task ends otherwise: then the
/// channel closes and the waiters hear that the outcome is unknown.
pub(super) struct Entry {
    flights: Flights,
    key: LookKey,
    sender: watch::Sender<Option<Outcome>>,
}

impl Entry {
    pub(super) fn land(self, outcome: Result<Arc<Answer>, Failure>) {
        self.sender.send_replace(Some(outcome.map_err(Arc::new)));
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}

/// Flies: asks once, and once more only where no connection was ever made (decisions.md 6).
pub(super) async fn fly(register: &dyn Register, question: &Question, patience: Patience) -> Result<Answer, Failure> {
    let began = Instant::now();
    // The trail's "asked" entry belongs here: durable before the first byte, with the ids of this attempt.
    let first = attempt(register, question, patience).await;
    let outcome = match first {
        Err(failure) if may_try_again(&failure, began, patience) => {
            tokio::time::sleep(jitter()).await;
            attempt(register, question, patience).await
        }
        other => other,
    };
    if let Err(failure) = &outcome {
        tracing::warn!(kind = %failure.kind, phase = ?failure.phase, delivery = ?failure.delivery, "look failed");
    }
    // The trail's "answered", "failed" or "unknown" entry belongs here, durable before any waiter hears.
    outcome
}

async fn attempt(register: &dyn Register, question: &Question, patience: Patience) -> Result<Answer, Failure> {
    let ids = MessageIds::fresh();
    let limit = patience.caller + patience.late;
    tokio::time::timeout(limit, register.ask(question, &ids))
        .await
        .unwrap_or_else(|_| Err(Failure::new(FailureKind::Timeout, Phase::Exchange, Delivery::MaybeDelivered)))
}

fn may_try_again(failure: &Failure, began: Instant, patience: Patience) -> bool {
    let never_connected = matches!(failure.kind, FailureKind::NotConnected { .. })
        && failure.phase == Phase::Connect
        && failure.delivery == Delivery::NotDelivered;
    never_connected && began.elapsed() + patience.connect + MOST_JITTER <= patience.caller
}

const MOST_JITTER: Duration = Duration::from_millis(250);

/// 50 to 250 ms, so that replicas do not come back all at once.
fn jitter() -> Duration {
    let random = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
    Duration::from_millis(50 + random * 200 / 255)
}
