use super::Text;
use serde::{Deserialize, Serialize};

/// The HL7 V3 author of a query as it is sent (wire.md 2.3 to 2.5). The trail stores it in this form: names and order of the fields
/// must not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorAsSent {
    pub template: AuthorKind,
    /// The SDS user id of a person, the ASID of a system.
    pub id: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_profile_id: Option<Text>,
    pub role_code: Text,
    pub role_name: Text,
    /// Of the person: the author, or the one responsible for the system's query.
    pub name: Text,
    pub organisation_ods: Text,
    pub organisation_name: Text,
    /// The person is from the settings, not the requester (decisions.md 20).
    pub nominated: bool,
}

/// Which template the author takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthorKind {
    /// `COCT_TP145102GB01#AssignedAuthor`
    Person,
    /// `COCT_TP145104GB01#System`
    System,
}

impl AuthorKind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::System => "system",
        }
    }
}
