//! OTLP over gRPC, and over TLS. The receiver is HTTP/2 by hand: a message with a prefix of five bytes in, an empty one out.
#![cfg(feature = "otlp-grpc")]

use super::collector::{Collector, Manner, Received, borrowed};
use crate::common::TestApp;
use bytes::Bytes;
use cpis_fhir::simulator::certificates::Certificates;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A receiver of gRPC, with or without TLS: its port, and what it received.
async fn grpc(tls: Option<TlsAcceptor>) -> (u16, Arc<Mutex<Received>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let all: Arc<Mutex<Received>> = Arc::default();
    let received = Arc::clone(&all);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (received, tls) = (Arc::clone(&received), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => serve(stream, received).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, received).await;
                        }
                    }
                }
            });
        }
    });
    (port, all)
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, received: Arc<Mutex<Received>>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let received = Arc::clone(&received);
        tokio::spawn(async move {
            let path = match request.uri().path() {
                "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => "/v1/traces",
                "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => "/v1/metrics",
                "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => "/v1/logs",
                other => panic!("nothing is sent to {other}"),
            };
            assert_eq!(request.headers()["x-tenant"], "trust");
            let (mut body, mut message) = (request.into_body(), Vec::new());
            while let Some(Ok(chunk)) = body.data().await {
                let _ = body.flow_control().release_capacity(chunk.len());
                message.extend_from_slice(&chunk);
            }
            received.lock().unwrap().take(path, &message[5..]);
            let head = http::Response::builder().header("content-type", "application/grpc").body(()).unwrap();
            let mut stream = respond.send_response(head, false).unwrap();
            stream.send_data(Bytes::from_static(&[0; 5]), false).unwrap();
            let trailers = http::HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
            stream.send_trailers(trailers).unwrap();
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_out_over_grpc_where_that_is_asked_for() {
    let (port, received) = grpc(None).await;
    let endpoint = format!("http://127.0.0.1:{port}");
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=trust"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
    ];
    let mut app = TestApp::with(&variables).await;
    app.assert_well("start").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    assert_eq!(tokio::task::block_in_place(|| app.service.stop()), Some(0));
    assert!(began.elapsed() < Duration::from_secs(4), "what waits is sent at once");
    let received = received.lock().unwrap();
    assert!(received.spans().iter().any(|span| span.name == "smsp.tls"), "{}", app.service.said());
    assert!(received.metric_names().contains(&"http.server.request.duration".to_owned()));
    assert!(!received.records().is_empty());
}

/// What a collector behind TLS may be given, and what comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    ItsCa,
    AnotherCa,
    /// It asks for a certificate of ours, and gets it.
    ItsCaAndOurCertificate,
    /// It asks for a certificate of ours, and gets none.
    ItsCaWithoutOurCertificate,
}

impl Given {
    const ALL: [Self; 4] = [Self::ItsCa, Self::AnotherCa, Self::ItsCaAndOurCertificate, Self::ItsCaWithoutOurCertificate];

    fn is_enough(self) -> bool {
        matches!(self, Self::ItsCa | Self::ItsCaAndOurCertificate)
    }

    fn acceptor(self, own: &Certificates, protocol: &[u8]) -> TlsAcceptor {
        acceptor(own, protocol, matches!(self, Self::ItsCaAndOurCertificate | Self::ItsCaWithoutOurCertificate))
    }

    /// The standard's variables, which name files of `folder`.
    fn variables(self, own: &Certificates, folder: &Path) -> Vec<(String, String)> {
        let other = Certificates::generate("other").unwrap();
        let file = |name: &str, pem: &str| {
            std::fs::write(folder.join(name), pem).unwrap();
            folder.join(name).display().to_string()
        };
        let ca = if self == Self::AnotherCa { &other.ca_pem } else { &own.ca_pem };
        let mut variables = vec![("OTEL_EXPORTER_OTLP_CERTIFICATE".to_owned(), file("collector-ca.pem", ca))];
        if self == Self::ItsCaAndOurCertificate {
            let (certificate, key) = (file("own.pem", &own.client_cert_pem), file("own-key.pem", &own.client_key_pem));
            variables.push(("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE".to_owned(), certificate));
            variables.push(("OTEL_EXPORTER_OTLP_CLIENT_KEY".to_owned(), key));
        }
        variables
    }
}

/// No request fails, and the log says what is not exported.
async fn assert_goes_out(given: Given, variables: &[(String, String)], has_come: impl Fn() -> bool) {
    let mut app = TestApp::with(&borrowed(variables)).await;
    app.assert_well("start").await;
    if given.is_enough() {
        assert_eq!(tokio::task::block_in_place(|| app.service.stop()), Some(0));
        assert!(has_come(), "{given:?}: {}", app.service.said());
        return;
    }
    app.service.line_with("the collector does not take telemetry");
    app.assert_well("the collector was not believed, or did not believe us").await;
    assert_eq!(tokio::task::block_in_place(|| app.service.stop()), Some(0));
    assert!(!has_come(), "{given:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_behind_tls_is_spoken_to_over_http_if_each_side_believes_the_other() {
    let (own, folder) = (Certificates::generate("collector").unwrap(), tempfile::tempdir().unwrap());
    for given in Given::ALL {
        let collector = Collector::with_tls(Manner::Takes, Some(given.acceptor(&own, b"http/1.1"))).await;
        let variables = [collector.variables(), given.variables(&own, folder.path())].concat();
        assert_goes_out(given, &variables, || !collector.look(Received::spans).is_empty()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_behind_tls_is_spoken_to_over_grpc_if_each_side_believes_the_other() {
    let (own, folder) = (Certificates::generate("collector").unwrap(), tempfile::tempdir().unwrap());
    for given in Given::ALL {
        let (port, received) = grpc(Some(given.acceptor(&own, b"h2"))).await;
        let endpoint = format!("https://localhost:{port}");
        let mut variables = given.variables(&own, folder.path());
        variables.extend(
            [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=trust"),
                ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        assert_goes_out(given, &variables, || !received.lock().unwrap().spans().is_empty()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_cannot_be_read_is_told_of_without_its_path() {
    for protocol in ["http/protobuf", "grpc"] {
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://localhost:1"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/secret.pem"),
        ];
        let app = TestApp::with(&variables).await;
        app.assert_well("start").await;
        let said = app.service.said();
        assert!(said.contains("telemetry is not sent") && said.contains("OTEL_EXPORTER_OTLP_CERTIFICATE"), "{said}");
        assert!(!said.contains("secret.pem"), "{said}");
    }
}

fn acceptor(own: &Certificates, protocol: &[u8], asks_for_ours: bool) -> TlsAcceptor {
    let chain = |pem: &str| CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect::<Vec<_>>();
    let key = PrivateKeyDer::from_pem_slice(own.server_key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let config = if asks_for_ours {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(chain(&own.ca_pem));
        config.with_client_cert_verifier(WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap())
    } else {
        config.with_no_client_auth()
    };
    let mut config = config.with_single_cert(chain(&own.server_cert_pem), key).unwrap();
    config.alpn_protocols = vec![protocol.to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
