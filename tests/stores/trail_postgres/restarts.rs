//! The server goes down under load and comes back.

use super::{open, trail, whole};
use crate::servers::postgres::{How, Postgres};
use cpis_fhir::audit::{Entry, Event};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// 32 callers of two replicas, each trying its entry until it is acknowledged, while `how` happens again and again.
async fn under_load(how: How, times: usize) {
    let mut postgres = Postgres::start();
    let (one, reader) = open(&postgres.url()).await;
    let (other, _) = open(&postgres.url()).await;
    let trails = [trail(one), trail(other)];
    let done = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..32)
        .map(|n| {
            let (trail, done) = (trails[n % 2].clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let (mut acknowledged, mut failures) = (Vec::new(), 0);
                while !done.load(SeqCst) {
                    let entry = Entry::of(Event::Asked);
                    let mut recorded = trail.record(&entry).await;
                    while recorded.is_err() {
                        failures += 1;
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        recorded = trail.record_again(&entry).await;
                    }
                    acknowledged.push(entry.id);
                }
                (acknowledged, failures)
            })
        })
        .collect();
    let mut longest = Duration::ZERO;
    for _ in 0..times {
        tokio::time::sleep(Duration::from_millis(400)).await;
        postgres.restart(how);
        // Goes on by itself.
        let began = Instant::now();
        let lines = || -> u32 { postgres.sql("SELECT count(*) FROM cpis_fhir.trail").parse().unwrap() };
        let before = lines();
        while lines() == before {
            assert!(began.elapsed() < Duration::from_secs(10), "nothing is written after a restart");
        }
        longest = longest.max(began.elapsed());
    }
    done.store(true, SeqCst);
    let (mut acknowledged, mut failures) = (Vec::<Uuid>::new(), 0);
    for caller in futures_util::future::join_all(callers).await {
        let (ids, failed) = caller.unwrap();
        acknowledged.extend(ids);
        failures += failed;
    }
    let written = whole(&reader).await;
    let unique: HashSet<Uuid> = written.iter().copied().collect();
    assert_eq!(unique.len(), written.len(), "nothing is there twice");
    assert!(acknowledged.iter().all(|id| unique.contains(id)), "every acknowledged entry is there");
    assert_eq!(acknowledged.len(), written.len(), "and every entry was acknowledged in the end");
    println!("{how:?}: {} entries, {failures} failed attempts, going on within {longest:?}", written.len());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_fast_restart_under_load_loses_nothing() {
    under_load(How::Fast, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn an_immediate_restart_under_load_loses_nothing() {
    under_load(How::Immediate, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_killed_server_under_load_loses_nothing() {
    under_load(How::Kill9, 5).await;
}
