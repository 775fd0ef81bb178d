//! QUQI and MCCI (decisions.md 2; wire.md 4.4, 4.5).

use super::samples::*;
use crate::cpis::{Contradiction, Delivery, Holding, RegisterErrorKind, Rejection};

fn says_no_record(body: &str) -> bool {
    match read_body(body) {
        Ok(answer) => {
            assert_eq!(answer.holding, Holding::NoRecord);
            true
        }
        Err(failure) => {
            assert!(matches!(failure.kind, RegisterErrorKind::Rejected { reason: Rejection::QueryFailed, .. }), "{failure:?}");
            assert_eq!(failure.delivery, Delivery::MaybeDelivered);
            false
        }
    }
}

/// Reasons as (code, qualifier), and the response codes with which they say "not found".
#[test]
fn a_failed_query_is_no_record_exactly_by_decision_2() {
    let table: [(&[(&str, &str)], bool); 16] = [
        (&[("1", "ER"), ("NHSNCC002", "ER")], true),
        (&[("NHSNCC002", "ER"), ("1", "ER")], true),
        (&[("NHSNCC002", "ER")], true),
        (&[("NHSNCC002", "")], true),
        (&[("NHSNCC002", "odd")], true),
        (&[("NHSNCC002", "ER"), ("GE002", "WG")], true),
        (&[("NHSNCC002", "ER"), ("GE002", "IF")], true),
        (&[], false),
        (&[("1", "ER")], false),
        (&[("NHSNCC002", "WG")], false),
        (&[("NHSNCC002", "IF"), ("1", "ER")], false),
        (&[("NHSNCC002", "ER"), ("GE002", "ER")], false),
        (&[("NHSNCC002", "ER"), ("GE002", "")], false),
        (&[("NHSNCC002", "ER"), ("", "ER")], false),
        (&[("nhsncc002", "ER")], false),
        (&[("NHSNCC0021", "ER")], false),
    ];
    for (reasons, not_found) in table {
        let xml: String = reasons.iter().map(|(code, qualifier)| reason(code, qualifier)).collect();
        for response_code in [None, Some("ID"), Some("NF"), Some(" id ")] {
            assert_eq!(says_no_record(&quqi(response_code, &xml)), not_found, "{reasons:?} {response_code:?}");
        }
        for response_code in [Some("OK"), Some(""), Some("ZZ")] {
            assert!(!says_no_record(&quqi(response_code, &xml)), "{reasons:?} {response_code:?}");
        }
    }
}

#[test]
fn a_no_record_by_spine_has_the_time_and_id_of_its_message() {
    let answer = read_body(quqi(Some("ID"), &reason("NHSNCC002", "ER"))).unwrap();
    assert_eq!(answer.effective.to_string(), EFFECTIVE);
    assert_eq!(answer.response_id.as_str(), RESPONSE_ID);
    assert!(answer.accesses.is_empty() && answer.notices.is_empty());
}

#[test]
fn only_the_known_interaction_says_not_found() {
    for name in ["QUQI_IN010000UK13", "QUQI_IN010000UK15", "QUQI_IN020000UK14"] {
        assert!(!says_no_record(&quqi_named(name, Some("ID"), &reason("NHSNCC002", "ER"))));
    }
}

