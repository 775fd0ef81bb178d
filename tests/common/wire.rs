//! A caller who writes bytes, and reads what comes back.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Longer than anything here takes, also on a machine that is busy.
const LONG: Duration = Duration::from_secs(30);

pub struct Wire {
    pub socket: TcpStream,
    read: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Wire {
    /// A connection to `http://ADDRESS`.
    pub async fn to(url: &str) -> Self {
        let socket = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
        Self { socket, read: Vec::new() }
    }

    /// The same from another address of this machine, such as 127.0.0.2.
    pub async fn from(address: [u8; 4], url: &str) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        let socket = socket.connect(url.trim_start_matches("http://").parse().unwrap()).await.unwrap();
        Self { socket, read: Vec::new() }
    }

    /// Sends `bytes`; whether the other side still takes them.
    pub async fn say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.socket.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Sends a byte now and then until the other side closes; how long that took.
    pub async fn drip(&mut self, bytes: &[u8], every: Duration) -> Duration {
        let began = Instant::now();
        for piece in bytes.chunks(1).cycle() {
            assert!(began.elapsed() < LONG, "still open after {:?}", began.elapsed());
            if !self.say(piece).await {
                break;
            }
            if let Ok(Ok(0) | Err(_)) = timeout(every, self.socket.read_buf(&mut self.read)).await {
                break;
            }
        }
        began.elapsed()
    }

    /// The next answer, or none because the connection was closed.
    pub async fn answer(&mut self) -> Option<Answer> {
        self.answer_to("GET").await
    }

    pub async fn answer_to(&mut self, method: &str) -> Option<Answer> {
        loop {
            if let Some(answer) = self.take(method) {
                return Some(answer);
            }
            match timeout(LONG, self.socket.read_buf(&mut self.read)).await.expect("an answer, or the end") {
                Ok(0) | Err(_) => return self.take(method),
                Ok(_) => {}
            }
        }
    }

    fn take(&mut self, method: &str) -> Option<Answer> {
        let end = self.read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(self.read[..end].to_vec()).unwrap().to_lowercase();
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let has_body = method != "HEAD" && status != 304 && status >= 200;
        let length: usize = if has_body { length.map_or(0, |length| length.parse().unwrap()) } else { 0 };
        if self.read.len() < end + length {
            return None;
        }
        let body = self.read[end..end + length].to_vec();
        self.read.drain(..end + length);
        Some(Answer { status, head, body })
    }

    /// Everything until the connection is closed.
    pub async fn rest(&mut self) -> Vec<u8> {
        while let Ok(1..) = timeout(LONG, self.socket.read_buf(&mut self.read)).await.expect("the end") {}
        std::mem::take(&mut self.read)
    }

    /// Whether nothing comes and the connection stays open for a while.
    pub async fn is_quiet_for(&mut self, time: Duration) -> bool {
        self.read.is_empty() && timeout(time, self.socket.read_buf(&mut self.read)).await.is_err()
    }
}

impl Answer {
    pub fn has(&self, line: &str) -> bool {
        self.head.lines().any(|is| is == line)
    }
}
