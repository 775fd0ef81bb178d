use crate::simulator::answer::Fault;

/// A rule that a request breaks. The text names the rule and never what the request said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::simulator) struct Violation {
    pub kind: Kind,
    pub rule: String,
}

/// How a provider says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulator) enum Kind {
    /// `ToolkitErrorInfo` 1000.
    InvalidMessage,
    /// `ToolkitErrorInfo` 3000.
    AccessDenied,
    VersionMismatch,
    MustUnderstand,
    /// An answer with SMSP-0001, no fault.
    InputInvalid,
}

impl Violation {
    pub fn new(kind: Kind, rule: impl Into<String>) -> Self {
        Self { kind, rule: rule.into() }
    }

    pub fn invalid(rule: impl Into<String>) -> Self {
        Self::new(Kind::InvalidMessage, rule)
    }

    /// The fault that says it; `None` where it is said by a response code.
    pub fn fault(&self) -> Option<Fault> {
        match self.kind {
            Kind::InvalidMessage => Some(Fault::Client(1000)),
            Kind::AccessDenied => Some(Fault::Client(3000)),
            Kind::VersionMismatch => Some(Fault::VersionMismatch),
            Kind::MustUnderstand => Some(Fault::MustUnderstand),
            Kind::InputInvalid => None,
        }
    }
}
