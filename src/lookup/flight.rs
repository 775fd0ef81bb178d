//! A flight: one look on its way to CP-IS and back, in a task of its own that no caller can cancel.

use super::breaker::{Breaker, Pass, Sign};
use super::gate::{Gate, Place, Ticket};
use super::metrics;
use super::record::{self, Ledger, Showing};
use super::repeats::Repeats;
use super::replicas::{Beginning, Replicas, Start, UNSHARED};
use super::statistics::{Counters, count};
use super::table::{Departure, Flight, Landed, Source};
use super::window::Window;
use super::{LookError, Patience};
use crate::audit::{Entry, RequestFacts, TrailUnavailable};
use crate::cpis::{Answer, AuthorAsSent, Delivery, MessageIds, Phase, Question, Register, RegisterError, RegisterErrorKind};
use crate::deadline;
use crate::telemetry::{SmspPhase, spans};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;

/// What a flight needs of the room.
pub(super) struct Crew {
    pub register: Arc<dyn Register>,
    pub ledger: Arc<dyn Ledger>,
    pub breaker: Breaker,
    pub gate: Gate,
    /// `None`: there is only this process.
    pub replicas: Option<Arc<Replicas>>,
    /// What outlives a restart; empty where nothing does.
    pub window: OnceLock<Window>,
    pub counters: Arc<Counters>,
    pub repeats: Repeats,
    pub patience: Patience,
}

impl Crew {
    /// Whether a look may go out, said at once. What is refused here has not been asked and is no entry of the trail, which must
    /// not be what a flood of requests fills; it is counted.
    pub(super) fn may_begin(&self) -> Result<Ticket, LookError> {
        let shed = |error| {
            count(&self.counters.shed);
            error
        };
        self.may_be_recorded()?;
        if !self.breaker.lets_through(Instant::now()) {
            return Err(shed(LookError::CircuitOpen));
        }
        self.gate.enter().map_err(|_| shed(LookError::Overloaded))
    }

    pub(super) fn may_be_recorded(&self) -> Result<(), TrailUnavailable> {
        if self.ledger.can_owe_more() { Ok(()) } else { Err(TrailUnavailable) }
    }

    /// The request is one of the flight's, also after a restart.
    pub(super) fn belongs(&self, flight: &Arc<Flight>, id: Option<&str>) {
        if let Some(window) = self.window.get() {
            window.joins(flight, id);
        }
    }

    /// Counts an outcome that is on the trail.
    pub(super) fn counts(&self, outcome: Result<&Answer, &LookError>) {
        if outcome.is_ok() {
            count(&self.counters.answered);
        }
        if outcome.is_ok_and(|answer| answer.notification_expected() == Some(true)) {
            count(&self.counters.notifications_caused);
        }
    }
}

/// What it carries.
pub(super) struct Load {
    pub question: Arc<Question>,
    /// Of the request that began it.
    pub facts: RequestFacts,
    pub ticket: Option<Ticket>,
    /// For the other replicas, where there are any.
    pub beginning: Option<Beginning>,
}

/// Flies: asks once, and once more only where no connection was ever made (decisions.md 6). Everything that can be said of it is
/// durable on the trail before any waiter hears.
pub(super) async fn fly(crew: Arc<Crew>, load: Load, departure: Departure) {
    let flight = Arc::clone(&departure.flight);
    let Load { question, facts, ticket, beginning } = load;
    let mut trip = Trip { crew: &crew, flight: &flight, question: &question, facts: &facts, detail: None };
    let (Some(replicas), Some(beginning)) = (&crew.replicas, beginning) else {
        let landed = trip.go(ticket).await;
        return departure.land(landed);
    };
    let table = departure.table().clone();
    // As long as a flight of this process would wait for an answer that is late.
    let until = flight.began + crew.patience.caller + crew.patience.late;
    match replicas.begin(&table, &flight, &beginning, until).await {
        Start::Elsewhere(landed) => departure.land(landed),
        Start::Asks(aboard) => {
            trip.detail = aboard.is_alone.then_some(UNSHARED);
            let landed = trip.go(ticket).await;
            departure.land(landed.clone());
            aboard.land(&table, &landed);
        }
    }
}

struct Trip<'a> {
    crew: &'a Crew,
    flight: &'a Arc<Flight>,
    question: &'a Question,
    facts: &'a RequestFacts,
    /// For the **asked** entry.
    detail: Option<&'static str>,
}

