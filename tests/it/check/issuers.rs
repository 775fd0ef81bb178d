//! Issuers of tokens that cannot be asked, or that publish nothing of use.

use crate::common::fixture::Fixture;
use crate::common::issuer::Mood;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_cannot_be_asked_fails_and_why_is_told() {
    let fixture = Fixture::well().await;
    for (mood, words) in [(Mood::Broken, "an error or a redirect"), (Mood::Garbage, "is not JSON"), (Mood::Away, "broke off")] {
        fixture.issuer.be(mood);
        let checked = fixture.check().await;
        checked.assert_only_failure("access.issuers[0]");
        let message = checked.message("access.issuers[0]");
        assert!(message.starts_with(&fixture.issuer.url) && message.contains(words), "{mood:?}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_where_nobody_listens_fails() {
    let mut fixture = Fixture::well().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let jwks = json!({"jwks_url": format!("http://{free}/jwks")});
    let issuers = json!([fixture.issuer.as_setting(&jwks)]).to_string();
    fixture.set("ACCESS__ISSUERS", &issuers);
    fixture.check().await.assert_only_failure("access.issuers[0]");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_whose_keys_fit_none_of_the_algorithms_fails() {
    let mut fixture = Fixture::well().await;
    let issuers = json!([fixture.issuer.as_setting(&json!({"algorithms": ["RS256"]}))]).to_string();
    fixture.set("ACCESS__ISSUERS", &issuers);
    let checked = fixture.check().await;
    checked.assert_only_failure("access.issuers[0]");
    assert!(checked.message("access.issuers[0]").contains("no key that it publishes can be used (1 in all)"), "{}", checked.json);
}
