use super::{Organisation, Text};

/// A local authority that is responsible for a child, as one record of an answer gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalAuthority {
    pub organisation: Organisation,
    /// Every number that the answer gave, in its order.
    pub numbers: Vec<TelephoneNumber>,
}

impl LocalAuthority {
    /// Whether a clinician would know whom to ring: there is a name, a code or a number.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        !self.organisation.name.is_empty() || !self.organisation.ods_code.is_empty() || !self.numbers.is_empty()
    }
}

/// A telephone number as given, without a leading `tel:` (decisions.md 16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelephoneNumber {
    pub number: Text,
    /// What it is for: one entry per code of the `use` list, empty when no use was given.
    pub uses: Vec<NumberUse>,
}

/// The `use` of a number (wire.md 3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberUse {
    /// `WP`: the office, in working hours.
    OfficeHours,
    /// `EC`: the emergency duty team, out of hours.
    EmergencyDuty,
    /// Any other code. The number is kept.
    Other(Text),
}

impl NumberUse {
    /// The words that a clinician reads before the number.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::OfficeHours => "Office hours",
            Self::EmergencyDuty => "Emergency duty team",
            Self::Other(_) => "Other number",
        }
    }
}
