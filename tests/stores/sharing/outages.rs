//! Redis away, slow, back again, behind a password, behind TLS.

use super::looks::*;
use crate::servers::redis::{Redis, store_url};
use cpis_fhir::lookup::remote::{ClaimResult, RemoteError, RemoteRequest, RemoteTable, Retention, Unavailable, WaitResult};
use cpis_fhir::simulator::certificates::Certificates;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

/// Half a second, and what a busy machine adds.
const BOUND: Duration = Duration::from_millis(750);

/// How every method fails, and in what time.
async fn assert_away(table: &RemoteTable) {
    let lease = table.unclaimed(&look(CHILD), "request-1");
    let began = Instant::now();
    table.shared(&look(CHILD)).await.unwrap_err();
    assert!(began.elapsed() < BOUND, "shared took {:?}", began.elapsed());
    let began = Instant::now();
    table.claim(&look(CHILD), "request-1", ANY_AGE).await.unwrap_err();
    assert!(began.elapsed() < BOUND, "begin took {:?}", began.elapsed());
    let began = Instant::now();
    table.remembered(&look(CHILD), "request-1").await.unwrap_err();
    assert!(began.elapsed() < BOUND, "remembered took {:?}", began.elapsed());
    let began = Instant::now();
    table.complete(&lease, &came(CHILD, "first"), false).await.unwrap_err();
    assert!(began.elapsed() < BOUND, "land took {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_killed_redis_is_away_in_time_and_works_again_when_it_is_back() {
    let mut redis = Redis::start();
    let table = table(&redis, retention()).await;
    take(&table, CHILD, "request-0").await;
    redis.kill();
    for _ in 0..3 {
        assert_away(&table).await;
    }
    redis.start_again();
    connect(&table).await;
    let lease = take(&table, CHILD, "request-1").await;
    assert!(table.complete(&lease, &came(CHILD, "first"), false).await.unwrap().is_shared);
    assert!(table.counts().failed_calls >= 12);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_redis_that_says_nothing_is_away_in_time_and_works_again_when_it_wakes() {
    let redis = Redis::start();
    let (connected, fresh) = (table(&redis, retention()).await, cold_table(&redis));
    take(&connected, OTHER_CHILD, "request-0").await;
    redis.freeze();
    for table in [&connected, &fresh] {
        for _ in 0..2 {
            assert_away(table).await;
        }
    }
    redis.wake();
    for table in [&connected, &fresh] {
        connect(table).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn while_it_is_away_callers_are_soon_not_kept_waiting() {
    let redis = Redis::start();
    let table = table(&redis, retention()).await;
    take(&table, CHILD, "request-0").await;
    redis.freeze();
    let began = Instant::now();
    while table.shared(&look(CHILD)).await.unwrap_err() != Unavailable::Backoff {
        assert!(began.elapsed() < Duration::from_secs(2), "it is tried again and again");
    }
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(table.shared(&look(CHILD)).await.unwrap_err(), Unavailable::Backoff);
    }
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    redis.wake();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_look_that_went_ahead_alone_is_remembered_and_shared_once_redis_is_back() {
    let mut redis = Redis::start();
    let table = table(&redis, retention()).await;
    redis.kill();
    table.claim(&look(CHILD), "request-1", ANY_AGE).await.unwrap_err();
    let unclaimed = table.unclaimed(&look(CHILD), "request-1");
    redis.start_again();
    connect(&table).await;
    let completion = table.complete(&unclaimed, &came(CHILD, "alone"), false).await.unwrap();
    assert!(completion.is_shared);
    let ClaimResult::Remembered(RemoteRequest::Completed(kept)) = claim(&table, CHILD, "request-1").await else {
        panic!("forgotten")
    };
    assert_eq!(title(&kept), "alone");
    assert!(matches!(claim(&table, CHILD, "request-2").await, ClaimResult::Shared { .. }));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_look_that_went_ahead_alone_does_not_share_over_somebody_who_is_flying() {
    let redis = Redis::start();
    let table = table(&redis, retention()).await;
    let unclaimed = table.unclaimed(&look(CHILD), "request-1");
    let lease = take(&table, CHILD, "request-2").await;
    assert!(!table.complete(&unclaimed, &came(CHILD, "alone"), false).await.unwrap().is_shared);
    assert!(table.complete(&lease, &came(CHILD, "placed"), false).await.unwrap().is_shared);
    let ClaimResult::Remembered(RemoteRequest::Completed(kept)) = claim(&table, CHILD, "request-1").await else {
        panic!("forgotten")
    };
    assert_eq!(title(&kept), "alone");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_beginning_whose_reply_was_lost_is_taken_up_by_the_look_that_went_ahead() {
    let redis = Redis::start();
    let (ours, theirs) = (table(&redis, retention()).await, table(&redis, retention()).await);
    take(&ours, OTHER_CHILD, "request-0").await;
    redis.freeze();
    // Redis will carry the script out when it wakes, long after we gave up.
    ours.claim(&look(CHILD), "request-1", ANY_AGE).await.unwrap_err();
    let unclaimed = ours.unclaimed(&look(CHILD), "request-1");
    redis.wake();
    connect(&ours).await;
    let flight = find(&theirs, CHILD, "request-2").await;
    assert!(ours.complete(&unclaimed, &came(CHILD, "alone"), false).await.unwrap().is_shared);
    let waited = theirs.wait(&look(CHILD), &flight, Instant::now() + Duration::from_secs(1)).await.unwrap();
    let WaitResult::Completed(kept) = waited else { panic!("{waited:?}") };
    assert_eq!(title(&kept), "alone");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_beginning_whose_reply_was_lost_keeps_its_place_in_the_order_of_flights() {
    let redis = Redis::start();
    let (ours, theirs) =
        (table(&redis, retention()).await, table(&redis, Retention { caller: Duration::ZERO, ..retention() }).await);
    take(&ours, OTHER_CHILD, "request-0").await;
    redis.freeze();
    ours.claim(&look(CHILD), "request-1", ANY_AGE).await.unwrap_err();
    let unclaimed = ours.unclaimed(&look(CHILD), "request-1");
    redis.wake();
    connect(&ours).await;
    let newer = take(&theirs, CHILD, "request-2").await;
    assert!(theirs.complete(&newer, &came(CHILD, "newer"), false).await.unwrap().is_shared);
    assert!(!ours.complete(&unclaimed, &came(CHILD, "alone"), false).await.unwrap().is_shared);
    let shared = ours.shared(&look(CHILD)).await.unwrap().unwrap();
    assert_eq!(title(&shared), "newer");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_flight_whose_redis_forgot_everything_still_lands() {
    let mut redis = Redis::start();
    let table = table(&redis, retention()).await;
    let lease = take(&table, CHILD, "request-1").await;
    redis.kill();
    redis.start_again();
    connect(&table).await;
    assert!(table.complete(&lease, &came(CHILD, "first"), false).await.unwrap().is_shared);
    assert!(matches!(claim(&table, CHILD, "request-1").await, ClaimResult::Remembered(RemoteRequest::Completed(_))));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn who_waits_sits_an_outage_out() {
    let redis = Redis::start();
    let (ours, theirs) = (table(&redis, retention()).await, table(&redis, retention()).await);
    let lease = take(&ours, CHILD, "request-1").await;
    let flight = find(&theirs, CHILD, "request-2").await;
    redis.freeze();
    let waiting = tokio::spawn(async move {
        let waited = theirs.wait(&look(CHILD), &flight, Instant::now() + Duration::from_secs(8)).await;
        matches!(waited, Ok(WaitResult::Completed(_)))
    });
    sleep(Duration::from_millis(1500)).await;
    redis.wake();
    connect(&ours).await;
    ours.complete(&lease, &came(CHILD, "first"), false).await.unwrap();
    assert!(waiting.await.unwrap());
}

#[test]
#[ignore = "needs redis-server"]
fn a_caller_whose_runtime_ends_takes_no_connection_with_it() {
    let redis = Redis::start();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let owner = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let _owned = owner.enter();
    let table = cold_table(&redis);
    runtime().block_on(connect(&table));
    let lease = runtime().block_on(take(&table, CHILD, "request-1"));
    let shared = runtime().block_on(async { table.complete(&lease, &came(CHILD, "first"), false).await.unwrap().is_shared });
    assert!(shared);
    assert_eq!(table.counts().failed_calls, 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn the_password_of_the_settings_opens_the_table_and_another_does_not() {
    let redis = Redis::with_password("hunter2 of %40/:");
    let url = format!("redis://127.0.0.1:{}/0", redis.port);
    let table = |password: &str| {
        let (url, keys) = store_url(&url, Some(password));
        RemoteTable::new(&url, None, &keys, retention(), Handle::current()).unwrap()
    };
    let welcome = table("hunter2 of %40/:");
    connect(&welcome).await;
    take(&welcome, CHILD, "request-1").await;
    let refused = table("hunter3").claim(&look(CHILD), "request-2", ANY_AGE).await.unwrap_err();
    assert_eq!(refused, Unavailable::Refused);
    assert!(!format!("{:?} {refused}", table("hunter3")).contains("hunter"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn over_tls_only_a_server_of_the_given_authority_is_spoken_to() {
    let (certificates, strange) = (Certificates::generate("a.test").unwrap(), Certificates::generate("b.test").unwrap());
    let redis = Redis::with_tls(&certificates);
    let table = |host: &str, ca: Option<&str>| {
        let (url, keys) = store_url(&format!("rediss://{host}:{}/0", redis.port), None);
        RemoteTable::new(&url, ca.map(str::as_bytes), &keys, retention(), Handle::current()).unwrap()
    };
    for host in ["127.0.0.1", "localhost"] {
        let table = table(host, Some(&certificates.ca_pem));
        connect(&table).await;
        let lease = take(&table, CHILD, &format!("request-{host}")).await;
        table.release(&lease, &unheard()).await.unwrap();
    }
    for ca in [Some(strange.ca_pem.as_str()), None] {
        let table = table("127.0.0.1", ca);
        let began = Instant::now();
        let refused = loop {
            match table.ready().await {
                // A busy machine: nothing was decided.
                Err(Unavailable::NoReply | Unavailable::Backoff) if began.elapsed() < Duration::from_secs(20) => {
                    sleep(Duration::from_millis(50)).await;
                }
                other => break other,
            }
        };
        assert_eq!(refused, Err(Unavailable::NoConnection));
    }
}

#[tokio::test]
async fn a_url_that_would_switch_the_check_of_certificates_off_is_refused() {
    let (url, keys) = store_url("rediss://127.0.0.1:1/0#insecure", None);
    let refused = RemoteTable::new(&url, None, &keys, retention(), Handle::current()).unwrap_err();
    assert!(matches!(refused, RemoteError::Url(_)), "{refused}");
    let (url, _) = store_url("rediss://127.0.0.1:1/0", None);
    let table = |ca: &[u8]| RemoteTable::new(&url, Some(ca), &keys, retention(), Handle::current());
    assert_eq!(table(b"no certificate").unwrap_err(), RemoteError::Ca);
    assert!(matches!(RemoteTable::new(&url, None, &[], retention(), Handle::current()).unwrap_err(), RemoteError::NoKey));
    let (url, keys) = store_url("redis://127.0.0.1:1/nodatabase", None);
    let refused = RemoteTable::new(&url, None, &keys, retention(), Handle::current()).unwrap_err();
    assert!(matches!(refused, RemoteError::Url(_)), "{refused}");
}
