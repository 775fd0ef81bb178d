//! What must never be in a log: everything of a child, an authority or a payload that a test used.

use super::BUILT_IN;
use super::canaries::Canaries;
use std::collections::BTreeSet;

/// Keys of a scenario file whose texts belong to people, authorities or accesses.
const TELLING: [&str; 12] = [
    "nhs_number",
    "nhs_numbers",
    "number",
    "name",
    "given",
    "family",
    "value",
    "user_id",
    "role_profile_id",
    "organisation",
    "role_name",
    "about",
];

/// Panics where `log` holds an NHS number, a name, an authority, a telephone number of the built-in scenario or of `also`, or
/// a piece of XML. `requests`: how many requests it must tell of at least, so that an empty log proves nothing.
pub fn assert_tells_nothing(log: &str, also: &[&str], requests: usize) {
    let told = log.lines().filter(|line| line.contains("cpis_fhir::request")).count();
    assert!(told >= requests, "only {told} requests are in the log");
    assert_holds_nothing(log, also);
    for markup in ["<", "CP-ISNHSQuery", "urn:hl7-org", "DistributionEnvelope"] {
        assert!(!log.contains(markup), "{markup} is in the log");
    }
}

/// As [`assert_tells_nothing`], of any text.
pub fn assert_holds_nothing(text: &str, also: &[&str]) {
    let words: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
    // What follows the point of a measured number may be any digits.
    let numbers: Vec<&str> = text.split(|c: char| !c.is_ascii_digit() && c != '.').map(without_fraction).collect();
    for secret in all(also) {
        // A short name may be a part of another word, but not a whole word.
        let is_number = secret.chars().all(|c| c.is_ascii_digit());
        let found = match secret.chars().all(char::is_alphanumeric) {
            _ if is_number => numbers.iter().any(|number| number.contains(&secret)),
            true => words.contains(secret.as_str()),
            false => text.contains(&secret),
        };
        assert!(!found, "{secret} is in the log, or in what else goes out");
    }
}

/// `28.1666` is `28`; what is not of that form is left as it is.
fn without_fraction(number: &str) -> &str {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match number.split_once('.') {
        Some((whole, fraction)) if is_number(whole) && is_number(fraction) => whole,
        _ => number,
    }
}

/// As [`assert_holds_nothing`], of bytes that are not all text, and in whatever form a text may have in them. What is short may
/// be in them by chance and is not looked for.
pub fn assert_bytes_hold_nothing(bytes: &[u8], also: &[&str]) {
    let all = all(also);
    let long: Vec<&str> = all.iter().map(String::as_str).filter(|secret| secret.len() >= 8).collect();
    assert!(long.len() > 80, "only {} texts are long enough", long.len());
    Canaries::new(long).assert_none("what goes out", bytes);
}

fn all(also: &[&str]) -> BTreeSet<String> {
    let mut secrets = secrets();
    assert!(secrets.len() > 150, "the scenario's texts were not found");
    secrets.extend(also.iter().map(|text| (*text).to_owned()));
    secrets
}

fn secrets() -> BTreeSet<String> {
    let scenario: toml::Table = toml::from_str(BUILT_IN).unwrap();
    let mut found = BTreeSet::new();
    collect(&toml::Value::Table(scenario), false, &mut found);
    found.remove("asked");
    found
}

fn collect(value: &toml::Value, telling: bool, found: &mut BTreeSet<String>) {
    match value {
        toml::Value::String(text) if telling => {
            found.insert(text.clone());
        }
        toml::Value::Array(items) => items.iter().for_each(|item| collect(item, telling, found)),
        toml::Value::Table(table) => {
            table.iter().for_each(|(key, value)| collect(value, TELLING.contains(&key.as_str()), found));
        }
        _ => {}
    }
}
