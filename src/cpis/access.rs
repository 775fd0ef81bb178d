use super::{AccessTime, NhsNumber, PersonName, Text};

/// One earlier look at the child's record, from the answer's access list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The id of the query that made the access, as given (a UUID, normally upper case); empty when absent.
    pub id: Text,
    pub when: AccessTime,
    pub author: Author,
    /// The NHS number that the access repeats, when it could be read.
    pub about: Option<NhsNumber>,
}

/// Who looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// A smartcard user (wire.md 2.4).
    Person {
        /// SDS user id, root 1.2.826.0.1285.0.2.0.65.
        user_id: Option<Text>,
        /// SDS role profile id, root 1.2.826.0.1285.0.2.0.67.
        role_profile_id: Option<Text>,
        role: Role,
        name: PersonName,
        organisation: Organisation,
    },
    /// A system, with the people responsible for it (wire.md 2.5).
    System {
        /// root 1.2.826.0.1285.0.2.0.107.
        asid: Option<Text>,
        responsible: Vec<Responsible>,
        organisation: Organisation,
    },
    /// An author that is in neither known form.
    Unknown,
}

/// The person responsible for a system's query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Responsible {
    pub role: Role,
    pub name: PersonName,
}

/// A job role: code as given, the OID of its code system, and the name shown in the access list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    pub code: Text,
    /// An OID, without `urn:oid:`.
    pub code_system: Text,
    pub name: Text,
}

/// An NHS organisation, a site of one, or a local authority.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Organisation {
    pub kind: OrganisationKind,
    /// As given; compare with [`Organisation::same_code`].
    pub ods_code: Text,
    pub name: Text,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum OrganisationKind {
    /// root 2.16.840.1.113883.2.1.3.2.4.19.1
    #[default]
    Organisation,
    /// root 2.16.840.1.113883.2.1.3.2.4.19.2
    Site,
}

impl Organisation {
    /// ODS codes arrive in any case (wire.md 3.5, row 5): this is the form for identifiers and comparison.
    #[must_use]
    pub fn code_upper(&self) -> String {
        self.ods_code.as_str().trim().to_ascii_uppercase()
    }

    #[must_use]
    pub fn same_code(&self, other: &Self) -> bool {
        self.ods_code.as_str().trim().eq_ignore_ascii_case(other.ods_code.as_str().trim())
    }
}
