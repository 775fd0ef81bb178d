//! Reads and decodes the body of a reply within the limit.

use super::errors;
use crate::cpis::{Delivery, Malformed, Phase, RegisterError, RegisterErrorKind};
use crate::memory::{Full, Held};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http_body::Body;
use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use std::future::poll_fn;
use std::io::Read;
use std::pin::Pin;

/// The most bytes of a response, both as received and decoded. The largest plausible answer is far below it.
pub const RESPONSE_LIMIT: usize = 2 * 1024 * 1024;

/// The most memory that is reserved before the first byte arrives.
const FIRST_PIECE: usize = 64 * 1024;

/// Reads the body, at most [`RESPONSE_LIMIT`] and the piece that exceeds it.
pub(super) async fn read(mut reply: Incoming) -> Result<Vec<u8>, RegisterError> {
    let too_large = || RegisterError::new(RegisterErrorKind::TooLarge, Phase::Read, Delivery::MaybeDelivered);
    let announced = reply.size_hint().exact().map_or(Ok(0), usize::try_from).unwrap_or(usize::MAX);
    if announced > RESPONSE_LIMIT {
        return Err(too_large());
    }
    // The announced length is not trusted: memory grows as bytes arrive.
    let (mut body, mut held) = (Vec::with_capacity(announced.min(FIRST_PIECE)), Held::default());
    while let Some(frame) = poll_fn(|context| Pin::new(&mut reply).poll_frame(context)).await {
        let Ok(piece) = frame.map_err(|_| errors::in_reply())?.into_data() else { continue };
        if body.len() + piece.len() > RESPONSE_LIMIT {
            return Err(too_large());
        }
        held.grow(piece.len()).map_err(|Full| too_large())?;
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// Whether the head gives the end of the body in only one way. With two ways, an intermediary may see another end, and pass the rest on
/// as the reply of the next look (RFC 9112 6.3).
pub(super) fn has_one_length(head: &HeaderMap) -> bool {
    let mut lengths = head.get_all(CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (None, _) => true,
        (Some(length), None) => !head.contains_key(TRANSFER_ENCODING) && !length.as_bytes().contains(&b','),
        (Some(_), Some(_)) => false,
    }
}

/// The body without the coding that its head names: gzip or deflate, although we request none.
pub(super) fn decode(body: Vec<u8>, head: &HeaderMap) -> Result<Vec<u8>, RegisterError> {
    let named = head.get_all(CONTENT_ENCODING).iter().flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
    let mut codings = named.map(<[u8]>::trim_ascii).filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"identity"));
    let (coding, more) = (codings.next(), codings.next());
    match coding {
        None => Ok(body),
        Some(_) if body.is_empty() => Ok(body),
        Some(name) if more.is_none() && [&b"gzip"[..], b"x-gzip"].iter().any(|known| name.eq_ignore_ascii_case(known)) => {
            unpack(MultiGzDecoder::new(body.as_slice()), Malformed::NotGzip)
        }
        Some(name) if more.is_none() && name.eq_ignore_ascii_case(b"deflate") => {
            unpack(ZlibDecoder::new(body.as_slice()), Malformed::NotDeflate)
        }
        Some(_) => unreadable(Malformed::OtherCoding),
    }
}

/// Unpacks at most one byte more than the limit.
fn unpack(packed: impl Read, malformed: Malformed) -> Result<Vec<u8>, RegisterError> {
    let mut body = Vec::new();
    match packed.take(RESPONSE_LIMIT as u64 + 1).read_to_end(&mut body) {
        Err(_) => unreadable(malformed),
        Ok(length) if length > RESPONSE_LIMIT => Err(RegisterError::understanding(RegisterErrorKind::TooLarge)),
        Ok(_) => Ok(body),
    }
}

fn unreadable(why: Malformed) -> Result<Vec<u8>, RegisterError> {
    Err(RegisterError::understanding(RegisterErrorKind::Unreadable(why)))
}
