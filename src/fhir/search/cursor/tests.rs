use super::*;
use crate::fhir::samples::{self, TODAY};
use proptest::prelude::*;

fn ids() -> IdKeys {
    IdKeys::new(vec![[7; 32]]).unwrap()
}

fn search(pairs: &[(&str, &str)]) -> Search {
    let pairs: Vec<Pair> =
        pairs.iter().map(|(name, value)| Pair { name: (*name).to_owned(), value: (*value).to_owned() }).collect();
    Search::parse(Searchable::of(ResourceType::Flag).unwrap(), &pairs, Handling::Strict, &ids()).unwrap()
}

fn cursor(search: &Search, offset: usize) -> Cursor {
    Cursor::of(search, offset, &samples::no_record(), TODAY)
}

#[test]
fn a_token_leads_to_the_same_search_at_its_page() {
    let first = search(&[
        ("patient", "9990000018"),
        ("code", r"http://snomed.info/sct|342191000000101,a\,b"),
        ("date", "ge2025-09-01T10:00:00+01:00"),
        ("author:identifier", "|E1"),
        ("_include", "Flag:author"),
        ("_revinclude:iterate", "AuditEvent:entity"),
        ("_sort", "-date"),
        ("_count", "2"),
        ("_elements", "period, category"),
        ("_format", "application/fhir+json; fhirVersion=4.0"),
    ]);
    let token = cursor(&first, 2).seal(&ids());
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')));
    let opened = Cursor::open(&token, &ids()).unwrap();
    assert_eq!((opened.resource, opened.offset, &opened.nhs_number), (ResourceType::Flag, 2, &first.nhs_number));
    assert!(!opened.query.contains("9990000018") && !opened.query.contains("patient"));
    assert!(opened.look == LookFingerprint::of(&samples::no_record()) && opened.day == TODAY);
    // The form of the answer is in the link, from which the next page reads it.
    let link = cursor(&first, 2).link(&first, &ids());
    assert_eq!(link, format!("_page/{token}?_format=application%2Ffhir%2Bjson%3B+fhirVersion%3D4.0"));
    assert!(!opened.query.contains("_format"));
    let mut form = Vec::new();
    pairs::decode(link.split_once('?').unwrap().1.as_bytes(), &mut form).unwrap();
    let again = opened.search(&form, &ids()).unwrap();
    assert_eq!(again.used().collect::<Vec<_>>(), first.used().collect::<Vec<_>>());
    assert_eq!((again.page.count, again.page.offset, again.sort), (Some(2), 2, first.sort));
    assert_eq!((again.filters.len(), &again.elements, &again.includes), (3, &first.elements, &first.includes));
}

#[test]
fn a_page_takes_nothing_but_its_form_from_its_own_url() {
    let cursor = cursor(&search(&[("patient", "9990000018"), ("status", "active")]), 1);
    let form = |name: &str| [Pair { name: name.to_owned(), value: "true".to_owned() }];
    assert!(cursor.search(&form("_pretty"), &ids()).is_ok());
    for other in ["status", "patient", "_count", "colour"] {
        let refused = cursor.search(&form(other), &ids());
        assert!(matches!(refused, Err(SearchError::UnknownParameter { .. })), "{other}");
    }
}

#[test]
fn the_mark_of_a_look_is_that_of_its_query_alone() {
    let answer = samples::large();
    let mut elsewhere = samples::large();
    elsewhere.query_id = answer.query_id.as_str().to_lowercase().into();
    elsewhere.response_id = "".into();
    assert!(LookFingerprint::of(&answer) == LookFingerprint::of(&elsewhere));
    elsewhere.query_id = "0F1E2D3C-4B5A-4978-8697-A5B4C3D2E1F1".into();
    assert!(LookFingerprint::of(&answer) != LookFingerprint::of(&elsewhere));
}

#[test]
fn a_cursor_shows_nothing_of_the_child() {
    let shown = format!("{:?}", cursor(&search(&[("patient", "9990000018"), ("author", "secret")]), 0));
    assert!(!shown.contains("999") && !shown.contains("secret"));
}

#[test]
fn a_forged_a_foreign_and_a_shortened_token_lead_nowhere() {
    let keys = ids();
    let token = cursor(&search(&[("patient", "9990000018")]), 1).seal(&keys);
    let foreign = IdKeys::new(vec![[8; 32]]).unwrap();
    assert_eq!(Cursor::open(&token, &foreign), None);
    for length in 0..token.len() {
        assert_eq!(Cursor::open(&token[..length], &keys), None);
    }
    // The last is one of the form that named neither look nor day.
    for plain in [&b""[..], b"x", &[FORM; 11], &[FORM; HEAD], &[1, 1, 2, 83, 117, 66, 90, 0, 0, 0, 1]] {
        assert_eq!(Cursor::open(&keys.seal_text(plain.to_vec()), &keys), None);
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(token in "[A-Za-z0-9.-]{0,120}|\\PC{0,40}") {
        prop_assert_eq!(Cursor::open(&token, &ids()), None);
    }
}
