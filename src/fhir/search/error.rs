use super::registry::{SEARCHABLE, Searchable};
use crate::fhir::graph::ResourceType;

/// Why a search is refused. Holds only names of parameters, never a value that the caller sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    #[error("No child is named. Give one NHS number as patient=<NHS number>.")]
    NoChild,
    #[error("The child is named more than once, and differently. Search for one child at a time.")]
    TwoChildren { parameter: String },
    #[error("Invalid NHS number: {reason}.")]
    NotAnNhsNumber { parameter: String, reason: &'static str },
    #[error("The value names no child known here. Give the NHS number, or the Patient reference of an earlier answer.")]
    UnknownChild { parameter: String },
    #[error(
        "The reference is under the address of another server, whose patients are not known here. Give the NHS number, or the \
         Patient reference of an earlier answer."
    )]
    OfAnotherServer { parameter: String },
    #[error(
        "No answer can have this value, so the search could find nothing, and CP-IS was not asked. Leave the parameter out, or give \
         a value that this service has."
    )]
    NeverFound { parameter: String },
    #[error("The identifier system must be https://fhir.nhs.uk/Id/nhs-number.")]
    WrongIdentifierSystem { parameter: String },
    #[error("The value of the parameter cannot be read: {reason}.")]
    Malformed { parameter: String, reason: &'static str },
    #[error("The value of the parameter asks for what is not supported: {reason}.")]
    UnsupportedValue { parameter: String, reason: &'static str },
    #[error("The parameter is not supported in a search for {resource}.")]
    UnknownParameter { parameter: String, resource: &'static str },
    #[error("The parameter is not supported in a read of {resource}.")]
    UnknownOfRead { parameter: String, resource: &'static str },
    #[error("The modifier is not supported on this parameter.")]
    UnknownModifier { parameter: String },
    #[error("The include is not supported in a search for {resource}.")]
    UnknownInclude { parameter: String, resource: &'static str },
    #[error("The parameters cannot be read: {reason}.")]
    Undecodable { reason: &'static str },
}

impl SearchError {
    pub(super) fn malformed(name: &str, reason: &'static str) -> Self {
        Self::Malformed { parameter: safe_name(name), reason }
    }

    pub(super) fn unsupported(name: &str, reason: &'static str) -> Self {
        Self::UnsupportedValue { parameter: safe_name(name), reason }
    }

    pub(super) fn unknown(name: &str, resource: ResourceType) -> Self {
        Self::UnknownParameter { parameter: safe_name(name), resource: resource.name() }
    }

    pub(super) fn unknown_of_read(name: &str, resource: ResourceType) -> Self {
        Self::UnknownOfRead { parameter: safe_name(name), resource: resource.name() }
    }

    pub(super) fn modifier(name: &str) -> Self {
        Self::UnknownModifier { parameter: safe_name(name) }
    }

    /// The parameter at fault, safe to show.
    pub fn parameter(&self) -> Option<&str> {
        match self {
            Self::NoChild => Some("patient"),
            Self::TwoChildren { parameter }
            | Self::NotAnNhsNumber { parameter, .. }
            | Self::UnknownChild { parameter }
            | Self::OfAnotherServer { parameter }
            | Self::NeverFound { parameter }
            | Self::WrongIdentifierSystem { parameter }
            | Self::Malformed { parameter, .. }
            | Self::UnsupportedValue { parameter, .. }
            | Self::UnknownParameter { parameter, .. }
            | Self::UnknownOfRead { parameter, .. }
            | Self::UnknownModifier { parameter }
            | Self::UnknownInclude { parameter, .. } => Some(parameter),
            Self::Undecodable { .. } => None,
        }
    }

    /// Whether the error lets lenient handling leave the parameter out. A value that cannot be read, or that no answer has, is never left
    /// out: the search would show something else.
    pub(super) fn may_be_ignored(&self) -> bool {
        matches!(
            self,
            Self::UnsupportedValue { .. }
                | Self::UnknownParameter { .. }
                | Self::UnknownOfRead { .. }
                | Self::UnknownInclude { .. }
        )
    }
}

/// Parameters that R4 has for the searchable types and for the Patient, besides those of the [`registry`](super::registry).
const OF_R4: [&str; 58] = [
    "_contained",
    "_containedType",
    "_content",
    "_filter",
    "_has",
    "_lastUpdated",
    "_list",
    "_profile",
    "_query",
    "_security",
    "_source",
    "_tag",
    "_text",
    "_type",
    "action",
    "active",
    "activity-code",
    "activity-date",
    "activity-reference",
    "address",
    "address-city",
    "address-postalcode",
    "agent-name",
    "agent-role",
    "altid",
    "based-on",
    "birthdate",
    "care-manager",
    "care-team",
    "condition",
    "context",
    "death-date",
    "deceased",
    "email",
    "encounter",
    "family",
    "gender",
    "general-practitioner",
    "given",
    "goal",
    "identifier",
    "incoming-referral",
    "instantiates-canonical",
    "intent",
    "language",
    "link",
    "name",
    "outcome",
    "part-of",
    "participant",
    "performer",
    "phone",
    "phonetic",
    "policy",
    "replaces",
    "site",
    "source",
    "telecom",
];

const MODIFIERS: [&str; 15] = [
    "above",
    "below",
    "code-text",
    "contains",
    "exact",
    "identifier",
    "in",
    "iterate",
    "missing",
    "not",
    "not-in",
    "of-type",
    "recurse",
    "text",
    "text-advanced",
];

/// The name as it may be repeated to the caller: only words that FHIR has. Any other word could be part of somebody's name or address,
/// such as the text after an `&` in a value that was not encoded.
pub(super) fn safe_name(name: &str) -> String {
    let (base, modifier) = name.split_once(':').map_or((name, None), |(base, modifier)| (base, Some(modifier)));
    let of_registry =
        SEARCHABLE.iter().flat_map(Searchable::parameters).any(|parameter| parameter.name.eq_ignore_ascii_case(base));
    if !of_registry && !OF_R4.iter().any(|known| known.eq_ignore_ascii_case(base)) {
        return "(a name that is not repeated here)".to_owned();
    }
    let is_known = modifier.is_some_and(|word| MODIFIERS.contains(&word) || ResourceType::parse(word).is_some());
    if is_known { name.to_owned() } else { base.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::safe_name;

    #[test]
    fn only_names_of_fhir_are_repeated() {
        for known in
            ["patient", "_include:iterate", "birthdate", "_tag", "author:identifier", "patient:Patient", "name:exact", "Patient"]
        {
            assert_eq!(safe_name(known), known);
        }
        assert_eq!(safe_name("patient:Testpatient"), "patient");
        for other in ["Testpatient", "testpatient", "9990000018", "", "robin:exact"] {
            assert!(safe_name(other).starts_with('('), "{other}");
        }
    }
}
