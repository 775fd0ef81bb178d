//! `check --ready`: a container's health check.

use crate::common::children::slow;
use crate::common::fixture::{Fixture, certificates, text};
use crate::common::issuer::{Issuer, Mood};
use crate::common::{Service, TestApp};
use cpis_fhir::simulator::certificates::Certificates;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

/// Exit code and the one line, of `check --ready` with these variables.
async fn ready(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cpis-fhir"));
    command.args(["check", "--ready"]).args(arguments).env_clear();
    for (key, value) in variables {
        command.env(format!("CPIS_FHIR__{key}"), value);
    }
    let began = Instant::now();
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let said = text(&output.stdout);
    assert_eq!((said.lines().count(), text(&output.stderr).as_str()), (1, ""), "{said}");
    (output.status.code().unwrap(), said.trim_end().to_owned())
}

fn address(url: &str) -> &str {
    url.strip_prefix("http://").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_serves_is_ready() {
    let app = TestApp::open().await;
    let (code, said) = ready(&["--admin", &app.service.admin], &[]).await;
    assert_eq!((code, said), (0, format!("ready: {}/health/ready", app.service.admin)));
    let (code, said) = ready(&[], &[("ADMIN__LISTEN", address(&app.service.admin))]).await;
    assert_eq!(code, 0, "{said}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cpis.toml");
    std::fs::write(&file, format!("[admin]\nlisten = \"{}\"\n", address(&app.service.admin))).unwrap();
    let (code, said) = ready(&["--config", file.to_str().unwrap()], &[]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(app.counts().connections, 0, "the SMSP is left alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_answers_nothing_is_ready() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, said) = ready(&["--admin", &format!("http://{free}")], &[]).await;
    assert_eq!(code, 1);
    assert!(said.starts_with("NOT READY: ") && said.contains("no connection"), "{said}");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, said) = ready(&["--admin", &format!("http://{}", silent.local_addr().unwrap())], &[]).await;
    assert_eq!((code, said.as_str()), (1, "NOT READY: no answer within 4s"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_settings_of_the_listener_is_told_in_one_line_with_exit_code_1() {
    let (code, said) = ready(&[], &[("ADMIN__LISTEN", "here"), ("SMSP__URL", "nonsense")]).await;
    assert_eq!(code, 1);
    assert!(said.contains("admin.listen") && !said.contains("smsp.url"), "{said}");
    let (code, said) = ready(&["--config", "/nowhere.toml"], &[]).await;
    assert!(code == 1 && said.contains("/nowhere.toml"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn something_else_that_answers_is_not_ready() {
    let issuer = Issuer::start().await;
    issuer.be(Mood::Broken);
    let (code, said) = ready(&["--admin", &issuer.url], &[]).await;
    assert!(code == 1 && said.contains("HTTP 500"), "{said}");
    issuer.be(Mood::Redirecting);
    let (code, said) = ready(&["--admin", &issuer.url], &[]).await;
    assert!(code == 1 && said.contains("HTTP 302"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stops_is_not_ready_though_it_still_answers_a_caller() {
    let app = TestApp::with_scenario(slow("3s"), &[]).await;
    let accepted = tokio::spawn(app.http.get(app.fhir("Flag?patient=9990000018")).send());
    while app.counts().requests == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    app.service.signal("-TERM");
    let began = Instant::now();
    while ready(&["--admin", &app.service.admin], &[]).await.0 == 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "still ready");
    }
    assert_eq!(accepted.await.unwrap().unwrap().status().as_u16(), 200);
}

/// A service whose listeners speak TLS, and the settings that name them as they were bound.
struct Secured {
    service: Service,
    variables: Vec<(&'static str, String)>,
    _fixture: Fixture,
}

async fn secured(listeners: &[(&'static str, &str)]) -> Secured {
    let fixture = Fixture::well().await;
    let file = |name: &str| fixture.folder.path().join(name).display().to_string();
    let tls: Vec<(&'static str, String)> = listeners.iter().map(|(key, name)| (*key, file(name))).collect();
    let all: Vec<(&str, &str)> =
        fixture.settings().into_iter().chain(tls.iter().map(|(key, value)| (*key, value.as_str()))).collect();
    let service = Service::start(&fixture.certificates, &fixture.simulator.url(), &all);
    let mut variables = tls.clone();
    variables.push(("ADMIN__LISTEN", address(&service.admin).to_owned()));
    variables.push(("SERVER__LISTEN", address(&service.public).to_owned()));
    Secured { service, variables, _fixture: fixture }
}

impl Secured {
    async fn ready(&self, arguments: &[&str]) -> (i32, String) {
        let variables: Vec<(&str, &str)> = self.variables.iter().map(|(key, value)| (*key, value.as_str())).collect();
        ready(arguments, &variables).await
    }
}

const ADMIN_TLS: [(&str, &str); 2] = [("ADMIN__TLS__CERT", "server.pem"), ("ADMIN__TLS__KEY", "server-key.pem")];
const SERVER_TLS: [(&str, &str); 2] = [("SERVER__TLS__CERT", "server.pem"), ("SERVER__TLS__KEY", "server-key.pem")];

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_listener_with_tls_is_believed_by_the_very_certificate_of_the_settings() {
    let mut secured = secured(&ADMIN_TLS).await;
    let url = secured.service.admin.replace("http:", "https:");
    for arguments in [&[][..], &["--admin", &url]] {
        let (code, said) = secured.ready(arguments).await;
        assert_eq!((code, said), (0, format!("ready: {url}/health/ready")));
    }
    // Without the settings nobody vouches for it.
    let (code, said) = ready(&["--admin", &url], &[]).await;
    assert!(code == 1 && said.contains("certificate"), "{said}");
    // Another certificate of the same name.
    let Certificates { server_cert_pem, .. } = certificates(-1, 365);
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.pem");
    std::fs::write(&other, server_cert_pem).unwrap();
    secured.variables.push(("ADMIN__TLS__CERT", other.display().to_string()));
    let (code, said) = secured.ready(&["--admin", &url]).await;
    assert!(code == 1 && said.contains("certificate"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_could_not_take_a_new_certificate_is_ready_and_that_is_told() {
    let mut secured = secured(&ADMIN_TLS).await;
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.pem");
    for text in [certificates(-1, 365).server_cert_pem, "broken".to_owned(), String::new()] {
        std::fs::write(&other, text).unwrap();
        secured.variables.push(("ADMIN__TLS__CERT", other.display().to_string()));
        let (code, said) = secured.ready(&[]).await;
        assert!(code == 0 && said.contains("not the one that the settings name now"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_admin_listener_wants_a_certificate_the_public_one_is_asked() {
    let secured = secured(&[&ADMIN_TLS[..], &[("ADMIN__TLS__CLIENT_CA", "ca.pem")]].concat()).await;
    let (code, said) = secured.ready(&[]).await;
    assert_eq!((code, said), (0, format!("ready: {}/health/ready", secured.service.public)));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_both_want_one_it_is_said_that_only_the_handshake_was_tried() {
    let cas = [("ADMIN__TLS__CLIENT_CA", "ca.pem"), ("SERVER__TLS__CLIENT_CA", "ca.pem")];
    let mut secured = secured(&[&ADMIN_TLS[..], &SERVER_TLS, &cas].concat()).await;
    let (code, said) = secured.ready(&[]).await;
    assert!(code == 0 && said.contains("only the TLS handshake was tried"), "{said}");
    tokio::task::block_in_place(|| secured.service.stop());
    let (code, said) = secured.ready(&[]).await;
    assert!(code == 1 && said.contains("no connection"), "{said}");
}
