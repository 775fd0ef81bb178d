//! Who asks: tokens of a real issuer and gateways over real mutual TLS, at the real service.

mod algorithms;
mod callers;
mod cis2;
mod gateway;
mod keys;
mod scopes;
mod systems;
mod tokens;

use crate::common::issuer::bearer;
use crate::common::{GOOD_CHILD, Got, TestApp};

/// The search for a child's flags with this token.
async fn look_with(app: &TestApp, token: &str) -> Got {
    app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("Authorization", &bearer(token))]).await
}

/// The log without the codes of the organisation and of the role, which a line of a request is to have.
fn without_codes(log: &str) -> String {
    let without = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| line.into());
        if let Some(fields) = line.as_object_mut() {
            fields.retain(|name, _| name != "organisation" && name != "role");
        }
        format!("{line}\n")
    };
    log.lines().map(without).collect::<Vec<_>>().concat()
}

/// The answer is a refusal with this status and issue, nobody was asked or notified, and nothing of `secrets` is anywhere.
fn assert_refused(app: &TestApp, got: &Got, status: u16, issue: &str, secrets: &[&str]) {
    assert_eq!((got.status, got.issue().as_str()), (status, issue), "{}", got.text);
    let counts = app.counts();
    assert_eq!((counts.requests, counts.queries, counts.notifications), (0, 0, 0));
    assert_eq!(got.header("WWW-Authenticate").is_some(), status == 401 || got.text.contains("scopes"), "{}", got.text);
    let said = format!("{}{:?}{}", got.text, got.headers, without_codes(&app.service.said()));
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}
