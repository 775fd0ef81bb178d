//! `serve` with wrong settings: exit code 2, every fault at once, nothing else.

use super::{cpis_fhir, refused, text};
use cpis_fhir::simulator::certificates::Certificates;
use std::path::Path;
use std::process::{Command, Output};

/// `serve` with settings that are in order except for `changes`.
fn serve(folder: &Path, changes: &[(&str, &str)]) -> Output {
    let certificates = Certificates::generate("cpis-client.test").unwrap();
    certificates.write_to(folder).unwrap();
    let mut command: Command = cpis_fhir(folder);
    command
        .arg("serve")
        .env("CPIS_FHIR__SMSP__URL", "https://localhost:1/smsp/cpis")
        .env("CPIS_FHIR__SMSP__CA", "ca.pem")
        .env("CPIS_FHIR__SMSP__CLIENT_CERT", "client.pem")
        .env("CPIS_FHIR__SMSP__CLIENT_KEY", "client-key.pem")
        .env("CPIS_FHIR__SMSP__SENDER_ODS", "RX1")
        .env("CPIS_FHIR__ACCESS__MODES", "demo")
        .env("CPIS_FHIR__SERVER__LISTEN", "127.0.0.1:0")
        .env("CPIS_FHIR__ADMIN__LISTEN", "127.0.0.1:0");
    for (key, value) in changes {
        command.env(format!("CPIS_FHIR__{key}"), value);
    }
    command.output().unwrap()
}

#[test]
fn every_fault_of_the_settings_is_named_in_one_message() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = [
        ("SMSP__URL", "http://smsp.example"),
        ("SMSP__CA", "nowhere.pem"),
        ("SMSP__TIMEOUT", "20"),
        ("SMSP__ULR", "https://smsp.example"),
        ("SERVER__LISTEN", "0.0.0.0:0"),
        ("SERVER__BASE_PATH", "FHIR"),
        ("FHIR__HANDLING", "strickt"),
        ("LIMITS__BODY", "64KB"),
    ];
    let said = refused(&serve(folder.path(), &wrong));
    assert!(said.starts_with("cpis-fhir cannot start: 8 faults in the settings\n"), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1 + wrong.len(), "{said}");
    for (key, _) in wrong {
        assert!(said.contains(&format!("CPIS_FHIR__{key}")), "{key}: {said}");
    }
    assert!(said.contains("did you mean smsp.url?"), "{said}");
}

#[test]
fn without_any_settings_every_required_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let said = refused(&cpis_fhir(folder.path()).arg("serve").output().unwrap());
    for key in ["smsp.url", "smsp.ca", "smsp.client_cert", "smsp.client_key", "smsp.sender_ods", "fhir.id_key_file"] {
        assert!(said.contains(&format!("- {key} (")), "{key}: {said}");
    }
}

#[test]
fn a_settings_file_that_is_missing_or_malformed_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.toml"), "[smsp\nurl =").unwrap();
    for file in ["missing.toml", "bad.toml"] {
        let said = refused(&cpis_fhir(folder.path()).args(["serve", "--config", file]).output().unwrap());
        assert!(said.contains(file), "{said}");
    }
}

#[test]
fn certificates_and_keys_that_cannot_be_used_are_named_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("garbage.pem", "not a certificate, hunter2");
    file("empty.pem", "");
    file("other-key.pem", &Certificates::generate("other.test").unwrap().client_key_pem);
    for (key, value) in [
        ("SMSP__CA", "garbage.pem"),
        ("SMSP__CA", "empty.pem"),
        ("SMSP__CLIENT_CERT", "garbage.pem"),
        ("SMSP__CLIENT_KEY", "garbage.pem"),
        ("SMSP__CLIENT_KEY", "missing.pem"),
        ("SMSP__CLIENT_KEY", "other-key.pem"),
    ] {
        let said = refused(&serve(folder.path(), &[(key, value)]));
        let name = key.to_lowercase().replace("__", ".");
        assert!(said.contains(&name), "{key} = {value}: {said}");
        assert!(!said.contains("hunter2") && !said.contains("-----"), "{key} = {value}: {said}");
    }
}

#[test]
fn in_demo_mode_every_listener_stays_on_loopback() {
    for key in ["SERVER__LISTEN", "ADMIN__LISTEN"] {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
            let folder = tempfile::tempdir().unwrap();
            let said = refused(&serve(folder.path(), &[(key, address)]));
            assert!(said.contains("wanted a loopback address"), "{key} = {address}: {said}");
        }
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = serve(folder.path(), &[("SERVER__LISTEN", &taken.local_addr().unwrap().to_string())]);
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{said}");
    assert!(said.contains("server.listen: cannot listen on"), "{said}");
}

#[test]
fn help_and_version_are_told_on_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| cpis_fhir(folder.path()).args(arguments).output().unwrap();
    let version = run(&["--version"]);
    assert_eq!((version.status.code(), text(&version.stdout)), (Some(0), format!("cpis-fhir {}\n", env!("CARGO_PKG_VERSION"))));
    for (arguments, words) in [
        (vec!["--help"], vec!["demo", "serve", "check", "simulate", "cannot be taken back"]),
        (vec!["serve", "--help"], vec!["--config", "CPIS_FHIR_CONFIG"]),
        (vec!["demo", "--help"], vec!["--port", "--brief"]),
        (vec!["simulate", "--help"], vec!["--listen", "--control", "--scenario", "--certificates"]),
    ] {
        let help = run(&arguments);
        assert_eq!(help.status.code(), Some(0));
        for word in words {
            assert!(text(&help.stdout).contains(word), "{arguments:?}: {word}");
        }
    }
    for wrong in [vec![], vec!["colour"], vec!["serve", "--colour"], vec!["simulate", "--listen", "here"]] {
        let output = run(&wrong);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{wrong:?}");
    }
}

#[test]
fn a_scenario_with_faults_is_refused_with_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("scenario.toml"), "[[children]]\nnhs_number = \"1\"\ntitle = \" \"\ncolour = 1\n").unwrap();
    let simulate = |file: &str| {
        let ports = ["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"];
        cpis_fhir(folder.path()).arg("simulate").args(ports).args(["--scenario", file]).output().unwrap()
    };
    for (file, words) in [("scenario.toml", "the scenario has"), ("missing.toml", "missing.toml cannot be read")] {
        let output = simulate(file);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""));
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
    }
}
