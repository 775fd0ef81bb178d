//! The looks of this process: in flight, shared for a while, remembered under their request ids (decisions.md 4, 10 to 12).
//!
//! One lock protects the table. A look is found, joined, started or completed in one step without an await, so that no request can
//! slip between two steps and ask twice. The flight itself asks what other replicas know, once it is in this table: the shared
//! table has no part in these steps.
//!
//! **Which flight is joined.** A known request id always leads to its own look. Otherwise, while a flight of the same look is
//! running:
//! - a request without an id joins it, whatever its age: it may be a retry;
//! - a request with a new id joins it, unless it is older than the time that a caller waits: then its person got no answer, and
//!   asks anew;
//! - a request for a new look joins it only if its query has not been sent yet: its answer will be new enough. But two young
//!   flights of one look are the most: a third request joins the younger one. So a hundred simultaneous requests for a new look
//!   make two queries at most.
//!
//! **No id is no licence to ask twice** (decisions.md 45). If a look may have been delivered and its caller got no answer, then a
//! request without an id within five minutes gets that look's failure or late answer. Only a request for a new look asks again.

mod caller;
mod restore;
mod state;

pub(super) use caller::Absence;
pub(super) use restore::RecalledLook;

use super::Origin;
use super::bulkhead::Admission;
use super::remote::{RemoteFlight, RemoteLease};
use super::{Freshness, LEAST_REMEMBERED, Sharing, weight};
use crate::audit::Entry;
use crate::cpis::{Answer, Delivery, Text};
use crate::lookup::{LookError, LookKey};
use crate::memory;
use caller::Caller;
use state::{RememberAs, TableState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

pub(super) type Outcome = Result<Arc<Answer>, Arc<LookError>>;

/// What the table may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes of looks and answers, as [`weight`] counts them, and of bodies in flight.
    pub bytes: usize,
    /// How many of these bytes bodies use.
    pub bodies: fn() -> usize,
    /// Looks, in flight or complete.
    pub looks: usize,
    /// Request ids.
    pub ids: usize,
}

impl Bounds {
    /// The memory of this process (decisions.md 64). The limits of looks and ids are an hour's worth of any hospital.
    pub(super) fn of_memory() -> Self {
        Self { bytes: memory::limit(), bodies: memory::of_bodies, looks: 131_072, ids: 131_072 }
    }

    /// Bytes that looks and answers may use now.
    fn room(&self) -> usize {
        self.bytes.saturating_sub((self.bodies)())
    }
}

/// Young flights of one look at the same time.
const MAX_YOUNG_FLIGHTS: usize = 2;
/// How often expired looks are forgotten, so that an idle service does not hold them for long.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);
/// Looks forgotten in one step, so that the lock is never held for long.
const FORGET_BATCH: usize = 64;

/// One look: in flight, or complete and remembered.
pub(super) struct Flight {
    /// Ties its entries on the trail together.
    pub look: Uuid,
    pub began: Instant,
    /// The `traceparent` of the request that started it, for requests that share it.
    pub trace: OnceLock<Text>,
    key: Arc<LookKey>,
    /// Of the request that started it.
    first_id: Option<Box<str>>,
    /// Counts flights in the order in which they started.
    number: u64,
    /// The same flight in the shared table, once it is there.
    pub remote: OnceLock<RemoteFlight>,
    /// Its lease there, while its outcome waits for its entry on the trail.
    lease: Mutex<Option<RemoteLease>>,
    /// It waits for what its own request asked before at another replica.
    only_for_its_request: AtomicBool,
    /// Its query may have been sent.
    sent: AtomicBool,
    /// The request that started it.
    caller: Caller,
    /// A caller has received the answer.
    shown: AtomicBool,
    stage: Mutex<Stage>,
}

enum Stage {
    /// Closes when the flight is complete.
    InFlight(watch::Receiver<()>),
    Complete(Completion),
}

/// How a look ended.
#[derive(Debug, Clone)]
pub(super) struct Completion {
    pub outcome: Outcome,
    pub came: Instant,
    /// The entry that must be on the trail before anybody gets the outcome.
    pub pending_entry: Option<Arc<Entry>>,
    pub source: Source,
    /// The query behind it, if there was one.
    pub origin: Option<Arc<Origin>>,
}

/// Whose query gave the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// This flight's.
    Here,
    /// That of another replica's flight, which was running when this one began.
    OtherReplica,
    /// That of an answer which another replica shares. It suits the request that started this flight; requests that joined look
    /// again.
    Window,
    /// That of the same request, made before at another replica. Requests that joined look again.
    ItsRequest,
    /// That of the look which this request without an id repeats, made before at another replica. It suits all requests without an
    /// id; those that joined with an id look again.
    ItsLook,
}

