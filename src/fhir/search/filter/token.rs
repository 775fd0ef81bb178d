//! Token parameters: `code`, `system|code`, `|code`, `system|` (R4 3.1.1.4.10). Codes and systems are compared exactly.

use crate::cpis::{PlanStatus, PlanType};
use crate::fhir::codes::{self, Code};
use crate::fhir::graph::{Graph, NodeKey, ResourceType};
use crate::fhir::search::{
    SearchError,
    registry::TokenElement,
    values::{Alternative, UNKNOWN, escape, refuse_nhs_number},
};

impl TokenElement {
    /// Whether the element of `key` has what `token` asks for. False for a plan that could not be read.
    pub(super) fn has(self, graph: &Graph<'_>, key: NodeKey, token: &TokenFilter) -> bool {
        let Some(node) = graph.plan(key) else { return false };
        match (node.plan(), node.status) {
            (Some(plan), Some(status)) => self.can_be(key.kind, Some((plan.plan_type, status)), token),
            _ => false,
        }
    }

    /// Whether the element of a resource of type `kind` has what `token` asks for, if its plan has this type and status, or is a
    /// placeholder (`None`).
    pub(super) fn can_be(self, kind: ResourceType, plan: Option<(PlanType, PlanStatus)>, token: &TokenFilter) -> bool {
        let status = plan.map(|(_, status)| status);
        let Some((plan_type, _)) = plan else {
            return match self {
                Self::Status => token.is_status(kind, status),
                // A placeholder has one code, and the category of every Flag.
                _ => token.is_code(codes::ENGLAND_CPIS_FLAG) || self == Self::FlagCategory && token.is_code(codes::SAFETY),
            };
        };
        match self {
            Self::FlagCode => token.is_code(codes::plan_snomed(plan_type)) || token.is_code(codes::ENGLAND_CPIS_FLAG),
            Self::FlagCategory => token.is_code(codes::ENGLAND_CPIS_FLAG) || token.is_code(codes::SAFETY),
            Self::EpisodeType => {
                token.is_code(codes::plan_snomed(plan_type)) || token.is_code(codes::plan_observation(plan_type))
            }
            Self::PlanCategory => token.is_code(codes::plan_snomed(plan_type)),
            Self::Status => token.is_status(kind, status),
        }
    }
}

/// One alternative of a token parameter.
pub struct TokenFilter {
    system: CodeSystem,
    /// `None`: any code of the system.
    code: Option<String>,
}

enum CodeSystem {
    Any,
    /// `|code`: the coding has no system.
    Absent,
    Is(String),
}

impl TokenFilter {
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
            [only] => Some(Self { system: CodeSystem::Any, code: code(only) }),
            ["", second] => Some(Self { system: CodeSystem::Absent, code: code(second) }),
            [system, second] => Some(Self { system: CodeSystem::Is((*system).to_owned()), code: code(second) }),
            _ => None,
        }
    }

    /// Whether it asks for this coding.
    fn is_code(&self, coding: Code) -> bool {
        self.has_system(coding.system) && self.code.as_deref().is_none_or(|wanted| wanted == coding.code)
    }

    /// The same for an identifier, whose value is compared without regard to case (ODS codes arrive in any).
    pub(super) fn identifies(&self, system: &str, value: &str) -> bool {
        self.has_system(system) && self.code.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(value))
    }

    fn has_system(&self, system: &str) -> bool {
        match &self.system {
            CodeSystem::Any => true,
            CodeSystem::Absent => false,
            CodeSystem::Is(wanted) => wanted == system,
        }
    }

    /// A `code` element shows no system but implies one, so a token may name that system or none.
    fn is_status(&self, kind: ResourceType, status: Option<PlanStatus>) -> bool {
        let system = match &self.system {
            CodeSystem::Any | CodeSystem::Absent => true,
            CodeSystem::Is(wanted) => Some(wanted.as_str()) == kind.status_system(),
        };
        system && self.code.as_deref().is_none_or(|wanted| wanted == kind.plan_status(status))
    }

    /// The value in a link. [`UNKNOWN`] replaces what could be a word about somebody, and finds the same.
    pub(super) fn text(&self) -> String {
        let code = self.code.as_deref().unwrap_or_default();
        let code = if code.is_empty() || may_be_repeated(code) { escape(code) } else { UNKNOWN.to_owned() };
        match &self.system {
            CodeSystem::Any => code,
            CodeSystem::Absent => format!("|{code}"),
            CodeSystem::Is(system) if is_known(system) => format!("{}|{code}", escape(system)),
            CodeSystem::Is(_) => format!("{UNKNOWN}|{code}"),
        }
    }
}

/// Whether a token can find something of `system`.
fn is_known(system: &str) -> bool {
    SYSTEMS.contains(&system) || ResourceType::ALL.into_iter().any(|kind| kind.status_system() == Some(system))
}

/// The systems of codes and identifiers. The resource types have those of statuses.
const SYSTEMS: [&str; 9] = [
    codes::SNOMED_CT,
    codes::CPIS_OBSERVATION_TYPE,
    codes::ENGLAND_FLAG_CATEGORY,
    codes::FLAG_CATEGORY,
    codes::ODS_ORGANISATION,
    codes::ODS_SITE,
    codes::SDS_ROLE_PROFILE_ID,
    codes::SPINE_ASID,
    codes::NHS_NUMBER,
];

/// The words among the codes, except the statuses of our resources. Includes R4's other statuses.
const WORDS: [&str; 10] = [
    "cancelled",
    "child-protection-information-system-flag",
    "entered-in-error",
    "on-hold",
    "onhold",
    "revoked",
    "safety",
    "suspended",
    "unknown",
    "waitlist",
];

/// Whether a link may repeat it: a known word, or the form of a SNOMED CT, role profile or system id, or of an ODS code.
fn may_be_repeated(code: &str) -> bool {
    let digits = code.bytes().filter(u8::is_ascii_digit).count();
    let is_id = digits == code.len() && (12..=18).contains(&digits);
    let is_short = code.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && (code.len() <= 5 || ((1..=6).contains(&digits) && code.len() <= 8));
    WORDS.contains(&code) || ResourceType::ALL.into_iter().any(|kind| kind.has_status(code)) || is_id || (is_short && digits <= 6)
}
