use super::*;
use crate::cpis::*;
use jiff::Timestamp;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const NUMBER: &str = "9990000018";

/// A register that takes `delay` and gives the outcomes in turn, the last one for ever.
struct Script {
    delay: Duration,
    outcomes: Mutex<Vec<Result<(), Failure>>>,
    asked: AtomicUsize,
    ids: Mutex<Vec<MessageIds>>,
}

impl Script {
    fn new(delay: Duration, outcomes: Vec<Result<(), Failure>>) -> Arc<Self> {
        Arc::new(Self { delay, outcomes: Mutex::new(outcomes), asked: AtomicUsize::new(0), ids: Mutex::default() })
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

impl Register for Script {
    fn author(&self, question: &Question) -> Result<AuthorAsSent, Failure> {
        Ok(author(question))
    }

    fn ask<'a>(&'a self, question: &'a Question, ids: &'a MessageIds) -> Asking<'a> {
        Box::pin(async move {
            self.asked.fetch_add(1, SeqCst);
            self.ids.lock().unwrap().push(ids.clone());
            tokio::time::sleep(self.delay).await;
            let mut outcomes = self.outcomes.lock().unwrap();
            let outcome = if outcomes.len() > 1 { outcomes.remove(0) } else { outcomes[0].clone() };
            outcome.map(|()| no_record(&question.nhs_number))
        })
    }
}

struct Panics;

impl Register for Panics {
    fn author(&self, question: &Question) -> Result<AuthorAsSent, Failure> {
        Ok(author(question))
    }

    fn ask<'a>(&'a self, _: &'a Question, _: &'a MessageIds) -> Asking<'a> {
        Box::pin(async { panic!("a fault of our own") })
    }
}

fn author(question: &Question) -> AuthorAsSent {
    AuthorAsSent {
        template: AuthorKind::System,
        id: "200000000115".into(),
        role_profile_id: None,
        role_code: question.requester.role.code.clone(),
        role_name: question.requester.role.name.clone(),
        name: "Test".into(),
        organisation_ods: "RX1".into(),
        organisation_name: "Test".into(),
        nominated: false,
    }
}

fn no_record(about: &NhsNumber) -> Answer {
    Answer {
        about: about.clone(),
        effective: Timestamp::UNIX_EPOCH,
        query_id: Text::default(),
        response_id: Text::default(),
        holding: Holding::NoRecord,
        accesses: Vec::new(),
        stale: false,
        notices: Vec::new(),
    }
}

