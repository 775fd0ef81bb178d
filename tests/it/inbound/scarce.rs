//! Where the system gives fewer descriptors than the settings want.

use crate::common::wire::Wire;
use crate::common::{House, Service};
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
    let mut house = House::open().await;
    house.service = Service::start_by(with_files(256), &house.certificates, &house.simulator.url(), &[]);
    let line = house.service.line_with("limits.connections needs more open files");
    assert!(line.contains("WARN") && line.contains("256"), "{line}");
    house.assert_well("a start with few descriptors").await;
    let before = house.service.descriptors();
    // More callers than there are descriptors, who say nothing.
    let mut silent = Vec::new();
    for _ in 0..400 {
        silent.push(Wire::to(&house.service.public).await);
    }
    for _ in 0..10 {
        let began = Instant::now();
        let mut wire = Wire::to(&house.service.public).await;
        wire.say(PING).await;
        assert_eq!(wire.answer().await.expect("an answer").status, 200);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        let ready = house.http.get(format!("{}/health/ready", house.service.admin)).send().await.unwrap();
        assert_eq!(ready.status(), 200);
        assert!(house.service.descriptors() <= 256);
    }
    // A look needs descriptors of its own.
    house.look("9990000026").await;
    house.assert_well("callers who took every descriptor they could").await;
    drop(silent);
    house.service.until_descriptors(before + 4).await;
}
