//! A flight: the task that sends one look's query to CP-IS and records its outcome. No caller can cancel it.

use super::breaker::{Breaker, BreakerPermit, Verdict};
use super::bulkhead::{Admission, Bulkhead, Permit};
use super::metrics;
use super::record::{self, Ledger, Showing};
use super::repeats::Repeats;
use super::replicas::{LeaderRequest, Replicas, Start, UNSHARED};
use super::statistics::{Counters, increment};
use super::table::{Completion, Flight, LeaderGuard, Source};
use super::window::Window;
use super::{LookError, Patience};
use crate::audit::{Entry, RequestFacts, TrailUnavailable};
use crate::cpis::{Answer, AuthorAsSent, Delivery, MessageIds, Phase, Question, Register, RegisterError, RegisterErrorKind};
use crate::deadline;
use crate::telemetry::{ExchangePhase, spans};
use crate::upstream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;

/// What flights share: the register, the trail, the limits and the counters.
pub(super) struct Context {
    pub register: Arc<dyn Register>,
    pub ledger: Arc<dyn Ledger>,
    pub breaker: Breaker,
    pub bulkhead: Bulkhead,
    /// `None` for a single process.
    pub replicas: Option<Arc<Replicas>>,
    /// Writes what outlives a restart. Empty where nothing does.
    pub window: OnceLock<Window>,
    pub counters: Arc<Counters>,
    pub repeats: Repeats,
    pub patience: Patience,
}

impl Context {
    /// Decides at once whether a look may start. Refusals here are counted but not audited: a flood of requests must not fill the
    /// trail.
    pub(super) fn admit(&self) -> Result<Admission, LookError> {
        let shed = |error| {
            increment(&self.counters.shed);
            error
        };
        self.may_be_recorded()?;
        if !self.breaker.would_permit(Instant::now()) {
            return Err(shed(LookError::CircuitOpen));
        }
        self.bulkhead.admit().map_err(|_| shed(LookError::Overloaded))
    }

    pub(super) fn may_be_recorded(&self) -> Result<(), TrailUnavailable> {
        if self.ledger.has_backlog_room() { Ok(()) } else { Err(TrailUnavailable) }
    }

    /// Remembers across a restart that the request belongs to the flight.
    pub(super) fn persist_request(&self, flight: &Arc<Flight>, id: Option<&str>) {
        if let Some(window) = self.window.get() {
            window.write_request(flight, id);
        }
    }

    /// Counts an outcome that is on the trail.
    pub(super) fn count_recorded(&self, outcome: Result<&Answer, &LookError>) {
        if outcome.is_ok() {
            increment(&self.counters.answered);
        }
        if outcome.is_ok_and(|answer| answer.notification_expected() == Some(true)) {
            increment(&self.counters.notifications_caused);
        }
    }
}

/// What one flight asks, and for whom.
pub(super) struct FlightRequest {
    pub question: Arc<Question>,
    /// Of the request that started it.
    pub facts: RequestFacts,
    pub admission: Option<Admission>,
    /// For the other replicas. `None` for a single process.
    pub leader_request: Option<LeaderRequest>,
}

/// Runs a flight: one query, and a second one only if the first never got a connection (decisions.md 6). The outcome is durable on
/// the trail before any waiter gets it.
pub(super) async fn fly(context: Arc<Context>, request: FlightRequest, guard: LeaderGuard) {
    let flight = Arc::clone(&guard.flight);
    let FlightRequest { question, facts, admission, leader_request } = request;
    let mut attempts = Attempts { context: &context, flight: &flight, question: &question, facts: &facts, detail: None };
    let (Some(replicas), Some(leader_request)) = (&context.replicas, leader_request) else {
        let completion = attempts.run(admission).await;
        return guard.complete(completion);
    };
    let table = guard.table().clone();
    // A flight of this process waits as long for a late answer.
    let until = flight.began + context.patience.caller + context.patience.late;
    match replicas.start(&table, &flight, &leader_request, until).await {
        Start::Elsewhere(completion) => guard.complete(completion),
        Start::Leader(lease) => {
            attempts.detail = lease.is_alone.then_some(UNSHARED);
            let completion = attempts.run(admission).await;
            guard.complete(completion.clone());
            lease.complete(&table, &completion);
        }
    }
}

struct Attempts<'a> {
    context: &'a Context,
    flight: &'a Arc<Flight>,
    question: &'a Question,
    facts: &'a RequestFacts,
    /// The detail of the **asked** entry.
    detail: Option<&'static str>,
}

/// How an attempt ended.
enum AttemptResult {
    /// Nothing was sent, and the trail needs no further entry.
    NotMade(LookError),
    /// Its **asked** is on the trail, so its end must follow.
    Made(Box<OpenQuery>, Result<Answer, LookError>),
}

