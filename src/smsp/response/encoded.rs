//! Decodes payloads that the manifest declares as base64, gzip or both (wire.md 5.4, COR-DEH-06).

use super::xml::{Document, LARGEST_BODY, ReadError};
use crate::cpis::Malformed;
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::bufread::GzDecoder;
use std::io::Read;

/// The encoding of a payload, from its manifest item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ManifestEncoding {
    base64: bool,
    compressed: bool,
    encrypted: bool,
}

impl ManifestEncoding {
    /// Reads it from the `manifestitem` read last.
    pub(super) fn of(item: &Document<'_>) -> Self {
        let says = |name: &str| matches!(item.attribute(name).as_deref(), Some("true" | "1"));
        Self { base64: says("base64"), compressed: says("compressed"), encrypted: says("encrypted") }
    }

    pub(super) fn is_plain(self) -> bool {
        self == Self::default()
    }
}

/// The document inside an encoded payload. XML cannot hold compressed bytes directly, so they are base64 too.
pub(super) fn decode(payload: &str, encoding: ManifestEncoding) -> Result<Vec<u8>, ReadError> {
    if encoding.encrypted {
        return Err(ReadError::Unreadable(Malformed::EncryptedPayload));
    }
    let packed: Vec<u8> = payload.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(packed).map_err(|_| ReadError::Unreadable(Malformed::PayloadNotBase64))?;
    if encoding.compressed { gunzip(&bytes) } else { Ok(bytes) }
}

/// Unpacks one whole gzip member with nothing after it, within the limit of a body.
fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, ReadError> {
    const MALFORMED: ReadError = ReadError::Unreadable(Malformed::PayloadNotGzip);
    let mut plain = Vec::new();
    let mut gzip = GzDecoder::new(bytes).take(LARGEST_BODY as u64 + 1);
    gzip.read_to_end(&mut plain).map_err(|_| MALFORMED)?;
    if plain.len() > LARGEST_BODY {
        return Err(ReadError::TooLarge);
    }
    if gzip.into_inner().into_inner().is_empty() { Ok(plain) } else { Err(MALFORMED) }
}
