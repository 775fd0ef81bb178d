//! An SMSP over mutual TLS that does, connection by connection and byte by byte, what a test's script says, and tells the test
//! what it was asked, when, and on which connection.

use super::issuer::acceptor;
use super::loopback;
use cpis_fhir::simulator::certificates::Certificates;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::server::TlsStream;

/// The authority of [`found`], and its two numbers.
pub const AUTHORITY: &str = "Exampleshire County Council";
pub const OFFICE_NUMBER: &str = "02079460001";
pub const EMERGENCY_NUMBER: &str = "02079460002";

/// One request, whole.
#[derive(Debug, Clone)]
pub struct Query {
    /// TCP connections are counted from 1.
    pub connection: usize,
    /// Its place among the requests of its connection, from 1.
    pub on_connection: usize,
    /// Its place among all requests, from 1.
    pub number: usize,
    pub head: String,
    pub body: String,
    /// As written in `wsa:MessageID`.
    pub message_id: String,
    pub nhs_number: String,
}

/// What is done with a request, one after another. After the last step the next request of the connection is read.
#[derive(Clone)]
pub enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    /// Goes on once the test says [`Scripted::release`].
    Hold,
    /// Ends the connection in order (TLS close_notify, FIN).
    Close,
    /// Breaks it off (RST).
    Reset,
}

type Script = dyn Fn(&Query) -> Vec<Step> + Send + Sync;

/// The SMSP. Dropping it leaves its port open until the test's runtime ends.
pub struct Scripted {
    /// For `SMSP__URL`.
    pub url: String,
    pub certificates: Certificates,
    shared: Arc<Shared>,
}

struct Shared {
    script: Mutex<Arc<Script>>,
    queries: Mutex<Vec<Query>>,
    connections: AtomicUsize,
    /// Bytes of requests that were read, after TLS, of all connections.
    bytes: AtomicUsize,
    /// A connection reads no further once it has read so many bytes of a request.
    reads_at_most: AtomicUsize,
    sent_steps: AtomicUsize,
    released: AtomicUsize,
    release: Notify,
}

impl Scripted {
    /// Answers each request with what `script` says.
    pub async fn start(script: impl Fn(&Query) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let certificates = Certificates::generate("cpis-client.test").unwrap();
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let url = format!("https://localhost:{}/smsp/cpis", listener.local_addr().unwrap().port());
        let shared = Arc::new(Shared {
            script: Mutex::new(Arc::new(script)),
            queries: Mutex::default(),
            connections: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            reads_at_most: AtomicUsize::new(usize::MAX),
            sent_steps: AtomicUsize::new(0),
            released: AtomicUsize::new(0),
            release: Notify::new(),
        });
        let (acceptor, of) = (acceptor(&certificates, Some(&certificates.ca_pem)), Arc::clone(&shared));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, shared) = (acceptor.clone(), Arc::clone(&of));
                let connection = shared.connections.fetch_add(1, SeqCst) + 1;
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        converse(stream, connection, &shared).await;
                    }
                });
            }
        });
        Self { url, certificates, shared }
    }

    /// From now on requests are answered by `script`.
    pub fn follow(&self, script: impl Fn(&Query) -> Vec<Step> + Send + Sync + 'static) {
        *self.shared.script.lock().unwrap() = Arc::new(script);
    }

    /// From now on no connection reads more than the first `bytes` (1 at least) of a request, as if the line had stopped there.
    /// What a connection that is kept reads meanwhile is thrown away.
    pub fn read_at_most(&self, bytes: usize) {
        self.shared.reads_at_most.store(bytes, SeqCst);
    }

    /// Lets everything go on that waits in [`Step::Hold`], now and from now on.
    pub fn release(&self) {
        self.shared.released.store(1, SeqCst);
        self.shared.release.notify_waiters();
    }

    /// The requests that came whole, in their order.
    pub fn queries(&self) -> Vec<Query> {
        self.shared.queries.lock().unwrap().clone()
    }

    /// TCP connections so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(SeqCst)
    }

    /// Waits until so many TCP connections were accepted.
    pub async fn until_connections(&self, count: usize) {
        self.until("connections", || self.connections() >= count).await;
    }

    /// Waits until so many bytes of requests were read.
    pub async fn until_bytes(&self, count: usize) {
        self.until("bytes", || self.shared.bytes.load(SeqCst) >= count).await;
    }

    /// Waits until so many requests came whole.
    pub async fn until_queries(&self, count: usize) {
        self.until("queries", || self.shared.queries.lock().unwrap().len() >= count).await;
    }

    /// Waits until so many [`Step::Send`] were carried out.
    pub async fn until_sent(&self, count: usize) {
        self.until("sent", || self.shared.sent_steps.load(SeqCst) >= count).await;
    }

    async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < Duration::from_secs(30), "the SMSP waited too long for {what}: {:?}", self.queries());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn converse(mut stream: TlsStream<TcpStream>, connection: usize, shared: &Shared) {
    for on_connection in 1.. {
        let Some((head, body)) = read_request(&mut stream, shared).await else { return };
        let query = {
            let mut queries = shared.queries.lock().unwrap();
            let message_id = between(&body, "MessageID>", "<").to_owned();
            let nhs_number = nhs_number(&body).to_owned();
            let query = Query { connection, on_connection, number: queries.len() + 1, head, body, message_id, nhs_number };
            queries.push(query.clone());
            query
        };
        let script = Arc::clone(&shared.script.lock().unwrap());
        for step in script(&query) {
            match step {
                Step::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                        return;
                    }
                    shared.sent_steps.fetch_add(1, SeqCst);
                }
                Step::Wait(time) => tokio::time::sleep(time).await,
                Step::Hold => {
                    let mut released = std::pin::pin!(shared.release.notified());
                    released.as_mut().enable();
                    if shared.released.load(SeqCst) == 0 {
                        released.await;
                    }
                }
                Step::Close => {
                    let _ = stream.shutdown().await;
                    return;
                }
                Step::Reset => {
                    stream.get_ref().0.set_zero_linger().unwrap();
                    return;
                }
            }
        }
    }
}

