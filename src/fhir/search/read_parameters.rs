//! The parameters of a read: the result parameters of a search that make sense for one resource, parsed in the same way.

use super::pairs::Pair;
use super::registry::{COMMON, ParameterKind, ResultParameter};
use super::result_parameters::ResultParameters;
use super::{Handling, SearchError, Subset, Summary, must_be_honoured, split_name};
use crate::fhir::graph::ResourceType;

/// `_summary` and `_elements` of a read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadParameters {
    summary: Summary,
    elements: Vec<&'static str>,
}

impl ReadParameters {
    /// Reads `pairs`, the decoded parameters of the read's URL.
    ///
    /// # Errors
    /// The first [`SearchError`] that `handling` must not ignore.
    pub fn parse(resource: ResourceType, pairs: &[Pair], handling: Handling) -> Result<Self, SearchError> {
        let mut results = ResultParameters::default();
        for pair in pairs {
            match one(&mut results, resource, pair) {
                Err(error) if handling == Handling::Lenient && error.may_be_ignored() && !must_be_honoured(pair) => {}
                other => other?,
            }
        }
        results.check(false)?;
        if results.summary() == Summary::Count {
            return Err(SearchError::malformed("_summary", "a read has one resource; there is nothing to count"));
        }
        Ok(Self { summary: results.summary(), elements: results.elements.unwrap_or_default() })
    }

    /// The part that is shown; `None`: all of it.
    #[must_use]
    pub fn subset(&self) -> Option<Subset<'_>> {
        if self.elements.is_empty() { self.summary.subset() } else { Some(Subset::Elements(&self.elements)) }
    }
}

fn one(results: &mut ResultParameters, resource: ResourceType, pair: &Pair) -> Result<(), SearchError> {
    let (name, modifier) = split_name(&pair.name);
    let kind = COMMON.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.kind);
    match kind {
        Some(ParameterKind::Presentation | ParameterKind::Result(ResultParameter::Summary | ResultParameter::Elements))
            if modifier.is_some() =>
        {
            Err(SearchError::modifier(&pair.name))
        }
        // The headers' parser already read it.
        Some(ParameterKind::Presentation) => Ok(()),
        Some(ParameterKind::Result(result @ (ResultParameter::Summary | ResultParameter::Elements))) => {
            results.read(result, name, &pair.value, resource).map(drop)
        }
        _ => Err(SearchError::unknown_of_read(&pair.name, resource)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_parameters(name: &str, value: &str, handling: Handling) -> Result<ReadParameters, SearchError> {
        ReadParameters::parse(ResourceType::Patient, &[Pair { name: name.to_owned(), value: value.to_owned() }], handling)
    }

    #[test]
    fn a_read_takes_what_shapes_one_resource() {
        for handling in [Handling::Strict, Handling::Lenient] {
            assert_eq!(read_parameters("_summary", "true", handling).unwrap().subset(), Some(Subset::Summary));
            assert_eq!(read_parameters("_summary", "false", handling).unwrap().subset(), None);
            assert_eq!(
                read_parameters("_elements", "name,birthDate", handling).unwrap().subset(),
                Some(Subset::Elements(&["name", "birthDate"]))
            );
            for form in ["_format", "_pretty"] {
                assert_eq!(read_parameters(form, "xml", handling).unwrap().subset(), None);
            }
            for (name, value) in
                [("_summary", "count"), ("_summary", "some"), ("_summary:x", "true"), ("patient", "x"), ("colour", "9990000018")]
            {
                assert!(read_parameters(name, value, handling).is_err(), "{name}={value}");
            }
        }
    }

    #[test]
    fn what_a_read_does_not_have_is_treated_as_in_a_search() {
        for (name, value) in
            [("status", "active"), ("_count", "1"), ("_include", "*"), ("colour", "red"), ("_elements", "colour")]
        {
            let refused = read_parameters(name, value, Handling::Strict).unwrap_err();
            assert!(refused.may_be_ignored(), "{name}: {refused}");
            assert_eq!(read_parameters(name, value, Handling::Lenient), Ok(ReadParameters::default()));
        }
    }
}