impl Source {
    /// Whether it was found in the table that replicas share, for the request that started the flight.
    pub(super) fn is_found_remotely(self) -> bool {
        matches!(self, Self::Window | Self::ItsRequest | Self::ItsLook)
    }
}

/// Where a request's look was found.
pub(super) enum FindResult {
    /// The request repeats one whose look is complete.
    Remembered(Arc<Flight>, Completion),
    /// Another request's answer is shared.
    Shared(Arc<Flight>, Completion),
    InFlight(Arc<Flight>),
    /// This request starts it. Without an admission the flight must get one, once it knows that no other replica has the answer.
    New(LeaderGuard, Option<Admission>),
}

impl FindResult {
    /// The flight that another request started.
    pub(super) fn of_another(&self) -> Option<&Flight> {
        match self {
            Self::Remembered(flight, _) | Self::Shared(flight, _) | Self::InFlight(flight) => Some(flight),
            Self::New(..) => None,
        }
    }
}

/// Completes a flight that has just started: by `complete`, or as broken when it is dropped.
pub(super) struct LeaderGuard {
    pub flight: Arc<Flight>,
    table: Table,
    /// Dropped when the flight is complete.
    done: Option<watch::Sender<()>>,
}

#[derive(Clone)]
pub(super) struct Table(Arc<TableInner>);

struct TableInner {
    state: Mutex<TableState>,
    sharing: Sharing,
    /// How long a caller waits.
    caller: Duration,
    bounds: Bounds,
    /// Other replicas may know more of a look than this process.
    is_one_of_several: bool,
}

impl Table {
    pub(super) fn new(sharing: Sharing, caller: Duration, bounds: Bounds, is_one_of_several: bool) -> Self {
        Self(Arc::new(TableInner { state: Mutex::default(), sharing, caller, bounds, is_one_of_several }))
    }

    /// Finds the look of `key` for a request with this id: complete, in flight, or started by this call if `may_begin` allows it.
    ///
    /// # Errors
    /// Not delivered: the error of `may_begin`, or the table is full of looks that must not be forgotten.
    pub(super) fn find(
        &self,
        key: &LookKey,
        id: Option<&str>,
        freshness: Freshness,
        may_begin: impl FnOnce() -> Result<Option<Admission>, LookError>,
    ) -> Result<FindResult, LookError> {
        let now = Instant::now();
        let mut state = self.lock();
        state.forget_expired(now, self.0.remember_for());
        if let Some(found) = self.remembered(&state, key, id, now) {
            return Ok(found);
        }
        if let Some((flight, completion)) = self.shared_now(&state, key, freshness, now) {
            // Without room for the id it is still a search within the window.
            let _ = state.remember(id, &flight, self.0.bounds);
            return Ok(FindResult::Shared(flight, completion));
        }
        if let Some(flight) = self.joinable(&state, key, id, freshness, now) {
            state.remember(id, &flight, self.0.bounds)?;
            return Ok(FindResult::InFlight(flight));
        }
        // Another replica may have a newer answer, so a flight asks there first.
        if is_nameless(id, freshness)
            && let Some((flight, completion)) = Self::unsettled_now(&state, key, now)
            && (completion.pending_entry.is_some() || !self.0.is_one_of_several)
        {
            return Ok(FindResult::Remembered(flight, completion));
        }
        state.make_room_for_a_look(key, id, self.0.bounds)?;
        let admission = may_begin()?;
        let (sender, receiver) = watch::channel(());
        let flight = state.begin(key, id, receiver, now);
        if let Err(full) = state.remember(id, &flight, self.0.bounds) {
            state.undo_begin(&flight);
            return Err(full);
        }
        drop(state);
        Ok(FindResult::New(LeaderGuard { flight, table: self.clone(), done: Some(sender) }, admission))
    }

    /// The answer that is shared for `key` now, whether its entry is on the trail or not.
    pub(super) fn held(&self, key: &LookKey) -> Option<(Arc<Flight>, Completion)> {
        self.shared_now(&self.lock(), key, Freshness::Shared, Instant::now())
    }

    /// What a request without an id gets instead of a query, as far as this process knows.
    pub(super) fn unsettled(&self, key: &LookKey) -> Option<Completion> {
        Self::unsettled_now(&self.lock(), key, Instant::now()).map(|(_, completion)| completion)
    }

