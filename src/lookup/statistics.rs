//! What the lookups have done so far, for metrics. Counts only.

use super::breaker::BreakerState;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that only grow.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub asked: AtomicU64,
    pub answered: AtomicU64,
    pub shared: AtomicU64,
    pub notifications_caused: AtomicU64,
    pub notifications_saved: AtomicU64,
    pub shed: AtomicU64,
    pub withheld: AtomicU64,
    pub repeated: AtomicU64,
}

/// The numbers at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
    /// Queries that went out.
    pub asked: u64,
    /// Answers of CP-IS that are on the trail.
    pub answered: u64,
    /// Answers shown again: to requests that waited for another's look, used the window, read or paged.
    pub shared: u64,
    /// Answers with a record, whose authority is expected to have been notified.
    pub notifications_caused: u64,
    /// Searches that were answered by such a look and would have notified by themselves.
    pub notifications_saved: u64,
    /// Looks that were refused at once or after waiting, since everything was full or the SMSP is left alone.
    pub shed: u64,
    /// Answers that could not be put on the trail when they came.
    pub withheld: u64,
    /// Queries of one user about one child beyond three in an hour.
    pub repeated: u64,
    /// Answers that made room for newer ones before their time. Each had been told to a caller.
    pub displaced: u64,
    /// Bytes that remembered looks, kept answers and bodies in flight have.
    pub memory_used: usize,
    /// And that they may have.
    pub memory_limit: usize,
    /// Looks that went ahead although the table that replicas share was away.
    pub unshared: u64,
    /// Looks on their way now, with those that wait for a place.
    pub in_flight: usize,
    /// Looks that wait for a place now.
    pub waiting: usize,
    pub breaker: BreakerState,
}

pub(super) fn increment(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
