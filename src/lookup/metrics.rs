//! How a query ended, counted. What the labels say is in the chart's `metrics.txt`, which its dashboard and alerts are made of.

use crate::cpis::{Answer, Contradiction, Delivery, Fault, Phase, RegisterError, RegisterErrorKind, ResponseCode};
use crate::telemetry::{LookupLabels, metrics};

/// Counts one query. Every query is counted once, whoever still waits for it.
pub(super) fn count_query(outcome: Result<&Answer, &RegisterError>) {
    metrics().lookup(outcome.map_or_else(of_failure, of_answer));
}

fn of_answer(answer: &Answer) -> LookupLabels {
    LookupLabels { outcome: answer.outcome(), delivery: None, response_code: answer.code_label() }
}

fn of_failure(failure: &RegisterError) -> LookupLabels {
    let delivery = Some(failure.delivery.name());
    LookupLabels { outcome: failure.outcome(), delivery, response_code: failure.code_label() }
}

/// Every end that a query may have. These are counted from 0, so that an alert sees the first of each as a rise.
pub fn ends_of_a_query() -> impl Iterator<Item = LookupLabels> {
    let answers = Answer::OUTCOMES.map(|(outcome, response_code)| LookupLabels { outcome, delivery: None, response_code });
    answers.into_iter().chain(failures().map(|failure| of_failure(&failure)))
}

fn failures() -> impl Iterator<Item = RegisterError> {
    use RegisterErrorKind as Kind;
    let undelivered = [
        Kind::NotConnected { cause: "" },
        Kind::Tls { cause: String::new() },
        Kind::RefusedByStatus { status: 0 },
        Kind::Internal,
        Kind::Response(ResponseCode::LocalStoreOnly),
        Kind::Response(ResponseCode::SpineUnreachable),
    ];
    let maybe_delivered = [
        Kind::ConnectionLost,
        Kind::Timeout,
        Kind::TooLarge,
        Kind::NotAnAnswer { what: "" },
        Kind::Unreadable { why: "" },
        Kind::UnknownCode { code: None },
        Kind::Contradictory(Contradiction::EmptySuccess),
        Kind::OtherChild,
        Kind::OtherMessage,
        Kind::BusinessError { code: None },
        Kind::QueryFailed { code: None },
    ];
    let responses = ResponseCode::ALL.map(Kind::Response);
    let faults = Fault::ALL.map(|fault| Kind::Soap { fault, code: None });
    let undelivered = undelivered.map(|kind| RegisterError::new(kind, Phase::Understand, Delivery::NotDelivered));
    let maybe_delivered = maybe_delivered.into_iter().chain(responses).chain(faults).map(RegisterError::understanding);
    undelivered.into_iter().chain(maybe_delivered)
}

#[cfg(test)]
mod tests;
