//! Reads the values of the settings, key by key. Reading continues after a fault, so that all faults are reported.

use super::fault::{Fault, SettingsError};
use super::files::FileVersion;
use super::flat::Flat;
use super::key::{Initial, Key, SettingType};
use super::kind::{Kind, ParsedValue};
use super::names;
use super::table::ROWS;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

/// There is no valid value, and the reader has recorded the fault.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReportedFault;

/// The settings while they are being read. A section reads and checks everything first, and only then uses `?`.
pub(super) struct Reader {
    /// `None`: set, but invalid.
    values: BTreeMap<String, (Option<ParsedValue>, String)>,
    items: BTreeMap<String, usize>,
    faults: Vec<Fault>,
    pub warnings: Vec<String>,
    /// Every file that was read, once for each setting that names it.
    pub files: Vec<FileVersion>,
    /// Whether the service is running. Then a certificate of ours outside its validity is a fault, since the one in use is better.
    pub is_renewal: bool,
}

/// The settings at one moment, to compare with later ones. `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, Option<ParsedValue>>);

impl Snapshot {
    /// The names of settings that differ, in order.
    pub(super) fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let names: BTreeSet<&str> = self.0.keys().chain(other.0.keys()).map(String::as_str).collect();
        names.into_iter().filter(|name| self.0.get(*name) != other.0.get(*name))
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({} settings)", self.0.len())
    }
}

impl Reader {
    /// Parses every given value in the form of its key, and reports required keys that are absent.
    ///
    /// Fails at once only if the settings file is broken, since further checks would be guesswork.
    pub(super) fn new(flat: Flat) -> Result<Self, SettingsError> {
        let items = flat.items.iter().map(|(list, indexes)| (list.clone(), indexes.len())).collect();
        let mut reader = Self {
            values: BTreeMap::new(),
            items,
            faults: flat.faults,
            warnings: flat.warnings,
            files: Vec::new(),
            is_renewal: false,
        };
        for (name, given) in flat.values {
            let parsed = match given.kind.read(&given.value) {
                Ok(parsed) => Some(parsed),
                Err(problem) => {
                    reader.faults.push(Fault { key: name.clone(), origin: Some(given.origin.clone()), problem });
                    None
                }
            };
            reader.values.insert(name, (parsed, given.origin));
        }
        if flat.is_partial {
            return Err(SettingsError::new(reader.faults));
        }
        reader.miss_required();
        Ok(reader)
    }

    /// The value, or every recorded fault.
    pub(super) fn finish<T>(self, value: Result<T, ReportedFault>) -> Result<T, SettingsError> {
        match value {
            Ok(value) if self.faults.is_empty() => Ok(value),
            _ if self.faults.is_empty() => Err(SettingsError::new(vec![Fault {
                key: String::new(),
                origin: None,
                problem: "a setting could not be read, and why is not known; this is a defect of cpis-fhir".to_owned(),
            }])),
            _ => Err(SettingsError::new(self.faults)),
        }
    }

    /// All settings that were given.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot(self.values.iter().map(|(name, (parsed, _))| (name.clone(), parsed.clone())).collect())
    }

    /// Fails if a fault is recorded. Parts can be read separately only without earlier faults.
    ///
    /// # Errors
    /// The faults.
    pub(super) fn so_far(&mut self) -> Result<(), SettingsError> {
        if self.faults.is_empty() { Ok(()) } else { Err(SettingsError::new(std::mem::take(&mut self.faults))) }
    }

    /// Reads one part of the settings separately.
    ///
    /// # Errors
    /// The faults of this part only.
    pub(super) fn part<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, ReportedFault>) -> Result<T, Vec<Fault>> {
        match read(self) {
            Ok(value) if self.faults.is_empty() => Ok(value),
            _ => Err(std::mem::take(&mut self.faults)),
        }
    }

    /// Drops the faults of keys that do not matter to the caller.
    pub(super) fn forget_faults(&mut self, is_of_no_interest: impl Fn(&str) -> bool) {
        self.faults.retain(|fault| !is_of_no_interest(&fault.key));
    }

    pub(super) fn is_set<T>(&self, key: Key<T>) -> bool {
        self.values.contains_key(&key.to_string())
    }

    /// Whether any key under this group is set.
    pub(super) fn is_any_set(&self, group: &str) -> bool {
        self.values.keys().any(|name| name.strip_prefix(group).is_some_and(|rest| rest.starts_with(['.', '['])))
    }

    /// The number of tables in a list of tables.
    pub(super) fn items(&self, list: &str) -> usize {
        self.items.get(list).copied().unwrap_or_default()
    }

    /// Records a fault of a key or of a list of tables.
    pub(super) fn fault(&mut self, name: impl Display, problem: impl Into<String>) -> ReportedFault {
        let key = name.to_string();
        let origin = self.values.get(&key).map(|(_, origin)| origin.clone());
        self.faults.push(Fault { key, origin, problem: problem.into() });
        ReportedFault
    }

    /// Records that a key is absent, and why it is required.
    ///
    /// Does so at most once for each key.
    pub(super) fn miss<T>(&mut self, key: Key<T>, why: &str) -> ReportedFault {
        self.miss_name(key.to_string(), key.kind, why)
    }

    fn miss_name(&mut self, name: String, kind: Kind, why: &str) -> ReportedFault {
        if self.faults.iter().any(|fault| fault.key == name) {
            return ReportedFault;
        }
        self.fault(name, format!("required{why}; wanted {}", kind.wanted()))
    }

    pub(super) fn warn(&mut self, name: impl Display, warning: impl Display) {
        let name = name.to_string();
        self.warnings.push(format!("{name} ({}): {warning}", names::variable(&name)));
    }

    /// The given value, or else the default; `None` if an optional key is absent.
    pub(super) fn get<T: SettingType>(&self, key: Key<T>) -> Result<T, ReportedFault> {
        let parsed = match self.values.get(&key.to_string()) {
            Some((parsed, _)) => Some(parsed.clone().ok_or(ReportedFault)?),
            None => key.initial(),
        };
        parsed.map_or_else(T::absent, T::of).ok_or(ReportedFault)
    }

    fn miss_required(&mut self) {
        for row in ROWS.iter().filter(|row| matches!(row.default, Initial::Required)) {
            let names = match row.name.split_once("[]") {
                Some((list, rest)) => (0..self.items(list)).map(|at| format!("{list}[{at}]{rest}")).collect(),
                None => vec![row.name.to_string()],
            };
            for name in names {
                if !self.values.contains_key(&name) {
                    self.miss_name(name, row.kind, "");
                }
            }
        }
    }
}
