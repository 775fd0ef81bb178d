//! Requests without an id: never a reason to ask while a look is on its way, and the repetition of one that failed (decisions.md 45).

use super::looks::*;
use crate::servers::redis::Redis;
use cpis_fhir::cpis::Delivery;
use cpis_fhir::lookup::LookError;
use cpis_fhir::lookup::remote::{ClaimResult, NO_ID, RemoteOutcome, RemoteRequest, RemoteTable, Retention, WantedAge};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Flights may be taken over after 50 ms.
fn impatient() -> Retention {
    Retention { caller: Duration::from_millis(50), ..retention() }
}

fn heard() -> Arc<LookError> {
    Arc::new(LookError::Broken { delivery: Delivery::MaybeDelivered })
}

async fn fail(table: &RemoteTable, request_id: &str) {
    let lease = take(table, CHILD, request_id).await;
    table.complete(&lease, &RemoteOutcome::now(Err(heard())), true).await.unwrap();
}

async fn assert_repeats_the_failure(table: &RemoteTable) {
    match claim(table, CHILD, NO_ID).await {
        ClaimResult::Remembered(RemoteRequest::Completed(kept)) => assert_eq!(kept.outcome, Err(heard())),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_request_without_an_id_never_takes_a_flight_over_however_old() {
    let redis = Redis::start();
    let (ours, theirs) = (table(&redis, impatient()).await, table(&redis, impatient()).await);
    for id in ["request-1", NO_ID] {
        let lease = take(&ours, CHILD, id).await;
        sleep(Duration::from_millis(80)).await;
        find(&theirs, CHILD, NO_ID).await;
        ours.release(&lease, &unheard()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_look_that_failed_after_it_may_have_been_heard_is_the_failure_of_all_who_come_without_an_id() {
    for id in [NO_ID, "request-1"] {
        let redis = Redis::start();
        let (ours, theirs) = (table(&redis, retention()).await, table(&redis, retention()).await);
        fail(&ours, id).await;
        assert_repeats_the_failure(&theirs).await;
        assert_repeats_the_failure(&ours).await;
        // A new id is a person's new decision, and its answer is the end of it.
        let lease = take(&theirs, CHILD, "request-8").await;
        theirs.complete(&lease, &came(CHILD, "first"), false).await.unwrap();
        let shared = claim(&ours, CHILD, NO_ID).await;
        assert!(matches!(shared, ClaimResult::Shared(_)), "{shared:?}");
        let ClaimResult::Ours(lease) = ours.claim(&look(CHILD), "request-9", WantedAge::New).await.unwrap() else {
            panic!("not ours")
        };
        ours.release(&lease, &unheard()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_failure_is_still_repeated_after_a_later_look_that_was_never_heard() {
    let redis = Redis::start();
    let (ours, theirs) = (table(&redis, retention()).await, table(&redis, retention()).await);
    fail(&ours, NO_ID).await;
    for id in ["request-2", "request-3"] {
        let unheard_one = take(&theirs, CHILD, id).await;
        theirs.release(&unheard_one, &unheard()).await.unwrap();
        assert_repeats_the_failure(&ours).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn the_failure_is_over_after_its_time_and_an_answer_that_was_told_is_none() {
    let redis = Redis::start();
    let brief = Retention { share_for: Duration::ZERO, remember_for: Duration::from_millis(300), ..retention() };
    let (ours, theirs) = (table(&redis, brief).await, table(&redis, brief).await);
    fail(&ours, NO_ID).await;
    assert_repeats_the_failure(&theirs).await;
    sleep(Duration::from_millis(350)).await;
    let lease = take(&theirs, CHILD, NO_ID).await;
    theirs.complete(&lease, &came(CHILD, "told"), false).await.unwrap();
    // And one that came when nobody waited is given to the next.
    let lease = take(&ours, CHILD, NO_ID).await;
    ours.complete(&lease, &came(CHILD, "late"), true).await.unwrap();
    match claim(&theirs, CHILD, NO_ID).await {
        ClaimResult::Remembered(RemoteRequest::Completed(kept)) => assert_eq!(title(&kept), "late"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_flight_whose_replica_died_stays_on_its_way_for_those_without_an_id() {
    let redis = Redis::start();
    let retention = Retention { lock_for: Duration::from_millis(200), ..retention() };
    let (ours, theirs) = (table(&redis, retention).await, table(&redis, retention).await);
    drop(take(&ours, CHILD, "request-1").await);
    sleep(Duration::from_millis(250)).await;
    let claim = claim(&theirs, CHILD, NO_ID).await;
    assert!(matches!(claim, ClaimResult::Remembered(RemoteRequest::InFlight(_))), "{claim:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_late_failure_of_a_flight_that_was_taken_over_does_not_hide_the_newer_one() {
    let redis = Redis::start();
    let (ours, theirs) = (table(&redis, impatient()).await, table(&redis, impatient()).await);
    let old = take(&ours, CHILD, NO_ID).await;
    sleep(Duration::from_millis(80)).await;
    let new = take(&theirs, CHILD, "request-2").await;
    ours.complete(&old, &RemoteOutcome::now(Err(heard())), true).await.unwrap();
    find(&ours, CHILD, NO_ID).await;
    theirs.release(&new, &unheard()).await.unwrap();
    assert_repeats_the_failure(&theirs).await;
}
