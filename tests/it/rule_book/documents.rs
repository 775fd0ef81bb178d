//! Names of documents in a text, and whether they are in the repository.

use super::citations::is_name;
use std::path::{Component, Path, PathBuf};

/// A document that a text names.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    /// The first line is 1.
    pub line: usize,
    pub name: String,
}

/// Folders that a name may start from, besides the root and the folder of the file that names it.
const FOLDERS: [&str; 4] = ["", "docs", "docs/spec", "helm/cpis-fhir"];
const DECISIONS: &str = "docs/adr/";
/// Cases of daily life are rows of docs/conformance.md.
const CASES: (&str, &str) = ("C2-", "docs/conformance.md");

/// Words for what a reader of the repository cannot open.
const OUTSIDE: [&str; 6] =
    ["../shared/spec", "../shared/design", "../shared/findings", "../shared/cases", "/work/", "of the design"];
/// A list of faults that was never in the repository, before a number.
const LISTS: [&str; 2] = ["fault F", "faults F"];

/// Every document that is named: files that end with `.md`, `docs/adr/` with a number, cases, and what is known to be elsewhere.
pub fn named_in(text: &str) -> Vec<Named> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let named = |name: &str| Named { line: at + 1, name: name.to_owned() };
        found.extend(markdown(line).map(named));
        found.extend(numbered(line, &[DECISIONS]).map(|(_, name)| named(name)));
        found.extend(numbered(line, &LISTS).map(|(_, name)| named(name)));
        let cases = numbered(line, &[CASES.0]).filter(|(at, name)| is_name(&line[..*at], &line[at + name.len()..]));
        found.extend(cases.map(|(_, name)| named(name)));
        found.extend(OUTSIDE.into_iter().filter(|outside| line.contains(outside)).map(named));
    }
    found
}

/// Names that end with `.md`, each with its path as it is written. URLs are none.
fn markdown(line: &str) -> impl Iterator<Item = &str> {
    const ENDING: &str = ".md";
    let is_of_path = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '/' | '-' | '_');
    line.match_indices(ENDING).filter_map(move |(at, _)| {
        let begins = line[..at].trim_end_matches(is_of_path).len();
        let name = &line[begins..at + ENDING.len()];
        let has_stem = line[..at].ends_with(|letter: char| letter.is_ascii_alphanumeric());
        let is_elsewhere = name.starts_with('/') && line[..begins].ends_with(':');
        (has_stem && !is_elsewhere && is_name("", &line[at + ENDING.len()..])).then_some(name)
    })
}

/// What begins with one of `beginnings` and goes on with a digit: where, and with its digits.
fn numbered<'l>(line: &'l str, beginnings: &[&'static str]) -> impl Iterator<Item = (usize, &'l str)> {
    let at = beginnings.iter().flat_map(|beginning| line.match_indices(beginning).map(|(at, found)| (at, at + found.len())));
    let all: Vec<_> = at
        .filter_map(|(at, end)| {
            let digits = line[end..].bytes().take_while(u8::is_ascii_digit).count();
            (digits > 0).then(|| (at, &line[at..end + digits]))
        })
        .collect();
    all.into_iter()
}

/// Whether a document that the file at `from` names is there.
pub fn exists(root: &Path, from: &str, named: &Named) -> bool {
    let name = named.name.trim_start_matches('/');
    if let Some(number) = name.strip_prefix(DECISIONS).filter(|number| number.bytes().all(|byte| byte.is_ascii_digit())) {
        let begins = format!("{number}-");
        let mut decisions = std::fs::read_dir(root.join(DECISIONS)).unwrap();
        return decisions.any(|entry| entry.unwrap().file_name().to_str().unwrap().starts_with(&begins));
    }
    if name.starts_with(CASES.0) {
        let cases = std::fs::read_to_string(root.join(CASES.1)).unwrap();
        return cases.lines().any(|line| line.starts_with(&format!("| {name} |")));
    }
    let beside = Path::new(from).parent().unwrap_or(Path::new(""));
    let mut places = FOLDERS.iter().map(Path::new).chain([beside]);
    Path::new(name).extension().is_some_and(|ending| ending == "md")
        && places.any(|folder| plain(&folder.join(name)).is_some_and(|path| root.join(path).is_file()))
}

/// A path without `..`; `None` where it leads out of the repository.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => plain.pop().then_some(())?,
            Component::Normal(part) => plain.push(part),
            _ => {}
        }
    }
    Some(plain)
}
