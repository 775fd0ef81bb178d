//! An SMSP over mutual TLS that answers with the bytes that a test gives it, and remembers how it was asked.

use super::issuer::acceptor;
use super::loopback;
use cpis_fhir::simulator::certificates::Certificates;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

pub struct RawSmsp {
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// `None`: it never answers.
    reply: Mutex<Option<Vec<u8>>>,
    heads: Mutex<Vec<u8>>,
    bodies: Mutex<Vec<Vec<u8>>>,
}

impl RawSmsp {
    /// With this certificate; lets in clients of `client_ca_pem`.
    pub async fn start(server: &Certificates, client_ca_pem: &str) -> Self {
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let url = format!("https://localhost:{}/smsp/cpis", listener.local_addr().unwrap().port());
        let shared = Arc::<Shared>::default();
        let (acceptor, of) = (acceptor(server, Some(client_ca_pem)), Arc::clone(&shared));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, shared) = (acceptor.clone(), Arc::clone(&of));
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        answer(stream, &shared).await;
                    }
                });
            }
        });
        Self { url, shared }
    }

    /// From now on this is the answer to every request, and the connection is closed after it.
    pub fn say(&self, reply: impl Into<Vec<u8>>) {
        *self.shared.reply.lock().unwrap() = Some(reply.into());
    }

    /// From now on nobody is answered.
    pub fn be_silent(&self) {
        *self.shared.reply.lock().unwrap() = None;
    }

    /// Request lines and headers of all that came.
    pub fn heads(&self) -> Vec<u8> {
        self.shared.heads.lock().unwrap().clone()
    }

    pub fn bodies(&self) -> Vec<Vec<u8>> {
        self.shared.bodies.lock().unwrap().clone()
    }
}

/// An HTTP answer with this body, as an SMSP sends it.
pub fn ok(body: &[u8]) -> Vec<u8> {
    with_head("HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8", body)
}

/// The same with another status line and headers.
pub fn with_head(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).as_bytes(), body].concat()
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        match stream.read_buf(&mut bytes).await {
            Ok(1..) => {}
            _ => return,
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse::<usize>().unwrap();
        if bytes.len() >= end + 4 + length {
            break (head, bytes[end + 4..].to_vec());
        }
    };
    shared.heads.lock().unwrap().extend_from_slice(format!("{head}\n").as_bytes());
    shared.bodies.lock().unwrap().push(body);
    let reply = shared.reply.lock().unwrap().clone();
    match reply {
        Some(reply) => {
            let _ = stream.write_all(&reply).await;
            let _ = stream.shutdown().await;
        }
        None => std::future::pending().await,
    }
}
