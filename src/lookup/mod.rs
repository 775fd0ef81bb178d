//! The use case: a permitted question becomes one answer. It is asked once, and everything is recorded.
//!
//! The steps, and who owns each:
//! 1. permission: `access`, before this room is entered;
//! 2. share or ask: [`Lookups::look`] finds the look in the [`table`]: remembered under its request id, shared from the window, in
//!    flight, or started now, if the [`breaker`] and the [`bulkhead`] allow it;
//! 3. a started look is a [`flight`]: it records its intent (**asked**), sends one query, records the outcome (**answered**,
//!    **failed**, **unknown**), and only then answers its waiters;
//! 4. every further showing of an answer is recorded first (**shared**), and so is a read without a held look (**not-held**).
//!
//! Several replicas share their looks through the [`remote`] table, which a flight asks first ([`replicas`]).
//!
//! [`record`] says what each entry holds, and when a look is failed and when unknown.
//!
//! A restart forgets none of this: a file keeps what is remembered ([`window`]), and the next start reads it with the trail
//! ([`recall`]).

mod breaker;
mod bulkhead;
mod error;
mod flight;
mod key;
mod metrics;
mod options;
mod origin;
mod recall;
mod record;
pub mod remote;
mod repeats;
mod replicas;
mod statistics;
mod table;
mod weight;
mod window;

pub use breaker::{BreakerRules, BreakerState};
pub use bulkhead::BulkheadRules;
pub use error::LookError;
pub use key::LookKey;
pub use metrics::ends_of_a_query;
pub use options::{Options, Patience, Rules, Sharing, Store, StoreLocation};
pub use origin::Origin;
pub use recall::RecallSource;
pub use statistics::Statistics;

use crate::audit::{RequestFacts, Trail, TrailUnavailable};
use crate::cpis::{Answer, AuthorAsSent, Question, Register, RegisterError, Requester, Text};
use crate::deadline;
use crate::memory;
use crate::telemetry::{request::carried, spans};
use breaker::Breaker;
use bulkhead::{Admission, Bulkhead};
use flight::{Context, FlightRequest};
use recall::RecallLimits;
use record::Ledger;
use remote::{RemoteError, RemoteTable};
use repeats::Repeats;
use replicas::{LeaderRequest, Replicas};
use statistics::{increment, read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use table::{Bounds, Completion, FindResult, Flight, Source, Table};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;
use window::EarlierWindow;

/// How new the caller wants the answer to be (decisions.md 12).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Freshness {
    #[default]
    Shared,
    /// `Cache-Control: no-cache`.
    NoCache,
    /// `CPIS-New-Look: true`: always a new look.
    NewLook,
}

/// The request behind a look.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// For the trail.
    pub facts: RequestFacts,
    /// The caller's `X-Request-ID`. Its repetition is the same look; letter case does not matter. `None` if the request had none.
    pub request_id: Option<String>,
    /// The forms in which an entry of the trail may hold it ([`crate::audit::Seal::all_kept`]), in any letter case. For looks that
    /// are known from the trail alone.
    pub on_record: Vec<String>,
}

/// The entrance to this room: makes looks, and shows what is held.
#[derive(Clone)]
pub struct Lookups {
    context: Arc<Context>,
    table: Table,
    sharing: Sharing,
    /// The looks from before the start are not read back yet.
    is_recalling: Arc<AtomicBool>,
    /// The runtime that owns every flight, so that no flight ends with the connection of a caller (decisions.md 32).
    runtime: Handle,
}

/// An answer, and whether it was shared.
#[derive(Debug, Clone)]
pub struct Look {
    pub answer: Arc<Answer>,
    /// It is the answer to another request's query.
    pub shared: bool,
    /// How old the answer is, if it came before this request.
    pub age: Option<Duration>,
}

/// Why a request gets an answer that it did not ask CP-IS for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShareReason {
    /// It waited for the flight, or repeats a request that did: its own look may have been delivered.
    OwnLook,
    /// Another request made the look, and it is complete.
    Window,
}

