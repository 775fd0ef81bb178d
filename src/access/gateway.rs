//! A gateway that authenticates users: its client certificate identifies it, and its headers identify the user.
//!
//! Without a certificate on the list the headers are ignored.

use super::IdentityPart::{self, Activities, Family, Given, Prefix, RoleCode, UserId};
use super::person::{self, IdentityParts};
use super::{ClientCertificate, Gateway, Header, HeaderEncoding, Headers, Refusal, bearer};
use crate::cpis::Text;
use percent_encoding::percent_decode;
use std::borrow::Cow;

/// A gateway whose headers are trusted.
pub(super) struct TrustedGateway<'a> {
    /// The name in the settings.
    pub name: &'a str,
    /// The whole subject of its certificate.
    pub subject: String,
}

/// The gateway that `certificate` belongs to.
pub(super) fn trusted<'a>(gateway: &'a Gateway, certificate: Option<&ClientCertificate>) -> Result<TrustedGateway<'a>, Refusal> {
    let certificate = certificate.ok_or(Refusal::NotAGateway)?;
    let name = gateway.certificates.iter().find(|name| certificate.is(name)).ok_or(Refusal::NotAGateway)?;
    Ok(TrustedGateway { name, subject: certificate.subject() })
}

/// The signed token in the header `name`.
pub(super) fn token<'h>(headers: &'h dyn Headers, name: &str) -> Result<&'h str, Refusal> {
    value(headers, name)?.map_or(Err(Refusal::NoGatewayToken), bearer::checked)
}

/// The parts of an identity in plain headers.
pub(super) fn parts(headers: &dyn Headers, gateway: &Gateway) -> Result<IdentityParts, Refusal> {
    let mut parts = IdentityParts::default();
    for part in IdentityPart::ALL {
        let text = text(headers, gateway.headers[part].as_deref(), gateway.encoding, part)?;
        match part {
            UserId | RoleCode => parts.texts[part] = code(text, part)?,
            Activities => {
                parts.lists[part] = person::words(text.as_str()).filter(|word| !is_absent(word.as_str().as_bytes())).collect();
            }
            Prefix | Given | Family => parts.lists[part].extend((!text.is_empty()).then_some(text)),
            _ => parts.texts[part] = text,
        }
    }
    Ok(parts)
}

fn text(headers: &dyn Headers, name: Option<&str>, encoding: HeaderEncoding, part: IdentityPart) -> Result<Text, Refusal> {
    let Some(value) = name.map(|name| value(headers, name)).transpose()?.flatten() else { return Ok(Text::default()) };
    let text = match encoding {
        HeaderEncoding::Utf8 => Cow::Borrowed(std::str::from_utf8(value).map_err(|_| Refusal::Malformed(part.label()))?),
        HeaderEncoding::Percent => percent_decode(value).decode_utf8().map_err(|_| Refusal::Malformed(part.label()))?,
    };
    let text = text.trim();
    if is_absent(text.as_bytes()) {
        return Ok(Text::default());
    }
    // Escapes would reach the query and the trail as if they were letters of the name.
    if is_encoded(text) { Err(Refusal::Encoded(part.label())) } else { Ok(text.into()) }
}

/// The only value of a header, unless it is absent or a placeholder.
fn value<'h>(headers: &'h dyn Headers, name: &str) -> Result<Option<&'h [u8]>, Refusal> {
    match headers.header(name) {
        Header::Absent => Ok(None),
        Header::Several => Err(Refusal::GatewayHeaderRepeated),
        Header::One(value) => Ok(Some(value.trim_ascii()).filter(|value| !is_absent(value))),
    }
}

/// Placeholders that servers write for a variable that is not set: nothing, `(null)` (Apache httpd), `-` (HAProxy, Envoy).
fn is_absent(value: &[u8]) -> bool {
    value.is_empty() || value == b"-" || value.eq_ignore_ascii_case(b"(null)")
}

