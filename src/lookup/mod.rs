//! The use case: a permitted question becomes one answer, asked once, and nothing of it unrecorded.
//!
//! The line, and who owns each step of it:
//! 1. permission: `access`, before this room is entered;
//! 2. share or ask: [`Lookups::look`] finds the look in the [`table`]: remembered under its request id, shared from the window, on its
//!    way, or begun now, if the [`breaker`] and the [`gate`] let it;
//! 3. a begun look is a [`flight`]: its intent on record (**asked**), one query, its outcome on record (**answered**, **failed**,
//!    **unknown**), and only then do its waiters hear;
//! 4. every further showing of an answer is on record first (**shared**), and so is a read outside any look (**not-held**).
//!
//! Several replicas share their looks through the [`remote`] table, which a flight asks first ([`replicas`]).
//!
//! What each entry says, and when a look has failed rather than being unknown: [`record`].
//!
//! A restart forgets nothing of this: what is remembered outlives it in a file ([`window`]), and is read back with the trail ([`recall`]).

mod breaker;
mod error;
mod flight;
mod gate;
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
pub use error::LookError;
pub use gate::Bulkhead;
pub use key::LookKey;
pub use metrics::ends_of_a_query;
pub use options::{Options, StoreLocation};
pub use origin::Origin;
pub use recall::Past;
pub use statistics::Statistics;

use crate::audit::{RequestFacts, Trail, TrailUnavailable};
use crate::cpis::{Answer, AuthorAsSent, Question, Register, RegisterError, Requester, Text};
use crate::deadline;
use crate::memory;
use crate::telemetry::{request::carried, spans};
use breaker::Breaker;
use flight::{Crew, Load};
use gate::{Gate, Ticket};
use recall::Limits;
use record::Ledger;
use remote::{RemoteError, RemoteTable};
use repeats::Repeats;
use replicas::{Beginning, Replicas};
use statistics::{count, read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use table::{Bounds, Flight, Found, Landed, Source, Table};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;
use window::Earlier;

/// How long to wait (docs/settings.md).
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// `smsp.connect_timeout`: an attempt to connect is begun again only if this much is left.
    pub connect: Duration,
    /// `smsp.timeout`: how long the caller waits.
    pub caller: Duration,
    /// `smsp.late_timeout`: how long an answer is still awaited after that.
    pub late: Duration,
}

/// How long a finished answer is shared (docs/settings.md).
#[derive(Debug, Clone, Copy)]
pub struct Sharing {
    /// `lookup.share_for`; zero: only requests in flight together are shared.
    pub share_for: Duration,
    /// `lookup.refresh_after`: a younger answer is shared even under `Cache-Control: no-cache`.
    pub refresh_after: Duration,
}

/// How looks are made (docs/settings.md).
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub patience: Patience,
    pub sharing: Sharing,
    pub bulkhead: Bulkhead,
    pub breaker: BreakerRules,
}

/// How new the caller wants the answer to be (decisions.md 12).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Freshness {
    #[default]
    Shared,
    /// `Cache-Control: no-cache`.
    NoCache,
    /// `CPIS-New-Look: true`: always a look of its own.
    NewLook,
}

/// The request behind a look.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// For the trail.
    pub facts: RequestFacts,
    /// The caller's `X-Request-ID`, whose repetition is the same look; case does not matter. `None` where none came.
    pub request_id: Option<String>,
    /// How an entry of the trail may have it: by the forms of [`crate::audit::Seal::all_kept`], letter case aside. For looks that are
    /// known from the trail alone.
    pub on_record: Vec<String>,
}

/// The door of this room.
#[derive(Clone)]
pub struct Lookups {
    crew: Arc<Crew>,
    table: Table,
    sharing: Sharing,
    /// The looks of before the start are not read back yet.
    is_forgetful: Arc<AtomicBool>,
    /// The runtime that owns every flight, so that no flight ends with the connection of a caller (decisions.md 32).
    runtime: Handle,
}

