//! Memory is a budget (decisions.md 64): new children fill it, further looks are refused, and the service stays.
#![allow(clippy::print_stdout)]

use crate::common::container::Container;
use crate::common::load::Load;
use crate::common::trail::TrailFolder;
use crate::common::{Service, TestApp};
use std::time::{Duration, Instant};

const MIB: usize = 1 << 20;

/// The value of a metric that is on the page once.
async fn metric(app: &TestApp, name: &str) -> usize {
    let page = app.send(app.http.get(format!("{}/metrics", app.service.admin)), &[]).await.text;
    let line = page.lines().find(|line| line.split(['{', ' ']).next() == Some(name)).unwrap_or_else(|| panic!("{name}: {page}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn new_children_without_end_are_shed_and_the_process_stays_within_its_memory() {
    let trail = TrailFolder::sqlite();
    let settings = trail.settings();
    let mut settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    settings.push(("LIMITS__MEMORY", "16MiB"));
    let mut app = TestApp::with(&settings).await;
    app.assert_well("a start").await;
    let before = app.service.resident_kib() * 1024;
    let load = Load::start(96, &app.fhir(""));
    let began = Instant::now();
    // Full, and then kept at it.
    while metric(&app, "cpis_lookup_shed_total").await < 500 {
        assert!(began.elapsed() < Duration::from_mins(4), "{} looks, and none was shed", load.ended());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let told = load.stop().await;
    let (shown, shed): (Vec<_>, Vec<_>) = told.iter().partition(|told| told.status == Some(200));
    assert!(shed.iter().all(|told| told.status == Some(503)), "shed, nothing else: {:?}", shed.first());
    let used = metric(&app, "cpis_memory_used_bytes").await;
    assert_eq!(metric(&app, "cpis_memory_limit_bytes").await, 16 * MIB);
    assert!(used <= 16 * MIB, "{used}");
    let grown = app.service.peak_kib() * 1024 - before;
    println!("{} looks shown, {} shed; {used} bytes counted, grown by {grown}", shown.len(), shed.len());
    // Beside the budget: the trail's cache (4 MiB here), connections of 96 callers, and what the allocator keeps of them.
    assert!(grown < 40 * MIB, "grown by {grown}");
    // Not one of those that were shed went out.
    assert_eq!(usize::try_from(app.counts().queries).unwrap(), shown.len() + 1);
    // Whether or not there is room for one more by now, nothing is taken for "no plan".
    let got = app.look(crate::common::GOOD_CHILD).await;
    assert!(matches!(got.status, 200 | 503) && !got.says_no_record(), "{}", got.text);
    assert_eq!(app.service.stop(), Some(0));
    trail.assert_whole("a load beyond the memory");
}

/// New children by 96 callers in a container of so many MiB, until looks are shed, and for a while beyond.
async fn fill_a_container(mebibytes: usize) {
    let trail = TrailFolder::sqlite();
    let settings = trail.settings();
    let mut settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    // Nothing is forgotten while it fills, however slow the machine is.
    settings.push(("LOOKUP__SHARE_FOR", "15m"));
    let container = Container::with_memory(mebibytes * MIB);
    let mut app = TestApp::open().await;
    app.service = Service::start_by(container.serve(), &app.certificates, &app.simulator.url(), &settings);
    app.assert_well("a start in a container").await;
    assert_eq!(metric(&app, "cpis_memory_limit_bytes").await, mebibytes * MIB / 2, "half of what the container has");
    let load = Load::start(96, &app.fhir(""));
    let began = Instant::now();
    while metric(&app, "cpis_lookup_shed_total").await < 2_000 {
        assert!(began.elapsed() < Duration::from_mins(14), "{} looks, and none was shed", load.ended());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let told = load.stop().await;
    let shown = told.iter().filter(|told| told.status == Some(200)).count();
    let peak = app.service.peak_kib() / 1024;
    println!("{mebibytes} MiB: {shown} looks shown, {} shed, peak {peak} MiB, {:?}", told.len() - shown, began.elapsed());
    assert!(told.iter().all(|told| matches!(told.status, Some(200 | 503))), "shed, nothing else");
    assert_eq!(container.killed().unwrap_or(0), 0);
    assert!(peak < mebibytes * 9 / 10, "{peak} MiB of {mebibytes}");
    assert_eq!(usize::try_from(app.counts().queries).unwrap(), shown + 1);
    assert_eq!(app.service.stop(), Some(0));
    trail.assert_whole("a load beyond the memory of a container");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root, for a control group; takes minutes"]
async fn in_a_container_of_128_mib_new_children_without_end_are_shed_and_nothing_is_killed() {
    fill_a_container(128).await;
}
