//! Token parameters: `code`, `system|code`, `|code`, `system|` (R4 3.1.1.4.10). Codes and systems are compared exactly.

use crate::cpis::PlanStatus;
use crate::fhir::codes::{self, Code};
use crate::fhir::graph::{Graph, NodeKey, ResourceType};
use crate::fhir::search::{
    SearchError,
    values::{Alternative, escape, refuse_nhs_number},
};

/// The element that a token parameter reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenElement {
    /// `Flag.code`
    FlagCode,
    /// `Flag.category`
    FlagCategory,
    /// `EpisodeOfCare.type`
    EpisodeType,
    /// `category` of CarePlan and CareTeam.
    PlanCategory,
    /// `status` of the four resources of a plan.
    Status,
}

impl TokenElement {
    /// Whether the element of `key`, which stands for a readable plan, has what `token` asks for.
    pub(super) fn has(self, graph: &Graph<'_>, key: NodeKey, token: &Token) -> bool {
        let Some(node) = graph.plan(key) else { return false };
        if self == Self::Status {
            return token.is_status(key.kind, node.status);
        }
        let Some(plan_type) = node.plan().map(|plan| plan.plan_type) else { return false };
        let codings: [Option<Code>; 2] = match self {
            Self::FlagCode => [Some(codes::plan_snomed(plan_type)), Some(codes::ENGLAND_CPIS_FLAG)],
            Self::FlagCategory => [Some(codes::ENGLAND_CPIS_FLAG), Some(codes::SAFETY)],
            Self::EpisodeType => [Some(codes::plan_snomed(plan_type)), Some(codes::plan_observation(plan_type))],
            Self::PlanCategory => [Some(codes::plan_snomed(plan_type)), None],
            Self::Status => [None, None],
        };
        codings.into_iter().flatten().any(|coding| token.is(coding.system, coding.code))
    }
}

/// One alternative of a token parameter.
pub struct Token {
    system: System,
    /// `None`: any code of the system.
    code: Option<String>,
}

enum System {
    Any,
    /// `|code`: the coding has no system.
    Absent,
    Is(String),
}

impl Token {
    pub(super) fn read(name: &str, alternative: &Alternative) -> Result<Self, SearchError> {
        let parts = alternative.parts();
        for part in &parts {
            refuse_nhs_number(name, part)?;
        }
        Self::of_parts(&parts).ok_or_else(|| SearchError::malformed(name, "it has more than one bar (|)"))
    }

    fn of_parts(parts: &[&str]) -> Option<Self> {
        let code = |code: &&str| Some((*code).to_owned()).filter(|code| !code.is_empty());
        match parts {
            [only] => Some(Self { system: System::Any, code: code(only) }),
            ["", second] => Some(Self { system: System::Absent, code: code(second) }),
            [system, second] => Some(Self { system: System::Is((*system).to_owned()), code: code(second) }),
            _ => None,
        }
    }

    /// Whether a coding with `system` is meant.
    pub(super) fn is(&self, system: &str, code: &str) -> bool {
        self.has_system(system) && self.code.as_deref().is_none_or(|wanted| wanted == code)
    }

    /// The same for an identifier, whose value is compared without regard to case (ODS codes arrive in any).
    pub(super) fn identifies(&self, system: &str, value: &str) -> bool {
        self.has_system(system) && self.code.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(value))
    }

    fn has_system(&self, system: &str) -> bool {
        match &self.system {
            System::Any => true,
            System::Absent => false,
            System::Is(wanted) => wanted == system,
        }
    }

    /// A `code` element has no system of its own to show, and one that is implied: each may be asked for.
    fn is_status(&self, kind: ResourceType, status: Option<PlanStatus>) -> bool {
        let system = match &self.system {
            System::Any | System::Absent => true,
            System::Is(wanted) => Some(wanted.as_str()) == status_system(kind),
        };
        system && self.code.as_deref().is_none_or(|wanted| wanted == codes::plan_status(kind, status))
    }

    /// As it stands in a link.
    pub(super) fn text(&self) -> String {
        let code = escape(self.code.as_deref().unwrap_or_default());
        match &self.system {
            System::Any => code,
            System::Absent => format!("|{code}"),
            System::Is(system) => format!("{}|{code}", escape(system)),
        }
    }
}

/// The code system that the `status` of a type is bound to in R4.
fn status_system(kind: ResourceType) -> Option<&'static str> {
    Some(match kind {
        ResourceType::Flag => "http://hl7.org/fhir/flag-status",
        ResourceType::EpisodeOfCare => "http://hl7.org/fhir/episode-of-care-status",
        ResourceType::CarePlan => "http://hl7.org/fhir/request-status",
        ResourceType::CareTeam => "http://hl7.org/fhir/care-team-status",
        _ => return None,
    })
}