/// An answer, and how it was come by.
#[derive(Debug, Clone)]
pub struct Look {
    pub answer: Arc<Answer>,
    /// Another request had asked, and this one shares its answer.
    pub shared: bool,
    /// How old the answer is, where it had come before this request.
    pub age: Option<Duration>,
}

/// How a request came to an answer that it did not ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// It waited for the flight, or it repeats a request that did: its look may have been heard.
    ItsOwnLook,
    /// The look is over, and another request's.
    TheWindow,
}

impl Lookups {
    pub fn new(register: Arc<dyn Register>, trail: Trail, rules: Rules, runtime: Handle) -> Self {
        Self::with(register, Arc::new(trail), rules, Bounds::of_memory(), runtime)
    }

    /// As [`Lookups::new`], for one of several replicas, which share their looks through `remote`.
    pub fn shared(register: Arc<dyn Register>, trail: Trail, rules: Rules, remote: RemoteTable, runtime: Handle) -> Self {
        let replicas = Replicas::new(remote, rules.sharing, rules.patience.caller, runtime.clone());
        Self::among(Some(replicas), register, Arc::new(trail), rules, Bounds::of_memory(), runtime)
    }

    /// From now on the table that replicas share is reached by `store`, with its keys. Without such a table nothing changes.
    ///
    /// # Errors
    /// [`RemoteError`]; then everything is as it was.
    pub fn renew_table(&self, store: &Options) -> Result<(), RemoteError> {
        match (&self.crew.replicas, &store.store) {
            (Some(replicas), StoreLocation::Redis(url)) => replicas.renew(url, store.store_ca.as_deref(), &store.store_keys),
            _ => Ok(()),
        }
    }

    fn with(register: Arc<dyn Register>, ledger: Arc<dyn Ledger>, rules: Rules, bounds: Bounds, runtime: Handle) -> Self {
        Self::among(None, register, ledger, rules, bounds, runtime)
    }

    fn among(
        replicas: Option<Arc<Replicas>>,
        register: Arc<dyn Register>,
        ledger: Arc<dyn Ledger>,
        rules: Rules,
        bounds: Bounds,
        runtime: Handle,
    ) -> Self {
        let table = Table::new(rules.sharing, rules.patience.caller, bounds, replicas.is_some());
        table.keep_swept(&runtime);
        let breaker = Breaker::new(rules.breaker);
        let gate = Gate::new(rules.bulkhead);
        let (window, counters) = (OnceLock::new(), Arc::default());
        let repeats = Repeats::default();
        let crew = Crew { register, ledger, breaker, gate, replicas, window, counters, repeats, patience: rules.patience };
        Self { crew: Arc::new(crew), table, sharing: rules.sharing, is_forgetful: Arc::default(), runtime }
    }

    /// The author that a query of `requester` would carry.
    ///
    /// # Errors
    /// As of [`Register::author`].
    pub fn author(&self, requester: &Requester) -> Result<AuthorAsSent, RegisterError> {
        self.crew.register.author(requester)
    }

    /// Remembers the looks of before this start (decisions.md 42). Where the trail cannot be reached just now, or takes longer than
    /// [`START_WAITS`] to be read, the service starts all the same, and nothing is asked or shown until they are remembered.
    pub async fn recall(&self, past: Past) {
        self.is_forgetful.store(true, Ordering::SeqCst);
        let (lookups, limits) = (self.clone(), Limits::new(self.sharing, self.table.remember_for(), self.crew.patience));
        let (tried, first_try) = oneshot::channel::<()>();
        self.runtime.spawn(async move {
            let (mut earlier, mut tried) = (recall::open_window(&past, limits), Some(tried));
            while !lookups.recall_once(&past, &mut earlier, limits).await {
                tried.take();
                tokio::time::sleep(RECALLED_EVERY).await;
            }
            lookups.is_forgetful.store(false, Ordering::SeqCst);
        });
        // Nothing is ever sent: it ends when the sender is dropped, after the first try.
        let _ = tokio::time::timeout(START_WAITS, first_try).await;
        if self.is_forgetful() {
            tracing::error!("the looks of before this start are not read back yet: nothing is asked or shown until they are");
        }
    }

