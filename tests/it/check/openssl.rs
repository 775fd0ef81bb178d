//! The handshake with a real OpenSSL server: `check` names what the server does not accept (C2-44).

use crate::common::fixture::{Fixture, certificates};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// `openssl s_server` on this machine.
struct OpenSsl {
    process: Child,
    port: u16,
}

impl OpenSsl {
    /// Demands a client certificate of the CA in the file `ca`. The server's own is in the files `cert` and `key`.
    fn start(fixture: &Fixture, [cert, key, ca]: [&str; 3], more: &[&str]) -> Self {
        let mut process = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-Verify", "3", "-verify_return_error"])
            .args(["-cert", cert, "-key", key, "-CAfile", ca])
            .args(more)
            .current_dir(fixture.folder.path())
            .stdin(Stdio::piped()) // it ends with its input
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| line.unwrap().strip_prefix("ACCEPT 127.0.0.1:")?.parse().ok());
        std::thread::spawn(move || lines.count()); // else it waits for a reader
        Self { process, port: port.expect("a port") }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/smsp/cpis", self.port)
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A server certificate of its own with an RSA key, which cipher suites without forward secrecy need.
fn rsa(fixture: &Fixture) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-keyout",
            "rsa-key.pem",
            "-out",
            "rsa.pem",
        ])
        .current_dir(fixture.folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

const OWN: [&str; 3] = ["server.pem", "server-key.pem", "ca.pem"];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs openssl; .ci/run installs it"]
async fn a_real_server_that_has_only_weak_ciphers_is_told_as_such() {
    let mut fixture = Fixture::well().await;
    rsa(&fixture);
    for cipher in ["AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA"] {
        let server = OpenSsl::start(&fixture, ["rsa.pem", "rsa-key.pem", "ca.pem"], &["-tls1_2", "-cipher", cipher]);
        let checked = fixture.set("SMSP__URL", &server.url()).check().await;
        checked.assert_only_failure("smsp.tls");
        let message = checked.message("smsp.tls");
        assert!(message.starts_with("no cipher suite in common (TLS 1.2/1.3 with forward-secret AEAD is needed)"), "{message}");
        assert!(message.contains("(40)") && !message.contains("smsp.client_cert"), "{cipher}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs openssl; .ci/run installs it"]
async fn a_real_server_that_refuses_our_certificate_is_told_as_such() {
    let mut fixture = Fixture::well().await;
    fixture.secret("other-ca.pem", &certificates(-1, 365).ca_pem);
    for version in ["-tls1_2", "-tls1_3"] {
        let server = OpenSsl::start(&fixture, ["server.pem", "server-key.pem", "other-ca.pem"], &[version]);
        let checked = fixture.set("SMSP__URL", &server.url()).check().await;
        checked.assert_only_failure("smsp.tls");
        let message = checked.message("smsp.tls");
        assert!(message.contains("the SMSP refuses smsp.client_cert"), "{version}: {message}");
        assert!(!message.contains("no cipher suite"), "{version}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs openssl; .ci/run installs it"]
async fn a_real_server_that_accepts_us_is_well() {
    let mut fixture = Fixture::well().await;
    for version in ["-tls1_2", "-tls1_3"] {
        let server = OpenSsl::start(&fixture, OWN, &[version]);
        let checked = fixture.set("SMSP__URL", &server.url()).check().await;
        assert_eq!((checked.code, checked.status("smsp.tls")), (0, "ok"), "{version}: {}", checked.json);
    }
}
