//! The use case: a permitted question becomes one answer, asked once.
//!
//! The line, and who owns each step of it:
//! 1. permission: `access`, before this room is entered;
//! 2. the intent on record (**asked**): the place is in [`flight::fly`], before `Register::ask`; it comes with the trail;
//! 3. share or ask: [`Lookups::look`]. Requests in flight together about one look wait for one SMSP call. The sharing window
//!    for finished answers comes with the trail too, since every sharing is an entry of it;
//! 4. the outcome on record (**answered**, **failed**, **unknown**): the place is in [`flight::fly`], before the waiters hear.

mod flight;
mod key;

pub use key::LookKey;

use crate::cpis::{Answer, Delivery, Failure, FailureKind, Phase, Question, Register};
use flight::{Flights, Landing};
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

/// The door of this room.
#[derive(Clone)]
pub struct Lookups {
    register: Arc<dyn Register>,
    flights: Flights,
    patience: Patience,
    /// The runtime that owns every flight, so that no flight ends with the connection of a caller (decisions.md 32).
    runtime: Handle,
}

/// An answer, and how it was come by.
#[derive(Debug, Clone)]
pub struct Look {
    pub answer: Arc<Answer>,
    /// Another request had already asked, and this one waited with it.
    pub shared: bool,
}

impl Lookups {
    pub fn new(register: Arc<dyn Register>, patience: Patience, runtime: Handle) -> Self {
        Self { register, flights: Flights::default(), patience, runtime }
    }

    /// Answers `question`, asking CP-IS unless the same look is already on its way.
    ///
    /// Dropping the future does not stop a query: its flight goes on, so that its outcome is not lost.
    ///
    /// # Errors
    /// The [`Failure`] of the flight; after `Patience::caller`, a timeout that may have been heard.
    pub async fn look(&self, question: Question) -> Result<Look, Arc<Failure>> {
        let key = LookKey::of(&question);
        let (landing, shared) = self.flights.join_or_start(key, |entry| {
            let (register, patience) = (Arc::clone(&self.register), self.patience);
            self.runtime.spawn(async move { entry.land(flight::fly(register.as_ref(), &question, patience).await) });
        });
        match tokio::time::timeout(self.patience.caller, wait(landing)).await {
            Ok(outcome) => outcome.map(|answer| Look { answer, shared }),
            Err(_) => Err(Arc::new(Failure::new(FailureKind::Timeout, Phase::Exchange, Delivery::MaybeDelivered))),
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
