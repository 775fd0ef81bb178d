//! Services that are killed under load, and what must then be on their trail.

use super::TestApp;
use super::load::{Load, StoredEntry};
use super::trail::TrailFolder;
use std::collections::HashSet;
use std::time::Duration;

/// Fewer than these prove nothing.
const FEWEST_ANSWERS: usize = 20;

pub async fn open(trail: &TrailFolder) -> TestApp {
    let settings = trail.settings();
    let mut settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    settings.push(("LIMITS__REQUESTS_PER_SECOND", "100000"));
    TestApp::with(&settings).await
}

/// A moment between 0 and 250 ms, another each time.
fn random_moment() -> Duration {
    Duration::from_micros(u64::from(u16::from_le_bytes(uuid::Uuid::new_v4().into_bytes()[..2].try_into().unwrap())) * 4)
}

pub async fn kill_and_start(trail: &TrailFolder, times: usize) {
    let mut app = open(trail).await;
    let mut told = Vec::new();
    // On a slow machine few answers come between two kills: it then takes more of them.
    for round in 0..10 * times {
        if round >= times && answers(&told).count() > FEWEST_ANSWERS {
            break;
        }
        let load = Load::start(16, &app.fhir(""));
        tokio::time::sleep(random_moment()).await;
        app.service.kill();
        told.extend(load.stop().await);
        trail.assert_whole(&format!("kill {round}"));
        app.start_again();
    }
    app.assert_well("being killed").await;
    assert_eq!(app.service.stop(), Some(0));
    assert_on_record(trail, &app, &told).await;
}

fn answers(told: &[StoredEntry]) -> impl Iterator<Item = &StoredEntry> {
    told.iter().filter(|told| told.status == Some(200))
}

/// Every query that CP-IS received has its entry, and so has every answer that a client received.
pub async fn assert_on_record(trail: &TrailFolder, app: &TestApp, told: &[StoredEntry]) {
    let lines = trail.lines().await;
    let bare = |id: &str| id.to_ascii_uppercase().replace("URN:UUID:", "").replace("UUID:", "");
    let asked: HashSet<String> =
        lines.iter().filter(|line| line.event == "asked").filter_map(|line| line.message_id.as_deref().map(bare)).collect();
    let heard = app.simulator.message_ids();
    let unasked = heard.iter().filter(|id| !asked.contains(&bare(id))).count();
    assert_eq!(unasked, 0, "of {} queries that CP-IS heard", heard.len());
    let shown: HashSet<&str> = lines
        .iter()
        .filter(|line| ["answered", "shared"].contains(&line.event.as_str()))
        .filter_map(|line| line.request_id.as_deref())
        .collect();
    let answers: Vec<&StoredEntry> = answers(told).collect();
    let unrecorded = answers.iter().filter(|told| !shown.contains(told.request_id.as_str())).count();
    assert_eq!(unrecorded, 0, "of {} answers that clients received", answers.len());
    assert!(answers.len() > FEWEST_ANSWERS, "{} answers, {} queries of {} requests", answers.len(), heard.len(), told.len());
    assert!(heard.len() >= answers.len(), "{} answers, {} queries", answers.len(), heard.len());
}