impl Lookups {
    pub fn new(register: Arc<dyn Register>, trail: Trail, rules: Rules, runtime: Handle) -> Self {
        Self::with_ledger(register, Arc::new(trail), rules, Bounds::of_memory(), runtime)
    }

    /// As [`Lookups::new`], for one of several replicas, which share their looks through `remote`.
    pub fn shared(register: Arc<dyn Register>, trail: Trail, rules: Rules, remote: RemoteTable, runtime: Handle) -> Self {
        let replicas = Replicas::new(remote, rules.sharing, rules.patience.caller, runtime.clone());
        Self::build(Some(replicas), register, Arc::new(trail), rules, Bounds::of_memory(), runtime)
    }

    /// Reaches the table that replicas share by `store` and its keys from now on. Does nothing without such a table.
    ///
    /// # Errors
    /// [`RemoteError`]; then everything is as it was.
    pub fn renew_table(&self, store: &Store) -> Result<(), RemoteError> {
        match (&self.context.replicas, &store.location) {
            (Some(replicas), StoreLocation::Redis(url)) => replicas.renew(url, store.ca.as_deref(), &store.keys),
            _ => Ok(()),
        }
    }

    fn with_ledger(register: Arc<dyn Register>, ledger: Arc<dyn Ledger>, rules: Rules, bounds: Bounds, runtime: Handle) -> Self {
        Self::build(None, register, ledger, rules, bounds, runtime)
    }

    fn build(
        replicas: Option<Arc<Replicas>>,
        register: Arc<dyn Register>,
        ledger: Arc<dyn Ledger>,
        rules: Rules,
        bounds: Bounds,
        runtime: Handle,
    ) -> Self {
        let table = Table::new(rules.sharing, rules.patience.caller, bounds, replicas.is_some());
        table.sweep_regularly(&runtime);
        let breaker = Breaker::new(rules.breaker);
        let bulkhead = Bulkhead::new(rules.bulkhead);
        let (window, counters) = (OnceLock::new(), Arc::default());
        let repeats = Repeats::default();
        let context =
            Context { register, ledger, breaker, bulkhead, replicas, window, counters, repeats, patience: rules.patience };
        Self { context: Arc::new(context), table, sharing: rules.sharing, is_recalling: Arc::default(), runtime }
    }

    /// The author that a query of `requester` would carry.
    ///
    /// # Errors
    /// As of [`Register::author`].
    pub fn author(&self, requester: &Requester) -> Result<AuthorAsSent, RegisterError> {
        self.context.register.author(requester)
    }

    /// Remembers the looks from before this start (decisions.md 42). If the trail cannot be read within [`RECALL_START_LIMIT`], the
    /// service starts without them, and neither asks nor shows anything until it has read them.
    pub async fn recall(&self, source: RecallSource) {
        self.is_recalling.store(true, Ordering::SeqCst);
        let (lookups, limits) = (self.clone(), RecallLimits::new(self.sharing, self.table.remember_for(), self.context.patience));
        let (tried, first_try) = oneshot::channel::<()>();
        self.runtime.spawn(async move {
            let (mut earlier, mut tried) = (recall::open_window(&source, limits), Some(tried));
            while !lookups.recall_once(&source, &mut earlier, limits).await {
                tried.take();
                tokio::time::sleep(RECALL_RETRY).await;
            }
            lookups.is_recalling.store(false, Ordering::SeqCst);
        });
        // Nothing is ever sent: it ends when the sender is dropped, after the first try.
        let _ = tokio::time::timeout(RECALL_START_LIMIT, first_try).await;
        if self.is_recalling() {
            tracing::error!("the looks from before this start are not read back yet: nothing is asked or shown until they are");
        }
    }

    /// Whether the looks from before the start are still being read back: nothing is asked or shown.
    pub fn is_recalling(&self) -> bool {
        self.is_recalling.load(Ordering::SeqCst)
    }

    async fn recall_once(&self, source: &RecallSource, earlier: &mut Option<EarlierWindow>, limits: RecallLimits) -> bool {
        let recalled = recall::recall(source, earlier, limits, &self.table).await;
        if let Ok(Some(window)) = recalled {
            // It is empty: this runs once.
            let _ = self.context.window.set(window);
            return true;
        }
        recalled.is_ok()
    }

