//! Connections that fail, and servers that refuse us.

use super::{
    server::{OK, send},
    *,
};
use crate::upstream;
use rustls::SupportedProtocolVersion;

/// The error if the server closed before a byte of the request was written, and its alert was lost. Happens if server and client share a
/// machine.
const CLOSED_AT_ONCE: &str = "the server closed the connection right after the handshake";

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

fn refused_in_handshake(result: Result<Answer, RegisterError>) -> String {
    match failed(result) {
        (RegisterErrorKind::Insecure(cause), Phase::Connect, Delivery::NotDelivered) => upstream::tls_cause(cause),
        other => panic!("{other:?}"),
    }
}

fn not_connected(result: Result<Answer, RegisterError>) -> &'static str {
    match failed(result) {
        (RegisterErrorKind::Unreachable(cause), Phase::Connect, Delivery::NotDelivered) => upstream::connect_cause(cause),
        other => panic!("{other:?}"),
    }
}

async fn start(identity: &CertificatePair, clients: &TestCa, version: &'static SupportedProtocolVersion) -> Server {
    Server::start(server::config(identity, clients, version), || vec![send(OK)]).await
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken() {
    for version in BOTH {
        let world = World::new();
        let server = start(&world.server, &world.ca, version).await;
        let client = world.client(&server);
        assert!(understood(&ask(&client).await));
        assert_eq!((server.seen.requests(), client.handshakes()), (1, 1));
    }
}

#[tokio::test]
async fn a_server_of_an_unknown_ca_is_refused() {
    for version in BOTH {
        let world = World::new();
        let impostor = TestCa::new("Example CA").issue(&["127.0.0.1"]);
        let server = start(&impostor, &world.ca, version).await;
        let cause = refused_in_handshake(ask(&world.client(&server)).await);
        assert!(
            cause == "the server's certificate is from an unknown CA" || cause == "the server's certificate is not acceptable"
        );
        assert_eq!(server.seen.requests(), 0);
    }
}

#[tokio::test]
async fn a_server_with_another_name_is_refused() {
    let world = World::new();
    let server = start(&world.ca.issue(&["other.example"]), &world.ca, &TLS13).await;
    assert_eq!(refused_in_handshake(ask(&world.client(&server)).await), "the server's certificate is for another name");
    assert_eq!(server.seen.requests(), 0);
}

#[tokio::test]
async fn an_expired_server_is_refused() {
    let world = World::new();
    let server = start(&world.ca.issue_expired(&["127.0.0.1"]), &world.ca, &TLS13).await;
    assert_eq!(refused_in_handshake(ask(&world.client(&server)).await), "the server's certificate has expired");
    assert_eq!(server.seen.requests(), 0);
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_refused() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = World::new();
    let url = format!("https://{}/cpis", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut tcp, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    });
    let client = Client::new(connection(&world.ca, &world.client), to(&url)).unwrap();
    assert_eq!(refused_in_handshake(ask(&client).await), "the server does not speak TLS");
}

#[tokio::test]
async fn a_server_that_hangs_up_during_the_handshake_was_sent_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = World::new();
    let url = format!("https://{}/cpis", listener.local_addr().unwrap());
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let client = Client::new(connection(&world.ca, &world.client), to(&url)).unwrap();
    assert_eq!(refused_in_handshake(ask(&client).await), "the server closed the connection during the handshake");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_tls_1_2_our_certificate_is_refused_in_the_handshake() {
    let world = World::new();
    let server = start(&world.server, &TestCa::new("Another CA"), &TLS12).await;
    let client = world.client(&server);
    for _ in 0..20 {
        let cause = refused_in_handshake(ask(&client).await);
        assert!(cause.starts_with("alert "), "{cause}");
    }
    assert_eq!(server.seen.requests(), 0);
}

/// The server checks our certificate after our side of the handshake, while the request is already on its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_tls_1_3_a_refused_certificate_is_not_delivered_either() {
    let world = World::new();
    let server = start(&world.server, &TestCa::new("Another CA"), &TLS13).await;
    let client = world.client(&server);
    for round in 0..100 {
        match failed(ask(&client).await) {
            (RegisterErrorKind::Insecure(cause), Phase::Exchange, Delivery::NotDelivered) => {
                let cause = upstream::tls_cause(cause);
                assert!(cause.starts_with("alert ") || cause == CLOSED_AT_ONCE, "{cause}");
            }
            other => panic!("round {round}: {other:?}"),
        }
    }
    assert_eq!(server.seen.requests(), 0);
}

