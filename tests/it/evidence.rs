//! The documents that an inspector reads name tests as evidence. Every test that they name exists.

use std::collections::BTreeSet;
use std::path::Path;

/// With how many names there are at least.
const DOCUMENTS: [(&str, usize); 4] =
    [("docs/clinical-safety.md", 200), ("docs/conformance.md", 50), ("docs/requirements.md", 100), ("docs/security.md", 15)];

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Names of the functions in every Rust file under `folder`.
fn functions(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(path).unwrap();
            into.extend(text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next()).map(str::to_owned));
        }
    }
}

/// The texts in backticks in the column of evidence: the last cell of a row, or a row named so.
fn evidence(document: &str) -> Vec<String> {
    let mut names = Vec::new();
    for row in document.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let of_evidence = match cells.as_slice() {
            [name, evidence] if name.trim() == "Evidence" => std::slice::from_ref(evidence),
            [_, _] | [] => &[],
            [.., evidence] => std::slice::from_ref(evidence),
        };
        for cell in of_evidence {
            names.extend(cell.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    names.retain(|name| name.matches('_').count() >= 2 || name.contains(':'));
    names
}

#[test]
fn every_test_that_is_named_as_evidence_exists() {
    let mut known = BTreeSet::new();
    for folder in ["src", "tests"] {
        functions(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut known);
    }
    for (document, least) in DOCUMENTS {
        let named = evidence(&read(document));
        assert!(named.len() > least, "{document} names few tests: {}", named.len());
        let missing: Vec<&String> = named.iter().filter(|name| !known.contains(*name)).collect();
        assert!(missing.is_empty(), "{document} names tests that do not exist: {missing:#?}");
    }
}

/// Findings of attacks on the service in docs/clinical-safety.md: what their ids begin with, and how many there are.
const FINDINGS: [(&str, u8); 4] = [("F", 22), ("S", 7), ("T", 10), ("U", 11)];

#[test]
fn every_finding_has_a_row_that_names_its_tests() {
    let log = read("docs/clinical-safety.md");
    for id in FINDINGS.iter().flat_map(|(kind, count)| (1..=*count).map(move |number| format!("{kind}{number}"))) {
        let rows: Vec<&str> = log.lines().filter(|line| line.starts_with(&format!("| {id} |"))).collect();
        assert_eq!(rows.len(), 1, "{id}");
        assert!(!evidence(rows[0]).is_empty(), "{id} names no test");
    }
}

/// What real clients, proxies and SMSPs send, in docs/conformance.md. The chart is held by checks of its own, not by tests.
#[test]
fn every_case_has_a_row_that_names_what_holds_it() {
    let document = read("docs/conformance.md");
    let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| C2-")).collect();
    assert_eq!(rows.len(), 22);
    for row in rows {
        assert!(!evidence(row).is_empty() || row.contains("helm/checks/"), "{row}");
    }
}

#[test]
fn every_hazard_that_must_be_thought_of_is_in_the_log() {
    let log = read("docs/clinical-safety.md").to_lowercase();
    for hazard in [
        "a false \"no plan\"",
        "the wrong child",
        "a stale answer",
        "a duplicate notification",
        "a missing notification",
        "a missing contact number",
        "audit trail",
        "an ended plan shown as active",
        "an unborn plan shown on the mother",
    ] {
        assert!(log.contains(hazard), "{hazard}");
    }
    for part in ["hazard |", "causes |", "effect |", "controls |", "evidence |"] {
        let hazards = log.matches("\n## h").count();
        assert_eq!(log.matches(part).count(), hazards, "each hazard has its {part}");
    }
}