/// Head and body of a whole request, or `None` when the connection ended before one was.
async fn read_request(stream: &mut TlsStream<TcpStream>, shared: &Shared) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let may_read = shared.reads_at_most.load(SeqCst).saturating_sub(bytes.len()).min(16 * 1024);
        let mut piece = vec![0; may_read];
        let Ok(count @ 1..) = stream.read(&mut piece).await else { return None };
        bytes.extend_from_slice(&piece[..count]);
        if bytes.len() >= shared.reads_at_most.load(SeqCst) {
            shared.bytes.fetch_add(count, SeqCst);
            return std::future::pending().await;
        }
        shared.bytes.fetch_add(count, SeqCst);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let length = head.to_ascii_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if bytes.len() - end - 4 >= length.unwrap_or(0_usize) {
            return Some((head, String::from_utf8(bytes[end + 4..].to_vec()).unwrap()));
        }
    }
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.split_once(from).map_or("", |(_, rest)| rest);
    start.split_once(to).map_or("", |(inside, _)| inside)
}

fn nhs_number(body: &str) -> &str {
    between(between(body, "NHSnumber", "/>"), "extension=\"", "\"")
}

/// An HTTP answer on a connection that is kept.
pub fn http_ok(body: &str) -> Vec<u8> {
    http("200 OK", "text/xml; charset=utf-8", body)
}

/// An HTTP answer with this status and media type, on a connection that is kept.
pub fn http(status: &str, media_type: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The reply to `query`: a record with one child protection plan in force.
pub fn found(query: &Query) -> String {
    let related = include_str!("../scripted/found.xml").replace("{{MESSAGE-ID}}", &query.message_id);
    related.replace("{{NHS-NUMBER}}", &query.nhs_number)
}

/// The reply to `query`: CP-IS holds no record.
pub fn no_record(query: &Query) -> String {
    include_str!("../scripted/no_record.xml").replace("{{MESSAGE-ID}}", &query.message_id)
}

/// The same reply without the element that names the message it answers.
pub fn unrelated(reply: &str) -> String {
    let (before, rest) = reply.split_once("<wsa:RelatesTo>").unwrap();
    let (_, after) = rest.split_once("</wsa:RelatesTo>").unwrap();
    format!("{before}{after}")
}
