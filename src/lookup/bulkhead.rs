//! The bulkhead: limits the queries at the same time, and the looks that wait for a permit (docs/adr/0009).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// The limits (docs/settings.md, `smsp.max_in_flight` and `smsp.max_queued`).
#[derive(Debug, Clone, Copy)]
pub struct BulkheadRules {
    /// Queries at once; at least 1.
    pub max_in_flight: usize,
    /// Looks that may wait for a permit.
    pub max_queued: usize,
}

pub(super) struct Bulkhead {
    permits: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    most_waiting: usize,
}

/// No permit is free, and the queue is full.
#[derive(Debug)]
pub(super) struct BulkheadFull;

/// A permit, or a place in the queue for one.
pub(super) enum Admission {
    Granted(Permit),
    Queued(QueueEntry),
}

/// The right to send a query. Dropping it gives it back.
pub(super) struct Permit(#[allow(dead_code)] OwnedSemaphorePermit); // held for its Drop

pub(super) struct QueueEntry {
    permits: Arc<Semaphore>,
    _count: WaitingCount,
}

struct WaitingCount(Arc<AtomicUsize>);

impl Bulkhead {
    pub(super) fn new(rules: BulkheadRules) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(rules.max_in_flight.clamp(1, Semaphore::MAX_PERMITS))),
            waiting: Arc::default(),
            most_waiting: rules.max_queued,
        }
    }

    /// Gives a permit or a place in the queue, or fails at once. Nobody overtakes the queue: the semaphore hands a returned permit
    /// to the queue first.
    pub(super) fn admit(&self) -> Result<Admission, BulkheadFull> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(Admission::Granted(Permit(permit)));
        }
        let count = WaitingCount::increment(&self.waiting);
        if self.waiting.load(Ordering::Relaxed) > self.most_waiting {
            return Err(BulkheadFull);
        }
        Ok(Admission::Queued(QueueEntry { permits: Arc::clone(&self.permits), _count: count }))
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl Admission {
    /// Waits for the permit, first come, first served. `None` if `until` comes first.
    pub(super) async fn permit(self, until: Instant) -> Option<Permit> {
        match self {
            Self::Granted(permit) => Some(permit),
            Self::Queued(entry) => {
                let permit = tokio::time::timeout_at(until, entry.permits.acquire_owned()).await;
                permit.ok()?.ok().map(Permit)
            }
        }
    }
}

impl WaitingCount {
    fn increment(waiting: &Arc<AtomicUsize>) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(waiting))
    }
}

impl Drop for WaitingCount {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn bulkhead(max_in_flight: usize, max_queued: usize) -> Bulkhead {
        Bulkhead::new(BulkheadRules { max_in_flight, max_queued })
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_the_queue_nobody_waits() {
        let bulkhead = bulkhead(1, 1);
        let permit = bulkhead.admit().unwrap().permit(soon()).await.unwrap();
        let entry = bulkhead.admit().unwrap();
        assert!(bulkhead.admit().is_err());
        assert_eq!(bulkhead.waiting(), 1);
        drop(permit);
        let permit = entry.permit(soon()).await.unwrap();
        assert_eq!(bulkhead.waiting(), 0);
        drop(permit);
        assert!(matches!(bulkhead.admit(), Ok(Admission::Granted(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_gives_up_its_place_in_the_queue() {
        let bulkhead = bulkhead(1, 1);
        let _place = bulkhead.admit().unwrap();
        assert!(bulkhead.admit().unwrap().permit(soon()).await.is_none());
        assert_eq!(bulkhead.waiting(), 0);
        assert!(bulkhead.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn places_are_given_in_the_order_of_asking_and_to_nobody_who_comes_later() {
        let bulkhead = bulkhead(1, 10);
        let first = bulkhead.admit().unwrap().permit(soon()).await.unwrap();
        let mut order = Vec::new();
        let mut waiting = Vec::new();
        for n in 0..5 {
            let admission = bulkhead.admit().unwrap();
            waiting.push(tokio::spawn(async move { (n, admission.permit(soon()).await) }));
            tokio::task::yield_now().await;
        }
        drop(first);
        assert!(matches!(bulkhead.admit(), Ok(Admission::Queued(_))), "the freed place belongs to who waits for it");
        for task in waiting {
            let (n, permit) = task.await.unwrap();
            assert!(permit.is_some());
            order.push(n);
        }
        assert_eq!(order, [0, 1, 2, 3, 4]);
    }
}
