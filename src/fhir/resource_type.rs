/// The resource types that an answer is shown as (fhir.md 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceType {
    Flag,
    EpisodeOfCare,
    CarePlan,
    CareTeam,
    Organization,
    Patient,
    AuditEvent,
    PractitionerRole,
    Device,
}

impl ResourceType {
    pub const ALL: [Self; 9] = [
        Self::Flag,
        Self::EpisodeOfCare,
        Self::CarePlan,
        Self::CareTeam,
        Self::Organization,
        Self::Patient,
        Self::AuditEvent,
        Self::PractitionerRole,
        Self::Device,
    ];

    /// The name in URLs, in `resourceType` and in references.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flag => "Flag",
            Self::EpisodeOfCare => "EpisodeOfCare",
            Self::CarePlan => "CarePlan",
            Self::CareTeam => "CareTeam",
            Self::Organization => "Organization",
            Self::Patient => "Patient",
            Self::AuditEvent => "AuditEvent",
            Self::PractitionerRole => "PractitionerRole",
            Self::Device => "Device",
        }
    }

    /// Exact, as FHIR names are case-sensitive.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether there is one such resource for each plan of the answer.
    #[must_use]
    pub fn is_per_plan(self) -> bool {
        matches!(self, Self::Flag | Self::EpisodeOfCare | Self::CarePlan | Self::CareTeam)
    }

    /// The byte that stands for the type inside an id. Part of the format of ids: never renumber.
    pub(crate) fn id_byte(self) -> u8 {
        match self {
            Self::Flag => 1,
            Self::EpisodeOfCare => 2,
            Self::CarePlan => 3,
            Self::CareTeam => 4,
            Self::Organization => 5,
            Self::Patient => 6,
            Self::AuditEvent => 7,
            Self::PractitionerRole => 8,
            Self::Device => 9,
        }
    }

    pub(crate) fn from_id_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.id_byte() == byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bytes_lead_back_to_the_type() {
        for kind in ResourceType::ALL {
            assert_eq!(ResourceType::parse(kind.name()), Some(kind));
            assert_eq!(ResourceType::from_id_byte(kind.id_byte()), Some(kind));
        }
        assert_eq!(ResourceType::parse("flag"), None);
        assert_eq!(ResourceType::from_id_byte(0), None);
    }
}
