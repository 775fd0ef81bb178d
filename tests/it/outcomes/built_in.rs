//! Every child of the built-in scenario that does not hang, through the whole stack.

use crate::common::{TestApp, leaks};
use cpis_fhir::simulator::scenario::Scenario;
use std::collections::BTreeSet;
use std::time::Duration;

/// What a search for Flags must come to.
#[derive(Debug, Clone, Copy)]
enum StoredEntry {
    /// 200 with this many flags.
    Flags(u64),
    NoRecord,
    /// Status, issue code, Spine code; maybe delivered.
    Error(u16, &'static str, &'static str),
    /// The same; certainly not delivered, so a client may try again by itself.
    Unheard(u16, &'static str, &'static str),
}

use StoredEntry::{Error, Flags, NoRecord, Unheard};

const BAD_ANSWER: StoredEntry = Error(502, "structure", "UNKNOWN_ERROR");
const CONTRADICTION: StoredEntry = Error(502, "incomplete", "UNKNOWN_ERROR");
const FAILED: StoredEntry = Error(502, "exception", "UNKNOWN_ERROR");
const OUR_FAULT: StoredEntry = Error(500, "exception", "UNKNOWN_ERROR");
const WE_ARE_REFUSED: StoredEntry = Error(500, "exception", "ACCESS_DENIED");
const BUSY: StoredEntry = Error(503, "transient", "SERVICE_UNAVAILABLE");
const BROKE_OFF: StoredEntry = Error(504, "timeout", "UNABLE_TO_CALL_SERVICE");
const NOT_REACHED: StoredEntry = Unheard(503, "transient", "SERVICE_UNAVAILABLE");

/// These answer too late for this test: tests/it/faults/mod.rs has them.
const HANGING: [&str; 3] = ["9990000972", "9990000980", "9990001103"];

/// The contract (fhir.md 5; decisions.md 1, 2, 7, 9, 18, 19), in the order of the scenario.
const TABLE: &[(&str, StoredEntry)] = &[
    // Plans, authorities, accesses
    ("9990000018", Flags(2)),
    ("9990000026", NoRecord),
    ("9990000034", Flags(1)),
    ("9990000042", Flags(1)),
    ("9990000050", Flags(1)),
    ("9990000069", Flags(2)),
    ("9990000077", Flags(3)),
    ("9990000085", Flags(2)),
    ("9990000093", Flags(1)),
    ("9990000107", Flags(1)),
    ("9990000115", Flags(1)),
    ("9990000123", Flags(1)),
    ("9990000131", Flags(1)),
    ("9990000158", Flags(1)),
    ("9990000166", Flags(1)),
    ("9990000174", Flags(1)),
    ("9990000182", Flags(1)),
    ("9990000190", Flags(1)),
    ("9990000204", Flags(1)),
    ("9990000212", Flags(1)),
    ("9990000220", Flags(1)),
    ("9990000239", BAD_ANSWER),
    ("9990000247", Flags(1)),
    ("9990000255", Flags(1)),
    // Records that cannot be read
    ("9990000263", Flags(1)),
    ("9990000271", Flags(2)),
    ("9990000298", Flags(1)),
    ("9990000301", Flags(1)),
    ("9990000328", Flags(1)),
    ("9990000336", Flags(2)),
    ("9990000344", CONTRADICTION),
    ("9990000352", CONTRADICTION),
    ("9990000360", BAD_ANSWER),
    // Contradictions
    ("9990000379", CONTRADICTION),
    ("9990000387", CONTRADICTION),
    ("9990000395", CONTRADICTION),
    ("9990000409", CONTRADICTION),
    ("9990000417", CONTRADICTION),
    ("9990000425", NoRecord),
    ("9990000433", Flags(1)),
    // Codes
    ("9990000441", OUR_FAULT),
    ("9990000468", FAILED),
    ("9990000476", NOT_REACHED),
    ("9990000484", NOT_REACHED),
    ("9990000492", Error(403, "forbidden", "ACCESS_DENIED")),
    ("9990000506", FAILED),
    ("9990000514", FAILED),
    ("9990000522", Flags(1)),
    ("9990000530", BAD_ANSWER),
    // SOAP faults and bodies that are no answer
    ("9990000549", OUR_FAULT),
    ("9990000557", FAILED),
    ("9990000565", WE_ARE_REFUSED),
    ("9990000573", BUSY),
    ("9990000581", FAILED),
    ("9990000603", WE_ARE_REFUSED),
    ("9990000611", OUR_FAULT),
    ("9990000638", OUR_FAULT),
    ("9990000646", FAILED),
    ("9990000654", OUR_FAULT),
    ("9990000662", WE_ARE_REFUSED),
    ("9990000670", OUR_FAULT),
    ("9990000689", BUSY),
    ("9990000697", OUR_FAULT),
    ("9990000700", FAILED),
    ("9990000719", FAILED),
    ("9990000727", FAILED),
    ("9990000735", FAILED),
    ("9990000743", FAILED),
    ("9990000751", BAD_ANSWER),
    ("9990000778", NOT_REACHED),
    ("9990000786", NOT_REACHED),
    ("9990000794", FAILED),
    ("9990000808", FAILED),
    ("9990000816", FAILED),
    // Sound answers in other forms
    ("9990000824", Flags(1)),
    ("9990000832", Flags(1)),
    ("9990000840", Flags(1)),
    ("9990000859", Flags(1)),
    ("9990000867", Flags(1)),
    ("9990000875", Flags(1)),
    ("9990000883", NoRecord),
    ("9990000891", NoRecord),
    // Spine's own failures
    ("9990000905", FAILED),
    ("9990000913", FAILED),
    ("9990000921", FAILED),
    ("9990000948", FAILED),
    ("9990000956", CONTRADICTION),
    // Faults of transport
    ("9990000964", Flags(1)),
    ("9990000999", BROKE_OFF),
    ("9990001006", BROKE_OFF),
    ("9990001014", Flags(1)),
    ("9990001022", BROKE_OFF),
    ("9990001030", BROKE_OFF),
    ("9990001049", BAD_ANSWER),
    ("9990001057", BROKE_OFF),
    ("9990001065", BAD_ANSWER),
    ("9990001073", BAD_ANSWER),
    ("9990001081", BAD_ANSWER),
    ("9990001111", Flags(1)),
    ("9990001138", BAD_ANSWER),
    ("9990001146", BAD_ANSWER),
    // The numbers of NHS Digital's simulators (wire.md 5.12)
    ("1111111111", OUR_FAULT),
    ("2222222222", FAILED),
    ("3333333333", NOT_REACHED),
    ("4444444444", NOT_REACHED),
    ("5555555555", Error(403, "forbidden", "ACCESS_DENIED")),
    ("6666666666", FAILED),
    ("7777777777", FAILED),
    ("8888888888", NoRecord),
    ("9449310394", Flags(1)),
    ("9448904053", NoRecord),
    ("9444459993", OUR_FAULT),
    ("9346424613", FAILED),
];

