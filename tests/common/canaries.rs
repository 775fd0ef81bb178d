//! Texts that must not get out, and every form in which they could: the one list of forms for all tests of leaks.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use std::collections::{BTreeSet, HashMap};

/// What is looked for. Made once, used on many texts.
pub struct Canaries {
    needles: Vec<Needle>,
    /// Needles by their first three bytes in small letters.
    by_start: HashMap<[u8; 3], Vec<usize>>,
    /// Whether any needle begins with these two bytes.
    starts: Vec<bool>,
}

struct Needle {
    /// What it is a form of.
    canary: String,
    form: &'static str,
    bytes: Vec<u8>,
    /// Only in these letters, as base64 is.
    exact: bool,
    /// Digits that count only without further digits next to them: shorter runs may be a part of any number.
    alone: bool,
}

/// A canary that was found, for people.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    pub canary: String,
    pub form: &'static str,
    /// What is around it.
    pub around: String,
}

impl Canaries {
    /// Of texts of six bytes and more, each in all its forms.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut needles = Vec::new();
        let texts: BTreeSet<&str> = texts.into_iter().collect();
        for text in texts {
            assert!(text.len() >= 6, "{text} is too short to be told from chance");
            needles.extend(forms(text));
        }
        Self::of(needles)
    }

    /// As [`Canaries::new`], in no other form than their own: for tokens, which nobody writes otherwise.
    pub fn and_as_they_are<'a>(mut self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        self.needles.extend(texts.into_iter().map(|text| needle(text, "itself", text.as_bytes().to_vec())));
        Self::of(self.needles)
    }

    fn of(needles: Vec<Needle>) -> Self {
        let mut by_start: HashMap<[u8; 3], Vec<usize>> = HashMap::new();
        let mut starts = vec![false; 1 << 16];
        for (at, needle) in needles.iter().enumerate() {
            let start = [0, 1, 2].map(|i: usize| needle.bytes[i].to_ascii_lowercase());
            starts[usize::from(start[0]) << 8 | usize::from(start[1])] = true;
            by_start.entry(start).or_default().push(at);
        }
        Self { needles, by_start, starts }
    }

    /// Every canary in `hay`, each once a form.
    pub fn find(&self, hay: &[u8]) -> Vec<Found> {
        let mut found = BTreeSet::new();
        let mut places = Vec::new();
        let small = hay.to_ascii_lowercase();
        for at in 0..small.len().saturating_sub(2) {
            if !self.starts[usize::from(small[at]) << 8 | usize::from(small[at + 1])] {
                continue;
            }
            let Some(candidates) = self.by_start.get(&[small[at], small[at + 1], small[at + 2]]) else { continue };
            for &candidate in candidates {
                if self.needles[candidate].is_at(hay, &small, at) && found.insert(candidate) {
                    places.push((candidate, at));
                }
            }
        }
        let around = |at: usize| String::from_utf8_lossy(&hay[at.saturating_sub(80)..hay.len().min(at + 120)]).replace('\n', " ");
        let told = |(candidate, at): &(usize, usize)| {
            let needle: &Needle = &self.needles[*candidate];
            Found { canary: needle.canary.clone(), form: needle.form, around: around(*at) }
        };
        places.iter().map(told).collect()
    }

    /// # Panics
    /// Where `hay` holds any of them.
    pub fn assert_none(&self, place: &str, hay: &[u8]) {
        let found = self.find(hay);
        assert!(found.is_empty(), "{place} holds {found:#?}");
    }
}

impl Needle {
    fn is_at(&self, hay: &[u8], small: &[u8], at: usize) -> bool {
        let end = at + self.bytes.len();
        if end > hay.len() {
            return false;
        }
        let same = if self.exact { hay[at..end] == self.bytes[..] } else { small[at..end].eq_ignore_ascii_case(&self.bytes) };
        let digit = |at: Option<usize>| at.and_then(|at| hay.get(at)).is_some_and(u8::is_ascii_digit);
        same && !(self.alone && (digit(at.checked_sub(1)) || digit(Some(end))))
    }
}

