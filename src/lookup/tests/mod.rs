use super::*;
use crate::audit::{Entry, Event, StoreError, StoreErrorKind, TrailError, TrailUnavailable};
use crate::cpis::*;
use crate::fhir::samples;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// What no test of this room asks of a register.
macro_rules! neither_probed_nor_renewed {
    () => {
        fn probe(&self) -> ProbeFuture {
            unreachable!("a look probes nothing")
        }

        fn renew(&self, _: Credentials) -> Result<(), RenewalError> {
            unreachable!("a look renews nothing")
        }
    };
}

mod bounds;
mod idempotency;
mod model;
mod nameless;
mod on_record;
mod overload;
mod sharing;
mod start;
mod with_the_trail;

const NUMBER: &str = "9990000018";
const WINDOW: Duration = Duration::from_mins(5);

/// A register that takes `delay` and gives the outcomes in turn, the last one for ever. It checks that the trail has each query as
/// asked.
struct FakeRegister {
    delay: Duration,
    outcomes: Mutex<Vec<Result<Answer, RegisterError>>>,
    asked: AtomicUsize,
    ids: Mutex<Vec<MessageIds>>,
    trail: Arc<FakeTrail>,
    lacks_a_name: AtomicBool,
}

impl FakeRegister {
    fn new(delay: Duration, outcomes: Vec<Result<(), RegisterError>>) -> Arc<Self> {
        Self::answering(delay, outcomes.into_iter().map(|outcome| outcome.map(|()| no_record())).collect())
    }

    fn answering(delay: Duration, outcomes: Vec<Result<Answer, RegisterError>>) -> Arc<Self> {
        Arc::new(Self {
            delay,
            outcomes: Mutex::new(outcomes),
            asked: AtomicUsize::new(0),
            ids: Mutex::default(),
            trail: Arc::default(),
            lacks_a_name: AtomicBool::new(false),
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }

    fn events(&self) -> Vec<&'static str> {
        self.trail.events()
    }
}

impl Register for FakeRegister {
    neither_probed_nor_renewed!();

    fn author(&self, requester: &Requester) -> Result<AuthorAsSent, RegisterError> {
        if self.lacks_a_name.load(SeqCst) {
            let kind = RegisterErrorKind::AuthorIncomplete { missing: vec![AuthorPart::Name] };
            return Err(RegisterError::new(kind, Phase::Build, Delivery::NotDelivered));
        }
        Ok(author(requester))
    }

    fn ask<'a>(&'a self, _: &'a Question, ids: &'a MessageIds) -> AskFuture<'a> {
        Box::pin(async move {
            assert!(self.trail.has_asked(ids), "a query was sent that is not on the trail");
            self.asked.fetch_add(1, SeqCst);
            self.ids.lock().unwrap().push(ids.clone());
            tokio::time::sleep(self.delay).await;
            let mut outcomes = self.outcomes.lock().unwrap();
            if outcomes.len() > 1 { outcomes.remove(0) } else { outcomes[0].clone() }
        })
    }
}

struct PanickingRegister(Arc<FakeTrail>);

impl Register for PanickingRegister {
    neither_probed_nor_renewed!();

    fn author(&self, requester: &Requester) -> Result<AuthorAsSent, RegisterError> {
        Ok(author(requester))
    }

    fn ask<'a>(&'a self, _: &'a Question, _: &'a MessageIds) -> AskFuture<'a> {
        Box::pin(async { panic!("a fault of our own") })
    }
}

/// A trail on the test's clock, which fails as the test wants.
#[derive(Default)]
struct FakeTrail {
    lines: Mutex<Vec<Entry>>,
    owed: Mutex<Vec<Entry>>,
    fails: Mutex<Vec<Event>>,
    error: Mutex<Option<TrailError>>,
    takes: Mutex<Duration>,
    is_full_of_debt: AtomicBool,
}

impl FakeTrail {
    /// Entries of these events fail from now on.
    fn fails(&self, events: &[Event]) {
        *self.fails.lock().unwrap() = events.to_vec();
    }

    fn fails_with(&self, error: TrailError) {
        *self.error.lock().unwrap() = Some(error);
    }

    fn lines(&self) -> Vec<Entry> {
        self.lines.lock().unwrap().clone()
    }

    fn owed(&self) -> Vec<Entry> {
        self.owed.lock().unwrap().clone()
    }

    fn events(&self) -> Vec<&'static str> {
        self.lines().iter().map(|entry| entry.event.name()).collect()
    }

    fn has_asked(&self, ids: &MessageIds) -> bool {
        let is_it = |entry: &Entry| {
            entry.event == Event::Asked
                && entry.message.as_ref().is_some_and(|message| message.message_id.as_str() == ids.message)
        };
        self.lines.lock().unwrap().iter().any(is_it)
    }

    async fn write(&self, entry: &Entry, again: bool) -> Result<(), TrailError> {
        let takes = *self.takes.lock().unwrap();
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        if self.fails.lock().unwrap().contains(&entry.event) {
            let error = self.error.lock().unwrap().clone();
            return Err(error.unwrap_or_else(|| StoreError::new(StoreErrorKind::Full, "as the test wants it").into()));
        }
        let mut lines = self.lines.lock().unwrap();
        if !(again && lines.iter().any(|line| line.id == entry.id)) {
            lines.push(entry.clone());
        }
        Ok(())
    }
}

