//! A service that is killed at any moment leaves a whole trail, that knows of every query that went out and of every answer that came in.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::House;
use common::load::{Load, Told};
use common::postgres::{How, Postgres};
use common::trail::TrailFolder;
use std::collections::HashSet;
use std::time::Duration;

/// As many as fit into a quick run; `.ci/run` kills 200 times.
const FEW: usize = 8;
const MANY: usize = 200;

async fn open(trail: &TrailFolder) -> House {
    let settings = trail.settings();
    let mut settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    settings.push(("LIMITS__REQUESTS_PER_SECOND", "100000"));
    House::with(&settings).await
}

/// A moment between 0 and 250 ms, another each time.
fn random_moment() -> Duration {
    Duration::from_micros(u64::from(u16::from_le_bytes(uuid::Uuid::new_v4().into_bytes()[..2].try_into().unwrap())) * 4)
}

async fn kill_and_start(trail: &TrailFolder, times: usize) {
    let mut house = open(trail).await;
    let mut told = Vec::new();
    for round in 0..times {
        let load = Load::start(16, &house.fhir(""));
        tokio::time::sleep(random_moment()).await;
        house.service.kill();
        told.extend(load.stop().await);
        trail.assert_whole(&format!("kill {round}"));
        house.start_again();
    }
    house.assert_well("being killed").await;
    assert_eq!(house.service.stop(), Some(0));
    assert_on_record(trail, &house, &told).await;
}

/// Every query that CP-IS heard has its entry, and every answer that a client received.
async fn assert_on_record(trail: &TrailFolder, house: &House, told: &[Told]) {
    let lines = trail.lines().await;
    let bare = |id: &str| id.to_ascii_uppercase().replace("URN:UUID:", "").replace("UUID:", "");
    let asked: HashSet<String> =
        lines.iter().filter(|line| line.event == "asked").filter_map(|line| line.message_id.as_deref().map(bare)).collect();
    let heard = house.simulator.heard();
    let unasked = heard.iter().filter(|id| !asked.contains(&bare(id))).count();
    assert_eq!(unasked, 0, "of {} queries that CP-IS heard", heard.len());
    let shown: HashSet<&str> = lines
        .iter()
        .filter(|line| ["answered", "shared"].contains(&line.event.as_str()))
        .filter_map(|line| line.request_id.as_deref())
        .collect();
    let answers: Vec<&Told> = told.iter().filter(|told| told.status == Some(200)).collect();
    let unrecorded = answers.iter().filter(|told| !shown.contains(told.request_id.as_str())).count();
    assert_eq!(unrecorded, 0, "of {} answers that clients received", answers.len());
    assert!(answers.len() > 20 && heard.len() >= answers.len(), "{} answers, {} queries", answers.len(), heard.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_killed_has_every_query_and_every_answer_on_record() {
    kill_and_start(&TrailFolder::sqlite(), FEW).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run makes it"]
async fn a_service_with_its_trail_in_postgresql_that_is_killed_has_everything_on_record() {
    let postgres = Postgres::start();
    kill_and_start(&TrailFolder::postgres(postgres.url().expose()), FEW).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run makes it"]
async fn postgresql_is_restarted_under_load_and_nothing_is_missing_on_the_trail() {
    let mut postgres = Postgres::start();
    let trail = TrailFolder::postgres(postgres.url().expose());
    let mut house = open(&trail).await;
    let load = Load::start(16, &house.fhir(""));
    for how in [How::Fast, How::Immediate, How::Kill9] {
        tokio::time::sleep(Duration::from_millis(800)).await;
        postgres.restart(how);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told = load.stop().await;
    house.assert_well("PostgreSQL was restarted").await;
    assert_eq!(house.service.stop(), Some(0));
    trail.assert_whole("PostgreSQL was restarted");
    assert!(told.iter().all(|told| matches!(told.status, Some(200 | 500 | 503))), "{told:?}");
    assert_on_record(&trail, &house, &told).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; .ci/run makes it"]
async fn two_hundred_kills_lose_no_query_and_no_answer() {
    kill_and_start(&TrailFolder::sqlite(), MANY).await;
}