fn needle(canary: &str, form: &'static str, bytes: Vec<u8>) -> Needle {
    Needle { canary: canary.to_owned(), form, bytes, exact: false, alone: false }
}

/// A text in every form in which something could write it. Capitals and small letters are the same in all but base64.
fn forms(text: &str) -> Vec<Needle> {
    let mut needles = Vec::new();
    for spelling in spellings(text) {
        let bytes = spelling.as_bytes();
        let numeric = bytes.iter().all(u8::is_ascii_digit);
        let mut add = |form, bytes: Vec<u8>| needles.push(needle(text, form, bytes));
        add("plain", bytes.to_vec());
        add("percent-encoded", each(&spelling, |c| format!("%{c:02x}"), u8::is_ascii_alphanumeric));
        add("percent-encoded throughout", each(&spelling, |c| format!("%{c:02x}"), |_| false));
        add("percent-encoded twice", each(&spelling, |c| format!("%25{c:02x}"), u8::is_ascii_alphanumeric));
        add(
            "form-encoded",
            each(&spelling, |c| if c == b' ' { "+".to_owned() } else { format!("%{c:02x}") }, u8::is_ascii_alphanumeric),
        );
        add("JSON-escaped", utf16(&spelling, |unit| format!("\\u{unit:04x}")));
        add("XML-escaped, hexadecimal", each(&spelling, |c| format!("&#x{c:x};"), |_| false));
        add("XML-escaped, decimal", each(&spelling, |c| format!("&#{c};"), |_| false));
        add("XML-escaped", each(&spelling, entity, |c| !b"<>&'\"".contains(c)));
        add("hexadecimal", each(&spelling, |c| format!("{c:02x}"), |_| false));
        add("hexadecimal with spaces", joined(bytes, " ", |c| format!("{c:02x}")));
        add("escaped bytes", each(&spelling, |c| format!("\\x{c:02x}"), |_| false));
        add("a list of bytes", joined(bytes, ", ", |c| c.to_string()));
        add("UTF-16, big end first", spelling.encode_utf16().flat_map(u16::to_be_bytes).collect());
        add("UTF-16, small end first", spelling.encode_utf16().flat_map(u16::to_le_bytes).collect());
        add("as separate letters", joined(bytes, ", ", |c| format!("'{}'", char::from(c))));
        needles.extend(base64(text, bytes));
        if numeric && bytes.len() < 10 {
            needles.iter_mut().filter(|needle| needle.bytes == bytes).for_each(|needle| needle.alone = true);
        }
    }
    let mut seen = BTreeSet::new();
    needles.retain(|needle| needle.bytes.len() >= 6 && seen.insert(needle.bytes.clone()));
    needles
}

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// How people write it: numbers with and without spaces, dates in the ways of HL7, FHIR, England and logs.
fn spellings(text: &str) -> Vec<String> {
    let mut all = vec![text.to_owned()];
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let groups = |at: &[usize], between: &str| {
        let mut parts = Vec::new();
        let mut rest = digits.as_str();
        for &length in at {
            let (part, left) = rest.split_at(length);
            parts.push(part);
            rest = left;
        }
        parts.push(rest);
        parts.join(between)
    };
    if text == digits && digits.len() == 10 {
        all.extend([" ", "-", ".", "\u{a0}", ""].map(|between| groups(&[3, 3], between)));
    } else if text == digits && digits.len() == 11 && digits.starts_with('0') {
        all.extend([" ", "-", ""].map(|between| groups(&[5], between)));
        all.extend([groups(&[3, 4], " "), groups(&[4, 3], " ")]);
        all.extend([format!("44{}", &digits[1..]), format!("44 {}", &digits[1..])]);
    } else if text.len() == 10 && digits.len() == 8 && text.as_bytes()[4] == b'-' {
        let (year, month, day) = (&text[..4], &text[5..7], &text[8..]);
        let name = MONTHS[month.parse::<usize>().unwrap() - 1];
        let short = day.trim_start_matches('0');
        all.extend([
            digits.clone(),
            format!("{digits}0000"),
            format!("{digits}000000"),
            format!("{day}/{month}/{year}"),
            format!("{day}.{month}.{year}"),
        ]);
        all.extend([
            format!("{day}-{}-{year}", &name[..3]),
            format!("{short} {} {year}", &name[..3]),
            format!("{short} {name} {year}"),
        ]);
    }
    all
}

