//! What the table holds, and the steps that change it. Each step leaves it consistent.

use super::{Bounds, Caller, FORGET_BATCH, Flight, Stage};
use crate::lookup::{LookError, LookKey, weight};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

#[derive(Default)]
pub(super) struct TableState {
    pub(super) looks: HashMap<Arc<LookKey>, Looks>,
    /// Complete and remembered flights in order of completion, and those of them that still hold an answer.
    pub(super) completed: BTreeMap<u64, Arc<Flight>>,
    pub(super) held: BTreeMap<u64, (Arc<Flight>, usize)>,
    /// Bytes of the answers that are held, and of the looks themselves.
    pub(super) bytes: usize,
    pub(super) looks_bytes: usize,
    pub(super) ids: usize,
    pub(super) flying: usize,
    pub(super) next: u64,
    pub(super) displaced: u64,
    pub(super) refused: u64,
}

/// The looks of one key.
#[derive(Default)]
pub(super) struct Looks {
    /// Oldest first.
    pub(super) flying: Vec<Arc<Flight>>,
    /// Whose answer is shared: of the complete ones, the one that started last.
    pub(super) shared: Option<Arc<Flight>>,
    /// A look that may have been delivered and whose caller got no answer: it failed, its answer came when nobody waited, or it is
    /// withheld. Of the complete ones, the one that started last; `None` once a later one was answered. A later request without an
    /// id may be its repetition (decisions.md 45).
    pub(super) unsettled: Option<Arc<Flight>>,
    pub(super) ids: HashMap<Box<str>, Arc<Flight>>,
    /// How many are complete and remembered.
    pub(super) completed: usize,
}

/// How a look that may have been delivered is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct RememberAs {
    /// Its answer is shared with further requests.
    pub(super) shared: bool,
    /// Whether its caller got no answer; `None`: another replica knows.
    pub(super) unsettled: Option<bool>,
}

impl TableState {
    /// Forgets a batch of looks that completed longer ago than this. True if there may be more.
    pub(super) fn forget_expired(&mut self, now: Instant, remember_for: Duration) -> bool {
        for _ in 0..FORGET_BATCH {
            let Some((&order, flight)) = self.completed.first_key_value() else { return false };
            if flight.completion().is_some_and(|completion| now < completion.came + remember_for) {
                return false;
            }
            self.forget(order);
        }
        true
    }

    /// Adds a new flight.
    pub(super) fn begin(&mut self, key: &LookKey, id: Option<&str>, done: watch::Receiver<()>, now: Instant) -> Arc<Flight> {
        self.begin_as(Uuid::new_v4(), key, id, done, now)
    }

    /// Adds the flight of `look`.
    pub(super) fn begin_as(
        &mut self,
        look: Uuid,
        key: &LookKey,
        id: Option<&str>,
        done: watch::Receiver<()>,
        now: Instant,
    ) -> Arc<Flight> {
        let key = self.looks.get_key_value(key).map_or_else(|| Arc::new(key.clone()), |(key, _)| Arc::clone(key));
        let flight = Arc::new(Flight {
            look,
            began: now,
            trace: OnceLock::new(),
            key: Arc::clone(&key),
            first_id: id.map(Into::into),
            number: self.number(),
            remote: OnceLock::new(),
            lease: Mutex::default(),
            only_for_its_request: AtomicBool::new(false),
            sent: AtomicBool::new(false),
            caller: Caller::default(),
            shown: AtomicBool::new(false),
            stage: Mutex::new(Stage::InFlight(done)),
        });
        self.looks.entry(key).or_default().flying.push(Arc::clone(&flight));
        self.flying += 1;
        self.looks_bytes += flight.weight();
        flight
    }

    /// From now on a request with this id is one for `flight`.
    pub(super) fn remember(&mut self, id: Option<&str>, flight: &Arc<Flight>, bounds: Bounds) -> Result<(), LookError> {
        let Some(id) = id else { return Ok(()) };
        if self.ids >= bounds.ids {
            return Err(self.full("request ids"));
        }
        if let Some(looks) = self.looks.get_mut(&*flight.key)
            && looks.ids.insert(id.into(), Arc::clone(flight)).is_none()
        {
            self.ids += 1;
        }
        Ok(())
    }

    /// Completes a flight. `remember_as` is `None` if it was certainly not delivered: nothing of it is remembered then. Returns the
    /// number under which it is remembered.
    pub(super) fn complete(&mut self, flight: &Arc<Flight>, remember_as: Option<RememberAs>) -> Option<u64> {
        let order = self.number();
        let looks = self.looks.get_mut(&*flight.key)?;
        looks.flying.retain(|other| !Arc::ptr_eq(other, flight));
        self.flying -= 1;
        let has_ids = looks.ids.values().any(|other| Arc::ptr_eq(other, flight));
        let Some(remember_as) = remember_as.filter(|kept| kept.shared || kept.unsettled == Some(true) || has_ids) else {
            self.looks_bytes -= flight.weight();
            self.drop_ids(flight);
            return None;
        };
        // A late answer does not replace one that was asked for later.
        let is_newer = |other: &Option<Arc<Flight>>| other.as_ref().is_none_or(|other| other.number < flight.number);
        if remember_as.shared && is_newer(&looks.shared) {
            looks.shared = Some(Arc::clone(flight));
        }
        if let Some(unsettled) = remember_as.unsettled
            && is_newer(&looks.unsettled)
        {
            looks.unsettled = unsettled.then(|| Arc::clone(flight));
        }
        looks.completed += 1;
        self.completed.insert(order, Arc::clone(flight));
        Some(order)
    }

