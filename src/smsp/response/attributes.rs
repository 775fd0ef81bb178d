//! The attributes of one start tag, checked against the limits.

use super::xml::{LONGEST_TEXT, ReadError};
use crate::cpis::Malformed;
use memchr::memchr2;
use quick_xml::{XmlVersion, events::attributes::Attribute, name::QName};
use std::borrow::Cow;

/// More than any HL7 V3 or SOAP element has. Keeps the check for duplicates cheap.
const MOST_ATTRIBUTES: usize = 32;

const MALFORMED: ReadError = ReadError::Unreadable(Malformed::Attribute);

/// The attributes of the start tag read last. Reused between elements, so it allocates once.
#[derive(Default)]
pub(super) struct Attributes<'a>(Vec<RawAttribute<'a>>);

struct RawAttribute<'a> {
    name: &'a str,
    /// As written in the document.
    value: &'a str,
    /// The value has no reference and no white space except spaces, so it needs no decoding.
    is_plain: bool,
}

impl<'a> Attributes<'a> {
    /// Reads the attributes of a start tag: the text between its name and its end.
    pub(super) fn scan(&mut self, tag: &'a str) -> Result<(), ReadError> {
        self.0.clear();
        let mut rest = tag;
        loop {
            let trimmed = rest.trim_ascii_start();
            if trimmed.is_empty() {
                return Ok(());
            }
            if trimmed.len() == rest.len() {
                return Err(MALFORMED);
            }
            rest = self.scan_one(trimmed)?;
        }
    }

    fn scan_one(&mut self, tag: &'a str) -> Result<&'a str, ReadError> {
        let (name, rest) = split_name(tag).ok_or(MALFORMED)?;
        let (value, rest) = split_value(rest).ok_or(MALFORMED)?;
        if value.len() > LONGEST_TEXT {
            return Err(ReadError::Unreadable(Malformed::LongText));
        }
        if self.0.len() == MOST_ATTRIBUTES {
            return Err(ReadError::Unreadable(Malformed::TooManyAttributes));
        }
        if self.0.iter().any(|other| other.name == name) {
            return Err(ReadError::Unreadable(Malformed::DuplicateAttribute));
        }
        let is_plain = is_plain(value);
        if !is_plain && value.as_bytes().contains(&b'&') {
            decode(name, value)?;
        }
        self.0.push(RawAttribute { name, value, is_plain });
        Ok(rest)
    }

    /// The value of an unprefixed attribute: references resolved, white space normalised and trimmed.
    pub(super) fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let RawAttribute { name, value, is_plain } = self.0.iter().find(|other| other.name == name)?;
        if *is_plain {
            return Some(Cow::Borrowed(value.trim()));
        }
        // `scan` has decoded it once, so this cannot fail.
        let value = decode(name, value).ok()?;
        Some(Cow::Owned(value.trim().to_owned()))
    }
}

/// A name and the text after its equals sign, without white space around the sign.
fn split_name(tag: &str) -> Option<(&str, &str)> {
    let (name, rest) = leading_name(tag)?;
    let rest = rest.trim_ascii_start().strip_prefix('=')?;
    Some((name, rest.trim_ascii_start()))
}

/// A value without its quotes, and the text after it. A value has no `<`.
fn split_value(text: &str) -> Option<(&str, &str)> {
    let quote = *text.as_bytes().first().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let text = &text[1..];
    let (value, rest) = text.split_at(memchr2(quote, b'<', text.as_bytes())?);
    Some((value, rest.strip_prefix(char::from(quote))?))
}

/// Without an early exit, so that the compiler can check many bytes at once.
fn is_plain(value: &str) -> bool {
    !value.bytes().fold(false, |odd, byte| odd | matches!(byte, b'&' | b'\t' | b'\n' | b'\r'))
}

fn decode<'a>(name: &'a str, value: &'a str) -> Result<Cow<'a, str>, ReadError> {
    let attribute = Attribute { key: QName(name), value: Cow::Borrowed(value) };
    let decoded =
        attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| ReadError::Unreadable(Malformed::UnknownEntity))?;
    if decoded.chars().all(is_allowed) { Ok(decoded) } else { Err(ReadError::Unreadable(Malformed::ControlCharacter)) }
}

/// Whether XML 1.0 allows the character.
pub(super) fn is_allowed(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// The XML name at the start of `text`, and the rest. Accepts every non-ASCII letter: no name that matters has one.
pub(super) fn leading_name(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| !NAME[usize::from(byte)]).unwrap_or(text.len());
    begins_as_name(text).then(|| text.split_at(end))
}

/// Whether a name may start with the first byte.
pub(super) fn begins_as_name(text: &str) -> bool {
    let first = text.as_bytes().first();
    first.is_some_and(|&first| NAME[usize::from(first)] && !matches!(first, b'.' | b'-' | b'0'..=b'9'))
}

/// The bytes that a name may contain.
const NAME: [bool; 256] = {
    let mut may = [false; 256];
    let mut byte = u8::MAX;
    while byte > 0 {
        may[byte as usize] = !byte.is_ascii() || byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
        byte -= 1;
    }
    may
};
