use super::Text;

/// The HL7 V3 author of a query as it goes over the wire (wire.md 2.3 to 2.5): for the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorAsSent {
    pub template: AuthorKind,
    /// The SDS user id of a person, the ASID of a system.
    pub id: Text,
    pub role_profile_id: Option<Text>,
    pub role_code: Text,
    pub role_name: Text,
    /// Of the person: the author, or the one responsible for the system's query.
    pub name: Text,
    pub organisation_ods: Text,
    pub organisation_name: Text,
    /// The person is the one of the settings, not the requester (decisions.md 20).
    pub nominated: bool,
}

/// Which template the author takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
