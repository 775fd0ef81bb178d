//! The body of a reply: read and decoded within the limit.

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

/// A response over this many bytes is not read on, as it comes or decoded. The largest plausible answer is far below it.
pub const RESPONSE_LIMIT: usize = 2 * 1024 * 1024;

/// Room that is made before a byte of it has come.
const FIRST_PIECE: usize = 64 * 1024;

/// Reads the body, but never more than [`RESPONSE_LIMIT`] and the piece that crosses it.
pub(super) async fn read(mut reply: Incoming) -> Result<Vec<u8>, RegisterError> {
    let too_large = || RegisterError::new(RegisterErrorKind::TooLarge, Phase::Read, Delivery::MaybeDelivered);
    let announced = reply.size_hint().exact().map_or(Ok(0), usize::try_from).unwrap_or(usize::MAX);
    if announced > RESPONSE_LIMIT {
        return Err(too_large());
    }
    // What is announced is believed as it comes.
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

/// The head says in one way alone where its body ends. Where it says so twice, something on the way may see another end, and what it
/// takes for the rest would be the next look's reply (RFC 9112 6.3).
pub(super) fn has_one_length(head: &HeaderMap) -> bool {
    let mut lengths = head.get_all(CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (None, _) => true,
        (Some(length), None) => !head.contains_key(TRANSFER_ENCODING) && !length.as_bytes().contains(&b','),
        (Some(_), Some(_)) => false,
    }
}

/// The body without the coding that its head names: gzip or deflate, though none was asked for.
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

/// One byte more than the limit is unpacked at most.
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