    /// Nothing is asked or shown before it is known what was asked before the start.
    fn ensure_recalled(&self) -> Result<(), TrailUnavailable> {
        if self.is_recalling() { Err(TrailUnavailable) } else { Ok(()) }
    }

    /// The requester's shared look about the child of `question`, if there still is one and it is wanted. Never asks CP-IS
    /// (decisions.md 11). When this returns, the trail says that the look is shown, or that there is none.
    ///
    /// # Errors
    /// Not delivered: [`LookError::Trail`]; [`LookError::TableUnavailable`] if only another replica may know, which puts nothing on
    /// the trail.
    pub async fn held(
        &self,
        question: &Question,
        request: &Request,
        is_wanted: impl Fn(&Answer) -> bool,
    ) -> Result<Option<Look>, Arc<LookError>> {
        self.ensure_recalled().map_err(LookError::from)?;
        let key = LookKey::of(question);
        let wanted = |completion: &Completion| completion.outcome.as_ref().is_ok_and(|answer| is_wanted(answer));
        let here = self.table.held(&key);
        let since = here.as_ref().map(|(_, completion)| completion.came);
        let mut held = here.filter(|(_, completion)| wanted(completion));
        if let (None, Some(replicas)) = (&held, &self.context.replicas)
            && let Some(completion) = replicas.shared(&key).await.map_err(|_| LookError::TableUnavailable)?.filter(wanted)
            // An adopted answer is shared from now on, so it must not replace one that came later.
            && since.is_none_or(|since| since < completion.came)
        {
            held = Some((self.table.adopt(&key, completion.clone())?, completion));
        }
        if let Some((flight, completion)) = held {
            return self.show_completed(&flight, completion, question, request, ShareReason::Window).await.map(Some);
        }
        let entry = record::not_held(question, &request.facts);
        self.context.ledger.record(&entry).await.map_err(|error| LookError::Trail(error.into()))?;
        Ok(None)
    }

    /// Answers `question`. Asks CP-IS unless the same look is remembered, shared or in flight.
    ///
    /// Dropping the future does not stop a query: its flight goes on, so that its outcome is not lost.
    ///
    /// # Errors
    /// The [`LookError`] of the flight; after `Patience::caller`, a timeout that may have been delivered. Not delivered, and at
    /// once: [`LookError::Overloaded`], [`LookError::CircuitOpen`], [`LookError::Trail`].
    pub async fn look(&self, question: Question, freshness: Freshness, request: Request) -> Result<Look, Arc<LookError>> {
        self.ensure_recalled().map_err(LookError::from)?;
        let deadline = Instant::now() + self.context.patience.caller;
        let id = request.request_id.as_ref().map(|id| id.to_ascii_lowercase());
        let question = Arc::new(question);
        let key = LookKey::of(&question);
        let id = id.map(|id| self.table.known_as(&key, id, &request.on_record));
        let timeout = || Arc::new(LookError::timeout());
        loop {
            let found = self.table.find(&key, id.as_deref(), freshness, || self.admission())?;
            if let Some(flight) = found.of_another() {
                spans::shares(flight.trace.get().map(Text::as_str));
            }
            let (flight, is_its_own) = match found {
                FindResult::Remembered(flight, completion) => {
                    return self
                        .show_completed(&flight, completion, &question, &request, ShareReason::OwnLook)
                        .await
                        .inspect(|_| self.count_saved(&flight));
                }
                FindResult::Shared(flight, completion) => {
                    self.announce(&flight, id.as_deref());
                    return self
                        .show_completed(&flight, completion, &question, &request, ShareReason::Window)
                        .await
                        .inspect(|_| self.count_saved(&flight));
                }
                FindResult::InFlight(flight) => {
                    self.announce(&flight, id.as_deref());
                    self.context.persist_request(&flight, id.as_deref());
                    (flight, false)
                }
                FindResult::New(guard, admission) => {
                    let flight = Arc::clone(&guard.flight);
                    self.context.persist_request(&flight, id.as_deref());
                    let _ = question.traceparent.clone().map(|traceparent| flight.trace.set(traceparent));
                    let leader_request = || LeaderRequest { key: key.clone(), request_id: id.clone(), freshness };
                    let leader_request = self.context.replicas.is_some().then(leader_request);
                    let flight_request = FlightRequest {
                        question: Arc::clone(&question),
                        facts: request.facts.clone(),
                        admission,
                        leader_request,
                    };
                    self.runtime.spawn(carried(flight::fly(Arc::clone(&self.context), flight_request, guard)));
                    (flight, true)
                }
            };
            let completion = await_completion(&flight, deadline, is_its_own).await.ok_or_else(timeout)?;
            let suits_all = !completion.source.is_found_remotely()
                || (completion.source == Source::ItsLook && table::is_nameless(id.as_deref(), freshness));
            if is_its_own || suits_all {
                return self.show_awaited(&flight, completion, &question, &request, is_its_own).await;
            }
            // Another replica had the answer for the request that started the flight. The table knows whether it suits this one
            // too.
            if Instant::now() >= deadline {
                return Err(timeout());
            }
        }
    }

