//! One look, one notification: counted where it counts, at the SMSP.

use crate::common::children::{built_in_and, child, numbers};
use crate::common::{Got, TestApp};
use std::time::{Duration, Instant};

const CHILD: &str = "9995000008";
const ID: [(&str, &str); 1] = [("X-Request-ID", "60E0B220-8136-4CA5-AE46-1D97EF59D068")];

async fn app(behaviour: &str, settings: &[(&str, &str)]) -> TestApp {
    TestApp::with_scenario(built_in_and(&child(CHILD, behaviour)), settings).await
}

fn heard(app: &TestApp) -> (u64, u64) {
    (app.counts().requests, app.counts().notifications)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_late_is_one_notification_however_often_it_is_asked_for() {
    let patience = [("SMSP__TIMEOUT", "1s"), ("SMSP__CONNECT_TIMEOUT", "1s"), ("SMSP__LATE_TIMEOUT", "5s")];
    let nothing_shared = [&patience[..], &[("LOOKUP__SHARE_FOR", "0s")]].concat();
    for settings in [&patience[..], &nothing_shared] {
        let app = app(r#"delay = "2500ms""#, settings).await;
        let path = format!("Flag?patient={CHILD}");
        let first = app.get_with(&path, &ID).await;
        assert_eq!((first.status, first.issue().as_str()), (504, "timeout"), "{}", first.text);
        assert!(first.header("retry-after").is_none());
        let mut last = first;
        for _ in 0..5 {
            last = app.get_with(&path, &ID).await;
        }
        assert_eq!((last.status, last.total()), (200, 1), "{}", last.text);
        assert!(last.header("age").is_some());
        assert_eq!(heard(&app), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewing_session_of_five_searches_is_one_notification() {
    let app = app("", &[]).await;
    for resource in ["Flag", "EpisodeOfCare", "CareTeam", "CarePlan", "AuditEvent"] {
        let got = app.get(&format!("{resource}?patient={CHILD}")).await;
        assert_eq!(got.status, 200, "{resource}: {}", got.text);
        assert!(got.total() >= 1, "{resource}");
        assert_eq!(got.header("age").is_some(), resource != "Flag", "{resource}");
    }
    assert_eq!(heard(&app), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_searches_of_one_look_at_once_are_one_notification() {
    let app = app(r#"delay = "200ms""#, &[]).await;
    let looks = futures_util::future::join_all((0..100).map(|_| app.look(CHILD))).await;
    assert!(looks.iter().all(|got| got.status == 200 && got.total() == 1));
    assert_eq!(heard(&app), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_duplicates_of_one_request_are_one_notification_and_one_answer() {
    let app = app(r#"delay = "200ms""#, &[("LOOKUP__SHARE_FOR", "0s")]).await;
    let path = format!("CarePlan?patient={CHILD}");
    let looks = futures_util::future::join_all((0..50).map(|_| app.get_with(&path, &ID))).await;
    let late = app.get_with(&path, &[ID[0], ("CPIS-New-Look", "true")]).await;
    let shown = |got: &Got| got.resources("match");
    assert!(looks.iter().chain([&late]).all(|got| got.status == 200 && shown(got) == shown(&looks[0])));
    assert_eq!(heard(&app), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_care_settings_are_two_looks() {
    let app = app("", &[]).await;
    for setting in ["emergency-department", "maternity", "maternity"] {
        let got = app.get_with(&format!("Flag?patient={CHILD}"), &[("CPIS-Care-Setting", setting)]).await;
        assert_eq!(got.status, 200, "{}", got.text);
    }
    assert_eq!(app.counts().requests, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_look_is_a_new_query_and_no_cache_is_not_while_the_look_is_young() {
    let app = app("", &[]).await;
    let path = format!("Flag?patient={CHILD}");
    app.get(&path).await;
    assert_eq!(app.get_with(&path, &[("Cache-Control", "no-cache")]).await.status, 200);
    assert_eq!(app.counts().requests, 1);
    assert_eq!(app.get_with(&path, &[("CPIS-New-Look", "true")]).await.header("age"), None);
    assert_eq!(app.counts().requests, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_beyond_capacity_is_shed_fast_and_may_be_repeated() {
    let many = numbers(60);
    let all: Vec<String> = many.iter().map(|number| child(number, r#"delay = "1s""#)).collect();
    let app =
        TestApp::with_scenario(built_in_and(&all.concat()), &[("SMSP__MAX_IN_FLIGHT", "2"), ("SMSP__MAX_QUEUED", "3")]).await;
    // Connections are open before the clock runs.
    futures_util::future::join_all((0..60).map(|_| app.get("metadata"))).await;
    let looks = many.iter().map(async |number| {
        let began = Instant::now();
        let got = app.get_with(&format!("Flag?patient={number}"), &ID).await;
        (began.elapsed(), number, got)
    });
    let looks = futures_util::future::join_all(looks).await;
    let (answered, shed): (Vec<_>, Vec<_>) = looks.into_iter().partition(|(_, _, got)| got.status == 200);
    assert_eq!((answered.len(), app.counts().requests), (5, 5));
    for (after, _, got) in &shed {
        assert_eq!((got.status, got.issue().as_str()), (503, "transient"), "{}", got.text);
        assert_eq!(got.codes(), ("SERVICE_UNAVAILABLE".into(), "UNAVAILABLE".into()));
        assert!(got.header("retry-after").is_some() && got.diagnostics().contains("CP-IS was not asked"));
        assert!(*after < Duration::from_millis(900), "{after:?}: not before the answers");
    }
    let again = app.get_with(&format!("Flag?patient={}", shed[0].1), &ID).await;
    assert_eq!((again.status, app.counts().requests), (200, 6), "{}", again.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_smsp_that_cannot_reach_spine_is_left_alone_and_asked_again_after_a_while() {
    let many = numbers(6);
    let all: Vec<String> = many.iter().map(|number| child(number, r#"code = "SMSP-0004""#)).collect();
    let settings = [("SMSP__BREAKER__FAILURES", "4"), ("SMSP__BREAKER__OPEN_FOR", "1s"), ("LOOKUP__SHARE_FOR", "0s")];
    let app = TestApp::with_scenario(built_in_and(&all.concat()), &settings).await;
    for number in &many[..4] {
        assert_eq!(app.look(number).await.status, 503);
    }
    assert_eq!(app.counts().requests, 4);
    let alone = app.look(crate::common::GOOD_CHILD).await;
    assert_eq!((alone.status, alone.issue().as_str()), (503, "transient"), "{}", alone.text);
    assert_eq!(alone.codes(), ("SERVICE_UNAVAILABLE".into(), "REC_UNAVAILABLE".into()));
    assert!(alone.header("retry-after").is_some() && alone.diagnostics().contains("left alone"));
    assert_eq!(app.counts().requests, 4, "nothing was asked");
    let ready = app.send(app.http.get(format!("{}/health/ready", app.service.public)), &[]).await;
    assert_eq!(ready.status, 200, "the service still tells the clinician so");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    app.assert_well("the pause").await;
    app.assert_well("that").await;
    assert_eq!(app.counts().requests, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_of_a_failing_register_never_close_the_way_to_it() {
    let many = numbers(8);
    let all: Vec<String> = many.iter().map(|number| child(number, r#"code = "CPIS-9999""#)).collect();
    let app = TestApp::with_scenario(built_in_and(&all.concat()), &[("SMSP__BREAKER__FAILURES", "3")]).await;
    for number in &many {
        assert_eq!(app.look(number).await.status, 502);
    }
    app.assert_well("eight failures of CP-IS").await;
    assert_eq!(app.counts().requests, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_is_known_by_the_id_of_any_gateway_in_any_letter_case() {
    let app = app("", &[("LOOKUP__SHARE_FOR", "0s")]).await;
    let path = format!("Flag?patient={CHILD}");
    let ids = [
        "urn:uuid:60e0b220-8136-4ca5-ae46-1d97ef59d068",
        "{60E0B220-8136-4CA5-AE46-1D97EF59D068}",
        "60e0b220-8136-4ca5-ae46-1d97ef59d068#17",
        "|gateway.of:Ward=7/_",
        &"long".repeat(32),
    ];
    for (at, id) in ids.iter().enumerate() {
        for written in [(*id).to_owned(), id.to_uppercase(), id.to_lowercase()] {
            let got = app.get_with(&path, &[("X-Request-ID", &written)]).await;
            assert_eq!((got.status, got.header("X-Request-ID")), (200, Some(&*written)), "{}", got.text);
        }
        assert_eq!(heard(&app).0, at as u64 + 1, "{id}");
        let line = app.service.said().lines().last().unwrap().to_owned();
        let kept = line.split(r#""request_id":""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
        assert!(kept.starts_with("hashed-") && !app.service.said().contains(id), "{line}");
        // The trail is searched by the id, in any letter case, and by what the log shows of it.
        for written in [id, &*id.to_uppercase(), &*kept] {
            let form = form_urlencoded::Serializer::new(String::new()).append_pair("request-id", written).finish();
            let request = app.http.post(format!("{}/audit/_search", app.service.admin)).body(form);
            let got = app.send(request, &[("Content-Type", "application/x-www-form-urlencoded")]).await;
            assert_eq!(got.json()["entries"].as_array().unwrap().len(), 4, "{written}: {}", got.text);
        }
    }
}
