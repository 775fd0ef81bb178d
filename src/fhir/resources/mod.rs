//! Each resource type as a pure function of the graph (fhir.md 2). Who adds a type adds a file here.

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

pub(super) use audit_event::audit_event;
pub(super) use care_plan::care_plan;
pub(super) use care_team::care_team;
pub(super) use common::{ENGLAND, concept};
// The trail is exported as AuditEvents too.
pub(crate) use common::{UK_CORE, coding, identifier, logical};
pub(super) use device::device;
pub(super) use episode_of_care::episode_of_care;
pub(super) use flag::flag;
pub(super) use organization::organization;
pub(super) use patient::patient;
pub(super) use practitioner_role::practitioner_role;
