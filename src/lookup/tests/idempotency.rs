//! A request id is one look, whatever comes of it (decisions.md 4).

use super::*;

const ID: &str = "0123456789ABCDEF";

#[tokio::test(start_paused = true)]
async fn the_same_id_is_the_same_answer_even_for_a_new_look() {
    let register = FakeRegister::new(Duration::from_secs(1), vec![Ok(())]);
    let lookups = lookups(&register);
    assert!(!lookups.with_id(ID).await.unwrap().shared);
    tokio::time::advance(Duration::from_mins(1)).await;
    for freshness in [Freshness::Shared, Freshness::NoCache, Freshness::NewLook] {
        let again = lookups.look(question("a"), freshness, request(ID)).await.unwrap();
        assert_eq!((again.shared, again.age.unwrap().as_secs()), (true, 60));
    }
    assert_eq!(register.asked(), 1);
    assert_eq!(register.events(), ["asked", "answered", "shared", "shared", "shared"]);
}

#[tokio::test(start_paused = true)]
async fn ids_are_compared_without_regard_to_case() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
    let lookups = lookups(&register);
    lookups.with_id(ID).await.unwrap();
    lookups.with_id(&ID.to_lowercase()).await.unwrap();
    assert_eq!(register.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_same_id_of_another_user_or_about_another_child_is_another_look() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
    let lookups = lookups(&register);
    lookups.with_id(ID).await.unwrap();
    lookups.look(question("b"), Freshness::Shared, request(ID)).await.unwrap();
    lookups.look(about(&child(7), "a"), Freshness::Shared, request(ID)).await.unwrap();
    assert_eq!(register.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_new_id_is_a_new_look() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
    let lookups = lookups(&register);
    lookups.with_id("first-id").await.unwrap();
    lookups.with_id("second-id").await.unwrap();
    assert_eq!(register.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_same_id_gets_its_own_answer_though_a_newer_one_is_there() {
    let other = Answer { response_id: "the newer".into(), ..no_record() };
    let register = FakeRegister::answering(Duration::ZERO, vec![Ok(no_record()), Ok(other)]);
    let lookups = sharing_lookups(&register);
    lookups.with_id("first-id").await.unwrap();
    tokio::time::advance(Duration::from_secs(10)).await;
    lookups.new_look("second-id").await.unwrap();
    assert_eq!(lookups.with_id("first-id").await.unwrap().answer.response_id.as_str(), "response");
    assert_eq!(lookups.with_id("third-id").await.unwrap().answer.response_id.as_str(), "the newer");
    assert_eq!(register.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_heard_is_the_same_failure_again_for_five_minutes() {
    let register = FakeRegister::new(Duration::from_secs(1), vec![Err(lost()), Ok(())]);
    let lookups = lookups(&register);
    let first = lookups.with_id(ID).await.unwrap_err();
    for seconds in [1, 200, 98] {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        assert_eq!(lookups.with_id(ID).await.unwrap_err(), first);
        assert_eq!(lookups.new_look(ID).await.unwrap_err(), first);
    }
    assert_eq!(register.asked(), 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(lookups.with_id(ID).await.is_ok());
    assert_eq!(register.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_delivered_may_be_asked_again_under_the_same_id() {
    let unreachable = rejected(Rejection::SpineUnreachable);
    let failure = RegisterError::new(unreachable, Phase::Understand, Delivery::NotDelivered);
    let register = FakeRegister::new(Duration::ZERO, vec![Err(failure), Ok(())]);
    let lookups = lookups(&register);
    assert!(lookups.with_id(ID).await.is_err());
    assert!(lookups.with_id(ID).await.is_ok());
    assert_eq!(register.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_given_to_the_retry_and_five_retries_ask_nothing() {
    use RegisterErrorKind::Timeout;
    let register = FakeRegister::new(Duration::from_secs(50), vec![Ok(())]);
    let lookups = lookups(&register);
    let mut outcomes = Vec::new();
    for _ in 0..5 {
        let began = tokio::time::Instant::now();
        let outcome = lookups.with_id(ID).await;
        assert!(began.elapsed() <= Duration::from_secs(20));
        outcomes.push(outcome.map(|look| look.shared).map_err(|failure| failure.register().unwrap().kind.clone()));
    }
    assert_eq!(outcomes, [Err(Timeout), Err(Timeout), Ok(true), Ok(true), Ok(true)]);
    assert_eq!(register.asked(), 1);
    assert_eq!(register.events(), ["asked", "answered", "shared", "shared", "shared"]);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_never_ends_is_the_same_timeout_for_every_retry() {
    let register = FakeRegister::new(Duration::from_hours(1), vec![Ok(())]);
    let lookups = lookups(&register);
    for _ in 0..10 {
        let failure = lookups.with_id(ID).await.unwrap_err();
        assert_eq!(*failure, LookError::timeout());
    }
    assert_eq!((register.asked(), register.events()), (1, vec!["asked", "unknown"]));
}

#[tokio::test(start_paused = true)]
async fn an_id_that_joined_a_flight_is_remembered_with_it() {
    let register = FakeRegister::new(Duration::from_secs(1), vec![Err(lost()), Ok(())]);
    let lookups = lookups(&register);
    let (owner, joined) = tokio::join!(lookups.with_id("first-id"), lookups.with_id("second-id"));
    assert_eq!(owner.unwrap_err(), joined.unwrap_err());
    assert!(lookups.with_id("second-id").await.is_err());
    assert_eq!(register.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_id_does_not_join_a_flight_that_has_outlived_a_callers_patience() {
    let register = FakeRegister::new(Duration::from_secs(45), vec![Ok(())]);
    let lookups = lookups(&register);
    assert!(lookups.with_id("first-id").await.is_err());
    assert!(lookups.with_id("second-id").await.is_err());
    assert_eq!((register.asked(), lookups.in_flight()), (2, 2), "the person asked anew");
    assert!(lookups.with_id("first-id").await.is_ok());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(lookups.plain("a").await.is_ok(), "without an id the youngest is joined, whatever its age");
    assert_eq!(lookups.with_id("first-id").await.unwrap().age.unwrap().as_secs(), 20);
    assert_eq!(register.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_new_look_joins_only_a_query_that_has_not_gone_out() {
    let register = FakeRegister::new(Duration::from_secs(1), vec![Ok(())]);
    *register.trail.takes.lock().unwrap() = Duration::from_millis(100);
    let lookups = lookups(&register);
    let after = async |millis: u64, id: &str| {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        lookups.new_look(id).await.unwrap()
    };
    let (first, second, third) = tokio::join!(after(0, "first-id"), after(50, "second-id"), after(500, "third-id"));
    assert_eq!((first.shared, second.shared, third.shared), (false, true, false));
    assert_eq!(register.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_new_looks_at_once_are_two_queries_at_most() {
    let register = FakeRegister::new(Duration::from_secs(5), vec![Ok(())]);
    let lookups = lookups(&register);
    let looks = (0..100_u64).map(|n| {
        let lookups = lookups.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(n * 10)).await;
            lookups.new_look(&format!("new-look-{n}")).await
        }
    });
    assert!(futures_util::future::join_all(looks).await.iter().all(Result::is_ok));
    assert_eq!(register.asked(), 2);
    lookups.new_look("a-later-one").await.unwrap();
    assert_eq!(register.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_late_does_not_take_the_place_of_a_newer_one() {
    let (older, newer) = (lookups_for_two(), Duration::from_secs(1));
    let (register, lookups) = older;
    let first = tokio::spawn({
        let lookups = lookups.clone();
        async move { lookups.with_id("first-id").await }
    });
    tokio::time::sleep(newer).await;
    lookups.new_look("second-id").await.unwrap();
    let _ = first.await.unwrap();
    assert!(lookups.drain(WINDOW).await);
    assert_eq!(lookups.plain("a").await.unwrap().answer.response_id.as_str(), "2");
    assert_eq!(register.asked.load(SeqCst), 2);
}

/// Answers the first query after ten seconds, every other at once, and numbers its answers.
struct SlowAtFirst {
    asked: AtomicUsize,
}

impl Register for SlowAtFirst {
    neither_probed_nor_renewed!();

    fn author(&self, requester: &Requester) -> Result<AuthorAsSent, RegisterError> {
        Ok(author(requester))
    }

    fn ask<'a>(&'a self, _: &'a Question, _: &'a MessageIds) -> AskFuture<'a> {
        Box::pin(async move {
            let number = self.asked.fetch_add(1, SeqCst) + 1;
            if number == 1 {
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
            Ok(Answer { response_id: number.to_string().into(), ..no_record() })
        })
    }
}

fn lookups_for_two() -> (Arc<SlowAtFirst>, Lookups) {
    let register = Arc::new(SlowAtFirst { asked: AtomicUsize::new(0) });
    let book: Arc<FakeTrail> = Arc::default();
    let lookups = Lookups::with_ledger(register.clone(), book, rules(WINDOW), Bounds::of_memory(), Handle::current());
    (register, lookups)
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_flight_is_an_unknown_outcome_that_is_remembered_and_owed_to_the_trail() {
    let book: Arc<FakeTrail> = Arc::default();
    let register = Arc::new(PanickingRegister(Arc::clone(&book)));
    let lookups =
        Lookups::with_ledger(register.clone(), book.clone(), rules(Duration::ZERO), Bounds::of_memory(), Handle::current());
    for _ in 0..2 {
        let failure = lookups.with_id(ID).await.unwrap_err();
        assert_eq!(*failure, LookError::Broken { delivery: Delivery::MaybeDelivered });
    }
    assert_eq!(lookups.in_flight(), 0);
    assert_eq!(register.0.events(), ["asked"]);
    let owed = book.owed();
    assert_eq!(owed.iter().map(|entry| entry.event).collect::<Vec<_>>(), [Event::Unknown]);
    assert_eq!(owed[0].message, book.lines()[0].message);
}
