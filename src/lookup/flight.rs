//! A flight: one look on its way to CP-IS and back, in a task of its own that no caller can cancel.

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
use crate::telemetry::{SmspPhase, spans};
use crate::upstream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;

/// What a flight needs of the room.
pub(super) struct Context {
    pub register: Arc<dyn Register>,
    pub ledger: Arc<dyn Ledger>,
    pub breaker: Breaker,
    pub bulkhead: Bulkhead,
    /// `None`: there is only this process.
    pub replicas: Option<Arc<Replicas>>,
    /// What outlives a restart; empty where nothing does.
    pub window: OnceLock<Window>,
    pub counters: Arc<Counters>,
    pub repeats: Repeats,
    pub patience: Patience,
}

impl Context {
    /// Whether a look may go out, said at once. What is refused here has not been asked and is no entry of the trail, which must
    /// not be what a flood of requests fills; it is counted.
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
        if self.ledger.can_owe_more() { Ok(()) } else { Err(TrailUnavailable) }
    }

    /// The request is one of the flight's, also after a restart.
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

/// What it carries.
pub(super) struct FlightRequest {
    pub question: Arc<Question>,
    /// Of the request that began it.
    pub facts: RequestFacts,
    pub admission: Option<Admission>,
    /// For the other replicas, where there are any.
    pub leader_request: Option<LeaderRequest>,
}

/// Flies: asks once, and once more only where no connection was ever made (decisions.md 6). Everything that can be said of it is
/// durable on the trail before any waiter hears.
pub(super) async fn fly(context: Arc<Context>, request: FlightRequest, guard: LeaderGuard) {
    let flight = Arc::clone(&guard.flight);
    let FlightRequest { question, facts, admission, leader_request } = request;
    let mut attempts = Attempts { context: &context, flight: &flight, question: &question, facts: &facts, detail: None };
    let (Some(replicas), Some(leader_request)) = (&context.replicas, leader_request) else {
        let completion = attempts.run(admission).await;
        return guard.complete(completion);
    };
    let table = guard.table().clone();
    // As long as a flight of this process would wait for an answer that is late.
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
    /// For the **asked** entry.
    detail: Option<&'static str>,
}

/// How far an attempt came.
enum AttemptResult {
    /// Nothing went out, and nothing more needs to be said of it on the trail.
    NotMade(LookError),
    /// Its **asked** is on the trail, so its end must be.
    Made(Box<OpenQuery>, Result<Answer, LookError>),
}

/// A query whose **asked** is on the trail and whose end is not. Should the flight break off, the trail says as soon as it can how
/// it ended, or that nobody knows.
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
        // Half of a caller's time: a query that goes out when its caller is about to leave notifies for nothing.
        let queued = spans::Waiting::begin();
        let mut permit = admission.permit(self.flight.began + self.context.patience.caller / 2).await;
        queued.end(SmspPhase::Queue);
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

    /// Nobody can be asked in this requester's name; that is an entry as well.
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
        if !ledger.can_owe_more() {
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
        // The trail took so long that nobody waits any more: nobody is notified for nothing.
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

    /// CP-IS may have heard: one time of many, for this person and this child, is counted. The trail says who it is, by the look.
    fn count_repeat(&self) {
        if self.context.repeats.count(self.flight.key(), Instant::now()) {
            increment(&self.context.counters.repeated);
            tracing::warn!(look = %self.flight.look, "one person asks about one child again and again: each time notifies");
        }
    }

    /// Waits on after the caller's deadline, but then neither counts as on its way for the bulkhead, nor as sound for the breaker.
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

    /// The second attempt has message ids and entries of its own; the first one ends on the trail before it.
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

    /// The outcome goes on the trail, and is told only then. What has nothing of CP-IS in it is told all the same.
    async fn finish(&self, mut open: Box<OpenQuery>, outcome: Result<Answer, LookError>) -> Completion {
        if let Err(failure) = &outcome {
            let (outcome, delivery) = (failure.outcome(), failure.delivery().name());
            let kind = failure.register().map_or_else(|| failure.to_string(), |error| upstream::describe(&error.kind));
            tracing::warn!(outcome, kind, phase = ?failure.phase(), delivery, "look failed");
        }
        let undelivered = outcome.as_ref().is_err_and(LookError::is_undelivered);
        // It is written beside the entry, without which it does not count, so that what is shown is in the file by then.
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
    /// Puts the end on the trail. False: it is not there, but will be as soon as the trail can be written.
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

/// Whether it may be told only once its entry is on the trail: it has something of CP-IS in it.
fn must_be_recorded(outcome: Result<&Answer, &LookError>) -> bool {
    outcome.map_or_else(|failure| failure.tells_of_a_record() && !failure.is_undelivered(), |_| true)
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

/// 50 to 250 ms, so that replicas do not come back all at once.
fn jitter() -> Duration {
    let random = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
    Duration::from_millis(50 + random * 200 / 255)
}
