use super::*;
use crate::audit::ShownCounts;
use crate::audit::samples::{entries, mallory};
use crate::cpis::{AuthorKind, Delivery, NhsNumber};
use crate::secret::KeyMaterial;

/// Bodies as version 0.1.0 stored them, of [`samples`] in their order. Never change a line: trails hold such lines, and the chain's MACs are
/// over their bytes.
const STORED: &str = include_str!("stored.jsonl");

/// At least one of each event.
fn samples() -> Vec<Entry> {
    let fixed = |n: u8, entry: Entry| {
        let at = "2026-10-15T08:00:00.123456Z".parse().unwrap();
        Entry { id: Uuid::from_bytes([n; 16]), at, ..entry }
    };
    let told = |event, detail: &str| Entry { detail: Some(detail.to_owned()), ..Entry::of(event) };
    let delivery = Some(Delivery::NotDelivered);
    let refused = Outcome { name: "connect".into(), delivery, authorities: Some(2), ..Outcome::default() };
    let person = AuthorAsSent { template: AuthorKind::Person, nominated: false, ..full().author.unwrap() };
    let mut samples = entries();
    for who in samples.iter_mut().filter_map(|entry| entry.who.as_mut()).filter(|who| **who == mallory()) {
        // Without the mark that turns the direction of a text: it has no place in a file that people read.
        who.name = Some("Mal\u{1b}[2J\"lory\" \u{e9}\u{1f9d2}".into());
    }
    samples.extend([
        fixed(13, full()),
        fixed(14, Entry { event: Event::Failed, author: Some(person), outcome: Some(refused), ..full() }),
        fixed(15, told(Event::Exported, "criteria: none (everything); format fhir")),
        fixed(16, told(Event::Archived, "2023-10.manifest")),
    ]);
    samples
}

/// The value of a field of text, where it is there.
fn field<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("\"{name}\":\""))?;
    rest.split('"').next()
}

/// Every field filled.
fn full() -> Entry {
    let some = |text: &str| Some(Text::from(text));
    Entry {
        look: Some(Uuid::from_bytes([7; 16])),
        who: Some(Who {
            issuer: some("https://issuer.example"),
            user_id: some("u1"),
            sds_user_id: some("555000111222"),
            role_profile_id: some("555000333444"),
            name: some("Dr Asha Example"),
            role_code: some("R0260"),
            role_name: some("General Medical Practitioner"),
            organisation_ods: some("RX1"),
            organisation_name: some("Example Trust"),
            care_setting: some("maternity"),
        }),
        child: NhsNumber::parse("9990000018").ok(),
        request: RequestFacts {
            request_id: some("60E0B220"),
            correlation_id: some("c"),
            trace_id: some("t"),
            address: "192.0.2.1".parse().ok(),
            source_system: some("epr"),
            interaction: some("search Flag"),
            freshness: some("new-look"),
        },
        message: Some(Message {
            message_id: "M".into(),
            tracking_id: "T".into(),
            payload_id: "P".into(),
            query_id: "Q".into(),
            response_id: some("R"),
        }),
        author: Some(AuthorAsSent {
            template: AuthorKind::System,
            id: "200000000115".into(),
            role_profile_id: some("1"),
            role_code: "R1".into(),
            role_name: "Role".into(),
            name: "Name".into(),
            organisation_ods: "RX1".into(),
            organisation_name: "Trust".into(),
            nominated: true,
        }),
        outcome: Some(Outcome {
            name: "found".into(),
            response_code: some("SMSP-0000"),
            delivery: Some(Delivery::MaybeDelivered),
            notification_expected: Some(true),
            shown: Some(ShownCounts { records: 1, plans: 2, unreadable: 3, accesses: 25 }),
            authorities: Some(2),
            age_ms: Some(12),
        }),
        detail: Some("detail".to_owned()),
        ..Entry::of(Event::Answered)
    }
}

fn seal(key: u8) -> Seal {
    Seal::new(&[KeyMaterial::new([key; 32])]).unwrap()
}

#[test]
fn an_entry_is_read_as_it_was_written() {
    for entry in [full(), Entry::of(Event::Started)] {
        let draft = write(&entry, &seal(1)).unwrap();
        let read = read(&draft.body, &seal(1)).unwrap();
        assert_eq!(read.entry, entry);
        assert!(!read.child_is_sealed);
        assert_eq!(read.software, env!("CARGO_PKG_VERSION"));
    }
}

#[test]
fn the_nhs_number_is_not_in_the_body() {
    let draft = write(&full(), &seal(1)).unwrap();
    let text = String::from_utf8(draft.body.clone()).unwrap();
    assert!(!text.contains("9990000018"), "{text}");
    let read = read(&draft.body, &seal(2)).unwrap();
    assert!(read.child_is_sealed && read.entry.child.is_none());
}

#[test]
fn a_body_of_another_version_or_with_strange_fields_is_not_guessed_at() {
    let text = String::from_utf8(write(&full(), &seal(1)).unwrap().body).unwrap();
    for changed in [text.replace(r#""v":1"#, r#""v":2"#), text.replace(r#""look":"#, r#""lock":"#), text[1..].to_owned()] {
        assert_eq!(read(changed.as_bytes(), &seal(1)), Err(BodyError::Unreadable));
    }
}

#[test]
fn a_part_that_is_strange_or_not_whole_is_not_guessed_at() {
    let text = String::from_utf8(write(&full(), &seal(1)).unwrap().body).unwrap();
    let changes = [
        ("\"event\":\"answered\"", "\"event\":\"guessed\""),
        ("\"who\":{", "\"who\":{\"x\":\"\","),
        ("\"request\":{", "\"request\":{\"x\":\"\","),
        ("\"message\":{", "\"message\":{\"x\":\"\","),
        ("\"author\":{", "\"author\":{\"x\":\"\","),
        ("\"upshot\":{", "\"upshot\":{\"x\":\"\","),
        ("\"shown\":{", "\"shown\":{\"x\":\"\","),
        ("\"query_id\":\"Q\",", ""),
        ("\"template\":\"system\"", "\"template\":\"robot\""),
        (",\"nominated\":true", ""),
        ("\"outcome\":\"found\",", ""),
        ("\"delivery\":\"maybe\"", "\"delivery\":\"perhaps\""),
        ("\"plans\":2,", ""),
    ];
    for (from, to) in changes {
        let body = text.replacen(from, to, 1);
        assert_ne!(body, text, "{from}");
        assert_eq!(read(body.as_bytes(), &seal(1)), Err(BodyError::Unreadable), "{body}");
    }
}

#[test]
fn what_was_stored_is_read_and_would_be_written_again_byte_for_byte() {
    let samples = samples();
    assert!(Event::ALL.iter().all(|event| samples.iter().any(|entry| entry.event == *event)));
    assert_eq!(STORED.lines().count(), samples.len());
    for (stored, entry) in STORED.lines().zip(samples) {
        let read = read(stored.as_bytes(), &seal(1)).unwrap();
        assert_eq!((&read.entry, read.software.as_str(), read.child_is_sealed), (&entry, "0.1.0", false));
        let mut written = String::from_utf8(write(&entry, &seal(1)).unwrap().body).unwrap();
        // Each sealing has its own nonce.
        if let (Some(new), Some(old)) = (field(&written, "child"), field(stored, "child")) {
            written = written.replace(new, old);
        }
        assert_eq!(written.replace(&format!(r#""software":"{}""#, env!("CARGO_PKG_VERSION")), r#""software":"0.1.0""#), stored);
    }
}
