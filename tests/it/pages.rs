//! Filters, pages and the Patient-flags shape, all views of one look.

use crate::common::{Got, TestApp};
use std::collections::BTreeSet;

/// Twenty-five accesses.
const MANY: &str = "9449310394";
const CHILD: &str = "9990000018";
/// A record of which no access is listed.
const UNLISTED: &str = "9990000158";
const NO_RECORD: &str = "9990000026";

fn link(got: &Got, relation: &str) -> Option<String> {
    let links = got.json()["link"].as_array().unwrap().clone();
    links.iter().find(|link| link["relation"] == relation).map(|link| link["url"].as_str().unwrap().to_owned())
}

fn ids(got: &Got) -> Vec<String> {
    got.resources("match").iter().map(|resource| resource["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_walk_gives_every_match_once_from_one_look_also_with_get_search_off() {
    let app = TestApp::with(&[("FHIR__GET_SEARCH", "false")]).await;
    let all = ids(&app.search("AuditEvent", &[("patient", MANY)]).await);
    assert!(all.len() >= 10);
    let mut got = app.search("AuditEvent", &[("patient", MANY), ("_count", "3"), ("_include", "AuditEvent:agent")]).await;
    let mut walked = Vec::new();
    loop {
        assert_eq!(got.total(), all.len() as u64);
        assert!(got.resources("match").len() <= 3 && !got.resources("include").is_empty());
        walked.extend(ids(&got));
        let Some(next) = link(&got, "next") else { break };
        assert!(!next.contains(MANY));
        got = app.send(app.http.get(next), &[]).await;
        assert_eq!(got.status, 200, "{}", got.text);
    }
    assert!(link(&got, "previous").is_some());
    assert_eq!(walked, all);
    assert_eq!(walked.iter().collect::<BTreeSet<_>>().len(), all.len());
    assert_eq!(app.counts().requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_look_that_is_over_is_gone_and_a_forged_one_was_never_there() {
    let app = TestApp::with(&[("LOOKUP__SHARE_FOR", "0s")]).await;
    let got = app.get(&format!("AuditEvent?patient={CHILD}&_count=1")).await;
    let next = link(&got, "next").unwrap();
    let gone = app.send(app.http.get(&next), &[]).await;
    assert_eq!((gone.status, gone.issue().as_str()), (410, "not-found"), "{}", gone.text);
    let forged = app.get("_page/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").await;
    assert_eq!((forged.status, forged.issue().as_str()), (404, "not-found"));
    assert_eq!(app.counts().requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_look_is_gone_and_nothing_is_asked() {
    let app = TestApp::open().await;
    let query = format!("AuditEvent?patient={MANY}&_count=10");
    let first = app.get(&query).await;
    let anew = app.get_with(&query, &[("CPIS-New-Look", "true")]).await;
    let gone = app.send(app.http.get(link(&first, "next").unwrap()), &[]).await;
    assert_eq!((gone.status, gone.issue().as_str()), (410, "not-found"), "{}", gone.text);
    assert!(gone.diagnostics().contains("Search for the child again") && gone.diagnostics().contains("CP-IS was not asked"));
    let next = app.send(app.http.get(link(&anew, "next").unwrap()), &[]).await;
    assert_eq!((next.status, next.total()), (200, anew.total()));
    assert_eq!(app.counts().requests, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_page_has_the_form_that_was_asked_for() {
    let app = TestApp::open().await;
    let form = [("patient", MANY), ("_count", "6"), ("_format", "xml"), ("_pretty", "true")];
    let first = app.search("AuditEvent", &form).await;
    let url = |got: &Got| {
        let at = got.text.find("/_page/").unwrap_or_else(|| panic!("{}", got.text));
        let path: String = got.text[at..].chars().take_while(|letter| *letter != '"').collect();
        app.fhir(path.trim_start_matches('/')).replace("&amp;", "&")
    };
    assert!(url(&first).ends_with("?_format=xml&_pretty=true"), "{}", first.text);
    // Whatever else the client would take by default.
    let second = app.send(app.http.get(url(&first)), &[("Accept", "application/fhir+json")]).await;
    assert_eq!((second.status, second.header("content-type")), (200, Some("application/fhir+xml; charset=utf-8")));
    assert!(second.text.contains("\n  "), "indented: {}", second.text);
    assert!(url(&second).ends_with("?_format=xml&_pretty=true"), "previous: {}", second.text);
    // A form that was asked for by a header is asked for by a header again.
    let json = app.get_with(&format!("AuditEvent?patient={MANY}&_count=6"), &[("Accept", "application/fhir+json")]).await;
    assert!(!link(&json, "next").unwrap().contains('?'));
    let unknown = app.send(app.http.get(format!("{}?colour=red", link(&json, "next").unwrap())), &[]).await;
    assert_eq!((unknown.status, unknown.issue().as_str()), (400, "not-supported"));
    assert_eq!(app.counts().requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_is_not_an_absence() {
    let app = TestApp::open().await;
    for query in ["date=lt1990-01-01", "_id=nothing", "date=lt1990&_summary=count"] {
        let got = app.get(&format!("Flag?patient={CHILD}&{query}")).await;
        let counted = query.contains("count").then_some(0);
        assert_eq!((got.status, got.json()["total"].as_u64()), (200, counted), "{query}: {}", got.text);
        assert!(!got.says_no_record(), "{query}");
        let said = got.resources("outcome")[0]["issue"][0].clone();
        assert_eq!(said["severity"], "information");
        assert_eq!(said["diagnostics"], "CP-IS holds 2 record(s) for this child that do not match the filters given.");
    }
    let active = app.get(&format!("Flag?patient={CHILD}&status=active")).await;
    assert_eq!((active.total(), active.resources("outcome").len()), (1, 0));
    assert!(app.get("Flag?patient=9990000026&status=active").await.says_no_record());
    assert_eq!(app.counts().requests, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_no_record_has_no_entry_whatever_was_searched() {
    let app = TestApp::open().await;
    for resource in ["Flag", "EpisodeOfCare", "CarePlan", "CareTeam", "AuditEvent"] {
        for further in ["", "&_summary=count", "&_count=0", "&_count=1", "&date=lt1990", "&date=lt1990&_summary=count"] {
            let got = app.get(&format!("{resource}?patient={UNLISTED}{further}")).await;
            assert!(got.status == 200 && !got.says_no_record(), "{resource}{further}: {}", got.text);
        }
        let none = app.get(&format!("{resource}?patient={NO_RECORD}&date=lt1990")).await;
        assert_eq!(none.says_no_record(), resource != "AuditEvent" || none.json()["total"] == 0, "{resource}: {}", none.text);
    }
    let got = app.get(&format!("AuditEvent?patient={UNLISTED}")).await;
    let said = got.resources("outcome")[0]["issue"][0].clone();
    assert_eq!(said["diagnostics"], "CP-IS holds 1 record(s) for this child; no access is listed.");
    assert_eq!(said["severity"], "information");
    assert!(got.json().get("total").is_none(), "{}", got.text);
    assert_eq!(app.counts().requests, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_is_tagged_and_keeps_what_must_not_be_lost() {
    let app = TestApp::open().await;
    let got = app.get(&format!("Flag?patient={CHILD}&_elements=period")).await;
    let flag = got.resources("match")[0].clone();
    assert_eq!(flag["meta"]["tag"].as_array().unwrap().last().unwrap()["code"], "SUBSETTED");
    for kept in ["status", "code", "subject", "period"] {
        assert!(flag.get(kept).is_some(), "{kept}: {flag}");
    }
    assert!(flag.get("category").is_none() && flag.get("text").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_patient_flags_shape_is_off_until_switched_on_and_wants_the_header() {
    let path = format!("PatientFlag?patient={CHILD}&code=child-protection-information-system-flag");
    let off = TestApp::open().await;
    assert_eq!(off.get_with(&path, &[("IsUnscheduledAccessEvent", "true")]).await.status, 404);
    assert_eq!(off.counts().requests, 0);

    let on = TestApp::with(&[("FHIR__PATIENT_FLAG", "true")]).await;
    let refused = on.get(&path).await;
    assert_eq!((refused.status, refused.issue().as_str()), (400, "required"), "{}", refused.text);
    assert_eq!(refused.json()["issue"][0]["details"]["coding"][0]["code"], "PRECONDITION_FAILED");
    assert_eq!(on.counts().requests, 0);
    let got = on.get_with(&path, &[("IsUnscheduledAccessEvent", "true")]).await;
    assert_eq!(got.status, 200, "{}", got.text);
    let flag = got.resources("match")[0].clone();
    assert_eq!(flag["code"]["coding"][0]["code"], "child-protection-information-system-flag");
    assert!(got.types("include").contains(&"CarePlan".to_owned()) && got.types("include").contains(&"CareTeam".to_owned()));
    let plain = on.get_with(&format!("PatientFlag?patient={CHILD}"), &[("IsUnscheduledAccessEvent", "true")]).await;
    assert!(plain.types("include").is_empty());
    assert_eq!(on.counts().requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_could_find_nothing_is_not_asked() {
    let app = TestApp::with(&[("FHIR__PATIENT_FLAG", "true")]).await;
    for (path, parameter) in [
        ("Flag?status=entered-in-error", "status"),
        ("Flag?code=nothing", "code"),
        ("EpisodeOfCare?type=hacc", "type"),
        ("CarePlan?category=assess-plan", "category"),
        ("CareTeam?status=active&status=inactive", "status"),
        ("PatientFlag?code=reasonable-adjustments-flag", "code"),
    ] {
        for handling in ["handling=strict", "handling=lenient"] {
            let headers = [("IsUnscheduledAccessEvent", "true"), ("Prefer", handling)];
            let got = app.get_with(&format!("{path}&patient={CHILD}"), &headers).await;
            assert_eq!((got.status, got.issue().as_str()), (400, "not-supported"), "{path}: {}", got.text);
            assert_eq!(got.json()["issue"][0]["expression"][0], parameter, "{path}");
            assert!(got.diagnostics().contains("CP-IS was not asked"));
        }
    }
    assert_eq!(app.counts().requests, 0);
}