fn question(user: &str) -> Question {
    Question {
        nhs_number: NhsNumber::parse(NUMBER).unwrap(),
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

fn lookups(register: Arc<dyn Register>) -> Lookups {
    sharing(register, Duration::ZERO)
}

fn sharing(register: Arc<dyn Register>, share_for: Duration) -> Lookups {
    let patience = Patience { connect: Duration::from_secs(5), caller: Duration::from_secs(20), late: Duration::from_mins(1) };
    Lookups::new(register, patience, Sharing { share_for, refresh_after: Duration::from_secs(30) }, Handle::current())
}

fn not_connected() -> Failure {
    Failure::new(FailureKind::NotConnected { cause: "refused" }, Phase::Connect, Delivery::NotDelivered)
}

fn lost() -> Failure {
    Failure::new(FailureKind::ConnectionLost, Phase::Exchange, Delivery::MaybeDelivered)
}

#[tokio::test(start_paused = true)]
async fn a_hundred_searches_of_one_look_ask_once() {
    let register = Script::new(Duration::from_secs(1), vec![Ok(())]);
    let lookups = lookups(register.clone());
    let looks = futures_util::future::join_all((0..100).map(|_| lookups.look(question("a"), Freshness::Shared))).await;
    assert!(looks.iter().all(Result::is_ok));
    assert_eq!(looks.iter().filter(|look| !look.as_ref().unwrap().shared).count(), 1);
    assert_eq!(register.asked(), 1);
    assert_eq!(lookups.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn two_users_are_two_looks() {
    let register = Script::new(Duration::from_secs(1), vec![Ok(())]);
    let lookups = lookups(register.clone());
    let (a, b) = tokio::join!(lookups.look(question("a"), Freshness::Shared), lookups.look(question("b"), Freshness::Shared));
    assert!(a.is_ok() && b.is_ok());
    assert_eq!(register.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn waiters_of_one_flight_get_the_same_failure_and_the_next_look_asks_again() {
    let register = Script::new(Duration::from_secs(1), vec![Err(lost()), Ok(())]);
    let lookups = lookups(register.clone());
    let (a, b) = tokio::join!(lookups.look(question("a"), Freshness::Shared), lookups.look(question("a"), Freshness::Shared));
    assert_eq!(a.unwrap_err(), b.unwrap_err());
    assert_eq!(register.asked(), 1);
    assert!(lookups.look(question("a"), Freshness::Shared).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_connection_never_made_is_tried_once_more_with_new_ids() {
    let register = Script::new(Duration::ZERO, vec![Err(not_connected()), Ok(())]);
    assert!(lookups(register.clone()).look(question("a"), Freshness::Shared).await.is_ok());
    let ids = register.ids.lock().unwrap();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0].message, ids[1].message);
    assert_ne!(ids[0].query, ids[1].query);
}

#[tokio::test(start_paused = true)]
async fn a_connection_never_made_is_not_tried_a_third_time() {
    let register = Script::new(Duration::ZERO, vec![Err(not_connected())]);
    assert_eq!(*lookups(register.clone()).look(question("a"), Freshness::Shared).await.unwrap_err(), not_connected());
    assert_eq!(register.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_heard_is_never_sent_again() {
    let mut tls = not_connected();
    tls.kind = FailureKind::Tls { cause: "alert".into() };
    let mut refused = not_connected();
    (refused.kind, refused.phase) = (FailureKind::RefusedByStatus { status: 403 }, Phase::Understand);
    for failure in [lost(), tls, refused] {
        let register = Script::new(Duration::ZERO, vec![Err(failure)]);
        assert!(lookups(register.clone()).look(question("a"), Freshness::Shared).await.is_err());
        assert_eq!(register.asked(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_caller_hears_in_time_and_the_flight_goes_on() {
    let register = Script::new(Duration::from_secs(30), vec![Ok(())]);
    let lookups = lookups(register.clone());
    let began = tokio::time::Instant::now();
    let failure = lookups.look(question("a"), Freshness::Shared).await.unwrap_err();
    assert_eq!((began.elapsed().as_secs(), &failure.kind), (20, &FailureKind::Timeout));
    assert_eq!(failure.delivery, Delivery::MaybeDelivered);
    assert_eq!(lookups.in_flight(), 1);
    // A further request joins the same flight and gets the late answer, without a second query.
    assert!(lookups.look(question("a"), Freshness::Shared).await.unwrap().shared);
    assert_eq!(register.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_does_not_stop_the_query() {
    let register = Script::new(Duration::from_secs(5), vec![Ok(())]);
    let lookups = lookups(register.clone());
    let hurried = tokio::time::timeout(Duration::from_secs(1), lookups.look(question("a"), Freshness::Shared)).await;
    assert!(hurried.is_err());
    assert!(lookups.drain(Duration::from_secs(10)).await);
    assert_eq!(register.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flight_ends_for_good_after_the_late_timeout() {
    let register = Script::new(Duration::from_hours(1), vec![Ok(())]);
    let lookups = lookups(register.clone());
    let _ = lookups.look(question("a"), Freshness::Shared).await;
    assert!(!lookups.drain(Duration::from_secs(59)).await);
    assert!(lookups.drain(Duration::from_secs(2)).await);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_flight_is_an_unknown_outcome_and_frees_the_look() {
    let lookups = lookups(Arc::new(Panics));
    let failure = lookups.look(question("a"), Freshness::Shared).await.unwrap_err();
    assert_eq!((&failure.kind, failure.delivery), (&FailureKind::Internal, Delivery::MaybeDelivered));
    assert_eq!(lookups.in_flight(), 0);
}

const WINDOW: Duration = Duration::from_mins(5);

#[tokio::test(start_paused = true)]
async fn a_finished_answer_is_shared_with_its_age_until_the_window_closes() {
    let register = Script::new(Duration::ZERO, vec![Ok(())]);
    let lookups = sharing(register.clone(), WINDOW);
    assert_eq!(lookups.look(question("a"), Freshness::Shared).await.unwrap().age, None);
    tokio::time::advance(Duration::from_secs(299)).await;
    let shared = lookups.look(question("a"), Freshness::Shared).await.unwrap();
    assert_eq!((shared.shared, shared.age.unwrap().as_secs(), register.asked()), (true, 299, 1));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(lookups.held(&question("a")).is_none());
    assert!(!lookups.look(question("a"), Freshness::Shared).await.unwrap().shared);
    assert_eq!(register.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_user_does_not_share() {
    let register = Script::new(Duration::ZERO, vec![Ok(())]);
    let lookups = sharing(register.clone(), WINDOW);
    lookups.look(question("a"), Freshness::Shared).await.unwrap();
    assert!(lookups.held(&question("b")).is_none());
    lookups.look(question("b"), Freshness::Shared).await.unwrap();
    assert_eq!(register.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_cache_makes_a_new_look_only_of_an_older_one_and_a_new_look_always() {
    let register = Script::new(Duration::ZERO, vec![Ok(())]);
    let lookups = sharing(register.clone(), WINDOW);
    lookups.look(question("a"), Freshness::NoCache).await.unwrap();
    tokio::time::advance(Duration::from_secs(30)).await;
    lookups.look(question("a"), Freshness::NoCache).await.unwrap();
    assert_eq!(register.asked(), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    lookups.look(question("a"), Freshness::NoCache).await.unwrap();
    assert_eq!(register.asked(), 2);
    lookups.look(question("a"), Freshness::NewLook).await.unwrap();
    assert_eq!(register.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_never_shared() {
    let register = Script::new(Duration::ZERO, vec![Err(lost()), Ok(())]);
    let lookups = sharing(register.clone(), WINDOW);
    assert!(lookups.look(question("a"), Freshness::Shared).await.is_err());
    assert!(lookups.held(&question("a")).is_none());
    assert!(lookups.look(question("a"), Freshness::Shared).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_came_too_late_for_its_caller_is_shared_with_the_next() {
    let register = Script::new(Duration::from_secs(30), vec![Ok(())]);
    let lookups = sharing(register.clone(), WINDOW);
    assert!(lookups.look(question("a"), Freshness::Shared).await.is_err());
    assert!(lookups.drain(Duration::from_secs(20)).await);
    assert!(lookups.look(question("a"), Freshness::Shared).await.unwrap().age.is_some());
    assert_eq!(register.asked(), 1);
}

#[tokio::test]
async fn an_answer_that_landed_just_now_is_found_before_a_second_flight_starts() {
    let flights = Flights::default();
    let about = question("a");
    let answer = Arc::new(no_record(&about.nhs_number));
    let landed = |_: &LookKey| Some(Look { answer: Arc::clone(&answer), shared: true, age: Some(Duration::ZERO) });
    let found = flights.find_or_start(LookKey::of(&about), landed, |_| panic!("a second query"));
    assert!(matches!(found, Found::Finished(_)));
    assert_eq!(flights.len(), 0);
}