    /// With replicas a flight gets its permit later: another replica may have the answer.
    fn admission(&self) -> Result<Option<Admission>, LookError> {
        match &self.context.replicas {
            None => self.context.admit().map(Some),
            Some(_) => Ok(self.context.may_be_recorded().map(|()| None)?),
        }
    }

    /// Makes this request known to the other replicas as one of the flight's, in case it is repeated there.
    fn announce(&self, flight: &Arc<Flight>, id: Option<&str>) {
        if let (Some(replicas), Some(id)) = (&self.context.replicas, id) {
            replicas.announce(flight, id);
        }
    }

    /// Shows the outcome of a flight that this request waited for.
    async fn show_awaited(
        &self,
        flight: &Arc<Flight>,
        completion: Completion,
        question: &Question,
        request: &Request,
        is_its_own: bool,
    ) -> Result<Look, Arc<LookError>> {
        // The trail failed when the outcome came.
        if completion.pending_entry.is_some() {
            return Err(withheld_or_unavailable(ShareReason::OwnLook));
        }
        let asked_here = completion.source == Source::Here;
        let shared = !is_its_own || !asked_here;
        let age = (!asked_here).then(|| completion.came.elapsed());
        if shared {
            self.record_sharing(flight, question, request, &completion, age)
                .await
                .map_err(|()| withheld_or_unavailable(ShareReason::OwnLook))?;
        }
        let answer = completion.outcome?;
        if shared {
            self.count_saved(flight);
        }
        flight.mark_shown();
        Ok(Look { answer, shared, age })
    }

    /// Shows the outcome of a flight that was complete before this request.
    async fn show_completed(
        &self,
        flight: &Arc<Flight>,
        completion: Completion,
        question: &Question,
        request: &Request,
        reason: ShareReason,
    ) -> Result<Look, Arc<LookError>> {
        if let Some(pending_entry) = &completion.pending_entry {
            self.context.ledger.record_again(pending_entry).await.map_err(|_| withheld_or_unavailable(reason))?;
            if flight.mark_recorded() {
                self.context.count_recorded(completion.outcome.as_deref().map_err(AsRef::as_ref));
                if let (Some(replicas), Some(lease)) = (&self.context.replicas, flight.take_lease()) {
                    replicas.complete(&self.table, flight, lease, &completion);
                }
            }
        }
        let age = completion.came.elapsed();
        self.record_sharing(flight, question, request, &completion, Some(age))
            .await
            .map_err(|()| withheld_or_unavailable(reason))?;
        let answer = completion.outcome?;
        flight.mark_shown();
        Ok(Look { answer, shared: true, age: Some(age) })
    }

