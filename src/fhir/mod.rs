//! The door to record systems: FHIR R4, by pure functions of a [`crate::cpis::Answer`]. Knows nothing of HL7 V3.
//!
//! One answer becomes one consistent [`graph`] of resources; every endpoint shows a view of it. [`resources`] builds fhirbolt's types
//! ([`fhirbolt_model::r4`]); [`json`] and [`xml`] write them from the tables of [`elements`].

pub mod batch;
pub mod bundle;
pub mod capability;
pub mod codes;
pub mod elements;
pub mod graph;
pub mod id;
pub mod json;
pub mod layout;
pub mod narrative;
pub mod outcome;
pub mod resource_type;
pub mod resources;
pub mod search;
pub mod wording;
pub mod xml;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
