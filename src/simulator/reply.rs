//! A reply, and how it is sent: correctly, or broken on purpose.

use super::scenario::Transport;
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::server::TlsStream;

/// The longest that one reply may take, even a slow one.
const SEND_DEADLINE: Duration = Duration::from_mins(3);
/// Gives the written bytes time to reach the peer before the reset.
const BEFORE_RESET: Duration = Duration::from_millis(50);
const DRIP_BYTES: usize = 16;
const DRIP_INTERVAL: Duration = Duration::from_millis(100);

/// One HTTP response and how to send it.
#[derive(Debug, Clone, Default)]
pub(super) struct HttpReply {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    /// The rule that the request broke, sent as `X-Simulator-Rule`.
    pub rule: Option<String>,
    pub transport: Transport,
    pub delay: Duration,
    pub drip_interval: Option<Duration>,
    /// A whole second response, for [`Transport::Surplus`].
    pub surplus: Vec<u8>,
}

/// The state of the connection after a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionState {
    Kept,
    Closed,
}

impl HttpReply {
    pub fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type, body: body.into(), ..Self::default() }
    }

    /// Plain text, for a request that is refused without a check.
    pub fn plain(status: u16, text: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", text)
    }

    fn head(&self, keep: bool) -> String {
        let reason = match self.status {
            200 => "OK",
            202 => "Accepted",
            400 => "Bad Request",
            404 => "Not Found",
            413 => "Content Too Large",
            500 => "Internal Server Error",
            503 => "Service Unavailable",
            _ => "Status",
        };
        let mut lines = vec![format!("HTTP/1.1 {} {reason}", self.status)];
        if !self.content_type.is_empty() {
            lines.push(format!("Content-Type: {}", self.content_type));
        }
        if let Some(rule) = &self.rule {
            lines.push(format!("X-Simulator-Rule: {}", rule.replace(|c: char| c.is_control() || !c.is_ascii(), " ")));
        }
        lines.push(match self.transport {
            Transport::Chunked => "Transfer-Encoding: chunked".to_owned(),
            _ => format!("Content-Length: {}", self.body.len()),
        });
        lines.push(format!("Connection: {}\r\n\r\n", if keep { "keep-alive" } else { "close" }));
        lines.join("\r\n")
    }

    /// The bytes of the intact response.
    pub fn to_bytes(&self, keep: bool) -> Vec<u8> {
        let mut bytes = self.head(keep).into_bytes();
        if self.transport == Transport::Chunked {
            for chunk in self.body.chunks(1000) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        } else {
            bytes.extend(&self.body);
        }
        bytes
    }
}

/// Sends a reply on a TLS connection, with its fault if it has one. `keep`: whether the request keeps the connection open.
pub(super) async fn send(mut stream: TlsStream<TcpStream>, reply: &HttpReply, keep: bool) -> Option<TlsStream<TcpStream>> {
    let played = timeout(SEND_DEADLINE, play(&mut stream, reply, keep)).await;
    match played {
        Ok(Ok(ConnectionState::Kept)) => Some(stream),
        _ => None,
    }
}

async fn play(stream: &mut TlsStream<TcpStream>, reply: &HttpReply, keep: bool) -> io::Result<ConnectionState> {
    if !reply.delay.is_zero() {
        sleep(reply.delay).await;
    }
    match reply.transport {
        Transport::Sound | Transport::Chunked => {
            write(stream, &reply.to_bytes(keep)).await?;
            if keep { Ok(ConnectionState::Kept) } else { close(stream).await }
        }
        Transport::Close => {
            write(stream, &reply.to_bytes(false)).await?;
            close(stream).await
        }
        Transport::NeverAnswers => {
            // Reads and drops what the peer sends until it gives up.
            while stream.read(&mut [0; 1024]).await? > 0 {}
            close(stream).await
        }
        Transport::ResetBefore => reset(stream),
        Transport::ResetDuring => {
            let bytes = reply.to_bytes(true);
            write(stream, &bytes[..bytes.len() / 2]).await?;
            sleep(BEFORE_RESET).await;
            reset(stream)
        }
        Transport::ResetAfter => {
            write(stream, &reply.to_bytes(true)).await?;
            sleep(BEFORE_RESET).await;
            reset(stream)
        }
        Transport::CloseBefore => close(stream).await,
        Transport::ShortBody => {
            let bytes = reply.to_bytes(true);
            write(stream, &bytes[..bytes.len() - reply.body.len().div_ceil(3)]).await?;
            close(stream).await
        }
        Transport::Garbage => {
            let garbage: Vec<u8> = (0..512_u16).map(|n| (n.wrapping_mul(167) >> 1).to_le_bytes()[0] | 0x80).collect();
            write(stream, &garbage).await?;
            close(stream).await
        }
        Transport::SlowDrip => {
            for piece in reply.to_bytes(keep).chunks(DRIP_BYTES) {
                write(stream, piece).await?;
                sleep(reply.drip_interval.unwrap_or(DRIP_INTERVAL)).await;
            }
            if keep { Ok(ConnectionState::Kept) } else { close(stream).await }
        }
        Transport::Surplus => {
            let mut bytes = reply.to_bytes(true);
            bytes.extend(&reply.surplus);
            write(stream, &bytes).await?;
            Ok(ConnectionState::Kept)
        }
    }
}

pub(super) async fn write<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

async fn close(stream: &mut TlsStream<TcpStream>) -> io::Result<ConnectionState> {
    stream.shutdown().await?;
    Ok(ConnectionState::Closed)
}

/// With a linger of zero, dropping the socket sends RST instead of FIN, without a TLS alert before it.
fn reset(stream: &TlsStream<TcpStream>) -> io::Result<ConnectionState> {
    stream.get_ref().0.set_zero_linger()?;
    Ok(ConnectionState::Closed)
}
