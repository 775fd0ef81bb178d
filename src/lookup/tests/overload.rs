//! More than can be asked at once, and an SMSP that fails.

use super::*;

fn narrow(max_in_flight: usize, max_queued: usize) -> Rules {
    Rules { bulkhead: BulkheadRules { max_in_flight, max_queued }, ..rules(Duration::ZERO) }
}

async fn ask(lookups: &Lookups, n: u64) -> Result<Look, Arc<LookError>> {
    lookups.look(about(&child(n), "a"), Freshness::Shared, request(&format!("request-{n}"))).await
}

async fn ask_many(lookups: &Lookups, many: u64) -> Vec<(Duration, Result<Look, Arc<LookError>>)> {
    let began = Instant::now();
    let asks = (0..many).map(async |n| {
        let outcome = ask(lookups, n).await;
        (began.elapsed(), outcome)
    });
    futures_util::future::join_all(asks).await
}

#[tokio::test(start_paused = true)]
async fn what_neither_fits_nor_may_wait_is_shed_at_once_and_leaves_no_entry() {
    let register = FakeRegister::new(Duration::from_secs(1), vec![Ok(())]);
    let lookups = by(&register, narrow(2, 3));
    let outcomes = ask_many(&lookups, 10).await;
    let (shown, shed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, outcome)| outcome.is_ok());
    let seconds: Vec<u64> = shown.iter().map(|(after, _)| after.as_secs()).collect();
    assert_eq!(seconds, [1, 1, 2, 2, 3], "in the order of asking");
    assert_eq!(shed.len(), 5);
    for (after, outcome) in shed {
        let failure = outcome.unwrap_err();
        assert_eq!((&*failure, failure.delivery()), (&LookError::Overloaded, Delivery::NotDelivered));
        assert_eq!(after, Duration::ZERO);
    }
    assert_eq!((register.asked(), register.events().len()), (5, 10));
    assert_eq!((lookups.statistics().shed, lookups.in_flight()), (5, 0));
    assert!(ask(&lookups, 9).await.is_ok(), "what was shed may be asked under the same id");
}

#[tokio::test(start_paused = true)]
async fn a_look_waits_for_a_place_half_as_long_as_its_caller_does() {
    let register = FakeRegister::new(Duration::from_secs(15), vec![Ok(())]);
    let lookups = by(&register, narrow(1, 10));
    let outcomes = ask_many(&lookups, 2).await;
    assert!(outcomes[0].1.is_ok());
    let (after, outcome) = &outcomes[1];
    assert_eq!((&**outcome.as_ref().unwrap_err(), after.as_secs()), (&LookError::Overloaded, 10));
    assert_eq!(register.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn joining_a_flight_takes_no_place() {
    let register = FakeRegister::new(Duration::from_secs(1), vec![Ok(())]);
    let lookups = by(&register, narrow(1, 0));
    let looks = futures_util::future::join_all((0..50).map(|_| lookups.plain("a"))).await;
    assert!(looks.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn a_query_that_outlives_its_callers_gives_its_place_to_the_next() {
    let register = FakeRegister::new(Duration::from_secs(50), vec![Ok(())]);
    let lookups = by(&register, narrow(1, 0));
    assert!(ask(&lookups, 1).await.is_err());
    tokio::task::yield_now().await;
    assert_eq!(ask(&lookups, 2).await.unwrap_err().register().unwrap().kind, RegisterErrorKind::Timeout, "it was asked");
    assert_eq!((register.asked(), lookups.in_flight()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn the_breaker_opens_sheds_at_once_lets_one_look_through_and_closes() {
    let mut outcomes = vec![Err(not_connected()); 7];
    outcomes.push(Ok(()));
    let register = FakeRegister::new(Duration::from_secs(1), outcomes);
    let lookups = lookups(&register);
    // Each look is two attempts here, so the fifth failure is the third child's first.
    for n in 0..3 {
        assert!(matches!(ask(&lookups, n).await.unwrap_err().register().unwrap().kind, RegisterErrorKind::Unreachable(_)));
    }
    assert_eq!((lookups.statistics().breaker, register.asked()), (BreakerState::Open, 5));
    let began = Instant::now();
    let failure = ask(&lookups, 3).await.unwrap_err();
    assert_eq!((&*failure, failure.delivery()), (&LookError::CircuitOpen, Delivery::NotDelivered));
    assert_eq!((began.elapsed(), register.asked()), (Duration::ZERO, 5));
    tokio::time::advance(Duration::from_secs(15)).await;
    // The one look that is let through fails, and its second attempt is not.
    let outcomes = ask_many(&lookups, 5).await;
    let kinds: Vec<_> = outcomes.iter().map(|(_, outcome)| outcome.as_ref().unwrap_err().outcome()).collect();
    assert_eq!(kinds, ["not-connected", "left-alone", "left-alone", "left-alone", "left-alone"]);
    assert_eq!((lookups.statistics().breaker, register.asked()), (BreakerState::Open, 6));
    tokio::time::advance(Duration::from_secs(15)).await;
    let _ = register.outcomes.lock().unwrap().remove(0);
    assert!(ask(&lookups, 4).await.is_ok());
    assert_eq!(lookups.statistics().breaker, BreakerState::Closed);
    assert!(ask_many(&lookups, 20).await.iter().all(|(_, outcome)| outcome.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn timeouts_open_the_breaker_at_the_callers_deadline_not_at_the_late_one() {
    let register = FakeRegister::new(Duration::from_hours(1), vec![Ok(())]);
    let lookups = lookups(&register);
    let outcomes = ask_many(&lookups, 5).await;
    assert!(outcomes.iter().all(|(after, _)| after.as_secs() == 20));
    tokio::task::yield_now().await;
    assert_eq!(lookups.statistics().breaker, BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn one_child_alone_or_a_failing_cpis_never_opens_the_breaker() {
    let register = FakeRegister::new(Duration::ZERO, vec![Err(not_connected())]);
    let one_child = lookups(&register);
    for _ in 0..20 {
        assert!(one_child.plain("a").await.is_err());
    }
    assert_eq!(one_child.statistics().breaker, BreakerState::Closed);
    for reason in [Rejection::CpisFailed, Rejection::ProviderFailed] {
        let register = FakeRegister::new(Duration::ZERO, vec![Err(RegisterError::understanding(rejected(reason)))]);
        let lookups = lookups(&register);
        assert!(ask_many(&lookups, 20).await.iter().all(|(_, outcome)| outcome.is_err()));
        assert_eq!(lookups.statistics().breaker, BreakerState::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_remembered_look_is_told_though_the_breaker_is_open_and_everything_is_full() {
    let register = FakeRegister::new(Duration::from_hours(1), vec![Ok(())]);
    let lookups = by(&register, narrow(5, 0));
    let _ = ask_many(&lookups, 5).await;
    tokio::task::yield_now().await;
    assert_eq!(*ask(&lookups, 99).await.unwrap_err(), LookError::CircuitOpen);
    assert_eq!(ask(&lookups, 1).await.unwrap_err().register().unwrap().kind, RegisterErrorKind::Timeout);
}
