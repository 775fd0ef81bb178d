//! What is asked: reads search parameters against one [`registry`] (fhir.md 3), and picks what a search shows of a graph
//! ([`select`]).
//!
//! Whatever cannot be honoured is an error under strict handling, the default; under lenient handling it is left out and
//! named. A filter is never dropped in silence.

mod child;
pub mod cursor;
mod error;
mod filter;
pub mod include;
mod ours;
pub mod pairs;
mod portion;
pub mod registry;
mod result;
pub mod select;
pub mod subset;
mod values;

pub use child::Child;
pub use cursor::{Cursor, LookMark};
pub use error::SearchError;
pub use filter::Filter;
pub use include::Include;
pub use ours::{Base, Ours};
pub use portion::Portion;
pub use registry::{Direction, TokenElement};
pub use result::{Page, Sort, Summary, Total};
pub use select::Selection;
pub use subset::Subset;

use super::graph::ResourceType;
use pairs::Pair;
use registry::{Kind, Parameter, Searchable};
use result::Results;

/// The parameters of a self link together, in bytes: more would not fit into a link that servers accept.
const LONGEST_QUERY: usize = 8192;

/// How to treat what is not understood: the server's setting and the caller's `Prefer: handling` together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    Strict,
    Lenient,
}

/// A search that was understood.
pub struct Search {
    /// The row of the registry: name in the path, shape, parameters.
    pub view: &'static Searchable,
    pub resource: ResourceType,
    pub child: Child,
    /// A match meets all of them.
    pub filters: Vec<Filter>,
    pub includes: Vec<Include>,
    pub page: Page,
    pub summary: Summary,
    /// The elements of `_elements`, by their names in R4; empty where it is not given.
    pub elements: Vec<&'static str>,
    pub sort: Option<Sort>,
    pub total: Option<Total>,
    /// What was left out under lenient handling, in words that are safe to show.
    pub ignored: Vec<SearchError>,
    used: Vec<(String, String)>,
}

/// Nothing that the caller sent: the values may hold anything.
impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Search({}, {} filters, {} includes)", self.view.name, self.filters.len(), self.includes.len())
    }
}

impl Search {
    /// Reads `pairs`, the decoded parameters of URL and body together.
    ///
    /// # Errors
    /// The first [`SearchError`] that handling does not allow to ignore.
    pub fn parse<'k>(
        view: &'static Searchable,
        pairs: &[Pair],
        handling: Handling,
        ours: impl Into<Ours<'k>>,
    ) -> Result<Self, SearchError> {
        let mut reading = Reading::new(view, ours.into());
        let mut ignored = Vec::new();
        for pair in pairs {
            match reading.read(pair) {
                Err(error) if handling == Handling::Lenient && error.may_be_ignored() && !must_be_honoured(pair) => {
                    ignored.push(error);
                }
                other => other?,
            }
        }
        reading.finish(ignored)
    }

    /// The parameters really used, normalised and in order, for the self link: without the child, without an NHS number.
    pub fn used(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.used.iter().cloned()
    }

    /// What is shown of each match; `None`: all of it.
    pub fn subset(&self) -> Option<Subset<'_>> {
        if !self.elements.is_empty() {
            return Some(Subset::Elements(&self.elements));
        }
        self.subset_of_included()
    }

    /// What is shown of each included resource: `_elements` names elements of the matches, so it does not count here.
    pub fn subset_of_included(&self) -> Option<Subset<'static>> {
        self.summary.subset()
    }
}

/// A search in the middle of being read.
struct Reading<'k> {
    view: &'static Searchable,
    ours: Ours<'k>,
    children: child::Naming,
    filters: Vec<Filter>,
    includes: Vec<Include>,
    results: Results,
    used: Vec<(String, String)>,
}

impl<'k> Reading<'k> {
    fn new(view: &'static Searchable, ours: Ours<'k>) -> Self {
        Self {
            view,
            ours,
            children: child::Naming::default(),
            filters: Vec::new(),
            includes: Vec::new(),
            results: Results::default(),
            used: Vec::new(),
        }
    }

