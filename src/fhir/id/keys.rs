use super::AnswerPart;
use aes_siv::{
    Tag,
    aead::{KeyInit, generic_array::GenericArray},
    siv::Aes128Siv,
};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

/// The keys of ids: the first one writes, all of them read (decisions.md 21, 27). `Debug` shows no key.
pub struct IdKeys(Vec<IdKey>);

/// The position of a key in [`IdKeys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdKeyNumber(usize);

/// There must be at least one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at least one key for ids is needed")]
pub struct NoIdKeys;

struct IdKey {
    /// For AES-128-SIV.
    seal: Zeroizing<[u8; 32]>,
    /// The same for texts. With a key of their own, an id never passes for a text.
    seal_text: Zeroizing<[u8; 32]>,
    /// For the hashes that name parts.
    name: hmac::Key,
    /// Derived from the key, so keys can be added and removed in any order.
    version: u8,
}

impl IdKeyNumber {
    /// The key that writes.
    pub const FIRST: Self = Self(0);
}

impl IdKeys {
    /// Keys of 32 random bytes each; the first one writes.
    ///
    /// # Errors
    /// [`NoIdKeys`] if the list is empty.
    pub fn new(keys: Vec<[u8; 32]>) -> Result<Self, NoIdKeys> {
        let keys = Zeroizing::new(keys);
        if keys.is_empty() {
            return Err(NoIdKeys);
        }
        Ok(Self(keys.iter().map(IdKey::new).collect()))
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = IdKeyNumber> + use<> {
        (0..self.0.len()).map(IdKeyNumber)
    }

    pub(super) fn version(&self, key: IdKeyNumber) -> u8 {
        self.key(key).version
    }

    /// Encrypts in place under the first key and returns the SIV, which authenticates `version` as well.
    pub(super) fn encrypt(&self, plain: &mut [u8], version: u8) -> [u8; 16] {
        encrypt(&self.key(IdKeyNumber::FIRST).seal, plain, version)
    }

    /// The same for texts.
    pub(super) fn encrypt_text(&self, plain: &mut [u8], version: u8) -> [u8; 16] {
        encrypt(&self.key(IdKeyNumber::FIRST).seal_text, plain, version)
    }

    /// Decrypts in place; `false` if the token was not made with this key.
    pub(super) fn decrypt(&self, key: IdKeyNumber, sealed: &mut [u8], iv: &[u8], version: u8) -> bool {
        cipher(&self.key(key).seal).decrypt_in_place_detached([[version]], sealed, Tag::from_slice(iv)).is_ok()
    }

    /// The same for texts.
    pub(super) fn decrypt_text(&self, key: IdKeyNumber, sealed: &mut [u8], iv: &[u8], version: u8) -> bool {
        cipher(&self.key(key).seal_text).decrypt_in_place_detached([[version]], sealed, Tag::from_slice(iv)).is_ok()
    }

    /// Names a part by a keyed hash of its content; `ordinal` distinguishes equal parts.
    #[must_use]
    pub fn hashed(&self, key: IdKeyNumber, fields: &[&[u8]], ordinal: u16) -> AnswerPart {
        let mut context = hmac::Context::with_key(&self.key(key).name);
        for field in fields {
            context.update(&(field.len() as u64).to_be_bytes());
            context.update(field);
        }
        let mut hash = [0; 16];
        hash.copy_from_slice(&context.sign().as_ref()[..16]);
        AnswerPart::hash(hash, ordinal)
    }

    fn key(&self, number: IdKeyNumber) -> &IdKey {
        // After a reload a number may belong to the old keys. The first key then finds nothing, which is right.
        self.0.get(number.0).unwrap_or(&self.0[0])
    }
}

impl IdKey {
    fn new(key: &[u8; 32]) -> Self {
        let master = hmac::Key::new(hmac::HMAC_SHA256, key);
        let derive = |purpose: &str| {
            let mut derived = Zeroizing::new([0; 32]);
            derived.copy_from_slice(hmac::sign(&master, purpose.as_bytes()).as_ref());
            derived
        };
        Self {
            seal: derive("cpis-fhir id: seal"),
            seal_text: derive("cpis-fhir id: seal text"),
            name: hmac::Key::new(hmac::HMAC_SHA256, derive("cpis-fhir id: name").as_slice()),
            version: derive("cpis-fhir id: version")[0],
        }
    }
}

fn cipher(key: &Zeroizing<[u8; 32]>) -> Aes128Siv {
    Aes128Siv::new(GenericArray::from_slice(key.as_slice()))
}

fn encrypt(key: &Zeroizing<[u8; 32]>, plain: &mut [u8], version: u8) -> [u8; 16] {
    let sealed = cipher(key).encrypt_in_place_detached([[version]], plain);
    debug_assert!(sealed.is_ok(), "one header is never too many");
    sealed.unwrap_or_default().into()
}

impl std::fmt::Debug for IdKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IdKeys({} keys)", self.0.len())
    }
}
