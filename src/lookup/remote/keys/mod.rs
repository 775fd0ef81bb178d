//! What is made with the store key: names that reveal nothing, pointers that cannot be forged, and sealed values.
//!
//! From each key of the file three keys are derived (HKDF-SHA256): one makes names (HMAC-SHA256), one ties a request to its flight
//! (HMAC-SHA256), one seals values (AES-256-GCM, a random nonce for each value). AES-GCM allows 2^32 values under one key, which is
//! a thousand looks a second for 49 days: rotate the key before.

use super::codec;
use crate::lookup::LookKey;
use crate::secret::KeyMaterial;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{constant_time, hkdf, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The layout of names, pointers and sealed values. Another layout has other names and other keys.
const LAYOUT: &str = "cpis-fhir sharing table 1";
const KEY_ID: usize = 4;
const FINGERPRINT: usize = 4;
const HEADER: usize = KEY_ID + FINGERPRINT + NONCE_LEN;
const MAC: usize = 32;

/// The keys of the table: the first one writes, all of them read. `Debug` shows no key.
#[derive(Clone)]
pub(in crate::lookup) struct StoreKeys(Arc<[StoreKey]>);

/// Which of the [`StoreKeys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lookup) struct KeyNumber(pub usize);

impl KeyNumber {
    /// The key that writes.
    pub(in crate::lookup) const FIRST: Self = Self(0);
}

/// What a sealed value is for; one is never read as the other.
#[derive(Debug, Clone, Copy)]
pub(in crate::lookup) enum Purpose<'a> {
    /// The answer that a look shares.
    Shared,
    /// The outcome of one flight, for the requests that belong to it.
    Outcome(&'a Token),
    /// What outlives a restart, bound to the frame's head (`lookup/window`).
    Window(&'a [u8]),
}

/// Why a value was not opened. It then counts as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::lookup) enum OpenError {
    #[error("it was written in the form of another version")]
    OtherForm,
    #[error("it does not open: another key, another look, or it was changed")]
    Closed,
    #[error("it opens, but cannot be read")]
    Unreadable,
}

/// Names a flight: 16 random bytes as hex digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::lookup) struct Token(String);

/// The system gives no random numbers.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no random numbers available")]
pub(in crate::lookup) struct NoRandom;

struct StoreKey {
    name: hmac::Key,
    tie: hmac::Key,
    seal: RandomizedNonceKey,
    id: [u8; KEY_ID],
}

impl Token {
    pub(super) fn fresh() -> Result<Self, NoRandom> {
        let mut bytes = [0; 16];
        rand::fill(&mut bytes).map_err(|_| NoRandom)?;
        Ok(Self(format!("{:032x}", u128::from_be_bytes(bytes))))
    }

    /// `None` unless the bytes are 32 hex digits in lower case.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let good = bytes.len() == 32 && bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        good.then(|| Self(String::from_utf8_lossy(bytes).into_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl StoreKeys {
    /// `None` when there is no key, or no key can be derived.
    pub(in crate::lookup) fn new(keys: &[KeyMaterial]) -> Option<Self> {
        let keys: Option<Vec<StoreKey>> = keys.iter().map(|key| StoreKey::derive(key.bytes())).collect();
        keys.filter(|keys| !keys.is_empty()).map(|keys| Self(keys.into()))
    }

    /// The first one writes.
    pub(in crate::lookup) fn numbers(&self) -> impl Iterator<Item = KeyNumber> + use<> {
        (0..self.0.len()).map(KeyNumber)
    }

    /// The prefix of all names about a look.
    pub(super) fn look(&self, key: KeyNumber, look: &LookKey) -> String {
        format!("cpis-fhir:{}", self.key(key).named("look", look, b""))
    }

    /// The name under which a request's flight is found.
    pub(super) fn request(&self, key: KeyNumber, look: &LookKey, request_id: &str) -> String {
        format!("cpis-fhir:{}", self.key(key).named("request", look, request_id.to_ascii_lowercase().as_bytes()))
    }

    /// Ties a request to a flight: the token, and a MAC over look, request and token.
    pub(super) fn pointer(&self, key: KeyNumber, look: &LookKey, request_id: &str, token: &Token) -> Vec<u8> {
        let mut pointer = token.0.clone().into_bytes();
        pointer.extend_from_slice(self.tie(key, look, request_id, token).as_ref());
        pointer
    }

    /// The flight that a pointer leads to; `None` unless it was made for this look and this request.
    pub(super) fn follow(&self, key: KeyNumber, look: &LookKey, request_id: &str, pointer: &[u8]) -> Option<Token> {
        let (token, mac) = pointer.split_at_checked(pointer.len().checked_sub(MAC)?)?;
        let token = Token::read(token)?;
        constant_time::verify_slices_are_equal(self.tie(key, look, request_id, &token).as_ref(), mac).ok()?;
        Some(token)
    }

    fn tie(&self, key: KeyNumber, look: &LookKey, request_id: &str, token: &Token) -> hmac::Tag {
        let request_id = request_id.to_ascii_lowercase();
        keyed(&self.key(key).tie, &[b"pointer", &look.canonical(), request_id.as_bytes(), token.0.as_bytes()])
    }

    /// Seals `plain` for one purpose of one look: key id, fingerprint of the form, nonce, cipher text and tag.
    pub(in crate::lookup) fn seal(
        &self,
        key: KeyNumber,
        look: &LookKey,
        purpose: Purpose<'_>,
        mut plain: Zeroizing<Vec<u8>>,
    ) -> Result<Vec<u8>, NoRandom> {
        let key = self.key(key);
        let nonce = key.seal.seal_in_place_append_tag(Aad::from(bound(look, purpose)), &mut *plain).map_err(|_| NoRandom)?;
        let mut sealed = Vec::with_capacity(HEADER + plain.len());
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(&codec::fingerprint());
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&plain);
        Ok(sealed)
    }

    /// Opens what [`StoreKeys::seal`] made, for the same look and purpose.
    pub(in crate::lookup) fn open(
        &self,
        key: KeyNumber,
        look: &LookKey,
        purpose: Purpose<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let key = self.key(key);
        let (header, cipher_text) = sealed.split_at_checked(HEADER).ok_or(OpenError::Closed)?;
        let (id, rest) = header.split_at(KEY_ID);
        let (form, nonce) = rest.split_at(FINGERPRINT);
        if id != key.id {
            return Err(OpenError::Closed);
        }
        if form != codec::fingerprint() {
            return Err(OpenError::OtherForm);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenError::Closed)?;
        let mut opened = Zeroizing::new(cipher_text.to_vec());
        let length =
            key.seal.open_in_place(nonce, Aad::from(bound(look, purpose)), &mut opened).map_err(|_| OpenError::Closed)?.len();
        opened.truncate(length);
        Ok(opened)
    }

    fn key(&self, number: KeyNumber) -> &StoreKey {
        // A number comes from these keys. For any other number the first key opens nothing, which is right.
        self.0.get(number.0).unwrap_or(&self.0[0])
    }
}

