//! The same callers, through TLS.

use crate::common::gateway::Authority;
use crate::common::{TestApp, wire::Wire};
use rcgen::DnType;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const PING: &str = "GET /health/live HTTP/1.1\r\nHost: here\r\n\r\n";
const LONG_ANSWER: &str = "GET /openapi.yaml HTTP/1.1\r\nHost: here\r\n\r\n";

struct Secure {
    app: TestApp,
    connector: TlsConnector,
    /// `127.0.0.1:PORT`
    address: String,
    _folder: tempfile::TempDir,
}

impl Secure {
    async fn open(settings: &[(&str, &str)]) -> Self {
        let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
        let (cert, key) = authority.issue(&[(DnType::CommonName, "localhost")]);
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let (cert_file, key_file) = (file("cert.pem", &cert), file("key.pem", &key));
        let tls = [("SERVER__TLS__CERT", cert_file.as_str()), ("SERVER__TLS__KEY", key_file.as_str())];
        let app = TestApp::with(&[&tls, settings].concat()).await;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
        let address = app.service.public.trim_start_matches("http://").to_owned();
        Self { app, connector, address, _folder: folder }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let socket = TcpStream::connect(&self.address).await.unwrap();
        self.connector.connect(ServerName::try_from("localhost").unwrap(), socket).await.unwrap()
    }

    /// How long somebody waits who asks for something small.
    async fn good_caller(&self) -> Duration {
        let began = Instant::now();
        let mut stream = self.connect().await;
        stream.write_all(PING.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        began.elapsed()
    }
}

#[tokio::test]
async fn handshakes_that_stall_hold_no_good_caller_up() {
    let secure = Secure::open(&[("LIMITS__CONNECTIONS", "50")]).await;
    let mut silent = Vec::new();
    for _ in 0..60 {
        silent.push(Wire::to(&secure.app.service.public).await);
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for _ in 0..3 {
        let took = secure.good_caller().await;
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    // They end by themselves too.
    let began = Instant::now();
    assert_eq!(silent.last_mut().unwrap().rest().await, b"");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn hoarders_behind_tls_are_bounded_as_others_are() {
    let secure = Secure::open(&[("LIMITS__HEADER_TIMEOUT", "2s"), ("LIMITS__WRITE_TIMEOUT", "2s")]).await;
    secure.good_caller().await;
    let (memory, descriptors) = (secure.app.service.resident_kib(), secure.app.service.descriptors());
    let mut unread = Vec::new();
    for _ in 0..30 {
        let mut stream = secure.connect().await;
        let _ = timeout(Duration::from_millis(100), stream.write_all(LONG_ANSWER.repeat(200).as_bytes())).await;
        unread.push(stream);
    }
    let more = secure.app.service.resident_kib().saturating_sub(memory);
    assert!(more <= 30 * 128 + 12 * 1024, "{more} KiB for 30 connections");
    // A second head that drips.
    let mut stream = secure.connect().await;
    stream.write_all([PING, "GET /"].concat().as_bytes()).await.unwrap();
    let mut all = Vec::new();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) && stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
        if let Ok(Ok(0) | Err(_)) = timeout(Duration::from_millis(100), stream.read_buf(&mut all)).await {
            break;
        }
    }
    assert!(String::from_utf8_lossy(&all).contains("HTTP/1.1 408"), "{}", String::from_utf8_lossy(&all));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    secure.app.service.until_descriptors(descriptors + 2).await;
    drop(unread);
    assert!(secure.good_caller().await < Duration::from_secs(5));
}
