use super::*;
use proptest::prelude::*;

fn ids() -> IdKeys {
    IdKeys::new(vec![[7; 32]]).unwrap()
}

fn search(pairs: &[(&str, &str)]) -> Search {
    let pairs: Vec<Pair> =
        pairs.iter().map(|(name, value)| Pair { name: (*name).to_owned(), value: (*value).to_owned() }).collect();
    Search::parse(Searchable::of(ResourceType::Flag).unwrap(), &pairs, Handling::Strict, &ids()).unwrap()
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
    let token = Cursor::of(&first, 2).seal(&ids());
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')));
    let opened = Cursor::open(&token, &ids()).unwrap();
    assert_eq!((opened.resource, opened.offset, &opened.nhs_number), (ResourceType::Flag, 2, &first.child.nhs_number));
    assert!(!opened.query.contains("9990000018") && !opened.query.contains("patient"));
    let again = opened.search(&ids()).unwrap();
    assert_eq!(again.used().collect::<Vec<_>>(), first.used().collect::<Vec<_>>());
    assert_eq!((again.page.count, again.page.offset, again.sort), (Some(2), 2, first.sort));
    assert_eq!((again.filters.len(), &again.elements, &again.includes), (3, &first.elements, &first.includes));
}

#[test]
fn a_cursor_shows_nothing_of_the_child() {
    let shown = format!("{:?}", Cursor::of(&search(&[("patient", "9990000018"), ("code", "secret")]), 0));
    assert!(!shown.contains("999") && !shown.contains("secret"));
}

#[test]
fn a_forged_a_foreign_and_a_shortened_token_lead_nowhere() {
    let keys = ids();
    let token = Cursor::of(&search(&[("patient", "9990000018")]), 1).seal(&keys);
    let foreign = IdKeys::new(vec![[8; 32]]).unwrap();
    assert_eq!(Cursor::open(&token, &foreign), None);
    for length in 0..token.len() {
        assert_eq!(Cursor::open(&token[..length], &keys), None);
    }
    for plain in [&b""[..], b"x", &[FORM; 11], &[2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
        assert_eq!(Cursor::open(&keys.seal_text(plain.to_vec()), &keys), None);
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(token in "[A-Za-z0-9.-]{0,120}|\\PC{0,40}") {
        prop_assert_eq!(Cursor::open(&token, &ids()), None);
    }
}