/// A query with **asked** on the trail and no end yet. If the flight breaks off, `Drop` hands the trail the end, known or unknown.
struct OpenQuery {
    ledger: Arc<dyn Ledger>,
    asked: Entry,
    ended: Option<Entry>,
    is_closed: bool,
}

impl Attempts<'_> {
    async fn run(&self, admission: Option<Admission>) -> Completion {
        let author = match self.context.register.author(&self.question.requester) {
            Ok(author) => author,
            Err(error) => return self.record_refusal(error.into()).await,
        };
        let admission = match admission.map_or_else(|| self.context.admit(), Ok) {
            Ok(admission) => admission,
            Err(failure) => return completed(Err(failure), None),
        };
        // Half of a caller's time: a query sent just before its caller gives up notifies for nothing.
        let queued = spans::Waiting::begin();
        let mut permit = admission.permit(self.flight.began + self.context.patience.caller / 2).await;
        queued.end(ExchangePhase::Queue);
        if permit.is_none() {
            increment(&self.context.counters.shed);
            return completed(Err(LookError::Overloaded), None);
        }
        match self.attempt(&author, &mut permit).await {
            AttemptResult::NotMade(failure) => completed(Err(failure), None),
            AttemptResult::Made(open, Err(failure)) if self.may_retry(&failure) => {
                self.retry(&author, &mut permit, open, failure).await
            }
            AttemptResult::Made(open, outcome) => self.finish(open, outcome).await,
        }
    }

    /// No query can be written in this requester's name. The trail gets an entry for that too.
    async fn record_refusal(&self, failure: LookError) -> Completion {
        let entry = record::refused(self.flight.look, self.question, self.facts, &failure);
        match self.context.ledger.record(&entry).await {
            Ok(()) => completed(Err(failure), None),
            Err(error) => completed(Err(LookError::Trail(error.into())), None),
        }
    }

    async fn attempt(&self, author: &AuthorAsSent, permit: &mut Option<Permit>) -> AttemptResult {
        let Context { breaker, ledger, counters, .. } = self.context;
        let Ok(mut breaker_permit) = breaker.acquire(&self.question.nhs_number, Instant::now()) else {
            increment(&counters.shed);
            return AttemptResult::NotMade(LookError::CircuitOpen);
        };
        let no_trail = || LookError::from(TrailUnavailable);
        if !ledger.has_backlog_room() {
            return AttemptResult::NotMade(no_trail());
        }
        let ids = MessageIds::fresh();
        let asked = record::asked(self.flight.look, self.question, self.facts, author, &ids, self.detail);
        if let Err(error) = ledger.record(&asked).await {
            if record::may_be_stored(&error) {
                ledger.record_when_possible(&record::ended(&asked, Err(&no_trail()), Showing::NotYet));
            }
            return AttemptResult::NotMade(no_trail());
        }
        let open = Box::new(OpenQuery { ledger: Arc::clone(ledger), asked, ended: None, is_closed: false });
        // The trail took so long that nobody waits any more, so no query is sent: it would notify for nothing.
        if Instant::now() >= self.flight.began + self.context.patience.caller {
            return AttemptResult::Made(open, Err(no_trail()));
        }
        self.flight.mark_sent();
        increment(&counters.asked);
        let outcome = self.ask(&ids, &mut breaker_permit, permit).await;
        metrics::count_query(outcome.as_ref());
        if outcome.as_ref().map_or_else(|failure| failure.delivery != Delivery::NotDelivered, |_| true) {
            self.count_repeat();
        }
        breaker_permit.report(Verdict::of(&outcome), Instant::now());
        AttemptResult::Made(open, outcome.map_err(LookError::from))
    }

    /// Counts a query that may have been delivered, if this person has asked too often about this child. The log names the look;
    /// the trail says who it was.
    fn count_repeat(&self) {
        if self.context.repeats.count(self.flight.key(), Instant::now()) {
            increment(&self.context.counters.repeated);
            tracing::warn!(look = %self.flight.look, "one person asks about one child again and again: each time notifies");
        }
    }

    /// Waits on after the caller's deadline. The query then no longer holds a bulkhead permit, and the breaker counts it as a
    /// failure.
    async fn ask(
        &self,
        ids: &MessageIds,
        breaker_permit: &mut BreakerPermit,
        permit: &mut Option<Permit>,
    ) -> Result<Answer, RegisterError> {
        let Patience { caller, late, .. } = self.context.patience;
        let asking = self.context.register.ask(self.question, ids);
        let mut asking = std::pin::pin!(deadline::by(self.flight.began + caller + late, asking));
        let outcome = match deadline::by(self.flight.began + caller, &mut asking).await {
            Ok(outcome) => outcome,
            Err(missed) => {
                breaker_permit.report(if missed.stood_still { Verdict::Ignored } else { Verdict::Failure }, Instant::now());
                *permit = None;
                asking.await
            }
        };
        outcome.unwrap_or_else(|_| Err(RegisterError::new(RegisterErrorKind::Timeout, Phase::Exchange, Delivery::MaybeDelivered)))
    }

    fn may_retry(&self, failure: &LookError) -> bool {
        let never_connected = failure.register().is_some_and(|error| {
            matches!(error.kind, RegisterErrorKind::Unreachable(_))
                && error.phase == Phase::Connect
                && error.delivery == Delivery::NotDelivered
        });
        let patience = self.context.patience;
        never_connected && self.flight.began.elapsed() + patience.connect + MAX_JITTER <= patience.caller
    }

    /// The second attempt has its own message ids and entries. The first one ends on the trail before the second begins.
    async fn retry(
        &self,
        author: &AuthorAsSent,
        permit: &mut Option<Permit>,
        mut open: Box<OpenQuery>,
        first: LookError,
    ) -> Completion {
        if !open.end(Err(&first), Showing::NotYet).await {
            return completed(Err(first), None);
        }
        tokio::time::sleep(jitter()).await;
        match self.attempt(author, permit).await {
            AttemptResult::NotMade(LookError::CircuitOpen) => completed(Err(first), None),
            AttemptResult::NotMade(failure) => completed(Err(failure), None),
            AttemptResult::Made(open, outcome) => self.finish(open, outcome).await,
        }
    }

    /// Records the outcome. Waiters get it only after that, unless it holds nothing from CP-IS.
    async fn finish(&self, mut open: Box<OpenQuery>, outcome: Result<Answer, LookError>) -> Completion {
        if let Err(failure) = &outcome {
            let (outcome, delivery) = (failure.outcome(), failure.delivery().name());
            let kind = failure.register().map_or_else(|| failure.to_string(), |error| upstream::describe(&error.kind));
            tracing::warn!(outcome, kind, phase = ?failure.phase(), delivery, "look failed");
        }
        let undelivered = outcome.as_ref().is_err_and(LookError::is_undelivered);
        // The file is written in parallel with the entry, so that it holds what is shown by then. It does not count without the
        // entry.
        let window = self.context.window.get().filter(|_| !undelivered);
        let writing = window.map(|window| window.write_outcome(self.flight, outcome.clone()));
        let showing = self.flight.mark_answering().map_or_else(Showing::Missed, |()| Showing::ToItsCaller);
        let is_recorded = open.end(outcome.as_ref(), showing).await;
        if let Some(writing) = writing {
            writing.wait().await;
        }
        let origin = open.ended.as_ref().and_then(record::origin);
        if is_recorded {
            self.context.count_recorded(outcome.as_ref());
            return Completion { origin, ..completed(outcome, None) };
        }
        if must_be_recorded(outcome.as_ref()) {
            increment(&self.context.counters.withheld);
            tracing::error!(look = %self.flight.look, "CP-IS answered, and the trail cannot be written: the answer is withheld");
            return Completion { origin, ..completed(outcome, open.ended.take().map(Arc::new)) };
        }
        Completion { origin, ..completed(outcome.map_err(LookError::without_contacts), None) }
    }
}