impl StoreKey {
    fn derive(key: &[u8; 32]) -> Option<Self> {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, LAYOUT.as_bytes()).extract(key);
        let derive = |purpose: &str| -> Option<Zeroizing<[u8; 32]>> {
            let mut derived = Zeroizing::new([0; 32]);
            root.expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256).ok()?.fill(derived.as_mut()).ok()?;
            Some(derived)
        };
        let id = derive("key id")?;
        Some(Self {
            name: hmac::Key::new(hmac::HMAC_SHA256, derive("names")?.as_slice()),
            tie: hmac::Key::new(hmac::HMAC_SHA256, derive("pointers")?.as_slice()),
            seal: RandomizedNonceKey::new(&AES_256_GCM, derive("values")?.as_slice()).ok()?,
            id: [id[0], id[1], id[2], id[3]],
        })
    }

    fn named(&self, kind: &str, look: &LookKey, more: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(keyed(&self.name, &[kind.as_bytes(), &look.canonical(), more]))
    }
}

/// A MAC over parts, each after its length, so that different lists of parts give different input.
fn keyed(key: &hmac::Key, parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.sign()
}

/// The associated data of a value.
fn bound(look: &LookKey, purpose: Purpose<'_>) -> Zeroizing<Vec<u8>> {
    let mut bound = look.canonical();
    match purpose {
        Purpose::Shared => bound.extend_from_slice(b"shared"),
        Purpose::Outcome(token) => {
            bound.extend_from_slice(b"outcome");
            bound.extend_from_slice(token.0.as_bytes());
        }
        Purpose::Window(words) => {
            bound.extend_from_slice(b"window");
            bound.extend_from_slice(words);
        }
    }
    bound
}

impl std::fmt::Debug for StoreKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoreKeys({} keys)", self.0.len())
    }
}

#[cfg(test)]
mod tests;
