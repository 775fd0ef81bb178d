//! Certificates that have ended, or will soon.

use crate::common::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_that_expired_fails() {
    let checked = Fixture::with_client(-30, -3).await.check().await;
    assert_eq!((checked.code, checked.status("smsp.client_cert")), (1, "fail"), "{}", checked.json);
    let message = checked.message("smsp.client_cert");
    assert!(message.starts_with("CN cpis-client.test, expired 3 days ago"), "{message}");
    assert!(checked.of("smsp.client_cert")["days_left"].as_i64().unwrap() < 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_that_is_not_valid_yet_fails_and_asks_for_the_clock() {
    let checked = Fixture::with_client(3, 300).await.check().await;
    assert_eq!((checked.code, checked.status("smsp.client_cert")), (1, "fail"), "{}", checked.json);
    assert!(checked.message("smsp.client_cert").contains("clock"), "{}", checked.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_with_ten_days_left_is_a_warning_that_is_told_once() {
    // Midnight of that day is ten days and a part of today away.
    let checked = Fixture::with_client(-1, 11).await.check().await;
    assert_eq!((checked.code, checked.json["status"].as_str()), (3, Some("warn")), "{}", checked.json);
    assert_eq!((checked.status("smsp.client_cert"), checked.status("settings")), ("warn", "ok"), "{}", checked.json);
    assert_eq!(checked.of("smsp.client_cert")["days_left"], 10);
    assert_eq!(checked.json.to_string().matches("10 days").count(), 1, "{}", checked.json);
    assert_eq!(checked.status("smsp.tls"), "ok");
}