/// Whether text still contains escapes: `%C3` (RFC 3986), `=?utf-8?Q?...?=` (RFC 2047), `UTF-8''...` (RFC 8187), `&#250;`.
fn is_encoded(text: &str) -> bool {
    let bytes = text.as_bytes();
    let percent = bytes.windows(3).any(|three| three[0] == b'%' && three[1..].iter().all(u8::is_ascii_hexdigit));
    let reference = bytes.windows(3).any(|three| three.starts_with(b"&#") && (three[2].is_ascii_digit() || three[2] == b'x'));
    let extended = bytes.get(..7).is_some_and(|beginning| beginning.eq_ignore_ascii_case(b"utf-8''"));
    percent || reference || extended || (text.contains("=?") && text.contains("?="))
}

/// A header that was sent twice may arrive as one with a comma.
fn code(text: Text, part: IdentityPart) -> Result<Text, Refusal> {
    if text.as_str().contains(',') { Err(Refusal::Malformed(part.label())) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One header, with this value.
    struct Sends(&'static [u8]);

    impl Headers for Sends {
        fn header(&self, _name: &str) -> Header<'_> {
            Header::One(self.0)
        }
    }

    fn read(value: &'static [u8], encoding: HeaderEncoding) -> Result<String, Refusal> {
        text(&Sends(value), Some("X-Family"), encoding, Family).map(|text| text.as_str().to_owned())
    }

    #[test]
    fn what_servers_write_for_a_variable_that_is_not_set_is_absent() {
        for value in [&b""[..], b" ", b"\t ", b"-", b" - ", b"(null)", b"(NULL)", b" (null) "] {
            for encoding in [HeaderEncoding::Utf8, HeaderEncoding::Percent] {
                assert_eq!(read(value, encoding).as_deref(), Ok(""), "{value:?}");
            }
            assert_eq!(token(&Sends(value), "X-Token"), Err(Refusal::NoGatewayToken), "{value:?}");
        }
        for encoded in [&b"%20"[..], b"%2D", b"%28null%29"] {
            assert_eq!(read(encoded, HeaderEncoding::Percent).as_deref(), Ok(""), "{encoded:?}");
        }
        for name in [&b"Null"[..], b"null", b"--", b"O-", b"(none)"] {
            assert_eq!(read(name, HeaderEncoding::Utf8).map(String::into_bytes), Ok(name.to_vec()));
        }
    }

    #[test]
    fn values_are_read_as_the_setting_says_and_no_escape_stays() {
        use HeaderEncoding::{Percent, Utf8};
        let nunez = "N\u{fa}\u{f1}ez";
        assert_eq!(read("N\u{fa}\u{f1}ez".as_bytes(), Utf8).as_deref(), Ok(nunez));
        assert_eq!(read(b"N%C3%BA%c3%b1ez", Percent).as_deref(), Ok(nunez));
        assert_eq!(read(b"Example", Percent).as_deref(), Ok("Example"));
        assert_eq!(read(b"O%27Neill 100%", Percent).as_deref(), Ok("O'Neill 100%"));
        for encoded in
            [&b"N%C3%BA%C3%B1ez"[..], b"=?utf-8?B?TsO6w7Fleg==?=", b"UTF-8''N%C3%BA%C3%B1ez", b"utf-8''Nunez", b"N&#250;&#xf1;ez"]
        {
            assert_eq!(read(encoded, Utf8), Err(Refusal::Encoded(Family.label())), "{encoded:?}");
        }
        assert_eq!(read(b"N%25C3%25BA", Percent), Err(Refusal::Encoded(Family.label())), "encoded twice");
        // Latin-1, in either way.
        assert_eq!(read(b"N\xfa\xf1ez", Utf8), Err(Refusal::Malformed(Family.label())));
        assert_eq!(read(b"N%FA%F1ez", Percent), Err(Refusal::Malformed(Family.label())));
    }
}