/// As over a network: the request is sent before the server has checked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_comes_after_the_request_was_written_keeps_its_alert() {
    let world = World::new();
    let config = server::config(&world.server, &TestCa::new("Another CA"), &TLS13);
    let proxy = server::Delayed::start(config, Duration::from_millis(20)).await;
    let client = Client::new(connection(&world.ca, &world.client), to(&format!("https://{}/cpis", proxy.address))).unwrap();
    for round in 0..20 {
        match failed(ask(&client).await) {
            (RegisterErrorKind::Insecure(cause), Phase::Exchange, Delivery::NotDelivered) => {
                let cause = upstream::tls_cause(cause);
                assert!(cause.starts_with("alert "), "{cause}");
            }
            other => panic!("round {round}: {other:?}"),
        }
    }
}

/// This cannot be distinguished from a server that read the request and died.
#[tokio::test]
async fn a_silent_refusal_after_the_handshake_is_maybe_delivered() {
    let world = World::new();
    let config = server::config(&world.server, &world.ca, &TLS13);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/cpis", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
        let (tcp, _) = listener.accept().await.unwrap();
        let tls = acceptor.accept(tcp).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        tls.get_ref().0.set_zero_linger().unwrap();
    });
    let client = Client::new(connection(&world.ca, &world.client), to(&url)).unwrap();
    assert_eq!(failed(ask(&client).await), LOST_BEFORE_REPLY);
}

#[tokio::test]
async fn no_listener_is_not_connected() {
    let world = World::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/cpis", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(connection(&world.ca, &world.client), to(&url)).unwrap();
    assert_eq!(not_connected(ask(&client).await), "connection refused");
}

#[tokio::test]
async fn an_unknown_name_is_not_connected() {
    let world = World::new();
    let client = Client::new(connection(&world.ca, &world.client), to("https://smsp.invalid/cpis")).unwrap();
    assert_eq!(not_connected(ask(&client).await), "the name cannot be resolved");
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_is_not_connected() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = World::new();
    let url = format!("https://{}/cpis", listener.local_addr().unwrap());
    let impatient = ConnectionOptions { connect_timeout: Duration::from_millis(100), ..connection(&world.ca, &world.client) };
    let client = Client::new(impatient, to(&url)).unwrap();
    let began = std::time::Instant::now();
    assert_eq!(not_connected(ask(&client).await), "no connection in time");
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_host_name_is_resolved_and_checked() {
    let world = World::new();
    let server = start(&world.server, &world.ca, &TLS13).await;
    let url = format!("https://localhost:{}/cpis", server.address.port());
    let client = Client::new(connection(&world.ca, &world.client), to(&url)).unwrap();
    assert!(understood(&ask(&client).await));
}

/// A resolver that hangs, fails or recovers: nothing is sent without an address, and the first look afterwards is answered.
#[tokio::test]
async fn a_name_that_hangs_or_fails_costs_its_own_looks_alone() {
    use crate::smsp::client::connections::NameResolution;
    let world = World::new();
    let server = Server::start(server::config(&world.server, &world.ca, &TLS13), || vec![Step::Reply(server::good)]).await;
    let impatient = ConnectionOptions { connect_timeout: Duration::from_millis(200), ..connection(&world.ca, &world.client) };
    let client = Client::new(impatient, to(&format!("https://{}/cpis", server.address))).unwrap();
    for (names, cause) in [
        (NameResolution::Hang, "no connection in time"),
        (NameResolution::Fail, "the name cannot be resolved"),
        (NameResolution::Are(Vec::new()), "connection failed"),
    ] {
        client.name_is(names);
        let began = std::time::Instant::now();
        let looks = (0..10).map(|_| ask(&client));
        for asked in futures_util::future::join_all(looks).await {
            assert_eq!(not_connected(asked), cause);
        }
        assert!(began.elapsed() < Duration::from_secs(5), "ten looks at once wait no longer than one");
    }
    client.name_is(NameResolution::OfTheSystem);
    ask(&client).await.unwrap();
    // With an idle connection, no name is resolved.
    client.name_is(NameResolution::Hang);
    ask(&client).await.unwrap();
    assert_eq!((server.seen.requests(), server.seen.sessions()), (2, 1));
}

/// A silent address does not block one that answers.
#[tokio::test]
async fn an_address_that_refuses_does_not_hide_the_others() {
    use crate::smsp::client::connections::NameResolution;
    let world = World::new();
    let (server, client) = world.serve(|| vec![Step::Reply(server::good)]).await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    client.name_is(NameResolution::Are(vec![gone, server.address]));
    ask(&client).await.unwrap();
}
