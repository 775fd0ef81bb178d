//! The use case: a permitted question becomes one answer, asked once.
//!
//! The line, and who owns each step of it:
//! 1. permission: `access`, before this room is entered;
//! 2. the intent on record (**asked**): the place is in [`flight::fly`], before `Register::ask`; it comes with the trail;
//! 3. share or ask: [`Lookups::look`]. Requests in flight together about one look wait for one SMSP call, and a finished answer is
//!    shared for a while ([`shared`]). Every sharing will be an entry of the trail;
//! 4. the outcome on record (**answered**, **failed**, **unknown**): the place is in [`flight::fly`], before the waiters hear.

mod flight;
mod key;
mod shared;

pub use key::LookKey;

use crate::cpis::{Answer, Delivery, Failure, FailureKind, Phase, Question, Register};
use crate::telemetry;
use flight::{Flights, Found, Landing};
use shared::SharedLooks;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// How long to wait (settings.md).
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// `smsp.connect_timeout`: an attempt to connect is begun again only if this much is left.
    pub connect: Duration,
    /// `smsp.timeout`: how long the caller waits.
    pub caller: Duration,
    /// `smsp.late_timeout`: how long an answer is still awaited after that.
    pub late: Duration,
}

/// How long a finished answer is shared (settings.md).
#[derive(Debug, Clone, Copy)]
pub struct Sharing {
    /// `lookup.share_for`; zero: only requests in flight together are shared.
    pub share_for: Duration,
    /// `lookup.refresh_after`: a younger answer is shared even under `Cache-Control: no-cache`.
    pub refresh_after: Duration,
}

/// How new the caller wants the answer to be (decisions.md 12).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Freshness {
    #[default]
    Shared,
    /// `Cache-Control: no-cache`.
    NoCache,
    /// `CPIS-New-Look: true`: always a look of its own.
    NewLook,
}

/// The door of this room.
#[derive(Clone)]
pub struct Lookups {
    register: Arc<dyn Register>,
    flights: Flights,
    shared: SharedLooks,
    patience: Patience,
    sharing: Sharing,
    /// The runtime that owns every flight, so that no flight ends with the connection of a caller (decisions.md 32).
    runtime: Handle,
}

/// An answer, and how it was come by.
#[derive(Debug, Clone)]
pub struct Look {
    pub answer: Arc<Answer>,
    /// Another request had asked, and this one shares its answer.
    pub shared: bool,
    /// How old the answer is, where it had come before this request.
    pub age: Option<Duration>,
}

impl Lookups {
    pub fn new(register: Arc<dyn Register>, patience: Patience, sharing: Sharing, runtime: Handle) -> Self {
        let shared = SharedLooks::new(sharing.share_for);
        Self { register, flights: Flights::default(), shared, patience, sharing, runtime }
    }

    /// The requester's shared look about the child of `question`, if there still is one. Never asks (decisions.md 11).
    pub fn held(&self, question: &Question) -> Option<Look> {
        self.finished(&LookKey::of(question))
    }

    fn finished(&self, key: &LookKey) -> Option<Look> {
        let shared = self.shared.get(key)?;
        Some(Look { age: Some(shared.age()), answer: shared.answer, shared: true })
    }

    /// Answers `question`, asking CP-IS unless the same look is shared or already on its way.
    ///
    /// Dropping the future does not stop a query: its flight goes on, so that its outcome is not lost.
    ///
    /// # Errors
    /// The [`Failure`] of the flight; after `Patience::caller`, a timeout that may have been heard.
    pub async fn look(&self, question: Question, freshness: Freshness) -> Result<Look, Arc<Failure>> {
        let fresh = |key: &LookKey| self.finished(key).filter(|look| self.is_fresh(look, freshness));
        let found = self.flights.find_or_start(LookKey::of(&question), fresh, |entry| {
            let (register, patience, looks) = (Arc::clone(&self.register), self.patience, self.shared.clone());
            self.runtime.spawn(telemetry::request::carried(async move {
                let outcome = flight::fly(register.as_ref(), &question, patience).await.map(Arc::new);
                if let Ok(answer) = &outcome {
                    looks.keep(LookKey::of(&question), Arc::clone(answer));
                }
                entry.land(outcome);
            }));
        });
        let (landing, joined) = match found {
            Found::Finished(look) => return Ok(look),
            Found::Flight { landing, joined } => (landing, joined),
        };
        match tokio::time::timeout(self.patience.caller, wait(landing)).await {
            Ok(outcome) => outcome.map(|answer| Look { answer, shared: joined, age: None }),
            Err(_) => Err(Arc::new(Failure::new(FailureKind::Timeout, Phase::Exchange, Delivery::MaybeDelivered))),
        }
    }

    fn is_fresh(&self, look: &Look, freshness: Freshness) -> bool {
        match freshness {
            Freshness::Shared => true,
            Freshness::NoCache => look.age.is_none_or(|age| age <= self.sharing.refresh_after),
            Freshness::NewLook => false,
        }
    }

    /// How many looks are on their way.
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Waits until no look is on its way, `limit` at most. True when all have landed.
    pub async fn drain(&self, limit: Duration) -> bool {
        let all_landed = async {
            while self.in_flight() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(limit, all_landed).await.is_ok()
    }
}

async fn wait(mut landing: Landing) -> Result<Arc<Answer>, Arc<Failure>> {
    let landed = landing.wait_for(Option::is_some).await;
    match landed.as_deref() {
        Ok(Some(outcome)) => outcome.clone(),
        // The flight ended without landing; whether anything was sent is not known.
        _ => Err(Arc::new(Failure::new(FailureKind::Internal, Phase::Exchange, Delivery::MaybeDelivered))),
    }
}

#[cfg(test)]
mod tests;
