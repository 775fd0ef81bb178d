//! The texts that people read about a failed query, and response codes as labels, for the way to CP-IS in use.
//!
//! That way is the SMSP. The types of a failure are in `cpis`; neither they nor `lookup` contain these words.

use crate::cpis::{Answer, ConnectCause, Malformed, NonAnswer, RegisterErrorKind, Rejection, TlsCause};
use rustls::AlertDescription;

/// The upstream's name in texts.
pub const NAME: &str = "the SMSP";

const SUCCESS: &str = "success";

/// Every outcome of an answer, with each label of its response code.
pub const ANSWERS: [(&str, &str); 3] =
    [(Answer::FOUND, SUCCESS), (Answer::FOUND, LOCAL_STORE_ONLY), (Answer::NO_RECORD, SUCCESS)];

const LOCAL_STORE_ONLY: &str = "SMSP-0003";

/// The response code of an answer as a label: `success`, or `SMSP-0003` for an answer from a local store.
#[must_use]
pub fn label_of_answer(answer: &Answer) -> &'static str {
    if answer.stale { LOCAL_STORE_ONLY } else { SUCCESS }
}

/// The response code of a failure as a label: one of [`response_code`], `other` for any other code, `none` without a code. A code
/// that an SMSP invents never becomes a label.
#[must_use]
pub fn label_of_error(kind: &RegisterErrorKind) -> &'static str {
    match kind {
        RegisterErrorKind::Rejected { reason, .. } => response_code(*reason).unwrap_or("none"),
        RegisterErrorKind::UnknownCode { .. } => "other",
        _ => "none",
    }
}

/// The response code of a rejection (wire.md 5.5); `None` for rejections by a SOAP fault or by Spine.
#[must_use]
pub fn response_code(reason: Rejection) -> Option<&'static str> {
    match reason {
        Rejection::QueryInvalid => Some("SMSP-0001"),
        Rejection::AnswerUnusable => Some("SMSP-0002"),
        Rejection::LocalStoreOnly => Some(LOCAL_STORE_ONLY),
        Rejection::SpineUnreachable => Some("SMSP-0004"),
        Rejection::AuthorRefused => Some("SMSP-0005"),
        Rejection::ProviderFailed => Some("SMSP-9999"),
        Rejection::CpisFailed => Some("CPIS-9999"),
        Rejection::Busy
        | Rejection::NotProcessed
        | Rejection::MessageInvalid
        | Rejection::AccessDenied
        | Rejection::BusinessError
        | Rejection::QueryFailed => None,
    }
}

/// The mark of a rejection in an answer to a caller: its code, and whether it was a SOAP fault.
#[must_use]
pub fn mark(reason: Rejection, code: Option<&str>) -> Option<String> {
    let of_fault = || code.map_or_else(|| "SOAP fault".to_owned(), |code| format!("SOAP fault, {code}"));
    match reason {
        Rejection::Busy | Rejection::NotProcessed | Rejection::MessageInvalid | Rejection::AccessDenied => Some(of_fault()),
        _ => response_code(reason).or(code).map(str::to_owned),
    }
}

/// The text of a failure in the log.
#[must_use]
pub fn describe(kind: &RegisterErrorKind) -> String {
    use RegisterErrorKind as Kind;
    match kind {
        Kind::AuthorIncomplete { missing } => {
            format!("the requester lacks {}", missing.iter().map(|part| part.name()).collect::<Vec<_>>().join(", "))
        }
        Kind::Unreachable(cause) => format!("no connection to {NAME}: {}", connect_cause(*cause)),
        Kind::Insecure(cause) => format!("no TLS session with {NAME}: {}", tls_cause(*cause)),
        Kind::RefusedByStatus { status } => format!("{NAME} refused the request with HTTP {status}"),
        Kind::ConnectionLost => format!("the connection to {NAME} broke"),
        Kind::Timeout => format!("no answer from {NAME} in time"),
        Kind::TooLarge => "the response is over the size limit".to_owned(),
        Kind::NotAnAnswer(what) => format!("the response is not an SMSP answer: {}", non_answer(*what)),
        Kind::Unreadable(why) => format!("the response cannot be read: {}", malformed(*why)),
        Kind::UnknownCode { code } => format!("unknown response code {}", code.as_deref().unwrap_or("(none)")),
        Kind::Contradictory(what) => format!("the answer contradicts itself: {what:?}"),
        Kind::OtherChild => "the answer is not about the child asked for".to_owned(),
        Kind::OtherMessage => "the answer relates to another message, or to none".to_owned(),
        Kind::Rejected { reason, code } => rejected(*reason, code.as_deref().unwrap_or_default()),
        Kind::Internal => "internal fault".to_owned(),
    }
}

