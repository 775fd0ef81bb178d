//! Counts how queries end. The chart's `metrics.txt` explains the labels; its dashboard and alerts are generated from it.

use crate::cpis::{
    Answer, ConnectCause, Contradiction, Delivery, Malformed, NonAnswer, Phase, RegisterError, RegisterErrorKind, Rejection,
    TlsCause,
};
use crate::telemetry::{LookupLabels, metrics};
use crate::upstream;

/// Counts one query. Every query is counted once, whether anybody still waits for it or not.
pub(super) fn count_query(outcome: Result<&Answer, &RegisterError>) {
    metrics().lookup(outcome.map_or_else(of_failure, of_answer));
}

fn of_answer(answer: &Answer) -> LookupLabels {
    LookupLabels { outcome: answer.outcome(), delivery: None, response_code: upstream::label_of_answer(answer) }
}

fn of_failure(failure: &RegisterError) -> LookupLabels {
    let delivery = Some(failure.delivery.name());
    LookupLabels { outcome: failure.outcome(), delivery, response_code: upstream::label_of_error(&failure.kind) }
}

/// Every end that a query can have. Each starts at 0, so that an alert sees the first one as a rise.
pub fn ends_of_a_query() -> impl Iterator<Item = LookupLabels> {
    let answers = upstream::ANSWERS.map(|(outcome, response_code)| LookupLabels { outcome, delivery: None, response_code });
    answers.into_iter().chain(failures().map(|failure| of_failure(&failure)))
}

fn failures() -> impl Iterator<Item = RegisterError> {
    use RegisterErrorKind as Kind;
    let rejected = |reason| Kind::Rejected { reason, code: None };
    let undelivered = [
        Kind::Unreachable(ConnectCause::Other),
        Kind::Insecure(TlsCause::Other),
        Kind::RefusedByStatus { status: 0 },
        Kind::Internal,
        rejected(Rejection::LocalStoreOnly),
        rejected(Rejection::SpineUnreachable),
    ];
    let maybe_delivered = [
        Kind::ConnectionLost,
        Kind::Timeout,
        Kind::TooLarge,
        Kind::NotAnAnswer(NonAnswer::Forgotten),
        Kind::Unreadable(Malformed::Forgotten),
        Kind::UnknownCode { code: None },
        Kind::Contradictory(Contradiction::EmptySuccess),
        Kind::OtherChild,
        Kind::OtherMessage,
    ];
    let undelivered = undelivered.map(|kind| RegisterError::new(kind, Phase::Understand, Delivery::NotDelivered));
    let rejections = Rejection::ALL.map(rejected);
    let maybe_delivered = maybe_delivered.into_iter().chain(rejections).map(RegisterError::understanding);
    undelivered.into_iter().chain(maybe_delivered)
}

#[cfg(test)]
mod tests;
