use super::{Organisation, PersonName, Role, Text};

/// Who asks: always a person, identified by a token, a gateway or the demo (decisions.md 10, 20).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    pub user: UserIdentity,
    /// The smartcard or CIS2 user id, 12 digits. The author on the wire can be a person only with it.
    pub sds_user_id: Option<SdsId>,
    /// The SDS role profile id, 12 digits.
    pub role_profile_id: Option<SdsId>,
    /// The job role; either part may be missing.
    pub role: Role,
    pub name: PersonName,
    pub organisation: Organisation,
    /// National RBAC activity codes, such as B0107.
    pub activities: Vec<Text>,
    pub care_setting: CareSetting,
}

/// A user as the source of the identity knows them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserIdentity {
    /// Who vouches for the id: an OIDC issuer, a gateway, or `demo`.
    pub issuer: Text,
    pub id: Text,
}

/// An SDS identifier: 12 digits (wire.md 2.4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SdsId(Text);

impl SdsId {
    /// `None` unless the text is 12 ASCII digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())).then(|| Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Where the child was seen: the unscheduled care settings of DCB1609 (decisions.md 40).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum CareSetting {
    #[default]
    EmergencyDepartment,
    MinorInjuryUnit,
    WalkInCentre,
    Maternity,
    GpOutOfHours,
    Nhs111,
    PaediatricWard,
    Ambulance,
}

impl CareSetting {
    pub const ALL: [Self; 8] = [
        Self::EmergencyDepartment,
        Self::MinorInjuryUnit,
        Self::WalkInCentre,
        Self::Maternity,
        Self::GpOutOfHours,
        Self::Nhs111,
        Self::PaediatricWard,
        Self::Ambulance,
    ];

    /// The name used in settings and in the `CPIS-Care-Setting` header.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::EmergencyDepartment => "emergency-department",
            Self::MinorInjuryUnit => "minor-injury-unit",
            Self::WalkInCentre => "walk-in-centre",
            Self::Maternity => "maternity",
            Self::GpOutOfHours => "gp-out-of-hours",
            Self::Nhs111 => "nhs-111",
            Self::PaediatricWard => "paediatric-ward",
            Self::Ambulance => "ambulance",
        }
    }

    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.code() == code)
    }
}
