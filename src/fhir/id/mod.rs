//! Opaque, deterministic, authenticated ids of resources (fhir.md 2 "Ids", decisions.md 27).
//!
//! A token is `version (1) | SIV (16) | AES-SIV(kind (1), NHS number (5), part (0 to 25))`, at most 48 bytes, written with the
//! 64 characters `A-Za-z0-9-.`. The same part of the same child's answer always has the same id. Nobody can make or read an id without
//! the key. The part identifies its piece of the answer by content, never by position.

mod keys;
mod part;
mod sealed_text;

pub use keys::{IdKeyNumber, IdKeys, NoIdKeys};
pub use part::AnswerPart;

use super::resource_type::ResourceType;
use crate::cpis::NhsNumber;
use aes_siv::siv::IV_SIZE;
use base64::{
    Engine,
    alphabet::Alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

const NHS_NUMBER_BYTES: usize = 5;
/// The kind and the NHS number precede the part.
const HEAD_BYTES: usize = 1 + NHS_NUMBER_BYTES;
/// FHIR allows 64 characters, which are 48 bytes.
const MAX_TOKEN_BYTES: usize = 48;
const MAX_CHARACTERS: usize = 64;

const ALPHABET: Alphabet = match Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.") {
    Ok(alphabet) => alphabet,
    Err(_) => panic!("64 different characters"), // at compile time, never at run time
};
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// What an id holds. Only ids that this service made can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdContent {
    pub kind: ResourceType,
    pub nhs_number: NhsNumber,
    /// The part of the answer; find it with [`super::graph::Graph::find`].
    pub part: AnswerPart,
    /// The key that the id was made with: the part is named by a hash under it.
    pub key: IdKeyNumber,
}

impl IdKeys {
    /// The id of one part of the answer about `nhs_number`, under the first key. `part` must be made with the first key too.
    #[must_use]
    pub fn seal(&self, kind: ResourceType, nhs_number: &NhsNumber, part: &AnswerPart) -> String {
        let mut plain = Zeroizing::new([0; HEAD_BYTES + AnswerPart::MAX]);
        plain[0] = kind.id_byte();
        plain[1..HEAD_BYTES].copy_from_slice(&nhs_number.to_u64().to_be_bytes()[8 - NHS_NUMBER_BYTES..]);
        let end = HEAD_BYTES + part.bytes().len();
        plain[HEAD_BYTES..end].copy_from_slice(part.bytes());

        let mut token = [0; MAX_TOKEN_BYTES];
        token[0] = self.version(IdKeyNumber::FIRST);
        let sealed = self.encrypt(&mut plain[..end], token[0]);
        token[1..=IV_SIZE].copy_from_slice(&sealed);
        token[1 + IV_SIZE..1 + IV_SIZE + end].copy_from_slice(&plain[..end]);
        ENGINE.encode(&token[..1 + IV_SIZE + end])
    }

    /// What the id holds, or `None` if no key opens it.
    #[must_use]
    pub fn open(&self, id: &str) -> Option<IdContent> {
        let mut buffer = [0; MAX_TOKEN_BYTES];
        let token = decode(id, &mut buffer)?;
        let (&version, rest) = token.split_first()?;
        let (iv, sealed) = rest.split_at_checked(IV_SIZE)?;
        let mut plain = Zeroizing::new([0; MAX_TOKEN_BYTES]);
        let plain = plain.get_mut(..sealed.len())?;
        self.numbers().filter(|key| self.version(*key) == version).find_map(|key| {
            plain.copy_from_slice(sealed);
            self.decrypt(key, plain, iv, version).then(|| read(plain, key)).flatten()
        })
    }
}

fn read(plain: &[u8], key: IdKeyNumber) -> Option<IdContent> {
    let (head, part) = plain.split_at_checked(HEAD_BYTES)?;
    let mut number = [0; 8];
    number[8 - NHS_NUMBER_BYTES..].copy_from_slice(&head[1..]);
    Some(IdContent {
        kind: ResourceType::from_id_byte(head[0])?,
        nhs_number: NhsNumber::from_u64(u64::from_be_bytes(number)).ok()?,
        part: AnswerPart::from_bytes(part)?,
        key,
    })
}

fn decode<'b>(id: &str, buffer: &'b mut [u8; MAX_TOKEN_BYTES]) -> Option<&'b [u8]> {
    if id.len() > MAX_CHARACTERS {
        return None;
    }
    let length = ENGINE.decode_slice(id, buffer).ok()?;
    buffer.get(..length)
}

#[cfg(test)]
mod tests;
