//! Over real sockets and mutual TLS.

mod built_in;

use super::{certificates::Certificates, sample::CLIENT, sample::SampleRequest, *};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

async fn started(scenario: Scenario) -> (Simulator, Certificates) {
    let certificates = Certificates::generate(CLIENT).unwrap();
    let tls = Tls {
        cert_pem: certificates.server_cert_pem.clone().into_bytes(),
        key_pem: certificates.server_key_pem.clone().into_bytes(),
        client_ca_pem: certificates.ca_pem.clone().into_bytes(),
    };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let simulator = Simulator::start(Config { listen: any, control_listen: Some(any), tls, scenario }).await.unwrap();
    (simulator, certificates)
}

/// A connector that presents the certificate of `client`, if any.
fn connector(
    ca: &Certificates,
    client: Option<&Certificates>,
    version: &'static rustls::SupportedProtocolVersion,
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.ca_pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap().with_root_certificates(roots);
    let config = match client {
        None => config.with_no_client_auth(),
        Some(client) => {
            let chain = vec![CertificateDer::from_pem_slice(client.client_cert_pem.as_bytes()).unwrap()];
            config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(client.client_key_pem.as_bytes()).unwrap()).unwrap()
        }
    };
    TlsConnector::from(Arc::new(config))
}

async fn connected(simulator: &Simulator, connector: &TlsConnector) -> io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(simulator.address()).await?;
    connector.connect(ServerName::try_from("localhost").unwrap(), tcp).await
}

async fn client(simulator: &Simulator, certificates: &Certificates) -> TlsStream<TcpStream> {
    connected(simulator, &connector(certificates, Some(certificates), &rustls::version::TLS13)).await.unwrap()
}

fn question(simulator: &Simulator, number: &str) -> Vec<u8> {
    SampleRequest { host: format!("localhost:{}", simulator.address().port()), ..SampleRequest::about(number) }.bytes()
}

/// Reads one response with a Content-Length. Returns its head and body.
async fn response(stream: &mut TlsStream<TcpStream>) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
            let length =
                head.split("Content-Length: ").nth(1).and_then(|rest| rest.lines().next()).unwrap().parse::<usize>().unwrap();
            let mut body = bytes.split_off(at + 4);
            while body.len() < length {
                assert!(stream.read_buf(&mut body).await.unwrap() > 0);
            }
            return (head, body);
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "no response");
    }
}

/// The bytes until the connection ends, and how it ends.
async fn until_the_end(stream: &mut TlsStream<TcpStream>) -> (Vec<u8>, io::Result<()>) {
    let mut bytes = Vec::new();
    let end = timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.expect("the connection stays open");
    (bytes, end.map(|_| ()))
}

/// Asks about the built-in child with that title on a new connection, and reads until it ends.
async fn played(title: &str) -> (Vec<u8>, io::Result<()>) {
    let scenario = Scenario::built_in();
    let number = scenario.children().find(|(_, t)| t.contains(title)).unwrap().0.clone();
    let (simulator, certificates) = started(scenario).await;
    let mut stream = client(&simulator, &certificates).await;
    stream.write_all(&question(&simulator, number.digits())).await.unwrap();
    until_the_end(&mut stream).await
}

fn is_reset(end: &io::Result<()>) -> bool {
    end.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
}

fn length_said(bytes: &[u8]) -> (usize, usize) {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let said = head.split("Content-Length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    (said, body.len())
}

#[tokio::test]
async fn good_answers_are_served_over_mutual_tls_on_one_connection() {
    let (simulator, certificates) = started(Scenario::built_in()).await;
    assert_eq!(simulator.url(), format!("https://localhost:{}/smsp/cpis", simulator.address().port()));
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let mut stream = connected(&simulator, &connector(&certificates, Some(&certificates), version)).await.unwrap();
        for (number, code) in [("9990000018", "SMSP-0000"), ("9990000026", "CPIS-0001")] {
            stream.write_all(&question(&simulator, number)).await.unwrap();
            let (head, body) = response(&mut stream).await;
            assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
            assert!(String::from_utf8(body).unwrap().contains(code));
        }
    }
    assert_eq!(simulator.counts(), Counts { connections: 2, requests: 4, queries: 4, notifications: 2 });
    let address = simulator.address();
    simulator.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_client_without_a_certificate_or_with_a_strangers_is_refused() {
    let (simulator, certificates) = started(Scenario::built_in()).await;
    let stranger = Certificates::generate(CLIENT).unwrap();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        for shown in [None, Some(&stranger)] {
            // Under TLS 1.3 the client's handshake ends before the server checks the certificate: only reading shows the refusal.
            if let Ok(mut stream) = connected(&simulator, &connector(&certificates, shown, version)).await {
                let _refused = stream.write_all(&question(&simulator, "9990000018")).await;
                assert!(until_the_end(&mut stream).await.1.is_err());
            }
        }
    }
    assert_eq!(simulator.counts(), Counts::default());
}

