//! Reads search parameters against one [`registry`] (fhir.md 3), and selects what a search shows of a graph ([`select`]).
//!
//! A parameter that cannot be honoured is an error under strict handling, the default. Lenient handling leaves it out and says so. A filter
//! is never dropped silently.

mod child;
pub mod cursor;
mod error;
mod filter;
pub mod include;
pub mod pairs;
mod read_parameters;
pub mod registry;
mod resolver;
mod result_parameters;
pub mod select;
pub mod subset;
mod values;

pub use cursor::{Cursor, LookFingerprint};
pub use error::SearchError;
pub use filter::Filter;
pub use include::Include;
pub use read_parameters::ReadParameters;
pub use registry::{Direction, TokenElement};
pub use resolver::{BaseUrl, ReferenceResolver};
pub use result_parameters::{PageRange, Sort, Summary, TotalMode};
pub use select::Selection;
pub use subset::Subset;

use super::graph::ResourceType;
use crate::cpis::NhsNumber;
use pairs::Pair;
use registry::{Parameter, ParameterKind, Searchable};
use result_parameters::ResultParameters;

/// The most bytes that the parameters of a self link may have: servers reject longer links.
const LONGEST_QUERY: usize = 8192;

/// How to treat what is not understood: the server's setting and the caller's `Prefer: handling` together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    Strict,
    Lenient,
}

/// A parsed search.
pub struct Search {
    /// The row of the registry: the name in the path, the shape and the parameters.
    pub view: &'static Searchable,
    pub resource: ResourceType,
    /// The one child that the search is about.
    pub nhs_number: NhsNumber,
    /// A match meets every one of them.
    pub filters: Vec<Filter>,
    pub includes: Vec<Include>,
    pub page: PageRange,
    pub summary: Summary,
    /// The elements of `_elements`, by their R4 names; empty without that parameter.
    pub elements: Vec<&'static str>,
    pub sort: Option<Sort>,
    pub total: Option<TotalMode>,
    /// What lenient handling left out, in words that are safe to show.
    pub ignored: Vec<SearchError>,
    used: Vec<(String, String)>,
}

/// Shows nothing that the caller sent: the values may hold anything.
impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Search({}, {} filters, {} includes)", self.view.name, self.filters.len(), self.includes.len())
    }
}

impl Search {
    /// Reads `pairs`, the decoded parameters of URL and body together.
    ///
    /// # Errors
    /// The first [`SearchError`] that `handling` must not ignore.
    pub fn parse<'k>(
        view: &'static Searchable,
        pairs: &[Pair],
        handling: Handling,
        resolver: impl Into<ReferenceResolver<'k>>,
    ) -> Result<Self, SearchError> {
        let mut parser = SearchParser::new(view, resolver.into());
        let mut ignored = Vec::new();
        for pair in pairs {
            match parser.read(pair) {
                Err(error) if handling == Handling::Lenient && error.may_be_ignored() && !must_be_honoured(pair) => {
                    ignored.push(error);
                }
                other => other?,
            }
        }
        parser.finish(ignored)
    }

    /// The parameters in use, normalised and in order, for the self link: without the child or any NHS number.
    pub fn used(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.used.iter().cloned()
    }

    /// The part of each match that is shown; `None`: all of it.
    pub fn subset(&self) -> Option<Subset<'_>> {
        if !self.elements.is_empty() {
            return Some(Subset::Elements(&self.elements));
        }
        self.subset_of_included()
    }

    /// The part of each included resource that is shown. `_elements` names elements of the matches, so it does not apply here.
    pub fn subset_of_included(&self) -> Option<Subset<'static>> {
        self.summary.subset()
    }
}

/// Collects the parameters of a search one by one.
struct SearchParser<'k> {
    view: &'static Searchable,
    resolver: ReferenceResolver<'k>,
    children: child::ChildParameters,
    filters: Vec<Filter>,
    includes: Vec<Include>,
    results: ResultParameters,
    used: Vec<(String, String)>,
}

impl<'k> SearchParser<'k> {
    fn new(view: &'static Searchable, resolver: ReferenceResolver<'k>) -> Self {
        Self {
            view,
            resolver,
            children: child::ChildParameters::default(),
            filters: Vec::new(),
            includes: Vec::new(),
            results: ResultParameters::default(),
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
        if let Some((filter, used)) = Filter::read(parameter, modifier, &pair.value, &self.resolver)? {
            self.filters.push(filter);
            self.used.push(used);
            return Ok(());
        }
        match parameter.kind {
            ParameterKind::Child => self.children.read(&pair.name, modifier, &pair.value, &self.resolver),
            ParameterKind::Include(direction) => self.include(direction, modifier, pair),
            _ if modifier.is_some() => Err(SearchError::modifier(&pair.name)),
            ParameterKind::Result(result) => {
                let value = self.results.read(result, name, &pair.value, self.view.resource)?;
                self.used.push((name.to_owned(), value));
                Ok(())
            }
            // The headers' parser already read it, because it also decides the form of errors. Here it only has to be allowed.
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

    /// Keeps the form of the answer for links, so that the next page looks like this one.
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
        let nhs_number = self.children.one()?;
        filter::check_together(&self.filters, self.view.resource, &nhs_number, self.resolver.ids)?;
        self.results.check(!self.includes.is_empty())?;
        if self.used.iter().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>() > LONGEST_QUERY {
            return Err(SearchError::Undecodable { reason: "together they are too long" });
        }
        Ok(Search {
            view: self.view,
            resource: self.view.resource,
            nhs_number,
            filters: self.filters,
            includes: self.includes,
            page: PageRange { count: self.results.count.filter(|count| *count > 0), offset: 0 },
            summary: self.results.summary(),
            elements: self.results.elements.unwrap_or_default(),
            sort: self.results.sort,
            total: self.results.total,
            ignored,
            used: self.used,
        })
    }
}

/// Whether lenient handling must not leave a parameter out: one with a modifier, which R4 requires to be refused, and one that may say
/// which child is meant. Without it the answer would be about another child, or about more than was asked.
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
