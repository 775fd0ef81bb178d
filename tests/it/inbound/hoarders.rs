//! Callers who take places and memory, and give nothing (docs/security.md).

use crate::common::TestApp;
use crate::common::wire::Wire;
use futures_util::future::join_all;
use std::time::Duration;
use tokio::time::Instant;

const PING: &str = "GET /health/live HTTP/1.1\r\nHost: here\r\n\r\n";
const LONG_ANSWER: &str = "GET /openapi.yaml HTTP/1.1\r\nHost: here\r\n\r\n";
const TICK: Duration = Duration::from_millis(100);

/// Somebody who asks for something small, on a connection of their own, and how long that takes.
async fn good_caller(url: &str) -> Duration {
    let began = Instant::now();
    let mut wire = Wire::to(url).await;
    assert!(wire.say(PING).await);
    assert_eq!(wire.answer().await.expect("an answer").status, 200);
    began.elapsed()
}

#[tokio::test]
async fn every_head_of_a_connection_has_the_header_deadline() {
    let app = TestApp::with(&[("LIMITS__HEADER_TIMEOUT", "1s")]).await;
    for listener in [&app.service.public, &app.service.admin] {
        for before in ["", PING] {
            let mut wire = Wire::to(listener).await;
            if !before.is_empty() {
                wire.say(before).await;
                assert_eq!(wire.answer().await.unwrap().status, 200);
            }
            let lasted = wire.drip(b"GET /x", TICK).await;
            assert!(lasted >= Duration::from_millis(900) && lasted < Duration::from_secs(5), "{lasted:?}");
        }
        // A caller that sends nothing, and a slow one, get an answer.
        let mut wire = Wire::to(listener).await;
        let answer = wire.answer().await.unwrap();
        assert!(answer.status == 408 && answer.has("connection: close"), "{answer:?}");
        wire = Wire::to(listener).await;
        wire.say([PING, "GET / HTTP/1.1\r\nHo"].concat()).await;
        assert_eq!(wire.answer().await.unwrap().status, 200);
        assert_eq!(wire.answer().await.unwrap().status, 408);
        assert_eq!(wire.rest().await, b"");
    }
    app.assert_well("slow heads").await;
}

