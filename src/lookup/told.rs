//! What is told of a query that was made: counted by what became of it and by the response code. The outcomes are those of the chart's
//! `metrics.txt`, which its dashboards and alerts are made of.

use crate::cpis::{Answer, Delivery, Failure, FailureKind};
use crate::telemetry::metrics;

/// Counts one query. Every query is counted once, whoever still waits for it.
pub(super) fn tell(outcome: Result<&Answer, &Failure>) {
    let (outcome, code) = match outcome {
        Ok(answer) => {
            let outcome = if answer.records().is_empty() { "no_record" } else { "records" };
            (outcome, if answer.stale { "SMSP-0003" } else { "success" })
        }
        Err(failure) => (became(failure), code(&failure.kind)),
    };
    metrics().lookup(outcome, code);
}

fn became(failure: &Failure) -> &'static str {
    use FailureKind as Kind;
    match (&failure.kind, failure.delivery) {
        (_, Delivery::NotDelivered) => "not_delivered",
        (
            Kind::TooLarge
            | Kind::NotAnAnswer { .. }
            | Kind::Unreadable { .. }
            | Kind::UnknownCode { .. }
            | Kind::Contradictory(_)
            | Kind::OtherChild
            | Kind::OtherMessage,
            Delivery::MaybeDelivered,
        ) => "unreadable",
        (_, Delivery::MaybeDelivered) => "maybe_delivered",
    }
}

/// Of the vocabulary alone: what an SMSP invents must not become a label.
fn code(kind: &FailureKind) -> &'static str {
    match kind {
        FailureKind::Response(code) => code.code(),
        FailureKind::UnknownCode { .. } => "other",
        _ => "none",
    }
}
