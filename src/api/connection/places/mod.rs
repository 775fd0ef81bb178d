//! Which callers may hold a connection to a listener, and which are closed first when there are too many.
//!
//! A connection that waits for its caller makes room for a new one: first unidentified callers who keep us waiting, then
//! connections that are kept open between requests. One that is being answered never does.

use crate::api::rate::network;
use crate::telemetry::metrics;
use futures_util::task::AtomicWaker;
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// After this time a caller keeps us waiting.
const PATIENCE: u64 = 1_000;

/// How often a new connection without a place checks whether a caller keeps us waiting by now.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Why a connection is closed, for metrics: to make room for a new one.
pub const DISPLACED: &str = "displaced";
/// The same: there was no place for it.
pub const FULL: &str = "full";

/// The connections of one listener.
pub struct Places {
    most: usize,
    /// Of those who have not said who they are.
    most_per_network: usize,
    most_waiting: usize,
    room: Mutex<Room>,
    freed: Notify,
    waiting: AtomicUsize,
    /// Set when the service stops: then unread answers do not hold up the end.
    draining: Arc<AtomicBool>,
    /// When the log last said that there is no place, in milliseconds of the process; 0: never.
    said_full: AtomicU64,
    began: Instant,
}

#[derive(Default)]
struct Room {
    taken: HashMap<u64, Arc<Place>>,
    /// How many unidentified callers each network has here.
    strangers: HashMap<IpAddr, usize>,
    next: u64,
}

/// One connection's place, for as long as it is held.
pub struct Seat {
    places: Arc<Places>,
    place: Arc<Place>,
}

/// What is known of a connection.
pub struct Place {
    number: u64,
    network: IpAddr,
    is_known: AtomicBool,
    must_go: AtomicBool,
    waker: AtomicWaker,
    /// What is waited for, and since when: see [`Place::waits`]. 0: the caller waits for us.
    wait: AtomicU64,
}

/// What a connection waits for its caller to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// To send another request.
    Idle = 1,
    /// To complete a handshake or a head.
    Head = 2,
    /// To take an answer.
    Unread = 3,
}

/// There is no place, and no connection that must make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NoPlace;

impl Places {
    pub fn new(most: usize, most_per_network: usize, draining: Arc<AtomicBool>) -> Self {
        Self {
            most: most.max(1),
            most_per_network: most_per_network.max(1),
            most_waiting: (most / 4).clamp(1, 64),
            room: Mutex::default(),
            freed: Notify::new(),
            waiting: AtomicUsize::new(0),
            draining,
            said_full: AtomicU64::new(0),
            began: Instant::now(),
        }
    }

    /// How many connections may be open at once, those that wait for a place among them.
    pub fn most_open(&self) -> usize {
        self.most + self.most_waiting
    }

    /// A place for a new connection, which waits for one for at most `patience`, with few others.
    pub async fn enter(self: &Arc<Self>, address: IpAddr, patience: Duration) -> Option<Seat> {
        let network = network(address);
        if let Ok(seat) = self.take(network) {
            return Some(seat);
        }
        let seat = self.wait(network, patience).await;
        if seat.is_none() {
            metrics().connection_ended(FULL);
            self.say_that_it_is_full();
        }
        seat
    }

    async fn wait(self: &Arc<Self>, network: IpAddr, patience: Duration) -> Option<Seat> {
        let _waiting = WaitingConnection::begin(self)?;
        let until = Instant::now() + patience;
        loop {
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            if let Ok(seat) = self.take(network) {
                return Some(seat);
            }
            let now = Instant::now();
            if now >= until {
                return None;
            }
            let _ = tokio::time::timeout_at(until.min(now + LOOK_AGAIN), freed).await;
        }
    }

    /// Once a minute at most.
    fn say_that_it_is_full(&self) {
        let (now, said) = (self.now() + 1, self.said_full.load(Ordering::Relaxed));
        let due = said == 0 || now.saturating_sub(said) >= 60_000;
        if due && self.said_full.compare_exchange(said, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            tracing::warn!(
                most = self.most,
                "a caller found no place: every connection is being answered, or one address has its share of them \
                 (limits.connections, limits.connections_per_address)"
            );
        }
    }

