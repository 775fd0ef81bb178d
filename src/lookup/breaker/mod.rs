//! The circuit breaker: sends no query for a while to an SMSP that cannot be reached or does not answer (decisions.md 33).
//!
//! Closed: every query is sent. It opens after a number of failures in a row, about several children: then no query is sent, and
//! callers get an error at once. After `open_for` it is half open: one real query is sent, and its outcome decides. Codes by which
//! the SMSP says that it or CP-IS failed (9999) never open it: the SMSP was reached, and may well answer for the next child.

use crate::cpis::{Answer, NhsNumber, RegisterError, RegisterErrorKind, Rejection};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// When it opens, and for how long (docs/settings.md, `smsp.breaker`).
#[derive(Debug, Clone, Copy)]
pub struct BreakerRules {
    /// Failures in a row; at least 1.
    pub failures: u32,
    pub open_for: Duration,
}

/// Failures must concern this many children: one child who is asked about again and again may be the cause.
const LEAST_CHILDREN: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    HalfOpen,
    Open,
}

/// What the outcome of a query says about the SMSP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was reached and answered.
    Success,
    /// Not connected, TLS, no answer in time, or the SMSP could not reach Spine.
    Failure,
    /// Neither: our own fault, or a reply that could mean either.
    Ignored,
}

impl Verdict {
    pub(super) fn of(outcome: &Result<Answer, RegisterError>) -> Self {
        use RegisterErrorKind::{Insecure, Rejected, Timeout, Unreachable};
        match outcome.as_ref().map_err(|error| &error.kind) {
            Ok(_) => Self::Success,
            Err(Unreachable(_) | Insecure(_) | Timeout) => Self::Failure,
            Err(Rejected { reason, .. }) => Self::of_rejection(*reason),
            Err(_) => Self::Ignored,
        }
    }

    fn of_rejection(reason: Rejection) -> Self {
        match reason {
            Rejection::SpineUnreachable => Self::Failure,
            Rejection::QueryInvalid
            | Rejection::AnswerUnusable
            | Rejection::AuthorRefused
            | Rejection::ProviderFailed
            | Rejection::CpisFailed => Self::Success,
            // It could not reach Spine, but said so with an answer; or a fault, which may mean either.
            Rejection::LocalStoreOnly
            | Rejection::Busy
            | Rejection::NotProcessed
            | Rejection::MessageInvalid
            | Rejection::AccessDenied
            | Rejection::BusinessError
            | Rejection::QueryFailed => Self::Ignored,
        }
    }
}

/// Shared by all looks. Holds no NHS number: children are told apart by a hash under a random key.
#[derive(Clone)]
pub(super) struct Breaker {
    state: Arc<Mutex<Circuit>>,
    rules: BreakerRules,
    hash: RandomState,
}

struct Circuit {
    position: Position,
    /// Counts the changes of position: the outcome of a query sent before a change does not count after it.
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
    /// `probing`: the one query is in flight.
    HalfOpen {
        probing: bool,
    },
}

/// No query may be sent now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CircuitOpen;

/// The right to send one query. Its outcome counts once. If it is dropped without one, nothing counts.
pub(super) struct BreakerPermit {
    breaker: Breaker,
    child: u64,
    epoch: u64,
    reported: bool,
}

impl Breaker {
    pub(super) fn new(rules: BreakerRules) -> Self {
        let state = Circuit { position: closed(), epoch: 0 };
        Self { state: Arc::new(Mutex::new(state)), rules, hash: RandomState::new() }
    }

    /// Whether `acquire` would give a permit now.
    pub(super) fn would_permit(&self, now: Instant) -> bool {
        match self.lock().position {
            Position::Closed { .. } => true,
            Position::Open { until } => now >= until,
            Position::HalfOpen { probing } => !probing,
        }
    }

    /// Gives a permit, or fails at once while the breaker is open.
    pub(super) fn acquire(&self, child: &NhsNumber, now: Instant) -> Result<BreakerPermit, CircuitOpen> {
        let mut state = self.lock();
        match &mut state.position {
            Position::Closed { .. } => {}
            Position::Open { until } if now < *until => return Err(CircuitOpen),
            Position::Open { .. } => state.move_to(Position::HalfOpen { probing: true }),
            Position::HalfOpen { probing: true } => return Err(CircuitOpen),
            Position::HalfOpen { probing } => *probing = true,
        }
        Ok(BreakerPermit { breaker: self.clone(), child: self.hash.hash_one(child), epoch: state.epoch, reported: false })
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.lock().position {
            Position::Closed { .. } => BreakerState::Closed,
            Position::Open { .. } => BreakerState::Open,
            Position::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Circuit> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> Position {
    Position::Closed { in_a_row: 0, children: Vec::new() }
}

impl Circuit {
    fn move_to(&mut self, position: Position) {
        self.epoch += 1;
        self.position = position;
    }

    fn record(&mut self, verdict: Verdict, child: u64, rules: BreakerRules, now: Instant) {
        match &mut self.position {
            Position::Open { .. } => {}
            Position::Closed { in_a_row, children } => match verdict {
                Verdict::Ignored => {}
                Verdict::Success => {
                    *in_a_row = 0;
                    children.clear();
                }
                Verdict::Failure => {
                    *in_a_row = in_a_row.saturating_add(1);
                    if children.len() < LEAST_CHILDREN && !children.contains(&child) {
                        children.push(child);
                    }
                    if *in_a_row >= rules.failures && children.len() >= LEAST_CHILDREN {
                        tracing::error!("no query is sent to the SMSP for a while: it has failed again and again");
                        self.move_to(Position::Open { until: now + rules.open_for });
                    }
                }
            },
            Position::HalfOpen { probing } => match verdict {
                // The next query is the probe.
                Verdict::Ignored => *probing = false,
                Verdict::Success => {
                    tracing::info!("the SMSP answers again");
                    self.move_to(closed());
                }
                Verdict::Failure => self.move_to(Position::Open { until: now + rules.open_for }),
            },
        }
    }
}

impl BreakerPermit {
    /// Only the first report counts: an answer after a reported timeout does not.
    pub(super) fn report(&mut self, verdict: Verdict, now: Instant) {
        if std::mem::replace(&mut self.reported, true) {
            return;
        }
        let mut state = self.breaker.lock();
        if state.epoch == self.epoch {
            state.record(verdict, self.child, self.breaker.rules, now);
        }
    }
}

impl Drop for BreakerPermit {
    fn drop(&mut self) {
        self.report(Verdict::Ignored, Instant::now());
    }
}

#[cfg(test)]
mod tests;
