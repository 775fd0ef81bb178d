//! How a query ended, according to its entry on the trail, and the failure that its requests get.

use crate::audit::{Entry, Event, Outcome};
use crate::cpis::{Delivery, Malformed, NonAnswer, RegisterError, RegisterErrorKind, Rejection};
use crate::lookup::LookError;

/// The end of one query.
pub(super) struct QueryEnd {
    event: Event,
    outcome: Outcome,
}

impl QueryEnd {
    /// `None` for an entry that is not the end of a query.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let ends = matches!(entry.event, Event::Answered | Event::Failed | Event::Unknown);
        ends.then(|| Self { event: entry.event, outcome: entry.outcome.clone().unwrap_or_default() })
    }

    pub(super) fn is_answer(&self) -> bool {
        self.event == Event::Answered
    }

    pub(super) fn may_be_delivered(&self) -> bool {
        self.outcome.delivery != Some(Delivery::NotDelivered)
    }

    /// The failure of a query without an end: it may have been delivered, and no answer came.
    pub(super) fn missing() -> LookError {
        LookError::timeout()
    }

    /// The failure as far as the trail knows it: its kind and code, but no authorities.
    pub(super) fn failure(&self) -> LookError {
        use RegisterErrorKind as Kind;
        let code = || self.outcome.response_code.as_ref().map(|code| code.as_str().to_owned());
        let known = [
            Kind::ConnectionLost,
            Kind::Timeout,
            Kind::TooLarge,
            Kind::OtherChild,
            Kind::OtherMessage,
            Kind::Internal,
            Kind::NotAnAnswer(NonAnswer::Forgotten),
            Kind::UnknownCode { code: code() },
        ];
        let name = self.outcome.name.as_str();
        let rejections = Rejection::ALL.map(|reason| Kind::Rejected { reason, code: code() });
        let kind = known.into_iter().chain(rejections).find(|kind| kind.name() == name);
        // Why an answer was unreadable, or how it contradicts itself, is not on the trail.
        RegisterError::understanding(kind.unwrap_or(Kind::Unreadable(Malformed::Forgotten))).into()
    }
}