fn each(text: &str, escape: impl Fn(u8) -> String, plain: impl Fn(&u8) -> bool) -> Vec<u8> {
    text.bytes().flat_map(|byte| if plain(&byte) { vec![byte] } else { escape(byte).into_bytes() }).collect()
}

fn entity(byte: u8) -> String {
    let name = match byte {
        b'<' => "lt",
        b'>' => "gt",
        b'&' => "amp",
        b'"' => "quot",
        _ => "apos",
    };
    format!("&{name};")
}

fn joined(bytes: &[u8], between: &str, write: impl Fn(u8) -> String) -> Vec<u8> {
    bytes.iter().map(|byte| write(*byte)).collect::<Vec<_>>().join(between).into_bytes()
}

fn utf16(text: &str, write: impl Fn(u16) -> String) -> Vec<u8> {
    text.encode_utf16().map(write).collect::<String>().into_bytes()
}

/// What stays of the text in base64, wherever in a longer text it begins.
fn base64(canary: &str, bytes: &[u8]) -> Vec<Needle> {
    let mut needles = Vec::new();
    for before in 0..3 {
        let shifted: Vec<u8> = [&vec![0; before], bytes].concat();
        // Letters of which a bit belongs to a neighbour are left out.
        let (from, to) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
        for encoded in [BASE64_STANDARD_NO_PAD.encode(&shifted), BASE64_URL_SAFE_NO_PAD.encode(&shifted)] {
            let bytes = encoded.as_bytes()[from..to].to_vec();
            needles.push(Needle { exact: true, ..needle(canary, "base64", bytes) });
        }
    }
    needles
}

/// The forms themselves: each is found where it was written by something else than this file.
pub fn assert_finds_every_form() {
    let canaries = Canaries::new(["9990000018", "Zephyrine", "O'Quillfeather & Sons", "2017-03-09", "01632960871"]);
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let percent = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let form: String = form_urlencoded::byte_serialize(b"999 000 0018").collect();
    let written: Vec<Vec<u8>> = vec![
        b"x9990000018x".to_vec(),
        b"call 999 000 0018".to_vec(),
        b"999-000-0018".to_vec(),
        b"ZEPHYRINE".to_vec(),
        form.into_bytes(),
        percent("O'Quillfeather & Sons").into_bytes(),
        percent(&percent("O'Quillfeather & Sons")).into_bytes(),
        quick_xml::escape::escape("O'Quillfeather & Sons").as_bytes().to_vec(),
        b"\\u005a\\u0065\\u0070\\u0068\\u0079\\u0072\\u0069\\u006e\\u0065".to_vec(),
        BASE64_STANDARD_NO_PAD.encode("Zephyrine").into_bytes(),
        BASE64_STANDARD_NO_PAD.encode("xZephyrinexx").into_bytes(),
        BASE64_URL_SAFE_NO_PAD.encode("{\"name\":\"Zephyrine\"}").into_bytes(),
        utf16("Zephyrine"),
        utf16("zephyrine"),
        b"5a 65 70 68 79 72 69 6e 65".to_vec(),
        b"5A6570687972696E65".to_vec(),
        format!("{:?}", "Zephyrine".as_bytes()).into_bytes(),
        format!("{:?}", "Zephyrine".chars().collect::<Vec<_>>()).into_bytes(),
        b"born 09/03/2017.".to_vec(),
        b"9 March 2017".to_vec(),
        b"\"20170309\"".to_vec(),
        b"+44 1632960871".to_vec(),
        b"01632 960871".to_vec(),
    ];
    for hay in written {
        assert!(!canaries.find(&hay).is_empty(), "{} is not found", String::from_utf8_lossy(&hay));
    }
    for honest in [&b"1720170309000"[..], b"zephyr", b"999000001", b"", b"2017"] {
        assert_eq!(canaries.find(honest), [], "{}", String::from_utf8_lossy(honest));
    }
}
