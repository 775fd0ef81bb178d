//! Why a look has no answer to show: what the register's way said, what the trail said, or what this room decided.

use crate::audit::TrailUnavailable;
use crate::cpis::{Delivery, LocalAuthority, Phase, RegisterError, RegisterErrorKind};
use crate::upstream;

/// Why there is no answer. Every end says whether CP-IS may have heard a query of the look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookError {
    /// CP-IS was asked, or could not be, and no answer came of it.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// Nothing was asked, and nothing that is held is shown.
    #[error(transparent)]
    Trail(#[from] TrailUnavailable),
    /// CP-IS was asked, but what came of it is not on the trail yet: nothing of it is shown (decisions.md 5).
    #[error("the answer is withheld until it is on the audit trail")]
    Withheld,
    /// More looks are on their way, waiting or remembered than may be. This one was not asked.
    #[error("too many looks at once")]
    Overloaded,
    /// The register has failed again and again, and no query is sent for a while (decisions.md 33).
    #[error("no query is sent for a while after failures")]
    CircuitOpen,
    /// The look was answered, and its answer has had to make room. It is not asked again.
    #[error("the answer is no longer held")]
    NoLongerHeld,
    /// The look was answered before this service was started again, and its answer did not outlive that. It is not asked again.
    #[error("the look was answered before a restart")]
    BeforeRestart,
    /// The table that replicas share cannot be reached, so that nobody knows whether there is a look to show. CP-IS was not asked.
    #[error("the sharing table cannot be reached")]
    TableUnavailable,
    /// The look ended without a result: our own fault.
    #[error("internal fault")]
    Broken { delivery: Delivery },
}

impl LookError {
    /// The caller's time, or the look's, is over, and no answer came. CP-IS may have heard.
    pub(super) fn timeout() -> Self {
        RegisterError::new(RegisterErrorKind::Timeout, Phase::Exchange, Delivery::MaybeDelivered).into()
    }

    /// Whether CP-IS may have heard.
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

    /// CP-IS has certainly not heard.
    #[must_use]
    pub fn is_undelivered(&self) -> bool {
        self.delivery() == Delivery::NotDelivered
    }

    /// How far the query came.
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

    /// The register's failure, where it is one.
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

    /// The code that came with it, where it could be read and shown.
    #[must_use]
    pub fn response_code(&self) -> Option<&str> {
        self.register().and_then(|error| error.kind.response_code())
    }

    /// The authorities that the caller is told of.
    #[must_use]
    pub fn named(&self) -> &[LocalAuthority] {
        self.register().map_or(&[], RegisterError::named)
    }

    /// Whether it tells something of what CP-IS holds (decisions.md 49).
    #[must_use]
    pub fn tells_of_a_record(&self) -> bool {
        self.register().is_some_and(RegisterError::tells_of_a_record)
    }

    /// Whether an authority was told of the look: none where nothing was delivered; where CP-IS may have heard, nobody knows.
    #[must_use]
    pub fn notification_expected(&self) -> Option<bool> {
        self.is_undelivered().then_some(false)
    }

    /// The same, without the authorities that it names.
    pub(super) fn without_contacts(self) -> Self {
        match self {
            Self::Register(error) => error.with_contacts(Vec::new()).into(),
            other => other,
        }
    }
}