    /// The looks of before the start are not read back yet: nothing is asked or shown.
    pub fn is_forgetful(&self) -> bool {
        self.is_forgetful.load(Ordering::SeqCst)
    }

    async fn recall_once(&self, past: &Past, earlier: &mut Option<Earlier>, limits: Limits) -> bool {
        let recalled = recall::recall(past, earlier, limits, &self.table).await;
        if let Ok(Some(window)) = recalled {
            // There is none yet: this is done once.
            let _ = self.crew.window.set(window);
            return true;
        }
        recalled.is_ok()
    }

    /// Nothing is asked or shown before it is known what was asked.
    fn remembers(&self) -> Result<(), TrailUnavailable> {
        if self.is_forgetful() { Err(TrailUnavailable) } else { Ok(()) }
    }

    /// The requester's shared look about the child of `question`, if there still is one and it is wanted. Never asks (decisions.md 11).
    /// That it is shown, or that there is none, is on the trail when this returns.
    ///
    /// # Errors
    /// Not delivered: [`LookError::Trail`], and [`LookError::TableUnavailable`] where only another replica may know, about which
    /// nothing is put on the trail.
    pub async fn held(
        &self,
        question: &Question,
        request: &Request,
        is_wanted: impl Fn(&Answer) -> bool,
    ) -> Result<Option<Look>, Arc<LookError>> {
        self.remembers().map_err(LookError::from)?;
        let key = LookKey::of(question);
        let wanted = |landed: &Landed| landed.outcome.as_ref().is_ok_and(|answer| is_wanted(answer));
        let here = self.table.held(&key);
        let since = here.as_ref().map(|(_, landed)| landed.came);
        let mut held = here.filter(|(_, landed)| wanted(landed));
        if let (None, Some(replicas)) = (&held, &self.crew.replicas)
            && let Some(landed) = replicas.shared(&key).await.map_err(|_| LookError::TableUnavailable)?.filter(wanted)
            // What is adopted is shared from here on: it never takes the place of what came later.
            && since.is_none_or(|since| since < landed.came)
        {
            held = Some((self.table.adopt(&key, landed.clone())?, landed));
        }
        if let Some((flight, landed)) = held {
            return self.show(&flight, landed, question, request, By::TheWindow).await.map(Some);
        }
        let entry = record::not_held(question, &request.facts);
        self.crew.ledger.record(&entry).await.map_err(|error| LookError::Trail(error.into()))?;
        Ok(None)
    }

