//! A trail that can grow no further: nothing is asked, everybody hears of it, and it heals (faults.md 9 and 10).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::trail::TrailFolder;
use common::{House, Service};
use serde_json::Value;
use std::process::Command;

/// The service, whose files may have 512 KiB each. Beyond, the system sends SIGXFSZ, whose usual effect is the end.
fn limited() -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -f 1024; exec \"$0\" serve", env!("CARGO_BIN_EXE_cpis-fhir")]);
    command
}

async fn open(trail: &TrailFolder) -> House {
    let settings = trail.settings();
    let mut settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    settings.push(("LIMITS__REQUESTS_PER_SECOND", "100000"));
    House::with(&settings).await
}

async fn state(house: &House) -> (Value, u16) {
    let status = house.send(house.http.get(format!("{}/_status", house.service.admin)), &[]).await.json();
    let ready = house.send(house.http.get(format!("{}/health/ready", house.service.admin)), &[]).await.status;
    (status, ready)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_reaches_a_size_limit_stops_the_looks_not_the_process_and_heals() {
    let trail = TrailFolder::sqlite();
    let mut house = open(&trail).await;
    assert_eq!(house.service.stop(), Some(0));
    let settings = trail.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    house.service = Service::start_by(limited(), &house.certificates, &house.simulator.url(), &settings);
    house.assert_well("a start").await;
    let (status, ready) = state(&house).await;
    assert_eq!(
        (&status["status"], &status["checks"]["trail:writable"][0]["status"], ready),
        (&"pass".into(), &"pass".into(), 200)
    );
    let descriptors = house.service.descriptors();
    let mut children = common::children::numbers(400).into_iter();
    let stopped = loop {
        let got = house.look(&children.next().expect("512 KiB hold fewer looks")).await;
        if got.status != 200 {
            break got;
        }
    };
    assert!([500, 503].contains(&stopped.status), "{}", stopped.text);
    let asked = house.counts().queries;
    for child in children.by_ref().take(3) {
        let got = house.look(&child).await;
        assert_eq!((got.status, got.issue().as_str()), (503, "transient"), "{}", got.text);
        assert!(got.header("retry-after").is_some() && !got.says_no_record());
    }
    assert_eq!(house.counts().queries, asked, "no entry, no query");
    let (status, ready) = state(&house).await;
    let check = &status["checks"]["trail:writable"][0];
    assert_eq!((&status["status"], &check["status"], ready), (&"fail".into(), &"fail".into(), 200), "{status}");
    assert!(check["output"].as_str().unwrap().starts_with("the trail's store "), "{status}");
    // There is room again.
    let unlimited = ["--pid", &house.service.process_id().to_string(), "--fsize=unlimited"];
    assert!(Command::new("prlimit").args(unlimited).status().unwrap().success());
    let healed = house.look(&children.next().unwrap()).await;
    assert_eq!(healed.status, 200, "{}", healed.text);
    assert_eq!(state(&house).await.0["status"], "pass");
    house.service.until_descriptors(descriptors + 4).await;
    assert_eq!(house.service.stop(), Some(0));
    trail.assert_whole("a full disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_clean_end_a_copy_of_the_file_alone_is_the_trail() {
    let trail = TrailFolder::sqlite();
    let mut house = open(&trail).await;
    house.assert_well("a start").await;
    assert_eq!(house.service.stop(), Some(0));
    let lines = trail.lines().await.len();
    assert!(lines >= 4, "{lines} lines");
    let copy = TrailFolder::sqlite();
    std::fs::copy(trail.file("audit.db"), copy.file("audit.db")).unwrap();
    std::fs::copy(trail.file("audit.head"), copy.file("audit.head")).unwrap();
    copy.assert_whole("a copy of the file alone");
    assert_eq!(copy.lines().await.len(), lines);
}
