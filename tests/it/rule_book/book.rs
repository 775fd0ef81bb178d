//! What the rule book holds: its sections by number, and their parts.

use super::citations::Part;
use std::collections::BTreeMap;

pub const DOCUMENTS: [&str; 4] = ["decisions.md", "wire.md", "spine.md", "fhir.md"];

/// The documents that are cited by number.
pub struct Book(BTreeMap<&'static str, Document>);

/// One document. The text of a section includes that of its subsections.
#[derive(Default)]
struct Document {
    /// In the order in which they stand.
    numbers: Vec<String>,
    sections: BTreeMap<String, Vec<String>>,
}

impl Book {
    /// `text` gives a document by its name.
    pub fn read(text: impl Fn(&str) -> String) -> Self {
        Self(DOCUMENTS.into_iter().map(|name| (name, Document::read(&text(name)))).collect())
    }

    pub fn numbers(&self, document: &str) -> Vec<String> {
        self.0[document].numbers.clone()
    }

    /// Whether a part that is cited exists.
    pub fn has(&self, document: &str, part: &Part) -> bool {
        let document = &self.0[document];
        let any = |section: &str, is_it: &dyn Fn(&str) -> bool| {
            document.sections.get(section).is_some_and(|lines| lines.iter().any(|line| is_it(line)))
        };
        match part {
            Part::Section(number) => document.sections.contains_key(number),
            Part::Item(section, letter) => any(section, &|line| line.starts_with(&format!("- ({letter})"))),
            Part::Row(section, row) => any(section, &|line| line.starts_with(&format!("| {row} |"))),
            Part::Step(section, step) => any(section, &|line| line.starts_with(&format!("{step}. "))),
            Part::Note(section, letter) => any(section, &|line| line.contains(&format!("Note {letter},"))),
            Part::Title(section, title) => {
                any(section, &|line| line.starts_with('#') && line.trim_start_matches('#').trim() == title)
            }
            Part::Rule(section, name) => any(section, &|line| names_rule(line, name)),
        }
    }
}

/// A line holds `MSCA-AUD-03` itself, or a range "MSCA-AUD-01 to -04".
fn names_rule(line: &str, name: &str) -> bool {
    let Some((family, number)) = name.rsplit_once('-') else { return false };
    let until = || {
        line.split_once(family)?.1.split_once(" to -").and_then(|(from, to)| Some((from.trim_start_matches('-'), to.get(..2)?)))
    };
    line.contains(name) || until().is_some_and(|(from, to)| from.len() == 2 && (from..=to).contains(&number))
}

impl Document {
    fn read(text: &str) -> Self {
        let mut document = Self::default();
        // The numbered sections around the line, from the outside in, each with its level.
        let mut around: Vec<(usize, String)> = Vec::new();
        let mut in_example = false;
        for line in text.lines() {
            in_example ^= line.starts_with("```");
            let level = line.bytes().take_while(|byte| *byte == b'#').count();
            if level > 0 && !in_example {
                around.retain(|(outer, _)| *outer < level);
                if let Some(number) = number(line[level..].trim()) {
                    document.numbers.push(number.clone());
                    around.push((level, number));
                }
            }
            for (_, number) in &around {
                document.sections.entry(number.clone()).or_default().push(line.to_owned());
            }
        }
        document
    }
}

/// The number of a heading: `46. Title`, `3.5 Title`, `Appendix B. Title`.
fn number(heading: &str) -> Option<String> {
    if let Some(letter) = heading.strip_prefix("Appendix ") {
        return Some(format!("appendix {}", letter.chars().next()?));
    }
    let first = heading.split_whitespace().next()?.trim_end_matches('.');
    let is_number = first.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    is_number.then(|| first.to_owned())
}