    fn read(&mut self, pair: &Pair) -> Result<(), SearchError> {
        let (name, modifier) = split_name(&pair.name);
        let Some(parameter) = self.view.parameter(name) else {
            return Err(SearchError::unknown(&pair.name, self.view.resource));
        };
        if pair.value.len() > values::LONGEST_VALUE {
            return Err(SearchError::malformed(&pair.name, "it is too long"));
        }
        if let Some((filter, used)) = Filter::read(parameter, modifier, &pair.value, &self.ours)? {
            self.filters.push(filter);
            self.used.push(used);
            return Ok(());
        }
        match parameter.kind {
            Kind::Child => self.children.read(&pair.name, modifier, &pair.value, &self.ours),
            Kind::Include(direction) => self.include(direction, modifier, pair),
            _ if modifier.is_some() => Err(SearchError::modifier(&pair.name)),
            Kind::Result(result) => {
                let value = self.results.read(result, name, &pair.value, self.view.resource)?;
                self.used.push((name.to_owned(), value));
                Ok(())
            }
            // Read with the headers, since it decides the form of errors too; here it only has to be allowed.
            _ => {
                self.present(parameter, &pair.value);
                Ok(())
            }
        }
    }

    fn include(&mut self, direction: Direction, modifier: Option<&str>, pair: &Pair) -> Result<(), SearchError> {
        let iterate = match modifier {
            None => false,
            Some(":iterate" | ":recurse") => true,
            Some(_) => return Err(SearchError::modifier(&pair.name)),
        };
        let before = self.includes.len();
        include::read(self.view.resource, direction, iterate, &pair.value, &mut self.includes)?;
        self.used.extend(self.includes[before..].iter().map(Include::as_parameter));
        Ok(())
    }

    /// The form of the answer stays in links, so that the next page looks like this one.
    fn present(&mut self, parameter: &Parameter, value: &str) {
        let plain = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'+' | b' ' | b'-' | b'.' | b';' | b'=');
        let version = value.replace("fhirVersion=4.0", "");
        if !value.is_empty() && value.len() <= 80 && version.bytes().all(plain) {
            self.used.push((parameter.name.to_owned(), value.to_owned()));
        }
    }

    fn finish(mut self, ignored: Vec<SearchError>) -> Result<Search, SearchError> {
        if let Some((parameter, includes)) = self.view.implied
            && self.filters.iter().any(|filter| filter.parameter.name == parameter)
        {
            for (name, value) in includes {
                let iterate = *name == "_include:iterate";
                include::read(self.view.resource, Direction::Forward, iterate, value, &mut self.includes)?;
            }
        }
        let child = self.children.one()?;
        filter::check_together(&self.filters, self.view.resource, &child.nhs_number, self.ours.ids)?;
        self.results.check(!self.includes.is_empty())?;
        if self.used.iter().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>() > LONGEST_QUERY {
            return Err(SearchError::Undecodable { reason: "together they are too long" });
        }
        Ok(Search {
            view: self.view,
            resource: self.view.resource,
            child,
            filters: self.filters,
            includes: self.includes,
            page: Page { count: self.results.count.filter(|count| *count > 0), offset: 0 },
            summary: self.results.summary(),
            elements: self.results.elements.unwrap_or_default(),
            sort: self.results.sort,
            total: self.results.total,
            ignored,
            used: self.used,
        })
    }
}

/// What lenient handling never leaves out: a modifier, which R4 has refused, and whatever says which child is meant. Without it the
/// answer would be about another child, or about more than was asked.
fn must_be_honoured(pair: &Pair) -> bool {
    pair.name.contains(':')
        || child::is_about_the_child(split_name(&pair.name).0)
        || values::refuse_nhs_number("", &pair.value).is_err()
}

/// `patient:identifier` is `patient` with `:identifier`, `patient.identifier` is `patient` with `.identifier`.
fn split_name(name: &str) -> (&str, Option<&str>) {
    match name.find([':', '.']) {
        Some(at) => (&name[..at], Some(&name[at..])),
        None => (name, None),
    }
}

#[cfg(test)]
mod tests;
