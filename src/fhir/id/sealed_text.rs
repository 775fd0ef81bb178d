//! Sealed texts of any length, for links that carry their own state. Their keys are derived from those of ids.

use super::{ENGINE, IdKeyNumber, IdKeys};
use aes_siv::siv::IV_SIZE;
use base64::Engine;
use zeroize::Zeroizing;

/// We never make a longer one.
const MAX_CHARACTERS: usize = 64 * 1024;

impl IdKeys {
    /// The text under the first key, in the characters of ids. The same text always gives the same token.
    #[must_use]
    pub fn seal_text(&self, text: Vec<u8>) -> String {
        let mut text = Zeroizing::new(text);
        let version = self.version(IdKeyNumber::FIRST);
        let iv = self.encrypt_text(&mut text, version);
        let mut token = Vec::with_capacity(1 + IV_SIZE + text.len());
        token.push(version);
        token.extend_from_slice(&iv);
        token.extend_from_slice(&text);
        ENGINE.encode(token)
    }

    /// The text, or `None` if no key opens the token.
    #[must_use]
    pub fn open_text(&self, token: &str) -> Option<Zeroizing<Vec<u8>>> {
        if token.len() > MAX_CHARACTERS {
            return None;
        }
        let token = ENGINE.decode(token).ok()?;
        let (&version, rest) = token.split_first()?;
        let (iv, sealed) = rest.split_at_checked(IV_SIZE)?;
        self.numbers().filter(|key| self.version(*key) == version).find_map(|key| {
            let mut text = Zeroizing::new(sealed.to_vec());
            self.decrypt_text(key, &mut text, iv, version).then_some(text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(byte: u8) -> IdKeys {
        IdKeys::new(vec![[byte; 32]]).unwrap()
    }

    #[test]
    fn an_id_is_no_text_and_a_text_is_no_id() {
        let keys = keys(1);
        let number = crate::cpis::NhsNumber::parse("9990000018").unwrap();
        let id = keys.seal(crate::fhir::resource_type::ResourceType::Patient, &number, &super::super::AnswerPart::EMPTY);
        assert_eq!(keys.open_text(&id), None);
        assert_eq!(keys.open(&keys.seal_text(vec![6, 0, 0, 0, 0, 0])), None);
    }

    #[test]
    fn texts_of_an_older_key_are_still_read() {
        let token = keys(1).seal_text(b"page".to_vec());
        let rotated = IdKeys::new(vec![[2; 32], [1; 32]]).unwrap();
        assert_eq!(rotated.open_text(&token).unwrap().as_slice(), b"page");
        assert_eq!(keys(2).open_text(&token), None);
    }

    proptest! {
        #[test]
        fn a_text_is_read_back_and_any_change_is_noticed(
            text in proptest::collection::vec(any::<u8>(), 0..200),
            place in any::<prop::sample::Index>(),
        ) {
            let keys = keys(3);
            let token = keys.seal_text(text.clone());
            prop_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')));
            let opened = keys.open_text(&token).unwrap();
            prop_assert_eq!(opened.as_slice(), text.as_slice());
            let mut changed = token.into_bytes();
            let place = place.index(changed.len());
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            prop_assert_eq!(keys.open_text(std::str::from_utf8(&changed).unwrap()), None);
        }

        #[test]
        fn any_text_is_read_without_a_panic(token in "\\PC{0,80}") {
            let _ = keys(3).open_text(&token);
        }
    }
}
