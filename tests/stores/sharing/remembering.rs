//! How long, under which id, and by whose clock.

use super::looks::*;
use crate::servers::redis::Redis;
use cpis_fhir::lookup::remote::{ClaimResult, RemoteOutcome, RemoteRequest, Retention, WaitResult, WantedAge};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn without_a_sharing_window_only_the_same_request_gets_the_answer() {
    let redis = Redis::start();
    let table = table(&redis, Retention { share_for: Duration::ZERO, ..retention() }).await;
    let lease = take(&table, CHILD, "request-1").await;
    assert!(!table.complete(&lease, &came(CHILD, "first"), false).await.unwrap().is_shared);
    assert!(table.shared(&look(CHILD)).await.unwrap().is_none());
    let ClaimResult::Remembered(RemoteRequest::Completed(kept)) = claim(&table, CHILD, "request-1").await else {
        panic!("forgotten")
    };
    assert_eq!(title(&kept), "first");
    take(&table, CHILD, "request-2").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn everything_has_an_end_and_nothing_outlives_its_promise() {
    let redis = Redis::start();
    let retention = retention();
    let table = table(&redis, retention).await;
    let lease = take(&table, CHILD, "request-1").await;
    let came = Timestamp::now() - SignedDuration::from_secs(100);
    table
        .complete(&lease, &RemoteOutcome { outcome: Ok(Arc::new(answer(CHILD, "first"))), came, origin: None }, false)
        .await
        .unwrap();
    take(&table, OTHER_CHILD, "request-2").await;
    let mut connection = redis.connect();
    let names: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    let longest = retention.remember_for + retention.lock_for * 2;
    for name in &names {
        let left: i64 = redis::cmd("PTTL").arg(name).query(&mut connection).unwrap();
        assert!(left > 0 && left <= i64::try_from(longest.as_millis()).unwrap(), "{name}: {left} ms");
        if name.ends_with(":shared") {
            assert!((195_000..=200_000).contains(&left), "300 s less the 100 s that it was old: {left}");
        }
    }
    // Of the landed look: shared, fence, flight and request; of the other: fence, place, flight, request and who comes without an id.
    assert_eq!(names.len(), 9, "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_shared_answer_ends_with_its_window() {
    let redis = Redis::start();
    let table = table(&redis, Retention { share_for: Duration::from_millis(300), ..retention() }).await;
    let lease = take(&table, CHILD, "request-1").await;
    assert!(table.complete(&lease, &came(CHILD, "first"), false).await.unwrap().is_shared);
    assert!(table.shared(&look(CHILD)).await.unwrap().is_some());
    sleep(Duration::from_millis(350)).await;
    assert!(table.shared(&look(CHILD)).await.unwrap().is_none());
    // And one that is put there again by somebody else is too old, whatever Redis says.
    let lease = take(&table, CHILD, "request-2").await;
    table.complete(&lease, &came(CHILD, "second"), false).await.unwrap();
    let mut connection = redis.connect();
    let names: Vec<String> = redis::cmd("KEYS").arg("*:shared").query(&mut connection).unwrap();
    let _: i64 = redis::cmd("PERSIST").arg(&names[0]).query(&mut connection).unwrap();
    sleep(Duration::from_millis(350)).await;
    assert!(table.shared(&look(CHILD)).await.unwrap().is_none());
    assert!(matches!(claim(&table, CHILD, "request-3").await, ClaimResult::Ours(_)));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_writer_whose_clock_is_ahead_makes_no_answer_younger_or_longer_lived() {
    let redis = Redis::start();
    let table = table(&redis, retention()).await;
    let lease = take(&table, CHILD, "request-1").await;
    let ahead = Timestamp::now() + SignedDuration::from_hours(1);
    table
        .complete(&lease, &RemoteOutcome { outcome: Ok(Arc::new(answer(CHILD, "first"))), came: ahead, origin: None }, false)
        .await
        .unwrap();
    let before = Timestamp::now();
    let came = table.shared(&look(CHILD)).await.unwrap().unwrap().came;
    assert!(came <= Timestamp::now(), "never in the future");
    assert!(before.duration_since(came) < SignedDuration::from_secs(1), "it counts as come when it landed");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn who_joins_a_flight_is_remembered_under_it() {
    let redis = Redis::start();
    let (ours, theirs) = (table(&redis, retention()).await, table(&redis, retention()).await);
    let lease = take(&ours, CHILD, "request-1").await;
    // Another request of our own process, and one on the other replica.
    assert!(ours.join(&look(CHILD), "request-2", lease.flight().unwrap()).await.unwrap());
    find(&theirs, CHILD, "request-3").await;
    let completion = ours.complete(&lease, &came(CHILD, "first"), false).await.unwrap();
    assert!(theirs.join(&look(CHILD), "request-4", &completion.flight).await.unwrap(), "also after it has landed");
    for n in 1..=4 {
        let remembered = theirs.remembered(&look(CHILD), &format!("request-{n}")).await.unwrap();
        let Some(RemoteRequest::Completed(kept)) = remembered else { panic!("{n}: {remembered:?}") };
        assert_eq!(title(&kept), "first");
    }
    assert!(theirs.remembered(&look(CHILD), "request-5").await.unwrap().is_none());
    assert!(theirs.remembered(&look(OTHER_CHILD), "request-1").await.unwrap().is_none(), "an id belongs to its look");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_request_that_is_remembered_keeps_its_first_flight() {
    let redis = Redis::start();
    let table = table(&redis, retention()).await;
    let first = take(&table, CHILD, "request-1").await;
    table.complete(&first, &came(CHILD, "first"), false).await.unwrap();
    let ClaimResult::Ours(second) = table.claim(&look(CHILD), "request-2", WantedAge::New).await.unwrap() else {
        panic!("not ours")
    };
    assert!(table.join(&look(CHILD), "request-1", second.flight().unwrap()).await.unwrap());
    table.complete(&second, &came(CHILD, "second"), false).await.unwrap();
    let Some(RemoteRequest::Completed(kept)) = table.remembered(&look(CHILD), "request-1").await.unwrap() else { panic!("gone") };
    assert_eq!(title(&kept), "first");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn who_waits_in_vain_is_told_so_at_the_deadline() {
    let redis = Redis::start();
    let (ours, theirs) = (table(&redis, retention()).await, table(&redis, retention()).await);
    let _place = take(&ours, CHILD, "request-1").await;
    let flight = find(&theirs, CHILD, "request-2").await;
    let began = Instant::now();
    let waited = theirs.wait(&look(CHILD), &flight, began + Duration::from_millis(400)).await.unwrap();
    assert!(matches!(waited, WaitResult::NotYet), "{waited:?}");
    assert!((Duration::from_millis(100)..Duration::from_millis(500)).contains(&began.elapsed()), "{:?}", began.elapsed());
}
