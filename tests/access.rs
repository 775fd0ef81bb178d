//! Who asks: tokens of a real issuer and gateways over real mutual TLS, at the real service.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "access/algorithms.rs"]
mod algorithms;
#[path = "access/callers.rs"]
mod callers;
#[path = "access/cis2.rs"]
mod cis2;
mod common;
#[path = "access/gateway.rs"]
mod gateway;
#[path = "access/keys.rs"]
mod keys;
#[path = "access/scopes.rs"]
mod scopes;
#[path = "access/tokens.rs"]
mod tokens;

use common::issuer::bearer;
use common::{GOOD_CHILD, Got, House};

/// The search for a child's flags with this token.
async fn look_with(house: &House, token: &str) -> Got {
    house.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("Authorization", &bearer(token))]).await
}

/// The log's entries about refusals, once the request with this id is in the log too.
async fn noted(house: &House, last_request: &str) -> Vec<serde_json::Value> {
    for _ in 0..200 {
        let said = house.service.said();
        let entries: Vec<serde_json::Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if entries.iter().any(|entry| entry["message"] == "request" && entry["request_id"] == last_request) {
            return entries.into_iter().filter(|entry| entry["message"] == "refused").collect();
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{last_request} is not in the log: {}", house.service.said());
}

/// The answer is a refusal with this status and issue, nobody was asked or notified, and nothing of `secrets` is anywhere.
fn assert_refused(house: &House, got: &Got, status: u16, issue: &str, secrets: &[&str]) {
    assert_eq!((got.status, got.issue().as_str()), (status, issue), "{}", got.text);
    let counts = house.counts();
    assert_eq!((counts.requests, counts.queries, counts.notifications), (0, 0, 0));
    assert_eq!(got.header("WWW-Authenticate").is_some(), status == 401 || got.text.contains("scopes"), "{}", got.text);
    let said = format!("{}{:?}{}", got.text, got.headers, house.service.said());
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}