impl OpenQuery {
    /// Puts the end on the trail. False: it could not be written yet, and will be as soon as the trail allows it.
    async fn end(&mut self, outcome: Result<&Answer, &LookError>, showing: Showing) -> bool {
        let ended = self.ended.insert(record::ended(&self.asked, outcome, showing));
        let recorded = self.ledger.record(ended).await;
        self.is_closed = true;
        if recorded.is_err() {
            if must_be_recorded(outcome) {
                record::withheld(ended);
            }
            self.ledger.record_when_possible(ended);
        }
        recorded.is_ok()
    }
}

impl Drop for OpenQuery {
    fn drop(&mut self) {
        if !self.is_closed {
            let broken_off = LookError::Broken { delivery: Delivery::MaybeDelivered };
            let ended = self.ended.take().unwrap_or_else(|| record::ended(&self.asked, Err(&broken_off), Showing::NotYet));
            self.ledger.record_when_possible(&ended);
        }
    }
}

/// Whether the outcome holds something from CP-IS, so that waiters may get it only once its entry is on the trail.
fn must_be_recorded(outcome: Result<&Answer, &LookError>) -> bool {
    outcome.map_or_else(|failure| failure.reveals_a_record() && !failure.is_undelivered(), |_| true)
}

fn completed(outcome: Result<Answer, LookError>, pending_entry: Option<Arc<Entry>>) -> Completion {
    Completion {
        outcome: outcome.map(Arc::new).map_err(Arc::new),
        came: Instant::now(),
        pending_entry,
        source: Source::Here,
        origin: None,
    }
}

const MAX_JITTER: Duration = Duration::from_millis(250);

/// 50 to 250 ms, so that replicas do not all retry at once.
fn jitter() -> Duration {
    let random = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
    Duration::from_millis(50 + random * 200 / 255)
}
