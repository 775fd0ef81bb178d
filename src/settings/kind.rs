//! The kinds of values that settings have: how to parse them from TOML or text, and how to describe what is wanted.

use super::units::{LONGEST, read_days, read_duration, read_size, whole_number};
use super::value::{Node, Value, read_inline};
use std::net::SocketAddr;
use std::time::Duration;

/// The longest of any setting.
pub(super) const DAY: &str = "24h";

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Text without control characters. The string describes what is wanted.
    Text(&'static str),
    /// Visible ASCII without spaces and quotes, because it goes into a header or an attribute.
    Symbol(&'static str),
    /// As [`Kind::Symbol`], and empty means "none".
    SymbolOrEmpty(&'static str),
    /// The name of an HTTP header.
    Header,
    /// An ODS code.
    Ods,
    /// 12 digits: an ASID.
    Asid,
    Oid,
    /// The path of a file. Messages may show it.
    File,
    /// The path of a file that holds a secret. Messages do not show it, since people paste the secret itself.
    SecretFile,
    Address,
    Switch,
    /// A whole number, both ends included.
    Count(u64, u64),
    /// A duration. `zero`: whether 0 is allowed. `most`: the maximum, as an operator would write it.
    Duration {
        zero: bool,
        most: &'static str,
    },
    /// Whole days, both ends included.
    Days(u64, u64),
    /// Bytes, both ends included.
    Size(u64, u64),
    Choice(&'static [&'static str]),
    List(&'static Kind),
}

/// A value in the form that its key requires.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum ParsedValue {
    Text(String),
    Address(SocketAddr),
    Switch(bool),
    /// A number, or a size in bytes.
    Count(u64),
    Duration(Duration),
    List(Vec<ParsedValue>),
}

impl Kind {
    /// Whether the value is the path of a file that is read.
    pub(super) fn is_file(self) -> bool {
        matches!(self, Self::File | Self::SecretFile)
    }

    /// Describes what is wanted. Follows the word "wanted" in a message.
    pub(super) fn wanted(self) -> String {
        match self {
            Self::Text(words) | Self::Symbol(words) | Self::SymbolOrEmpty(words) => words.to_owned(),
            Self::Header => "the name of an HTTP header".to_owned(),
            Self::Ods => "an ODS code: 1 to 12 letters and digits".to_owned(),
            Self::Asid => "an ASID: 12 digits, as text".to_owned(),
            Self::Oid => "an OID: numbers with dots between them".to_owned(),
            Self::File | Self::SecretFile => "the path of a file".to_owned(),
            Self::Address => "an IP address and port such as 127.0.0.1:8080".to_owned(),
            Self::Switch => "true or false".to_owned(),
            Self::Count(least, most) => format!("a whole number from {least} to {most}"),
            Self::Duration { zero, most } => {
                let least = if zero { "from 0s to" } else { "more than 0s, at most" };
                let examples = if most == DAY { "250ms, 20s, 5m or 1h" } else { "250ms, 20s or 5m" };
                format!("a duration such as {examples}, {least} {most}")
            }
            Self::Days(least, most) => format!("whole days such as 1096d, from {least}d to {most}d"),
            Self::Size(least, most) => format!("a size such as 64KiB or 1MiB, from {least} to {most} bytes"),
            Self::Choice(words) => match words {
                [one, other] => format!("{one} or {other}"),
                _ => format!("one of {}", words.join(", ")),
            },
            Self::List(item) => format!("a list, each item {}", item.wanted()),
        }
    }

    /// Parses a value, or returns what is wanted and, unless it could be a secret, what was found.
    pub(super) fn read(self, value: &Value) -> Result<ParsedValue, String> {
        if let Self::List(item) = self {
            return self.read_list(*item, value);
        }
        if let Value::Text(text) = value
            && text.trim().is_empty()
            && !matches!(self, Self::SymbolOrEmpty(_))
        {
            return Err(format!("is empty; wanted {}", self.wanted()));
        }
        let parsed = match value {
            Value::Text(text) => self.read_text(text.trim()),
            Value::Whole(number) => self.read_number(*number),
            Value::Switch(switch) => matches!(self, Self::Switch).then_some(ParsedValue::Switch(*switch)),
            Value::List(_) | Value::Group(_) | Value::Useless(_) => None,
        };
        parsed.ok_or_else(|| format!("wanted {}{}", self.wanted(), self.found(value)))
    }

    fn read_text(self, text: &str) -> Option<ParsedValue> {
        let as_text = |good: bool| good.then(|| ParsedValue::Text(text.to_owned()));
        match self {
            Self::Text(_) => as_text(!text.chars().any(char::is_control)),
            Self::Symbol(_) | Self::SymbolOrEmpty(_) => as_text(is_symbol(text)),
            Self::Header => as_text(text.bytes().all(is_header_byte)),
            Self::Ods => as_text(text.len() <= 12 && text.bytes().all(|b| b.is_ascii_alphanumeric())),
            Self::Asid => as_text(crate::cpis::SdsId::parse(text).is_some()),
            Self::Oid => as_text(is_oid(text)),
            Self::File | Self::SecretFile => as_text(!looks_like_contents(text)),
            Self::Address => text.parse().ok().map(ParsedValue::Address),
            Self::Switch => text.parse().ok().map(ParsedValue::Switch),
            Self::Count(..) => self.read_number(whole_number(text)?),
            Self::Duration { zero, most } => read_duration(text)
                .filter(|duration| (zero || !duration.is_zero()) && *duration <= read_duration(most).unwrap_or(LONGEST))
                .map(ParsedValue::Duration),
            Self::Days(least, most) => read_days(text)
                .filter(|days| (least..=most).contains(days))
                .map(|days| ParsedValue::Duration(Duration::from_hours(24 * days))),
            Self::Size(least, most) => read_size(text).filter(|size| (least..=most).contains(size)).map(ParsedValue::Count),
            Self::Choice(words) => as_text(words.contains(&text)),
            Self::List(_) => None,
        }
    }

    fn read_number(self, number: u64) -> Option<ParsedValue> {
        match self {
            Self::Count(least, most) | Self::Size(least, most) => {
                (least..=most).contains(&number).then_some(ParsedValue::Count(number))
            }
            // Any other number without a unit could mean seconds or milliseconds.
            Self::Duration { zero: true, .. } if number == 0 => Some(ParsedValue::Duration(Duration::ZERO)),
            _ => None,
        }
    }

    /// A list is an array, the text of an array, or words separated by commas.
    fn read_list(self, item: Kind, value: &Value) -> Result<ParsedValue, String> {
        let items = match value {
            Value::List(nodes) => nodes.clone(),
            Value::Text(text) if text.trim().is_empty() => Vec::new(),
            Value::Text(text) if text.trim_start().starts_with('[') => match read_inline(text.trim()) {
                Some(Node { value: Value::List(nodes), .. }) => nodes,
                _ => return Err(format!("wanted {}; the text could not be read as an array", self.wanted())),
            },
            Value::Text(text) => {
                text.split(',').map(|part| Node { value: Value::Text(part.trim().to_owned()), line: None }).collect()
            }
            other => return Err(format!("wanted {}; found {}", self.wanted(), other.described())),
        };
        let mut list: Vec<ParsedValue> = Vec::with_capacity(items.len());
        for (at, node) in items.iter().enumerate() {
            let parsed = item.read(&node.value).map_err(|problem| format!("item {}: {problem}", at + 1))?;
            if !list.contains(&parsed) {
                list.push(parsed);
            }
        }
        Ok(ParsedValue::List(list))
    }

    /// "; found ..." if the value helps and cannot be a secret.
    fn found(self, value: &Value) -> String {
        let text = match value {
            Value::Text(text) => text,
            Value::Whole(number) if self.may_be_echoed() => return format!("; found {number}"),
            other => return format!("; found {}", other.described()),
        };
        if matches!(self, Self::File | Self::SecretFile) {
            return "; found what looks like the contents of one (not shown)".to_owned();
        }
        if self.may_be_echoed() && text.chars().count() <= 40 { format!("; found {text:?}") } else { String::new() }
    }

    fn may_be_echoed(self) -> bool {
        matches!(
            self,
            Self::Address
                | Self::Switch
                | Self::Count(..)
                | Self::Duration { .. }
                | Self::Days(..)
                | Self::Size(..)
                | Self::Choice(_)
        )
    }
}

fn is_symbol(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'<' | b'>' | b'\\'))
}

