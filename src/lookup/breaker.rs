//! The circuit breaker: an SMSP that cannot be reached, or does not answer, is left alone for a while (decisions.md 33).
//!
//! Closed: every look goes out. After so many signs of trouble in a row, over several children, open: none does, and callers
//! hear so at once. After `open_for`, half open: one real look goes out, and its outcome decides. Codes of the SMSP that say
//! that it or CP-IS failed (9999) never open it: it was reached, and the next child may well be answered.

use crate::cpis::{Answer, NhsNumber, RegisterError, RegisterErrorKind, ResponseCode};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// When it opens, and for how long (docs/settings.md, `smsp.breaker`).
#[derive(Debug, Clone, Copy)]
pub struct BreakerRules {
    /// Signs of trouble in a row; at least 1.
    pub failures: u32,
    pub open_for: Duration,
}

/// So many children must be concerned: one child asked about again and again may be the trouble itself.
const LEAST_CHILDREN: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    HalfOpen,
    Open,
}

/// What the outcome of a look says about the SMSP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// It was reached and answered.
    Good,
    /// Not connected, TLS, no answer in time, or Spine out of its reach.
    Bad,
    /// Neither: our own fault, or a reply that could mean either.
    None,
}

impl Sign {
    pub(super) fn of(outcome: &Result<Answer, RegisterError>) -> Self {
        match outcome.as_ref().map_err(|failure| &failure.kind) {
            Err(
                RegisterErrorKind::NotConnected { .. }
                | RegisterErrorKind::Tls { .. }
                | RegisterErrorKind::Timeout
                | RegisterErrorKind::Response(ResponseCode::SpineUnreachable),
            ) => Self::Bad,
            // Spine is out of its reach, but it said so with an answer: neither.
            Err(RegisterErrorKind::Response(ResponseCode::LocalStoreOnly)) => Self::None,
            Ok(_) | Err(RegisterErrorKind::Response(_)) => Self::Good,
            Err(_) => Self::None,
        }
    }
}

/// Shared by all looks. Holds no NHS number: children are told apart by a hash under a random key.
#[derive(Clone)]
pub(super) struct Breaker {
    state: Arc<Mutex<State>>,
    rules: BreakerRules,
    hash: RandomState,
}

struct State {
    position: Position,
    /// Counts the changes of position: what went out before one says nothing after it.
    epoch: u64,
}

enum Position {
    Closed {
        in_a_row: u32,
        children: Vec<u64>,
    },
    Open {
        until: Instant,
    },
    /// `probing`: the one look is on its way.
    HalfOpen {
        probing: bool,
    },
}

/// The SMSP is left alone now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftAlone;

/// Leave to go out once. Its outcome counts once; dropped without one, it says nothing.
pub(super) struct Pass {
    breaker: Breaker,
    child: u64,
    epoch: u64,
    reported: bool,
}

impl Breaker {
    pub(super) fn new(rules: BreakerRules) -> Self {
        let state = State { position: closed(), epoch: 0 };
        Self { state: Arc::new(Mutex::new(state)), rules, hash: RandomState::new() }
    }

    /// Whether a look that comes now would be let through; takes nothing.
    pub(super) fn lets_through(&self, now: Instant) -> bool {
        match self.lock().position {
            Position::Closed { .. } => true,
            Position::Open { until } => now >= until,
            Position::HalfOpen { probing } => !probing,
        }
    }

    /// Lets a look out, or says at once that the SMSP is left alone.
    pub(super) fn pass(&self, child: &NhsNumber, now: Instant) -> Result<Pass, LeftAlone> {
        let mut state = self.lock();
        match &mut state.position {
            Position::Closed { .. } => {}
            Position::Open { until } if now < *until => return Err(LeftAlone),
            Position::Open { .. } => state.moves_to(Position::HalfOpen { probing: true }),
            Position::HalfOpen { probing: true } => return Err(LeftAlone),
            Position::HalfOpen { probing } => *probing = true,
        }
        Ok(Pass { breaker: self.clone(), child: self.hash.hash_one(child), epoch: state.epoch, reported: false })
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.lock().position {
            Position::Closed { .. } => BreakerState::Closed,
            Position::Open { .. } => BreakerState::Open,
            Position::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> Position {
    Position::Closed { in_a_row: 0, children: Vec::new() }
}

impl State {
    fn moves_to(&mut self, position: Position) {
        self.epoch += 1;
        self.position = position;
    }

    fn hears(&mut self, sign: Sign, child: u64, rules: BreakerRules, now: Instant) {
        match &mut self.position {
            Position::Open { .. } => {}
            Position::Closed { in_a_row, children } => match sign {
                Sign::None => {}
                Sign::Good => {
                    *in_a_row = 0;
                    children.clear();
                }
                Sign::Bad => {
                    *in_a_row = in_a_row.saturating_add(1);
                    if children.len() < LEAST_CHILDREN && !children.contains(&child) {
                        children.push(child);
                    }
                    if *in_a_row >= rules.failures && children.len() >= LEAST_CHILDREN {
                        tracing::error!("the SMSP is left alone: it has failed again and again");
                        self.moves_to(Position::Open { until: now + rules.open_for });
                    }
                }
            },
            Position::HalfOpen { probing } => match sign {
                // The next look is the probe.
                Sign::None => *probing = false,
                Sign::Good => {
                    tracing::info!("the SMSP answers again");
                    self.moves_to(closed());
                }
                Sign::Bad => self.moves_to(Position::Open { until: now + rules.open_for }),
            },
        }
    }
}

impl Pass {
    /// The first report counts; an answer that comes after its deadline was reported does not.
    pub(super) fn report(&mut self, sign: Sign, now: Instant) {
        if std::mem::replace(&mut self.reported, true) {
            return;
        }
        let mut state = self.breaker.lock();
        if state.epoch == self.epoch {
            state.hears(sign, self.child, self.breaker.rules, now);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.report(Sign::None, Instant::now());
    }
}

#[cfg(test)]
mod tests;