    /// Holds an answer that another replica shares.
    ///
    /// # Errors
    /// Not delivered: the table is full of looks that must not be forgotten.
    pub(super) fn adopt(&self, key: &LookKey, completion: Completion) -> Result<Arc<Flight>, LookError> {
        let (sender, receiver) = watch::channel(());
        let mut state = self.lock();
        state.make_room_for_a_look(key, None, self.0.bounds)?;
        let flight = state.begin(key, None, receiver, Instant::now());
        drop(state);
        LeaderGuard { flight: Arc::clone(&flight), table: self.clone(), done: Some(sender) }.complete(completion);
        Ok(flight)
    }

    /// The ids of the requests that joined `flight`.
    pub(super) fn further_ids(&self, flight: &Arc<Flight>) -> Vec<Box<str>> {
        let state = self.lock();
        let Some(looks) = state.looks.get(&*flight.key) else { return Vec::new() };
        let of_flight = looks.ids.iter().filter(|(_, other)| Arc::ptr_eq(other, flight)).map(|(id, _)| id);
        of_flight.filter(|id| flight.first_id.as_ref() != Some(*id)).cloned().collect()
    }

    /// Forgets expired looks regularly, as long as somebody uses the table.
    pub(super) fn sweep_regularly(&self, runtime: &Handle) {
        let table = Arc::downgrade(&self.0);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(SWEEP_INTERVAL).await;
                let Some(inner) = table.upgrade() else { return };
                Self(inner).sweep();
            }
        });
    }

    fn sweep(&self) {
        while self.lock().forget_expired(Instant::now(), self.0.remember_for()) {}
    }

    pub(super) fn remember_for(&self) -> Duration {
        self.0.remember_for()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.lock().flying
    }

    /// Bytes that looks and answers use, and that they and bodies may use.
    pub(super) fn memory(&self) -> (usize, usize) {
        (self.lock().weight(), self.0.bounds.bytes)
    }

    /// Looks that were refused for lack of room.
    pub(super) fn refused(&self) -> u64 {
        self.lock().refused
    }

    /// Answers that made room for newer ones.
    pub(super) fn displaced(&self) -> u64 {
        self.lock().displaced
    }

    fn remembered(&self, state: &TableState, key: &LookKey, id: Option<&str>, now: Instant) -> Option<FindResult> {
        let flight = state.looks.get(key)?.ids.get(id?)?;
        match flight.completion() {
            None => Some(FindResult::InFlight(Arc::clone(flight))),
            Some(completion) if now < completion.came + self.0.remember_for() => {
                Some(FindResult::Remembered(Arc::clone(flight), completion))
            }
            Some(_) => None,
        }
    }

    fn shared_now(
        &self,
        state: &TableState,
        key: &LookKey,
        freshness: Freshness,
        now: Instant,
    ) -> Option<(Arc<Flight>, Completion)> {
        let flight = state.looks.get(key)?.shared.as_ref()?;
        let completion = flight.completion()?;
        let age = now.saturating_duration_since(completion.came);
        let fresh = match freshness {
            Freshness::Shared => true,
            Freshness::NoCache => age <= self.0.sharing.refresh_after,
            Freshness::NewLook => false,
        };
        (fresh && age < self.0.sharing.share_for).then(|| (Arc::clone(flight), completion))
    }

    fn unsettled_now(state: &TableState, key: &LookKey, now: Instant) -> Option<(Arc<Flight>, Completion)> {
        let flight = state.looks.get(key)?.unsettled.as_ref()?;
        let completion = flight.completion()?;
        (now < completion.came + LEAST_REMEMBERED).then(|| (Arc::clone(flight), completion))
    }

    fn joinable(
        &self,
        state: &TableState,
        key: &LookKey,
        id: Option<&str>,
        freshness: Freshness,
        now: Instant,
    ) -> Option<Arc<Flight>> {
        let for_all = |flight: &&Arc<Flight>| !flight.only_for_its_request.load(Ordering::SeqCst);
        let flying = || state.looks.get(key).into_iter().flat_map(|looks| &looks.flying).filter(for_all);
        let is_young = |flight: &&Arc<Flight>| now.saturating_duration_since(flight.began) < self.0.caller;
        let youngest = flying().next_back()?;
        let joins = match freshness {
            Freshness::NewLook => !youngest.is_sent() || flying().filter(is_young).count() >= MAX_YOUNG_FLIGHTS,
            Freshness::Shared | Freshness::NoCache => id.is_none() || is_young(&youngest),
        };
        joins.then(|| Arc::clone(youngest))
    }

    fn complete(&self, flight: &Arc<Flight>, completion: Completion) {
        let bytes = completion.outcome.as_ref().ok().map(|answer| weight::weight(answer));
        let source = completion.source;
        let shared =
            bytes.is_some() && !self.0.sharing.share_for.is_zero() && !matches!(source, Source::ItsRequest | Source::ItsLook);
        let unsettled = (!source.is_found_remotely()).then(|| flight.is_unsettled(&completion));
        let undelivered = completion.outcome.as_ref().is_err_and(|failure| failure.is_undelivered());
        let remember_as = (!undelivered).then_some(RememberAs { shared, unsettled });
        let mut state = self.lock();
        *flight.stage() = Stage::Complete(completion);
        if source.is_found_remotely() {
            state.drop_further_ids(flight);
        }
        if let Some(order) = state.complete(flight, remember_as)
            && let Some(bytes) = bytes
        {
            state.hold(flight, order, bytes);
            state.make_room_for_bytes(self.0.bounds.room());
        }
    }

    fn lock(&self) -> MutexGuard<'_, TableState> {
        // The state is consistent at every await-free step, so a panic elsewhere does not make it unusable.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a request may be a repetition of the last request of its look.
