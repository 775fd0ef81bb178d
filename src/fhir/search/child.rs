//! The child of a search: every way to name it resolves to one NHS number (fhir.md 3, "Saying which child").

use super::resolver::{ReferenceResolver, ResolvedReference};
use super::{SearchError, error::safe_name};
use crate::cpis::{NhsNumber, NotAnNhsNumber};
use crate::fhir::graph::ResourceType;

const NHS_NUMBER_SYSTEM: &str = "https://fhir.nhs.uk/Id/nhs-number";

/// Collects the parameters that name the child and checks that they name only one.
#[derive(Default)]
pub(super) struct ChildParameters(Option<NhsNumber>);

impl ChildParameters {
    pub(super) fn read(
        &mut self,
        name: &str,
        modifier: Option<&str>,
        value: &str,
        resolver: &ReferenceResolver<'_>,
    ) -> Result<(), SearchError> {
        let is_identifier = match modifier {
            None | Some(":Patient") => false,
            Some(":identifier" | ".identifier" | ":Patient.identifier") => true,
            Some(_) => return Err(SearchError::UnknownModifier { parameter: safe_name(name) }),
        };
        // A comma is "or" in FHIR. Several children would be a ward list; one child named twice is still one child.
        for alternative in value.split(',') {
            let number = if is_identifier { identifier(name, alternative)? } else { reference(name, alternative, resolver)? };
            match &self.0 {
                Some(known) if *known != number => return Err(SearchError::TwoChildren { parameter: safe_name(name) }),
                _ => self.0 = Some(number),
            }
        }
        Ok(())
    }

    pub(super) fn one(self) -> Result<NhsNumber, SearchError> {
        self.0.ok_or(SearchError::NoChild)
    }
}

/// Names of parameters that may say which child is meant: our own, and those of R4 for the Patient.
const ABOUT_THE_CHILD: [&str; 18] = [
    "address",
    "address-city",
    "address-postalcode",
    "birthdate",
    "child",
    "death-date",
    "deceased",
    "email",
    "family",
    "gender",
    "given",
    "name",
    "patient",
    "person",
    "phone",
    "phonetic",
    "subject",
    "telecom",
];

/// Whether a parameter of this name, known here or not, may say which child is meant.
pub(super) fn is_about_the_child(name: &str) -> bool {
    ABOUT_THE_CHILD.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// `[Patient/]<NHS number>`, `[Patient/]<opaque id>`, or such a reference under our own base.
fn reference(name: &str, value: &str, resolver: &ReferenceResolver<'_>) -> Result<NhsNumber, SearchError> {
    let (relative, is_bare) = match resolver.resolve(value.trim()) {
        ResolvedReference::Relative(relative) => (relative, true),
        ResolvedReference::Own(relative) => (relative, false),
        ResolvedReference::Foreign => return Err(SearchError::OfAnotherServer { parameter: safe_name(name) }),
    };
    let id = match relative.split_once('/') {
        None if is_bare => relative,
        Some(("Patient", id)) if !id.contains('/') => id,
        _ => return Err(SearchError::UnknownChild { parameter: safe_name(name) }),
    };
    if id.is_empty() {
        return Err(SearchError::Malformed { parameter: safe_name(name), reason: "it is empty" });
    }
    match resolver.ids.open(id) {
        Some(open) if open.kind == ResourceType::Patient => Ok(open.nhs_number),
        Some(_) => Err(SearchError::UnknownChild { parameter: safe_name(name) }),
        // Longer than any spelling of an NHS number, so the caller meant one of our ids.
        None if id.len() > 20 => Err(SearchError::UnknownChild { parameter: safe_name(name) }),
        None => nhs_number(name, id),
    }
}

/// `[https://fhir.nhs.uk/Id/nhs-number|]<NHS number>`.
fn identifier(name: &str, value: &str) -> Result<NhsNumber, SearchError> {
    let number = match value.rsplit_once('|') {
        None => value,
        Some((system, number)) if system.trim_end_matches('\\') == NHS_NUMBER_SYSTEM => number,
        Some(_) => return Err(SearchError::WrongIdentifierSystem { parameter: safe_name(name) }),
    };
    if number.trim().is_empty() {
        return Err(SearchError::Malformed { parameter: safe_name(name), reason: "it is empty" });
    }
    nhs_number(name, number.trim())
}

fn nhs_number(name: &str, text: &str) -> Result<NhsNumber, SearchError> {
    NhsNumber::parse(text).map_err(|error| SearchError::NotAnNhsNumber {
        parameter: safe_name(name),
        reason: match error {
            NotAnNhsNumber::NotTenDigits => "an NHS number has ten digits",
            NotAnNhsNumber::WrongCheckDigit => "the check digit is wrong",
        },
    })
}
