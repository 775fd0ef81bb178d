//! HTTP as clients and proxies of all kinds send it.

use crate::common::TestApp;
use crate::common::wire::Wire;
use std::time::Duration;

const SEARCH: &str = "Flag?patient=9990000034";

fn post(lines: &str) -> String {
    format!(
        "POST /FHIR/R4/Flag/_search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n{lines}\r\n"
    )
}

/// What `java.net.http.HttpClient` sends by default over plain HTTP, and a proxy that passes on `Upgrade` and not `Connection`.
#[tokio::test]
async fn a_wish_to_upgrade_is_ignored_and_the_connection_stays() {
    let app = TestApp::open().await;
    let settings = "Upgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n";
    let body = "Content-Length: 18\r\n";
    for lines in [
        format!("Connection: Upgrade, HTTP2-Settings\r\n{settings}{body}"),
        format!("Connection: keep-alive, Upgrade, HTTP2-Settings\r\n{settings}{body}"),
        format!("Upgrade: websocket\r\n{body}"),
        format!("Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n{body}"),
        format!("Upgrade: TLS/1.0, HTTP/1.1\r\n{body}"),
    ] {
        let mut wire = Wire::to(&app.service.public).await;
        for _ in 0..2 {
            wire.say(format!("{}patient=9990000034", post(&lines))).await;
            let answer = wire.answer().await.unwrap_or_else(|| panic!("no answer to {lines:?}"));
            assert_eq!(answer.status, 200, "{lines:?}");
            assert!(!answer.head.contains("upgrade") && !answer.head.contains("connection: close"), "{}", answer.head);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(wire.is_quiet_for(Duration::from_millis(200)).await, "still open after {lines:?}");
    }
    // Somebody who wants to leave, leaves.
    let mut wire = Wire::to(&app.service.public).await;
    wire.say(format!("{}patient=9990000034", post(&format!("Connection: Upgrade, close\r\nUpgrade: h2c\r\n{body}")))).await;
    assert!(wire.answer().await.unwrap().has("connection: close"));
    assert_eq!(wire.rest().await, b"");
}

#[tokio::test]
async fn the_forms_of_a_request_that_mean_the_same_are_answered_the_same() {
    let app = TestApp::open().await;
    let url = app.service.public.trim_start_matches("http://").to_owned();
    for request in [
        format!("GET /FHIR/R4/{SEARCH} HTTP/1.1\r\nHost: {url}\r\n\r\n"),
        format!("GET http://{url}/FHIR/R4/{SEARCH} HTTP/1.1\r\nHost: {url}\r\n\r\n"),
        format!("\r\nGET /FHIR/R4/{SEARCH} HTTP/1.1\r\nhost:{url}\r\nCONTENT-LENGTH:0\r\n\r\n"),
        format!("GET /FHIR/R4/{SEARCH} HTTP/1.1\r\nHost: {url}\r\nContent-Length: 4\r\n\r\nbody"),
        format!("GET /FHIR/R4/{SEARCH} HTTP/1.1\r\nHost: {url}\r\nConnection: keep-alive, TE\r\nTE: trailers\r\n\r\n"),
        format!("GET /FHIR/R4/%46lag?patient=9990000034 HTTP/1.1\r\nHost: {url}\r\n\r\n"),
        format!("GET /FHIR/R4/Flag?patient=%39990000034 HTTP/1.1\r\nHost: {url}\r\n\r\n"),
        format!("GET /FHIR/R4/{SEARCH} HTTP/1.0\r\nHost: {url}\r\nConnection: keep-alive\r\n\r\n"),
        format!("GET /FHIR/R4/{SEARCH} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        format!(
            "{}12\r\npatient=9990000034\r\n0\r\nX-Checksum: a\r\n\r\n",
            post("Transfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n")
        ),
        format!("{}patient=9990000034", post("Content-Length: 18\r\nExpect: 100-continue\r\n")),
        format!(
            "{}patient=9990000034",
            post(
                "Content-Length: 18\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example;proto=gopher\r\n"
            )
        ),
    ] {
        let mut wire = Wire::to(&app.service.public).await;
        wire.say(&request).await;
        let mut answer = wire.answer().await.unwrap_or_else(|| panic!("no answer to {request:?}"));
        if answer.status == 100 {
            answer = wire.answer().await.unwrap();
        }
        let text = String::from_utf8(answer.body.clone()).unwrap();
        assert_eq!(answer.status, 200, "{request:?}: {text}");
        assert!(text.contains("\"total\":1"), "{request:?}: {text}");
        assert!(text.contains(&format!("http://{url}/FHIR/R4/")) || request.contains("localhost"), "{request:?}: {text}");
        assert!(!text.contains("evil") && !answer.head.contains("evil"), "{text}");
    }
}

#[tokio::test]
async fn what_is_no_request_of_ours_is_told_so_and_costs_no_query() {
    let app = TestApp::open().await;
    for (line, status) in [
        ("get /FHIR/R4/Flag?patient=9990000034", 405),
        ("GET //FHIR/R4/Flag?patient=9990000034", 404),
        ("GET /FHIR/R4//Flag?patient=9990000034", 404),
        ("GET /FHIR/R4/Flag%3Fpatient=9990000034", 404),
        ("GET /FHIR%2FR4/Flag?patient=9990000034", 404),
        ("GET /x/../FHIR/R4/Flag?patient=9990000034", 404),
        ("OPTIONS *", 404),
        ("TRACE /FHIR/R4/Flag", 405),
        ("CONNECT here:443", 404),
    ] {
        let mut wire = Wire::to(&app.service.public).await;
        wire.say(format!("{line} HTTP/1.1\r\nHost: here\r\n\r\n")).await;
        let answer = wire.answer().await.unwrap_or_else(|| panic!("no answer to {line}"));
        assert_eq!(answer.status, status, "{line}");
        let text = String::from_utf8(answer.body).unwrap();
        assert!(text.contains("OperationOutcome") && !text.contains("9990000034"), "{line}: {text}");
    }
    assert_eq!(app.counts().queries, 0);
    app.assert_well("odd requests").await;
}
