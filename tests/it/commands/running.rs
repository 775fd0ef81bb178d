//! `demo` and `simulate` as they are typed, and a service that is stopped.

use super::cpis_fhir;
use crate::common::children::slow;
use crate::common::{Got, Service, TestApp, client};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process that is ended with the test.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// The lines of standard output up to the one that begins with `last`.
    fn lines_until(&mut self, last: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut reader = BufReader::new(self.0.stdout.as_mut().unwrap());
        while !lines.last().is_some_and(|line: &String| line.starts_with(last)) {
            let mut line = String::new();
            assert!(reader.read_line(&mut line).unwrap() > 0, "ended without a line of {last}: {lines:?}");
            lines.push(line.trim_end().to_owned());
        }
        lines
    }

    /// Exit code after SIGTERM.
    fn stop(&mut self) -> Option<i32> {
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().unwrap().success());
        self.0.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn get(url: &str) -> Got {
    Got::read(client().get(url).send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brief_demo_prints_its_addresses_and_answers() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Process::start(cpis_fhir(folder.path()).args(["demo", "--brief", "--port", "0"]));
    let lines = demo.lines_until("SMSP=");
    let named: HashMap<&str, &str> = lines.iter().filter_map(|line| line.split_once('=')).collect();
    assert_eq!(named.len(), lines.len(), "nothing but NAME=VALUE: {lines:?}");
    let got = get(&format!("{}/Flag?patient=9990000018", named["FHIR"])).await;
    assert_eq!((got.status, got.total()), (200, 2), "{}", got.text);
    assert_eq!(get(&format!("{}/health/ready", named["ADMIN"])).await.status, 200);
    let counts = get(&format!("{}/notifications", named["CONTROL"])).await.json();
    assert_eq!(counts["notifications"], 1, "{counts}");
    assert_eq!(demo.stop(), Some(0));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a demo leaves nothing behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_that_a_demo_prints_can_be_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Process::start(cpis_fhir(folder.path()).args(["demo", "--port", "0"]));
    let lines = demo.lines_until("Health:");
    let mut pasted = 0;
    for line in lines.iter().filter(|line| line.trim_start().starts_with("curl ")) {
        let command = line.split(" | ").next().unwrap();
        let output = Command::new("sh").args(["-c", command]).output().unwrap();
        assert!(output.status.success(), "{command}");
        let said = String::from_utf8(output.stdout).unwrap();
        let nothing_found = said.contains("RESOURCE_NOT_FOUND") || said.contains("UNSUPPORTED_SERVICE") || said.is_empty();
        assert!(!nothing_found, "{command}: {said}");
        pasted += 1;
    }
    assert!(pasted >= 6, "{lines:?}");
    assert_eq!(demo.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_that_simulate_prints_make_a_service_run() {
    let folder = tempfile::tempdir().unwrap();
    // Twice: the second time with the certificates of the first.
    for _ in 0..2 {
        let ports = ["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"];
        let mut simulator = Process::start(cpis_fhir(folder.path()).arg("simulate").args(ports));
        let lines = simulator.lines_until("cpis-fhir serve");
        let from = lines.iter().position(|line| line.starts_with("export ")).unwrap();
        let mut serving = Process::start(&mut shell(folder.path(), &lines[from..].join("\n")));
        let public = address_of(&mut serving);
        let got = get(&format!("http://{public}/FHIR/R4/Flag?patient=9990000018")).await;
        assert_eq!((got.status, got.total()), (200, 2), "{}", got.text);
        let counts = lines.iter().find_map(|line| line.strip_prefix("Counts: curl ")).unwrap();
        assert_eq!(get(counts).await.json()["queries"], 1);
        assert_eq!(serving.stop(), Some(0));
        assert_eq!(simulator.stop(), Some(0));
    }
}

/// A shell that runs what was printed, with the binary in its path. Only the ports are others: those of the defaults may be
/// taken.
fn shell(folder: &Path, printed: &str) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_cpis-fhir"));
    let mut command = Command::new("/bin/sh");
    // The shell becomes the service, so that a signal reaches it.
    let script = printed.replace("cpis-fhir serve", "exec cpis-fhir serve");
    command
        .args(["-ec", &script])
        .env_clear()
        .env("PATH", binary.parent().unwrap())
        .env("CPIS_FHIR__SERVER__LISTEN", "127.0.0.1:0")
        .env("CPIS_FHIR__ADMIN__LISTEN", "127.0.0.1:0")
        .current_dir(folder);
    command
}

/// The public address, from the log's "ready".
fn address_of(serving: &mut Process) -> String {
    let mut said = String::new();
    for line in BufReader::new(serving.0.stderr.as_mut().unwrap()).lines() {
        let line = line.unwrap();
        let entry: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if entry["message"] == "ready" {
            return entry["public"].as_str().unwrap().to_owned();
        }
        said.push_str(&line);
    }
    serving.0.stdout.as_mut().unwrap().read_to_string(&mut said).unwrap();
    panic!("the service did not get ready: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_told_to_stop_still_answers_what_it_accepted() {
    let mut app = TestApp::with_scenario(slow("1500ms"), &[]).await;
    let accepted = tokio::spawn(app.http.get(app.fhir("Flag?patient=9990000018")).send());
    while app.counts().requests == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let began = Instant::now();
    let code = stop(&mut app.service);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let got = Got::read(accepted.await.unwrap().unwrap()).await;
    assert_eq!((got.status, got.total()), (200, 1), "{}", got.text);
    assert_eq!(code, Some(0), "{}", app.service.said());
    assert_eq!(app.counts().requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_told_to_stop_waits_for_a_look_whose_caller_has_gone() {
    let mut app = TestApp::with_scenario(slow("1500ms"), &[("SMSP__CONNECT_TIMEOUT", "300ms"), ("SMSP__TIMEOUT", "500ms")]).await;
    let got = app.look("9990000018").await;
    assert_eq!(got.status, 504, "{}", got.text);
    assert_eq!(stop(&mut app.service), Some(0));
    assert!(!app.service.said().contains("outcome is unknown"), "{}", app.service.said());
}

/// Waits on another thread: this one's runtime has the simulator to serve.
fn stop(service: &mut Service) -> Option<i32> {
    tokio::task::block_in_place(|| service.stop())
}
