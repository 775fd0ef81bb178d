use crate::simulator::answer::FaultReply;

/// A rule that a request breaks. The text names the rule and never repeats the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::simulator) struct Violation {
    pub kind: ViolationKind,
    pub rule: String,
}

/// How the provider reports a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulator) enum ViolationKind {
    /// `ToolkitErrorInfo` 1000.
    InvalidMessage,
    /// `ToolkitErrorInfo` 3000.
    AccessDenied,
    VersionMismatch,
    MustUnderstand,
    /// An answer with SMSP-0001 instead of a fault.
    InputInvalid,
}

impl Violation {
    pub fn new(kind: ViolationKind, rule: impl Into<String>) -> Self {
        Self { kind, rule: rule.into() }
    }

    pub fn invalid(rule: impl Into<String>) -> Self {
        Self::new(ViolationKind::InvalidMessage, rule)
    }

    /// The fault that reports it; `None` if a response code does.
    pub fn fault(&self) -> Option<FaultReply> {
        match self.kind {
            ViolationKind::InvalidMessage => Some(FaultReply::Client(1000)),
            ViolationKind::AccessDenied => Some(FaultReply::Client(3000)),
            ViolationKind::VersionMismatch => Some(FaultReply::VersionMismatch),
            ViolationKind::MustUnderstand => Some(FaultReply::MustUnderstand),
            ViolationKind::InputInvalid => None,
        }
    }
}
