//! The same answers in JSON and XML, as the caller asks, errors too.

use crate::common::{FHIR_JSON, Got, TestApp};

const CHILD: &str = "9990000018";
const NO_RECORD: &str = "9990000026";
const FHIR_XML: &str = "application/fhir+xml; charset=utf-8";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn is_xml(got: &Got, root: &str) {
    assert_eq!(got.header("content-type"), Some(FHIR_XML), "{}", got.text);
    assert_eq!(got.header("vary"), Some("Accept"));
    let start = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><{root} xmlns=\"http://hl7.org/fhir\">");
    assert!(got.text.starts_with(&start), "{}", got.text);
    assert!(got.text.ends_with(&format!("</{root}>")), "{}", got.text);
}

fn is_json(got: &Got, root: &str) {
    assert_eq!(got.header("content-type"), Some(FHIR_JSON), "{}", got.text);
    assert_eq!(got.header("vary"), Some("Accept"));
    assert_eq!(got.json()["resourceType"], root);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_is_answered_in_xml_where_xml_is_asked_for() {
    let app = TestApp::open().await;
    let path = format!("Flag?patient={CHILD}&_include=Flag:author");
    for accept in ["application/fhir+xml", "application/xml", "text/xml", "application/fhir+xml; fhirVersion=4.0"] {
        let got = app.get_with(&path, &[("Accept", accept)]).await;
        assert_eq!(got.status, 200);
        is_xml(&got, "Bundle");
        for wanted in [
            "<type value=\"searchset\"/>",
            "<resource><Flag>",
            "<status value=\"active\"/>",
            "<code value=\"342191000000101\"/>",
            "<div xmlns=\"http://www.w3.org/1999/xhtml\">",
            "<resource><Organization>",
            "<mode value=\"include\"/>",
        ] {
            assert!(got.text.contains(wanted), "{wanted}: {}", got.text);
        }
    }
    is_xml(&app.get(&format!("{path}&_format=xml")).await, "Bundle");
    is_json(&app.get_with(&format!("{path}&_format=json"), &[("Accept", "text/xml")]).await, "Bundle");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_record_in_xml_is_a_searchset_of_nothing() {
    let app = TestApp::open().await;
    let got = app.get_with(&format!("Flag?patient={NO_RECORD}"), &[("Accept", "application/fhir+xml")]).await;
    assert_eq!(got.status, 200);
    is_xml(&got, "Bundle");
    assert!(got.text.contains("<total value=\"0\"/>") && !got.text.contains("<entry"), "{}", got.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_an_outcome_in_the_format_asked_for() {
    let app = TestApp::open().await;
    let url = |path: &str| app.fhir(path);
    let flags = url(&format!("Flag?patient={CHILD}"));
    let rows = [
        (app.http.get(url("Nothing")), 404, "not-found"),
        (app.http.put(&flags), 405, "not-supported"),
        (app.http.get(url("Flag")), 400, "required"),
        (app.http.get(url("Flag?patient=abc")), 400, "value"),
        (app.http.get(format!("{flags}&_pretty=perhaps")), 400, "value"),
        (app.http.get(&flags).header("X-Request-ID", "short"), 400, "value"),
        (app.http.get(&flags).header("IsUnscheduledAccessEvent", "false"), 403, "forbidden"),
        (app.http.post(url("Flag/_search")).header("Content-Type", "application/json").body("{}"), 415, "not-supported"),
        (app.http.post(url("Flag/_search")).header(FORM.0, FORM.1).body("x".repeat(100_000)), 413, "too-long"),
        (app.http.get(url("Flag?patient=9346424613")), 502, "exception"),
        (app.http.get(url("Flag?patient=4444444444")), 503, "transient"),
        (app.http.get(url("Flag?patient=1111111111")), 500, "exception"),
    ];
    for (request, status, issue) in rows {
        let got = app.send(request, &[("Accept", "application/fhir+xml")]).await;
        assert_eq!(got.status, status, "{}", got.text);
        is_xml(&got, "OperationOutcome");
        assert!(got.text.contains(&format!("<severity value=\"error\"/><code value=\"{issue}\"/>")), "{}", got.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_format_can_be_agreed_the_error_is_json() {
    let app = TestApp::open().await;
    let path = format!("Flag?patient={CHILD}");
    for (path, accept, at) in [
        (path.clone(), "text/html", "Accept"),
        (path.clone(), "application/fhir+xml;fhirVersion=3.0", "Accept"),
        (path.clone(), "application/fhir+xml;q=0", "Accept"),
        (path.clone(), "*", "Accept"),
        (format!("{path}&_format=html"), "application/fhir+xml", "_format"),
    ] {
        let got = app.get_with(&path, &[("Accept", accept)]).await;
        assert_eq!(got.status, 406, "{}", got.text);
        is_json(&got, "OperationOutcome");
        assert_eq!(got.json()["issue"][0]["expression"][0], at);
    }
    assert_eq!(app.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_accept_headers_are_one_list() {
    let app = TestApp::open().await;
    let headers = [("Accept", "text/html"), ("Accept", "application/fhir+json;q=0.1"), ("Accept", "text/xml;q=0.2")];
    is_xml(&app.get_with(&format!("Flag?patient={NO_RECORD}"), &headers).await, "Bundle");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_of_a_posted_search_may_say_the_format() {
    let app = TestApp::open().await;
    let found = app.search("Flag", &[("patient", NO_RECORD), ("_format", "application/fhir+xml")]).await;
    assert_eq!(found.status, 200);
    is_xml(&found, "Bundle");

    let refused = app.search("Flag", &[("patient", "abc"), ("_format", "xml")]).await;
    assert_eq!(refused.status, 400);
    is_xml(&refused, "OperationOutcome");

    let post = |body: &str| app.http.post(app.fhir("Flag/_search")).header(FORM.0, FORM.1).body(body.to_owned());
    let html = [("Accept", "text/html")];
    is_xml(&app.send(post(&format!("patient={NO_RECORD}&_format=xml")), &html).await, "Bundle");
    let queries = app.counts().queries;
    for body in [format!("patient={NO_RECORD}"), format!("patient={NO_RECORD}&_format=html")] {
        let got = app.send(post(&body), &html).await;
        assert_eq!(got.status, 406);
        is_json(&got, "OperationOutcome");
    }
    assert_eq!(app.counts().queries, queries, "an answer that cannot be written is not asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn pretty_answers_are_indented_and_say_the_same() {
    let app = TestApp::open().await;
    let path = format!("CareTeam?patient={NO_RECORD}&_pretty=true");
    let json = app.get(&path).await;
    is_json(&json, "Bundle");
    assert!(json.text.starts_with("{\n  \"resourceType\": \"Bundle\",\n  \"id\": \""), "{}", json.text);
    assert!(json.says_no_record());
    let xml = app.get(&format!("{path}&_format=xml")).await;
    assert!(xml.text.contains("?>\n<Bundle xmlns=\"http://hl7.org/fhir\">\n  <id value=\""), "{}", xml.text);
    let posted = app.search("CareTeam", &[("patient", NO_RECORD), ("_pretty", "true")]).await;
    assert!(posted.text.starts_with("{\n"), "{}", posted.text);
    assert_eq!(app.get(&format!("CareTeam?patient={NO_RECORD}&_pretty=false")).await.text.lines().count(), 1);
}