pub(super) fn is_nameless(id: Option<&str>, freshness: Freshness) -> bool {
    id.is_none() && freshness != Freshness::NewLook
}

impl TableInner {
    fn remember_for(&self) -> Duration {
        self.sharing.share_for.max(LEAST_REMEMBERED)
    }
}

impl Flight {
    /// Bytes that it uses without its answer.
    fn weight(&self) -> usize {
        Self::weight_of(&self.key, self.first_id.as_deref())
    }

    fn weight_of(key: &LookKey, id: Option<&str>) -> usize {
        weight::LOOK + key.weight() + id.map_or(0, str::len)
    }

    /// From now on its query may have been delivered.
    pub(super) fn mark_sent(&self) {
        self.sent.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_sent(&self) -> bool {
        self.sent.load(Ordering::SeqCst)
    }

    pub(super) fn key(&self) -> &LookKey {
        &self.key
    }

    /// From now on only the request that started it can find it, by its id.
    pub(super) fn restrict_to_its_request(&self) {
        self.only_for_its_request.store(true, Ordering::SeqCst);
    }

    /// Keeps its lease in the shared table until its outcome is recorded.
    pub(super) fn keep_lease(&self, lease: RemoteLease) {
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease);
    }

    pub(super) fn take_lease(&self) -> Option<RemoteLease> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Its entry is on the trail now, so waiters may get its outcome. True for the first call only.
    pub(super) fn mark_recorded(&self) -> bool {
        match &mut *self.stage() {
            Stage::Complete(completion) => completion.pending_entry.take().is_some(),
            Stage::InFlight(_) => false,
        }
    }

    /// Whether its answer is expected to have notified an authority.
    pub(super) fn has_notified(&self) -> bool {
        self.completion()
            .and_then(|completion| completion.outcome.ok())
            .is_some_and(|answer| answer.notification_expected() == Some(true))
    }

    /// Whether the request that started it got no answer, though its query may have been delivered.
    pub(super) fn is_unsettled(&self, completion: &Completion) -> bool {
        completion.outcome.is_err() || completion.pending_entry.is_some() || self.caller.absence().is_some()
    }

    /// A caller gets the answer: from now on it may be dropped for newer ones.
    pub(super) fn mark_shown(&self) {
        self.shown.store(true, Ordering::Relaxed);
    }

    /// Waits until the flight is complete.
    pub(super) async fn wait(&self) -> Completion {
        loop {
            let mut done = match &*self.stage() {
                Stage::Complete(completion) => return completion.clone(),
                Stage::InFlight(receiver) => receiver.clone(),
            };
            // Nothing is ever sent: it ends when the sender is dropped, after the completion.
            let _ = done.changed().await;
        }
    }

    fn completion(&self) -> Option<Completion> {
        match &*self.stage() {
            Stage::Complete(completion) => Some(completion.clone()),
            Stage::InFlight(_) => None,
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LeaderGuard {
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// Ends the flight and wakes every waiter.
    pub(super) fn complete(mut self, completion: Completion) {
        self.table.complete(&self.flight, completion);
        self.done = None;
    }
}

impl Drop for LeaderGuard {
    fn drop(&mut self) {
        if self.done.is_some() {
            let delivery = if self.flight.is_sent() { Delivery::MaybeDelivered } else { Delivery::NotDelivered };
            let outcome = Err(Arc::new(LookError::Broken { delivery }));
            self.table.complete(
                &self.flight,
                Completion { outcome, came: Instant::now(), pending_entry: None, source: Source::Here, origin: None },
            );
        }
    }
}
