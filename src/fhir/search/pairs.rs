//! Decodes names and values of a query string or a form body strictly: undecodable text is an error, never replaced or dropped.

use super::SearchError;

/// No honest search has more parameters.
const MOST_PAIRS: usize = 200;

/// One parameter as sent, decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    pub name: String,
    pub value: String,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pair(..)")
    }
}

/// Decodes `application/x-www-form-urlencoded` text and appends its pairs.
///
/// # Errors
/// [`SearchError::Undecodable`] for a broken percent escape, invalid UTF-8, a control character or too many parameters.
pub fn decode(text: &[u8], pairs: &mut Vec<Pair>) -> Result<(), SearchError> {
    for piece in text.split(|&b| b == b'&').filter(|piece| !piece.is_empty()) {
        if pairs.len() == MOST_PAIRS {
            return Err(SearchError::Undecodable { reason: "there are too many of them" });
        }
        let at = piece.iter().position(|&b| b == b'=');
        let (name, value) = at.map_or((piece, &piece[piece.len()..]), |at| (&piece[..at], &piece[at + 1..]));
        pairs.push(Pair { name: unescape(name)?, value: unescape(value)? });
    }
    Ok(())
}

fn unescape(text: &[u8]) -> Result<String, SearchError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = (hex(rest.next()), hex(rest.next()));
                let (Some(high), Some(low)) = digits else {
                    return Err(SearchError::Undecodable { reason: "a percent escape is broken" });
                };
                high << 4 | low
            }
            other => other,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| SearchError::Undecodable { reason: "they are not UTF-8" })?;
    if text.chars().any(char::is_control) {
        return Err(SearchError::Undecodable { reason: "there is a control character" });
    }
    Ok(text)
}

fn hex(digit: Option<&u8>) -> Option<u8> {
    char::from(*digit?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(text: &[u8]) -> Result<Vec<(String, String)>, SearchError> {
        let mut pairs = Vec::new();
        decode(text, &mut pairs)?;
        Ok(pairs.into_iter().map(|pair| (pair.name, pair.value)).collect())
    }

    #[test]
    fn a_bar_may_be_raw_or_escaped() {
        let wanted = vec![("patient:identifier".to_owned(), "s|1".to_owned())];
        assert_eq!(decoded(b"patient:identifier=s|1").unwrap(), wanted);
        assert_eq!(decoded(b"patient%3Aidentifier=s%7C1").unwrap(), wanted);
        assert_eq!(decoded(b"&patient%3aidentifier=s%7c1&").unwrap(), wanted);
    }

    #[test]
    fn a_value_may_hold_an_equals_sign_and_plus_is_a_space() {
        assert_eq!(decoded(b"a=b=c+d&e").unwrap(), vec![("a".into(), "b=c d".into()), ("e".into(), String::new())]);
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        for text in [&b"a=%"[..], b"a=%4", b"a=%zz", b"a=%+1", b"a=%ff", b"a=\xff", b"a=%00", b"a=%0a"] {
            assert!(decoded(text).is_err(), "{text:?}");
        }
        assert!(decoded("a=1&".repeat(201).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decoded(&bytes);
        }

        #[test]
        fn what_a_form_writes_is_read_back(name in "[a-zA-Z_:.]{1,20}", value in "[ -~é€😀]{0,40}") {
            let text = form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish();
            prop_assert_eq!(decoded(text.as_bytes()).unwrap(), vec![(name, value)]);
        }
    }
}
