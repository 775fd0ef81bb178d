//! Citations of the rule book in a text: `decisions.md 1, 2 and 7`, `wire.md 3.5, rows 1 to 6`, `fhir.md 3 "Saying which child"`.

use super::book::DOCUMENTS;
use std::fmt;
use std::path::Path;

/// One citation.
#[derive(Debug, PartialEq, Eq)]
pub struct Citation {
    /// Of its document's name; the first line is 1.
    pub line: usize,
    pub document: &'static str,
    /// None where the document as a whole is meant.
    pub parts: Vec<Part>,
}

/// What of a document is cited. The first name is always that of the section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Section(String),
    /// `29c`
    Item(String, char),
    /// `3.5, row 9`
    Row(String, String),
    /// `3.5, step 1`
    Step(String, String),
    /// `2.1, note T`
    Note(String, char),
    /// `3 "Ids"`: a heading within the section.
    Title(String, String),
    /// `5.9, MSCA-AUD-02`: a rule of a standard that the section describes.
    Rule(String, String),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Section(number) => write!(f, "section {number}"),
            Self::Item(section, letter) => write!(f, "item {section}{letter}"),
            Self::Row(section, row) => write!(f, "row {row} in {section}"),
            Self::Step(section, step) => write!(f, "step {step} in {section}"),
            Self::Note(section, letter) => write!(f, "note {letter} in {section}"),
            Self::Title(section, title) => write!(f, "heading \"{title}\" in {section}"),
            Self::Rule(section, rule) => write!(f, "rule {rule} in {section}"),
        }
    }
}

/// Every citation in the text of the file at `path`.
pub fn of(path: &str, text: &str) -> Vec<Citation> {
    let joined = Joined::new(text, Path::new(path).extension().is_some_and(|ending| ending == "md"));
    let mut found = Vec::new();
    for document in DOCUMENTS {
        for (at, _) in joined.text.match_indices(document) {
            let (before, after) = (&joined.text[..at], &joined.text[at + document.len()..]);
            if is_name(before, after) {
                found.push(Citation { line: joined.line(at), document, parts: parts(after) });
            }
        }
    }
    found.sort_by_key(|citation| citation.line);
    found
}

/// Whether the text between is a whole file name.
pub fn is_name(before: &str, after: &str) -> bool {
    let goes_on = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_');
    !before.ends_with(|letter| goes_on(letter) || letter == '.') && !after.starts_with(goes_on)
}

/// A text in which a comment, or a paragraph of prose, is one line.
struct Joined {
    text: String,
    /// Where each line begins.
    begins: Vec<usize>,
}

impl Joined {
    fn new(text: &str, is_prose: bool) -> Self {
        let mut joined = Self { text: String::new(), begins: Vec::new() };
        let mut earlier = "";
        for line in text.lines() {
            let (mark, line) = comment(line.trim());
            // Code ends a citation, a line of the same comment or paragraph does not.
            let goes_on = mark == earlier && !line.is_empty() && (is_prose || !mark.is_empty());
            joined.text.push(if goes_on { ' ' } else { '\n' });
            joined.begins.push(joined.text.len());
            joined.text.push_str(line);
            earlier = mark;
        }
        joined
    }

    fn line(&self, at: usize) -> usize {
        self.begins.partition_point(|begin| *begin <= at)
    }
}

/// A line's comment mark, and what follows it.
fn comment(line: &str) -> (&str, &str) {
    const MARKS: [&str; 6] = ["//!", "///", "//", "#", "--", "*"];
    let mark = MARKS.into_iter().find(|mark| line.starts_with(mark)).unwrap_or_default();
    (mark, line[mark.len()..].trim_start())
}

/// What is cited, from the text behind the document's name.
pub fn parts(mut rest: &str) -> Vec<Part> {
    let mut reading = Reading::default();
    while let Some((word, after)) = word(rest) {
        if reading.take(word).is_none() {
            break;
        }
        rest = after;
    }
    reading.parts
}

