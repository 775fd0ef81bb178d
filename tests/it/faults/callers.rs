//! Callers that give up, hang up or come back while a look is on its way.

use super::QUICK;
use crate::common::children::{built_in_and, child};
use crate::common::{TestApp, client};
use std::time::Duration;

const LATE: &str = "9995000008";

/// The child's answer comes after 1.6 s, 0.6 s after the caller's deadline.
async fn app() -> TestApp {
    TestApp::with_scenario(built_in_and(&child(LATE, r#"delay = "1600ms""#)), &QUICK).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_timed_out_and_is_asked_again_is_joined_and_its_late_answer_given() {
    let app = app().await;
    let first = app.look(LATE).await;
    assert_eq!((first.status, first.issue().as_str()), (504, "timeout"), "{}", first.text);
    let second = app.look(LATE).await;
    assert_eq!((second.status, second.total()), (200, 1), "{}", second.text);
    assert_eq!((app.counts().requests, app.counts().notifications), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_does_not_stop_the_look() {
    let app = app().await;
    let path = app.fhir(&format!("Flag?patient={LATE}"));
    let gone = app.http.get(path).timeout(Duration::from_millis(700)).send().await;
    assert!(gone.is_err_and(|error| error.is_timeout()));
    assert_eq!(app.counts().requests, 1);
    let next = app.look(LATE).await;
    assert_eq!((next.status, next.total()), (200, 1), "{}", next.text);
    assert_eq!((app.counts().requests, app.counts().notifications), (1, 1), "the look went on without its caller");
    app.assert_well("a caller that hung up").await;
    let ready = app.send(app.http.get(format!("{}/health/ready", app.service.public)), &[]).await;
    assert_eq!(ready.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_about_one_child_are_one_request_whoever_of_them_stays() {
    let mut app = app().await;
    app.assert_well("a start").await;
    let holds = app.service.holds().await;
    let requests = app.counts().requests;
    let callers = (0..30_u64).map(|n| {
        let request = app.http.get(app.fhir(&format!("Flag?patient={LATE}")));
        // Every other one hangs up, at its own moment.
        let limit = if n % 2 == 0 { 100 + n * 20 } else { 5000 };
        async move { request.timeout(Duration::from_millis(limit)).send().await }
    });
    let told: Vec<_> = futures_util::future::join_all(callers).await;
    let stayed: Vec<u16> = told.into_iter().flatten().map(|response| response.status().as_u16()).collect();
    assert!(stayed.len() >= 15 && stayed.iter().all(|status| *status == 504), "{stayed:?}");
    assert_eq!(app.look(LATE).await.total(), 1);
    assert_eq!(app.counts().requests, requests + 1);
    app.http = client();
    app.service.holds_no_more(holds).await;
}

/// decisions.md 4, with nothing shared beyond requests in flight: an answer, a lost connection, and a reply that cannot be read.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_with_the_same_request_id_never_asks_again() {
    let app = app().await;
    let ids = [("X-Request-ID", "0123456789abcdef0123456789abcdef")];
    let mut asked_again = Vec::new();
    for number in ["9990000034", "9990000999", "9990000379"] {
        let before = app.counts().requests;
        let path = format!("Flag?patient={number}");
        let (first, retry) = (app.get_with(&path, &ids).await, app.get_with(&path, &ids).await);
        assert_eq!(first.status, retry.status, "{number}");
        if app.counts().requests != before + 1 {
            asked_again.push((number, first.status));
        }
    }
    assert!(asked_again.is_empty(), "{asked_again:?}");
}
