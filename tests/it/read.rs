//! A read is answered from the requester's shared look and never asks CP-IS.

use crate::common::TestApp;
use serde_json::Value;

const CHILD: &str = "9990000018";

/// Every literal reference in a document.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("reference") {
                found.push(reference.clone());
            }
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_a_search_refers_to_can_be_read_and_one_notification_is_all_there_is() {
    let app = TestApp::open().await;
    let everything = "_include=*&_include:iterate=*&_revinclude:iterate=AuditEvent:entity";
    let got = app.get(&format!("Flag?patient={CHILD}&{everything}")).await;
    let mut wanted = Vec::new();
    references(&got.json(), &mut wanted);
    for entry in got.json()["entry"].as_array().unwrap() {
        wanted.push(entry["fullUrl"].as_str().unwrap().split("/FHIR/R4/").nth(1).unwrap().to_owned());
    }
    wanted.sort();
    wanted.dedup();
    let mut types: Vec<&str> = wanted.iter().filter_map(|reference| reference.split('/').next()).collect();
    types.dedup();
    assert_eq!(types.len(), 9, "{types:?}");
    for reference in &wanted {
        let read = app.get(reference).await;
        assert_eq!(read.status, 200, "{}", read.text);
        let resource = read.json();
        let name = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        assert_eq!(&name, reference);
        assert!(read.header("etag").unwrap().starts_with('"'), "strong");
        assert!(read.header("last-modified").is_none() && read.header("age").is_some());
    }
    assert_eq!((app.counts().requests, app.counts().notifications), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_change_is_not_sent_again() {
    let app = TestApp::open().await;
    let flag = app.get(&format!("Flag?patient={CHILD}")).await.resources("match")[0].clone();
    let path = format!("Flag/{}", flag["id"].as_str().unwrap());
    let read = app.get(&path).await;
    let etag = read.header("etag").unwrap().to_owned();
    for (header, value, status) in [
        ("If-None-Match", etag.as_str(), 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", "W/\"other\", \"another\"", 200),
        // A date never says that nothing changed.
        ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT", 200),
        ("If-Modified-Since", "nonsense", 200),
    ] {
        let got = app.get_with(&path, &[(header, value)]).await;
        assert_eq!(got.status, status, "{header}: {value}");
        assert_eq!(got.text.is_empty(), status == 304);
        assert_eq!((got.header("etag"), got.header("last-modified")), (Some(etag.as_str()), None));
    }
    // Of several lines each counts, and another form is another content.
    let request = app.http.get(app.fhir(&path)).header("If-None-Match", "\"other\"");
    assert_eq!(app.send(request, &[("If-None-Match", &etag)]).await.status, 304);
    for form in ["_format=xml", "_pretty=true"] {
        let got = app.get_with(&format!("{path}?{form}"), &[("If-None-Match", &etag)]).await;
        assert_eq!(got.status, 200, "{form}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_a_foreign_and_a_forgotten_id_are_not_found_and_nothing_is_asked() {
    let app = TestApp::with(&[("LOOKUP__SHARE_FOR", "0s")]).await;
    let flag = app.get(&format!("Flag?patient={CHILD}")).await.resources("match")[0].clone();
    let id = flag["id"].as_str().unwrap();
    let mut forged = id.to_owned();
    forged.replace_range(10..11, if &id[10..11] == "A" { "B" } else { "A" });
    for path in [
        format!("Flag/{id}"),
        format!("Flag/{forged}"),
        format!("EpisodeOfCare/{id}"),
        format!("Flag/{CHILD}"),
        format!("Patient/{CHILD}"),
        format!("Device/{}", "A".repeat(64)),
    ] {
        let got = app.get(&path).await;
        assert_eq!((got.status, got.issue().as_str()), (404, "not-found"), "{}", got.text);
    }
    assert_eq!(app.counts().requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_asks_only_where_the_settings_say_so() {
    let app = TestApp::with(&[("LOOKUP__SHARE_FOR", "0s"), ("FHIR__READ_ASKS", "true")]).await;
    let flag = app.get(&format!("Flag?patient={CHILD}&_include=Flag:patient")).await;
    let id = |resource: &Value| resource["id"].as_str().unwrap().to_owned();
    assert_eq!(app.get(&format!("Flag/{}", id(&flag.resources("match")[0]))).await.status, 200);
    assert_eq!(app.counts().requests, 2);
    assert_eq!(app.get(&format!("Patient/{}", id(&flag.resources("include")[0]))).await.status, 404);
    assert_eq!(app.counts().requests, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parameters_of_a_read_are_treated_as_those_of_a_search() {
    let app = TestApp::open().await;
    let flag = app.get(&format!("Flag?patient={CHILD}")).await.resources("match")[0].clone();
    let path = format!("Flag/{}", flag["id"].as_str().unwrap());
    let whole = app.get(&path).await;
    let summary = app.get(&format!("{path}?_summary=true")).await;
    assert_eq!(summary.json()["meta"]["tag"].as_array().unwrap().last().unwrap()["code"], "SUBSETTED", "{}", summary.text);
    assert!(summary.json().get("text").is_none() && summary.header("etag") != whole.header("etag"));
    let elements = app.get(&format!("{path}?_elements=period")).await.json();
    assert!(elements.get("period").is_some() && elements.get("category").is_none());
    for (query, issue) in [
        ("_summary=count", "value"),
        ("_summary=some", "value"),
        ("colour=red", "not-supported"),
        ("patient=9990000034", "not-supported"),
    ] {
        let got = app.get(&format!("{path}?{query}")).await;
        assert_eq!((got.status, got.issue().as_str()), (400, issue), "{query}: {}", got.text);
    }
    let lenient = [("Prefer", "handling=\"lenient\"")];
    assert_eq!(app.get_with(&format!("{path}?colour=red"), &lenient).await.json(), flag);
    assert_eq!(app.get_with(&format!("{path}?patient=9990000034"), &lenient).await.status, 400);
    assert_eq!(app.counts().requests, 1);
}
