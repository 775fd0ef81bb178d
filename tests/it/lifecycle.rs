//! How the service stops, and what its supervisor sees.

use crate::common::load::Load;
use crate::common::trail::TrailFolder;
use crate::common::{GOOD_CHILD, Service, TestApp};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

async fn open(trail: &TrailFolder, further: &[(&str, &str)]) -> TestApp {
    let settings = trail.settings();
    let mut settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    settings.push(("LIMITS__REQUESTS_PER_SECOND", "100000"));
    settings.extend(further);
    TestApp::with(&settings).await
}

async fn begin(load: &Load, requests: usize) {
    let began = Instant::now();
    while load.ended() < requests {
        assert!(began.elapsed() < Duration::from_mins(1), "{} requests", load.ended());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sigterm_under_load_fails_no_request_that_was_accepted() {
    let trail = TrailFolder::sqlite();
    let mut app = open(&trail, &[]).await;
    let load = Load::start(16, &app.fhir(""));
    begin(&load, 200).await;
    let began = Instant::now();
    assert_eq!(app.service.stop(), Some(0), "{}", app.service.said());
    let took = began.elapsed();
    let told = load.stop().await;
    let refused: Vec<_> = told.iter().filter(|told| told.status.is_some_and(|status| status != 200)).collect();
    assert!(refused.is_empty(), "an answer that is no answer: {refused:?}");
    trail.assert_whole("SIGTERM under load");
    // A caller without an answer was not accepted: CP-IS was not asked for them, and the trail does not know them.
    let lines = trail.lines().await;
    let asked_for = |request_id: &str| lines.iter().any(|line| line.request_id.as_deref() == Some(request_id));
    let lost: Vec<_> = told.iter().filter(|told| told.status.is_none() && asked_for(&told.request_id)).collect();
    assert!(lost.is_empty(), "{} of {} accepted requests were not answered", lost.len(), told.len());
    let answered = told.iter().filter(|told| told.status == Some(200)).count();
    assert_eq!(app.counts().queries, answered as u64, "one answer for each query");
    assert!(took < Duration::from_secs(10), "the end took {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_takes_long_is_answered_before_the_end() {
    let trail = TrailFolder::sqlite();
    let slow = &crate::common::children::numbers(1)[0];
    let scenario = crate::common::children::built_in_and(&crate::common::children::child(slow, "delay = \"2s\""));
    let settings = trail.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let mut app = TestApp::with_scenario(scenario, &settings).await;
    let request = app.http.get(app.fhir(&format!("Flag?patient={slow}")));
    let admin = app.service.admin.clone();
    let looking = tokio::spawn(async move { request.send().await.unwrap() });
    while app.counts().requests == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app.service.signal("-TERM");
    // The admin listener says so for as long as anybody is waited for.
    let began = Instant::now();
    let ready = async || app.http.get(format!("{admin}/health/ready")).send().await.unwrap().status().as_u16();
    while ready().await != 503 {
        assert!(began.elapsed() < Duration::from_secs(2), "ready while it ends");
    }
    let response = looking.await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["connection"].to_str().unwrap()), (200, "close"));
    assert_eq!(app.service.ended(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_idle_does_not_hold_the_end_up() {
    let trail = TrailFolder::sqlite();
    let mut app = open(&trail, &[]).await;
    let mut idle = TcpStream::connect(app.service.public.trim_start_matches("http://")).unwrap();
    idle.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut head = [0; 12];
    idle.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    let began = Instant::now();
    assert_eq!(app.service.stop(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5), "the end took {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let slow = &crate::common::children::numbers(1)[0];
    let child = crate::common::children::child(slow, "delay = \"20s\"");
    let mut app = TestApp::with_scenario(crate::common::children::built_in_and(&child), &[]).await;
    let request = app.http.get(app.fhir(&format!("Flag?patient={slow}")));
    let looking = tokio::spawn(request.send());
    while app.counts().requests == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let began = Instant::now();
    app.service.signal("-TERM");
    app.service.line_with("finishing what is in flight");
    assert_eq!(app.service.stop(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(10));
    looking.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_of_the_start_a_reload_and_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let told = || {
        let mut message = [0; 256];
        let length = systemd.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let mut app = TestApp::with(&[("NOTIFY_SOCKET", path.to_str().unwrap())]).await;
    assert_eq!(told(), "READY=1\n");
    app.service.signal("-HUP");
    let reloading = told();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(told(), "READY=1\n");
    app.assert_well("a reload").await;
    assert_eq!(app.look(GOOD_CHILD).await.status, 200);
    assert_eq!(app.service.stop(), Some(0));
    assert_eq!(told(), "STOPPING=1\n");
}

/// The service as process 1 of its own namespace, as in a container: there a signal has no default action.
fn as_process_1() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", env!("CARGO_BIN_EXE_cpis-fhir"), "serve"]);
    command
}

/// The processes that `process` has started and that are still there.
fn children_of(process: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let of = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
    let lists: Vec<String> = threads.map(|thread| of(thread.unwrap())).collect();
    lists.iter().flat_map(|list| list.split_whitespace()).map(|id| id.parse().unwrap()).collect()
}

/// The one process that `unshare` has started, which is number 1 for itself.
fn process_1(unshare: u32) -> u32 {
    let began = Instant::now();
    loop {
        if let [process] = children_of(unshare)[..] {
            let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
            let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap();
            assert_eq!(ids.split_whitespace().last(), Some("1"), "{ids}");
            return process;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "unshare started nothing");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_process_1_it_has_no_children_and_ends_at_a_signal() {
    let trail = TrailFolder::sqlite();
    let settings = trail.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let mut app = TestApp::open().await;
    app.service = Service::start_by(as_process_1(), &app.certificates, &app.simulator.url(), &settings);
    app.assert_well("a start as process 1").await;
    let process = process_1(app.service.process_id());
    assert_eq!(children_of(process), [] as [u32; 0], "there is nobody whose end it would have to wait for");
    let began = Instant::now();
    crate::common::signal_to(process, "-TERM");
    assert_eq!(app.service.ended(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10), "the end took {:?}", began.elapsed());
    trail.assert_whole("an end as process 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn as_process_1_a_second_signal_ends_it_at_once() {
    let slow = &crate::common::children::numbers(1)[0];
    let child = crate::common::children::child(slow, "delay = \"20s\"");
    let mut app = TestApp::with_scenario(crate::common::children::built_in_and(&child), &[]).await;
    app.service = Service::start_by(as_process_1(), &app.certificates, &app.simulator.url(), &[]);
    let process = process_1(app.service.process_id());
    let looking = tokio::spawn(app.http.get(app.fhir(&format!("Flag?patient={slow}"))).send());
    while app.counts().requests == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let began = Instant::now();
    crate::common::signal_to(process, "-TERM");
    app.service.line_with("finishing what is in flight");
    crate::common::signal_to(process, "-INT");
    assert_eq!(app.service.ended(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(10), "the end took {:?}", began.elapsed());
    looking.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn as_process_1_a_signal_that_comes_during_the_start_ends_it_at_once() {
    let app = TestApp::open().await;
    // A database that takes connections and never says anything: the start waits for it.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = format!("postgres://cpis@{}/cpis?sslmode=disable", silent.local_addr().unwrap());
    let settings = [("AUDIT__STORE", store.as_str())];
    let (mut unshare, _folder) = crate::common::spawn_by(as_process_1(), &app.certificates, &app.simulator.url(), &settings);
    let process = process_1(unshare.id());
    let (_connection, _) = silent.accept().unwrap();
    crate::common::signal_to(process, "-TERM");
    let began = Instant::now();
    while unshare.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let status = unshare.try_wait().unwrap();
    let _ = unshare.kill();
    assert_eq!(status.map(|status| status.code()), Some(Some(0)), "the signal was lost");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root, for port 53"]
async fn a_resolver_that_hangs_does_not_hold_the_end_up() {
    let mut app = TestApp::open().await;
    let resolver = UdpSocket::bind("127.0.0.77:53").unwrap();
    resolver.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    // Two minutes for each name.
    let resolving = file("resolv.conf", "nameserver 127.0.0.77\noptions timeout:30 attempts:4\n");
    let names = file("nsswitch.conf", "hosts: dns\n");
    let mounted = format!("mount --bind {resolving} /etc/resolv.conf && mount --bind {names} /etc/nsswitch.conf");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &format!("{mounted} && exec \"$0\" serve"), env!("CARGO_BIN_EXE_cpis-fhir")]);
    let settings = [("SMSP__CONNECT_TIMEOUT", "1s")];
    app.service = Service::start_by(command, &app.certificates, "https://smsp.trust.example/cpis", &settings);
    let got = app.look(GOOD_CHILD).await;
    assert_eq!((got.status, got.says_no_record()), (503, false), "{}", got.text);
    resolver.recv(&mut [0; 512]).expect("the name was asked for");
    let began = Instant::now();
    assert_eq!(app.service.stop(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10), "the end took {:?}", began.elapsed());
}