fn table() -> impl Iterator<Item = (&'static str, StoredEntry)> {
    TABLE.iter().copied()
}

#[test]
fn every_child_of_the_scenario_is_in_the_table_or_hangs() {
    let scenario = Scenario::built_in();
    let children: BTreeSet<&str> = scenario.children().map(|(number, _)| number.digits()).collect();
    let known: BTreeSet<&str> = table().map(|(number, _)| number).chain(HANGING).collect();
    assert_eq!(children, known);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_child_gets_the_answer_of_the_contract_by_one_request_and_nothing_of_it_is_logged() {
    let app = TestApp::open().await;
    let mut wrong = Vec::new();
    for (number, told) in table() {
        let before = app.counts();
        let got = app.look(number).await;
        let after = app.counts();
        let mut check = |holds: bool, what: &str| {
            if !holds {
                wrong.push(format!("{number} {told:?}: {what}: {} {}", got.status, &got.text[..got.text.len().min(700)]));
            }
        };
        check(after.requests == before.requests + 1, "not one request");
        let reached = after.queries > before.queries;
        match told {
            Flags(total) => {
                let as_told =
                    got.status == 200 && got.total() == total && got.types("match") == vec!["Flag"; got.types("match").len()];
                check(as_told && got.types("match").len() as u64 == total, "not these flags");
            }
            NoRecord => check(got.says_no_record(), "not a no-record"),
            Error(status, issue, spine) | Unheard(status, issue, spine) => {
                let heard = matches!(told, Error(..));
                check(got.status == status && got.issue() == issue && got.codes().0 == spine, "another status or code");
                check(!got.text.contains(number), "repeats the number");
                check(got.header("retry-after").is_some() != heard, "Retry-After");
                let said = got.diagnostics();
                check(said.contains("may already have been notified") == heard, "what it says of the notification");
                check(said.contains("does not mean that there is no plan"), "does not say that there may be a plan");
                check(heard || !reached, "CP-IS heard of what is said to be unheard");
            }
        }
        if number == "9990001014" {
            // Its connection is reset a moment after a good answer. A look that is sent into that moment may be lost, and says
            // so.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    leaks::assert_tells_nothing(&app.service.said(), &[], table().count());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spine_shaped_reply_shows_its_plan_and_its_ten_accesses() {
    let app = TestApp::open().await;
    let got = app.get("EpisodeOfCare?patient=9449310394").await;
    assert_eq!(got.resources("match")[0]["type"][0]["coding"][0]["code"], "764841000000100", "{}", got.text);
    let accesses = app.get("AuditEvent?patient=9449310394").await;
    assert!(accesses.total() >= 10, "{}", accesses.text);
}
