//! Names of settings: which exist, how they are written as variables, and which one a mistyped name is closest to.
//!
//! A name is written with dots, and with `[0]` after a list of tables: `access.issuers[0].issuer`. In the table its
//! pattern has `[]` instead: `access.issuers[].issuer`.

use super::key::Row;
use super::suggest::nearest;
use super::table::ROWS;
use super::value::index;

/// The prefix of every variable that is a setting.
pub(super) const PREFIX: &str = "CPIS_FHIR__";

/// What a name refers to.
pub(super) enum Shape {
    Setting(&'static Row),
    /// A table of settings, such as `smsp` or one item of `access.issuers`.
    Group,
    /// A list of tables, such as `access.issuers`.
    Tables,
    Unknown,
}

/// The lists of tables.
pub(super) const TABLES: [&str; 2] = ["access.issuers", "access.organisations"];

/// The row of a setting, by its name.
pub(super) fn row(name: &str) -> Option<&'static Row> {
    let pattern = pattern(name);
    ROWS.iter().find(|row| row.name == pattern)
}

pub(super) fn shape(name: &str) -> Shape {
    if let Some(row) = row(name) {
        return Shape::Setting(row);
    }
    let pattern = pattern(name);
    let continues =
        |with: char| ROWS.iter().any(|row| row.name.strip_prefix(pattern.as_str()).is_some_and(|rest| rest.starts_with(with)));
    if TABLES.contains(&pattern.as_str()) {
        Shape::Tables
    } else if continues('.') && !pattern.is_empty() {
        Shape::Group
    } else {
        Shape::Unknown
    }
}

/// The position in the table of a key, or of the first key of a group.
pub(super) fn position(name: &str) -> Option<usize> {
    let pattern = pattern(name);
    ROWS.iter().position(|row| !pattern.is_empty() && row.name.starts_with(&pattern))
}

/// `access.issuers[0].issuer` to `access.issuers[].issuer`.
fn pattern(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len());
    let mut inside = false;
    for c in name.chars() {
        inside = inside && c != ']';
        if !inside {
            pattern.push(c);
        }
        inside = inside || c == '[';
    }
    pattern
}

/// The variable of a setting: `smsp.url` is `CPIS_FHIR__SMSP__URL`, and `[0]` is `__0`.
pub(super) fn variable(name: &str) -> String {
    let parts = name.replace("[]", "[0]").replace('[', ".").replace(']', "").replace('.', "__");
    format!("{PREFIX}{}", parts.to_ascii_uppercase())
}

/// The name of the setting that a variable sets; `None` if it is not one of our variables. Letter case does not matter.
pub(super) fn of_variable(variable: &str) -> Option<String> {
    let head = variable.get(..PREFIX.len())?;
    if !head.eq_ignore_ascii_case(PREFIX) {
        return None;
    }
    let mut name = String::new();
    for part in variable[PREFIX.len()..].to_ascii_lowercase().split("__") {
        match index(part) {
            Some(number) if TABLES.contains(&name.as_str()) => name = format!("{name}[{number}]"),
            _ if name.is_empty() => name = self::part(part),
            _ => name = format!("{name}.{}", self::part(part)),
        }
    }
    Some(name)
}

/// One part of a name as an operator wrote it, without the characters that separate parts.
pub(super) fn part(given: &str) -> String {
    given.replace(['.', '[', ']'], "?")
}

/// The intended variable for one written with single underscores, such as `CPIS_FHIR_SMSP_URL`.
pub(super) fn meant_by_variable(given: &str) -> Option<String> {
    let single = |name: &str| name.to_ascii_uppercase().replace("__", "_");
    if of_variable(given).is_some() || !given.to_ascii_uppercase().starts_with("CPIS_FHIR_") {
        return None;
    }
    ROWS.iter().map(|row| variable(&row.name)).find(|ours| single(ours) == single(given))
}

/// The setting or group closest to an unknown name, with the given indexes.
pub(super) fn suggestion(unknown: &str) -> Option<String> {
    let wrong = pattern(unknown);
    let groups = ROWS.iter().filter_map(|row| row.name.split('.').next());
    let found = nearest(&wrong, ROWS.iter().map(|row| row.name.as_ref()).chain(groups))?;
    let mut indexes = unknown.split('[').skip(1).filter_map(|rest| rest.split(']').next());
    let mut parts = found.split("[]");
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        name = format!("{name}[{}]{part}", indexes.next().unwrap_or("0"));
    }
    Some(name)
}

/// A name from outside, made safe for a message: no control characters, limited length.
pub(super) fn printable(name: &str) -> String {
    let good = |c: char| if c.is_alphanumeric() || "._-[]".contains(c) { c } else { '?' };
    name.chars().take(100).map(good).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_its_variable_convert_into_each_other() {
        for row in ROWS.iter() {
            let name = row.name.replace("[]", "[0]");
            assert_eq!(of_variable(&variable(&name)), Some(name.clone()), "{name}");
            assert_eq!(of_variable(&variable(&name).to_ascii_lowercase()), Some(name.clone()), "{name}");
        }
    }

    #[test]
    fn other_variables_are_none_of_ours() {
        for other in ["PATH", "CPIS_FHIR_CONFIG", "CPIS_FHIR_SERVICE_HOST", "CPIS", "é"] {
            assert_eq!(of_variable(other), None, "{other}");
            assert_eq!(meant_by_variable(other), None, "{other}");
        }
    }

    #[test]
    fn single_underscores_are_noticed() {
        assert_eq!(meant_by_variable("CPIS_FHIR_SMSP_URL").as_deref(), Some("CPIS_FHIR__SMSP__URL"));
    }

    #[test]
    fn a_suggestion_keeps_the_index() {
        assert_eq!(suggestion("smsp.ulr").as_deref(), Some("smsp.url"));
        assert_eq!(suggestion("access.issuers[3].isuer").as_deref(), Some("access.issuers[3].issuer"));
        assert_eq!(suggestion("smps").as_deref(), Some("smsp"));
        assert_eq!(suggestion("what.is.this.even"), None);
    }

    #[test]
    fn every_name_is_known_once() {
        let mut names: Vec<&str> = ROWS.iter().map(|row| row.name.as_ref()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ROWS.len());
    }

    #[test]
    fn a_name_in_a_message_is_one_short_line() {
        assert_eq!(printable("a\nb\u{1b}[31m"), "a?b?[31m");
        assert_eq!(printable(&"a".repeat(5000)).len(), 100);
    }
}
