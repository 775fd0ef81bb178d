//! Why a look has no answer to show: a failure of the register, of the trail, or a decision of this room.

use crate::audit::TrailUnavailable;
use crate::cpis::{Delivery, LocalAuthority, Phase, RegisterError, RegisterErrorKind};
use crate::upstream;

/// Why there is no answer. Every kind says whether a query of the look may have been delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookError {
    /// CP-IS gave no answer, or could not be asked.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// Nothing was asked, and nothing that is held is shown.
    #[error(transparent)]
    Trail(#[from] TrailUnavailable),
    /// CP-IS was asked, but the outcome is not on the trail yet, so nothing of it is shown (decisions.md 5).
    #[error("the answer is withheld until it is on the audit trail")]
    Withheld,
    /// Too many looks are in flight, waiting or remembered. This one was not asked.
    #[error("too many looks at once")]
    Overloaded,
    /// The register has failed again and again, and no query is sent for a while (decisions.md 33).
    #[error("no query is sent for a while after failures")]
    CircuitOpen,
    /// The look was answered, and its answer was dropped for newer ones. It is not asked again.
    #[error("the answer is no longer held")]
    NoLongerHeld,
    /// The look was answered before a restart that its answer did not survive. It is not asked again.
    #[error("the look was answered before a restart")]
    BeforeRestart,
    /// The table that replicas share cannot be reached, so it is not known whether there is a look to show. CP-IS was not asked.
    #[error("the sharing table cannot be reached")]
    TableUnavailable,
    /// The look ended without a result: our own fault.
    #[error("internal fault")]
    Broken { delivery: Delivery },
}

impl LookError {
    /// No answer came in time for the caller or the look. The query may have been delivered.
    pub(super) fn timeout() -> Self {
        RegisterError::new(RegisterErrorKind::Timeout, Phase::Exchange, Delivery::MaybeDelivered).into()
    }

    /// Whether a query may have been delivered.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        match self {
            Self::Register(error) => error.delivery,
            Self::Broken { delivery } => *delivery,
            Self::Withheld | Self::NoLongerHeld | Self::BeforeRestart => Delivery::MaybeDelivered,
            Self::Trail(TrailUnavailable) | Self::Overloaded | Self::CircuitOpen | Self::TableUnavailable => {
                Delivery::NotDelivered
            }
        }
    }

    /// No query was delivered, for certain.
    #[must_use]
    pub fn is_undelivered(&self) -> bool {
        self.delivery() == Delivery::NotDelivered
    }

    /// How far the query got.
    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::Register(error) => error.phase,
            Self::Broken { .. } => Phase::Exchange,
            Self::Withheld | Self::NoLongerHeld | Self::BeforeRestart => Phase::Understand,
            Self::Trail(_) | Self::Overloaded | Self::CircuitOpen | Self::TableUnavailable => Phase::Build,
        }
    }

    /// What trace, metric, log, trail and export call it. The words of the register's own failures are in `cpis`.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Register(error) => error.outcome(),
            Self::Trail(TrailUnavailable) => "trail-unavailable",
            Self::Withheld => "withheld",
            Self::Overloaded => "overloaded",
            Self::CircuitOpen => "left-alone",
            Self::NoLongerHeld => "no-longer-held",
            Self::BeforeRestart => "before-restart",
            Self::TableUnavailable => "sharing-table-away",
            Self::Broken { .. } => "internal",
        }
    }

    /// The register's failure, if it is one.
    #[must_use]
    pub fn register(&self) -> Option<&RegisterError> {
        match self {
            Self::Register(error) => Some(error),
            _ => None,
        }
    }

    /// The response code as a label.
    #[must_use]
    pub fn code_label(&self) -> &'static str {
        self.register().map_or("none", |error| upstream::label_of_error(&error.kind))
    }

    /// The response code, if it could be read and shown.
    #[must_use]
    pub fn response_code(&self) -> Option<&str> {
        self.register().and_then(|error| error.kind.response_code())
    }

    /// The authorities that the caller sees.
    #[must_use]
    pub fn named(&self) -> &[LocalAuthority] {
        self.register().map_or(&[], RegisterError::named)
    }

    /// Whether it reveals something of what CP-IS holds (decisions.md 49).
    #[must_use]
    pub fn reveals_a_record(&self) -> bool {
        self.register().is_some_and(RegisterError::reveals_a_record)
    }

    /// Whether CP-IS notified an authority of the look: no if nothing was delivered; not known if it may have been.
    #[must_use]
    pub fn notification_expected(&self) -> Option<bool> {
        self.is_undelivered().then_some(false)
    }

    /// The same failure without the authorities that it names.
    pub(super) fn without_contacts(self) -> Self {
        match self {
            Self::Register(error) => error.with_contacts(Vec::new()).into(),
            other => other,
        }
    }
}
