//! A TLS server that follows a test's script and remembers what it received.

use crate::smsp::response::samples;
use crate::smsp::tls::certificates::{CertificatePair, TestCa};
use rustls::{ServerConfig, SupportedProtocolVersion, crypto::aws_lc_rs, server::WebPkiClientVerifier};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n<x/>";

/// The answer to a request.
pub type Written = fn(&str) -> Vec<u8>;

pub enum Step {
    Send(Vec<u8>),
    Reply(Written),
    Wait(Duration),
    /// TCP RST.
    Reset,
    /// TLS `close_notify`, then FIN.
    Close,
}

pub fn send(bytes: &[u8]) -> Step {
    Step::Send(bytes.to_vec())
}

/// The text of a request between two texts.
fn between<'r>(request: &'r str, before: &str, after: &str) -> &'r str {
    request.split_once(before).and_then(|(_, rest)| rest.split_once(after)).expect("a query").0
}

pub fn http(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

fn no_record(header: &str) -> Vec<u8> {
    let payload = samples::payload(&(samples::code("CPIS-0001") + &samples::record_total("0")));
    http(&samples::soap_with_header(header, &samples::distribution_envelope("", &payload)))
}

/// "No record", in answer to this message.
pub fn good(request: &str) -> Vec<u8> {
    no_record(&relates_to(between(request, "<wsa:MessageID>", "</wsa:MessageID>")))
}

/// "No record" that does not name its message.
pub fn unrelated(_: &str) -> Vec<u8> {
    no_record("")
}

/// "No record", in answer to another message.
pub fn anothers(_: &str) -> Vec<u8> {
    no_record(&relates_to("00000000-0000-4000-8000-00000000000A"))
}

pub fn relates_to(message: &str) -> String {
    format!("<wsa:RelatesTo>{message}</wsa:RelatesTo>")
}

#[derive(Default)]
pub struct Seen {
    /// TLS sessions that were established.
    sessions: AtomicUsize,
    /// Requests that arrived whole.
    requests: AtomicUsize,
    /// Sessions that have ended.
    ended: AtomicUsize,
    last: Mutex<String>,
}

pub struct Server {
    pub address: SocketAddr,
    pub seen: Arc<Seen>,
}

/// What to do after a request. Without an end the connection stays open for the next one.
type Script = Arc<dyn Fn() -> Vec<Step> + Send + Sync>;

impl Seen {
    pub fn sessions(&self) -> usize {
        self.sessions.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub fn last_request(&self) -> String {
        self.last.lock().unwrap().clone()
    }

    /// Waits until so many requests have been read.
    pub async fn requests_are(&self, many: usize) {
        while self.requests() < many {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until every session but `open` has ended.
    pub async fn all_but(&self, open: usize) {
        for _ in 0..200 {
            if self.sessions() - self.ended.load(Ordering::SeqCst) == open {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("a connection was kept");
    }
}

impl Server {
    /// Keeps idle connections for a minute.
    pub async fn start(config: ServerConfig, script: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::with_idle(config, Duration::from_mins(1), script).await
    }

    pub async fn with_idle(config: ServerConfig, idle: Duration, script: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (acceptor, script, shared) = (TlsAcceptor::from(Arc::new(config)), Arc::new(script) as Script, Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, script, seen) = (acceptor.clone(), Arc::clone(&script), Arc::clone(&shared));
                tokio::spawn(async move {
                    if let Ok(tls) = acceptor.accept(tcp).await {
                        seen.sessions.fetch_add(1, Ordering::SeqCst);
                        serve(tls, idle, &script, &seen).await;
                        seen.ended.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        Self { address, seen }
    }
}

async fn serve(mut tls: TlsStream<TcpStream>, idle: Duration, script: &Script, seen: &Seen) {
    while let Ok(Some(request)) = tokio::time::timeout(idle, read_request(&mut tls)).await {
        seen.requests.fetch_add(1, Ordering::SeqCst);
        (*seen.last.lock().unwrap()).clone_from(&request);
        for step in script() {
            match step {
                Step::Send(bytes) => {
                    if !write(&mut tls, &bytes).await {
                        return;
                    }
                }
                Step::Reply(written) => {
                    if !write(&mut tls, &written(&request)).await {
                        return;
                    }
                }
                Step::Wait(time) => tokio::time::sleep(time).await,
                Step::Reset => {
                    tls.get_ref().0.set_zero_linger().unwrap();
                    return;
                }
                Step::Close => {
                    let _ = tls.shutdown().await;
                    return;
                }
            }
        }
    }
    let _ = tls.shutdown().await;
}

async fn write(tls: &mut TlsStream<TcpStream>, bytes: &[u8]) -> bool {
    tls.write_all(bytes).await.is_ok() && tls.flush().await.is_ok()
}

/// A whole request, or `None` if the connection ended before.
async fn read_request(tls: &mut TlsStream<TcpStream>) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if let Some(request) = whole(&bytes) {
            return Some(request);
        }
        match tls.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

fn whole(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse::<usize>().ok()?;
    (body.len() == length).then(|| text.to_owned())
}

/// A server behind a slow line: the client's bytes arrive late, so the client has written its request before the server checks its
/// certificate.
pub struct Delayed {
    pub address: SocketAddr,
}

impl Delayed {
    pub async fn start(config: ServerConfig, delay: Duration) -> Self {
        let behind = Server::start(config, || vec![send(OK)]).await.address;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let server = TcpStream::connect(behind).await.unwrap();
                    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                        (client.into_split(), server.into_split());
                    let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
                    let mut bytes = vec![0; 64 * 1024];
                    while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
                        tokio::time::sleep(delay).await;
                        if to_server.write_all(&bytes[..count]).await.is_err() {
                            break;
                        }
                    }
                    let _ = back.await;
                });
            }
        });
        Self { address }
    }
}

/// A server that trusts the clients of `clients`.
pub fn config(identity: &CertificatePair, clients: &TestCa, version: &'static SupportedProtocolVersion) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(clients.roots()), Arc::clone(&provider)).build().unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain(), identity.private_key())
        .unwrap()
}
