//! Writes text from outside into XML.

/// Appends `text` in a form for an element or a double-quoted attribute.
///
/// Escapes the five special characters, removes characters that XML 1.0 cannot hold, turns line breaks and tabs into spaces (an attribute
/// could not keep them), and trims white space.
pub(in crate::smsp) fn push(out: &mut String, text: &str) {
    let text = text.trim_matches(is_nothing);
    let mut written = 0;
    for (at, ch) in text.char_indices() {
        let replacement = match ch {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\'' => "&apos;",
            '\t' | '\n' | '\r' => " ",
            ch if is_illegal(ch) => "",
            _ => continue,
        };
        out.push_str(&text[written..at]);
        out.push_str(replacement);
        written = at + ch.len_utf8();
    }
    out.push_str(&text[written..]);
}

/// Whether [`push`] would write nothing for `text`.
pub(in crate::smsp) fn is_blank(text: &str) -> bool {
    text.chars().all(is_nothing)
}

/// Appends `<name>text</name>`, with `text` escaped.
pub(in crate::smsp) fn element(out: &mut String, name: &str, text: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    push(out, text);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// Appends ` name="value"`, with `value` escaped.
pub(in crate::smsp) fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    push(out, value);
    out.push('"');
}

fn is_nothing(ch: char) -> bool {
    ch.is_whitespace() || is_illegal(ch)
}

/// Outside the `Char` production of XML 1.0.
fn is_illegal(ch: char) -> bool {
    matches!(ch, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pushed(text: &str) -> String {
        let mut out = String::new();
        push(&mut out, text);
        out
    }

    #[test]
    fn the_five_special_characters_are_escaped() {
        assert_eq!(pushed(r#"<&"'>"#), "&lt;&amp;&quot;&apos;&gt;");
        assert_eq!(pushed("&amp;"), "&amp;amp;");
    }

    #[test]
    fn what_xml_cannot_carry_is_removed() {
        assert_eq!(pushed("A\0s\x01h\x0ba\x1f\u{fffe}\u{ffff}"), "Asha");
        assert_eq!(pushed("\x01 Asha \x02"), "Asha");
    }

    #[test]
    fn line_breaks_and_tabs_become_spaces() {
        assert_eq!(pushed("St\nMary's\r\nHospital\tTrust"), "St Mary&apos;s  Hospital Trust");
    }

    #[test]
    fn letters_of_every_script_and_emoji_stay() {
        assert_eq!(pushed("Zoë Łukasz 李 🩺"), "Zoë Łukasz 李 🩺");
    }

    proptest! {
        #[test]
        fn any_text_becomes_legal_character_data(text in any::<String>()) {
            let out = pushed(&text);
            prop_assert!(!out.contains(['<', '>', '"', '\'']));
            prop_assert!(!out.chars().any(is_illegal));
            prop_assert_eq!(out.is_empty(), is_blank(&text));
            let read_back = quick_xml::escape::unescape(&out).unwrap();
            let wanted: String = text.chars().filter(|ch| !is_illegal(*ch)).map(|ch| if ch.is_ascii_whitespace() { ' ' } else { ch }).collect();
            prop_assert_eq!(read_back.trim(), wanted.trim());
        }
    }
}
