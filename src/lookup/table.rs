//! The looks of this process: on their way, shared for a while, remembered under their request ids (decisions.md 4, 10 to 12).
//!
//! One lock, held for steps without an await: a look is found, joined, begun or landed in one such step, so that nothing can
//! fall between two of them and be asked twice. What another replica knows is asked for by the flight itself, once it has its place
//! here: a table outside this process has no part in these steps.
//!
//! **Which flight is joined.** A request id that is known leads to its own look, always. Otherwise, while a flight of the same look
//! is on its way:
//! - a request without an id joins it, whatever its age: it cannot be told from a retry;
//! - a request with a new id joins it, unless it is older than the time that a caller waits: then the person has been told that
//!   there was no answer, and asks anew;
//! - a request for a new look joins it only if its query has not gone out yet, since then its answer is as new as was asked for.
//!   But beside two young flights of one look no third one begins: the younger is joined. A hundred requests for a new look
//!   at once are two queries at most.
//!
//! **No id is no licence to ask twice** (decisions.md 45). A request without an id that comes within five minutes of a look whose
//! caller was told no answer, though it may have been heard, gets that look's failure, or its late answer. Only a new look asks.

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
    /// Of looks and answers, as [`weight`] counts them, and of bodies in flight.
    pub bytes: usize,
    /// How much of that bodies have.
    pub bodies: fn() -> usize,
    /// Looks, on their way or landed.
    pub looks: usize,
    /// Request ids.
    pub ids: usize,
}

impl Bounds {
    /// The memory of this process (decisions.md 64), and no more looks and ids than an hour's worth of any hospital.
    pub(super) fn of_memory() -> Self {
        Self { bytes: memory::limit(), bodies: memory::of_bodies, looks: 131_072, ids: 131_072 }
    }

    /// Bytes that looks and answers may have now.
    fn room(&self) -> usize {
        self.bytes.saturating_sub((self.bodies)())
    }
}

/// Young flights of one look at once.
const MAX_YOUNG_FLIGHTS: usize = 2;
/// An idle service holds no answer for much longer than it said.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);
/// Looks forgotten in one step, so that no step is long.
const FORGET_BATCH: usize = 64;

/// One look: on its way, or landed and remembered.
pub(super) struct Flight {
    /// Ties its entries on the trail together.
    pub look: Uuid,
    pub began: Instant,
    /// The `traceparent` of the look that began it, for those that share it.
    pub trace: OnceLock<Text>,
    key: Arc<LookKey>,
    /// Of the request that began it.
    first_id: Option<Box<str>>,
    /// The order of beginning.
    number: u64,
    /// Its name among all replicas, once it has one.
    pub remote: OnceLock<RemoteFlight>,
    /// Its place there, as long as its outcome may not be told.
    lease: Mutex<Option<RemoteLease>>,
    /// It waits for what the request that began it had asked before, elsewhere.
    only_for_its_request: AtomicBool,
    /// Its query was handed over, or may have been.
    sent: AtomicBool,
    /// The request that began it.
    caller: Caller,
    /// A caller has been told the answer.
    shown: AtomicBool,
    stage: Mutex<Stage>,
}

enum Stage {
    /// Closes when the flight has landed.
    InFlight(watch::Receiver<()>),
    Complete(Completion),
}

/// How a look ended.
#[derive(Debug, Clone)]
pub(super) struct Completion {
    pub outcome: Outcome,
    pub came: Instant,
    /// The entry that must be on the trail before anything of the outcome is told.
    pub pending_entry: Option<Arc<Entry>>,
    pub source: Source,
    /// The query that it is of, where there was one.
    pub origin: Option<Arc<Origin>>,
}

/// Whose query the outcome is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// This flight's.
    Here,
    /// That of a flight on another replica, which was on its way when this one began.
    OtherReplica,
    /// That of an answer which another replica shares: it suits who asked for it. Who joined meanwhile looks again.
    Window,
    /// That of the same request, made before on another replica. Who joined meanwhile looks again.
    ItsRequest,
    /// That of the look which this request without an id repeats, made before on another replica. It suits all who came without an
    /// id; who joined with one looks again.
    ItsLook,
}

impl Source {
    /// Whether it was found at the table that replicas share, for the request that began the flight.
    pub(super) fn is_found_remotely(self) -> bool {
        matches!(self, Self::Window | Self::ItsRequest | Self::ItsLook)
    }
}

