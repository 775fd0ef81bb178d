//! The registry of the resource types that show an answer (fhir.md 1): one row for each type, with every fact about the type as a whole.

use crate::cpis::PlanStatus;

/// What a type has one resource for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeOrigin {
    /// Each plan of each record, including those that could not be read.
    Plan,
    Authority,
    /// The person whom the answer is about.
    Patient,
    Access,
    /// Each person who made an access or is responsible for it.
    Person,
    /// Each access that a system made.
    System,
}

/// The status codes of one type for a plan (fhir.md 2).
struct StatusCodes {
    /// The code system that R4 binds it to.
    system: &'static str,
    /// The codes of an active, a planned and an ended plan.
    words: [&'static str; 3],
}

struct TypeRow {
    name: &'static str,
    /// The type's byte inside an id. It is part of the format of ids: never renumber.
    id_byte: u8,
    origin: NodeOrigin,
    status: Option<StatusCodes>,
    /// The last part of the URL of the additional profile that `/PatientFlag` names (decisions.md 29c).
    england_profile: Option<&'static str>,
    /// The text for people in `/metadata`.
    about: &'static str,
}

/// The order of the rows is the order of `/metadata` and of a graph's nodes.
macro_rules! resource_types {
    ($($kind:ident { $($fact:ident: $value:expr),* $(,)? })*) => {
        /// The resource types that show an answer (fhir.md 1).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ResourceType {
            $($kind),*
        }

        impl ResourceType {
            pub const ALL: [Self; [$(stringify!($kind)),*].len()] = [$(Self::$kind),*];

            const fn row(self) -> &'static TypeRow {
                match self {
                    $(Self::$kind => const { &TypeRow { name: stringify!($kind), $($fact: $value),* } },)*
                }
            }
        }
    };
}

resource_types! {
    Flag {
        id_byte: 1,
        origin: NodeOrigin::Plan,
        status: Some(StatusCodes { system: "http://hl7.org/fhir/flag-status", words: ["active", "inactive", "inactive"] }),
        england_profile: Some("Flag-PatientFlag"),
        about: "The warning that a record system shows: one for each plan of the child.",
    }
    EpisodeOfCare {
        id_byte: 2,
        origin: NodeOrigin::Plan,
        status: Some(StatusCodes { system: "http://hl7.org/fhir/episode-of-care-status", words: ["active", "planned", "finished"] }),
        england_profile: None,
        about: "The time for which a local authority holds a plan: one for each plan.",
    }
    CarePlan {
        id_byte: 3,
        origin: NodeOrigin::Plan,
        status: Some(StatusCodes { system: "http://hl7.org/fhir/request-status", words: ["active", "draft", "completed"] }),
        england_profile: Some("CarePlan-Flag"),
        about: "The plan as NHS England's Patient flags API shapes it: one for each plan.",
    }
    CareTeam {
        id_byte: 4,
        origin: NodeOrigin::Plan,
        status: Some(StatusCodes { system: "http://hl7.org/fhir/care-team-status", words: ["active", "proposed", "inactive"] }),
        england_profile: Some("CareTeam-Flag"),
        about: "The local authority's team and its numbers: one for each plan.",
    }
    Organization {
        id_byte: 5,
        origin: NodeOrigin::Authority,
        status: None,
        england_profile: None,
        about: "A local authority, with its office and emergency duty team numbers.",
    }
    Patient {
        id_byte: 6,
        origin: NodeOrigin::Patient,
        status: None,
        england_profile: None,
        about: "The child as CP-IS knows it, or the mother of an unborn child.",
    }
    AuditEvent {
        id_byte: 7,
        origin: NodeOrigin::Access,
        status: None,
        england_profile: None,
        about: "An access to the child's CP-IS information, newest first; this look's own is among them.",
    }
    PractitionerRole {
        id_byte: 8,
        origin: NodeOrigin::Person,
        status: None,
        england_profile: None,
        about: "Who made an access, and for which organisation.",
    }
    Device {
        id_byte: 9,
        origin: NodeOrigin::System,
        status: None,
        england_profile: None,
        about: "The system that made an access.",
    }
}

impl ResourceType {
    /// The name in URLs, in `resourceType` and in references.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Exact, as FHIR names are case-sensitive.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    #[must_use]
    pub fn origin(self) -> NodeOrigin {
        self.row().origin
    }

    /// Whether there is one such resource for each plan of the answer.
    #[must_use]
    pub fn is_per_plan(self) -> bool {
        self.origin() == NodeOrigin::Plan
    }

    /// The status of a plan's resource (fhir.md 2). `None` is a placeholder, which is active. Empty for types without a status.
    #[must_use]
    pub fn plan_status(self, status: Option<PlanStatus>) -> &'static str {
        let Some(StatusCodes { words: [active, planned, ended], .. }) = &self.row().status else { return "" };
        match status {
            None | Some(PlanStatus::Active | PlanStatus::ActivePastForecast) => active,
            Some(PlanStatus::Planned) => planned,
            Some(PlanStatus::Ended) => ended,
        }
    }

    /// The code system that R4 binds the status of a plan's resource to.
    #[must_use]
    pub fn status_system(self) -> Option<&'static str> {
        self.row().status.as_ref().map(|status| status.system)
    }

    /// Whether `code` is the status of a resource of this type.
    #[must_use]
    pub fn has_status(self, code: &str) -> bool {
        self.row().status.as_ref().is_some_and(|status| status.words.contains(&code))
    }

    /// The last part of the URL of the additional profile that `/PatientFlag` names (decisions.md 29c).
    #[must_use]
    pub fn england_profile(self) -> Option<&'static str> {
        self.row().england_profile
    }

    /// A description for people.
    #[must_use]
    pub fn about(self) -> &'static str {
        self.row().about
    }

    pub(crate) fn id_byte(self) -> u8 {
        self.row().id_byte
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

    #[test]
    fn a_placeholder_is_active_everywhere() {
        for kind in ResourceType::ALL.into_iter().filter(|kind| kind.is_per_plan()) {
            assert_eq!(kind.plan_status(None), "active");
            assert_eq!(kind.plan_status(Some(PlanStatus::ActivePastForecast)), "active");
        }
    }
}
