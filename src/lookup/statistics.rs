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
    /// Queries that were sent.
    pub asked: u64,
    /// Answers of CP-IS that are on the trail.
    pub answered: u64,
    /// Answers shown again: to requests that waited for another's look, used the window, read or paged.
    pub shared: u64,
    /// Answers with a record. CP-IS should have notified its authority.
    pub notifications_caused: u64,
    /// Searches that such a look answered, and that would otherwise have notified.
    pub notifications_saved: u64,
    /// Looks that were refused, at once or after waiting, because everything was full or the breaker was open.
    pub shed: u64,
    /// Answers that could not be put on the trail when they came.
    pub withheld: u64,
    /// Queries of one user about one child beyond three in an hour.
    pub repeated: u64,
    /// Answers that were dropped for newer ones before their time. A caller had received each.
    pub displaced: u64,
    /// Bytes that remembered looks, kept answers and bodies in flight use.
    pub memory_used: usize,
    /// Bytes that they may use.
    pub memory_limit: usize,
    /// Looks that went ahead without the table that replicas share.
    pub unshared: u64,
    /// Looks in flight now, including those that wait for a permit.
    pub in_flight: usize,
    /// Looks that wait for a permit now.
    pub waiting: usize,
    pub breaker: BreakerState,
}

pub(super) fn increment(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
