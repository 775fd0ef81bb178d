//! A trail that cannot grow: nothing is asked, callers and operators learn why, and it recovers (decisions.md 5, 67).

use crate::common::issuer::{Issuer, bearer};
use crate::common::trail::TrailFolder;
use crate::common::{GOOD_CHILD, Service, TestApp};
use cpis_fhir::audit::Event;
use serde_json::{Value, json};
use std::process::Command;

/// The service, whose files may have 512 KiB each. Beyond, the system sends SIGXFSZ, whose usual effect is the end.
fn limited() -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -f 1024; exec \"$0\" serve", env!("CARGO_BIN_EXE_cpis-fhir")]);
    command
}

async fn open(trail: &TrailFolder) -> TestApp {
    let settings = trail.settings();
    let mut settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    settings.push(("LIMITS__REQUESTS_PER_SECOND", "100000"));
    TestApp::with(&settings).await
}

async fn state(app: &TestApp) -> (Value, u16) {
    let status = app.send(app.http.get(format!("{}/_status", app.service.admin)), &[]).await.json();
    let ready = app.send(app.http.get(format!("{}/health/ready", app.service.admin)), &[]).await.status;
    (status, ready)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_reaches_a_size_limit_stops_the_looks_not_the_process_and_heals() {
    let trail = TrailFolder::sqlite();
    let mut app = open(&trail).await;
    assert_eq!(app.service.stop(), Some(0));
    let settings = trail.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    app.service = Service::start_by(limited(), &app.certificates, &app.simulator.url(), &settings);
    app.assert_well("a start").await;
    let (status, ready) = state(&app).await;
    assert_eq!(
        (&status["status"], &status["checks"]["trail:writable"][0]["status"], ready),
        (&"pass".into(), &"pass".into(), 200)
    );
    let descriptors = app.service.descriptors();
    let mut children = crate::common::children::numbers(400).into_iter();
    let stopped = loop {
        let got = app.look(&children.next().expect("512 KiB hold fewer looks")).await;
        if got.status != 200 {
            break got;
        }
    };
    assert!([500, 503].contains(&stopped.status), "{}", stopped.text);
    let asked = app.counts().queries;
    for child in children.by_ref().take(3) {
        let got = app.look(&child).await;
        assert_eq!((got.status, got.issue().as_str()), (503, "transient"), "{}", got.text);
        assert!(got.header("retry-after").is_some() && !got.says_no_record());
    }
    assert_eq!(app.counts().queries, asked, "no entry, no query");
    let (status, ready) = state(&app).await;
    let check = &status["checks"]["trail:writable"][0];
    assert_eq!((&status["status"], &check["status"], ready), (&"fail".into(), &"fail".into(), 200), "{status}");
    assert!(check["output"].as_str().unwrap().starts_with("the trail's store "), "{status}");
    // There is room again.
    let unlimited = ["--pid", &app.service.process_id().to_string(), "--fsize=unlimited"];
    assert!(Command::new("prlimit").args(unlimited).status().unwrap().success());
    let healed = app.look(&children.next().unwrap()).await;
    assert_eq!(healed.status, 200, "{}", healed.text);
    assert_eq!(state(&app).await.0["status"], "pass");
    app.service.until_descriptors(descriptors + 4).await;
    assert_eq!(app.service.stop(), Some(0));
    trail.assert_whole("a full disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_clean_end_a_copy_of_the_file_alone_is_the_trail() {
    let trail = TrailFolder::sqlite();
    let mut app = open(&trail).await;
    app.assert_well("a start").await;
    assert_eq!(app.service.stop(), Some(0));
    let lines = trail.lines().await.len();
    assert!(lines >= 4, "{lines} lines");
    let copy = TrailFolder::sqlite();
    std::fs::copy(trail.file("audit.db"), copy.file("audit.db")).unwrap();
    std::fs::copy(trail.file("audit.head"), copy.file("audit.head")).unwrap();
    copy.assert_whole("a copy of the file alone");
    assert_eq!(copy.lines().await.len(), lines);
}

/// The soft limit of a file's size, as from a shell.
fn limit_files(app: &TestApp, bytes: &str) {
    let limit = format!("--fsize={bytes}:unlimited");
    let arguments = ["--pid", &app.service.process_id().to_string(), &limit];
    assert!(Command::new("prlimit").args(arguments).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_room_of_a_disk_is_for_looks_and_who_has_no_identity_is_only_counted() {
    let issuer = Issuer::start().await;
    let trail = TrailFolder::sqlite();
    let settings = trail.settings();
    let mut settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    settings.push(("LIMITS__REQUESTS_PER_SECOND", "100000"));
    let mut app = issuer.app_with(&json!({}), &settings).await;
    let path = format!("Flag?patient={GOOD_CHILD}");
    let refuse = async |times: usize| {
        for _ in 0..times {
            assert_eq!(app.get_with(&path, &[]).await.status, 401);
        }
    };
    refuse(2).await;
    // 16 MiB are left: less than what is kept for looks, and much more than this test needs.
    limit_files(&app, "16777216");
    refuse(40).await;
    let token = bearer(&issuer.good());
    let got = app.get_with(&path, &[("Authorization", &token)]).await;
    assert_eq!((got.status, got.total()), (200, 1), "{}", got.text);
    let refused = async || trail.told().await.into_iter().filter(|told| told.entry.event == Event::Refused).count();
    assert_eq!(refused().await, 2, "what nobody was refused is only counted");
    limit_files(&app, "unlimited");
    refuse(1).await;
    assert_eq!(refused().await, 3, "there is room again");
    assert_eq!(app.service.stop(), Some(0));
    let told = trail.told().await;
    let counted: Vec<&str> =
        told.iter().filter_map(|told| told.entry.detail.as_deref()).filter(|text| text.contains("further")).collect();
    assert_eq!(counted.len(), 1, "{counted:?}");
    assert!(counted[0].starts_with("40 further requests were refused since ") && counted[0].ends_with(" 40"), "{counted:?}");
    assert!(app.service.said().contains("the trail's disk is nearly full"));
    trail.assert_whole("a disk that was nearly full");
}