    fn take(self: &Arc<Self>, network: IpAddr) -> Result<Seat, NoPlace> {
        let now = self.now();
        let mut room = self.room();
        if room.strangers.get(&network).is_some_and(|&count| count >= self.most_per_network) {
            room.send_away(now, |place| place.network == network && !place.is_known())?;
        }
        if room.taken.len() >= self.most {
            room.send_away(now, |_| true)?;
        }
        let number = room.next;
        room.next += 1;
        let place = Arc::new(Place {
            number,
            network,
            is_known: AtomicBool::new(false),
            must_go: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            wait: AtomicU64::new(0),
        });
        room.taken.insert(number, Arc::clone(&place));
        *room.strangers.entry(network).or_default() += 1;
        drop(room);
        let seat = Seat { places: Arc::clone(self), place };
        seat.waits(Wait::Head);
        Ok(seat)
    }

    fn leave(&self, place: &Place) {
        self.room().forget(place);
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.freed.notify_waiters();
        }
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds of the process.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Room {
    /// Closes the connection that ranks highest for closing; its place is free at once.
    fn send_away(&mut self, now: u64, may: impl Fn(&Place) -> bool) -> Result<(), NoPlace> {
        let ranked = self.taken.values().filter(|place| may(place)).filter_map(|place| Some((place.rank(now)?, place)));
        let first = ranked.max_by_key(|(rank, _)| *rank).map(|(_, place)| Arc::clone(place)).ok_or(NoPlace)?;
        self.forget(&first);
        metrics().connection_ended(DISPLACED);
        first.must_go.store(true, Ordering::Release);
        first.waker.wake();
        Ok(())
    }

    fn forget(&mut self, place: &Place) {
        if self.taken.remove(&place.number).is_some() && !place.is_known() {
            self.no_stranger(place.network);
        }
    }

    fn no_stranger(&mut self, network: IpAddr) {
        if let Some(count) = self.strangers.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                self.strangers.remove(&network);
            }
        }
    }
}

impl Place {
    fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Acquire)
    }

    /// The highest rank is closed first; `None`: is not closed.
    fn rank(&self, now: u64) -> Option<(u8, u64)> {
        let wait = self.wait.load(Ordering::Acquire);
        let waited = now.saturating_sub(wait >> 2);
        let tries_us = waited >= PATIENCE && !self.is_known();
        match wait & 3 {
            0 => None,
            _ if tries_us => Some((3, waited)),
            1 => Some((2, waited)),
            2 if !self.is_known() => Some((1, waited)),
            _ => None,
        }
    }
}

impl Seat {
    /// The caller is identified: from now on they have their own share.
    pub fn is_of_somebody_known(&self) {
        if self.place.is_known() {
            return;
        }
        let mut room = self.places.room();
        if !self.place.is_known.swap(true, Ordering::AcqRel) && room.taken.contains_key(&self.place.number) {
            room.no_stranger(self.place.network);
        }
    }

    /// We wait for the caller from now on.
    pub fn waits(&self, what: Wait) {
        self.place.wait.store(self.places.now() << 2 | what as u64, Ordering::Release);
    }

    /// The caller waits for us.
    pub fn works(&self) {
        self.place.wait.store(0, Ordering::Release);
    }

    /// Whether the place was given away; wakes the task when it is.
    pub fn must_go(&self, context: &std::task::Context<'_>) -> bool {
        self.place.waker.register(context.waker());
        self.place.must_go.load(Ordering::Acquire)
    }

    /// Returns once the place was given away.
    pub async fn until_gone(&self) {
        std::future::poll_fn(|context| if self.must_go(context) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending })
            .await;
    }

    pub fn is_draining(&self) -> bool {
        self.places.draining.load(Ordering::Acquire)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.places.leave(&self.place);
    }
}

/// A new connection that waits for a place.
struct WaitingConnection<'p>(&'p Places);

impl<'p> WaitingConnection<'p> {
    fn begin(places: &'p Places) -> Option<Self> {
        let waiting = Self(places);
        (places.waiting.fetch_add(1, Ordering::Relaxed) < places.most_waiting).then_some(waiting)
    }
}

impl Drop for WaitingConnection<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
