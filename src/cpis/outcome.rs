//! The words for what became of a look. Trace, metric, log, trail and export take them from here, so that one look has one word in
//! all of them.

use super::{Answer, Delivery, RegisterError, RegisterErrorKind, ResponseCode};

const FOUND: &str = "found";
const NO_RECORD: &str = "no-record";
const SUCCESS: &str = "success";

impl Answer {
    /// Every outcome of an answer, with each label of its response code.
    pub const OUTCOMES: [(&str, &str); 3] =
        [(FOUND, SUCCESS), (FOUND, ResponseCode::LocalStoreOnly.code()), (NO_RECORD, SUCCESS)];

    /// `found` or `no-record`.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        if self.records().is_empty() { NO_RECORD } else { FOUND }
    }

    /// The response code as a label: `success`, or `SMSP-0003` of an answer from a local store.
    #[must_use]
    pub fn code_label(&self) -> &'static str {
        if self.stale { ResponseCode::LocalStoreOnly.code() } else { SUCCESS }
    }
}

impl RegisterError {
    /// The name of its kind.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        self.kind.name()
    }

    /// The response code as a label: one of [`ResponseCode`], `other` for one that is not, `none` where the failure has none. A code
    /// that an SMSP invents never becomes a label.
    #[must_use]
    pub fn code_label(&self) -> &'static str {
        match self.kind {
            RegisterErrorKind::Response(code) => code.code(),
            RegisterErrorKind::UnknownCode { .. } => "other",
            _ => "none",
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
    use crate::cpis::{Holding, NhsNumber, Record};
    use jiff::Timestamp;

    fn answer(records: Vec<Record>, stale: bool) -> Answer {
        Answer {
            about: NhsNumber::parse("9990000018").unwrap(),
            effective: Timestamp::UNIX_EPOCH,
            query_id: "q".into(),
            response_id: "r".into(),
            response_code: Some("SMSP-0000".into()),
            holding: if records.is_empty() { Holding::NoRecord } else { Holding::Records(records) },
            accesses: Vec::new(),
            stale,
            notices: Vec::new(),
        }
    }

    fn label(kind: RegisterErrorKind) -> &'static str {
        RegisterError::understanding(kind).code_label()
    }

    #[test]
    fn an_answer_says_whether_there_is_a_record_and_where_it_is_from() {
        let record = || vec![Record { authority: None, entries: Vec::new(), subjects: Vec::new() }];
        let answers = [answer(record(), false), answer(record(), true), answer(Vec::new(), false)];
        let words = answers.map(|answer| (answer.outcome(), answer.code_label()));
        assert_eq!(words, [("found", "success"), ("found", "SMSP-0003"), ("no-record", "success")]);
        assert_eq!(words, Answer::OUTCOMES);
    }

    #[test]
    fn a_code_that_an_smsp_invents_is_no_label() {
        for code in ResponseCode::ALL {
            assert_eq!(label(RegisterErrorKind::Response(code)), code.code());
        }
        for code in [Some("SMSP-1234".to_owned()), None] {
            assert_eq!(label(RegisterErrorKind::UnknownCode { code }), "other");
        }
        // Codes of Spine and of SOAP have no vocabulary.
        assert_eq!(label(RegisterErrorKind::QueryFailed { code: Some("9990000018".to_owned()) }), "none");
        assert_eq!(label(RegisterErrorKind::Timeout), "none");
    }

    #[test]
    fn a_delivery_keeps_the_word_that_the_trail_has_for_it() {
        assert_eq!(Delivery::ALL.map(Delivery::name), ["none", "maybe"]);
        for delivery in Delivery::ALL {
            assert_eq!(Delivery::parse(delivery.name()), Some(delivery));
        }
        assert_eq!(Delivery::parse("NotDelivered"), None);
    }
}
