//! Faults in the settings, reported all together.

use super::names;
use std::fmt;

/// Why the service does not start: every fault of the settings at once.
///
/// `Display` is one message for the operator: a first line with the number of faults, then one line each. No line holds
/// a secret's value. The caller prints it and exits with code 2 (decisions.md 19).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError {
    faults: Vec<Fault>,
}

/// One fault of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key, such as `access.issuers[0].issuer`; empty when the fault is not about one key.
    pub key: String,
    /// Where the value was given (`cpis.toml:12` or a variable's name); `None` when it was not given.
    pub origin: Option<String>,
    /// What is wrong, and what is wanted.
    pub problem: String,
}

impl SettingsError {
    /// Sorts the faults in the order of the reference. Faults about no known key come first.
    pub(super) fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| names::position(&fault.key));
        Self { faults }
    }

    /// Never empty.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.faults.len();
        write!(f, "cpis-fhir cannot start: {n} fault{} in the settings", if n == 1 { "" } else { "s" })?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n- {fault}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            return f.write_str(&self.problem);
        }
        let variable = names::variable(&self.key);
        write!(f, "{} ({variable}", self.key)?;
        match &self.origin {
            Some(origin) if !origin.eq_ignore_ascii_case(&variable) => write!(f, ", set in {origin}")?,
            _ => {}
        }
        write!(f, "): {}", self.problem)
    }
}
