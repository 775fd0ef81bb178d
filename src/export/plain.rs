//! Makes text that somebody else chose safe for a terminal, a JSON line and a spreadsheet.

use std::fmt::Write as _;

/// Whether a character moves, hides or reorders what is shown around it: control characters, marks of direction, line and
/// paragraph separators, and characters without width.
fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// For a terminal: unsafe characters become U+FFFD, so that their place is visible.
#[must_use]
pub fn shown(text: &str) -> String {
    text.chars().map(|c| if is_unfit(c) { '\u{fffd}' } else { c }).collect()
}

/// For JSON that serde wrote: escapes what is unsafe for a terminal. It can only occur inside strings.
#[must_use]
pub fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if is_unfit(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// One field of a CSV row (RFC 4180), always quoted. An apostrophe goes before what a spreadsheet would read as a formula.
#[must_use]
pub fn cell(text: &str) -> String {
    let text = shown(text);
    let first = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{fffd}').chars().next();
    let is_formula =
        first.is_some_and(|first| matches!(first, '=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}'));
    format!("\"{}{}\"", if is_formula { "'" } else { "" }, text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_the_cursor_or_turns_the_text_around_is_shown() {
        assert_eq!(
            shown("Asha\u{1b}[2J\r\n\u{9b}31m\u{202e}elpmaxE\u{7f}"),
            "Asha\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}31m\u{fffd}elpmaxE\u{fffd}"
        );
        assert_eq!(shown("Zoë O’Brien 李"), "Zoë O’Brien 李");
    }

    #[test]
    fn escaped_json_says_the_same() {
        let text = "a\u{9b}b\u{202e}c\u{e0041}d\"";
        let json = escaped(&serde_json::to_string(text).unwrap());
        assert_eq!(json, r#""a\u009bb\u202ec\udb40\udc41d\"""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn a_formula_is_text_in_a_spreadsheet() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "＝1"] {
            assert!(cell(formula).starts_with("\"'"), "{formula}");
        }
        assert_eq!(cell("=cmd|' /C calc'!A0\",\"x"), "\"'=cmd|' /C calc'!A0\"\",\"\"x\"");
        assert_eq!(cell("Asha, \"Ash\"\r\nX"), "\"Asha, \"\"Ash\"\"\u{fffd}\u{fffd}X\"");
    }
}
