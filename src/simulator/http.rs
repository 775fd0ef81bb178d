//! A small, strict reader of HTTP/1.1 requests. The simulator needs its own because it also breaks the protocol on purpose.

use std::{io, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

const MAX_HEAD: usize = 16 * 1024;
const MAX_BODY: usize = 256 * 1024;
const MAX_HEADERS: usize = 64;
/// The longest that a connection may be idle, and that a request head may take.
const HEAD_DEADLINE: Duration = Duration::from_mins(1);
const BODY_DEADLINE: Duration = Duration::from_secs(15);

/// One complete request.
#[derive(Debug, Clone, Default)]
pub(super) struct HttpRequest {
    pub method: String,
    /// The path and query, as sent.
    pub target: String,
    /// In the order sent, with names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub keep_alive: bool,
}

/// Why there is no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestError {
    /// The peer closed the connection or stayed silent, or the connection broke.
    Gone,
    /// Not HTTP/1.1 in the accepted form: answer 400 and close.
    Malformed(&'static str),
    /// Over a limit: answer 413 and close.
    TooLarge,
}

impl From<io::Error> for RequestError {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl HttpRequest {
    /// The only value of a header; `None` if it is absent or repeated.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str());
        values.next().filter(|_| values.next().is_none())
    }

    /// Every header, with its name in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(n, _)| n == name).count()
    }
}

/// Reads the requests of one connection, and keeps bytes read beyond a request for the next one.
pub(super) struct RequestReader {
    buffer: Vec<u8>,
}

impl RequestReader {
    pub fn new() -> Self {
        Self { buffer: Vec::with_capacity(8 * 1024) }
    }

    /// The next complete request.
    pub async fn next<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> Result<HttpRequest, RequestError> {
        let end = timeout(HEAD_DEADLINE, self.head_end(stream)).await.map_err(|_| RequestError::Gone)??;
        let mut request = parse_head(&self.buffer[..end])?;
        self.buffer.drain(..end);
        let body = async {
            if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
                stream.flush().await?;
            }
            match body_length(&request)? {
                BodyLength::Known(length) => self.exactly(stream, length).await,
                BodyLength::Chunked => self.chunks(stream).await,
            }
        };
        request.body =
            timeout(BODY_DEADLINE, body).await.map_err(|_| RequestError::Malformed("the body was not complete in time"))??;
        Ok(request)
    }

    /// Reads up to the blank line. Returns the index after it.
    async fn head_end<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Result<usize, RequestError> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                return if at > MAX_HEAD { Err(RequestError::TooLarge) } else { Ok(at + 4) };
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(RequestError::TooLarge);
            }
            self.more(stream).await?;
        }
    }

    async fn exactly<S: AsyncRead + Unpin>(&mut self, stream: &mut S, length: usize) -> Result<Vec<u8>, RequestError> {
        while self.buffer.len() < length {
            self.more(stream).await?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    async fn line<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Result<Vec<u8>, RequestError> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let mut line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                line.truncate(at);
                return Ok(line);
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(RequestError::Malformed("a chunk line is too long"));
            }
            self.more(stream).await?;
        }
    }

    async fn chunks<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Result<Vec<u8>, RequestError> {
        let mut body = Vec::new();
        loop {
            let line = self.line(stream).await?;
            let size = std::str::from_utf8(&line).ok().and_then(|text| text.split(';').next());
            let size = size.filter(|size| !size.is_empty() && size.bytes().all(|b| b.is_ascii_hexdigit()));
            let size = size
                .and_then(|size| usize::from_str_radix(size, 16).ok())
                .ok_or(RequestError::Malformed("a chunk has no size"))?;
            if size == 0 {
                // Trailers are read and dropped.
                while !self.line(stream).await?.is_empty() {}
                return Ok(body);
            }
            if size > MAX_BODY || body.len() + size > MAX_BODY {
                return Err(RequestError::TooLarge);
            }
            body.extend(self.exactly(stream, size).await?);
            if !self.line(stream).await?.is_empty() {
                return Err(RequestError::Malformed("a chunk is longer than it says"));
            }
        }
    }

    async fn more<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Result<(), RequestError> {
        match stream.read_buf(&mut self.buffer).await? {
            0 => Err(RequestError::Gone),
            _ => Ok(()),
        }
    }
}

enum BodyLength {
    Known(usize),
    Chunked,
}

