//! The head of a request, checked before anybody else reads it: where it ends, and what body follows it.
//!
//! What two readers could take for two different requests is refused here (RFC 9112 2.2, 3.2, 5, 6.3, 11.2).

use actix_web::http::StatusCode;
use std::ops::Range;

/// Longest head, in bytes.
pub const LONGEST: usize = 32 * 1024;

/// As many as actix-http reads.
const MOST_HEADERS: usize = 96;

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFraming {
    None,
    Length(u64),
    Chunked,
    /// After a `CONNECT`: nothing that is a request.
    Tunnel,
}

/// Why nothing more can be read from the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadHead {
    Malformed,
    TooSlow,
    TooLarge,
    /// A transfer coding that is not ours.
    UnknownCoding,
}

impl BadHead {
    /// For metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed | Self::UnknownCoding => "malformed",
            Self::TooSlow => "too_slow",
            Self::TooLarge => "too_large",
        }
    }

    pub fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::UnknownCoding => StatusCode::NOT_IMPLEMENTED,
        }
    }
}

/// Looks for the end of a head in what has come of it, each byte once however slowly they come.
#[derive(Debug, Default)]
pub struct HeadScanner {
    seen: usize,
}

impl HeadScanner {
    /// The length of the head, once it is whole. `bytes`: all bytes since its first one.
    ///
    /// # Errors
    /// What can be no head, however it goes on.
    pub fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, BadHead> {
        if bytes.first().is_some_and(|&first| !is_token(first)) {
            return Err(BadHead::Malformed);
        }
        let from = std::mem::replace(&mut self.seen, bytes.len());
        for at in memchr::memchr_iter(b'\n', bytes.get(from..).unwrap_or_default()) {
            let line = &bytes[..from + at];
            let Some(line) = line.strip_suffix(b"\r") else { return Err(BadHead::Malformed) };
            if line.ends_with(b"\r\n") {
                let end = from + at + 1;
                return if end > LONGEST { Err(BadHead::TooLarge) } else { Ok(Some(end)) };
            }
        }
        if bytes.len() > LONGEST { Err(BadHead::TooLarge) } else { Ok(None) }
    }
}

/// What body follows `head`, which is whole. A wish for another protocol is blanked out: we never switch (RFC 9110 7.8).
///
/// # Errors
/// What cannot be read, or could be read in two ways.
pub fn check(head: &mut [u8]) -> Result<BodyFraming, BadHead> {
    let (body, upgrades) = read(head)?;
    for upgrade in upgrades {
        head[upgrade].fill(b' ');
    }
    Ok(body)
}

fn read(head: &[u8]) -> Result<(BodyFraming, Vec<Range<usize>>), BadHead> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(BadHead::TooLarge),
        _ => return Err(BadHead::Malformed),
    }
    let is_1_1 = request.version == Some(1);
    let mut fields = Fields::default();
    for header in request.headers.iter() {
        fields.add(header, head)?;
    }
    if (is_1_1 && !fields.has_host) || (fields.chunked && (!is_1_1 || fields.length.is_some())) {
        return Err(BadHead::Malformed);
    }
    let body = match (request.method, fields.chunked, fields.length) {
        (Some("CONNECT"), ..) => BodyFraming::Tunnel,
        (_, true, _) => BodyFraming::Chunked,
        (_, false, None | Some(0)) => BodyFraming::None,
        (_, false, Some(length)) => BodyFraming::Length(length),
    };
    Ok((body, fields.upgrades))
}

/// The fields of a head that decide on framing and routing.
#[derive(Default)]
struct Fields {
    has_host: bool,
    length: Option<u64>,
    chunked: bool,
    /// The request asks for another protocol.
    upgrades: Vec<Range<usize>>,
}

impl Fields {
    fn add(&mut self, header: &httparse::Header<'_>, head: &[u8]) -> Result<(), BadHead> {
        let value = header.value;
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("Host") {
            if std::mem::replace(&mut self.has_host, true) || !is_host(value.trim_ascii()) {
                return Err(BadHead::Malformed);
            }
        } else if is("Content-Length") {
            if self.length.replace(length(value.trim_ascii())?).is_some() {
                return Err(BadHead::Malformed);
            }
        } else if is("Transfer-Encoding") {
            if std::mem::replace(&mut self.chunked, true) {
                return Err(BadHead::Malformed);
            }
            if !value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                return Err(BadHead::UnknownCoding);
            }
        } else if is("Upgrade") {
            self.upgrades.push(place(value, head));
        } else if is("Connection") {
            let options = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
            self.upgrades.extend(options.filter(|o| o.eq_ignore_ascii_case(b"upgrade")).map(|option| place(option, head)));
        }
        Ok(())
    }
}

/// The position of `part`, a slice of `whole`, in it.
fn place(part: &[u8], whole: &[u8]) -> Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    start..start + part.len()
}

/// Digits alone: no sign, no list.
fn length(value: &[u8]) -> Result<u64, BadHead> {
    let text = std::str::from_utf8(value).ok().filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    text.and_then(|text| text.parse().ok()).ok_or(BadHead::Malformed)
}

/// `uri-host [ ":" port ]`, not empty (RFC 3986 3.2.2).
fn is_host(value: &[u8]) -> bool {
    let (host, port) = match value.iter().rposition(|&byte| byte == b':') {
        Some(at) if !value[at..].contains(&b']') => (&value[..at], &value[at + 1..]),
        _ => (value, &b""[..]),
    };
    let is_port = port.len() <= 5 && port.iter().all(u8::is_ascii_digit);
    let is_name = match host.strip_prefix(b"[") {
        Some(rest) => rest
            .strip_suffix(b"]")
            .is_some_and(|ip| !ip.is_empty() && ip.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))),
        None => !host.is_empty() && host.iter().all(|&b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&b)),
    };
    value.len() <= 255 && is_port && is_name
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests;