#[tokio::test]
async fn a_body_that_drips_is_cut_whatever_was_answered() {
    let app = TestApp::with(&[("LIMITS__HEADER_TIMEOUT", "1s"), ("LIMITS__BODY", "100")]).await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let cases = [
        ("/FHIR/R4/Flag/_search", form, "Transfer-Encoding: chunked", "1\r\na\r\n", 408),
        ("/FHIR/R4/Flag/_search", form, "Content-Length: 90", "a", 408),
        (
            "/FHIR/R4/Flag/_search",
            form,
            "Transfer-Encoding: chunked",
            "40\r\n0123456789012345678901234567890123456789012345678901234567890123\r\n",
            413,
        ),
        ("/nothing", "", "Transfer-Encoding: chunked", "1\r\na\r\n", 404),
        ("/nothing", "", "Content-Length: 1000000", "a", 404),
        ("/FHIR/R4/metadata", "", "Transfer-Encoding: chunked", "1\r\na\r\n", 405),
    ];
    for (path, more, length, piece, status) in cases {
        let mut wire = Wire::to(&app.service.public).await;
        wire.say(format!("POST {path} HTTP/1.1\r\nHost: x\r\n{more}{length}\r\n\r\n{}", piece.repeat(2))).await;
        let began = Instant::now();
        let answer = loop {
            if let Ok(answer) = tokio::time::timeout(TICK, wire.answer()).await {
                break answer.unwrap();
            }
            wire.say(piece).await;
        };
        assert_eq!(answer.status, status, "{path} {length}");
        assert!(answer.has("connection: close"), "{answer:?}");
        let lasted = wire.drip(piece.as_bytes(), TICK).await;
        assert!(lasted < Duration::from_secs(5), "{path} {length}: {lasted:?} after {:?}", began.elapsed());
    }
    // A body that nobody waits for has its deadline too.
    app.assert_well("slow bodies").await;
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_dropped() {
    let app = TestApp::with(&[("LIMITS__WRITE_TIMEOUT", "1s")]).await;
    let before = app.service.descriptors();
    let mut wires = Vec::new();
    for _ in 0..20 {
        let mut wire = Wire::to(&app.service.public).await;
        wire.say(LONG_ANSWER.repeat(100)).await;
        wires.push(wire);
    }
    let began = Instant::now();
    while app.service.descriptors() < before + 20 {
        assert!(began.elapsed() < Duration::from_secs(10), "all are heard");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    app.service.until_descriptors(before + 2).await;
    // What the caller's system had taken is there, then the end.
    let rest = wires[0].rest().await;
    assert!(rest.len() < 100 * 100_000, "{}", rest.len());
    app.assert_well("answers that nobody read").await;
}

#[tokio::test]
async fn an_answer_that_is_read_slowly_is_whole() {
    let app = TestApp::open().await;
    let mut wire = Wire::to(&app.service.public).await;
    wire.say([LONG_ANSWER, PING].concat()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let whole = app.http.get(format!("{}/openapi.yaml", app.service.public)).send().await.unwrap().bytes().await.unwrap();
    assert!(whole.len() > 64 * 1024, "{}", whole.len());
    assert_eq!(wire.answer().await.unwrap().body, whole);
    assert_eq!(wire.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn eighteen_connections_of_unread_pipelined_requests_cost_little_and_give_it_back() {
    let app = TestApp::open().await;
    app.assert_well("a start").await;
    let (memory, descriptors) = (app.service.resident_kib(), app.service.descriptors());
    let mut wires = join_all((0..18).map(|_| Wire::to(&app.service.public))).await;
    let burst = LONG_ANSWER.repeat(3_000);
    for wire in &mut wires {
        // As much as the system takes: nobody reads it.
        let _ = tokio::time::timeout(Duration::from_millis(200), wire.say(&burst)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let more = app.service.resident_kib().saturating_sub(memory);
    assert!(more <= 18 * 64 + SLACK_KIB, "{more} KiB for 18 connections");
    assert!(good_caller(&app.service.public).await < Duration::from_secs(1));
    drop(wires);
    app.service.until_descriptors(descriptors + 2).await;
    let more = app.service.resident_kib().saturating_sub(memory);
    assert!(more <= SLACK_KIB, "{more} KiB after they had gone");
    app.assert_well("pipelined requests").await;
}

/// What an allocator, two worker threads and their first requests may keep.
const SLACK_KIB: usize = 8 * 1024;

#[tokio::test]
async fn dripping_second_heads_hold_no_good_caller_up() {
    let app = TestApp::with(&[("LIMITS__CONNECTIONS", "200")]).await;
    app.assert_well("a start").await;
    let (memory, descriptors) = (app.service.resident_kib(), app.service.descriptors());
    let url = app.service.public.clone();
    let dripping = tokio::spawn(async move {
        join_all((0..240).map(|_| async {
            let mut wire = Wire::to(&url).await;
            wire.say([PING, "GET /"].concat()).await;
            wire.answer().await;
            // 32 KiB at most, and never a whole one.
            wire.say("x".repeat(20_000)).await;
            while wire.say("x").await {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }))
        .await
    });
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let took = good_caller(&app.service.public).await;
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    let more = app.service.resident_kib().saturating_sub(memory);
    assert!(more <= 200 * 64 + SLACK_KIB, "{more} KiB for 200 connections");
    dripping.abort();
    let _ = dripping.await;
    app.service.until_descriptors(descriptors + 2).await;
    app.assert_well("dripping heads").await;
}

#[tokio::test]
async fn callers_who_never_read_hold_no_good_caller_up_and_cost_little() {
    let app = TestApp::with(&[("LIMITS__CONNECTIONS", "100")]).await;
    app.assert_well("a start").await;
    let (memory, descriptors) = (app.service.resident_kib(), app.service.descriptors());
    let mut wires = Vec::new();
    for _ in 0..100 {
        let mut wire = Wire::to(&app.service.public).await;
        wire.say(LONG_ANSWER.repeat(50)).await;
        wires.push(wire);
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let took = good_caller(&app.service.public).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    let more = app.service.resident_kib().saturating_sub(memory);
    assert!(more <= 100 * 64 + SLACK_KIB, "{more} KiB for 100 connections");
    drop(wires);
    app.service.until_descriptors(descriptors + 2).await;
    let more = app.service.resident_kib().saturating_sub(memory);
    assert!(more <= SLACK_KIB, "{more} KiB after they had gone");
    app.assert_well("callers who never read").await;
}

#[tokio::test]
async fn idle_connections_give_way_at_the_limit() {
    let app = TestApp::with(&[("LIMITS__CONNECTIONS", "50")]).await;
    let mut wires = Vec::new();
    for _ in 0..50 {
        let mut wire = Wire::to(&app.service.public).await;
        wire.say("GET /FHIR/R4/Flag?patient=9990000034 HTTP/1.1\r\nHost: here\r\n\r\n").await;
        assert_eq!(wire.answer().await.unwrap().status, 200, "somebody who is known");
        wires.push(wire);
    }
    for _ in 0..5 {
        let took = good_caller(&app.service.public).await;
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    // The one that was idle longest went first, in order; the last one is still there.
    assert_eq!(wires[0].rest().await, b"");
    let last = wires.last_mut().unwrap();
    last.say(PING).await;
    assert_eq!(last.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn strangers_at_one_address_have_a_share_and_leave_the_others_theirs() {
    let app = TestApp::with(&[("LIMITS__CONNECTIONS", "40"), ("LIMITS__CONNECTIONS_PER_ADDRESS", "10")]).await;
    let url = &app.service.public;
    let mut others = join_all((0..20).map(|_| Wire::from([127, 0, 0, 2], url))).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut open = 0;
    for wire in &mut others {
        open += usize::from(wire.is_quiet_for(Duration::from_millis(50)).await);
    }
    assert_eq!(open, 10, "the oldest ten made room for the newest");
    assert!(good_caller(url).await < Duration::from_secs(1));
}

#[tokio::test]
async fn an_answer_that_nobody_reads_does_not_hold_the_end_up() {
    let mut app = TestApp::open().await;
    let mut wire = Wire::to(&app.service.public).await;
    wire.say(LONG_ANSWER.repeat(100)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    assert_eq!(app.service.stop(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}
