//! Typed access to the settings, key by key, that goes on after a fault so that all faults are told.

use super::fault::{Fault, SettingsError};
use super::files::ReadFile;
use super::flat::Flat;
use super::keys::{self, Initial};
use super::kind::Parsed;
use super::table::KEYS;
use super::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The settings while they are being read. Getters give `None` for a key that is absent or whose fault has been noted, so
/// a section checks what it has and builds itself with `?` at its end.
pub(super) struct Reader {
    /// `None`: given, but faulty.
    values: BTreeMap<String, (Option<Parsed>, String)>,
    items: BTreeMap<String, usize>,
    faults: Vec<Fault>,
    pub warnings: Vec<String>,
    /// Every file that was read, once for each setting that names it.
    pub files: Vec<ReadFile>,
    /// While the service runs: a certificate of ours that is outside its validity is a fault then, since the one in use is better.
    pub is_renewal: bool,
}

/// What was given, to be compared with what is given later. Says nothing of itself in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Given(BTreeMap<String, Option<Parsed>>);

impl Given {
    /// The names of settings that differ, in order.
    pub(super) fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let names: BTreeSet<&str> = self.0.keys().chain(other.0.keys()).map(String::as_str).collect();
        names.into_iter().filter(|name| self.0.get(*name) != other.0.get(*name))
    }
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Given({} settings)", self.0.len())
    }
}

impl Reader {
    /// Reads every given value by the form of its key, and misses the keys that are always required.
    ///
    /// Fails at once only where a broken settings file makes anything further guesswork.
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

    /// Every fault noted, or the value.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, SettingsError> {
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ if self.faults.is_empty() => Err(SettingsError::new(vec![Fault {
                key: String::new(),
                origin: None,
                problem: "a setting could not be read, and why is not known; this is a defect of cpis-fhir".to_owned(),
            }])),
            _ => Err(SettingsError::new(self.faults)),
        }
    }

    /// Everything that was given.
    pub(super) fn given(&self) -> Given {
        Given(self.values.iter().map(|(name, (parsed, _))| (name.clone(), parsed.clone())).collect())
    }

    /// Every fault noted so far, of which there must be none for a part to be read by itself.
    ///
    /// # Errors
    /// The faults.
    pub(super) fn so_far(&mut self) -> Result<(), SettingsError> {
        if self.faults.is_empty() { Ok(()) } else { Err(SettingsError::new(std::mem::take(&mut self.faults))) }
    }

    /// Reads one part of the settings by itself.
    ///
    /// # Errors
    /// Its own faults, and no others.
    pub(super) fn part<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Result<T, Vec<Fault>> {
        let value = read(self);
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(std::mem::take(&mut self.faults)),
        }
    }

    /// Forgets what is wrong with keys that are of no interest to the caller.
    pub(super) fn forget_faults(&mut self, is_of_no_interest: impl Fn(&str) -> bool) {
        self.faults.retain(|fault| !is_of_no_interest(&fault.key));
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Whether any key under this group is set.
    pub(super) fn is_any_set(&self, group: &str) -> bool {
        self.values.keys().any(|name| name.strip_prefix(group).is_some_and(|rest| rest.starts_with(['.', '['])))
    }

    /// How many tables a list of tables has.
    pub(super) fn items(&self, list: &str) -> usize {
        self.items.get(list).copied().unwrap_or_default()
    }

    pub(super) fn fault(&mut self, name: &str, problem: impl Into<String>) {
        let origin = self.values.get(name).map(|(_, origin)| origin.clone());
        self.faults.push(Fault { key: name.to_owned(), origin, problem: problem.into() });
    }

    /// A fault about a key that is not there: what it is wanted for.
    ///
    /// One such fault a key is enough, whatever else it is wanted for.
    pub(super) fn miss(&mut self, name: &str, why: &str) {
        if self.faults.iter().any(|fault| fault.key == name) {
            return;
        }
        let wanted = keys::key(name).map(|key| key.kind.wanted()).unwrap_or_default();
        self.fault(name, format!("required{why}; wanted {wanted}"));
    }

    pub(super) fn warn(&mut self, name: &str, warning: impl std::fmt::Display) {
        self.warnings.push(format!("{name} ({}): {warning}", keys::variable(name)));
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Parsed::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        match self.get(name)? {
            Parsed::List(list) => Some(list),
            _ => None,
        }
    }

    pub(super) fn address(&self, name: &str) -> Option<SocketAddr> {
        match self.get(name)? {
            Parsed::Address(address) => Some(address),
            _ => None,
        }
    }

    pub(super) fn switch(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Parsed::Switch(switch) => Some(switch),
            _ => None,
        }
    }

    /// A count or a size, if it fits.
    pub(super) fn count<T: TryFrom<u64>>(&self, name: &str) -> Option<T> {
        match self.get(name)? {
            Parsed::Count(count) => T::try_from(count).ok(),
            _ => None,
        }
    }

    pub(super) fn duration(&self, name: &str) -> Option<Duration> {
        match self.get(name)? {
            Parsed::Duration(duration) => Some(duration),
            _ => None,
        }
    }

    /// The value of a choice, as the caller's own type.
    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let word = self.text(name)?;
        choices.iter().find(|(choice, _)| *choice == word).map(|(_, value)| *value)
    }

    /// The given value, or else the default.
    fn get(&self, name: &str) -> Option<Parsed> {
        if let Some((parsed, _)) = self.values.get(name) {
            return parsed.clone();
        }
        let key = keys::key(name);
        debug_assert!(key.is_some(), "no such setting: {name}");
        match key?.default {
            Initial::Is(default) => key?.kind.read(&Value::Text(default.to_owned())).ok(),
            Initial::Required | Initial::Otherwise(_) => None,
        }
    }

    fn miss_required(&mut self) {
        for key in KEYS.iter().filter(|key| matches!(key.default, Initial::Required)) {
            let names = match key.name.split_once("[]") {
                Some((list, rest)) => (0..self.items(list)).map(|at| format!("{list}[{at}]{rest}")).collect(),
                None => vec![key.name.to_owned()],
            };
            for name in names {
                if !self.is_set(&name) {
                    self.miss(&name, "");
                }
            }
        }
    }
}
