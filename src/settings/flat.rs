//! A flat map of the settings from the file and the environment, each with its origin.
//!
//! Deserialising into structs (figment and serde were considered) stops at the first fault, but operators are promised
//! all faults at once. So the sources are flattened to dotted names, and each name is checked against the table of keys.

use super::fault::Fault;
use super::kind::Kind;
use super::names::{self, Shape};
use super::value::{Node, Value, index, read_document, read_inline};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The given values by name, not yet parsed, and the faults in their names.
#[derive(Default)]
pub(super) struct Flat {
    pub values: BTreeMap<String, RawValue>,
    /// The indexes given for each list of tables.
    pub items: BTreeMap<String, BTreeSet<usize>>,
    pub faults: Vec<Fault>,
    pub warnings: Vec<String>,
    /// The file was not read completely, so settings that look missing may be in it.
    pub is_partial: bool,
}

pub(super) struct RawValue {
    pub value: Value,
    pub kind: Kind,
    /// `cpis.toml:12`, or the name of a variable.
    pub origin: String,
}

/// Where a value comes from.
#[derive(Clone, Copy)]
enum Source<'a> {
    File(&'a str),
    Variable(&'a str),
}

impl Source<'_> {
    fn origin(self, node: &Node) -> String {
        match self {
            Self::File(name) => node.line.map_or_else(|| name.to_owned(), |line| format!("{name}:{line}")),
            Self::Variable(name) => names::printable(name),
        }
    }

    fn named(self, node: &Node) -> String {
        match self {
            Self::File(_) => self.origin(node),
            Self::Variable(_) => format!("environment variable {}", self.origin(node)),
        }
    }
}

impl Flat {
    /// Reads the file, if any, then lays the variables over it.
    pub(super) fn read(file: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut flat = Self::default();
        if let Some(path) = file {
            flat.read_file(path);
        }
        flat.overlay(env);
        flat.check_items();
        flat
    }

    fn read_file(&mut self, path: &Path) {
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                self.is_partial = true;
                let problem = match error.kind() {
                    std::io::ErrorKind::InvalidData => "is not UTF-8 text".to_owned(),
                    kind => format!("cannot be read: {kind}"),
                };
                self.fault("", None, format!("settings file {name} {problem}"));
                return;
            }
        };
        let (members, faults) = read_document(&text);
        self.is_partial = !faults.is_empty();
        for fault in faults {
            self.fault("", None, format!("settings file {name}:{} is not TOML: {}", fault.line, fault.problem));
        }
        for (key, node) in members {
            self.add(&names::part(&key), node, Source::File(&name));
        }
    }

    /// A variable for a whole list of tables replaces the file's list. Variables for single items then change it.
    fn overlay(&mut self, env: impl IntoIterator<Item = (String, String)>) {
        let mut ours: BTreeMap<String, (String, String)> = BTreeMap::new();
        for (variable, text) in env {
            if let Some(meant) = names::meant_by_variable(&variable) {
                self.warnings
                    .push(format!("the environment variable {} is not read; did you mean {meant}?", names::printable(&variable)));
            }
            let Some(name) = names::of_variable(&variable) else { continue };
            if let Some((other, _)) = ours.get(&name) {
                let problem = format!("is set by two variables, {} and {}", names::printable(other), names::printable(&variable));
                self.fault(&names::printable(&name), None, problem);
                continue;
            }
            ours.insert(name, (variable, text));
        }
        // In the order of names a list comes before its items: `access.issuers` before `access.issuers[0]`.
        for (name, (variable, text)) in ours {
            self.forget(&name);
            self.add(&name, Node { value: Value::Text(text), line: None }, Source::Variable(&variable));
        }
    }

    /// Drops what the file said under this name: a setting, a list of tables, or one item of it.
    fn forget(&mut self, name: &str) {
        self.values.remove(name);
        let inside = match names::shape(name) {
            Shape::Tables => {
                self.items.remove(name);
                format!("{name}[")
            }
            Shape::Group if name.ends_with(']') => format!("{name}."),
            _ => return,
        };
        self.values.retain(|key, _| !key.starts_with(&inside));
    }

    fn add(&mut self, name: &str, node: Node, source: Source<'_>) {
        match names::shape(name) {
            Shape::Setting(row) => {
                self.note_items(name);
                let raw = RawValue { origin: source.origin(&node), value: node.value, kind: row.kind };
                if self.values.insert(name.to_owned(), raw).is_some() {
                    self.fault(name, None, "is set twice in the settings file".to_owned());
                }
            }
            Shape::Group => self.add_group(name, node, source),
            Shape::Tables => self.add_tables(name, node, source),
            Shape::Unknown => {
                let hint = names::suggestion(name).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                self.fault("", None, format!("unknown setting {} ({}){hint}", names::printable(name), source.named(&node)));
            }
        }
    }

    fn add_group(&mut self, name: &str, node: Node, source: Source<'_>) {
        self.note_items(name);
        let is_item = name.ends_with(']');
        let node = match &node.value {
            Value::Text(text) if is_item => read_inline(text).unwrap_or(node),
            _ => node,
        };
        if let Value::Group(members) = node.value {
            for (key, member) in members {
                self.add(&format!("{name}.{}", names::part(&key)), member, source);
            }
        } else {
            let wanted = if is_item { "wanted a table such as {name = \"value\"}" } else { "is a group of settings, not one" };
            self.fault(name, Some(source.origin(&node)), format!("{wanted}; found {}", node.value.described()));
        }
    }

    fn add_tables(&mut self, name: &str, node: Node, source: Source<'_>) {
        let origin = source.origin(&node);
        let value = match node.value {
            Value::Text(text) if text.trim().is_empty() => Value::List(Vec::new()),
            Value::Text(text) => read_inline(text.trim()).map_or(Value::Text(text), |inline| inline.value),
            other => other,
        };
        match value {
            Value::List(tables) if tables.iter().all(|table| matches!(table.value, Value::Group(_))) => {
                for (at, table) in tables.into_iter().enumerate() {
                    self.add_group(&format!("{name}[{at}]"), table, source);
                }
            }
            other => {
                let found = if matches!(other, Value::List(_)) { "a list of something else" } else { other.described() };
                let problem = format!("wanted a list of tables such as [{{name = \"value\"}}]; found {found}");
                self.fault(name, Some(origin), problem);
            }
        }
    }

    /// Remembers that an item of a list of tables exists, even if it is empty.
    fn note_items(&mut self, name: &str) {
        if let Some((list, rest)) = name.split_once('[')
            && let Some(number) = rest.split(']').next().and_then(index)
        {
            self.items.entry(list.to_owned()).or_default().insert(number);
        }
    }

    /// Items are counted from 0 without gaps: a gap is a mistake, and would shift the items after it.
    fn check_items(&mut self) {
        let gaps: Vec<String> = self
            .items
            .iter()
            .filter_map(|(list, indexes)| {
                let gap = indexes.iter().enumerate().find(|(at, index)| at != *index).map(|(at, _)| at)?;
                Some(format!("{list}[{gap}]"))
            })
            .collect();
        for name in gaps {
            self.fault(&name, None, "is missing; items are counted from 0 without gaps".to_owned());
        }
    }

    fn fault(&mut self, key: &str, origin: Option<String>, problem: String) {
        self.faults.push(Fault { key: key.to_owned(), origin, problem });
    }
}
