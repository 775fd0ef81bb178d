//! Replies that are made to cost much: each is refused, cheaply, and the next look is answered (wire.md 3.10).
#![allow(clippy::format_collect)] // plainness counts, not allocations

use crate::common::scripted::{self, Query, Scripted, Step};
use crate::common::{Got, Service, client};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// CPU time for a kilobyte of a reply, as the matrix of faults has it; this build is not optimized.
const MILLISECONDS_A_KILOBYTE: usize = 5;
/// A body is held whole, and once more while it is read; what the allocator keeps comes on top.
const MOST_KIB: usize = 24 * 1024;

const ROOM: usize = 1_900_000;

type Bomb = fn(&Query) -> String;

/// The record of the child with this inside its sender, where the names and numbers of the authority stand.
fn beside_the_name(query: &Query, more: &str) -> String {
    scripted::found(query).replacen("<telecom", &format!("{more}<telecom"), 1)
}

const BOMBS: [(&str, Bomb); 11] = [
    ("a name of two megabytes", |query| scripted::found(query).replacen(scripted::AUTHORITY, &"x".repeat(ROOM), 1)),
    ("billion laughs", |query| {
        let laughs: String = (1..30).map(|n| format!(r#"<!ENTITY l{n} "&l{0};&l{0};&l{0};&l{0};">"#, n - 1)).collect();
        let doctype = format!(r#"<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>"#);
        doctype + &beside_the_name(query, "<x>&l29;</x>")
    }),
    ("an outer entity", |query| {
        r#"<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:1/">]>"#.to_owned() + &beside_the_name(query, "<x>&e;</x>")
    }),
    ("depth", |query| beside_the_name(query, &"<x>".repeat(ROOM / 3))),
    ("attributes", |query| {
        let attributes: String = (0..ROOM / 14).map(|n| format!(r#" a{n}="{n}""#)).collect();
        beside_the_name(query, &format!("<x{attributes}/>"))
    }),
    ("the same attribute", |query| beside_the_name(query, &format!("<x{}/>", r#" a="1""#.repeat(ROOM / 6)))),
    ("namespaces", |query| {
        let elements: String = (0..ROOM / 40).map(|n| format!(r#"<n{n}:x xmlns:n{n}="urn:n{n}"/>"#)).collect();
        beside_the_name(query, &elements)
    }),
    ("elements", |query| beside_the_name(query, &"<x/>".repeat(ROOM / 4))),
    ("empty records", |query| {
        scripted::found(query).replacen(
            "<pertinentInformation14>",
            &("<pertinentInformation14><pertinentCP-ISRecordControlAct>".to_owned()
                + &"<record/>".repeat(19_000)
                + "</pertinentCP-ISRecordControlAct></pertinentInformation14><pertinentInformation14>"),
            1,
        )
    }),
    ("a name in pieces", |query| {
        scripted::found(query).replacen(scripted::AUTHORITY, &"<![CDATA[xxxxxxxxxx]]>".repeat(ROOM / 22), 1)
    }),
    ("no end", |query| scripted::found(query).replacen("</soap:Envelope>", &"<x>".repeat(10), 1)),
];

/// CPU time that the service has used so far, in milliseconds: utime and stime of proc(5), in hundredths of a second.
fn cpu_milliseconds(service: &Service) -> usize {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", service.process_id())).unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    after_name.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<usize>().unwrap() * 10).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_a_bomb_costs_little_and_is_refused() {
    let turn = Arc::new(AtomicUsize::new(usize::MAX));
    let smsp = Scripted::start({
        let turn = Arc::clone(&turn);
        move |query| {
            let reply = match BOMBS.get(turn.load(Ordering::SeqCst)) {
                Some((_, bomb)) => bomb(query),
                None => scripted::found(query),
            };
            vec![Step::Send(scripted::http_ok(&reply))]
        }
    })
    .await;
    let service = Service::start(&smsp.certificates, &smsp.url, &[("LOOKUP__SHARE_FOR", "0s")]);
    let look = async || {
        let request = client().get(format!("{}/FHIR/R4/Flag?patient=9990000018", service.public)).header("CPIS-New-Look", "true");
        Got::read(request.send().await.unwrap()).await
    };
    assert_eq!(look().await.total(), 1);
    let peak = service.peak_kib();
    for (at, (name, _)) in BOMBS.iter().enumerate() {
        turn.store(at, Ordering::SeqCst);
        let before = cpu_milliseconds(&service);
        let got = look().await;
        let cost = cpu_milliseconds(&service) - before;
        assert_eq!(got.status, 502, "{name}: {}", got.text);
        assert!(got.text.len() < 4096, "{name}: {} bytes", got.text.len());
        assert!(cost < MILLISECONDS_A_KILOBYTE * ROOM / 1000, "{name}: {cost} ms");
        turn.store(usize::MAX, Ordering::SeqCst);
        assert_eq!(look().await.total(), 1, "after {name}");
    }
    let grown = service.peak_kib() - peak;
    assert!(grown < MOST_KIB, "{grown} KiB more");
    assert_eq!(smsp.queries().len(), 1 + 2 * BOMBS.len(), "one look, one request");
}