/// Where a request's look was found.
pub(super) enum FindResult {
    /// The request repeats one whose look has landed.
    Remembered(Arc<Flight>, Completion),
    /// Another request's answer is shared.
    Shared(Arc<Flight>, Completion),
    InFlight(Arc<Flight>),
    /// This request begins it. Without a ticket it has yet to get one, once no other replica has the answer.
    New(LeaderGuard, Option<Admission>),
}

impl FindResult {
    /// The flight that another request began.
    pub(super) fn of_another(&self) -> Option<&Flight> {
        match self {
            Self::Remembered(flight, _) | Self::Shared(flight, _) | Self::InFlight(flight) => Some(flight),
            Self::New(..) => None,
        }
    }
}

/// A flight that has just been given its place. It lands when it is told to, or else when this is dropped.
pub(super) struct LeaderGuard {
    pub flight: Arc<Flight>,
    table: Table,
    /// Dropped when the flight has landed.
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

    /// The look of `key` for a request with this id: landed, on its way, or begun by this call if `may_begin` lets it.
    ///
    /// # Errors
    /// Not delivered: what `may_begin` says, or that the table is full of what must not be forgotten.
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
            // Without room for the id it is still as good as any other search within the window.
            let _ = state.remember(id, &flight, self.0.bounds);
            return Ok(FindResult::Shared(flight, completion));
        }
        if let Some(flight) = self.joinable(&state, key, id, freshness, now) {
            state.remember(id, &flight, self.0.bounds)?;
            return Ok(FindResult::InFlight(flight));
        }
        // Another replica may have a newer answer, so its flight asks there first.
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

    /// The answer of `key` that is shared now, with or without its entry on the trail.
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
    /// Not delivered: the table is full of what must not be forgotten.
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

    /// Forgets what is over now and then, as long as the table is used by anyone.
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

    /// Bytes that looks and answers have, and that they and bodies may have.
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

/// Whether a request cannot be told from a repetition of its look's last one.
pub(super) fn is_nameless(id: Option<&str>, freshness: Freshness) -> bool {
    id.is_none() && freshness != Freshness::NewLook
}

impl TableInner {
    fn remember_for(&self) -> Duration {
        self.sharing.share_for.max(LEAST_REMEMBERED)
    }
}

impl Flight {
    /// What it takes up beside its answer.
    fn weight(&self) -> usize {
        Self::weight_of(&self.key, self.first_id.as_deref())
    }

    fn weight_of(key: &LookKey, id: Option<&str>) -> usize {
        weight::LOOK + key.weight() + id.map_or(0, str::len)
    }

    /// From now on its query may have been heard.
    pub(super) fn mark_sent(&self) {
        self.sent.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_sent(&self) -> bool {
        self.sent.load(Ordering::SeqCst)
    }

    pub(super) fn key(&self) -> &LookKey {
        &self.key
    }

    /// From now on nobody joins it but by the id of the request that began it.
    pub(super) fn restrict_to_its_request(&self) {
        self.only_for_its_request.store(true, Ordering::SeqCst);
    }

    /// Keeps its place among all replicas until it settles.
    pub(super) fn keep_lease(&self, lease: RemoteLease) {
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease);
    }

    pub(super) fn take_lease(&self) -> Option<RemoteLease> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Its entry is on the trail now, so its outcome may be told. True for the first who says so.
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

    /// Whether the request that began it was told no answer, though its query may have been heard.
    pub(super) fn is_unsettled(&self, completion: &Completion) -> bool {
        completion.outcome.is_err() || completion.pending_entry.is_some() || self.caller.absence().is_some()
    }

    /// A caller is told the answer: from now on it may make room for newer ones.
    pub(super) fn mark_shown(&self) {
        self.shown.store(true, Ordering::Relaxed);
    }

    /// Waits until the flight has landed.
    pub(super) async fn wait(&self) -> Completion {
        loop {
            let mut done = match &*self.stage() {
                Stage::Complete(completion) => return completion.clone(),
                Stage::InFlight(receiver) => receiver.clone(),
            };
            // Nothing is ever sent: it ends when the sender is dropped, after the landing.
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

    /// Every waiter hears of it.
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
