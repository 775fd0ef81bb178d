/// Why a search is refused. Never holds a value of the caller's, only the names of parameters.
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
    #[error("The identifier system must be https://fhir.nhs.uk/Id/nhs-number.")]
    WrongIdentifierSystem { parameter: String },
    #[error("The value of the parameter cannot be read: {reason}.")]
    Malformed { parameter: String, reason: &'static str },
    #[error("The value of the parameter asks for what is not supported: {reason}.")]
    UnsupportedValue { parameter: String, reason: &'static str },
    #[error("The parameter is not supported in a search for {resource}.")]
    UnknownParameter { parameter: String, resource: &'static str },
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
            | Self::WrongIdentifierSystem { parameter }
            | Self::Malformed { parameter, .. }
            | Self::UnsupportedValue { parameter, .. }
            | Self::UnknownParameter { parameter, .. }
            | Self::UnknownModifier { parameter }
            | Self::UnknownInclude { parameter, .. } => Some(parameter),
            Self::Undecodable { .. } => None,
        }
    }

    /// Whether lenient handling may leave the parameter out. What concerns the child never may, nor a value that was meant
    /// but cannot be read.
    pub(super) fn may_be_ignored(&self) -> bool {
        matches!(
            self,
            Self::UnsupportedValue { .. }
                | Self::UnknownParameter { .. }
                | Self::UnknownModifier { .. }
                | Self::UnknownInclude { .. }
        )
    }
}

/// The name as it may be repeated to the caller: a name that could hold data is not repeated.
pub(super) fn safe_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':' | '.' | '-');
    if !name.is_empty() && name.len() <= 64 && name.chars().all(plain) {
        name.to_owned()
    } else {
        "(a name that is not repeated here)".to_owned()
    }
}
