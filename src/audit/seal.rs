//! NHS numbers at rest: sealed, with a keyed blind index for search. Callers' ids: how those are kept that might identify a
//! person.

use super::{KeyId, NoKeys};
use crate::cpis::{CallerId, NhsNumber};
use crate::secret::KeyMaterial;
use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hmac, rand};
use std::sync::Arc;
use uuid::Uuid;
use zeroize::Zeroizing;

/// The encryption keys of the trail: the first one writes, all of them read. `Debug` shows nothing of them. The keys can be
/// renewed while numbers are sealed.
pub struct Seal(ArcSwap<Vec<SealKey>>);

struct SealKey {
    id: KeyId,
    number: LessSafeKey,
    index: hmac::Key,
    caller_id: hmac::Key,
}

/// A sealed NHS number: key id (8), nonce (12), ciphertext and tag (26).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedNumber(pub Vec<u8>);

/// How the store finds a child: a keyed hash of the NHS number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChildIndex(pub [u8; 16]);

const NONCE: usize = 12;

/// The prefix of an id's hash. The hash is itself a plain id, so that one found in a log can be searched for in the trail.
const HASHED: &str = "hashed-";

impl Seal {
    /// # Errors
    /// [`NoKeys`] when there is none.
    pub fn new(keys: &[KeyMaterial]) -> Result<Self, NoKeys> {
        derived(keys).map(|keys| Self(ArcSwap::from_pointee(keys)))
    }

    /// Uses these keys from now on.
    ///
    /// # Errors
    /// [`NoKeys`] when there is none; then nothing changes.
    pub(super) fn renew(&self, keys: &[KeyMaterial]) -> Result<(), NoKeys> {
        self.0.store(Arc::new(derived(keys)?));
        Ok(())
    }

    /// Seals the number for the entry `id`, to which it stays bound. `None` if the system gives no randomness.
    pub(super) fn seal(&self, number: &NhsNumber, id: Uuid) -> Option<SealedNumber> {
        let keys = self.0.load();
        let key = keys.first()?;
        let mut nonce = [0; NONCE];
        rand::fill(&mut nonce).ok()?;
        let mut text = number.digits().as_bytes().to_vec();
        let aad = Aad::from(*id.as_bytes());
        key.number.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text).ok()?;
        let mut sealed = Vec::with_capacity(KeyId::LENGTH + NONCE + text.len());
        sealed.extend_from_slice(&key.id.0);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&text);
        Some(SealedNumber(sealed))
    }

    /// Opens what was sealed for the entry `id`; `None` if no key fits, or it was changed or moved.
    #[must_use]
    pub fn open(&self, sealed: &SealedNumber, id: Uuid) -> Option<NhsNumber> {
        let (key_id, rest) = sealed.0.split_at_checked(KeyId::LENGTH)?;
        let (nonce, text) = rest.split_at_checked(NONCE)?;
        let keys = self.0.load();
        let key = keys.iter().find(|key| key.id.0 == key_id)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let digits = key.number.open_in_place(nonce, Aad::from(*id.as_bytes()), &mut text).ok()?;
        NhsNumber::parse(std::str::from_utf8(digits).ok()?).ok()
    }

    /// The index that new entries carry. `None` never happens: there is always a first key.
    pub(super) fn index(&self, number: &NhsNumber) -> Option<ChildIndex> {
        self.0.load().first().map(|key| key.index(number))
    }

    /// Every index under which entries about the child may be found, one for each key.
    pub fn indexes(&self, number: &NhsNumber) -> Vec<ChildIndex> {
        self.0.load().iter().map(|key| key.index(number)).collect()
    }

    /// What a log and the trail hold of a caller's id: a plain one as it is, otherwise a keyed hash, which cannot be guessed
    /// without the key (decisions.md 66).
    #[must_use]
    pub fn kept(&self, id: &CallerId) -> String {
        let keys = self.0.load();
        // There is always a first key.
        keys.first().filter(|_| !id.is_plain()).map_or_else(|| id.as_received().to_owned(), |key| key.hash(id))
    }

    /// Every form that [`Seal::kept`] may have given this id, one for each key: the id is found by any of them.
    #[must_use]
    pub fn all_kept(&self, id: &CallerId) -> Vec<String> {
        if id.is_plain() {
            return vec![id.as_received().to_owned()];
        }
        self.0.load().iter().map(|key| key.hash(id)).collect()
    }
}

