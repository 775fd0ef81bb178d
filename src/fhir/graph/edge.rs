use super::{Graph, NodeKey, ResourceType};

/// The references that a search can follow, named like the search parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edge {
    FlagAuthor,
    /// Also `Flag:patient`.
    FlagSubject,
    /// The extension flag-detail: EpisodeOfCare and CarePlan.
    FlagDetail,
    EpisodeOrganization,
    EpisodePatient,
    EpisodeTeam,
    /// Also `CareTeam:patient`.
    CareTeamSubject,
    /// Also `CarePlan:patient`.
    CarePlanSubject,
    CarePlanCareTeam,
    /// The Device or PractitionerRole of the author, then the PractitionerRoles of the responsible people (decisions.md 26).
    AuditAgent,
    /// Also `AuditEvent:patient`.
    AuditEntity,
    /// The author again.
    AuditSource,
}

impl Edge {
    pub const ALL: [Self; 12] = [
        Self::FlagAuthor,
        Self::FlagSubject,
        Self::FlagDetail,
        Self::EpisodeOrganization,
        Self::EpisodePatient,
        Self::EpisodeTeam,
        Self::CareTeamSubject,
        Self::CarePlanSubject,
        Self::CarePlanCareTeam,
        Self::AuditAgent,
        Self::AuditEntity,
        Self::AuditSource,
    ];

    /// The type that holds the reference.
    #[must_use]
    pub fn source(self) -> ResourceType {
        match self {
            Self::FlagAuthor | Self::FlagSubject | Self::FlagDetail => ResourceType::Flag,
            Self::EpisodeOrganization | Self::EpisodePatient | Self::EpisodeTeam => ResourceType::EpisodeOfCare,
            Self::CareTeamSubject => ResourceType::CareTeam,
            Self::CarePlanSubject | Self::CarePlanCareTeam => ResourceType::CarePlan,
            Self::AuditAgent | Self::AuditEntity | Self::AuditSource => ResourceType::AuditEvent,
        }
    }
}

impl Graph<'_> {
    /// The targets of `edge` from `key`; none if `key` is not of the edge's type.
    pub fn targets(&self, key: NodeKey, edge: Edge) -> impl Iterator<Item = NodeKey> + use<> {
        let (head, roles) = if key.kind == edge.source() { self.ends(key, edge) } else { Default::default() };
        head.into_iter().flatten().chain(roles.map(|index| node(ResourceType::PractitionerRole, index)))
    }

    fn ends(&self, key: NodeKey, edge: Edge) -> ([Option<NodeKey>; 2], std::ops::Range<usize>) {
        let one = |target: Option<NodeKey>| ([target, None], 0..0);
        let same_plan = |kind| Some(node(kind, key.index));
        match edge {
            Edge::FlagAuthor | Edge::EpisodeOrganization => one(self.organization_of(key)),
            Edge::FlagSubject | Edge::EpisodePatient | Edge::CareTeamSubject | Edge::CarePlanSubject | Edge::AuditEntity => {
                one(Some(PATIENT))
            }
            Edge::FlagDetail => ([same_plan(ResourceType::EpisodeOfCare), same_plan(ResourceType::CarePlan)], 0..0),
            Edge::EpisodeTeam | Edge::CarePlanCareTeam => one(same_plan(ResourceType::CareTeam)),
            Edge::AuditAgent => self.accesses.get(key.index).map_or(([None; 2], 0..0), |access| {
                ([access.device.map(|index| node(ResourceType::Device, index)), None], access.roles.clone())
            }),
            Edge::AuditSource => one(self.observer(key)),
        }
    }

    /// The author of an access: its Device, else its PractitionerRole.
    pub(in crate::fhir) fn observer(&self, key: NodeKey) -> Option<NodeKey> {
        let access = self.accesses.get(key.index)?;
        let device = access.device.map(|index| node(ResourceType::Device, index));
        device.or_else(|| access.roles.clone().next().map(|index| node(ResourceType::PractitionerRole, index)))
    }

    /// The Organization of a plan's local authority.
    pub(in crate::fhir) fn organization_of(&self, key: NodeKey) -> Option<NodeKey> {
        self.plan(key)?.authority.map(|index| node(ResourceType::Organization, index))
    }

    /// The resource of another type for the same plan.
    pub(in crate::fhir) fn sibling(key: NodeKey, kind: ResourceType) -> NodeKey {
        node(kind, key.index)
    }
}

/// The one Patient of every graph.
pub(in crate::fhir) const PATIENT: NodeKey = node(ResourceType::Patient, 0);

const fn node(kind: ResourceType, index: usize) -> NodeKey {
    NodeKey { kind, index }
}