fn body_length(request: &HttpRequest) -> Result<BodyLength, RequestError> {
    match (request.count("content-length"), request.count("transfer-encoding")) {
        (0, 0) => Ok(BodyLength::Known(0)),
        (1, 0) => {
            let text = request.header("content-length").unwrap_or_default();
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let length =
                text.parse::<usize>().ok().filter(|_| digits).ok_or(RequestError::Malformed("Content-Length is no number"))?;
            if length > MAX_BODY { Err(RequestError::TooLarge) } else { Ok(BodyLength::Known(length)) }
        }
        (0, 1) if request.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) => {
            Ok(BodyLength::Chunked)
        }
        _ => Err(RequestError::Malformed("Content-Length and Transfer-Encoding contradict each other")),
    }
}

fn parse_head(head: &[u8]) -> Result<HttpRequest, RequestError> {
    let head = std::str::from_utf8(head).map_err(|_| RequestError::Malformed("the head is not UTF-8"))?;
    let mut lines = head.strip_suffix("\r\n\r\n").unwrap_or(head).split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) = (first.next(), first.next(), first.next(), first.next()) else {
        return Err(RequestError::Malformed("the request line is not method, target and version"));
    };
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase()) || !target.starts_with('/') || version != "HTTP/1.1" {
        return Err(RequestError::Malformed("the request line is not HTTP/1.1"));
    }
    let mut request =
        HttpRequest { method: method.to_owned(), target: target.to_owned(), keep_alive: true, ..HttpRequest::default() };
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(RequestError::Malformed("a header has no colon"))?;
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty()
            || !name.bytes().all(token)
            || value.contains(['\r', '\n', '\0'])
            || request.headers.len() >= MAX_HEADERS
        {
            return Err(RequestError::Malformed("a header is not well formed"));
        }
        request.headers.push((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()));
    }
    if request.count("host") != 1 {
        return Err(RequestError::Malformed("there must be one Host header"));
    }
    let closes = |value: &str| value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"));
    request.keep_alive = !request.headers.iter().any(|(name, value)| name == "connection" && closes(value));
    Ok(request)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> Result<HttpRequest, RequestError> {
        let (mut ours, mut theirs) = tokio::io::duplex(1024 * 1024);
        theirs.write_all(bytes).await.unwrap();
        theirs.shutdown().await.unwrap();
        RequestReader::new().next(&mut ours).await
    }

    #[tokio::test]
    async fn two_requests_on_one_connection_are_kept_apart() {
        let (mut ours, mut theirs) = tokio::io::duplex(4096);
        theirs.write_all(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut reader = RequestReader::new();
        let first = reader.next(&mut ours).await.unwrap();
        assert_eq!((first.target.as_str(), first.body.as_slice(), first.keep_alive), ("/a", &b"hi"[..], true));
        let second = reader.next(&mut ours).await.unwrap();
        assert_eq!((second.target.as_str(), second.keep_alive), ("/b", false));
    }

    #[tokio::test]
    async fn a_chunked_body_is_joined() {
        let text =
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: 1\r\n\r\n";
        assert_eq!(read(text).await.unwrap().body, b"abcde");
    }

    #[tokio::test]
    async fn expect_100_continue_is_answered() {
        let (mut ours, mut theirs) = tokio::io::duplex(4096);
        theirs.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n").await.unwrap();
        let reading = tokio::spawn(async move { RequestReader::new().next(&mut ours).await });
        let mut interim = [0; 25];
        theirs.read_exact(&mut interim).await.unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        theirs.write_all(b"ok").await.unwrap();
        assert_eq!(reading.await.unwrap().unwrap().body, b"ok");
    }

    #[tokio::test]
    async fn what_could_be_read_in_two_ways_is_refused() {
        for head in [
            "POST / HTTP/1.0\r\nHost: h\r\n\r\n",
            "POST  / HTTP/1.1\r\nHost: h\r\n\r\n",
            "POST / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\nx",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\nx",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
            "POST / HTTP/1.1\r\nHost : h\r\n\r\n",
        ] {
            assert!(matches!(read(head.as_bytes()).await, Err(RequestError::Malformed(_))), "{head}");
        }
    }

    #[tokio::test]
    async fn a_body_over_256_kib_is_too_large() {
        let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 262145\r\n\r\n";
        assert_eq!(read(head.as_bytes()).await.unwrap_err(), RequestError::TooLarge);
        let chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n40001\r\n";
        assert_eq!(read(chunked.as_bytes()).await.unwrap_err(), RequestError::TooLarge);
        let long = format!("POST /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(MAX_HEAD));
        assert_eq!(read(long.as_bytes()).await.unwrap_err(), RequestError::TooLarge);
    }

    #[tokio::test]
    async fn half_a_request_is_no_request() {
        assert_eq!(read(b"POST / HT").await.unwrap_err(), RequestError::Gone);
        assert_eq!(read(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel").await.unwrap_err(), RequestError::Gone);
    }
}