    /// Answers `question`, asking CP-IS unless the same look is remembered, shared or already on its way.
    ///
    /// Dropping the future does not stop a query: its flight goes on, so that its outcome is not lost.
    ///
    /// # Errors
    /// The [`LookError`] of the flight; after `Patience::caller`, a timeout that may have been heard. Not delivered, and at once:
    /// [`LookError::Overloaded`], [`LookError::CircuitOpen`], [`LookError::Trail`].
    pub async fn look(&self, question: Question, freshness: Freshness, request: Request) -> Result<Look, Arc<LookError>> {
        self.remembers().map_err(LookError::from)?;
        let deadline = Instant::now() + self.crew.patience.caller;
        let id = request.request_id.as_ref().map(|id| id.to_ascii_lowercase());
        let question = Arc::new(question);
        let key = LookKey::of(&question);
        let id = id.map(|id| self.table.known_as(&key, id, &request.on_record));
        let timeout = || Arc::new(LookError::timeout());
        loop {
            let found = self.table.find(&key, id.as_deref(), freshness, || self.may_begin())?;
            if let Some(flight) = found.of_another() {
                spans::shares(flight.trace.get().map(Text::as_str));
            }
            let (flight, is_its_own) = match found {
                Found::Remembered(flight, landed) => {
                    return self
                        .show(&flight, landed, &question, &request, By::ItsOwnLook)
                        .await
                        .inspect(|_| self.saves(&flight));
                }
                Found::Shared(flight, landed) => {
                    self.joins(&flight, id.as_deref());
                    return self.show(&flight, landed, &question, &request, By::TheWindow).await.inspect(|_| self.saves(&flight));
                }
                Found::OnItsWay(flight) => {
                    self.joins(&flight, id.as_deref());
                    self.crew.belongs(&flight, id.as_deref());
                    (flight, false)
                }
                Found::Begun(departure, ticket) => {
                    let flight = Arc::clone(&departure.flight);
                    self.crew.belongs(&flight, id.as_deref());
                    let _ = question.traceparent.clone().map(|traceparent| flight.trace.set(traceparent));
                    let beginning = || Beginning { key: key.clone(), request_id: id.clone(), freshness };
                    let beginning = self.crew.replicas.is_some().then(beginning);
                    let load = Load { question: Arc::clone(&question), facts: request.facts.clone(), ticket, beginning };
                    self.runtime.spawn(carried(flight::fly(Arc::clone(&self.crew), load, departure)));
                    (flight, true)
                }
            };
            let landed = await_landing(&flight, deadline, is_its_own).await.ok_or_else(timeout)?;
            let suits_all = !landed.source.is_recalled()
                || (landed.source == Source::ItsLook && table::repeats_nameless(id.as_deref(), freshness));
            if is_its_own || suits_all {
                return self.hear(&flight, landed, &question, &request, is_its_own).await;
            }
            // Another replica had the answer for the request that began the flight. Whether it does for this one as well is
            // found in the table.
            if Instant::now() >= deadline {
                return Err(timeout());
            }
        }
    }

    /// A look that another replica may know of costs no place before that is known.
    fn may_begin(&self) -> Result<Option<Ticket>, LookError> {
        match &self.crew.replicas {
            None => self.crew.may_begin().map(Some),
            Some(_) => Ok(self.crew.may_be_recorded().map(|()| None)?),
        }
    }

    /// Another replica must know this request as one of the flight's, should it be repeated there.
    fn joins(&self, flight: &Arc<Flight>, id: Option<&str>) {
        if let (Some(replicas), Some(id)) = (&self.crew.replicas, id) {
            replicas.joins(flight, id);
        }
    }

    /// The outcome of a flight that this request waited for.
    async fn hear(
        &self,
        flight: &Arc<Flight>,
        landed: Landed,
        question: &Question,
        request: &Request,
        is_its_own: bool,
    ) -> Result<Look, Arc<LookError>> {
        // The trail has failed just now.
        if landed.owed.is_some() {
            return Err(unrecorded(By::ItsOwnLook));
        }
        let asked_here = landed.source == Source::Here;
        let shared = !is_its_own || !asked_here;
        let age = (!asked_here).then(|| landed.came.elapsed());
        if shared {
            self.record_sharing(flight, question, request, &landed, age).await.map_err(|()| unrecorded(By::ItsOwnLook))?;
        }
        let answer = landed.outcome?;
        if shared {
            self.saves(flight);
        }
        flight.is_told();
        Ok(Look { answer, shared, age })
    }

    /// The outcome of a flight that had landed before this request.
    async fn show(
        &self,
        flight: &Arc<Flight>,
        landed: Landed,
        question: &Question,
        request: &Request,
        by: By,
    ) -> Result<Look, Arc<LookError>> {
        if let Some(owed) = &landed.owed {
            self.crew.ledger.record_again(owed).await.map_err(|_| unrecorded(by))?;
            if flight.settles() {
                self.crew.counts(landed.outcome.as_deref().map_err(AsRef::as_ref));
                if let (Some(replicas), Some(place)) = (&self.crew.replicas, flight.take_place()) {
                    replicas.land(&self.table, flight, place, &landed);
                }
            }
        }
        let age = landed.came.elapsed();
        self.record_sharing(flight, question, request, &landed, Some(age)).await.map_err(|()| unrecorded(by))?;
        let answer = landed.outcome?;
        flight.is_told();
        Ok(Look { answer, shared: true, age: Some(age) })
    }

