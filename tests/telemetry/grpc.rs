//! OTLP over gRPC, and over TLS. The receiver is HTTP/2 by hand: a message with a prefix of five bytes in, an empty one out.
#![cfg(feature = "otlp-grpc")]

use crate::collector::{Collector, Manner, Received, borrowed};
use crate::common::House;
use crate::common::issuer::acceptor;
use bytes::Bytes;
use cpis_fhir::simulator::certificates::Certificates;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

async fn grpc(listener: TcpListener, received: Arc<Mutex<Received>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let received = Arc::clone(&received);
        tokio::spawn(async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
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
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_out_over_grpc_where_that_is_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let received: Arc<Mutex<Received>> = Arc::default();
    tokio::spawn(grpc(listener, Arc::clone(&received)));
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=trust"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
    ];
    let mut house = House::with(&variables).await;
    house.assert_well("start").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    assert_eq!(tokio::task::block_in_place(|| house.service.stop()), Some(0));
    assert!(began.elapsed() < Duration::from_secs(4), "what waits is sent at once");
    let received = received.lock().unwrap();
    assert!(received.spans().iter().any(|span| span.name == "smsp.tls"), "{}", house.service.said());
    assert!(received.metric_names().contains(&"http.server.request.duration".to_owned()));
    assert!(!received.records().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_behind_tls_is_spoken_to_if_its_ca_is_the_one_given() {
    let (own, other) = (Certificates::generate("collector").unwrap(), Certificates::generate("other").unwrap());
    for (authority, wanted) in [(&own, true), (&other, false)] {
        let collector = Collector::with_tls(Manner::Takes, Some(acceptor(&own, None))).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("collector-ca.pem");
        std::fs::write(&path, &authority.ca_pem).unwrap();
        let mut variables = collector.variables();
        variables.push(("OTEL_EXPORTER_OTLP_CERTIFICATE".to_owned(), path.display().to_string()));
        let mut house = House::with(&borrowed(&variables)).await;
        house.assert_well("start").await;
        assert_eq!(tokio::task::block_in_place(|| house.service.stop()), Some(0));
        assert_eq!(!collector.look(Received::spans).is_empty(), wanted, "{}", house.service.said());
    }
}
