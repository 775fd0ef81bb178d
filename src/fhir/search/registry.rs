//! The one table of what can be searched: it drives parsing, the strict-mode check and, in time, `/metadata` and OpenAPI.
//! A resource is added here with one row.

use super::Direction;
use crate::fhir::graph::{Edge, ResourceType};

/// One searchable resource type.
#[derive(Debug)]
pub struct Searchable {
    pub resource: ResourceType,
    pub parameters: &'static [Parameter],
}

/// One search parameter of a resource type.
#[derive(Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    /// What it does, for people.
    pub documentation: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Names the child: a reference to the Patient, its identifier, or the bare NHS number.
    Child,
    Include(Direction),
    /// `_format`, `_pretty`: how the answer looks.
    Presentation,
}

/// A reference that can be followed by `_include` and `_revinclude`: `source:name` of the FHIR search parameter.
#[derive(Debug, PartialEq, Eq)]
pub struct Link {
    pub source: ResourceType,
    pub name: &'static str,
    pub edges: &'static [Edge],
    pub targets: &'static [ResourceType],
}

const PATIENT: Parameter = Parameter {
    name: "patient",
    kind: Kind::Child,
    documentation: "The child, or the mother of an unborn child: exactly one per search",
};
const SUBJECT: Parameter = Parameter { name: "subject", kind: Kind::Child, documentation: "The same as patient" };
const INCLUDE: Parameter = Parameter {
    name: "_include",
    kind: Kind::Include(Direction::Forward),
    documentation: "Adds what the matches refer to; with :iterate, what the added resources refer to as well",
};
const REVINCLUDE: Parameter = Parameter {
    name: "_revinclude",
    kind: Kind::Include(Direction::Reverse),
    documentation: "Adds what refers to the matches; with :iterate, what refers to the added resources as well",
};
const FORMAT: Parameter =
    Parameter { name: "_format", kind: Kind::Presentation, documentation: "The media type, instead of Accept" };
const PRETTY: Parameter = Parameter { name: "_pretty", kind: Kind::Presentation, documentation: "true: indented for people" };

const OF_A_PATIENT: &[Parameter] = &[PATIENT, INCLUDE, REVINCLUDE, FORMAT, PRETTY];
const OF_A_SUBJECT: &[Parameter] = &[PATIENT, SUBJECT, INCLUDE, REVINCLUDE, FORMAT, PRETTY];

/// Every resource type that can be searched.
pub const SEARCHABLE: &[Searchable] = &[
    Searchable { resource: ResourceType::Flag, parameters: OF_A_SUBJECT },
    Searchable { resource: ResourceType::EpisodeOfCare, parameters: OF_A_PATIENT },
    Searchable { resource: ResourceType::CareTeam, parameters: OF_A_SUBJECT },
    Searchable { resource: ResourceType::CarePlan, parameters: OF_A_SUBJECT },
    Searchable { resource: ResourceType::AuditEvent, parameters: OF_A_PATIENT },
];

/// Every reference that can be followed (fhir.md 3, decisions.md 25).
pub const LINKS: &[Link] = &[
    link(ResourceType::Flag, "author", &[Edge::FlagAuthor], &[ResourceType::Organization]),
    link(ResourceType::Flag, "subject", &[Edge::FlagSubject], &[ResourceType::Patient]),
    link(ResourceType::Flag, "patient", &[Edge::FlagSubject], &[ResourceType::Patient]),
    link(ResourceType::Flag, "detail", &[Edge::FlagDetail], &[ResourceType::EpisodeOfCare, ResourceType::CarePlan]),
    link(ResourceType::EpisodeOfCare, "organization", &[Edge::EpisodeOrganization], &[ResourceType::Organization]),
    link(ResourceType::EpisodeOfCare, "patient", &[Edge::EpisodePatient], &[ResourceType::Patient]),
    link(ResourceType::EpisodeOfCare, "team", &[Edge::EpisodeTeam], &[ResourceType::CareTeam]),
    link(ResourceType::CareTeam, "patient", &[Edge::CareTeamSubject], &[ResourceType::Patient]),
    link(ResourceType::CareTeam, "subject", &[Edge::CareTeamSubject], &[ResourceType::Patient]),
    link(ResourceType::CarePlan, "patient", &[Edge::CarePlanSubject], &[ResourceType::Patient]),
    link(ResourceType::CarePlan, "subject", &[Edge::CarePlanSubject], &[ResourceType::Patient]),
    link(ResourceType::CarePlan, "care-team", &[Edge::CarePlanCareTeam], &[ResourceType::CareTeam]),
    link(ResourceType::AuditEvent, "agent", &[Edge::AuditAgent], &[ResourceType::PractitionerRole, ResourceType::Device]),
    link(ResourceType::AuditEvent, "source", &[Edge::AuditSource], &[ResourceType::PractitionerRole, ResourceType::Device]),
    link(ResourceType::AuditEvent, "entity", &[Edge::AuditEntity], &[ResourceType::Patient]),
    link(ResourceType::AuditEvent, "patient", &[Edge::AuditEntity], &[ResourceType::Patient]),
];

const fn link(source: ResourceType, name: &'static str, edges: &'static [Edge], targets: &'static [ResourceType]) -> Link {
    Link { source, name, edges, targets }
}

impl Searchable {
    /// The row of a resource type, `None` where it cannot be searched.
    pub fn of(resource: ResourceType) -> Option<&'static Self> {
        SEARCHABLE.iter().find(|row| row.resource == resource)
    }

    pub fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}