    /// Counts the answer of a complete flight.
    pub(super) fn hold(&mut self, flight: &Arc<Flight>, order: u64, bytes: usize) {
        self.held.insert(order, (Arc::clone(flight), bytes));
        self.bytes += bytes;
    }

    /// Drops the oldest answers that a caller has received. Their looks are still not asked again.
    pub(super) fn make_room_for_bytes(&mut self, most: usize) {
        while self.weight() > most {
            let shown = self.held.iter().find(|(_, (flight, _))| flight.shown.load(Ordering::Relaxed)).map(|(&order, _)| order);
            let Some(order) = shown else { return };
            self.displace(order);
        }
    }

    /// Makes room for a look with this key and request id, and for all that it needs while it is in flight.
    ///
    /// # Errors
    /// Not delivered: the table is full of looks that must not be forgotten.
    pub(super) fn make_room_for_a_look(&mut self, key: &LookKey, id: Option<&str>, bounds: Bounds) -> Result<(), LookError> {
        let needed = Flight::weight_of(key, id) + id.map_or(0, |_| weight::ID) + weight::IN_FLIGHT;
        let most = bounds.room().saturating_sub(needed);
        self.make_room_for_bytes(most);
        if self.weight() > most {
            return Err(self.full("memory"));
        }
        if self.flying + self.completed.len() >= bounds.looks {
            let may_go = |flight: &Arc<Flight>| flight.shown.load(Ordering::Relaxed) && !self.has_ids(flight);
            let oldest = self.completed.iter().take(FORGET_BATCH).find(|(_, flight)| may_go(flight)).map(|(&order, _)| order);
            let Some(oldest) = oldest else { return Err(self.full("looks")) };
            self.forget(oldest);
            self.displaced += 1;
        }
        Ok(())
    }

    /// Removes a flight that did not start after all.
    pub(super) fn undo_begin(&mut self, flight: &Arc<Flight>) {
        self.complete(flight, None);
    }

    fn displace(&mut self, order: u64) {
        let Some((flight, bytes)) = self.held.remove(&order) else { return };
        self.bytes -= bytes;
        self.displaced += 1;
        if !self.has_ids(&flight) {
            self.forget(order);
            return;
        }
        if let Some(looks) = self.looks.get_mut(&*flight.key) {
            looks.shared.take_if(|shared| Arc::ptr_eq(shared, &flight));
            looks.unsettled.take_if(|unsettled| Arc::ptr_eq(unsettled, &flight));
        }
        if let Stage::Complete(completion) = &mut *flight.stage() {
            let gone = LookError::NoLongerHeld;
            (completion.outcome, completion.pending_entry) = (Err(Arc::new(gone)), None);
        }
    }

    fn forget(&mut self, order: u64) {
        let Some(flight) = self.completed.remove(&order) else { return };
        self.looks_bytes -= flight.weight();
        if let Some((_, bytes)) = self.held.remove(&order) {
            self.bytes -= bytes;
        }
        if let Some(looks) = self.looks.get_mut(&*flight.key) {
            looks.completed -= 1;
            looks.shared.take_if(|shared| Arc::ptr_eq(shared, &flight));
            looks.unsettled.take_if(|unsettled| Arc::ptr_eq(unsettled, &flight));
        }
        self.drop_ids(&flight);
    }

    fn drop_ids(&mut self, flight: &Arc<Flight>) {
        let Some(looks) = self.looks.get_mut(&*flight.key) else { return };
        let before = looks.ids.len();
        looks.ids.retain(|_, other| !Arc::ptr_eq(other, flight));
        self.ids -= before - looks.ids.len();
        if looks.flying.is_empty() && looks.completed == 0 {
            self.looks.remove(&*flight.key);
        }
    }

    /// Forgets the ids of requests that joined a flight, so that they look again.
    pub(super) fn drop_further_ids(&mut self, flight: &Arc<Flight>) {
        let Some(looks) = self.looks.get_mut(&*flight.key) else { return };
        let before = looks.ids.len();
        looks.ids.retain(|id, other| !Arc::ptr_eq(other, flight) || flight.first_id.as_ref() == Some(id));
        self.ids -= before - looks.ids.len();
    }

    fn has_ids(&self, flight: &Arc<Flight>) -> bool {
        let looks = self.looks.get(&*flight.key);
        looks.is_some_and(|looks| looks.ids.values().any(|other| Arc::ptr_eq(other, flight)))
    }

    /// Bytes of everything, including what looks in flight need.
    pub(super) fn weight(&self) -> usize {
        self.bytes + self.looks_bytes + self.ids * weight::ID + self.flying * weight::IN_FLIGHT
    }

    /// A look that may have been delivered is never forgotten for lack of room: that would allow a second query. So a new look is
    /// refused.
    fn full(&mut self, of: &'static str) -> LookError {
        self.refused += 1;
        // Not each time: refused callers come again and again.
        if self.refused.is_power_of_two() || self.refused.is_multiple_of(1000) {
            tracing::warn!(of, refused = self.refused, "there is no room for a further look: it is refused");
        }
        LookError::Overloaded
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}
