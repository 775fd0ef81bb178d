//! Memory is a budget (decisions.md 64): new children fill it, further looks are refused, and the service stays.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;

use common::House;
use common::load::Load;
use common::trail::TrailFolder;
use std::time::{Duration, Instant};

const MIB: usize = 1 << 20;

/// The value of a metric that stands on the page once.
async fn metric(house: &House, name: &str) -> usize {
    let page = house.send(house.http.get(format!("{}/metrics", house.service.admin)), &[]).await.text;
    let line = page.lines().find(|line| line.split(['{', ' ']).next() == Some(name)).unwrap_or_else(|| panic!("{name}: {page}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn new_children_without_end_are_shed_and_the_process_stays_within_its_memory() {
    let trail = TrailFolder::sqlite();
    let settings = trail.settings();
    let mut settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    settings.push(("LIMITS__MEMORY", "16MiB"));
    let mut house = House::with(&settings).await;
    house.assert_well("a start").await;
    let before = house.service.resident_kib() * 1024;
    let load = Load::start(96, &house.fhir(""));
    let began = Instant::now();
    // Full, and then kept at it.
    while metric(&house, "cpis_lookup_shed_total").await < 500 {
        assert!(began.elapsed() < Duration::from_mins(4), "{} looks, and none was shed", load.ended());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let told = load.stop().await;
    let (shown, shed): (Vec<_>, Vec<_>) = told.iter().partition(|told| told.status == Some(200));
    assert!(shed.iter().all(|told| told.status == Some(503)), "shed, nothing else: {:?}", shed.first());
    let used = metric(&house, "cpis_memory_used_bytes").await;
    assert_eq!(metric(&house, "cpis_memory_limit_bytes").await, 16 * MIB);
    assert!(used <= 16 * MIB, "{used}");
    let grown = house.service.peak_kib() * 1024 - before;
    println!("{} looks shown, {} shed; {used} bytes counted, grown by {grown}", shown.len(), shed.len());
    // Beside the budget: the trail's cache (4 MiB here), connections of 96 callers, and what the allocator keeps of them.
    assert!(grown < 40 * MIB, "grown by {grown}");
    // Not one of those that were shed went out.
    assert_eq!(usize::try_from(house.counts().queries).unwrap(), shown.len() + 1);
    let got = house.look(common::GOOD_CHILD).await;
    assert_eq!((got.status, got.total()), (200, 1), "what is shared is still shown");
    assert_eq!(house.service.stop(), Some(0));
    trail.assert_whole("a load beyond the memory");
}
