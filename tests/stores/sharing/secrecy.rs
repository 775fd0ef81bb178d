//! What is in Redis reveals nothing, and what somebody else puts there is not believed.

use super::looks::*;
use crate::servers::redis::Redis;
use cpis_fhir::cpis::Answer;
use cpis_fhir::lookup::remote::{ClaimResult, RemoteOutcome, RemoteRequest, RemoteTable, WantedAge};
use jiff::Timestamp;
use redis::{Connection, cmd};
use std::sync::Arc;

/// The names of this pattern, sorted.
fn names(connection: &mut Connection, pattern: &str) -> Vec<String> {
    let mut names: Vec<String> = cmd("KEYS").arg(pattern).query(connection).unwrap();
    names.sort();
    names
}

fn field(connection: &mut Connection, name: &str, field: &str) -> Vec<u8> {
    cmd("HGET").arg(name).arg(field).query(connection).unwrap()
}

fn set_field(connection: &mut Connection, name: &str, field: &str, value: &[u8]) {
    let _: i64 = cmd("HSET").arg(name).arg(field).arg(value).query(connection).unwrap();
}

async fn complete(table: &RemoteTable, child: &str, request_id: &str) {
    let lease = take(table, child, request_id).await;
    table.complete(&lease, &came(child, request_id), false).await.unwrap();
}

