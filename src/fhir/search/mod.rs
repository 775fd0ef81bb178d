//! What is asked: reads search parameters against one registry (fhir.md 3).
//!
//! Whatever cannot be honoured is an error under strict handling, the default; under lenient handling it is left out and
//! named. A filter is never dropped in silence.

mod child;
pub mod include;
pub mod pairs;
pub mod registry;

pub use child::Child;
pub use include::{Direction, Include};

use super::graph::ResourceType;
use super::id::IdKeys;
use pairs::Pair;
use registry::{Kind, Searchable};

/// How to treat what is not understood: the server's setting and the caller's `Prefer: handling` together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    Strict,
    Lenient,
}

/// A search that was understood.
#[derive(Debug, Clone)]
pub struct Search {
    pub resource: ResourceType,
    pub child: Child,
    pub includes: Vec<Include>,
    /// What was left out under lenient handling, in words that are safe to show.
    pub ignored: Vec<SearchError>,
}

/// Why a search is refused. Never holds a value of the caller's, only the names of parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    #[error("No child is named. Give one NHS number as patient=<NHS number>.")]
    NoChild,
    #[error("The child is named more than once, and differently. Search for one child at a time.")]
    TwoChildren { parameter: String },
    #[error("Invalid NHS number: {reason}.")]
    NotAnNhsNumber { parameter: String, reason: &'static str },
    #[error("The value names no child known here. Give the NHS number, or the Patient reference of an earlier answer.")]
    UnknownChild { parameter: String },
    #[error("The identifier system must be https://fhir.nhs.uk/Id/nhs-number.")]
    WrongIdentifierSystem { parameter: String },
    #[error("The value of the parameter cannot be read: {reason}.")]
    Malformed { parameter: String, reason: &'static str },
    #[error("The parameter is not supported in a search for {resource}.")]
    UnknownParameter { parameter: String, resource: &'static str },
    #[error("The modifier is not supported on this parameter.")]
    UnknownModifier { parameter: String },
    #[error("The include is not supported in a search for {resource}.")]
    UnknownInclude { parameter: String, resource: &'static str },
    #[error("The parameters cannot be read: {reason}.")]
    Undecodable { reason: &'static str },
}

impl SearchError {
    /// The parameter at fault, safe to show.
    pub fn parameter(&self) -> Option<&str> {
        match self {
            Self::NoChild => Some("patient"),
            Self::TwoChildren { parameter }
            | Self::NotAnNhsNumber { parameter, .. }
            | Self::UnknownChild { parameter }
            | Self::WrongIdentifierSystem { parameter }
            | Self::Malformed { parameter, .. }
            | Self::UnknownParameter { parameter, .. }
            | Self::UnknownModifier { parameter }
            | Self::UnknownInclude { parameter, .. } => Some(parameter),
            Self::Undecodable { .. } => None,
        }
    }

    /// Whether lenient handling may leave the parameter out. What concerns the child never may.
    fn may_be_ignored(&self) -> bool {
        matches!(self, Self::UnknownParameter { .. } | Self::UnknownModifier { .. } | Self::UnknownInclude { .. })
    }
}

impl Search {
    /// Reads `pairs`, the decoded parameters of URL and body together.
    ///
    /// # Errors
    /// The first [`SearchError`] that handling does not allow to ignore.
    pub fn parse(searchable: &Searchable, pairs: &[Pair], handling: Handling, ids: &IdKeys) -> Result<Self, SearchError> {
        let mut children = child::Naming::default();
        let mut includes = Vec::new();
        let mut ignored = Vec::new();
        for pair in pairs {
            let read = read_pair(searchable, pair, ids, &mut children, &mut includes);
            match read {
                Err(error) if handling == Handling::Lenient && error.may_be_ignored() => ignored.push(error),
                other => other?,
            }
        }
        Ok(Self { resource: searchable.resource, child: children.one()?, includes, ignored })
    }

    /// The parameters really used, for the self link, without the child.
    pub fn used(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.includes.iter().map(Include::as_parameter)
    }
}

fn read_pair(
    searchable: &Searchable,
    pair: &Pair,
    ids: &IdKeys,
    children: &mut child::Naming,
    includes: &mut Vec<Include>,
) -> Result<(), SearchError> {
    let (name, modifier) = split_name(&pair.name);
    let Some(parameter) = searchable.parameter(name) else {
        return Err(SearchError::UnknownParameter { parameter: safe_name(&pair.name), resource: searchable.resource.name() });
    };
    match parameter.kind {
        Kind::Child => children.read(&pair.name, modifier, &pair.value, ids),
        Kind::Include(direction) => {
            let iterate = match modifier {
                None => false,
                Some(":iterate" | ":recurse") => true,
                Some(_) => return Err(SearchError::UnknownModifier { parameter: safe_name(&pair.name) }),
            };
            include::read(searchable.resource, direction, iterate, &pair.value, includes)
        }
        // Read with the headers, since it decides the form of errors too; here it only has to be allowed.
        Kind::Presentation if modifier.is_none() => Ok(()),
        Kind::Presentation => Err(SearchError::UnknownModifier { parameter: safe_name(&pair.name) }),
    }
}

/// `patient:identifier` is `patient` with `:identifier`, `patient.identifier` is `patient` with `.identifier`.
fn split_name(name: &str) -> (&str, Option<&str>) {
    match name.find([':', '.']) {
        Some(at) => (&name[..at], Some(&name[at..])),
        None => (name, None),
    }
}

/// The name as it may be repeated to the caller: a name that could hold data is not repeated.
fn safe_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':' | '.' | '-');
    if !name.is_empty() && name.len() <= 64 && name.chars().all(plain) {
        name.to_owned()
    } else {
        "(a name that is not repeated here)".to_owned()
    }
}

#[cfg(test)]
mod tests;
