//! Pages of other origins (CORS).

use crate::common::{Got, TestApp};
use reqwest::Method;

const APP: &str = "https://app.trust.example";
const SETTING: (&str, &str) = ("SERVER__CORS_ORIGINS", "https://app.trust.example,http://localhost:3000");

async fn preflight(app: &TestApp, path: &str, origin: &str, method: &str) -> Got {
    let request = app.http.request(Method::OPTIONS, app.fhir(path));
    let wanted = "authorization,x-request-id,content-type";
    app.send(
        request,
        &[("Origin", origin), ("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", wanted)],
    )
    .await
}

fn says_nothing(got: &Got) {
    let named: Vec<_> = got.headers.keys().filter(|name| name.as_str().starts_with("access-control")).collect();
    assert!(named.is_empty(), "{named:?}");
}

#[tokio::test]
async fn without_the_setting_no_other_origin_is_told_anything() {
    let app = TestApp::open().await;
    let got = preflight(&app, "Flag/_search", APP, "POST").await;
    assert_eq!(got.status, 405);
    says_nothing(&got);
    let got = app.get_with("metadata", &[("Origin", APP)]).await;
    assert_eq!((got.status, got.header("Vary")), (200, Some("Accept")));
    says_nothing(&got);
}

#[tokio::test]
async fn a_named_origin_may_ask_and_read() {
    let app = TestApp::with(&[SETTING]).await;
    for (path, method, methods) in [
        ("Flag/_search", "POST", "POST"),
        ("Flag", "GET", "GET"),
        ("metadata", "GET", "GET, HEAD"),
        ("", "POST", "POST"),
        ("Flag/abc", "GET", "GET"),
    ] {
        let got = preflight(&app, path, APP, method).await;
        assert_eq!((got.status, got.text.as_str()), (204, ""), "{path}");
        assert_eq!(got.header("Access-Control-Allow-Origin"), Some(APP));
        assert_eq!(got.header("Access-Control-Allow-Methods"), Some(methods), "{path}");
        let headers = got.header("Access-Control-Allow-Headers").unwrap().to_lowercase();
        for header in ["authorization", "content-type", "x-request-id", "cpis-new-look", "prefer", "if-none-match"] {
            assert!(headers.split(", ").any(|one| one == header), "{header}: {headers}");
        }
        assert!(got.header("Vary").unwrap().contains("Origin"));
        assert!(got.header("Access-Control-Allow-Credentials").is_none() && got.header("Content-Type").is_none());
    }
    assert_eq!(app.counts().queries, 0, "a preflight asks nobody");
    for path in ["metadata", "Flag?patient=9990000034", "Flag?patient=1", "nothing", ".well-known/smart-configuration"] {
        let got = app.get_with(path, &[("Origin", "http://localhost:3000")]).await;
        assert_eq!(got.header("Access-Control-Allow-Origin"), Some("http://localhost:3000"), "{path}");
        assert_eq!(got.header("Vary"), Some("Accept, Origin"), "{path}");
        let read = got.header("Access-Control-Expose-Headers").unwrap();
        for header in ["X-Request-ID", "Age", "Retry-After", "ETag"] {
            assert!(read.split(", ").any(|one| one == header), "{header}: {read}");
        }
    }
}

#[tokio::test]
async fn another_origin_is_told_nothing_and_the_admin_listener_tells_nobody() {
    let app = TestApp::with(&[SETTING]).await;
    for origin in ["https://evil.example", "https://app.trust.example.evil.example", "https://app.trust.example:444", "null", "*"]
    {
        let got = preflight(&app, "Flag/_search", origin, "POST").await;
        assert_eq!((got.status, got.header("Vary")), (405, Some("Accept, Origin")), "{origin}");
        says_nothing(&got);
        let got = app.get_with("metadata", &[("Origin", origin)]).await;
        assert_eq!((got.status, got.header("Vary")), (200, Some("Accept, Origin")), "{origin}");
        says_nothing(&got);
    }
    let got = preflight(&app, "nothing", APP, "GET").await;
    assert_eq!(got.status, 404);
    let admin = app.http.get(format!("{}/health/ready", app.service.admin));
    says_nothing(&app.send(admin, &[("Origin", APP)]).await);
}