#[test]
fn an_acknowledgement_detail_counts_against_but_is_no_reason() {
    let detail = |code: &str, kind: &str| {
        format!(r#"<acknowledgementDetail typeCode="{kind}"><code code="{code}"/></acknowledgementDetail>"#)
    };
    let good = reason("NHSNCC002", "ER");
    assert!(says_no_record(&quqi(Some("ID"), &(good.clone() + &detail("1", "ER")))));
    assert!(says_no_record(&quqi(Some("ID"), &(good.clone() + &detail("GE002", "WG")))));
    assert!(!says_no_record(&quqi(Some("ID"), &(good + &detail("GE002", "ER")))));
    assert!(!says_no_record(&quqi(Some("ID"), &detail("NHSNCC002", "ER"))));
}

#[test]
fn the_code_of_a_failed_query_is_kept_where_it_can_be_shown() {
    assert_eq!(
        failure_of(quqi(Some("ID"), &reason("GE002", "ER"))),
        RegisterErrorKind::Rejected { reason: Rejection::QueryFailed, code: Some("GE002".into()) }
    );
    assert_eq!(
        failure_of(quqi(Some("ID"), &reason("9990000018", "ER"))),
        RegisterErrorKind::Rejected { reason: Rejection::QueryFailed, code: None }
    );
    assert_eq!(
        failure_of(quqi(Some("ID"), &reason("Robin", "ER"))),
        RegisterErrorKind::Rejected { reason: Rejection::QueryFailed, code: None }
    );
}

#[test]
fn a_not_found_beside_content_is_a_contradiction() {
    let beside = |content: &str| quqi(Some("ID"), &(reason("NHSNCC002", "ER") + content));
    let kind = |content: &str| failure_of(beside(content));
    assert_eq!(kind(&one_record()), RegisterErrorKind::Contradictory(Contradiction::NoMatchWithContent));
    assert_eq!(kind("<pertinentInformation14/>"), RegisterErrorKind::Contradictory(Contradiction::NoMatchWithContent));
    assert_eq!(
        kind(&child_protection("202509010000", None)),
        RegisterErrorKind::Contradictory(Contradiction::NoMatchWithContent)
    );
    assert_eq!(kind(&payload(&record_total("1"))), RegisterErrorKind::Contradictory(Contradiction::NoMatchWithContent));
    assert_eq!(kind(&payload(&record_total("?"))), RegisterErrorKind::Contradictory(Contradiction::TotalUnreadable));
    assert_eq!(kind(&payload(&code("SMSP-0000"))), RegisterErrorKind::Contradictory(Contradiction::CodesDisagree));
    assert_eq!(kind(&payload(&information_13(&access("a", "20250101", OTHER)))), RegisterErrorKind::OtherChild);
    assert_eq!(read_body(beside(&payload(&(code("CPIS-0001") + &record_total("0"))))).unwrap().holding, Holding::NoRecord);
    // The authorities of a contradiction are named.
    assert_eq!(read_body(beside(&payload(&one_record()))).unwrap_err().contacts.len(), 1);
}

#[test]
fn a_not_found_beside_another_interaction_is_doubt() {
    let good = quqi(Some("ID"), &reason("NHSNCC002", "ER"));
    for other in ["<MCCI_IN010000UK13/>", "<REPC_IN000007GB01/>", "<itk:InfrastructureResponse/>"] {
        assert!(!says_no_record(&good.replace("</soap:Body>", &format!("{other}</soap:Body>"))), "{other}");
    }
}

#[test]
fn two_failed_queries_are_one_too_many() {
    let one = "<QUQI_IN010000UK14/>";
    assert!(matches!(failure_of(soap(&one.repeat(2))), RegisterErrorKind::Unreadable { .. }));
}

#[test]
fn mcci_is_a_business_error() {
    let kind =
        |code: Option<&str>| RegisterErrorKind::Rejected { reason: Rejection::BusinessError, code: code.map(str::to_owned) };
    assert_eq!(failure_of(mcci(&reason("GE002", "ER"))), kind(Some("GE002")));
    assert_eq!(failure_of(mcci("")), kind(None));
    assert_eq!(failure_of(mcci(&reason("NHSNCC002", "ER"))), kind(Some("NHSNCC002")));
    assert_eq!(failure_of(mcci(&(reason("W1", "WG") + &reason("GE002", "ER")))), kind(Some("GE002")));
    let wrapped = mcci(&reason("GE002", "ER"))
        .replace("<MCCI", "<retrievalQueryResponse><MCCI")
        .replace("</MCCI_IN010000UK13>", "</MCCI_IN010000UK13></retrievalQueryResponse>");
    assert_eq!(failure_of(wrapped), kind(Some("GE002")));
    let rejected = r#"<MCCI_IN010000UK13><acknowledgement typeCode="AR"><acknowledgementDetail typeCode="ER"><code code="E7"/></acknowledgementDetail></acknowledgement></MCCI_IN010000UK13>"#;
    assert_eq!(failure_of(soap(rejected)), kind(Some("E7")));
}