/// A token of RFC 9110.
fn is_header_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

fn is_oid(text: &str) -> bool {
    let arcs: Vec<&str> = text.split('.').collect();
    let is_arc =
        |arc: &&str| !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()) && (*arc == "0" || !arc.starts_with('0'));
    text.len() <= 200 && arcs.len() >= 2 && arcs.iter().all(is_arc) && matches!(arcs[0], "0" | "1" | "2")
}

/// PEM text or a bare key where a path should be.
fn looks_like_contents(text: &str) -> bool {
    let is_hex_key = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    text.contains("-----") || text.chars().any(char::is_control) || text.len() > 4096 || is_hex_key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::key::SettingType as _;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn problem(kind: Kind, value: &Value) -> String {
        kind.read(value).err().expect("a fault")
    }

    fn list(kind: Kind, value: &Value) -> Vec<String> {
        let parsed = kind.read(value).unwrap_or_else(|problem| panic!("{problem}"));
        Vec::<String>::of(parsed).expect("a list of texts")
    }

    const MODES: Kind = Kind::List(&Kind::Choice(&["bearer", "gateway", "demo"]));

    #[test]
    fn a_list_is_an_array_its_text_or_words_with_commas() {
        let array = Value::List(vec![Node { value: text("demo"), line: None }, Node { value: text("bearer"), line: None }]);
        for value in
            [array, text("[\"demo\", \"bearer\"]"), text("['demo','bearer']"), text("demo,bearer"), text(" demo , bearer ")]
        {
            assert_eq!(list(MODES, &value), ["demo", "bearer"]);
        }
        assert!(list(MODES, &text("")).is_empty());
        assert!(list(MODES, &text("[]")).is_empty());
    }

    #[test]
    fn a_wrong_item_of_a_list_is_counted() {
        assert_eq!(problem(MODES, &text("demo,beaer")), "item 2: wanted one of bearer, gateway, demo; found \"beaer\"");
        assert!(problem(MODES, &text("demo,")).starts_with("item 2: is empty"));
        assert!(problem(MODES, &text("[\"demo\"")).contains("could not be read as an array"));
    }

    #[test]
    fn a_bare_number_is_no_duration() {
        let kind = Kind::Duration { zero: true, most: DAY };
        assert!(problem(kind, &Value::Whole(20)).ends_with("; found 20"));
        assert!(matches!(kind.read(&Value::Whole(0)), Ok(ParsedValue::Duration(Duration::ZERO))));
        assert!(problem(Kind::Duration { zero: false, most: DAY }, &text("0s")).contains("more than 0s"));
    }

    #[test]
    fn days_are_within_their_bounds() {
        let kind = Kind::Days(1, 36_500);
        assert!(matches!(kind.read(&text("2d")), Ok(ParsedValue::Duration(days)) if days == Duration::from_hours(48)));
        let wanted = "wanted whole days such as 1096d, from 1d to 36500d";
        assert_eq!(problem(kind, &text("0d")), format!("{wanted}; found \"0d\""));
        assert_eq!(problem(kind, &Value::Whole(30)), format!("{wanted}; found 30"));
    }

    #[test]
    fn numbers_and_switches_may_be_text() {
        assert!(matches!(Kind::Count(1, 9).read(&text("9")), Ok(ParsedValue::Count(9))));
        assert!(matches!(Kind::Switch.read(&text("true")), Ok(ParsedValue::Switch(true))));
        assert!(matches!(Kind::Size(0, 9999).read(&text("1KiB")), Ok(ParsedValue::Count(1024))));
        assert_eq!(problem(Kind::Count(1, 9), &text("10")), "wanted a whole number from 1 to 9; found \"10\"");
        assert_eq!(problem(Kind::Switch, &text("yes")), "wanted true or false; found \"yes\"");
    }

    #[test]
    fn codes_and_oids_have_their_form() {
        assert!(Kind::Ods.read(&text("X26")).is_ok());
        assert!(Kind::Ods.read(&text("X 26")).is_err());
        assert!(Kind::Ods.read(&text("ABCDEFGHIJKLM")).is_err());
        assert!(Kind::Asid.read(&text("200000000001")).is_ok());
        assert_eq!(problem(Kind::Asid, &Value::Whole(200_000_000_001)), "wanted an ASID: 12 digits, as text; found a number");
        assert!(Kind::Oid.read(&text("2.16.840.1.113883.2.1.3.2.4.17.196")).is_ok());
        for wrong in ["2", "2.", ".2", "3.1", "2.01", "2..1", "urn:oid:2.16"] {
            assert!(Kind::Oid.read(&text(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_goes_into_a_header_cannot_break_out_of_it() {
        for wrong in ["urn:a\r\nX: 1", "urn:\"a\"", "urn:a b", "urn:é"] {
            assert!(Kind::Symbol("a URN").read(&text(wrong)).is_err(), "{wrong}");
        }
        assert!(Kind::Header.read(&text("NHSD-User-ID")).is_ok());
        assert!(Kind::Header.read(&text("NHSD User")).is_err());
    }

    #[test]
    fn a_secret_in_place_of_its_path_is_refused_and_not_echoed() {
        let key = "ab".repeat(32);
        for secret in [key.as_str(), "-----BEGIN PRIVATE KEY-----\nMC4\n-----END PRIVATE KEY-----"] {
            let problem = problem(Kind::SecretFile, &text(secret));
            assert_eq!(problem, "wanted the path of a file; found what looks like the contents of one (not shown)");
        }
    }
}
