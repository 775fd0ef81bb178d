//! What the tests of edges rely on: a clock that moves, an SMSP that follows a script, and the service's own figures.

use crate::common::clock::MovedClock;
use crate::common::scripted::{self, Scripted, Step};
use crate::common::{GOOD_CHILD, Got, Service, client};
use jiff::SignedDuration;

async fn look(service: &Service, number: &str) -> Got {
    Got::read(client().get(format!("{}/FHIR/R4/Flag?patient={number}", service.public)).send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scripted_smsp_answers_as_its_script_says() {
    let smsp = Scripted::start(|query| {
        let reply = if query.number == 1 { scripted::found(query) } else { scripted::no_record(query) };
        vec![Step::Send(scripted::http_ok(&reply))]
    })
    .await;
    let service = Service::start(&smsp.certificates, &smsp.url, &[]);
    assert_eq!(look(&service, GOOD_CHILD).await.total(), 1);
    assert!(look(&service, "9990000018").await.says_no_record());
    let asked: Vec<String> = smsp.queries().into_iter().map(|query| query.nhs_number).collect();
    assert_eq!(asked, [GOOD_CHILD, "9990000018"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_of_a_service_moves_while_it_runs() {
    let smsp = Scripted::start(|query| vec![Step::Send(scripted::http_ok(&scripted::found(query)))]).await;
    let clock = MovedClock::at("2025-08-31T12:00:00Z");
    let (name, file) = clock.setting();
    let service = Service::start(&smsp.certificates, &smsp.url, &[(name, &file)]);
    let status = |got: Got| got.resources("match")[0]["status"].as_str().unwrap().to_owned();
    let starts_tomorrow = look(&service, GOOD_CHILD).await;
    assert!(starts_tomorrow.text.contains("starts on 1 September 2025"), "{}", starts_tomorrow.text);
    clock.jump(SignedDuration::from_hours(24));
    let today = look(&service, GOOD_CHILD).await;
    assert!(!today.text.contains("starts on"), "{}", today.text);
    assert_eq!((status(starts_tomorrow).as_str(), status(today).as_str()), ("inactive", "active"));
    assert_eq!(smsp.queries().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_smsp_can_stop_in_the_middle_of_a_request_and_of_a_reply() {
    let smsp = Scripted::start(|query| {
        let reply = scripted::http_ok(&scripted::found(query));
        let (first, rest) = reply.split_at(500);
        vec![Step::Send(first.to_vec()), Step::Hold, Step::Send(rest.to_vec())]
    })
    .await;
    let service = Service::start(&smsp.certificates, &smsp.url, &[]);
    let waiting = look(&service, GOOD_CHILD);
    let released = async {
        smsp.until_sent(1).await;
        smsp.release();
    };
    assert_eq!(tokio::join!(waiting, released).0.total(), 1);
    smsp.read_at_most(100);
    let cut_off = look(&service, "9990000018");
    let first = smsp.queries()[0].clone();
    let stopped = smsp.until_bytes(first.head.len() + 4 + first.body.len() + 100);
    tokio::select! { got = cut_off => panic!("answered {}", got.status), () = stopped => {} }
    assert_eq!(smsp.queries().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_has_memory_and_descriptors() {
    let smsp = Scripted::start(|query| vec![Step::Send(scripted::http_ok(&scripted::found(query)))]).await;
    let service = Service::start(&smsp.certificates, &smsp.url, &[]);
    assert!(service.descriptors() > 5);
    assert!(service.peak_kib() >= service.resident_kib() && service.resident_kib() > 4096);
}
