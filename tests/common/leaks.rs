//! What must never stand in a log: everything of a child, an authority or a payload that a test used.

use super::BUILT_IN;
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
    let mut secrets = secrets();
    assert!(secrets.len() > 150, "the scenario's texts were not found");
    secrets.extend(also.iter().map(|text| (*text).to_owned()));
    let words: BTreeSet<&str> = log.split(|c: char| !c.is_alphanumeric()).collect();
    for secret in secrets {
        // A short name may be a part of an honest word: as a word of its own it may not.
        let is_word = secret.chars().all(char::is_alphanumeric) && !secret.chars().all(|c| c.is_ascii_digit());
        let found = if is_word { words.contains(secret.as_str()) } else { log.contains(&secret) };
        assert!(!found, "{secret} is in the log");
    }
    for markup in ["<", "CP-ISNHSQuery", "urn:hl7-org", "DistributionEnvelope"] {
        assert!(!log.contains(markup), "{markup} is in the log");
    }
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
