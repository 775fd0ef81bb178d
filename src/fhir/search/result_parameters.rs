//! The parameters that shape a result: `_count`, `_summary`, `_elements`, `_total`, `_sort` (R4 3.1.1.5).

use super::registry::ResultParameter;
use super::{SearchError, Subset, subset, values};
use crate::fhir::graph::ResourceType;

/// Which part of the matches is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageRange {
    /// Matches on one page; `None`: all on one page.
    pub count: Option<usize>,
    pub offset: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Summary {
    /// Everything.
    #[default]
    False,
    True,
    Text,
    Data,
    /// Only the total.
    Count,
}

impl Summary {
    /// The part of each resource that is shown; `None`: all of it.
    pub fn subset(self) -> Option<Subset<'static>> {
        match self {
            Self::False | Self::Count => None,
            Self::True => Some(Subset::Summary),
            Self::Text => Some(Subset::Text),
            Self::Data => Some(Subset::Data),
        }
    }
}

/// Newest or oldest first, instead of the default order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Date,
    DateDescending,
}

/// How exact the total must be. Ours is always exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TotalMode {
    None,
    Estimate,
    Accurate,
}

/// The values read so far. A repeated parameter must have the same value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ResultParameters {
    pub count: Option<usize>,
    pub summary: Option<Summary>,
    pub elements: Option<Vec<&'static str>>,
    pub total: Option<TotalMode>,
    pub sort: Option<Sort>,
}

impl ResultParameters {
    /// Reads one value and returns it in the form for links.
    pub(super) fn read(
        &mut self,
        parameter: ResultParameter,
        name: &str,
        value: &str,
        resource: ResourceType,
    ) -> Result<String, SearchError> {
        let value = value.trim();
        if value.is_empty() {
            return Err(SearchError::malformed(name, "it is empty"));
        }
        match parameter {
            ResultParameter::Count => once(&mut self.count, name, count(name, value)?)?,
            ResultParameter::Summary => once(&mut self.summary, name, summary(name, value)?)?,
            ResultParameter::Elements => once(&mut self.elements, name, elements(name, value, resource)?)?,
            ResultParameter::Total => once(&mut self.total, name, total(name, value)?)?,
            ResultParameter::Sort => once(&mut self.sort, name, sort(name, value)?)?,
        }
        Ok(match (parameter, &self.elements) {
            (ResultParameter::Elements, Some(elements)) => elements.join(","),
            _ => value.to_owned(),
        })
    }

    /// Refuses parameters that cannot be combined (decisions.md 29f), in any order.
    pub(super) fn check(&self, includes: bool) -> Result<(), SearchError> {
        if self.summary == Some(Summary::Text) && includes {
            return Err(SearchError::malformed("_summary", "text cannot be had together with includes"));
        }
        if self.elements.is_some() && self.summary.is_some_and(|summary| summary != Summary::False) {
            return Err(SearchError::malformed("_elements", "it cannot be had together with _summary"));
        }
        Ok(())
    }

    pub(super) fn summary(&self) -> Summary {
        if self.count == Some(0) { Summary::Count } else { self.summary.unwrap_or_default() }
    }
}

fn once<T: PartialEq>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), SearchError> {
    if slot.as_ref().is_some_and(|known| *known != value) {
        return Err(SearchError::malformed(name, "it is given more than once, and differently"));
    }
    *slot = Some(value);
    Ok(())
}

fn count(name: &str, value: &str) -> Result<usize, SearchError> {
    let digits = value.len() <= 9 && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| value.parse().ok()).flatten();
    number.ok_or_else(|| SearchError::malformed(name, "it is a number of at most nine digits"))
}

fn summary(name: &str, value: &str) -> Result<Summary, SearchError> {
    Ok(match value {
        "false" => Summary::False,
        "true" => Summary::True,
        "text" => Summary::Text,
        "data" => Summary::Data,
        "count" => Summary::Count,
        _ => return Err(SearchError::malformed(name, "it is one of true, false, text, data, count")),
    })
}

fn total(name: &str, value: &str) -> Result<TotalMode, SearchError> {
    Ok(match value {
        "none" => TotalMode::None,
        "estimate" => TotalMode::Estimate,
        "accurate" => TotalMode::Accurate,
        _ => return Err(SearchError::malformed(name, "it is one of none, estimate, accurate")),
    })
}

fn sort(name: &str, value: &str) -> Result<Sort, SearchError> {
    Ok(match value {
        "date" => Sort::Date,
        "-date" => Sort::DateDescending,
        _ => return Err(SearchError::unsupported(name, "only date and -date can be sorted by")),
    })
}

fn elements(name: &str, value: &str, resource: ResourceType) -> Result<Vec<&'static str>, SearchError> {
    let mut all = Vec::new();
    for alternative in values::split(name, value)? {
        let element = alternative.single(name)?;
        let known = subset::element(resource, element)
            .ok_or_else(|| SearchError::unsupported(name, "an element that is not at the root of the resource type"))?;
        if !all.contains(&known) {
            all.push(known);
        }
    }
    Ok(all)
}
