//! Each resource type as a pure function of the graph (fhir.md 2). A new type needs a file here.

mod audit_event;
mod care_plan;
mod care_team;
mod common;
mod device;
mod episode_of_care;
mod flag;
mod organization;
mod patient;
mod plan_parts;
mod practitioner_role;

pub(super) use common::{ENGLAND, concept};
// The trail is exported as AuditEvents too.
pub(crate) use common::{UK_CORE, coding, identifier, logical};

use super::graph::{Graph, NodeKey, ResourceShape, ResourceType};
use fhirbolt_model::r4::Resource;

/// The resource as plain R4.
#[must_use]
pub fn build(graph: &Graph<'_>, key: NodeKey) -> Resource {
    build_as(graph, key, ResourceShape::Standard)
}

/// The resource as plain R4, shaped for one kind of client. Literal references are relative: `Type/id`.
#[must_use]
pub fn build_as(graph: &Graph<'_>, key: NodeKey, shape: ResourceShape) -> Resource {
    match key.kind {
        ResourceType::Flag => Resource::Flag(Box::new(flag::flag(graph, key, shape))),
        ResourceType::EpisodeOfCare => Resource::EpisodeOfCare(Box::new(episode_of_care::episode_of_care(graph, key))),
        ResourceType::CarePlan => Resource::CarePlan(Box::new(care_plan::care_plan(graph, key, shape))),
        ResourceType::CareTeam => Resource::CareTeam(Box::new(care_team::care_team(graph, key, shape))),
        ResourceType::Organization => Resource::Organization(Box::new(organization::organization(graph, key))),
        ResourceType::Patient => Resource::Patient(Box::new(patient::patient(graph, key))),
        ResourceType::AuditEvent => Resource::AuditEvent(Box::new(audit_event::audit_event(graph, key))),
        ResourceType::PractitionerRole => Resource::PractitionerRole(Box::new(practitioner_role::practitioner_role(graph, key))),
        ResourceType::Device => Resource::Device(Box::new(device::device(graph, key))),
    }
}
