//! Every kind of signature that is accepted, and none that the settings do not name.

use super::{assert_refused, look_with};
use crate::common::issuer::{Issuer, Key};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn rsa_elliptic_curves_and_ed25519_are_believed() {
    for algorithm in [Algorithm::RS256, Algorithm::PS384, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
        let issuer = Issuer::with_key(algorithm).await;
        let app = issuer.app().await;
        let got = look_with(&app, &issuer.good()).await;
        assert_eq!((got.status, got.total()), (200, 1), "{algorithm:?}: {}", got.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_algorithm_that_the_settings_do_not_name_is_refused() {
    let issuer = Issuer::with_key(Algorithm::RS256).await;
    let app = issuer.app_with(&json!({"algorithms": ["ES256", "RS512"]}), &[]).await;
    let got = look_with(&app, &issuer.good()).await;
    assert_refused(&app, &got, 401, "login", &[]);
    assert!(got.diagnostics().contains("algorithm is not accepted"), "{}", got.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_names_its_algorithm_is_used_for_no_other() {
    let issuer = Issuer::with_key(Algorithm::RS256).await;
    let app = issuer.app().await;
    // The same key, which says RS256, used for PS384, which the settings allow.
    let key = Key { algorithm: Algorithm::PS384, ..issuer.key() };
    let got = look_with(&app, &key.sign(&issuer.claims(), |_| {})).await;
    assert_refused(&app, &got, 401, "login", &[]);
    assert!(got.diagnostics().contains("algorithm is not accepted"), "{}", got.text);
    assert_eq!(look_with(&app, &issuer.good()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_for_encryption_are_not_for_signatures() {
    let issuer = Issuer::start().await;
    let other = Key::new("for-encryption", Algorithm::ES256);
    let mut public = other.public.clone();
    public["use"] = Value::from("enc");
    issuer.publish_too(public);
    let app = issuer.app().await;
    let got = look_with(&app, &other.sign(&issuer.claims(), |_| {})).await;
    assert_refused(&app, &got, 401, "login", &[]);
    assert_eq!(look_with(&app, &issuer.good()).await.status, 200);
}
