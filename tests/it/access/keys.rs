//! An issuer's keys: rotated while requests run, invented by the thousand, away.

use super::{assert_refused, look_with};
use crate::common::TestApp;
use crate::common::issuer::{Issuer, Key, Mood};
use jsonwebtoken::Algorithm;
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_set_named_by_the_settings_needs_no_discovery() {
    let issuer = Issuer::start().await;
    let app = issuer.app_with(&json!({"jwks_url": format!("{}/jwks", issuer.url)}), &[]).await;
    assert_eq!(look_with(&app, &issuer.good()).await.status, 200);
    assert_eq!((issuer.discoveries(), issuer.key_sets()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_read_once_for_many_requests() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    for _ in 0..20 {
        assert_eq!(look_with(&app, &issuer.good()).await.status, 200);
    }
    assert_eq!((issuer.discoveries(), issuer.key_sets()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_with_a_certificate_of_its_own_ca_is_believed_only_with_that_ca() {
    let issuer = Issuer::start_tls().await;
    let app = issuer.app().await;
    assert_eq!(look_with(&app, &issuer.good()).await.status, 200);
    let other = Issuer::start_tls().await;
    let mistaken = issuer.folder().join("issuer-ca.pem").display().to_string();
    let distrusting = other.app_with(&json!({"ca": mistaken}), &[]).await;
    let got = look_with(&distrusting, &other.good()).await;
    assert_refused(&distrusting, &got, 503, "transient", &[]);
    assert_eq!(other.key_sets(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_while_requests_run_fails_none_of_them() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    let until = Instant::now() + Duration::from_secs(3);
    let callers = (0..8).map(async |caller| {
        let mut served = 0;
        while Instant::now() < until {
            // A fresh token each time, signed with the issuer's present key.
            let token = issuer.token(json!({"jti": format!("{caller}-{served}")}));
            let got = look_with(&app, &token).await;
            assert_eq!(got.status, 200, "{}", got.text);
            served += 1;
        }
        served
    });
    let rotation = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        issuer.rotate();
        tokio::time::sleep(Duration::from_millis(500)).await;
        issuer.withdraw_old_keys();
        0
    };
    let mut all: Vec<std::pin::Pin<Box<dyn Future<Output = u32>>>> = vec![Box::pin(rotation)];
    for caller in callers {
        all.push(Box::pin(caller));
    }
    let served: u32 = futures_util::future::join_all(all).await.into_iter().sum();
    assert!(served > 50, "{served}");
    assert_eq!(issuer.key_sets(), 2, "one reading at the start, one for the new key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_not_believed_longer_than_its_key_is_published() {
    let issuer = Issuer::start().await;
    let app = issuer.app_with(&json!({"refresh": "1s"}), &[]).await;
    let old = issuer.good();
    assert_eq!(look_with(&app, &old).await.status, 200);
    issuer.rotate();
    issuer.withdraw_old_keys();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let before = app.counts().queries;
    let got = look_with(&app, &old).await;
    assert_eq!((got.status, got.issue().as_str()), (401, "login"), "{}", got.text);
    assert_eq!(app.counts().queries, before);
    assert_eq!(look_with(&app, &issuer.good()).await.status, 200);
}

/// A token that names a key nobody has.
fn with_invented_key(issuer: &Issuer, at: usize) -> String {
    issuer.key().sign(&issuer.claims(), |header| header.kid = Some(format!("invented-{at}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn invented_keys_by_the_hundred_make_one_reading_and_are_refused_at_once() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    assert_eq!(look_with(&app, &issuer.good()).await.status, 200);
    let queries = app.counts().queries;
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    for at in 0..300 {
        let token = with_invented_key(&issuer, at);
        let one = Instant::now();
        let got = look_with(&app, &token).await;
        assert_eq!((got.status, got.issue().as_str()), (401, "login"));
        if at > 0 {
            slowest = slowest.max(one.elapsed());
        }
    }
    // One at the start, and one for each ten seconds that the flood lasted.
    let most = 2 + began.elapsed().as_secs() / 10;
    assert!((2..=most).contains(&issuer.key_sets()), "{} in {:?}", issuer.key_sets(), began.elapsed());
    assert_eq!(issuer.discoveries(), issuer.key_sets());
    assert_eq!(app.counts().queries, queries);
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    assert_eq!(look_with(&app, &issuer.good()).await.status, 200, "good tokens are served meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_never_was_there_is_a_503_that_may_be_repeated() {
    let issuer = Issuer::start().await;
    for mood in [Mood::Broken, Mood::Garbage, Mood::Endless, Mood::Redirecting, Mood::Away] {
        issuer.be(mood);
        let app = issuer.app().await;
        let got = look_with(&app, &issuer.good()).await;
        assert_refused(&app, &got, 503, "transient", &["dr-example"]);
        assert!(got.header("Retry-After").is_some() && got.diagnostics().contains("cannot be checked"), "{mood:?} {}", got.text);
        assert_eq!(issuer.others(), 0, "redirects are not followed");
        assert!(!app.service.said().contains("ward network"), "nothing that it sent is in the log");
        let holds = app.service.holds().await;
        for at in 0..20 {
            assert_eq!(look_with(&app, &issuer.token(json!({"jti": at}))).await.status, 503, "{mood:?}");
        }
        app.service.holds_no_more(holds).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_issuer_keeps_a_caller_for_seconds_not_for_ever() {
    let issuer = Issuer::start().await;
    issuer.be(Mood::Slow);
    let app = issuer.app().await;
    let (began, holds) = (Instant::now(), app.service.holds().await);
    let got = look_with(&app, &issuer.good()).await;
    assert_refused(&app, &got, 503, "transient", &[]);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    issuer.be(Mood::Well);
    becomes_well(&app, &issuer).await;
    app.service.holds_no_more(holds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_goes_away_leaves_its_keys_for_a_set_time() {
    let issuer = Issuer::start().await;
    let app = issuer.app_with(&json!({"refresh": "500ms", "keep_keys": "5s"}), &[]).await;
    let early = issuer.token(json!({"jti": "early"}));
    assert_eq!(look_with(&app, &early).await.status, 200);
    issuer.be(Mood::Broken);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(look_with(&app, &issuer.token(json!({"jti": "a new one"}))).await.status, 200, "the old keys still hold");
    tokio::time::sleep(Duration::from_millis(4800)).await;
    let queries = app.counts().queries;
    for token in [early.clone(), issuer.token(json!({"jti": "late"}))] {
        let got = look_with(&app, &token).await;
        assert_eq!((got.status, got.issue().as_str()), (503, "transient"), "{}", got.text);
    }
    assert_eq!(app.counts().queries, queries);
    issuer.be(Mood::Well);
    becomes_well(&app, &issuer).await;
    assert_eq!(look_with(&app, &early).await.status, 200);
}

async fn becomes_well(app: &TestApp, issuer: &Issuer) {
    let until = Instant::now() + Duration::from_secs(15);
    while look_with(app, &issuer.good()).await.status != 200 {
        assert!(Instant::now() < until, "{}", app.service.said());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_openid_configuration_of_another_issuer_or_with_keys_elsewhere_is_not_believed() {
    for (name, value) in [
        ("issuer", json!("https://other.example")),
        ("issuer", json!(null)),
        ("jwks_uri", json!("http://198.51.100.7/jwks")),
        ("jwks_uri", json!("file:///etc/passwd")),
        ("jwks_uri", json!(null)),
    ] {
        let issuer = Issuer::start().await;
        issuer.configure(name, value.clone());
        let app = issuer.app().await;
        let got = look_with(&app, &issuer.good()).await;
        assert_refused(&app, &got, 503, "transient", &[]);
        assert_eq!(issuer.key_sets(), 0, "{name} {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_smart_configuration_is_made_of_what_the_issuer_says() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    assert_eq!(look_with(&app, &issuer.good()).await.status, 200);
    let got = app.get(".well-known/smart-configuration").await;
    assert_eq!((got.status, &got.json()["token_endpoint"]), (200, &json!(format!("{}/token", issuer.url))), "{}", got.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_a_key_id_is_believed_by_any_key_of_its_issuer_old_or_new() {
    let issuer = Issuer::with_key(Algorithm::RS256).await;
    issuer.publish_too(Key::new("beside", Algorithm::RS256).public);
    let app = issuer.app().await;
    let nameless = |claims: serde_json::Value| issuer.key().sign(&issuer.with(claims), |header| header.kid = None);
    let first = nameless(json!({}));
    assert_eq!(look_with(&app, &first).await.status, 200, "two keys fit");
    let stranger = Key::new("key-0", Algorithm::RS256).sign(&issuer.claims(), |header| header.kid = None);
    issuer.rotate();
    // Only its signature shows that its key is new, so the keys are read once.
    assert_eq!(look_with(&app, &nameless(json!({"jti": "new"}))).await.status, 200);
    assert_eq!(issuer.key_sets(), 2);
    for _ in 0..20 {
        let got = look_with(&app, &stranger).await;
        assert_eq!(got.status, 401, "{}", got.text);
        assert!(got.diagnostics().contains("signature is wrong"), "{}", got.text);
    }
    assert_eq!(issuer.key_sets(), 2, "a flood of them makes no more readings");
    assert_eq!(look_with(&app, &first).await.status, 200);
}