#[derive(Clone, Copy)]
enum Word<'t> {
    Number(&'t str),
    Item(&'t str, char),
    /// `,`, `and`, `or`, `section`
    Between,
    Semicolon,
    To,
    Rows,
    Step,
    Note(char),
    Appendix(char),
    Title(&'t str),
    /// `MSCA-AUD-02`, and `-03` behind it.
    Rule(&'t str),
}

/// The next word of a citation; `None` where it ends.
fn word(rest: &str) -> Option<(Word<'_>, &str)> {
    const WORDS: [(&str, Word<'static>); 11] = [
        (",", Word::Between),
        (";", Word::Semicolon),
        ("and ", Word::Between),
        ("or ", Word::Between),
        ("to ", Word::To),
        ("sections ", Word::Between),
        ("section ", Word::Between),
        ("rows ", Word::Rows),
        ("row ", Word::Rows),
        ("step ", Word::Step),
        ("`", Word::Between),
    ];
    let rest = rest.trim_start_matches([' ', '\t']);
    if let Some((spelt, word)) = WORDS.into_iter().find(|(spelt, _)| rest.starts_with(spelt)) {
        return Some((word, &rest[spelt.len()..]));
    }
    title(rest)
        .or_else(|| lettered(rest, "note ", Word::Note))
        .or_else(|| lettered(rest, "appendix ", Word::Appendix))
        .or_else(|| rule(rest))
        .or_else(|| number(rest))
}

/// A heading in quotation marks. Another mark is the end of a text in code.
fn title(rest: &str) -> Option<(Word<'_>, &str)> {
    let (title, after) = rest.strip_prefix('"')?.split_once('"')?;
    let is_heading = title.starts_with(char::is_uppercase) && !title.contains('\n');
    is_heading.then_some((Word::Title(title), after))
}

fn lettered<'t>(rest: &'t str, name: &str, word: fn(char) -> Word<'t>) -> Option<(Word<'t>, &'t str)> {
    let rest = rest.strip_prefix(name)?;
    let letter = rest.chars().next().filter(char::is_ascii_uppercase)?;
    Some((word(letter), &rest[1..]))
}

/// `29`, `5.4.1`, `29c`. A point at the end is the sentence's.
fn number(rest: &str) -> Option<(Word<'_>, &str)> {
    let long = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
    let number = rest[..long].trim_end_matches('.');
    let after = &rest[number.len()..];
    let mut letters = after.chars();
    let is_number = number.starts_with(|digit: char| digit.is_ascii_digit());
    match (is_number, letters.next(), letters.next()) {
        (false, _, _) => None,
        (true, Some(letter @ 'a'..='z'), next) if !next.is_some_and(char::is_alphanumeric) => {
            Some((Word::Item(number, letter), &after[1..]))
        }
        (true, Some(letter), _) if letter.is_alphanumeric() => None,
        (true, _, _) => Some((Word::Number(number), after)),
    }
}

/// Capitals with hyphens, then two digits; or a hyphen and two digits alone.
fn rule(rest: &str) -> Option<(Word<'_>, &str)> {
    let long =
        rest.find(|letter: char| !letter.is_ascii_uppercase() && !letter.is_ascii_digit() && letter != '-').unwrap_or(rest.len());
    let name = &rest[..long];
    let (_, number) = name.rsplit_once('-')?;
    (number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit())).then_some((Word::Rule(name), &rest[long..]))
}

#[derive(Default)]
struct Reading {
    parts: Vec<Part>,
    section: String,
    in_rows: bool,
    in_steps: bool,
    is_range: bool,
    /// The last number, of whichever kind, for a range that begins with it.
    last: String,
    rule: String,
}

impl Reading {
    /// `None` where the word is none of this citation any more.
    fn take(&mut self, word: Word<'_>) -> Option<()> {
        let is_first = self.section.is_empty();
        match word {
            Word::Between => {}
            Word::Semicolon => (self.in_rows, self.in_steps) = (false, false),
            Word::To => self.is_range = true,
            Word::Number(number) => self.number(number),
            Word::Item(section, letter) => {
                self.begin(section);
                self.parts.push(Part::Item(section.to_owned(), letter));
            }
            Word::Appendix(letter) => {
                self.begin(&format!("appendix {letter}"));
                self.parts.push(Part::Section(self.section.clone()));
            }
            // Of the others each is a part of a section.
            _ if is_first => return None,
            Word::Rows => self.in_rows = true,
            Word::Step => self.in_steps = true,
            Word::Note(letter) => self.parts.push(Part::Note(self.section.clone(), letter)),
            Word::Title(title) => self.parts.push(Part::Title(self.section.clone(), title.to_owned())),
            Word::Rule(name) => self.rule(name),
        }
        Some(())
    }

    fn begin(&mut self, section: &str) {
        section.clone_into(&mut self.section);
        section.clone_into(&mut self.last);
        (self.in_rows, self.in_steps, self.is_range) = (false, false, false);
    }

    fn number(&mut self, number: &str) {
        let is_of_section = (self.in_rows || self.in_steps) && !number.contains('.');
        let numbers = if std::mem::take(&mut self.is_range) { between(&self.last, number) } else { vec![number.to_owned()] };
        for number in numbers {
            let section = self.section.clone();
            self.parts.push(match (is_of_section, self.in_rows) {
                (true, true) => Part::Row(section, number),
                (true, false) => Part::Step(section, number),
                (false, _) => Part::Section(number),
            });
        }
        if is_of_section {
            number.clone_into(&mut self.last);
        } else {
            self.begin(number);
        }
    }

    fn rule(&mut self, name: &str) {
        let is_short = name.starts_with('-');
        let family = self.rule.rsplit_once('-').map_or("", |(family, _)| family);
        let whole = if is_short { [family, name].concat() } else { name.to_owned() };
        self.parts.push(Part::Rule(self.section.clone(), whole.clone()));
        self.rule = whole;
    }
}

/// What follows `from` up to `to`: `3.1`, `3.4` are `3.2`, `3.3`, `3.4`. A range that is none is a number that no document has.
fn between(from: &str, to: &str) -> Vec<String> {
    let split = |number: &str| -> Option<(String, u32)> {
        let (outer, last) = number.rsplit_once('.').map_or(("", number), |(outer, last)| (outer, last));
        Some((outer.to_owned(), last.parse().ok()?))
    };
    match (split(from), split(to)) {
        (Some((outer, first)), Some((same, last))) if outer == same && first < last => {
            (first + 1..=last).map(|n| if outer.is_empty() { n.to_string() } else { format!("{outer}.{n}") }).collect()
        }
        _ => vec![format!("{from} to {to}")],
    }
}