    /// A failure that reveals nothing of what CP-IS holds needs no entry.
    async fn record_sharing(
        &self,
        flight: &Flight,
        question: &Question,
        request: &Request,
        completion: &Completion,
        age: Option<Duration>,
    ) -> Result<(), ()> {
        if completion.outcome.as_ref().is_err_and(|failure| !failure.reveals_a_record()) {
            return Ok(());
        }
        let entry = record::shared(flight.look, question, &request.facts, completion, age);
        self.context.ledger.record(&entry).await.map_err(|_| ())?;
        if completion.outcome.is_ok() {
            increment(&self.context.counters.shared);
        }
        Ok(())
    }

    /// Counts a search that did not have to ask.
    fn count_saved(&self, flight: &Flight) {
        if flight.has_notified() {
            increment(&self.context.counters.notifications_saved);
        }
    }

    /// How many looks are in flight.
    pub fn in_flight(&self) -> usize {
        self.table.in_flight()
    }

    pub fn statistics(&self) -> Statistics {
        let counters = &self.context.counters;
        let (looks, memory_limit) = self.table.memory();
        Statistics {
            memory_used: looks + memory::of_bodies(),
            memory_limit,
            asked: read(&counters.asked),
            answered: read(&counters.answered),
            shared: read(&counters.shared),
            notifications_caused: read(&counters.notifications_caused),
            notifications_saved: read(&counters.notifications_saved),
            shed: read(&counters.shed) + self.table.refused(),
            withheld: read(&counters.withheld),
            repeated: read(&counters.repeated),
            displaced: self.table.displaced(),
            unshared: self.context.replicas.as_ref().map_or(0, |replicas| replicas.unshared()),
            in_flight: self.in_flight(),
            waiting: self.context.bulkhead.waiting(),
            breaker: self.context.breaker.state(),
        }
    }

    /// Waits until no look is in flight, `limit` at most. True when all are complete, with their outcome on the trail or owed to
    /// it. No longer waits for looks of other replicas.
    pub async fn drain(&self, limit: Duration) -> bool {
        if let Some(replicas) = &self.context.replicas {
            replicas.close();
        }
        let all_complete = async {
            while self.in_flight() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let are_complete = tokio::time::timeout(limit, all_complete).await.is_ok();
        if let Some(replicas) = &self.context.replicas {
            let all_announced = async {
                while replicas.pending() > 0 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            // This takes milliseconds, unless the table is unavailable.
            let _ = tokio::time::timeout(ANNOUNCE_LIMIT, all_announced).await;
        }
        if let Some(window) = self.context.window.get() {
            window.flush(WINDOW_FLUSH_LIMIT).await;
        }
        are_complete
    }
}

/// `None`: the flight was not complete by `deadline`.
async fn await_completion(flight: &Arc<Flight>, deadline: Instant, is_its_own: bool) -> Option<Completion> {
    let wait_guard = is_its_own.then(|| flight.wait_guard());
    match deadline::by(deadline, flight.wait()).await {
        Ok(completion) => Some(completion),
        Err(_) if wait_guard.is_some_and(|wait_guard| !wait_guard.give_up()) => Some(flight.wait().await),
        Err(_) => None,
    }
}

/// The shortest time for which a look that may have been delivered is remembered (decisions.md 4).
const LEAST_REMEMBERED: Duration = Duration::from_mins(5);

/// How long shutdown may wait for the table that replicas share.
const ANNOUNCE_LIMIT: Duration = Duration::from_secs(2);

/// How long shutdown may wait for the window's file.
const WINDOW_FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// How long a start waits for the looks from before it.
const RECALL_START_LIMIT: Duration = Duration::from_secs(5);

/// How long until an unavailable trail is tried again for the looks from before the start.
const RECALL_RETRY: Duration = Duration::from_millis(500);

/// The error of a caller if the entry that must come first cannot be written. If its own look may have been delivered, it must not
/// retry by itself; if it asked nothing, it may.
fn withheld_or_unavailable(reason: ShareReason) -> Arc<LookError> {
    Arc::new(match reason {
        ShareReason::OwnLook => LookError::Withheld,
        ShareReason::Window => TrailUnavailable.into(),
    })
}

#[cfg(test)]
mod tests;
