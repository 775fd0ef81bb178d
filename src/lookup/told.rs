//! What is told of a query that was made: counted by what became of it and by the response code. The outcomes are those of the chart's
//! `metrics.txt`, which its dashboards and alerts are made of.

use crate::cpis::{Answer, Delivery, Failure, FailureKind};
use crate::telemetry::metrics;

/// Each outcome with the response codes that it usually has: these are counted from 0.
pub const USUAL: [(&str, &str); 14] = [
    ("records", "success"),
    ("records", "SMSP-0003"),
    ("no_record", "success"),
    ("unreadable", "none"),
    ("unreadable", "other"),
    ("maybe_delivered", "none"),
    ("maybe_delivered", "SMSP-0001"),
    ("maybe_delivered", "SMSP-0002"),
    ("maybe_delivered", "SMSP-0005"),
    ("maybe_delivered", "SMSP-9999"),
    ("maybe_delivered", "CPIS-9999"),
    ("not_delivered", "none"),
    ("not_delivered", "SMSP-0003"),
    ("not_delivered", "SMSP-0004"),
];

/// Counts one query. Every query is counted once, whoever still waits for it.
pub(super) fn tell(outcome: Result<&Answer, &Failure>) {
    let (outcome, code) = match outcome {
        Ok(answer) => {
            let outcome = if answer.records().is_empty() { "no_record" } else { "records" };
            (outcome, if answer.stale { "SMSP-0003" } else { "success" })
        }
        Err(failure) => of_failure(failure),
    };
    metrics().lookup(outcome, code);
}

fn of_failure(failure: &Failure) -> (&'static str, &'static str) {
    (became(failure), code(&failure.kind))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpis::{Phase, ResponseCode};

    fn told(kind: FailureKind, delivery: Delivery) -> (&'static str, &'static str) {
        of_failure(&Failure::new(kind, Phase::Understand, delivery))
    }

    #[test]
    fn what_alerts_wait_for_is_counted_from_nothing() {
        use ResponseCode as Code;
        for (kind, delivery) in [
            (FailureKind::Timeout, Delivery::MaybeDelivered),
            (FailureKind::Tls { cause: String::new() }, Delivery::NotDelivered),
            (FailureKind::OtherChild, Delivery::MaybeDelivered),
            (FailureKind::UnknownCode { code: Some("SMSP-1234".to_owned()) }, Delivery::MaybeDelivered),
            (FailureKind::Response(Code::InputInvalid), Delivery::MaybeDelivered),
            (FailureKind::Response(Code::ResponseInvalid), Delivery::MaybeDelivered),
            (FailureKind::Response(Code::LocalStoreOnly), Delivery::NotDelivered),
            (FailureKind::Response(Code::SpineUnreachable), Delivery::NotDelivered),
            (FailureKind::Response(Code::AuthorCredentials), Delivery::MaybeDelivered),
            (FailureKind::Response(Code::ProviderFailure), Delivery::MaybeDelivered),
            (FailureKind::Response(Code::CpisFailure), Delivery::MaybeDelivered),
        ] {
            let told = told(kind.clone(), delivery);
            assert!(USUAL.contains(&told), "{kind}: {told:?}");
        }
    }

    #[test]
    fn a_code_that_an_smsp_invents_is_no_label() {
        let invented = FailureKind::UnknownCode { code: Some("SMSP-1234".to_owned()) };
        assert_eq!(told(invented, Delivery::MaybeDelivered), ("unreadable", "other"));
    }
}
