//! Where the system gives fewer descriptors than the settings want.

use crate::common::wire::Wire;
use crate::common::{Service, TestApp};
use std::process::Command;
use std::time::Duration;
use tokio::time::Instant;

const PING: &str = "GET /health/live HTTP/1.1\r\nHost: here\r\n\r\n";

/// The binary under a limit of `files` open files.
fn with_files(files: usize) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("ulimit -n {files}; exec \"$0\" serve"), env!("CARGO_BIN_EXE_cpis-fhir")]);
    command
}

#[tokio::test]
async fn with_256_descriptors_the_service_says_so_and_serves_and_recovers() {
    let mut app = TestApp::open().await;
    app.service = Service::start_by(with_files(256), &app.certificates, &app.simulator.url(), &[]);
    let line = app.service.line_with("limits.connections needs more open files");
    assert!(line.contains("WARN") && line.contains("256"), "{line}");
    app.assert_well("a start with few descriptors").await;
    let before = app.service.descriptors();
    // More callers than there are descriptors, who say nothing.
    let mut silent = Vec::new();
    for _ in 0..400 {
        silent.push(Wire::to(&app.service.public).await);
    }
    for _ in 0..10 {
        let began = Instant::now();
        let mut wire = Wire::to(&app.service.public).await;
        wire.say(PING).await;
        assert_eq!(wire.answer().await.expect("an answer").status, 200);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        let ready = app.http.get(format!("{}/health/ready", app.service.admin)).send().await.unwrap();
        assert_eq!(ready.status(), 200);
        assert!(app.service.descriptors() <= 256);
    }
    // A look needs descriptors of its own.
    app.look("9990000026").await;
    app.assert_well("callers who took every descriptor they could").await;
    drop(silent);
    app.service.until_descriptors(before + 4).await;
}
