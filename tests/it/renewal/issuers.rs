//! Towards issuers of tokens: their keys, and the CAs of their servers.

use crate::common::TestApp;
use crate::common::issuer::{Issuer, bearer};
use crate::common::renewal::{RENEWED, wait_for};
use serde_json::json;
use std::time::{Duration, Instant};

async fn status(app: &TestApp, token: &str) -> u16 {
    app.get_with("Flag?patient=9990000034", &[("Authorization", &bearer(token))]).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_reads_the_keys_of_an_issuer_at_once() {
    let issuer = Issuer::start().await;
    let app = issuer.app_with(&json!({"refresh": "1h"}), &[]).await;
    let old = issuer.good();
    assert_eq!(status(&app, &old).await, 200);
    issuer.rotate();
    issuer.withdraw_old_keys();
    assert_eq!(status(&app, &old).await, 200, "the old keys hold until they are read again");
    let (before, began) = (issuer.key_sets(), Instant::now());
    app.service.signal("-HUP");
    while issuer.key_sets() == before || status(&app, &old).await == 200 {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", app.service.said());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(status(&app, &old).await, 401, "a key that was withdrawn is of no use");
    assert_eq!(status(&app, &issuer.good()).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ca_of_an_issuers_server_is_renewed() {
    let issuer = Issuer::start_tls().await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("issuer-ca.pem");
    let other = cpis_fhir::simulator::certificates::Certificates::generate("x").unwrap();
    let right = std::fs::read_to_string(issuer.as_setting(&json!({}))["ca"].as_str().unwrap()).unwrap();
    std::fs::write(&ca, other.ca_pem).unwrap();
    let app = issuer.app_with(&json!({"ca": ca.display().to_string()}), &[]).await;
    assert_eq!(status(&app, &issuer.good()).await, 503, "the issuer's keys cannot be read: {}", app.service.said());
    std::fs::write(&ca, right).unwrap();
    wait_for(&app.service, RENEWED, 1);
    let began = Instant::now();
    while status(&app, &issuer.good()).await != 200 {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", app.service.said());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