fn rejected(reason: Rejection, code: &str) -> String {
    match reason {
        Rejection::Busy => format!("SOAP fault Retryable {code}"),
        Rejection::NotProcessed => format!("SOAP fault NotRetryable {code}"),
        Rejection::MessageInvalid => format!("SOAP fault InvalidMessage {code}"),
        Rejection::AccessDenied => format!("SOAP fault AccessDenied {code}"),
        Rejection::BusinessError => format!("MCCI business error {code}"),
        Rejection::QueryFailed => format!("query act failed {code}"),
        by_code => format!("response code {}", response_code(by_code).unwrap_or(code)),
    }
}

#[must_use]
pub fn connect_cause(cause: ConnectCause) -> &'static str {
    match cause {
        ConnectCause::NameNotResolved => "the name cannot be resolved",
        ConnectCause::TimedOut => "no connection in time",
        ConnectCause::Refused => "connection refused",
        ConnectCause::NoRoute => "no route to the host",
        ConnectCause::Other => "connection failed",
    }
}

/// An alert by name and number, such as `alert UnknownCA (48)`.
#[must_use]
pub fn tls_cause(cause: TlsCause) -> String {
    let text = match cause {
        TlsCause::Alert(number) => {
            return format!("alert {} ({number})", AlertDescription::from(number).as_str().unwrap_or("unknown"));
        }
        TlsCause::CertificateExpired => "the server's certificate has expired",
        TlsCause::CertificateNotYetValid => "the server's certificate is not valid yet",
        TlsCause::UnknownCa => "the server's certificate is from an unknown CA",
        TlsCause::OtherName => "the server's certificate is for another name",
        TlsCause::CertificateRevoked => "the server's certificate is revoked",
        TlsCause::NotAServersCertificate => "the server's certificate is not for a server",
        TlsCause::CertificateUnacceptable => "the server's certificate is not acceptable",
        TlsCause::NothingInCommon => "no protocol version or cipher in common",
        TlsCause::NotTls => "the server does not speak TLS",
        TlsCause::NoCertificate => "the server showed no certificate",
        TlsCause::ClosedInHandshake => "the server closed the connection during the handshake",
        TlsCause::ClosedAfterHandshake => "the server closed the connection right after the handshake",
        TlsCause::Other => "the handshake failed",
    };
    text.to_owned()
}

#[must_use]
pub fn non_answer(what: NonAnswer) -> &'static str {
    match what {
        NonAnswer::Accepted => "HTTP 202, which only acknowledges",
        NonAnswer::Html => "HTML",
        NonAnswer::ErrorStatus => "an HTTP status other than 200, without SOAP",
        NonAnswer::AnswerUnderErrorStatus => "an answer under an HTTP status other than 200",
        NonAnswer::EmptyEnvelope => "SOAP without an answer of CP-IS",
        NonAnswer::InfrastructureReceipt => "an ITK infrastructure response",
        NonAnswer::MessageReceipt => "an ITK simple message response",
        NonAnswer::Forgotten => "what is not an answer",
    }
}

