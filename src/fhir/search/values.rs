//! Splits the value of a parameter: alternatives at commas, parts at bars, escapes undone (R4 3.1.1.4.1.1).

use super::SearchError;
use crate::cpis::NhsNumber;

/// The most alternatives of one parameter; no honest search has more.
pub const MOST_VALUES: usize = 100;
/// The most bytes of one value.
pub const LONGEST_VALUE: usize = 4096;
/// Replaces in a link a value that finds nothing here and could be a word about somebody. It finds nothing either.
pub const UNKNOWN: &str = "-";

/// One alternative of a value: its parts between bars, unescaped and trimmed. At least one part.
pub struct Alternative(Vec<String>);

impl Alternative {
    /// The only part.
    ///
    /// # Errors
    /// [`SearchError::Malformed`] for a bar in a value that has no system.
    pub fn single(&self, name: &str) -> Result<&str, SearchError> {
        match self.0.as_slice() {
            [only] => Ok(only),
            _ => Err(SearchError::malformed(name, "it must not hold a bar (|)")),
        }
    }

    pub fn parts(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }

    fn check(&self, name: &str) -> Result<(), SearchError> {
        if self.0.iter().all(String::is_empty) {
            return Err(SearchError::malformed(name, "it is empty"));
        }
        if self.0.iter().any(|part| part.contains('*')) {
            return Err(SearchError::malformed(name, "wildcards are not supported"));
        }
        Ok(())
    }
}

/// The alternatives of `value`: none is empty, none holds a wildcard.
///
/// # Errors
/// [`SearchError::Malformed`], naming the parameter.
pub fn split(name: &str, value: &str) -> Result<Vec<Alternative>, SearchError> {
    let mut all = vec![Alternative(vec![String::new()])];
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            ',' if all.len() == MOST_VALUES => return Err(SearchError::malformed(name, "it has too many alternatives")),
            ',' => {
                all.push(Alternative(vec![String::new()]));
                continue;
            }
            '|' => {
                last(&mut all).push(String::new());
                continue;
            }
            '\\' => match letters.next() {
                Some(escaped @ (',' | '|' | '$' | '\\')) => escaped,
                _ => return Err(SearchError::malformed(name, "a backslash stands before what needs none")),
            },
            other => other,
        };
        if let Some(part) = last(&mut all).last_mut() {
            part.push(letter);
        }
    }
    for alternative in &mut all {
        for part in &mut alternative.0 {
            if part.trim().len() != part.len() {
                *part = part.trim().to_owned();
            }
        }
        alternative.check(name)?;
    }
    Ok(all)
}

fn last(all: &mut Vec<Alternative>) -> &mut Vec<String> {
    if all.is_empty() {
        all.push(Alternative(Vec::new()));
    }
    let end = all.len() - 1;
    &mut all[end].0
}

/// The inverse of unescaping.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, ',' | '|' | '$' | '\\') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// Refuses text that holds an NHS number, because links repeat filters and are logged.
///
/// # Errors
/// [`SearchError::Malformed`].
pub fn refuse_nhs_number(name: &str, text: &str) -> Result<(), SearchError> {
    let dense: String = text.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    let holds = dense.split(|letter: char| !letter.is_ascii_digit()).any(|digits| NhsNumber::parse(digits).is_ok());
    if holds { Err(SearchError::malformed(name, "an NHS number belongs into patient")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(value: &str) -> Vec<Vec<String>> {
        split("code", value).unwrap().into_iter().map(|alternative| alternative.0).collect()
    }

    #[test]
    fn commas_part_alternatives_and_bars_part_systems_unless_escaped() {
        assert_eq!(parts("a,b"), [["a"], ["b"]]);
        assert_eq!(parts(r"s\,1|a\|b\$\\"), [[r"s,1", r"a|b$\"]]);
        assert_eq!(parts("|a,s|"), [["", "a"], ["s", ""]]);
    }

    #[test]
    fn empty_alternatives_wildcards_and_stray_backslashes_are_refused() {
        for value in ["", " ", ",", "a,", ",a", "a,,b", "|", "||", "*", "a*", "s|*", r"a\", r"a\b"] {
            assert!(matches!(split("code", value), Err(SearchError::Malformed { .. })), "{value}");
        }
        assert!(split("code", &"a,".repeat(99).add("a")).is_ok());
        assert!(split("code", &"a,".repeat(100).add("a")).is_err());
    }

    #[test]
    fn an_nhs_number_is_found_in_every_spelling() {
        for text in ["9990000018", "x9990000018x", "999 000 0018", "999-000-0018", "Patient/9990000018"] {
            assert!(refuse_nhs_number("code", text).is_err(), "{text}");
        }
        for text in ["9990000019", "342191000000101", "555000111222", "2025-09-01", "RX101", ""] {
            assert!(refuse_nhs_number("code", text).is_ok(), "{text}");
        }
    }

    use std::ops::Add as _;

    proptest! {
        #[test]
        fn what_is_escaped_is_read_back(text in "[ -)+-~é]{1,20}") {
            prop_assume!(!text.trim().is_empty());
            prop_assert_eq!(parts(&escape(&text)), vec![vec![text.trim().to_owned()]]);
        }
    }
}
