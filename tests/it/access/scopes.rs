//! SMART scopes limit resource types, wherever a resource could come from.

use super::{assert_refused, look_with};
use crate::common::issuer::{Issuer, bearer};
use crate::common::trail::TrailFolder;
use crate::common::{GOOD_CHILD, Got, TestApp};
use serde_json::{Value, json};

async fn get(app: &TestApp, issuer: &Issuer, scope: &str, path: &str) -> Got {
    let token = bearer(&issuer.token(json!({"scope": scope})));
    app.get_with(path, &[("Authorization", &token)]).await
}

fn flags(more: &str) -> String {
    format!("Flag?patient={GOOD_CHILD}{more}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_of_another_type_is_refused_and_asks_nobody() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    for scope in ["openid user/CareTeam.rs", "user/Flag.r", "user/Flag.write", "user/Flag.rs?category=x", "user/flag.rs"] {
        let got = get(&app, &issuer, scope, &flags("")).await;
        assert_refused(&app, &got, 403, "forbidden", &["dr-example"]);
        assert!(got.header("WWW-Authenticate").unwrap().contains("insufficient_scope"), "{scope}");
        assert!(got.diagnostics().contains("scopes do not allow this for Flag"), "{}", got.text);
    }
    for scope in ["", "openid profile", "user/Flag.rs", "user/Flag.read", "system/*.rs", "patient/Flag.s", "user/*.*"] {
        assert_eq!(get(&app, &issuer, scope, &flags("")).await.status, 200, "{scope}");
    }
    for scp in [json!(["user/CareTeam.rs", "openid"]), json!("user/CareTeam.rs")] {
        let got = look_with(&app, &issuer.token(json!({"scp": scp}))).await;
        assert_eq!((got.status, got.issue().as_str()), (403, "forbidden"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_include_needs_every_type_that_it_could_add() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    for (include, scope, missing) in [
        ("&_include=Flag:author", "user/Flag.rs", "Organization"),
        ("&_include=Flag:author", "user/Flag.rs user/Organization.s", "Organization"),
        ("&_include=Flag:patient&_revinclude:iterate=AuditEvent:entity", "user/Flag.rs user/Patient.r", "AuditEvent"),
        ("&_include=Flag:detail", "user/Flag.rs user/EpisodeOfCare.rs", "CarePlan"),
        ("&_include=*", "user/Flag.rs", "Organization"),
    ] {
        let got = get(&app, &issuer, scope, &flags(include)).await;
        assert_refused(&app, &got, 403, "forbidden", &[]);
        assert!(got.diagnostics().contains("for ") || got.diagnostics().contains(missing), "{}", got.text);
    }
    for (include, scope) in [
        ("&_include=Flag:author", "user/Flag.rs user/Organization.r"),
        ("&_include=Flag:detail:EpisodeOfCare", "user/Flag.rs user/EpisodeOfCare.rs"),
        ("&_include=*", "user/*.rs"),
    ] {
        assert_eq!(get(&app, &issuer, scope, &flags(include)).await.status, 200, "{include} {scope}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_pages_and_entries_of_batches_keep_to_the_scopes() {
    let (issuer, trail) = (Issuer::start().await, TrailFolder::sqlite());
    let app = issuer.app_on(&trail).await;
    let found = get(&app, &issuer, "", &format!("Flag?patient={GOOD_CHILD}&_count=1")).await;
    let id = found.resources("match")[0]["id"].as_str().unwrap().to_owned();
    let read = format!("Flag/{id}");
    assert_eq!(get(&app, &issuer, "user/Flag.r", &read).await.status, 200);
    let refused = get(&app, &issuer, "user/Flag.s", &read).await;
    assert_eq!((refused.status, refused.issue().as_str()), (403, "forbidden"));

    let entry = |url: String| json!({"request": {"method": "GET", "url": url}});
    let entries = [entry(flags("")), entry(format!("CareTeam?patient={GOOD_CHILD}")), entry(read)];
    let body = json!({"resourceType": "Bundle", "type": "batch", "entry": entries}).to_string();
    let token = bearer(&issuer.token(json!({"scope": "user/CareTeam.rs"})));
    let request = app.http.post(app.fhir("")).body(body);
    let headers =
        [("Content-Type", "application/fhir+json"), ("Authorization", token.as_str()), ("X-Request-ID", "the-batch-itself")];
    let got = app.send(request, &headers).await;
    let statuses: Vec<Value> =
        got.json()["entry"].as_array().unwrap().iter().map(|entry| entry["response"]["status"].clone()).collect();
    assert_eq!(statuses, ["403 Forbidden", "200 OK", "403 Forbidden"], "{}", got.text);
    let refused = trail.lines().await.iter().filter(|line| line.event == "refused").count();
    assert_eq!(refused, 2, "one for the read, one for the batch");
}
