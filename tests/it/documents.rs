//! The documents that describe an instance, from the real service.

use crate::common::{FHIR_JSON, Got, TestApp};

async fn at_root(app: &TestApp, path: &str) -> Got {
    app.send(app.http.get(format!("{}{path}", app.service.public)), &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_capability_statement_tells_where_it_was_asked_and_asks_nobody() {
    let app = TestApp::open().await;
    let got = app.get("metadata").await;
    assert_eq!((got.status, got.header("Content-Type")), (200, Some(FHIR_JSON)), "{}", got.text);
    let statement = got.json();
    assert_eq!(statement["resourceType"], "CapabilityStatement");
    assert_eq!(statement["implementation"]["url"], format!("{}/FHIR/R4", app.service.public));
    assert_eq!(statement["rest"][0]["resource"].as_array().unwrap().len(), 9);
    assert_eq!(app.counts().queries, 0);
    assert!(!got.text.contains("cpis-fhir-base"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_url_of_the_settings_stands_in_every_document() {
    let app = TestApp::with(&[("SERVER__PUBLIC_URL", "https://cpis.example.nhs.uk/FHIR/R4")]).await;
    let statement = app.get("metadata").await.json();
    assert_eq!(statement["implementation"]["url"], "https://cpis.example.nhs.uk/FHIR/R4");
    let openapi = at_root(&app, "/openapi.json").await.json();
    assert_eq!(openapi["servers"][0]["url"], "https://cpis.example.nhs.uk/FHIR/R4");
    assert!(at_root(&app, "/openapi.yaml").await.text.contains("- url: \"https://cpis.example.nhs.uk/FHIR/R4\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_known_already_is_not_sent_again() {
    let app = TestApp::open().await;
    for path in ["metadata", "SearchParameter/cpis-flag-status", "openapi.json", "openapi.yaml"] {
        let first = app.get(path).await;
        assert_eq!((first.status, first.header("Cache-Control")), (200, Some("no-cache")), "{path}");
        let etag = first.header("ETag").unwrap().to_owned();
        let again = app.get_with(path, &[("If-None-Match", &format!("\"other\", W/{etag}"))]).await;
        assert_eq!((again.status, again.text.as_str(), again.header("ETag")), (304, "", Some(etag.as_str())), "{path}");
        let changed = app.get_with(path, &[("If-None-Match", "\"other\"")]).await;
        assert_eq!((changed.status, &changed.text), (200, &first.text), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_gives_the_headers_of_get() {
    let app = TestApp::open().await;
    for path in ["metadata", "openapi.yaml", "SearchParameter/cpis-episodeofcare-team"] {
        let get = app.get(path).await;
        let head = app.send(app.http.head(app.fhir(path)), &[]).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        for name in ["Content-Type", "ETag", "Content-Length"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_search_parameters_are_published_and_no_others() {
    let app = TestApp::open().await;
    for (id, expression) in [("cpis-flag-status", "Flag.status"), ("cpis-episodeofcare-team", "EpisodeOfCare.team")] {
        let got = app.get(&format!("SearchParameter/{id}")).await;
        let parameter = got.json();
        assert_eq!((&parameter["id"], &parameter["expression"]), (&id.into(), &expression.into()));
        assert_eq!(parameter["url"], app.fhir(&format!("SearchParameter/{id}")));
    }
    for path in ["SearchParameter/other", "SearchParameter", "SearchParameter/cpis-flag-status/x"] {
        let got = app.get(path).await;
        assert_eq!((got.status, got.issue().as_str()), (404, "not-found"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_issuer_there_is_no_smart_configuration() {
    let app = TestApp::open().await;
    let got = app.get(".well-known/smart-configuration").await;
    assert_eq!((got.status, got.issue().as_str()), (404, "not-found"));
    assert_eq!(got.header("Cache-Control"), Some("no-store"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_is_there_in_both_forms_whatever_the_headers_say() {
    let app = TestApp::open().await;
    for (path, content_type) in [("/openapi.yaml", "application/yaml"), ("/openapi.json", "application/json")] {
        let got = at_root(&app, path).await;
        assert_eq!((got.status, got.header("Content-Type")), (200, Some(content_type)));
        let request = app.http.get(format!("{}{path}", app.service.public));
        let odd = app.send(request, &[("Accept", "text/html"), ("X-Request-ID", "no")]).await;
        assert_eq!((odd.status, &odd.text), (200, &got.text));
    }
    let other_base = TestApp::with(&[("SERVER__BASE_PATH", "/elsewhere")]).await;
    let served = at_root(&other_base, "/openapi.json").await.json();
    assert_eq!(served["servers"][0]["url"], "/elsewhere");
    assert_eq!(at_root(&other_base, "/elsewhere/metadata").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_of_the_public_listener_and_are_never_written() {
    let app = TestApp::open().await;
    let admin = app.http.get(format!("{}/FHIR/R4/metadata", app.service.admin));
    assert_eq!(app.send(admin, &[]).await.status, 404);
    let got = app.send(app.http.put(app.fhir("metadata")), &[]).await;
    assert_eq!((got.status, got.header("Allow")), (405, Some("GET, HEAD")));
    let other = app.get_with("metadata", &[("Accept", "text/html")]).await;
    assert_eq!(other.status, 406);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_a_document_by_its_template() {
    let app = TestApp::open().await;
    app.get("SearchParameter/cpis-flag-status").await;
    app.get("metadata").await;
    for template in ["\"/FHIR/R4/SearchParameter/{id}\"", "\"/FHIR/R4/metadata\""] {
        app.service.line_with(template);
    }
}
