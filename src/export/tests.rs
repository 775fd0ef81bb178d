use super::*;
use crate::audit::samples::{CHILD, Sample};
use crate::audit::{Question, Seal, Search, Sources};
use crate::secret::KeyMaterial;
use serde_json::Value;

/// Every entry of the morning, oldest first.
async fn found(sources: Sources<'_>) -> Vec<Hit> {
    let question = Question::default();
    let mut search = Search::new(sources, &question, None);
    let mut all = Vec::new();
    while let Some(found) = search.next().await.unwrap() {
        all.push(found);
    }
    all.reverse();
    all
}

/// The file, with placeholders for what differs between runs and versions.
async fn exported(form: ExportFormat) -> String {
    let sample = Sample::morning().await;
    let mut text = form.head();
    for found in found(sample.sources()).await {
        let mut line = form.write(&found).replace(&found.line.mac.to_string(), &format!("mac-of-{}", found.line.seq));
        if found.line.seq > 1 {
            line = line.replace(&found.line.previous.to_string(), &format!("mac-of-{}", found.line.seq - 1));
        }
        text.push_str(&line.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    }
    text
}

/// Line 3, changed by somebody without the key.
async fn changed(form: ExportFormat) -> String {
    let sample = Sample::morning().await;
    let reader = sample.tampered(3, |line| line.body[60] ^= 1).await;
    let found = found(Sources { reader: &reader, ..sample.sources() }).await;
    form.write(&found[2]).replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

/// The conformance suite passes this file to HL7's validator and the others.
#[tokio::test]
async fn as_fhir() {
    let mut text = exported(ExportFormat::Fhir).await;
    text.push_str(&changed(ExportFormat::Fhir).await);
    insta::assert_binary_snapshot!("audit_events.ndjson", text.into_bytes());
}

#[tokio::test]
async fn as_a_report_of_accesses() {
    insta::assert_snapshot!(exported(ExportFormat::AccessReport).await + &changed(ExportFormat::AccessReport).await);
}

#[tokio::test]
async fn as_lines() {
    insta::assert_snapshot!(exported(ExportFormat::Lines).await + &changed(ExportFormat::Lines).await);
}

#[tokio::test]
async fn a_changed_line_shows_nothing_it_says_in_any_form() {
    for form in [ExportFormat::Fhir, ExportFormat::AccessReport, ExportFormat::Lines] {
        let text = changed(form).await;
        for said in ["asha", "Asha", CHILD, "RX1", "found", "11111111"] {
            assert!(!text.contains(said), "{form:?}: {text}");
        }
        assert!(text.contains("the line was changed"), "{form:?}: {text}");
    }
}

#[tokio::test]
async fn every_entry_is_one_line_without_anything_that_a_terminal_or_a_spreadsheet_obeys() {
    let sample = Sample::morning().await;
    for form in [ExportFormat::Fhir, ExportFormat::AccessReport, ExportFormat::Lines] {
        for found in found(sample.sources()).await {
            let text = form.write(&found);
            let line = text.trim_end_matches(['\r', '\n']);
            assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{form:?}: {line}");
            assert!(!line.contains("\"=HYPERLINK") || form != ExportFormat::AccessReport, "{line}");
        }
    }
}

#[tokio::test]
async fn a_number_is_in_the_json_only_where_it_may_be_shown() {
    let sample = Sample::morning().await;
    let all = found(sample.sources()).await;
    let (asked, other) = (NhsNumber::parse(CHILD).unwrap(), &all[4]);
    let of = |found: &Hit, numbers| serde_json::from_str::<Value>(&line(found, numbers)).unwrap();
    let own = of(&all[2], Numbers::Only(Some(&asked)));
    assert_eq!((&own["child"], &own["nhs_number"]), (&"shown".into(), &CHILD.into()));
    for numbers in [Numbers::Only(Some(&asked)), Numbers::Only(None)] {
        let hidden = of(other, numbers);
        assert_eq!((&hidden["child"], &hidden["nhs_number"]), (&"hidden".into(), &Value::Null));
        assert!(!hidden.to_string().contains("9990000026"));
    }
    assert_eq!(of(other, Numbers::All)["nhs_number"], "9990000026");
}

#[tokio::test]
async fn a_number_that_no_key_opens_is_said_to_be_there() {
    let sample = Sample::morning().await;
    let lost = Seal::new(&[KeyMaterial::new([9; 32])]).unwrap();
    let all = found(Sources { seal: &lost, ..sample.sources() }).await;
    assert!(line(&all[2], Numbers::All).contains(r#""child":"sealed""#));
    assert!(ExportFormat::Fhir.write(&all[2]).contains("sealed with a key which is not here"));
    assert!(ExportFormat::AccessReport.write(&all[2]).contains("sealed with a key that is not here"));
}
