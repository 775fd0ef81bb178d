//! Memory is a budget (decisions.md 64): remembered looks, kept answers and bodies in flight together.
//!
//! A process has one memory, so bodies are counted once for all of it. The looks are counted by their table, which leaves room
//! for the bodies: kept answers go first, then new looks are refused, never the process.

mod container;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The budget on a machine that sets no limit.
const USUAL: usize = 256 << 20;
/// Bodies may take one part in this many of the budget; the rest is for looks and answers.
const PART_OF_BODIES: usize = 2;

static LIMIT: AtomicUsize = AtomicUsize::new(USUAL);
static BODIES: AtomicUsize = AtomicUsize::new(0);

/// There is no room for another body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// The part of the budget that a body uses, until this is dropped.
#[derive(Debug, Default)]
pub struct Held(usize);

/// The budget if `limits.memory` is not set: half of the container's limit.
#[must_use]
pub fn usual() -> usize {
    container::limit().and_then(|limit| usize::try_from(limit / 2).ok()).unwrap_or(USUAL)
}

/// Sets the budget.
pub fn limit_to(bytes: usize) {
    LIMIT.store(bytes, Relaxed);
}

#[must_use]
pub fn limit() -> usize {
    LIMIT.load(Relaxed)
}

/// What bodies use of it.
#[must_use]
pub fn of_bodies() -> usize {
    BODIES.load(Relaxed)
}

impl Held {
    /// Lets the body grow by this much.
    ///
    /// # Errors
    /// [`Full`]: there is no room; give the body up.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        let most = limit() / PART_OF_BODIES;
        if BODIES.fetch_add(bytes, Relaxed).saturating_add(bytes) > most {
            BODIES.fetch_sub(bytes, Relaxed);
            return Err(Full);
        }
        self.0 += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        BODIES.fetch_sub(self.0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_half_of_the_budget_at_most_and_give_it_back() {
        let mut held = Held::default();
        assert_eq!(held.grow(usize::MAX / 2), Err(Full));
        held.grow(1 << 20).unwrap();
        assert!(of_bodies() >= 1 << 20);
        assert_eq!(held.grow(limit() / PART_OF_BODIES), Err(Full));
        drop(held);
        Held::default().grow(limit() / PART_OF_BODIES - (1 << 20)).unwrap();
    }
}
