//! A receiver of OTLP over HTTP, with or without TLS, that decodes what it is sent and keeps the bytes too.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What a receiver does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Takes,
    /// Reads, and never answers.
    Hangs,
    /// Answers 503.
    Refuses,
}

#[derive(Clone)]
pub struct Collector {
    pub address: SocketAddr,
    scheme: &'static str,
    received: Arc<Mutex<Received>>,
}

/// Everything that came.
#[derive(Default)]
pub struct Received {
    pub traces: Vec<ExportTraceServiceRequest>,
    pub metrics: Vec<ExportMetricsServiceRequest>,
    pub logs: Vec<ExportLogsServiceRequest>,
    /// Heads and bodies as they came.
    pub raw: Vec<Vec<u8>>,
}

impl Collector {
    pub async fn start(manner: Manner) -> Self {
        Self::with_tls(manner, None).await
    }

    pub async fn with_tls(manner: Manner, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let collector = Self { address: listener.local_addr().unwrap(), scheme, received: Arc::default() };
        let received = Arc::clone(&collector.received);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (received, tls) = (Arc::clone(&received), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, manner, received).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, manner, received).await;
                            }
                        }
                    }
                });
            }
        });
        collector
    }

    pub fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.address.port())
    }

    /// The variables that send everything here, soon.
    pub fn variables(&self) -> Vec<(String, String)> {
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", self.url().as_str()),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "50"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    pub fn look<T>(&self, read: impl FnOnce(&Received) -> T) -> T {
        read(&self.received.lock().unwrap())
    }

    /// Waits until `wanted` sees what it wants.
    pub async fn until<T>(&self, what: &str, wanted: impl Fn(&Received) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = self.look(&wanted) {
                return found;
            }
            assert!(began.elapsed() < Duration::from_secs(15), "no {what} came: {:?}", self.look(Received::names));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Received {
    pub fn spans(&self) -> Vec<Span> {
        let resources = self.traces.iter().flat_map(|request| &request.resource_spans);
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }

    pub fn records(&self) -> Vec<LogRecord> {
        let resources = self.logs.iter().flat_map(|request| &request.resource_logs);
        resources.flat_map(|resource| &resource.scope_logs).flat_map(|scope| scope.log_records.clone()).collect()
    }

    pub fn metric_names(&self) -> Vec<String> {
        let resources = self.metrics.iter().flat_map(|request| &request.resource_metrics);
        let metrics = resources.flat_map(|resource| &resource.scope_metrics).flat_map(|scope| &scope.metrics);
        metrics.map(|metric| metric.name.clone()).collect()
    }

    fn names(&self) -> Vec<String> {
        self.spans().into_iter().map(|span| span.name).collect()
    }

    pub fn take(&mut self, path: &str, body: &[u8]) {
        match path {
            "/v1/traces" => self.traces.push(ExportTraceServiceRequest::decode(body).unwrap()),
            "/v1/metrics" => self.metrics.push(ExportMetricsServiceRequest::decode(body).unwrap()),
            "/v1/logs" => self.logs.push(ExportLogsServiceRequest::decode(body).unwrap()),
            other => panic!("nothing is sent to {other}"),
        }
        self.raw.push(body.to_vec());
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, manner: Manner, received: Arc<Mutex<Received>>) {
    let mut bytes = Vec::new();
    loop {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            let mut chunk = vec![0; 16 * 1024];
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            }
            continue;
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let header = |name: &str| {
            head.lines().find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v))
        };
        assert_eq!(header("content-type"), Some("application/x-protobuf"));
        let (length, body) = (header("content-length").unwrap().parse::<usize>().unwrap(), end + 4);
        while bytes.len() < body + length {
            let mut chunk = vec![0; body + length - bytes.len()];
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            }
        }
        let path = head.split(' ').nth(1).unwrap().to_owned();
        if manner == Manner::Hangs {
            std::future::pending::<()>().await;
        }
        let status = if manner == Manner::Takes { "200 OK" } else { "503 Service Unavailable" };
        if manner == Manner::Takes {
            let mut received = received.lock().unwrap();
            let sent = &bytes[body..body + length];
            if header("content-encoding") == Some("gzip") {
                let mut message = Vec::new();
                flate2::read::GzDecoder::new(sent).read_to_end(&mut message).unwrap();
                received.take(&path, &message);
            } else {
                received.take(&path, sent);
            }
            received.raw.push(head.clone().into_bytes());
        }
        bytes.drain(..body + length);
        let reply = format!("HTTP/1.1 {status}\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n");
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The text of an attribute, whatever its type.
pub fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|pair| pair.key == key)?.value.as_ref()?.value.as_ref()?;
    Some(match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(truth) => truth.to_string(),
        other => format!("{other:?}"),
    })
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// Settings as [`crate::common::TestApp`] takes them.
pub fn borrowed(variables: &[(String, String)]) -> Vec<(&str, &str)> {
    variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
