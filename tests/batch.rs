//! A batch is many questions and one look for each child.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Got, House};
use serde_json::{Value, json};

const CHILD: &str = "9990000018";
const MOTHER: &str = "9990000050";
const NO_RECORD: &str = "9990000026";

async fn post(house: &House, entries: &[(&str, &str)]) -> Got {
    let entry: Vec<Value> = entries.iter().map(|(method, url)| json!({"request": {"method": method, "url": url}})).collect();
    post_raw(house, &json!({"resourceType": "Bundle", "type": "batch", "entry": entry}).to_string(), "application/fhir+json")
        .await
}

async fn post_raw(house: &House, body: &str, content_type: &str) -> Got {
    let request = house.http.post(house.fhir("")).body(body.to_owned());
    house.send(request, &[("Content-Type", content_type)]).await
}

fn statuses(got: &Got) -> Vec<String> {
    let entries = got.json()["entry"].as_array().unwrap().clone();
    entries.iter().map(|entry| entry["response"]["status"].as_str().unwrap()[..3].to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_entries_about_one_child_are_one_look_answered_in_order() {
    for share_for in ["5m", "0s"] {
        let house = House::with(&[("LOOKUP__SHARE_FOR", share_for)]).await;
        let urls = ["Flag", "EpisodeOfCare", "CareTeam", "CarePlan", "AuditEvent"];
        let entries: Vec<String> = (0..10).map(|at| format!("{}?patient={CHILD}&_count={}", urls[at % 5], 5 + at)).collect();
        let entries: Vec<(&str, &str)> = entries.iter().map(|url| ("GET", url.as_str())).collect();
        let got = post(&house, &entries).await;
        assert_eq!((got.status, got.json()["type"].as_str()), (200, Some("batch-response")), "{}", got.text);
        assert_eq!(statuses(&got), ["200"; 10]);
        for (at, entry) in got.json()["entry"].as_array().unwrap().iter().enumerate() {
            assert_eq!(entry["resource"]["type"], "searchset");
            assert_eq!(entry["resource"]["entry"][0]["resource"]["resourceType"], urls[at % 5]);
        }
        assert_eq!((house.counts().requests, house.counts().notifications), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_entry_has_its_own_outcome() {
    let house = House::open().await;
    let flag = house.get(&format!("Flag?patient={CHILD}")).await.resources("match")[0].clone();
    let read = format!("Flag/{}", flag["id"].as_str().unwrap());
    let got = post(
        &house,
        &[
            ("GET", &format!("Flag?patient={CHILD}")),
            ("GET", &read),
            ("GET", "Flag?patient=9990000019"),
            ("PUT", &read),
            ("GET", "Observation?patient=9990000018"),
            ("GET", &format!("Flag?patient={NO_RECORD}")),
            ("GET", "Flag/forged"),
        ],
    )
    .await;
    assert_eq!(statuses(&got), ["200", "200", "400", "405", "404", "200", "404"], "{}", got.text);
    let entries = got.json()["entry"].as_array().unwrap().clone();
    assert_eq!(entries[1]["resource"], flag);
    assert!(entries[1]["response"]["etag"].as_str().unwrap().starts_with('"'));
    assert!(entries[1]["response"].get("lastModified").is_none());
    assert_eq!(entries[2]["response"]["outcome"]["resourceType"], "OperationOutcome");
    assert_eq!(entries[5]["resource"]["total"], 0);
    assert!(!got.text.contains("9990000019"));
}

#[tokio::test(flavor = "multi_thread")]
async fn mother_and_baby_are_allowed_a_ward_list_is_not() {
    let house = House::open().await;
    let url = |number: &str| format!("Flag?patient={number}");
    let got = post(&house, &[("GET", &url(CHILD)), ("GET", &url(MOTHER))]).await;
    assert_eq!(statuses(&got), ["200", "200"]);
    assert_eq!(house.counts().requests, 2);
    let got = post(&house, &[("GET", &url("9990000034")), ("GET", &url("9990000042")), ("GET", &url("9990000069"))]).await;
    assert_eq!((got.status, got.issue().as_str()), (400, "too-long"), "{}", got.text);
    let many = url(CHILD);
    let got = post(&house, &vec![("GET", many.as_str()); 21]).await;
    assert_eq!((got.status, got.issue().as_str()), (400, "too-long"), "{}", got.text);
    assert_eq!(house.counts().requests, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_look_fails_only_the_entries_of_its_child() {
    let house = House::open().await;
    let got = post(
        &house,
        &[("GET", "Flag?patient=4444444444"), ("GET", "Flag?patient=9990000018"), ("GET", "CareTeam?patient=4444444444")],
    )
    .await;
    assert_eq!(statuses(&got), ["503", "200", "503"]);
    assert_eq!(house.counts().requests, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_batch_is_refused_and_nothing_is_asked() {
    let house = House::open().await;
    for (body, content_type, status, issue) in [
        (r#"{"resourceType":"Bundle","type":"transaction"}"#, "application/fhir+json", 400, "value"),
        (r#"{"resourceType":"Flag"}"#, "application/json", 400, "value"),
        ("{", "application/fhir+json", 400, "structure"),
        ("<Bundle/>", "application/fhir+xml", 400, "value"),
        ("{}", "text/plain", 415, "not-supported"),
    ] {
        let got = post_raw(&house, body, content_type).await;
        assert_eq!((got.status, got.issue().as_str()), (status, issue), "{body}: {}", got.text);
    }
    let got = post(&house, &[("GET", "Flag?patient=abc"), ("DELETE", "Flag/1"), ("GET", "")]).await;
    assert_eq!(statuses(&got), ["400", "405", "405"], "{}", got.text);
    assert_eq!(house.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_may_be_xml() {
    let house = House::open().await;
    let body = format!(
        r#"<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/><entry><request><method value="GET"/><url value="Flag?patient={CHILD}"/></request></entry></Bundle>"#
    );
    assert_eq!(statuses(&post_raw(&house, &body, "application/fhir+xml").await), ["200"]);
}