    /// A failure that tells nothing of what CP-IS holds needs no entry.
    async fn record_sharing(
        &self,
        flight: &Flight,
        question: &Question,
        request: &Request,
        landed: &Landed,
        age: Option<Duration>,
    ) -> Result<(), ()> {
        if landed.outcome.as_ref().is_err_and(|failure| !failure.tells_of_a_record()) {
            return Ok(());
        }
        let entry = record::shared(flight.look, question, &request.facts, landed, age);
        self.crew.ledger.record(&entry).await.map_err(|_| ())?;
        if landed.outcome.is_ok() {
            count(&self.crew.counters.shared);
        }
        Ok(())
    }

    /// A search that did not have to ask.
    fn saves(&self, flight: &Flight) {
        if flight.has_notified() {
            count(&self.crew.counters.notifications_saved);
        }
    }

    /// How many looks are on their way.
    pub fn in_flight(&self) -> usize {
        self.table.in_flight()
    }

    pub fn statistics(&self) -> Statistics {
        let counters = &self.crew.counters;
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
            unshared: self.crew.replicas.as_ref().map_or(0, |replicas| replicas.unshared()),
            in_flight: self.in_flight(),
            waiting: self.crew.gate.waiting(),
            breaker: self.crew.breaker.state(),
        }
    }

    /// Waits until no look is on its way, `limit` at most. True when all have landed, with their outcome on the trail or owed to it.
    /// Looks of other replicas are not waited for any more.
    pub async fn drain(&self, limit: Duration) -> bool {
        if let Some(replicas) = &self.crew.replicas {
            replicas.close();
        }
        let all_landed = async {
            while self.in_flight() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let have_landed = tokio::time::timeout(limit, all_landed).await.is_ok();
        if let Some(replicas) = &self.crew.replicas {
            let all_told = async {
                while replicas.pending() > 0 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            // They are told in milliseconds, or the table is away.
            let _ = tokio::time::timeout(TELLING_OTHERS, all_told).await;
        }
        if let Some(window) = self.crew.window.get() {
            window.flush(WRITING).await;
        }
        have_landed
    }
}

/// `None`: nothing of it came until `deadline`.
async fn await_landing(flight: &Arc<Flight>, deadline: Instant, is_its_own: bool) -> Option<Landed> {
    let waiting = is_its_own.then(|| flight.is_waited_for());
    match deadline::by(deadline, flight.wait()).await {
        Ok(landed) => Some(landed),
        Err(_) if waiting.is_some_and(|waiting| !waiting.gives_up()) => Some(flight.wait().await),
        Err(_) => None,
    }
}

/// How long the end may wait for the table that replicas share.
const TELLING_OTHERS: Duration = Duration::from_secs(2);

/// How long the end may wait for the window's file.
const WRITING: Duration = Duration::from_secs(2);

/// How long a start waits for the looks of before it.
const START_WAITS: Duration = Duration::from_secs(5);

/// How often a trail that is away is tried again for the looks of before the start.
const RECALLED_EVERY: Duration = Duration::from_millis(500);

/// What a caller hears where the entry that would have to stand first does not. If its own look may have been heard, it must
/// not be told to try again by itself; if it asked nothing, it may.
fn unrecorded(by: By) -> Arc<LookError> {
    Arc::new(match by {
        By::ItsOwnLook => LookError::Withheld,
        By::TheWindow => TrailUnavailable.into(),
    })
}

#[cfg(test)]
mod tests;
