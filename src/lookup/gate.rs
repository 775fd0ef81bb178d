//! The bulkhead: so many queries at once, so many looks that wait for a place, and no more (docs/adr/0009).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How many (docs/settings.md, `smsp.max_in_flight` and `smsp.max_queued`).
#[derive(Debug, Clone, Copy)]
pub struct Bulkhead {
    /// Queries at once; at least 1.
    pub max_in_flight: usize,
    /// Looks that may wait for a place.
    pub max_queued: usize,
}

pub(super) struct Gate {
    places: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    most_waiting: usize,
}

/// Everything is taken, the places to wait as well.
#[derive(Debug)]
pub(super) struct Full;

/// The right to go out at once, or to wait for it.
pub(super) enum Ticket {
    Place(Place),
    Queue(Queued),
}

/// A place among the queries; free for the next when it is dropped.
pub(super) struct Place(#[allow(dead_code)] OwnedSemaphorePermit); // held for its Drop

pub(super) struct Queued {
    places: Arc<Semaphore>,
    _counted: Counted,
}

struct Counted(Arc<AtomicUsize>);

impl Gate {
    pub(super) fn new(bulkhead: Bulkhead) -> Self {
        Self {
            places: Arc::new(Semaphore::new(bulkhead.max_in_flight.clamp(1, Semaphore::MAX_PERMITS))),
            waiting: Arc::default(),
            most_waiting: bulkhead.max_queued,
        }
    }

    /// Says at once whether there is a place, one to wait, or neither. A free place is never taken past those who wait: the
    /// semaphore hands what is given back to them first.
    pub(super) fn enter(&self) -> Result<Ticket, Full> {
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(Ticket::Place(Place(permit)));
        }
        let counted = Counted::one_more(&self.waiting);
        if self.waiting.load(Ordering::Relaxed) > self.most_waiting {
            return Err(Full);
        }
        Ok(Ticket::Queue(Queued { places: Arc::clone(&self.places), _counted: counted }))
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl Ticket {
    /// Waits for the place, in the order of asking; `None` when `until` has come first.
    pub(super) async fn place(self, until: Instant) -> Option<Place> {
        match self {
            Self::Place(place) => Some(place),
            Self::Queue(queued) => {
                let permit = tokio::time::timeout_at(until, queued.places.acquire_owned()).await;
                permit.ok()?.ok().map(Place)
            }
        }
    }
}

impl Counted {
    fn one_more(waiting: &Arc<AtomicUsize>) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(waiting))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn gate(max_in_flight: usize, max_queued: usize) -> Gate {
        Gate::new(Bulkhead { max_in_flight, max_queued })
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_the_queue_nobody_waits() {
        let gate = gate(1, 1);
        let place = gate.enter().unwrap().place(soon()).await.unwrap();
        let queued = gate.enter().unwrap();
        assert!(gate.enter().is_err());
        assert_eq!(gate.waiting(), 1);
        drop(place);
        let place = queued.place(soon()).await.unwrap();
        assert_eq!(gate.waiting(), 0);
        drop(place);
        assert!(matches!(gate.enter(), Ok(Ticket::Place(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_gives_up_its_place_in_the_queue() {
        let gate = gate(1, 1);
        let _place = gate.enter().unwrap();
        assert!(gate.enter().unwrap().place(soon()).await.is_none());
        assert_eq!(gate.waiting(), 0);
        assert!(gate.enter().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn places_are_given_in_the_order_of_asking_and_to_nobody_who_comes_later() {
        let gate = gate(1, 10);
        let first = gate.enter().unwrap().place(soon()).await.unwrap();
        let mut order = Vec::new();
        let mut waiting = Vec::new();
        for n in 0..5 {
            let ticket = gate.enter().unwrap();
            waiting.push(tokio::spawn(async move { (n, ticket.place(soon()).await) }));
            tokio::task::yield_now().await;
        }
        drop(first);
        assert!(matches!(gate.enter(), Ok(Ticket::Queue(_))), "the freed place belongs to who waits for it");
        for task in waiting {
            let (n, place) = task.await.unwrap();
            assert!(place.is_some());
            order.push(n);
        }
        assert_eq!(order, [0, 1, 2, 3, 4]);
    }
}