#[tokio::test]
async fn what_is_not_http_and_other_paths_are_refused() {
    let (simulator, certificates) = started(Scenario::built_in()).await;
    for (request, status) in [
        ("POST /other HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "404"),
        ("nonsense\r\n\r\n", "400"),
        ("POST /smsp/cpis HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n", "413"),
        ("GET /smsp/cpis HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "500"),
    ] {
        let mut stream = client(&simulator, &certificates).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let (bytes, _) = until_the_end(&mut stream).await;
        assert!(String::from_utf8_lossy(&bytes).starts_with(&format!("HTTP/1.1 {status}")));
    }
}

#[tokio::test]
async fn resets_come_before_during_and_after_the_reply() {
    let (before, end) = played("TCP reset before").await;
    assert!(before.is_empty() && is_reset(&end));
    let (during, end) = played("TCP reset during").await;
    let (said, came) = length_said(&during);
    assert!(came > 0 && came < said && is_reset(&end));
    let (after, end) = played("TCP reset after").await;
    let (said, came) = length_said(&after);
    assert!(came == said && is_reset(&end));
}

#[tokio::test]
async fn short_and_missing_bodies_end_in_order() {
    let (nothing, end) = played("closed in order, without a reply").await;
    assert!(nothing.is_empty() && end.is_ok());
    let (short, end) = played("shorter than its Content-Length").await;
    let (said, came) = length_said(&short);
    assert!(came < said && end.is_ok());
    let (garbage, _) = played("Bytes that are not HTTP").await;
    assert!(!garbage.is_empty() && !garbage.starts_with(b"HTTP"));
}

#[tokio::test]
async fn truncated_xml_has_a_true_content_length_and_surplus_bytes_follow_a_whole_answer() {
    let (simulator, certificates) = started(Scenario::built_in()).await;
    let number = |title: &str| Scenario::built_in().children().find(|(_, t)| t.contains(title)).unwrap().0.digits().to_owned();
    let mut stream = client(&simulator, &certificates).await;
    stream.write_all(&question(&simulator, &number("Truncated XML"))).await.unwrap();
    let (_, body) = response(&mut stream).await;
    assert!(!String::from_utf8(body).unwrap().contains("</soap:Envelope>"));
    stream.write_all(&question(&simulator, &number("Surplus bytes"))).await.unwrap();
    let mut text = String::new();
    while text.matches("</soap:Envelope>").count() < 2 {
        let mut piece = vec![0; 64 * 1024];
        let n = stream.read(&mut piece).await.unwrap();
        assert!(n > 0, "the connection ended");
        text += std::str::from_utf8(&piece[..n]).unwrap();
    }
    let second = text.rfind("HTTP/1.1 200").unwrap();
    assert!(text[..second].contains("SMSP-0000") && text[second..].contains("CPIS-0001"));
}

#[tokio::test]
async fn a_chunked_answer_and_one_that_closes_are_whole() {
    let (chunked, _) = {
        let (simulator, certificates) = started(Scenario::built_in()).await;
        let number = simulator.provider.scenario.children().find(|(_, t)| t.contains("Chunked")).unwrap().0.clone();
        let mut stream = client(&simulator, &certificates).await;
        let request = String::from_utf8(question(&simulator, number.digits())).unwrap();
        stream.write_all(request.replacen("SOAPAction", "Connection: close\r\nSOAPAction", 1).as_bytes()).await.unwrap();
        until_the_end(&mut stream).await
    };
    let chunked = String::from_utf8(chunked).unwrap();
    assert!(chunked.contains("Transfer-Encoding: chunked\r\n") && chunked.ends_with("\r\n0\r\n\r\n"));
    let (closed, end) = played("Connection: close after").await;
    let (said, came) = length_said(&closed);
    assert!(said == came && end.is_ok());
}

#[tokio::test]
async fn slow_answers_are_slow_and_silence_is_silence() {
    let text = include_str!("../built_in.toml")
        .replace("transport = \"slow-drip\"", "transport = \"slow-drip\", drip_interval = \"1ms\"");
    let (simulator, certificates) = started(Scenario::from_toml(&text.replace("\"3s\"", "\"300ms\"")).unwrap()).await;
    let number =
        |title: &str| simulator.provider.scenario.children().find(|(_, t)| t.contains(title)).unwrap().0.digits().to_owned();
    let mut stream = client(&simulator, &certificates).await;
    for (title, least) in [("answers after 3 s", 300), ("Slow drip", 100)] {
        let start = Instant::now();
        stream.write_all(&question(&simulator, &number(title))).await.unwrap();
        let (_, body) = response(&mut stream).await;
        assert!(body.ends_with(b"</soap:Envelope>"));
        assert!(start.elapsed() >= Duration::from_millis(least), "{title}");
    }
    stream.write_all(&question(&simulator, &number("Never answers"))).await.unwrap();
    assert!(timeout(Duration::from_millis(300), stream.read_u8()).await.is_err());
    assert_eq!(simulator.counts().notifications, 3);
}

async fn control(simulator: &Simulator, request: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(simulator.control_address().unwrap()).await.unwrap();
    stream.write_all(format!("{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn the_control_port_shows_counts_children_and_the_last_exchange() {
    let (simulator, certificates) = started(Scenario::built_in()).await;
    assert!(control(&simulator, "GET /exchanges/last", "localhost").await.starts_with("HTTP/1.1 404"));
    let mut stream = client(&simulator, &certificates).await;
    stream.write_all(&question(&simulator, "9990000085")).await.unwrap();
    response(&mut stream).await;

    let reply = control(&simulator, "GET /notifications", "localhost:1234").await;
    let shown: serde_json::Value = serde_json::from_str(reply.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(shown["notifications"], 1);
    assert_eq!((&shown["queries"], &shown["requests"], &shown["connections"]), (&1.into(), &1.into(), &1.into()));
    assert_eq!(shown["children"]["9990000085"], serde_json::json!({ "queries": 1, "notifications": 1 }));
    assert_eq!(shown["authorities"], serde_json::json!({ "998": 1, "999": 1 }));

    let last = control(&simulator, "GET /exchanges/last", "[::1]").await;
    assert!(
        last.contains("Test data only") && last.contains("<cP-ISNHSQuery>") && last.contains("<pertinentCP-ISRecordControlAct>")
    );
    assert!(control(&simulator, "GET /exchanges", "127.0.0.1").await.ends_with("{\"exchanges\":1}\n"));
    assert!(control(&simulator, "GET /children", "localhost").await.contains("\"nhs_number\":\"9990000018\""));
    assert!(control(&simulator, "GET /reset", "localhost").await.starts_with("HTTP/1.1 405"));
    assert!(control(&simulator, "POST /reset", "localhost").await.starts_with("HTTP/1.1 200"));
    assert_eq!(simulator.counts(), Counts::default());
    assert!(control(&simulator, "GET /notifications", "rebound.example").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn a_simulator_that_cannot_be_safe_does_not_start() {
    let certificates = Certificates::generate(CLIENT).unwrap();
    let tls = Tls {
        cert_pem: certificates.server_cert_pem.into_bytes(),
        key_pem: certificates.server_key_pem.into_bytes(),
        client_ca_pem: certificates.ca_pem.into_bytes(),
    };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let open = Config {
        listen: any,
        control_listen: Some(SocketAddr::from(([0, 0, 0, 0], 0))),
        tls: tls.clone(),
        scenario: Scenario::built_in(),
    };
    assert!(matches!(Simulator::start(open).await, Err(StartError::ControlNotOnLoopback(_))));
    let no_ca = Config {
        listen: any,
        control_listen: None,
        tls: Tls { client_ca_pem: Vec::new(), ..tls },
        scenario: Scenario::built_in(),
    };
    assert!(matches!(Simulator::start(no_ca).await, Err(StartError::Pem { .. })));
}
