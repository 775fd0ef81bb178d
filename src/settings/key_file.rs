//! Key files: 32 bytes a line, as 64 hex digits or base64; the first line's key writes, all of them read (decisions.md 21).

use super::files;
use super::key::Key;
use super::reader::{Reader, ReportedFault};
use crate::secret::KeyMaterial;
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::path::PathBuf;
use zeroize::Zeroizing;

const WANTED: &str = "wanted 32 bytes as 64 hex digits or base64, one key a line";

/// What happens if no key file is named: a fault, no keys, or a random key for a demonstration.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum MissingKeyFile {
    Required(&'static str),
    NoKeys,
    Random,
}

impl MissingKeyFile {
    /// A demonstration needs no key file.
    pub(super) const fn in_demo(is_demo: bool) -> Self {
        if is_demo { Self::Random } else { Self::Required(" (unless access.modes is demo)") }
    }
}

/// The keys in the file that `key` names. Empty only with [`MissingKeyFile::NoKeys`].
pub(super) fn keys(
    reader: &mut Reader,
    key: Key<Option<PathBuf>>,
    when_absent: MissingKeyFile,
) -> Result<Vec<KeyMaterial>, ReportedFault> {
    if let Some(bytes) = files::secret_contents(reader, key)? {
        return parse(&bytes).map_err(|problem| reader.fault(key, problem));
    }
    match when_absent {
        MissingKeyFile::NoKeys => Ok(Vec::new()),
        MissingKeyFile::Required(why) => Err(reader.miss(key, why)),
        MissingKeyFile::Random => {
            let mut bytes = Zeroizing::new([0; 32]);
            if aws_lc_rs::rand::fill(bytes.as_mut()).is_err() {
                return Err(reader.fault(key, "no random key could be made; name a key file"));
            }
            reader.warn(key, "not set: a random key is used, and what it protects cannot be read after a restart");
            Ok(vec![KeyMaterial::new(*bytes)])
        }
    }
}

/// Reads the lines of a key file. No message quotes any of them.
fn parse(bytes: &[u8]) -> Result<Vec<KeyMaterial>, String> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(format!("the file is not text; {WANTED}"));
    };
    let mut keys: Vec<KeyMaterial> = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let key = decode(line.trim()).ok_or_else(|| format!("line {} of the file is no key; {WANTED}", at + 1))?;
        if keys.iter().any(|other| other.bytes() == key.bytes()) {
            return Err(format!("line {} of the file repeats a key of an earlier line", at + 1));
        }
        keys.push(key);
    }
    if keys.is_empty() { Err(format!("the file holds no key; {WANTED}")) } else { Ok(keys) }
}

fn decode(line: &str) -> Option<KeyMaterial> {
    let bytes = if line.len() == 64 { hex(line) } else { base64(line) }?;
    <[u8; 32]>::try_from(bytes.as_slice()).ok().map(KeyMaterial::new)
}

fn hex(line: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = line.as_bytes().chunks_exact(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect::<Option<Vec<u8>>>().map(Zeroizing::new)
}

/// Standard or URL-safe, with or without padding.
fn base64(line: &str) -> Option<Zeroizing<Vec<u8>>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engines = [STANDARD, URL_SAFE].map(|alphabet| GeneralPurpose::new(&alphabet, config));
    engines.iter().find_map(|engine| engine.decode(line).ok()).map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};

    /// Bytes whose base64 differs between the two alphabets.
    const KEY: [u8; 32] = [0xfb; 32];

    fn hex_of(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
    }

    fn problem(text: &str) -> String {
        parse(text.as_bytes()).expect_err("a fault")
    }

    #[test]
    fn a_key_is_hex_or_base64_of_either_alphabet() {
        let forms = [
            hex_of(&KEY),
            hex_of(&KEY).to_uppercase(),
            BASE64_STANDARD.encode(KEY),
            BASE64_STANDARD_NO_PAD.encode(KEY),
            BASE64_URL_SAFE.encode(KEY),
            BASE64_URL_SAFE_NO_PAD.encode(KEY),
            format!("  {}\r\n\n", hex_of(&KEY)),
        ];
        for form in forms {
            let keys = parse(form.as_bytes()).expect("a key");
            assert_eq!(keys.len(), 1);
            assert_eq!(keys[0].bytes(), &KEY);
        }
    }

    #[test]
    fn several_lines_are_several_keys_in_their_order() {
        let keys = parse(format!("{}\n\n{}\n", hex_of(&[1; 32]), hex_of(&[2; 32])).as_bytes()).unwrap();
        assert_eq!(keys.iter().map(|key| key.bytes()[0]).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn the_same_key_in_two_forms_is_still_the_same_key() {
        let problem = problem(&format!("{}\n{}\n", hex_of(&KEY), BASE64_STANDARD.encode(KEY)));
        assert_eq!(problem, "line 2 of the file repeats a key of an earlier line");
    }

    #[test]
    fn a_key_of_another_length_is_refused_and_not_shown() {
        for wrong in ["hunter2", &hex_of(&[7; 31]), &hex_of(&[7; 33]), &BASE64_STANDARD.encode([7; 31]), &"g".repeat(64), "é"] {
            let problem = problem(&format!("{}\n{wrong}\n", hex_of(&KEY)));
            assert_eq!(problem, format!("line 2 of the file is no key; {WANTED}"), "{wrong}");
        }
        assert!(parse(&KEY).is_err(), "raw bytes are no key");
        assert!(parse(b" \n\n").is_err());
    }
}
