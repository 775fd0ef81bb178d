//! Parts of resources: `_summary=true|text|data` and `_elements` (R4 3.1.1.5.8, 3.1.1.5.9).
//!
//! What stands in every part, and what is in the summary, is in the tables of [`elements`]. Every resource that passes is tagged
//! SUBSETTED.

use crate::fhir::codes::Code;
use crate::fhir::elements::{self, Element};
use crate::fhir::graph::ResourceType;
use fhirbolt_model::r4::Resource;
use fhirbolt_model::r4::types::Coding;

/// The tag that says that a resource is not whole.
pub const SUBSETTED: Code =
    Code { system: "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", code: "SUBSETTED", display: "subsetted" };

/// Which part of a resource is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subset<'a> {
    Summary,
    /// The narrative.
    Text,
    /// All but the narrative.
    Data,
    /// These elements at the root, by their names in R4.
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

/// Leaves of `resource` what `subset` keeps, and tags it. An OperationOutcome is always whole.
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

/// The name of an element at the root of a type, as R4 has it; `None` where there is no such element.
pub fn element(resource: ResourceType, name: &str) -> Option<&'static str> {
    elements::of(resource).iter().map(|element| element.name).find(|known| *known == name)
}

#[cfg(test)]
#[path = "tests/subset.rs"]
mod tests;