/// How far an attempt came.
enum Attempt {
    /// Nothing went out, and nothing more needs to be said of it on the trail.
    NotMade(LookError),
    /// Its **asked** is on the trail, so its end must be.
    Made(Box<Open>, Result<Answer, LookError>),
}

/// A query whose **asked** is on the trail and whose end is not. Should the flight break off, the trail says as soon as it can how
/// it ended, or that nobody knows.
struct Open {
    ledger: Arc<dyn Ledger>,
    asked: Entry,
    ended: Option<Entry>,
    is_closed: bool,
}

impl Trip<'_> {
    async fn go(&self, ticket: Option<Ticket>) -> Landed {
        let author = match self.crew.register.author(&self.question.requester) {
            Ok(author) => author,
            Err(error) => return self.refused(error.into()).await,
        };
        let ticket = match ticket.map_or_else(|| self.crew.may_begin(), Ok) {
            Ok(ticket) => ticket,
            Err(failure) => return landed(Err(failure), None),
        };
        // Half of a caller's time: a query that goes out when its caller is about to leave notifies for nothing.
        let queued = spans::Waiting::begin();
        let mut place = ticket.place(self.flight.began + self.crew.patience.caller / 2).await;
        queued.end(SmspPhase::Queue);
        if place.is_none() {
            count(&self.crew.counters.shed);
            return landed(Err(LookError::Overloaded), None);
        }
        match self.attempt(&author, &mut place).await {
            Attempt::NotMade(failure) => landed(Err(failure), None),
            Attempt::Made(open, Err(failure)) if self.may_try_again(&failure) => {
                self.once_more(&author, &mut place, open, failure).await
            }
            Attempt::Made(open, outcome) => self.arrive(open, outcome).await,
        }
    }

    /// Nobody can be asked in this requester's name; that is an entry as well.
    async fn refused(&self, failure: LookError) -> Landed {
        let entry = record::refused(self.flight.look, self.question, self.facts, &failure);
        match self.crew.ledger.record(&entry).await {
            Ok(()) => landed(Err(failure), None),
            Err(error) => landed(Err(LookError::Trail(error.into())), None),
        }
    }

    async fn attempt(&self, author: &AuthorAsSent, place: &mut Option<Place>) -> Attempt {
        let Crew { breaker, ledger, counters, .. } = self.crew;
        let Ok(mut pass) = breaker.pass(&self.question.nhs_number, Instant::now()) else {
            count(&counters.shed);
            return Attempt::NotMade(LookError::CircuitOpen);
        };
        let no_trail = || LookError::from(TrailUnavailable);
        if !ledger.can_owe_more() {
            return Attempt::NotMade(no_trail());
        }
        let ids = MessageIds::fresh();
        let asked = record::asked(self.flight.look, self.question, self.facts, author, &ids, self.detail);
        if let Err(error) = ledger.record(&asked).await {
            if record::may_stand(&error) {
                ledger.record_when_possible(&record::ended(&asked, Err(&no_trail()), Showing::NotYet));
            }
            return Attempt::NotMade(no_trail());
        }
        let open = Box::new(Open { ledger: Arc::clone(ledger), asked, ended: None, is_closed: false });
        // The trail took so long that nobody waits any more: nobody is notified for nothing.
        if Instant::now() >= self.flight.began + self.crew.patience.caller {
            return Attempt::Made(open, Err(no_trail()));
        }
        self.flight.goes_out();
        count(&counters.asked);
        let outcome = self.ask(&ids, &mut pass, place).await;
        metrics::count(outcome.as_ref());
        if outcome.as_ref().map_or_else(|failure| failure.delivery != Delivery::NotDelivered, |_| true) {
            self.was_heard();
        }
        pass.report(Sign::of(&outcome), Instant::now());
        Attempt::Made(open, outcome.map_err(LookError::from))
    }

    /// CP-IS may have heard: one time of many, for this person and this child, is counted. The trail says who it is, by the look.
    fn was_heard(&self) {
        if self.crew.repeats.asks(self.flight.key(), Instant::now()) {
            count(&self.crew.counters.repeated);
            tracing::warn!(look = %self.flight.look, "one person asks about one child again and again: each time notifies");
        }
    }

    /// Waits on after the caller's deadline, but then neither counts as on its way for the bulkhead, nor as sound for the breaker.
    async fn ask(&self, ids: &MessageIds, pass: &mut Pass, place: &mut Option<Place>) -> Result<Answer, RegisterError> {
        let Patience { caller, late, .. } = self.crew.patience;
        let asking = self.crew.register.ask(self.question, ids);
        let mut asking = std::pin::pin!(deadline::by(self.flight.began + caller + late, asking));
        let outcome = match deadline::by(self.flight.began + caller, &mut asking).await {
            Ok(outcome) => outcome,
            Err(missed) => {
                pass.report(if missed.stood_still { Sign::None } else { Sign::Bad }, Instant::now());
                *place = None;
                asking.await
            }
        };
        outcome.unwrap_or_else(|_| Err(RegisterError::new(RegisterErrorKind::Timeout, Phase::Exchange, Delivery::MaybeDelivered)))
    }

    fn may_try_again(&self, failure: &LookError) -> bool {
        let never_connected = failure.register().is_some_and(|error| {
            matches!(error.kind, RegisterErrorKind::NotConnected { .. })
                && error.phase == Phase::Connect
                && error.delivery == Delivery::NotDelivered
        });
        let patience = self.crew.patience;
        never_connected && self.flight.began.elapsed() + patience.connect + MOST_JITTER <= patience.caller
    }

    /// The second attempt has message ids and entries of its own; the first one ends on the trail before it.
    async fn once_more(&self, author: &AuthorAsSent, place: &mut Option<Place>, mut open: Box<Open>, first: LookError) -> Landed {
        if !open.end(Err(&first), Showing::NotYet).await {
            return landed(Err(first), None);
        }
        tokio::time::sleep(jitter()).await;
        match self.attempt(author, place).await {
            Attempt::NotMade(LookError::CircuitOpen) => landed(Err(first), None),
            Attempt::NotMade(failure) => landed(Err(failure), None),
            Attempt::Made(open, outcome) => self.arrive(open, outcome).await,
        }
    }

    /// The outcome goes on the trail, and is told only then. What has nothing of CP-IS in it is told all the same.
    async fn arrive(&self, mut open: Box<Open>, outcome: Result<Answer, LookError>) -> Landed {
        if let Err(failure) = &outcome {
            let (outcome, delivery) = (failure.outcome(), failure.delivery().name());
            let kind = failure.register().map_or_else(|| failure.to_string(), |error| error.kind.to_string());
            tracing::warn!(outcome, kind, phase = ?failure.phase(), delivery, "look failed");
        }
        let not_heard = outcome.as_ref().is_err_and(LookError::is_undelivered);
        // It is written beside the entry, without which it does not count, so that what is shown is in the file by then.
        let window = self.crew.window.get().filter(|_| !not_heard);
        let writing = window.map(|window| window.keeps(self.flight, outcome.clone()));
        let showing = self.flight.answers_its_caller().map_or_else(Showing::Missed, |()| Showing::ToItsCaller);
        let is_recorded = open.end(outcome.as_ref(), showing).await;
        if let Some(writing) = writing {
            writing.ended().await;
        }
        let origin = open.ended.as_ref().and_then(record::origin);
        if is_recorded {
            self.crew.counts(outcome.as_ref());
            return Landed { origin, ..landed(outcome, None) };
        }
        if must_be_recorded(outcome.as_ref()) {
            count(&self.crew.counters.withheld);
            tracing::error!(look = %self.flight.look, "CP-IS answered, and the trail cannot be written: the answer is withheld");
            return Landed { origin, ..landed(outcome, open.ended.take().map(Arc::new)) };
        }
        Landed { origin, ..landed(outcome.map_err(LookError::without_contacts), None) }
    }
}

impl Open {
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

impl Drop for Open {
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

fn landed(outcome: Result<Answer, LookError>, owed: Option<Arc<Entry>>) -> Landed {
    Landed { outcome: outcome.map(Arc::new).map_err(Arc::new), came: Instant::now(), owed, source: Source::Here, origin: None }
}

const MOST_JITTER: Duration = Duration::from_millis(250);

/// 50 to 250 ms, so that replicas do not come back all at once.
fn jitter() -> Duration {
    let random = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
    Duration::from_millis(50 + random * 200 / 255)
}
