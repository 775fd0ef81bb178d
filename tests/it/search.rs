//! A FHIR search becomes one CP-IS query and comes back as FHIR.

use crate::common::{FHIR_JSON, TestApp};
use serde_json::json;

const CHILD: &str = "9990000018";
const NO_RECORD: &str = "9990000026";
const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";

#[tokio::test(flavor = "multi_thread")]
async fn a_child_with_a_plan_has_a_flag_that_a_clinician_can_act_on() {
    let app = TestApp::open().await;
    let got = app.get(&format!("Flag?patient={CHILD}&_include=Flag:author&_include=Flag:patient")).await;
    assert_eq!((got.status, got.header("content-type")), (200, Some(FHIR_JSON)), "{}", got.text);
    let flags = got.resources("match");
    assert_eq!(got.total(), flags.len() as u64);
    assert_eq!(flags[0]["resourceType"], "Flag");
    assert_eq!(flags[0]["status"], "active");
    assert_eq!(
        flags[0]["code"]["coding"][0],
        json!({"system": "http://snomed.info/sct", "code": "342191000000101",
        "display": flags[0]["code"]["coding"][0]["display"]})
    );
    assert!(got.types("include").contains(&"Organization".to_owned()));
    assert!(got.types("include").contains(&"Patient".to_owned()));
    let organization = got.resources("include").into_iter().find(|resource| resource["resourceType"] == "Organization").unwrap();
    assert!(organization["telecom"].as_array().unwrap().len() >= 2, "{organization}");
    assert_eq!(app.counts().queries, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn get_and_post_and_every_way_of_naming_the_child_give_the_same_flags() {
    let app = TestApp::open().await;
    let by_get = app.get(&format!("Flag?patient={CHILD}")).await;
    let patient = by_get.json()["link"][0]["url"].as_str().unwrap().split("patient=").nth(1).unwrap().to_owned();
    let plain = |got: &crate::common::Got| -> Vec<_> {
        got.resources("match").into_iter().map(|resource| (resource["id"].clone(), resource["code"].clone())).collect()
    };
    let wanted = plain(&by_get);
    assert!(!wanted.is_empty());
    for query in [
        format!("patient=Patient/{CHILD}"),
        format!("patient={patient}"),
        format!("patient:identifier={NHS_NUMBER}|{CHILD}"),
        format!("patient:identifier={NHS_NUMBER}%7C{CHILD}"),
        format!("patient%3Aidentifier={CHILD}"),
        format!("patient.identifier={NHS_NUMBER}|{CHILD}"),
        format!("patient:Patient.identifier={NHS_NUMBER}|{CHILD}"),
        format!("subject={CHILD}"),
    ] {
        let got = app.get(&format!("Flag?{query}")).await;
        assert_eq!((got.status, plain(&got)), (200, wanted.clone()), "{query}: {}", got.text);
    }
    let by_post = app.search("Flag", &[("patient:identifier", &format!("{NHS_NUMBER}|{CHILD}"))]).await;
    assert_eq!(plain(&by_post), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_of_a_post_may_stand_in_url_and_body_alike() {
    let app = TestApp::open().await;
    let request = app
        .http
        .post(app.fhir("Flag/_search?_include=Flag:author"))
        .header("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
        .body(format!("patient={CHILD}"));
    let got = app.send(request, &[]).await;
    assert_eq!(got.status, 200, "{}", got.text);
    assert_eq!(got.types("include"), ["Organization"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_episode_carries_the_authority_and_its_team_the_numbers() {
    let app = TestApp::open().await;
    let query = "_include=EpisodeOfCare:organization&_include=EpisodeOfCare:team&_include=EpisodeOfCare:patient";
    let got = app.get(&format!("EpisodeOfCare?patient={CHILD}&{query}")).await;
    assert_eq!(got.status, 200, "{}", got.text);
    assert!(got.types("match").iter().all(|name| name == "EpisodeOfCare"));
    for wanted in ["Organization", "CareTeam", "Patient"] {
        assert!(got.types("include").contains(&wanted.to_owned()), "{wanted}");
    }
    for team in got.resources("include").iter().filter(|resource| resource["resourceType"] == "CareTeam") {
        assert!(team["telecom"].as_array().is_some_and(|numbers| numbers.len() >= 2), "{team}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_shows_the_plan_and_who_looked_before() {
    let app = TestApp::open().await;
    let query = "_include=Flag:patient&_include=Flag:author&_include=Flag:detail&_revinclude:iterate=AuditEvent:entity";
    let got = app.get(&format!("Flag?patient={CHILD}&{query}")).await;
    let types = got.types("include");
    for wanted in ["Patient", "Organization", "EpisodeOfCare", "CarePlan", "AuditEvent"] {
        assert!(types.contains(&wanted.to_owned()), "{wanted}: {types:?}");
    }
    let marked =
        got.resources("include").into_iter().filter(|resource| resource["meta"]["tag"][0]["code"] == "this-lookup").count();
    assert_eq!(marked, 1);
    assert_eq!((app.counts().queries, app.counts().notifications), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shape_of_the_2023_guide_is_answered() {
    let app = TestApp::open().await;
    let teams = app.get(&format!("CareTeam?patient:identifier={NHS_NUMBER}|{CHILD}")).await;
    assert!(teams.total() >= 1, "{}", teams.text);
    let include = "AuditEvent:entity-type=http://terminology.hl7.org/CodeSystem/v3-RoleClass|ASSIGNED";
    let accesses = app.get(&format!("AuditEvent?patient:identifier={NHS_NUMBER}|{CHILD}&_include={include}")).await;
    assert!(accesses.types("include").contains(&"PractitionerRole".to_owned()), "{}", accesses.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_without_a_record_is_an_empty_searchset() {
    let app = TestApp::open().await;
    for resource in ["Flag", "EpisodeOfCare", "CareTeam", "CarePlan", "AuditEvent"] {
        let got = app.get(&format!("{resource}?patient={NO_RECORD}")).await;
        assert!(got.says_no_record(), "{resource}: {}", got.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_in_flight_together_are_one_look_and_one_notification() {
    let app = TestApp::open().await;
    let path = format!("Flag?patient={CHILD}");
    let looks = futures_util::future::join_all((0..20).map(|_| app.get(&path))).await;
    assert!(looks.iter().all(|got| got.status == 200));
    assert_eq!((app.counts().queries, app.counts().notifications), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewing_session_of_five_searches_is_one_look_and_a_new_one_is_made_only_when_asked_for() {
    let app = TestApp::open().await;
    for resource in ["Flag", "EpisodeOfCare", "CareTeam", "CarePlan", "AuditEvent"] {
        assert_eq!(app.get(&format!("{resource}?patient={CHILD}")).await.status, 200);
    }
    let shared = app.get_with(&format!("Flag?patient={CHILD}"), &[("Cache-Control", "no-cache")]).await;
    assert!(shared.header("age").is_some());
    assert_eq!(app.counts().notifications, 1);
    let new = app.get_with(&format!("Flag?patient={CHILD}"), &[("CPIS-New-Look", "true")]).await;
    assert!(new.header("age").is_none());
    assert_eq!(app.counts().notifications, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_url_that_the_service_makes_holds_an_nhs_number() {
    let app = TestApp::open().await;
    let got = app.get(&format!("Flag?patient={CHILD}&_include=*&_revinclude:iterate=AuditEvent:entity")).await;
    let bundle = got.json();
    assert!(!bundle["link"].to_string().contains(CHILD));
    for entry in bundle["entry"].as_array().unwrap() {
        assert!(!entry["fullUrl"].as_str().unwrap().contains(CHILD));
        assert!(entry["fullUrl"].as_str().unwrap().starts_with(&app.service.public));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_is_said_and_no_query_is_made() {
    let app = TestApp::open().await;
    let long = "x".repeat(8192);
    let rows: Vec<(String, u16, &str, &str)> = vec![
        ("Flag?patient=9990000019".into(), 400, "value", "INVALID_SEARCH_DATA"),
        ("Flag?patient=abc".into(), 400, "value", "INVALID_SEARCH_DATA"),
        ("Flag".into(), 400, "required", "MISSING_VALUE"),
        ("Flag?patient=".into(), 400, "value", "INVALID_VALUE"),
        (format!("Flag?patient={CHILD}&patient={NO_RECORD}"), 400, "value", "INVALID_VALUE"),
        (format!("Flag?patient={CHILD},{NO_RECORD}"), 400, "value", "INVALID_VALUE"),
        (format!("Flag?patient={CHILD}&colour=red"), 400, "not-supported", "UNSUPPORTED_SERVICE"),
        (format!("Flag?patient={CHILD}&identifier=x"), 400, "not-supported", "UNSUPPORTED_SERVICE"),
        (format!("Flag?patient:missing={CHILD}"), 400, "not-supported", "UNSUPPORTED_SERVICE"),
        (format!("Flag?patient={CHILD}&_include=Flag:nothing"), 400, "not-supported", "UNSUPPORTED_SERVICE"),
        (format!("Flag?patient={CHILD}&a=%ff"), 400, "value", "INVALID_VALUE"),
        (format!("Flag?patient={CHILD}%00"), 400, "value", "INVALID_VALUE"),
        (format!("Flag?patient={long}"), 400, "value", "INVALID_VALUE"),
        (format!("Observation?patient={CHILD}"), 404, "not-found", "RESOURCE_NOT_FOUND"),
        (format!("Patient?identifier={CHILD}"), 404, "not-found", "RESOURCE_NOT_FOUND"),
        (format!("Flag/{CHILD}"), 404, "not-found", "RESOURCE_NOT_FOUND"),
    ];
    for (path, status, issue, spine) in rows {
        let got = app.get(&path).await;
        assert_eq!((got.status, got.issue().as_str()), (status, issue), "{}", got.text);
        assert_eq!(got.json()["issue"][0]["details"]["coding"][0]["code"], spine, "{}", got.text);
        assert!(!got.text.contains(CHILD) && !got.text.contains("9990000019"), "{}", got.text);
        assert_eq!(got.header("content-type"), Some(FHIR_JSON));
    }
    assert_eq!(app.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_methods_media_types_and_bodies_are_said_and_no_query_is_made() {
    let app = TestApp::open().await;
    let url = app.fhir(&format!("Flag?patient={CHILD}"));
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    for (request, headers, status, issue) in [
        (app.http.put(&url), vec![], 405, "not-supported"),
        (app.http.delete(&url), vec![], 405, "not-supported"),
        (app.http.post(&url), vec![], 405, "not-supported"),
        (app.http.get(app.fhir("Flag/_search?patient=9990000018")), vec![], 405, "not-supported"),
        (app.http.get(&url), vec![("Accept", "text/html")], 406, "not-supported"),
        (app.http.get(&url), vec![("Accept", "application/fhir+json; fhirVersion=3.0")], 406, "not-supported"),
        (app.http.get(format!("{url}&_format=html")), vec![], 406, "not-supported"),
        (app.http.post(app.fhir("Flag/_search")).body("{}"), vec![("Content-Type", "application/json")], 415, "not-supported"),
        (app.http.post(app.fhir("Flag/_search")).body("x".repeat(100_000)), vec![form], 413, "too-long"),
    ] {
        let got = app.send(request, &headers).await;
        assert_eq!((got.status, got.issue().as_str()), (status, issue), "{}", got.text);
        assert_eq!(got.header("allow").is_some(), status == 405);
    }
    let head = app.http.head(&url).send().await.unwrap();
    assert_eq!(head.status().as_u16(), 405);
    assert_eq!(app.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_cannot_be_honoured_are_refused_and_no_query_is_made() {
    let app = TestApp::open().await;
    let path = format!("Flag?patient={CHILD}");
    for (name, value, status, issue) in [
        ("X-Request-ID", "short", 400, "value"),
        ("X-Request-ID", CHILD, 400, "value"),
        ("X-Correlation-ID", "not allowed!", 400, "value"),
        ("IsUnscheduledAccessEvent", "perhaps", 400, "value"),
        ("IsUnscheduledAccessEvent", "false", 403, "forbidden"),
        ("CPIS-Care-Setting", "library", 400, "value"),
    ] {
        let got = app.get_with(&path, &[(name, value)]).await;
        assert_eq!((got.status, got.issue().as_str()), (status, issue), "{name}: {}", got.text);
        assert_eq!(got.json()["issue"][0]["expression"][0], name);
    }
    assert_eq!(app.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_echoes_its_ids_and_is_never_stored() {
    let app = TestApp::open().await;
    let ids =
        [("X-Request-ID", "0123456789abcdef0123456789abcdef"), ("X-Correlation-ID", "CORRELATION-1"), ("TraceID", "TRACE-ID-1")];
    for path in [format!("Flag?patient={CHILD}"), "Flag?patient=abc".to_owned(), "Nothing".to_owned()] {
        let got = app.get_with(&path, &ids).await;
        for (name, value) in ids {
            assert_eq!(got.header(name), Some(value), "{path}");
        }
        assert_eq!(got.header("cache-control"), Some("no-store"));
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(got.header("referrer-policy"), Some("no-referrer"));
    }
    assert!(app.get("Nothing").await.header("x-request-id").is_some(), "one is made where none came");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_lenient_handling_what_was_left_out_is_named_in_the_answer() {
    let app = TestApp::open().await;
    let path = format!("Flag?patient={CHILD}&encounter=one&Testpatient=two");
    let got = app.get_with(&path, &[("Prefer", "handling=lenient")]).await;
    assert_eq!(got.status, 200, "{}", got.text);
    let outcomes = got.resources("outcome");
    assert_eq!(outcomes[0]["issue"][0]["expression"][0], "encounter");
    assert_eq!(outcomes[1]["issue"][0]["expression"][0], "(a name that is not repeated here)");
    let link = got.json()["link"][0]["url"].as_str().unwrap().to_owned();
    assert!(!link.contains("encounter") && !link.contains("Testpatient"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lenient_handling_never_leaves_out_a_modifier_or_what_says_which_child() {
    let app = TestApp::open().await;
    for further in
        ["patient:exact=9990000034", "Patient=9990000034", "birthdate=2018-04-01", "code:not=342191000000101", "subject=x"]
    {
        let path = format!("EpisodeOfCare?patient={CHILD}&{further}");
        let got = app.get_with(&path, &[("Prefer", "handling=lenient")]).await;
        assert_eq!((got.status, got.issue().as_str()), (400, "not-supported"), "{further}: {}", got.text);
    }
    assert_eq!(app.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_of_another_server_is_not_asked_about() {
    let app = TestApp::with(&[("SERVER__PUBLIC_URL", "https://trust.example/cpis/FHIR/R4")]).await;
    let own = app.fhir("Patient");
    let port = app.service.public.rsplit(':').next().unwrap().to_owned();
    for reference in [
        format!("https://other.example/FHIR/R4/Patient/{CHILD}"),
        format!("https://trust.example/FHIR/R4/Patient/{CHILD}"),
        format!("https://trust.example@other.example/cpis/FHIR/R4/Patient/{CHILD}"),
        format!("http://127.0.0.1:{port}@other.example/FHIR/R4/Patient/{CHILD}"),
        format!("http://127.0.0.1:{port}/FHIR/R5/Patient/{CHILD}"),
        format!("//other.example/FHIR/R4/Patient/{CHILD}"),
        format!("{own}/{CHILD}/_history/1"),
    ] {
        for name in ["patient", "subject", "patient:Patient"] {
            let got = app.search("Flag", &[(name, &reference)]).await;
            assert_eq!((got.status, got.issue().as_str()), (400, "value"), "{name}={reference}: {}", got.text);
            assert!(!got.text.contains(CHILD) && !got.text.contains("other.example"), "{}", got.text);
        }
    }
    assert_eq!(app.counts().requests, 0);
    for reference in [format!("{own}/{CHILD}"), format!("HTTPS://TRUST.example:443/cpis/FHIR/R4/Patient/{CHILD}")] {
        let got = app.search("Flag", &[("patient", &reference)]).await;
        assert_eq!(got.status, 200, "{reference}: {}", got.text);
    }
    assert_eq!(app.counts().requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_read_in_every_charset_that_contains_ascii_and_never_compressed() {
    const FORM: &str = "application/x-www-form-urlencoded";
    let app = TestApp::open().await;
    let post = |body: &str| app.http.post(app.fhir("Flag/_search")).body(body.to_owned());
    let plain = format!("patient={CHILD}");
    for content_type in [FORM, &format!("{FORM}; charset=ISO-8859-1"), &format!("{FORM}; charset=US-ASCII")] {
        for end in ["", "\n", "\r\n"] {
            let got = app.send(post(&format!("{plain}{end}")), &[("Content-Type", content_type)]).await;
            assert_eq!(got.status, 200, "{content_type}: {}", got.text);
        }
    }
    let refused = app.send(post(&format!("{plain}&code=%E9")), &[("Content-Type", &format!("{FORM}; charset=ISO-8859-1"))]).await;
    assert_eq!((refused.status, refused.issue().as_str()), (415, "not-supported"), "{}", refused.text);
    let got = app.send(post(&plain), &[("Content-Type", FORM), ("Content-Encoding", "gzip")]).await;
    assert_eq!((got.status, got.issue().as_str()), (415, "not-supported"), "{}", got.text);
    assert_eq!(got.json()["issue"][0]["expression"][0], "Content-Encoding");
    assert!(got.diagnostics().contains("Content-Encoding"));
    assert_eq!(app.counts().requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_on_both_listeners_and_never_asks_cp_is() {
    let app = TestApp::open().await;
    for listener in [&app.service.public, &app.service.admin] {
        for path in ["_ping", "_status", "health/live", "health/ready"] {
            let got = app.send(app.http.get(format!("{listener}/{path}")), &[]).await;
            assert_eq!(got.status, 200, "{path}: {}", got.text);
        }
        let status = app.send(app.http.get(format!("{listener}/_status")), &[]).await.json();
        assert_eq!(status["status"], "pass", "{status}");
    }
    let got = app.send(app.http.get(format!("{}/FHIR/R4/Flag?patient={CHILD}", app.service.admin)), &[]).await;
    assert_eq!(got.status, 404, "the admin listener serves no FHIR");
    assert_eq!(app.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_what_happened_and_nothing_of_the_child() {
    let mut app = TestApp::open().await;
    for number in [CHILD, NO_RECORD, "4444444444", "9990000019"] {
        app.get(&format!("Flag?patient={number}&_include=*")).await;
        app.search("EpisodeOfCare", &[("patient", number)]).await;
        app.get(&format!("Flag/{number}")).await;
        app.get(&format!("{number}/{number}?{number}={number}")).await;
    }
    assert_eq!(app.service.stop(), Some(0));
    let log = app.service.stderr.lock().unwrap().clone();
    assert!(log.lines().filter(|line| line.contains("cpis_fhir::request")).count() >= 16, "{log}");
    for secret in [CHILD, NO_RECORD, "4444444444", "9990000019", "Exampleshire", "Testpatient", "0207946"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
