//! What CP-IS says, and what the caller is told: nothing but "no record" is an empty searchset.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::House;

/// Status and issue code for the numbers of NHS Digital's simulators (wire.md 5.12; fhir.md 5, decisions.md 18).
const KNOWN_NUMBERS: [(&str, u16, &str); 12] = [
    ("1111111111", 500, "exception"),
    ("2222222222", 502, "exception"),
    ("3333333333", 503, "transient"),
    ("4444444444", 503, "transient"),
    ("5555555555", 403, "forbidden"),
    ("6666666666", 502, "exception"),
    ("7777777777", 502, "exception"),
    ("8888888888", 200, ""),
    ("9449310394", 200, ""),
    ("9448904053", 200, ""),
    ("9444459993", 500, "exception"),
    ("9346424613", 502, "exception"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_number_of_the_national_simulators_gets_its_status_and_issue() {
    let house = House::open().await;
    for (number, status, issue) in KNOWN_NUMBERS {
        let got = house.get(&format!("Flag?patient={number}")).await;
        assert_eq!(got.status, status, "{number}: {}", got.text);
        if status != 200 {
            assert_eq!(got.issue(), issue, "{number}: {}", got.text);
            assert!(!got.text.contains(number));
            assert!(got.diagnostics().contains("does not mean that there is no plan"), "{}", got.diagnostics());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_no_record_is_an_empty_searchset() {
    let house = House::open().await;
    for (number, ..) in KNOWN_NUMBERS {
        let got = house.get(&format!("Flag?patient={number}")).await;
        let no_record = matches!(number, "8888888888" | "9448904053");
        assert_eq!(got.status == 200 && got.says_no_record(), no_record, "{number}: {}", got.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spine_shaped_reply_shows_its_plan_and_its_ten_accesses() {
    let house = House::open().await;
    let got = house.get("EpisodeOfCare?patient=9449310394").await;
    assert_eq!(got.resources("match")[0]["type"][0]["coding"][0]["code"], "764841000000100", "{}", got.text);
    let accesses = house.get("AuditEvent?patient=9449310394").await;
    assert!(accesses.total() >= 10, "{}", accesses.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_may_retry_by_itself_only_where_cp_is_has_not_heard() {
    let house = House::open().await;
    for (number, status, _) in KNOWN_NUMBERS {
        let got = house.get(&format!("Flag?patient={number}")).await;
        let not_heard = matches!(number, "3333333333" | "4444444444");
        assert_eq!(got.header("retry-after").is_some(), not_heard, "{number}");
        if status != 200 {
            assert_eq!(got.diagnostics().contains("may already have been notified"), !not_heard, "{number}");
        }
    }
}
