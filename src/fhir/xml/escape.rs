//! Escapes text for the value of an attribute.

/// Replaces a character that XML 1.0 cannot hold, not even as a reference.
const REPLACEMENT: &str = "\u{fffd}";

/// Appends `text` so that a parser returns it unchanged. Mark-up and white space become references, because a parser turns tabs and
/// line ends in an attribute into spaces.
pub(super) fn push_escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut clean = 0;
    let mut place = 0;
    while place < bytes.len() {
        let (taken, instead) = match bytes[place] {
            b'"' => (1, "&quot;"),
            b'&' => (1, "&amp;"),
            b'<' => (1, "&lt;"),
            b'>' => (1, "&gt;"),
            b'\t' => (1, "&#9;"),
            b'\n' => (1, "&#10;"),
            b'\r' => (1, "&#13;"),
            0..=0x1f => (1, REPLACEMENT),
            0xef if is_noncharacter(&bytes[place..]) => (3, REPLACEMENT),
            _ => {
                place += 1;
                continue;
            }
        };
        out.extend_from_slice(&bytes[clean..place]);
        out.extend_from_slice(instead.as_bytes());
        place += taken;
        clean = place;
    }
    out.extend_from_slice(&bytes[clean..]);
}

/// U+FFFE or U+FFFF in UTF-8.
fn is_noncharacter(bytes: &[u8]) -> bool {
    matches!(bytes, [0xef, 0xbf, 0xbe | 0xbf, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = Vec::new();
        push_escaped(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn mark_up_cannot_leave_the_attribute() {
        assert_eq!(escaped(r#"a"b'c<d>e&f]]>"#), "a&quot;b'c&lt;d&gt;e&amp;f]]&gt;");
    }

    #[test]
    fn white_space_is_kept_from_the_parsers_normalisation() {
        assert_eq!(escaped(" \t\r\n "), " &#9;&#13;&#10; ");
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced_and_never_dropped() {
        assert_eq!(escaped("a\0b\u{1}c\u{1f}d\u{fffe}e\u{ffff}"), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}");
    }

    #[test]
    fn everything_else_stands_as_it_is() {
        for text in ["", "Zoë 🩺", "\u{7f}\u{85}\u{2028}\u{fffd}\u{feff}\u{ff01}", "plain"] {
            assert_eq!(escaped(text), text);
        }
    }
}
