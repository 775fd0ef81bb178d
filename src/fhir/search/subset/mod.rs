//! Parts of resources: `_summary=true|text|data` and `_elements` (R4 3.1.1.5.8, 3.1.1.5.9).
//!
//! The tables of [`elements`] say what every part includes and what the summary includes. Every resource that is cut gets the tag
//! SUBSETTED.

use crate::fhir::codes::Code;
use crate::fhir::elements::{self, Element};
use crate::fhir::graph::ResourceType;
use fhirbolt_model::r4::Resource;
use fhirbolt_model::r4::types::Coding;

/// The tag of a resource that is not whole.
pub const SUBSETTED: Code =
    Code { system: "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", code: "SUBSETTED", display: "subsetted" };

/// The part of a resource that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subset<'a> {
    Summary,
    /// The narrative.
    Text,
    /// All except the narrative.
    Data,
    /// These root elements, by their R4 names.
    Elements(&'a [&'static str]),
}

impl Subset<'_> {
    pub(in crate::fhir) fn keeps(self, element: &Element) -> bool {
        if element.is_always_kept() {
            return true;
        }
        match self {
            Self::Summary => element.summary,
            Self::Text => element.name == "text",
            Self::Data => element.name != "text",
            Self::Elements(names) => names.contains(&element.name),
        }
    }
}

/// Reduces `resource` to what `subset` keeps, and tags it. An OperationOutcome stays whole.
pub fn apply(resource: &mut Resource, subset: Subset<'_>) {
    if let Some(meta) = elements::keep(resource, |element| subset.keeps(element)) {
        meta.tag.push(Coding {
            system: Some(SUBSETTED.system.into()),
            code: Some(SUBSETTED.code.into()),
            display: Some(SUBSETTED.display.into()),
            ..Coding::default()
        });
    }
}

/// The name of a root element of a type, as R4 has it; `None` if there is no such element.
pub fn element(resource: ResourceType, name: &str) -> Option<&'static str> {
    elements::of(resource).iter().map(|element| element.name).find(|known| *known == name)
}

#[cfg(test)]
mod tests;
