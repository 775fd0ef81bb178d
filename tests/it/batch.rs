//! A batch is many questions and one look for each child.

use crate::common::{Got, TestApp};
use serde_json::{Value, json};

const CHILD: &str = "9990000018";
const MOTHER: &str = "9990000050";
const NO_RECORD: &str = "9990000026";

async fn post(app: &TestApp, entries: &[(&str, &str)]) -> Got {
    let entry: Vec<Value> = entries.iter().map(|(method, url)| json!({"request": {"method": method, "url": url}})).collect();
    post_raw(app, &json!({"resourceType": "Bundle", "type": "batch", "entry": entry}).to_string(), "application/fhir+json").await
}

async fn post_raw(app: &TestApp, body: &str, content_type: &str) -> Got {
    let request = app.http.post(app.fhir("")).body(body.to_owned());
    app.send(request, &[("Content-Type", content_type)]).await
}

fn statuses(got: &Got) -> Vec<String> {
    let entries = got.json()["entry"].as_array().unwrap().clone();
    entries.iter().map(|entry| entry["response"]["status"].as_str().unwrap()[..3].to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_entries_about_one_child_are_one_look_answered_in_order() {
    for share_for in ["5m", "0s"] {
        let app = TestApp::with(&[("LOOKUP__SHARE_FOR", share_for)]).await;
        let urls = ["Flag", "EpisodeOfCare", "CareTeam", "CarePlan", "AuditEvent"];
        let entries: Vec<String> = (0..10).map(|at| format!("{}?patient={CHILD}&_count={}", urls[at % 5], 5 + at)).collect();
        let entries: Vec<(&str, &str)> = entries.iter().map(|url| ("GET", url.as_str())).collect();
        let got = post(&app, &entries).await;
        assert_eq!((got.status, got.json()["type"].as_str()), (200, Some("batch-response")), "{}", got.text);
        assert_eq!(statuses(&got), ["200"; 10]);
        for (at, entry) in got.json()["entry"].as_array().unwrap().iter().enumerate() {
            assert_eq!(entry["resource"]["type"], "searchset");
            assert_eq!(entry["resource"]["entry"][0]["resource"]["resourceType"], urls[at % 5]);
        }
        assert_eq!((app.counts().requests, app.counts().notifications), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_entry_has_its_own_outcome() {
    let app = TestApp::open().await;
    let flag = app.get(&format!("Flag?patient={CHILD}")).await.resources("match")[0].clone();
    let read = format!("Flag/{}", flag["id"].as_str().unwrap());
    let got = post(
        &app,
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
    let app = TestApp::open().await;
    let url = |number: &str| format!("Flag?patient={number}");
    let got = post(&app, &[("GET", &url(CHILD)), ("GET", &url(MOTHER))]).await;
    assert_eq!(statuses(&got), ["200", "200"]);
    assert_eq!(app.counts().requests, 2);
    let got = post(&app, &[("GET", &url("9990000034")), ("GET", &url("9990000042")), ("GET", &url("9990000069"))]).await;
    assert_eq!((got.status, got.issue().as_str()), (400, "too-long"), "{}", got.text);
    let many = url(CHILD);
    let got = post(&app, &vec![("GET", many.as_str()); 21]).await;
    assert_eq!((got.status, got.issue().as_str()), (400, "too-long"), "{}", got.text);
    assert_eq!(app.counts().requests, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_look_fails_only_the_entries_of_its_child() {
    let app = TestApp::open().await;
    let got = post(
        &app,
        &[("GET", "Flag?patient=4444444444"), ("GET", "Flag?patient=9990000018"), ("GET", "CareTeam?patient=4444444444")],
    )
    .await;
    assert_eq!(statuses(&got), ["503", "200", "503"]);
    assert_eq!(app.counts().requests, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_batch_is_refused_and_nothing_is_asked() {
    let app = TestApp::open().await;
    for (body, content_type, status, issue) in [
        (r#"{"resourceType":"Bundle","type":"transaction"}"#, "application/fhir+json", 400, "value"),
        (r#"{"resourceType":"Flag"}"#, "application/json", 400, "value"),
        ("{", "application/fhir+json", 400, "structure"),
        ("<Bundle/>", "application/fhir+xml", 400, "value"),
        ("{}", "text/plain", 415, "not-supported"),
    ] {
        let got = post_raw(&app, body, content_type).await;
        assert_eq!((got.status, got.issue().as_str()), (status, issue), "{body}: {}", got.text);
    }
    let got = post(&app, &[("GET", "Flag?patient=abc"), ("DELETE", "Flag/1"), ("GET", "")]).await;
    assert_eq!(statuses(&got), ["400", "405", "405"], "{}", got.text);
    assert_eq!(app.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_may_be_xml() {
    let app = TestApp::open().await;
    let body = format!(
        r#"<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/><entry><request><method value="GET"/><url value="Flag?patient={CHILD}"/></request></entry></Bundle>"#
    );
    assert_eq!(statuses(&post_raw(&app, &body, "application/fhir+xml").await), ["200"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_that_may_ask_are_children_of_their_batch_and_share_its_looks() {
    let app = TestApp::with(&[("FHIR__READ_ASKS", "true"), ("LOOKUP__SHARE_FOR", "0s")]).await;
    let mut reads = Vec::new();
    for number in [CHILD, "9990000034", "9990000042"] {
        let flag = app.get(&format!("Flag?patient={number}")).await.resources("match")[0].clone();
        reads.push(format!("Flag/{}", flag["id"].as_str().unwrap()));
    }
    let before = app.counts().requests;
    let ward: Vec<(&str, &str)> = reads.iter().map(|url| ("GET", url.as_str())).collect();
    let got = post(&app, &ward).await;
    assert_eq!((got.status, got.issue().as_str()), (400, "too-long"), "{}", got.text);
    let with_a_search = [("GET", reads[0].as_str()), ("GET", reads[1].as_str()), ("GET", "Flag?patient=9990000042")];
    assert_eq!(post(&app, &with_a_search).await.status, 400);
    assert_eq!(app.counts().requests, before);
    // A search and two reads of one child are one query, without an id and with nothing shared.
    let search = format!("Flag?patient={CHILD}");
    let got = post(&app, &[("GET", &reads[0]), ("GET", &search), ("GET", &reads[0])]).await;
    assert_eq!(statuses(&got), ["200"; 3], "{}", got.text);
    assert_eq!(app.counts().requests, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_neither_search_nor_read_is_said_not_to_be_of_a_batch() {
    let app = TestApp::with(&[("FHIR__PATIENT_FLAG", "true")]).await;
    let others = [
        ("GET", "metadata"),
        ("POST", "Flag/_search?patient=9990000018"),
        ("GET", "_page/abc"),
        ("GET", "PatientFlag?patient=9990000018"),
        ("GET", "_ping"),
        ("POST", ""),
    ];
    let got = post(&app, &others).await;
    assert_eq!(statuses(&got), ["400"; 6], "{}", got.text);
    for entry in got.json()["entry"].as_array().unwrap() {
        let issue = &entry["response"]["outcome"]["issue"][0];
        assert_eq!(issue["code"], "not-supported");
        assert!(issue["diagnostics"].as_str().unwrap().contains("Send this as a request of its own"), "{issue}");
    }
    let read = post(&app, &[("GET", "Flag/abc?colour=red")]).await;
    assert_eq!(statuses(&read), ["400"], "{}", read.text);
    assert_eq!(app.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_may_begin_with_a_byte_order_mark_and_must_not_be_compressed() {
    let app = TestApp::open().await;
    let json = format!(
        "\u{feff}{}",
        json!({"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": format!("Flag?patient={CHILD}")}}]})
    );
    for content_type in ["application/fhir+json", "application/fhir+json; charset=utf-8"] {
        let got = post_raw(&app, &json, content_type).await;
        assert_eq!(statuses(&got), ["200"], "{}", got.text);
    }
    let ascii = json.trim_start_matches('\u{feff}');
    assert_eq!(statuses(&post_raw(&app, ascii, "application/json; charset=ISO-8859-1").await), ["200"]);
    let request = app.http.post(app.fhir("")).body(json.clone());
    let got = app.send(request, &[("Content-Type", "application/fhir+json"), ("Content-Encoding", "gzip")]).await;
    assert_eq!((got.status, got.issue().as_str()), (415, "not-supported"), "{}", got.text);
    assert_eq!(got.json()["issue"][0]["expression"][0], "Content-Encoding");
    assert_eq!(app.counts().requests, 1);
}
