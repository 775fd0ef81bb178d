//! The way to the SMSP, broken at each of its steps.

use crate::common::fixture::{Fixture, certificates};
use std::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn a_port_where_nobody_listens_is_told_as_such() {
    let mut fixture = Fixture::well().await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    fixture.set("SMSP__URL", &format!("https://localhost:{free}/smsp/cpis"));
    let checked = fixture.check().await;
    checked.assert_only_failure("smsp.tcp");
    assert_eq!((checked.status("smsp.dns"), checked.status("smsp.tls")), ("ok", "skip"));
    let message = checked.message("smsp.tcp");
    assert!(message.contains("connection refused") && message.contains(&free.to_string()), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_nobody_has_is_told_as_such() {
    let mut fixture = Fixture::well().await;
    fixture.set("SMSP__URL", "https://smsp.invalid/smsp/cpis");
    let checked = fixture.check_with(&["--json"]).await;
    checked.assert_only_failure("smsp.dns");
    assert_eq!((checked.status("smsp.tcp"), checked.status("smsp.tls")), ("skip", "skip"));
    assert!(checked.message("smsp.dns").starts_with("smsp.invalid: the name "), "{}", checked.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_ca_is_not_believed() {
    let mut fixture = Fixture::well().await;
    let other = fixture.secret("other-ca.pem", &certificates(-1, 365).ca_pem);
    fixture.set("SMSP__CA", &other);
    let checked = fixture.check().await;
    checked.assert_only_failure("smsp.tls");
    let message = checked.message("smsp.tls");
    assert!(message.contains("from an unknown CA") && message.contains("smsp.ca"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_our_certificate_is_told_as_such() {
    let mut fixture = Fixture::well().await;
    let other = certificates(-1, 365);
    let (cert, key) =
        (fixture.secret("other.pem", &other.client_cert_pem), fixture.secret("other-key.pem", &other.client_key_pem));
    fixture.set("SMSP__CLIENT_CERT", &cert).set("SMSP__CLIENT_KEY", &key);
    let checked = fixture.check().await;
    checked.assert_only_failure("smsp.tls");
    let message = checked.message("smsp.tls");
    assert!(message.starts_with("refused after the handshake: ") && message.contains("smsp.client_cert"), "{message}");
    assert_eq!((checked.status("smsp.client_cert"), checked.status("smsp.tcp")), ("ok", "ok"));
}

/// A server that ends the handshake at our first message cannot have refused a certificate that it has not asked for (C2-44).
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_cipher_in_common_is_told_as_such() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    // Fatal alert 40, as a server sends it that offers only AES128-SHA.
    const HANDSHAKE_FAILURE: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28];
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(&HANDSHAKE_FAILURE).await;
        }
    });
    let mut fixture = Fixture::well().await;
    fixture.set("SMSP__URL", &format!("https://localhost:{port}/smsp/cpis"));
    let checked = fixture.check().await;
    checked.assert_only_failure("smsp.tls");
    let message = checked.message("smsp.tls");
    assert!(message.starts_with("no cipher suite in common (TLS 1.2/1.3 with forward-secret AEAD is needed)"), "{message}");
    assert!(message.contains("(40)") && !message.contains("smsp.client_cert"), "{message}");
}