impl SealKey {
    fn new(key: &KeyMaterial) -> Option<Self> {
        let number = derive(key, b"cpis-fhir trail: NHS number");
        let index = derive(key, b"cpis-fhir trail: child index");
        let caller_id = derive(key, b"cpis-fhir trail: id of a caller");
        Some(Self {
            id: KeyId::of(key),
            number: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, number.as_slice()).ok()?),
            index: hmac::Key::new(hmac::HMAC_SHA256, index.as_slice()),
            caller_id: hmac::Key::new(hmac::HMAC_SHA256, caller_id.as_slice()),
        })
    }

    fn index(&self, number: &NhsNumber) -> ChildIndex {
        let mut index = [0; 16];
        index.copy_from_slice(&hmac::sign(&self.index, number.digits().as_bytes()).as_ref()[..16]);
        ChildIndex(index)
    }

    /// Letters instead of digits, so that no part looks like a number.
    fn hash(&self, id: &CallerId) -> String {
        let tag = hmac::sign(&self.caller_id, id.normal().as_bytes());
        let letter = |nibble: u8| char::from(b'a' + nibble);
        let letters = tag.as_ref()[..16].iter().flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]);
        HASHED.chars().chain(letters).collect()
    }
}

/// Never empty.
fn derived(keys: &[KeyMaterial]) -> Result<Vec<SealKey>, NoKeys> {
    let keys: Vec<SealKey> = keys.iter().filter_map(SealKey::new).collect();
    if keys.is_empty() { Err(NoKeys) } else { Ok(keys) }
}

/// Keys for another purpose, derived from the encryption keys of the trail.
#[must_use]
pub fn keys_for(keys: &[KeyMaterial], purpose: &[u8]) -> Vec<KeyMaterial> {
    keys.iter().map(|key| KeyMaterial::new(*derive(key, purpose))).collect()
}

/// A derived key for one purpose, so that no two uses share one.
pub(super) fn derive(key: &KeyMaterial, purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut derived = Zeroizing::new([0; 32]);
    let master = hmac::Key::new(hmac::HMAC_SHA256, key.bytes());
    derived.copy_from_slice(hmac::sign(&master, purpose).as_ref());
    derived
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seal({} keys)", self.0.load().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(keys: &[u8]) -> Seal {
        Seal::new(&keys.iter().map(|key| KeyMaterial::new([*key; 32])).collect::<Vec<_>>()).unwrap()
    }

    fn number() -> NhsNumber {
        NhsNumber::parse("9990000018").unwrap()
    }

    #[test]
    fn a_sealed_number_opens_for_its_own_entry_only() {
        let (seal, id) = (seal(&[1]), Uuid::new_v4());
        let sealed = seal.seal(&number(), id).unwrap();
        assert_eq!(seal.open(&sealed, id), Some(number()));
        assert_eq!(seal.open(&sealed, Uuid::new_v4()), None);
        assert!(!sealed.0.windows(10).any(|window| window == b"9990000018"));
    }

    #[test]
    fn any_changed_byte_makes_it_unreadable() {
        let (seal, id) = (seal(&[1]), Uuid::new_v4());
        let sealed = seal.seal(&number(), id).unwrap();
        for at in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[at] ^= 1;
            assert_eq!(seal.open(&changed, id), None, "byte {at}");
        }
    }

    #[test]
    fn a_new_key_in_front_still_reads_and_finds_what_the_old_one_wrote() {
        let (old, id) = (seal(&[1]), Uuid::new_v4());
        let both = seal(&[2, 1]);
        assert_eq!(both.open(&old.seal(&number(), id).unwrap(), id), Some(number()));
        assert!(both.indexes(&number()).into_iter().any(|index| Some(index) == old.index(&number())));
        assert_ne!(both.index(&number()), old.index(&number()));
    }

    #[test]
    fn an_id_that_could_say_something_is_kept_as_its_hash_alone() {
        let id = |text: &str| CallerId::parse(text).unwrap();
        let seal = seal(&[1]);
        assert_eq!(seal.kept(&id("60E0B220-8136")), "60E0B220-8136");
        for text in ["ward:7#Robin", "urn:uuid:60e0b220-8136-4ca5-ae46-1d97ef59d068", &"r".repeat(65)] {
            let kept = seal.kept(&id(text));
            assert!(id(&kept).is_plain() && kept.len() == 39, "{kept}");
            assert!(!kept.contains(['0', '1', '9']) && !kept.contains("robin"), "{kept}");
            assert_eq!(kept, seal.kept(&id(&text.to_uppercase())), "letter case is no difference");
            assert_ne!(kept, seal.kept(&id(&format!("{text}x"))));
        }
    }

    #[test]
    fn a_hashed_id_is_known_again_after_a_new_key() {
        let id = CallerId::parse("ward:7#Robin").unwrap();
        let (old, both) = (seal(&[1]), seal(&[2, 1]));
        assert_ne!(both.kept(&id), old.kept(&id));
        assert!(both.all_kept(&id).contains(&old.kept(&id)));
        assert!(both.all_kept(&id).contains(&both.kept(&id)));
    }
}