#[must_use]
pub fn malformed(why: Malformed) -> &'static str {
    match why {
        Malformed::NotGzip => "it is not the gzip that it is said to be",
        Malformed::NotDeflate => "it is not the deflate that it is said to be",
        Malformed::OtherCoding => "its content coding is neither gzip nor deflate",
        Malformed::NotUtf8 => "not UTF-8",
        Malformed::OtherEncoding => "encoding other than UTF-8",
        Malformed::Syntax => "malformed XML",
        Malformed::DocumentType => "DOCTYPE",
        Malformed::ProcessingInstruction => "processing instruction",
        Malformed::Truncated => "truncated",
        Malformed::NoRoot => "no root element",
        Malformed::TwoRoots => "two root elements",
        Malformed::TextOutsideRoot => "text outside the root",
        Malformed::ControlCharacter => "control character",
        Malformed::UnknownEntity => "unknown entity",
        Malformed::StartTag => "malformed start tag",
        Malformed::ElementName => "malformed name",
        Malformed::Attribute => "malformed attribute",
        Malformed::DuplicateAttribute => "duplicate attribute",
        Malformed::TooManyAttributes => "too many attributes",
        Malformed::TooManyElements => "too many elements",
        Malformed::TooDeep => "nested too deeply",
        Malformed::LongText => "a text over 64 KiB",
        Malformed::NotAnEnvelope => "not SOAP",
        Malformed::TwoEnvelopes => "two SOAP envelopes",
        Malformed::NoBody => "no SOAP body",
        Malformed::TwoBodies => "two SOAP bodies",
        Malformed::TwoWrappers => "two distribution envelopes",
        Malformed::TooManyParts => "too many manifest items",
        Malformed::TwoInteractions => "two TMS interactions",
        Malformed::EncryptedPayload => "encrypted payload",
        Malformed::PayloadNotBase64 => "payload is not base64",
        Malformed::PayloadNotGzip => "payload is not gzip",
        Malformed::TwoAnswers => "two answers",
        Malformed::TooManyRecords => "too many records",
        Malformed::NoTimeAndTotals => "an answer without its time and its totals",
        Malformed::Forgotten => "which details it had was lost in a restart",
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

    #[test]
    fn an_answer_says_whether_there_is_a_record_and_where_it_is_from() {
        let record = || vec![Record { authority: None, entries: Vec::new(), subjects: Vec::new() }];
        let answers = [answer(record(), false), answer(record(), true), answer(Vec::new(), false)];
        let words = answers.map(|answer| (answer.outcome(), label_of_answer(&answer)));
        assert_eq!(words, [("found", "success"), ("found", "SMSP-0003"), ("no-record", "success")]);
        assert_eq!(words, ANSWERS);
    }

    #[test]
    fn a_code_that_an_smsp_invents_is_no_label() {
        for reason in Rejection::ALL {
            let kind = RegisterErrorKind::Rejected { reason, code: Some("9990000018".to_owned()) };
            // Codes of Spine and of SOAP have no vocabulary.
            assert_eq!(label_of_error(&kind), response_code(reason).unwrap_or("none"));
        }
        for code in [Some("SMSP-1234".to_owned()), None] {
            assert_eq!(label_of_error(&RegisterErrorKind::UnknownCode { code }), "other");
        }
        assert_eq!(label_of_error(&RegisterErrorKind::Timeout), "none");
    }

    #[test]
    fn the_log_has_the_words_that_operators_search_for() {
        use RegisterErrorKind::*;
        let rejected = |reason, code: Option<&str>| describe(&Rejected { reason, code: code.map(str::to_owned) });
        assert_eq!(describe(&Unreachable(ConnectCause::Refused)), "no connection to the SMSP: connection refused");
        assert_eq!(describe(&Insecure(TlsCause::Alert(48))), "no TLS session with the SMSP: alert UnknownCA (48)");
        assert_eq!(describe(&Insecure(TlsCause::Alert(200))), "no TLS session with the SMSP: alert unknown (200)");
        assert_eq!(describe(&Unreadable(Malformed::NotAnEnvelope)), "the response cannot be read: not SOAP");
        assert_eq!(rejected(Rejection::SpineUnreachable, Some("SMSP-0004")), "response code SMSP-0004");
        assert_eq!(rejected(Rejection::NotProcessed, Some("2200")), "SOAP fault NotRetryable 2200");
        assert_eq!(rejected(Rejection::Busy, None), "SOAP fault Retryable ");
        assert_eq!(rejected(Rejection::BusinessError, Some("7")), "MCCI business error 7");
    }
}