impl Ledger for FakeTrail {
    fn record<'a>(&'a self, entry: &'a Entry) -> BoxFuture<'a, Result<(), TrailError>> {
        Box::pin(self.write(entry, false))
    }

    fn record_again<'a>(&'a self, entry: &'a Entry) -> BoxFuture<'a, Result<(), TrailError>> {
        Box::pin(self.write(entry, true))
    }

    fn record_when_possible(&self, entry: &Entry) {
        self.owed.lock().unwrap().push(entry.clone());
    }

    fn has_backlog_room(&self) -> bool {
        !self.is_full_of_debt.load(SeqCst)
    }
}

fn author(requester: &Requester) -> AuthorAsSent {
    AuthorAsSent {
        template: AuthorKind::System,
        id: "200000000115".into(),
        role_profile_id: None,
        role_code: requester.role.code.clone(),
        role_name: requester.role.name.clone(),
        name: "Test".into(),
        organisation_ods: "RX1".into(),
        organisation_name: "Test".into(),
        nominated: false,
    }
}

fn no_record() -> Answer {
    Answer {
        about: NhsNumber::parse(NUMBER).unwrap(),
        effective: Timestamp::UNIX_EPOCH,
        query_id: Text::default(),
        response_id: "response".into(),
        response_code: Some("SMSP-0000".into()),
        holding: Holding::NoRecord,
        accesses: Vec::new(),
        stale: false,
        notices: Vec::new(),
    }
}

fn question(user: &str) -> Question {
    about(NUMBER, user)
}

fn about(number: &str, user: &str) -> Question {
    Question {
        nhs_number: NhsNumber::parse(number).unwrap(),
        requester: Requester {
            user: UserIdentity { issuer: "test".into(), id: user.into() },
            sds_user_id: None,
            role_profile_id: None,
            role: Role::default(),
            name: PersonName::default(),
            organisation: Organisation::default(),
            activities: Vec::new(),
            care_setting: CareSetting::default(),
        },
        traceparent: None,
    }
}

/// The n-th of many children.
fn child(n: u64) -> String {
    let numbers = (9_990_000_000 + n * 20..).filter_map(|number| NhsNumber::from_u64(number).ok());
    numbers.map(|number| number.digits().to_owned()).next().unwrap()
}

fn anonymous() -> Request {
    Request::default()
}

fn request(id: &str) -> Request {
    let facts = RequestFacts { request_id: Some(id.into()), ..RequestFacts::default() };
    Request { facts, request_id: Some(id.to_owned()), on_record: vec![id.to_owned()] }
}

fn rules(share_for: Duration) -> Rules {
    Rules {
        patience: Patience { connect: Duration::from_secs(5), caller: Duration::from_secs(20), late: Duration::from_mins(1) },
        sharing: Sharing { share_for, refresh_after: share_for },
        bulkhead: BulkheadRules { max_in_flight: 64, max_queued: 256 },
        breaker: BreakerRules { failures: 5, open_for: Duration::from_secs(15) },
    }
}

/// Every look is a separate query.
fn lookups(register: &Arc<FakeRegister>) -> Lookups {
    by(register, rules(Duration::ZERO))
}

/// Answers are shared for five minutes.
fn sharing_lookups(register: &Arc<FakeRegister>) -> Lookups {
    by(register, rules(WINDOW))
}

fn by(register: &Arc<FakeRegister>, rules: Rules) -> Lookups {
    bounded(register, rules, Bounds::of_memory())
}

fn bounded(register: &Arc<FakeRegister>, rules: Rules, bounds: Bounds) -> Lookups {
    let book = Arc::clone(&register.trail);
    Lookups::with_ledger(Arc::clone(register) as Arc<dyn Register>, book, rules, bounds, Handle::current())
}

impl Lookups {
    /// A search of one user without headers.
    async fn plain(&self, user: &str) -> Result<Look, Arc<LookError>> {
        self.look(question(user), Freshness::Shared, anonymous()).await
    }

    /// A search of one user with a request id.
    async fn with_id(&self, id: &str) -> Result<Look, Arc<LookError>> {
        self.look(question("a"), Freshness::Shared, request(id)).await
    }

    async fn new_look(&self, id: &str) -> Result<Look, Arc<LookError>> {
        self.look(question("a"), Freshness::NewLook, request(id)).await
    }
}

fn not_connected() -> RegisterError {
    RegisterError::new(RegisterErrorKind::Unreachable(ConnectCause::Refused), Phase::Connect, Delivery::NotDelivered)
}

fn rejected(reason: Rejection) -> RegisterErrorKind {
    RegisterErrorKind::Rejected { reason, code: None }
}

fn lost() -> RegisterError {
    RegisterError::new(RegisterErrorKind::ConnectionLost, Phase::Exchange, Delivery::MaybeDelivered)
}
