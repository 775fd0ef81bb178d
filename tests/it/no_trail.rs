//! No trail, no query: what callers get from the real service when the audit store fails, and that it recovers by itself.

use crate::common::children::{built_in_and, child};
use crate::common::trail::TrailFolder;
use crate::common::{GOOD_CHILD, Got, TestApp};
use rusqlite::Connection;
use std::time::Duration;

/// CP-IS answers about this one after a second.
const SLOW_CHILD: &str = "9995000008";
const ID: [(&str, &str); 1] = [("X-Request-ID", "60E0B220-8136-4CA5-AE46-1D97EF59D068")];

async fn app(trail: &TrailFolder) -> TestApp {
    let settings = trail.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    TestApp::with_scenario(built_in_and(&child(SLOW_CHILD, r#"delay = "1s""#)), &settings).await
}

/// Somebody else holds the store's lock for as long as this is kept.
fn lock(trail: &TrailFolder) -> Connection {
    let other = Connection::open(trail.file("audit.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

/// What `/_status` says of itself, and of the trail.
async fn status(app: &TestApp) -> [String; 2] {
    let json = app.send(app.http.get(format!("{}/_status", app.service.admin)), &[]).await.json();
    [&json["status"], &json["checks"]["trail:writable"][0]["status"]].map(|status| status.as_str().unwrap().to_owned())
}

fn assert_nobody_was_asked(app: &TestApp, got: &Got) {
    assert_eq!((got.status, got.issue().as_str()), (503, "transient"), "{}", got.text);
    assert_eq!(got.codes(), ("SERVICE_UNAVAILABLE".to_owned(), "UNAVAILABLE".to_owned()));
    assert!(got.header("retry-after").is_some() && !got.says_no_record());
    assert_eq!(app.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_locked_nothing_is_asked_and_then_it_is() {
    let trail = TrailFolder::sqlite();
    let app = app(&trail).await;
    let holds = app.service.holds().await;
    let lock = lock(&trail);
    assert_nobody_was_asked(&app, &app.look(GOOD_CHILD).await);
    assert!(app.service.said().contains("the trail cannot be written"), "{}", app.service.said());
    assert_eq!(status(&app).await, ["fail", "fail"]);
    drop(lock);
    app.assert_well("the store was locked").await;
    assert_eq!(status(&app).await, ["pass", "pass"]);
    app.service.holds_no_more(holds).await;
    trail.assert_whole("the store was locked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_gone_stops_every_query_until_it_is_back() {
    let trail = TrailFolder::sqlite();
    let app = app(&trail).await;
    let holds = app.service.holds().await;
    let (file, away) = (trail.file("audit.db"), trail.file("away.db"));
    std::fs::rename(&file, &away).unwrap();
    for _ in 0..20 {
        assert_nobody_was_asked(&app, &app.look(GOOD_CHILD).await);
    }
    assert_eq!(status(&app).await, ["fail", "fail"]);
    std::fs::rename(&away, &file).unwrap();
    app.assert_well("the store was away").await;
    assert_eq!(status(&app).await, ["pass", "pass"]);
    app.service.holds_no_more(holds).await;
    trail.assert_whole("the store was away");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_its_entry_is_withheld_until_the_same_request_comes_again() {
    let trail = TrailFolder::sqlite();
    let app = app(&trail).await;
    let path = format!("Flag?patient={SLOW_CHILD}");
    let request = app.get_with(&path, &ID);
    let locking = async {
        // The query is out, and its answer is on its way.
        while app.counts().requests == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        lock(&trail)
    };
    let (withheld, held_lock) = tokio::join!(request, locking);
    assert_eq!((withheld.status, withheld.issue().as_str()), (500, "exception"), "{}", withheld.text);
    assert!(withheld.header("retry-after").is_none());
    assert!(withheld.diagnostics().contains("notified"), "{}", withheld.text);
    let still = app.get_with(&path, &ID).await;
    assert_eq!(still.status, 500, "{}", still.text);
    drop(held_lock);
    let told = app.get_with(&path, &ID).await;
    assert_eq!((told.status, told.total()), (200, 1), "{}", told.text);
    assert_eq!((app.counts().requests, app.counts().notifications), (1, 1));
    let events: Vec<String> = trail.lines().await.into_iter().map(|line| line.event).collect();
    assert_eq!(events, ["started", "asked", "answered", "shared"]);
    trail.assert_whole("an answer was withheld");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_was_asked_and_shown_is_on_the_trail_and_the_number_is_not_in_the_file() {
    let trail = TrailFolder::sqlite();
    let mut app = app(&trail).await;
    let found = app.look(GOOD_CHILD).await;
    let id = found.resources("match")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(app.get(&format!("Flag/{id}")).await.status, 200);
    assert_eq!(app.get("Flag?patient=9990000026").await.status, 200);
    assert_eq!(app.get("Flag?patient=4444444444").await.status, 503);
    assert_eq!(app.service.stop(), Some(0));
    let told = trail.told().await;
    let events: Vec<&str> = told.iter().map(|told| told.entry.event.name()).collect();
    assert_eq!(
        events,
        ["started", "asked", "answered", "shared", "asked", "answered", "asked", "failed", "stopped"],
        "{events:?}"
    );
    let outcomes: Vec<&str> =
        told.iter().filter_map(|told| told.entry.outcome.as_ref()).map(|outcome| outcome.name.as_str()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "no-record").count(), 1, "{outcomes:?}");
    let file = std::fs::read(trail.file("audit.db")).unwrap();
    for number in [GOOD_CHILD, "9990000026", "4444444444"] {
        assert!(!file.windows(10).any(|window| window == number.as_bytes()));
    }
}
