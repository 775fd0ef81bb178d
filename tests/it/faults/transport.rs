//! Faults after the connection was made: the query may have been delivered, so no answer invites a client to repeat it.

use super::QUICK;
use crate::common::children::{built_in_and, child};
use crate::common::{TestApp, client, leaks};
use std::time::{Duration, Instant};

/// Within 1 s it begins and within 1 s it does not end.
const DRIPPING: &str = "9995000008";

/// Descriptors that stay after a look: its caller's connection, the SMSP's that is kept, and one that is on its way out.
const KEPT: usize = 3;
/// What the allocator may keep of what it was given back.
const SLACK_KIB: usize = 8 * 1024;

/// Fault, child, status, issue code.
const FAULTS: [(&str, &str, u16, &str); 16] = [
    ("never answers", "9990000980", 504, "timeout"),
    ("answers after 3 s", "9990000964", 504, "timeout"),
    ("slow drip", DRIPPING, 504, "timeout"),
    ("reset before the reply", "9990000999", 504, "timeout"),
    ("reset during the reply", "9990001006", 504, "timeout"),
    ("closed without a reply", "9990001022", 504, "timeout"),
    ("short body", "9990001030", 504, "timeout"),
    ("bytes that are not HTTP", "9990001057", 504, "timeout"),
    ("truncated XML", "9990001049", 502, "structure"),
    ("a body that is not XML", "9990001065", 502, "structure"),
    ("10 MiB", "9990001073", 502, "structure"),
    ("billion laughs", "9990001081", 502, "structure"),
    ("another child's answer", "9990001138", 502, "structure"),
    ("another message's answer", "9990001146", 502, "structure"),
    ("HTML under 503", "9990000735", 502, "exception"),
    ("nothing under 200", "9990000751", 502, "structure"),
];

async fn app() -> TestApp {
    TestApp::with_scenario(built_in_and(&child(DRIPPING, r#"transport = "slow-drip""#)), &QUICK).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_is_named_asked_once_and_harms_no_other_look() {
    let app = app().await;
    let descriptors = app.service.descriptors_at_rest().await;
    let mut requests = 0;
    for (fault, number, status, issue) in FAULTS {
        let began = Instant::now();
        let got = app.look(number).await;
        let took = began.elapsed();
        assert_eq!((got.status, got.issue().as_str()), (status, issue), "{fault}: {}", got.text);
        assert!(got.header("retry-after").is_none(), "{fault}");
        assert!(got.diagnostics().contains("may already have been notified"), "{fault}: {}", got.diagnostics());
        assert!(got.diagnostics().contains("does not mean that there is no plan"), "{fault}");
        assert!(took < Duration::from_secs(2), "{fault}: {took:?}");
        requests += 1;
        assert_eq!(app.counts().requests, requests, "{fault}");
        app.assert_well(fault).await;
        requests += 1;
        assert_eq!(app.counts().requests, requests, "after {fault}");
    }
    app.service.until_descriptors(descriptors + KEPT).await;
    leaks::assert_tells_nothing(&app.service.said(), &[DRIPPING], 2 * FAULTS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_waits_as_long_as_the_deadline_and_no_longer() {
    let app = app().await;
    let began = Instant::now();
    let got = app.look("9990000980").await;
    let took = began.elapsed();
    assert_eq!((got.status, got.codes()), (504, ("UNABLE_TO_CALL_SERVICE".into(), "REC_TIMEOUT".into())), "{}", got.text);
    assert!((Duration::from_millis(950)..Duration::from_secs(2)).contains(&took), "{took:?}");
    assert_eq!(app.counts().requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_good_though_its_connection_is_not() {
    let app = app().await;
    for (what, number) in [("Connection: close", "9990000859"), ("reset after the reply", "9990001014")] {
        let got = app.look(number).await;
        assert_eq!((got.status, got.total()), (200, 1), "{what}: {}", got.text);
        // A look that goes out in the very moment of the reset may be lost, and would say so: wait it out.
        tokio::time::sleep(Duration::from_millis(250)).await;
        app.assert_well(what).await;
    }
    assert_eq!(app.counts().requests, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn surplus_bytes_never_answer_the_next_look() {
    let app = app().await;
    for round in 0..20_u64 {
        let got = app.look("9990001111").await;
        assert_eq!((got.status, got.total()), (200, 1), "{}", got.text);
        app.assert_well("surplus bytes that say 'no record'").await;
        assert_eq!(app.counts().requests, 2 * (round + 1));
    }
    assert!(app.counts().connections > 20, "a connection with surplus bytes was used again");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_that_come_together_stay_apart() {
    const ROUNDS: usize = 3;
    let mut app = app().await;
    let (descriptors, mut resident) = (app.service.descriptors_at_rest().await, 0);
    let began = Instant::now();
    for round in 0..ROUNDS {
        let looks = FAULTS.iter().map(|(_, number, ..)| app.look(number));
        // The looks without end of an earlier round may still be on their way, and are joined then.
        let answers = futures_util::future::join_all(looks).await;
        for ((fault, _, status, issue), got) in FAULTS.iter().zip(answers) {
            if *fault == "answers after 3 s" && got.status == 200 {
                assert_eq!(got.total(), 1, "joined in its last second: {}", got.text);
                continue;
            }
            assert_eq!((got.status, got.issue().as_str()), (*status, *issue), "{fault}, round {round}: {}", got.text);
        }
        app.assert_well("a round of faults").await;
        if round == 0 {
            assert_eq!(app.counts().requests, FAULTS.len() as u64 + 1);
            resident = app.service.resident_kib();
        }
    }
    assert!(began.elapsed() < Duration::from_secs(20));
    let most = (ROUNDS * (FAULTS.len() + 1)) as u64;
    assert!(app.counts().requests <= most, "{:?}", app.counts());
    leaks::assert_tells_nothing(&app.service.said(), &[DRIPPING], ROUNDS * FAULTS.len());
    app.http = client(); // the callers have gone
    app.service.until_descriptors(descriptors + KEPT).await;
    let now = app.service.resident_kib();
    assert!(now < resident + SLACK_KIB, "{resident} KiB after the first round, {now} KiB after the last");
}
