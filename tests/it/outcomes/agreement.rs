//! Code and content must agree (decisions.md 1 and 2): a walk over code, content and total, and "no record" broken in every way.

use super::{fresh_numbers, with_children};
use crate::common::{Got, TestApp};
use cpis_fhir::simulator::scenario::Scenario;
use futures_util::StreamExt;
use std::fmt::Write as _;

const CODES: [&str; 10] = [
    "SMSP-0000",
    "CPIS-0001",
    "SMSP-0003",
    "SMSP-0001",
    "SMSP-0002",
    "SMSP-0004",
    "SMSP-0005",
    "SMSP-9999",
    "CPIS-9999",
    "SMSP-0042",
];
const TOTALS: [&str; 7] = ["absent", "0", "1", "2", "many", "-1", ""];

/// Records of the answer, as a scenario writes them.
const CONTENTS: [(&str, &str); 4] = [
    ("nothing", ""),
    ("a plan", r#"{ type = "child-protection", start = "-140d" }"#),
    ("an unknown plan", r#"{ unreadable = "unknown-template" }"#),
    ("a record without a plan", r#"{ unreadable = "no-plan" }"#),
];

#[derive(Debug, PartialEq, Eq)]
enum StoredEntry {
    Flags(u64),
    NoRecord,
    Error(u16, String),
}

fn error(status: u16, issue: &str) -> StoredEntry {
    StoredEntry::Error(status, issue.to_owned())
}

/// What the contract says, written without a look at the code (fhir.md 5; decisions.md 1, 7).
fn wanted(code: &str, has_content: bool, total: &str) -> StoredEntry {
    match (code, has_content, total) {
        ("SMSP-0001", ..) => error(500, "exception"),
        ("SMSP-0002" | "SMSP-9999" | "CPIS-9999", ..) => error(502, "exception"),
        ("SMSP-0004", ..) | ("SMSP-0003", false, "absent" | "0") => error(503, "transient"),
        ("SMSP-0005", ..) => error(403, "forbidden"),
        ("SMSP-0042", ..) => error(502, "structure"),
        ("CPIS-0001", false, "absent" | "0") | ("SMSP-0000", false, "0") => StoredEntry::NoRecord,
        ("SMSP-0000" | "SMSP-0003", true, "1") => StoredEntry::Flags(1),
        // The second one is counted and not there: it has a place of its own.
        ("SMSP-0000" | "SMSP-0003", true, "2") => StoredEntry::Flags(2),
        _ => error(502, "incomplete"),
    }
}

fn told(got: &Got) -> StoredEntry {
    if got.says_no_record() {
        return StoredEntry::NoRecord;
    }
    match got.status {
        200 => StoredEntry::Flags(got.total()),
        status => StoredEntry::Error(status, got.issue()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_where_code_content_and_total_agree_there_is_no_record() {
    let mut numbers = fresh_numbers();
    let mut toml = String::new();
    let mut rows = Vec::new();
    for code in CODES {
        for (content, plan) in CONTENTS {
            for total in TOTALS {
                let number = numbers.next().unwrap();
                write!(toml, "[[children]]\nnhs_number = \"{number}\"\ntitle = \"row\"\nbehaviour = {{ code = \"{code}\", total_records = \"{total}\" }}\n").unwrap();
                if !plan.is_empty() {
                    let subject = r#"{ kind = "child", given = ["Robin"], family = "Testpatient" }"#;
                    write!(
                        toml,
                        "[[children.records]]\nauthority = \"exampleshire\"\nsubjects = [{subject}]\nplans = [{plan}]\n"
                    )
                    .unwrap();
                }
                rows.push((number, format!("{code}, {content}, total '{total}'"), wanted(code, !plan.is_empty(), total)));
            }
        }
    }
    let scenario = Scenario::from_toml(&with_children(&toml)).unwrap();
    // Rows of an SMSP that cannot reach Spine come one after another here, and must not open the breaker.
    let settings = [("LIMITS__REQUESTS_PER_SECOND", "10000"), ("SMSP__BREAKER__FAILURES", "1000")];
    let app = TestApp::with_scenario(scenario, &settings).await;
    let looks = futures_util::stream::iter(rows.iter().map(|(number, ..)| app.look(number))).buffered(4);
    let answers: Vec<Got> = looks.collect().await;
    assert_eq!(app.counts().requests, rows.len() as u64);
    let mut wrong = Vec::new();
    for ((_, row, wanted), got) in rows.iter().zip(&answers) {
        if told(got) != *wanted {
            wrong.push(format!("{row}: wanted {wanted:?}, got {} {}", got.status, got.text));
        }
        // Only an answer with neither a record nor a count may invite a client to try again by itself.
        if got.header("retry-after").is_some() {
            assert!(row.contains("nothing") && !row.contains("'1'") && !row.contains("'2'"), "{row}");
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// A "no record" that came in any way but the right one is no "no record".
const BROKEN: [(&str, u16, &str); 18] = [
    (r"http_status = 500", 502, "exception"),
    (r"http_status = 201", 502, "exception"),
    (r"http_status = 202", 502, "exception"),
    (r"http_status = 404", 502, "exception"),
    (r#"relates_to = "wrong""#, 502, "structure"),
    (r#"reply = "truncated""#, 502, "structure"),
    (r#"reply = "doctype""#, 502, "structure"),
    (r#"reply = "huge""#, 502, "structure"),
    (r#"reply = "garbage""#, 502, "structure"),
    (r#"reply = "spine-no-reason""#, 502, "exception"),
    (r#"reply = "spine-other-reason""#, 502, "exception"),
    (r#"reply = "spine-response""#, 502, "incomplete"),
    (r#"reply = "spine-not-found", http_status = 500"#, 502, "exception"),
    (r#"reply = "spine-not-found", relates_to = "wrong""#, 502, "structure"),
    (r#"transport = "short-body""#, 504, "timeout"),
    (r#"transport = "reset-during""#, 504, "timeout"),
    (r#"transport = "close-before""#, 504, "timeout"),
    (r#"total_records = "0", total_accesses = "0", code = "cpis-1""#, 502, "structure"),
];

/// The ways in which "no record" may come.
const SOUND: [&str; 9] = [
    "",
    r#"code = "CPIS-0001""#,
    r#"code = "cpis-0001""#,
    r#"code = "SMSP-0000""#,
    r#"transport = "chunked""#,
    r#"transport = "close""#,
    r#"relates_to = "absent""#,
    r#"reply = "gzip-base64""#,
    r#"reply = "spine-not-found""#,
];

#[tokio::test(flavor = "multi_thread")]
async fn a_no_record_that_is_broken_in_any_way_is_an_error() {
    let numbers: Vec<String> = fresh_numbers().take(BROKEN.len() + SOUND.len()).collect();
    let behaviours = BROKEN.iter().map(|(behaviour, ..)| *behaviour).chain(SOUND);
    let children: Vec<String> = numbers
        .iter()
        .zip(behaviours)
        .map(|(number, behaviour)| {
            format!("[[children]]\nnhs_number = \"{number}\"\ntitle = \"row\"\nbehaviour = {{ {behaviour} }}\n")
        })
        .collect();
    let app = TestApp::with_scenario(Scenario::from_toml(&with_children(&children.concat())).unwrap(), &[]).await;
    for (number, (behaviour, status, issue)) in numbers.iter().zip(BROKEN) {
        let got = app.look(number).await;
        assert_eq!((got.status, got.issue().as_str()), (status, issue), "{behaviour}: {}", got.text);
        assert!(got.header("retry-after").is_none(), "{behaviour}");
    }
    for (number, behaviour) in numbers[BROKEN.len()..].iter().zip(SOUND) {
        let got = app.look(number).await;
        assert!(got.says_no_record(), "{behaviour}: {}", got.text);
    }
    assert_eq!(app.counts().requests, numbers.len() as u64);
}
