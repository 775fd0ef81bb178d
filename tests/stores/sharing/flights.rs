//! One flight for one look, over all replicas.

use super::looks::*;
use crate::servers::redis::Redis;
use cpis_fhir::cpis::Delivery;
use cpis_fhir::lookup::LookError;
use cpis_fhir::lookup::remote::{ClaimResult, RemoteOutcome, RemoteRequest, Retention, WaitResult, WantedAge};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A flight may be taken over almost at once.
fn impatient() -> Retention {
    Retention { caller: Duration::from_millis(50), ..retention() }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn an_answer_comes_back_whole_on_another_replica_with_its_age() {
    let redis = Redis::start();
    let (ours, theirs) = (table(&redis, retention()).await, table(&redis, retention()).await);
    let lease = take(&ours, CHILD, "request-1").await;
    let came = Timestamp::now() - SignedDuration::from_secs(7);
    let answer = Arc::new(answer(CHILD, "first"));
    let completion =
        ours.complete(&lease, &RemoteOutcome { outcome: Ok(Arc::clone(&answer)), came, origin: None }, false).await.unwrap();
    assert!(completion.is_shared);

    let shared = theirs.shared(&look(CHILD)).await.unwrap().unwrap();
    assert_eq!(shared.outcome.as_ref(), Ok(&answer));
    let since = shared.came;
    assert!(since.duration_since(came).abs() < SignedDuration::from_millis(200), "{since} and {came}");
    let ClaimResult::Shared(claim) = claim(&theirs, CHILD, "request-2").await else { panic!("not shared") };
    assert_eq!(claim.outcome, Ok(answer));
    assert!(theirs.shared(&look(OTHER_CHILD)).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_hundred_requests_on_two_replicas_make_one_flight() {
    let redis = Redis::start();
    let tables = [table(&redis, retention()).await, table(&redis, retention()).await];
    let waiting = (0..100).map(|n| {
        let table = tables[n % 2].clone();
        tokio::spawn(async move {
            match claim(&table, CHILD, &format!("request-{n}")).await {
                ClaimResult::Ours(lease) => {
                    sleep(Duration::from_millis(300)).await;
                    table.complete(&lease, &came(CHILD, "the one"), false).await.unwrap();
                    (1, "the one".to_owned())
                }
                ClaimResult::Elsewhere(flight) => {
                    let deadline = Instant::now() + Duration::from_secs(5);
                    match table.wait(&look(CHILD), &flight, deadline).await.unwrap() {
                        WaitResult::Completed(kept) => (0, title(&kept).to_owned()),
                        WaitResult::NotYet => panic!("it never landed"),
                    }
                }
                ClaimResult::Shared(kept) => (0, title(&kept).to_owned()),
                ClaimResult::Remembered(remembered) => panic!("{remembered:?}"),
            }
        })
    });
    let mut ours = 0;
    for request in waiting.collect::<Vec<_>>() {
        let (one, title) = request.await.unwrap();
        assert_eq!(title, "the one");
        ours += one;
    }
    assert_eq!(ours, 1);
    // Each of the hundred is remembered under its own id or shares: asking again makes no flight.
    for n in 0..100 {
        match claim(&tables[(n + 1) % 2], CHILD, &format!("request-{n}")).await {
            ClaimResult::Remembered(RemoteRequest::Completed(_)) | ClaimResult::Shared(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_new_request_takes_an_old_flight_over_and_the_old_one_cannot_share_any_more() {
    let redis = Redis::start();
    let (ours, theirs) = (table(&redis, impatient()).await, table(&redis, impatient()).await);
    let old = take(&ours, CHILD, "request-1").await;
    sleep(Duration::from_millis(80)).await;
    let new = take(&theirs, CHILD, "request-2").await;
    assert!(new.fence() > old.fence());

    // Whichever lands first: the old one only for its own request.
    assert!(!ours.complete(&old, &came(CHILD, "old"), false).await.unwrap().is_shared);
    assert!(ours.shared(&look(CHILD)).await.unwrap().is_none());
    assert!(theirs.complete(&new, &came(CHILD, "new"), false).await.unwrap().is_shared);
    assert!(!ours.complete(&old, &came(CHILD, "old"), false).await.unwrap().is_shared);
    let shared = ours.shared(&look(CHILD)).await.unwrap().unwrap();
    assert_eq!(title(&shared), "new");
    for (id, own) in [("request-1", "old"), ("request-2", "new")] {
        let Some(RemoteRequest::Completed(kept)) = ours.remembered(&look(CHILD), id).await.unwrap() else { panic!("{id}") };
        assert_eq!(title(&kept), own);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn an_old_flight_does_not_free_the_place_of_the_new_one() {
    let redis = Redis::start();
    let (ours, theirs) =
        (table(&redis, impatient()).await, table(&redis, Retention { share_for: Duration::ZERO, ..retention() }).await);
    let old = take(&ours, CHILD, "request-1").await;
    sleep(Duration::from_millis(80)).await;
    let _new = take(&ours, CHILD, "request-2").await;
    ours.complete(&old, &came(CHILD, "old"), false).await.unwrap();
    ours.release(&old, &unheard()).await.unwrap();
    find(&theirs, CHILD, "request-3").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn the_same_request_never_takes_over() {
    let redis = Redis::start();
    let (ours, theirs) = (table(&redis, impatient()).await, table(&redis, impatient()).await);
    let lease = take(&ours, CHILD, "request-A").await;
    // Joined by way of a replica to which the flight is still young.
    find(&table(&redis, retention()).await, CHILD, "request-B").await;
    sleep(Duration::from_millis(80)).await;
    for id in ["request-A", "REQUEST-a", "request-B"] {
        match claim(&theirs, CHILD, id).await {
            ClaimResult::Remembered(RemoteRequest::InFlight(flight)) => {
                assert!(flight.since.duration_since(lease.flight().unwrap().since).abs() < SignedDuration::from_millis(200));
            }
            other => panic!("{id}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn two_new_requests_that_take_over_at_once_make_one_flight() {
    let redis = Redis::start();
    let tables = [table(&redis, impatient()).await, table(&redis, impatient()).await];
    take(&tables[0], CHILD, "request-1").await;
    sleep(Duration::from_millis(80)).await;
    let both = tokio::join!(claim(&tables[0], CHILD, "request-2"), claim(&tables[1], CHILD, "request-3"));
    let ours = [&both.0, &both.1].into_iter().filter(|claim| matches!(claim, ClaimResult::Ours(_))).count();
    assert_eq!(ours, 1, "{both:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn one_request_that_arrives_fifty_times_at_once_makes_one_flight() {
    let redis = Redis::start();
    let tables = [table(&redis, retention()).await, table(&redis, retention()).await];
    let arriving = (0..50).map(|n| {
        let table = tables[n % 2].clone();
        tokio::spawn(async move { claim(&table, CHILD, "request-1").await })
    });
    let mut ours = 0;
    for request in arriving.collect::<Vec<_>>() {
        match request.await.unwrap() {
            ClaimResult::Ours(_) => ours += 1,
            ClaimResult::Remembered(RemoteRequest::InFlight(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ours, 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn landing_again_changes_nothing() {
    let redis = Redis::start();
    let (ours, theirs) = (table(&redis, retention()).await, table(&redis, retention()).await);
    let lease = take(&ours, CHILD, "request-1").await;
    let kept = came(CHILD, "first");
    for _ in 0..2 {
        assert!(ours.complete(&lease, &kept, false).await.unwrap().is_shared);
    }
    let new = theirs.claim(&look(CHILD), "request-2", WantedAge::New).await.unwrap();
    assert!(matches!(new, ClaimResult::Ours(_)), "{new:?}");
    ours.complete(&lease, &kept, false).await.unwrap();
    let third = ours.claim(&look(CHILD), "request-3", WantedAge::New).await.unwrap();
    assert!(matches!(third, ClaimResult::Elsewhere(_)), "the place of the new flight is still held: {third:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn after_a_crash_its_requests_stay_on_their_way_and_a_new_one_may_fly() {
    let redis = Redis::start();
    let retention = Retention {
        lock_for: Duration::from_millis(300),
        remember_for: Duration::from_millis(900),
        caller: Duration::from_millis(250),
        ..retention()
    };
    let (ours, theirs) = (table(&redis, retention).await, table(&redis, retention).await);
    drop(take(&ours, CHILD, "request-1").await);
    find(&theirs, CHILD, "request-2").await;
    sleep(Duration::from_millis(400)).await;
    // The place is free, but a look that may have been delivered is remembered.
    for id in ["request-1", "request-2"] {
        let remembered = theirs.remembered(&look(CHILD), id).await.unwrap();
        assert!(matches!(remembered, Some(RemoteRequest::InFlight(_))), "{id}: {remembered:?}");
        assert!(matches!(claim(&theirs, CHILD, id).await, ClaimResult::Remembered(RemoteRequest::InFlight(_))));
    }
    let lease = take(&theirs, CHILD, "request-3").await;
    theirs.release(&lease, &unheard()).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert!(theirs.remembered(&look(CHILD), "request-1").await.unwrap().is_none());
    take(&theirs, CHILD, "request-1").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_released_request_may_ask_again_and_those_who_wait_hear_why() {
    let redis = Redis::start();
    let (ours, theirs) = (table(&redis, retention()).await, table(&redis, retention()).await);
    let lease = take(&ours, CHILD, "request-1").await;
    let flight = find(&theirs, CHILD, "request-2").await;
    let waiting = tokio::spawn({
        let theirs = theirs.clone();
        async move { theirs.wait(&look(CHILD), &flight, Instant::now() + Duration::from_secs(5)).await }
    });
    ours.release(&lease, &unheard()).await.unwrap();
    let WaitResult::Completed(RemoteOutcome { outcome: Err(failure), .. }) = waiting.await.unwrap().unwrap() else {
        panic!("it did not fail")
    };
    assert_eq!(*failure, unheard());
    for id in ["request-1", "request-2"] {
        assert!(ours.remembered(&look(CHILD), id).await.unwrap().is_none(), "{id}");
    }
    let again = take(&theirs, CHILD, "request-1").await;
    assert!(again.fence() > lease.fence());
    theirs.complete(&again, &came(CHILD, "second"), false).await.unwrap();
    assert!(
        !ours.join(&look(CHILD), "request-9", lease.flight().unwrap()).await.unwrap(),
        "a released flight is joined by nobody"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_failure_that_may_have_been_heard_is_kept_for_its_requests_and_not_shared() {
    let redis = Redis::start();
    let (ours, theirs) = (table(&redis, retention()).await, table(&redis, retention()).await);
    let lease = take(&ours, CHILD, "request-1").await;
    let failure = Arc::new(LookError::Broken { delivery: Delivery::MaybeDelivered });
    assert!(!ours.complete(&lease, &RemoteOutcome::now(Err(Arc::clone(&failure))), true).await.unwrap().is_shared);
    match theirs.remembered(&look(CHILD), "request-1").await.unwrap() {
        Some(RemoteRequest::Completed(RemoteOutcome { outcome: Err(kept), .. })) => assert_eq!(kept, failure),
        other => panic!("{other:?}"),
    }
    assert!(theirs.shared(&look(CHILD)).await.unwrap().is_none());
    take(&theirs, CHILD, "request-2").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_new_look_and_a_refresh_pass_over_what_is_too_old_for_them() {
    let redis = Redis::start();
    let table = table(&redis, retention()).await;
    let lease = take(&table, CHILD, "request-1").await;
    let came = Timestamp::now() - SignedDuration::from_secs(40);
    table
        .complete(&lease, &RemoteOutcome { outcome: Ok(Arc::new(answer(CHILD, "first"))), came, origin: None }, false)
        .await
        .unwrap();
    let within = |seconds| WantedAge::NotOlderThan(Duration::from_secs(seconds));
    let shared = table.claim(&look(CHILD), "request-2", within(60)).await.unwrap();
    assert!(matches!(shared, ClaimResult::Shared(_)), "{shared:?}");
    let refreshed = table.claim(&look(CHILD), "request-3", within(30)).await.unwrap();
    let ClaimResult::Ours(lease) = refreshed else { panic!("{refreshed:?}") };
    table.release(&lease, &unheard()).await.unwrap();
    let new = table.claim(&look(CHILD), "request-4", WantedAge::New).await.unwrap();
    assert!(matches!(new, ClaimResult::Ours(_)), "{new:?}");
    // Idempotency beats no-cache.
    let repeated = table.claim(&look(CHILD), "request-1", WantedAge::New).await.unwrap();
    assert!(matches!(repeated, ClaimResult::Remembered(RemoteRequest::Completed(_))), "{repeated:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_caller_that_goes_away_while_it_begins_leaves_no_place_behind() {
    let redis = Redis::start();
    let table = table(&redis, retention()).await;
    for n in 0..20 {
        let claim = tokio::spawn({
            let table = table.clone();
            async move { claim(&table, CHILD, &format!("request-{n}")).await }
        });
        sleep(Duration::from_micros(50 * n)).await;
        claim.abort();
        if let Ok(ClaimResult::Ours(lease)) = claim.await {
            // It was too quick for us.
            table.release(&lease, &unheard()).await.unwrap();
        }
    }
    sleep(Duration::from_millis(300)).await;
    take(&table, CHILD, "request-last").await;
}
