//! The words for the outcome of a look. Trace, metric, log, trail and export all use them, so that one look has the same word in
//! each.

use super::{Answer, RegisterError, RegisterErrorKind, Rejection};

/// Whether the query may have been delivered to CP-IS, so that the local authority may have been notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// Certainly not: nothing was sent, it was refused unread, or the reply itself says that it did not reach Spine.
    NotDelivered,
    /// It may have been. We never send it again, and the caller learns that.
    MaybeDelivered,
}

impl Answer {
    pub const FOUND: &str = "found";
    pub const NO_RECORD: &str = "no-record";

    /// `found` or `no-record`.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        if self.records().is_empty() { Self::NO_RECORD } else { Self::FOUND }
    }
}

impl RegisterError {
    /// The name of its kind.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        self.kind.name()
    }
}

impl RegisterErrorKind {
    /// What trace, metric, log, trail and export call it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::AuthorIncomplete { .. } => "author-incomplete",
            Self::Unreachable(_) => "not-connected",
            Self::Insecure(_) => "tls",
            Self::RefusedByStatus { .. } => "refused",
            Self::ConnectionLost => "connection-lost",
            Self::Timeout => "timeout",
            Self::TooLarge => "too-large",
            Self::NotAnAnswer(_) => "not-an-answer",
            Self::Unreadable(_) => "unreadable",
            Self::UnknownCode { .. } => "unknown-code",
            Self::Contradictory(_) => "incomplete",
            Self::OtherChild => "other-child",
            Self::OtherMessage => "other-message",
            Self::Rejected { reason, .. } => reason.name(),
            Self::Internal => "internal",
        }
    }
}

impl Rejection {
    fn name(self) -> &'static str {
        match self {
            Self::QueryInvalid => "input-invalid",
            Self::AnswerUnusable => "response-invalid",
            Self::LocalStoreOnly => "local-store-only",
            Self::SpineUnreachable => "spine-unreachable",
            Self::AuthorRefused => "author-credentials",
            Self::ProviderFailed => "provider-failure",
            Self::CpisFailed => "cpis-failure",
            Self::Busy => "fault-retryable",
            Self::NotProcessed => "fault",
            Self::MessageInvalid => "fault-invalid-message",
            Self::AccessDenied => "fault-access-denied",
            Self::BusinessError => "business-error",
            Self::QueryFailed => "query-failed",
        }
    }
}

impl Delivery {
    pub const ALL: [Self; 2] = [Self::NotDelivered, Self::MaybeDelivered];

    /// The trail stores this word: it must not change.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotDelivered => "none",
            Self::MaybeDelivered => "maybe",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|delivery| delivery.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_keeps_the_word_that_the_trail_has_for_it() {
        assert_eq!(Delivery::ALL.map(Delivery::name), ["none", "maybe"]);
        for delivery in Delivery::ALL {
            assert_eq!(Delivery::parse(delivery.name()), Some(delivery));
        }
        assert_eq!(Delivery::parse("NotDelivered"), None);
    }
}