async fn is_absent(table: &RemoteTable, child: &str) {
    let shared = table.shared(&look(child)).await.unwrap();
    assert!(shared.is_none(), "{shared:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn nothing_in_redis_tells_who_looked_at_whom_or_what_was_found() {
    let redis = Redis::start();
    let table = table(&redis, retention()).await;
    complete(&table, CHILD, "request-1").await;
    table.join(&look(CHILD), "request-2", take(&table, OTHER_CHILD, "request-3").await.flight().unwrap()).await.unwrap();
    let everything = redis.everything();
    assert!(everything.len() > 500, "there is something to look at");
    for canary in CANARIES {
        let bytes = canary.as_bytes();
        let found = everything.windows(bytes.len()).any(|window| window.eq_ignore_ascii_case(bytes));
        assert!(!found, "{canary} lies in Redis");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn another_key_finds_nothing() {
    let redis = Redis::start();
    let (ours, stranger) = (table(&redis, retention()).await, table_with(&redis, &[key(b'x')], retention()).await);
    complete(&ours, CHILD, "request-1").await;
    is_absent(&stranger, CHILD).await;
    assert!(stranger.remembered(&look(CHILD), "request-1").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn every_replica_reads_on_while_the_key_is_changed_and_no_second_flight_begins() {
    let redis = Redis::start();
    let (old, new) = (key(b'k'), key(b'n'));
    // Step one: the new key is added behind the old one everywhere. Step two: it becomes the first, one replica after the other.
    let before = table_with(&redis, &[old.clone(), new.clone()], retention()).await;
    let after = table_with(&redis, &[new.clone(), old], retention()).await;
    complete(&before, CHILD, "request-1").await;
    assert!(after.shared(&look(CHILD)).await.unwrap().is_some());
    assert!(matches!(claim(&after, CHILD, "request-1").await, ClaimResult::Remembered(RemoteRequest::Completed(_))));

    let ours = take(&after, OTHER_CHILD, "request-2").await;
    find(&before, OTHER_CHILD, "request-3").await;
    after.complete(&ours, &came(OTHER_CHILD, "new key"), false).await.unwrap();
    for table in [&before, &after] {
        for id in ["request-2", "request-3"] {
            let remembered = table.remembered(&look(OTHER_CHILD), id).await.unwrap();
            assert!(matches!(remembered, Some(RemoteRequest::Completed(_))), "{id}: {remembered:?}");
        }
        assert!(table.shared(&look(OTHER_CHILD)).await.unwrap().is_some());
    }
    let theirs = before.claim(&look(CHILD), "request-4", WantedAge::New).await.unwrap();
    let ClaimResult::Ours(theirs) = theirs else { panic!("{theirs:?}") };
    let claim = after.claim(&look(CHILD), "request-5", WantedAge::New).await.unwrap();
    assert!(matches!(claim, ClaimResult::Elsewhere(_)), "{claim:?}");
    // The newest answer is the only one, under whichever key it lies.
    before.complete(&theirs, &came(CHILD, "newest"), false).await.unwrap();
    let shared = after.shared(&look(CHILD)).await.unwrap().unwrap();
    assert_eq!(title(&shared), "newest");
    let ClaimResult::Ours(ours) = after.claim(&look(CHILD), "request-6", WantedAge::New).await.unwrap() else {
        panic!("not ours")
    };
    after.complete(&ours, &came(CHILD, "newer still"), false).await.unwrap();
    let shared = before.shared(&look(CHILD)).await.unwrap().unwrap();
    assert_eq!(title(&shared), "newer still");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_changed_answer_is_absent_and_the_look_is_made_anew() {
    let redis = Redis::start();
    let table = table(&redis, retention()).await;
    complete(&table, CHILD, "request-1").await;
    let mut connection = redis.connect();
    for (pattern, name) in [("*:shared", "answer"), ("*:flight:*", "outcome")] {
        let hash = names(&mut connection, pattern).remove(0);
        let mut value = field(&mut connection, &hash, name);
        *value.last_mut().unwrap() ^= 1;
        set_field(&mut connection, &hash, name, &value);
    }
    is_absent(&table, CHILD).await;
    assert!(table.remembered(&look(CHILD), "request-1").await.unwrap().is_none());
    assert!(table.counts().unreadable >= 2, "{:?}", table.counts());
    let lease = take(&table, CHILD, "request-1").await;
    table.complete(&lease, &came(CHILD, "again"), false).await.unwrap();
    assert!(table.shared(&look(CHILD)).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn answers_exchanged_between_two_children_are_absent() {
    let redis = Redis::start();
    let table = table(&redis, retention()).await;
    complete(&table, CHILD, "request-1").await;
    complete(&table, OTHER_CHILD, "request-1").await;
    let mut connection = redis.connect();
    for (pattern, name) in [("*:shared", "answer"), ("*:flight:*", "outcome")] {
        let hashes = names(&mut connection, pattern);
        let values: Vec<Vec<u8>> = hashes.iter().map(|hash| field(&mut connection, hash, name)).collect();
        set_field(&mut connection, &hashes[0], name, &values[1]);
        set_field(&mut connection, &hashes[1], name, &values[0]);
    }
    for child in [CHILD, OTHER_CHILD] {
        is_absent(&table, child).await;
        assert!(table.remembered(&look(child), "request-1").await.unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_request_that_is_pointed_at_another_flight_of_the_same_look_is_forgotten() {
    let redis = Redis::start();
    let table = table(&redis, retention()).await;
    complete(&table, CHILD, "request-1").await;
    let lease = table.claim(&look(CHILD), "request-2", WantedAge::New).await.unwrap();
    let ClaimResult::Ours(lease) = lease else { panic!("{lease:?}") };
    table.complete(&lease, &came(CHILD, "request-2"), false).await.unwrap();
    let mut connection = redis.connect();
    let pointers: Vec<String> = names(&mut connection, "*").into_iter().filter(|name| name.matches(':').count() == 1).collect();
    assert_eq!(pointers.len(), 2);
    let mut get = |name: &String| -> Vec<u8> { cmd("GET").arg(name).query(&mut connection).unwrap() };
    let (first, second) = (get(&pointers[0]), get(&pointers[1]));
    for (name, value) in [(&pointers[0], second), (&pointers[1], first)] {
        let () = cmd("SET").arg(name).arg(value).query(&mut connection).unwrap();
    }
    for id in ["request-1", "request-2"] {
        assert!(table.remembered(&look(CHILD), id).await.unwrap().is_none(), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn an_answer_about_another_child_is_absent_even_if_we_sealed_it_ourselves() {
    let redis = Redis::start();
    let table = table(&redis, retention()).await;
    let lease = take(&table, CHILD, "request-1").await;
    let strange: Arc<Answer> = Arc::new(answer(OTHER_CHILD, "strange"));
    table.complete(&lease, &RemoteOutcome { outcome: Ok(strange), came: Timestamp::now(), origin: None }, false).await.unwrap();
    is_absent(&table, CHILD).await;
    assert!(table.remembered(&look(CHILD), "request-1").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn rubbish_in_the_table_is_absent_or_away_and_never_a_panic() {
    let redis = Redis::start();
    let table = table(&redis, retention()).await;
    complete(&table, CHILD, "request-1").await;
    let mut connection = redis.connect();
    for name in names(&mut connection, "*") {
        let kind: String = cmd("TYPE").arg(&name).query(&mut connection).unwrap();
        if kind == "hash" {
            let fields: Vec<String> = cmd("HKEYS").arg(&name).query(&mut connection).unwrap();
            for field in fields {
                set_field(&mut connection, &name, &field, b"rubbish");
            }
        } else {
            let () = cmd("SET").arg(&name).arg("rubbish").query(&mut connection).unwrap();
        }
    }
    if let Ok(shared) = table.shared(&look(CHILD)).await {
        assert!(shared.is_none());
    }
    assert!(!matches!(table.remembered(&look(CHILD), "request-1").await, Ok(Some(_))));
    assert!(!matches!(
        table.claim(&look(CHILD), "request-1", ANY_AGE).await,
        Ok(ClaimResult::Remembered(_) | ClaimResult::Shared { .. })
    ));
}
