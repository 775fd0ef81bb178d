//! One request is one request, to every reader.

use crate::common::TestApp;
use crate::common::wire::Wire;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PING: &str = "GET /health/live HTTP/1.1\r\nHost: here\r\n\r\n";
const FORM: &str = "patient=9990000034";

#[tokio::test]
async fn pipelined_requests_are_answered_one_by_one_and_in_order() {
    let app = TestApp::open().await;
    let wire = Wire::to(&app.service.public).await;
    let search = |framed: &str| {
        format!(
            "POST /FHIR/R4/Flag/_search HTTP/1.1\r\nHost: here\r\nContent-Type: application/x-www-form-urlencoded\r\n{framed}"
        )
    };
    let with_length = search(&format!("Content-Length: {}\r\n\r\n{FORM}", FORM.len()));
    let chunked = search("Transfer-Encoding: chunked\r\n\r\n8\r\npatient=\r\n00A;a=b\r\n9990000034\r\n0\r\nTrailer: x\r\n\r\n");
    let requests = [
        (PING.to_owned(), "GET", 200),
        (with_length, "POST", 200),
        (format!("\r\n{}", PING.replace("GET", "HEAD")), "HEAD", 200),
        (chunked, "POST", 200),
        ("GET /nothing HTTP/1.1\r\nHost: here\r\n\r\n".to_owned(), "GET", 404),
        ("GET /openapi.yaml HTTP/1.1\r\nHost: here\r\n\r\n".to_owned(), "GET", 200),
    ];
    let all: String = (0..20).flat_map(|_| requests.iter().map(|(text, ..)| text.as_str())).collect();
    let (mut reads, mut writes) = wire.socket.into_split();
    let sending = tokio::spawn(async move {
        // In pieces that fit nothing.
        for piece in all.as_bytes().chunks(333) {
            writes.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        writes
    });
    let mut got = Vec::new();
    let reading = async {
        let expected = 20 * requests.len();
        while String::from_utf8_lossy(&got).matches("HTTP/1.1 ").count() < expected {
            assert!(reads.read_buf(&mut got).await.unwrap() > 0, "closed: {}", String::from_utf8_lossy(&got));
        }
    };
    tokio::time::timeout(Duration::from_mins(1), reading).await.unwrap();
    let statuses: Vec<u16> =
        String::from_utf8_lossy(&got).split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect();
    let expected: Vec<u16> = (0..20).flat_map(|_| requests.iter().map(|(.., status)| *status)).collect();
    assert_eq!(statuses, expected);
    drop(sending.await.unwrap());
}

/// What is refused, how, and what follows it on the connection.
#[tokio::test]
async fn what_could_hide_a_second_request_is_refused_and_ends_the_connection() {
    let app = TestApp::open().await;
    let hidden = "GET /FHIR/R4/Flag?patient=9990000034 HTTP/1.1\r\nHost: here\r\n\r\n";
    let post = |lines: &str| format!("POST /FHIR/R4/Flag/_search HTTP/1.1\r\nHost: here\r\n{lines}\r\n");
    let long = format!("GET / HTTP/1.1\r\nHost: here\r\nX: {}\r\n\r\n", "x".repeat(33 * 1024));
    let cases = [
        (post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), 400),
        (post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400),
        (post("Content-Length: 0\r\nContent-Length: 64\r\n"), 400),
        (post("Content-Length: 0, 64\r\n"), 400),
        (post("Content-Length: +0\r\n"), 400),
        (post("Content-Length: 0x0\r\n"), 400),
        (post("Content-Length : 0\r\n"), 400),
        (post("Transfer-Encoding: xchunked\r\n"), 501),
        (post("Transfer-Encoding: gzip, chunked\r\n"), 501),
        (post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400),
        (post("Folded: a\r\n b\r\n"), 400),
        (post("Nul: \0\r\n"), 400),
        (post("Return: a\rb\r\n"), 400),
        (post("Host: other\r\n"), 400),
        ("GET / HTTP/1.1\nHost: here\n\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a/b@c\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/2.0\r\nHost: here\r\n\r\n".to_owned(), 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1}".to_owned(), 400),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), 400),
        (long, 431),
        (format!("GET / HTTP/1.1\r\nHost: here\r\n{}\r\n", "A: b\r\n".repeat(100)), 431),
    ];
    for (request, status) in cases {
        let shown = &request[..request.len().min(200)];
        for before in ["", PING] {
            let mut wire = Wire::to(&app.service.public).await;
            wire.say([before, &request, hidden].concat()).await;
            if !before.is_empty() {
                assert_eq!(wire.answer().await.unwrap().status, 200);
            }
            let answer = wire.answer().await.unwrap_or_else(|| panic!("no answer to {shown:?}"));
            assert_eq!(answer.status, status, "{shown:?}");
            assert!(answer.has("connection: close"), "{shown:?}: {answer:?}");
            assert_eq!(wire.rest().await, b"", "{shown:?}");
        }
    }
    assert_eq!(app.counts().queries, 0, "none of the hidden requests was asked");
    app.assert_well("hidden requests").await;
}

#[tokio::test]
async fn a_chunked_body_that_is_none_is_refused_and_nothing_behind_it_is_read() {
    let app = TestApp::open().await;
    let hidden = "GET /FHIR/R4/Flag?patient=9990000034 HTTP/1.1\r\nHost: here\r\n\r\n";
    let head = "POST /FHIR/R4/Flag/_search HTTP/1.1\r\nHost: here\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in [
        "0\n\n",
        "5\r\nhello",
        "-1\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\n",
        "0\r\n a\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
    ] {
        for pause in [false, true] {
            let mut wire = Wire::to(&app.service.public).await;
            wire.say(head).await;
            if pause {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            wire.say([body, hidden].concat()).await;
            let answer = wire.answer().await.unwrap_or_else(|| panic!("no answer to {body:?}"));
            assert_eq!(answer.status, 400, "{body:?}");
            assert_eq!(wire.rest().await, b"", "{body:?}");
        }
    }
    assert_eq!(app.counts().queries, 0);
}

#[tokio::test]
async fn a_caller_who_closes_their_end_has_hung_up_and_is_answered_when_they_come_again() {
    let app = TestApp::open().await;
    let look = "GET /FHIR/R4/Flag?patient=9990000034 HTTP/1.1\r\nHost: here\r\nX-Request-ID: 0f9d3c1e-8a57-4a0f-9c55-2f6d4f0a7b10\r\n\r\n";
    let mut wire = Wire::to(&app.service.public).await;
    wire.say([PING, look].concat()).await;
    wire.socket.shutdown().await.unwrap();
    assert_eq!(wire.answer().await.unwrap().status, 200);
    assert_eq!(wire.rest().await, b"");
    let mut again = Wire::to(&app.service.public).await;
    again.say(look).await;
    assert_eq!(again.answer().await.unwrap().status, 200);
    assert_eq!(app.counts().queries, 1);
}
