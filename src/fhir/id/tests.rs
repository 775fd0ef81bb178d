use super::*;
use proptest::prelude::*;

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.";

fn keys(first_bytes: &[u8]) -> IdKeys {
    IdKeys::new(first_bytes.iter().map(|byte| [*byte; 32]).collect()).unwrap()
}

fn number() -> NhsNumber {
    NhsNumber::parse("9990000018").unwrap()
}

fn any_number() -> impl Strategy<Value = NhsNumber> {
    (0u64..10_000_000_000).prop_filter_map("check digit", |n| NhsNumber::from_u64(n).ok())
}

fn any_kind() -> impl Strategy<Value = ResourceType> {
    proptest::sample::select(ResourceType::ALL.to_vec())
}

fn any_part() -> impl Strategy<Value = AnswerPart> {
    proptest::collection::vec(any::<u8>(), 0..=AnswerPart::MAX).prop_map(|bytes| AnswerPart::from_bytes(&bytes).unwrap())
}

#[test]
fn there_is_no_service_without_a_key() {
    assert_eq!(IdKeys::new(Vec::new()).unwrap_err(), NoIdKeys);
}

#[test]
fn keys_do_not_show_themselves() {
    assert_eq!(format!("{:?}", keys(b"ab")), "IdKeys(2 keys)");
}

#[test]
fn after_a_rotation_old_ids_are_still_read_and_new_ones_are_written_with_the_new_key() {
    let part = AnswerPart::code("E09000001").unwrap();
    let old = keys(b"a").seal(ResourceType::Organization, &number(), &part);
    let rotated = keys(b"ba");
    let opened = rotated.open(&old).unwrap();
    assert_eq!((opened.kind, &opened.nhs_number, opened.part), (ResourceType::Organization, &number(), part));
    assert_ne!(opened.key, IdKeyNumber::FIRST);
    let new = rotated.seal(ResourceType::Organization, &number(), &part);
    assert_ne!(old, new);
    assert_eq!(keys(b"a").open(&new), None);
    assert_eq!(rotated.open(&new).unwrap().key, IdKeyNumber::FIRST);
}

#[test]
fn an_nhs_number_or_nothing_is_not_an_id() {
    for text in ["", ".", "-", "9990000018", "Patient/9990000018", &"A".repeat(64), &"A".repeat(65), &"A".repeat(10_000), "é"] {
        assert_eq!(keys(b"a").open(text), None);
    }
}

#[test]
fn a_code_never_equals_a_hash_or_a_uuid() {
    let hash = keys(b"a").hashed(IdKeyNumber::FIRST, &[b"x"], 0);
    let uuid = AnswerPart::uuid(uuid::Uuid::nil(), 0, 0);
    assert!(hash != uuid && AnswerPart::code("x") != Some(hash) && AnswerPart::code("").is_none());
    assert_eq!(AnswerPart::code(&"x".repeat(24)).unwrap().bytes().len(), AnswerPart::MAX);
    assert_eq!(AnswerPart::code(&"x".repeat(25)), None);
}

#[test]
fn a_hash_tells_its_fields_apart() {
    let keys = keys(b"ab");
    let first = IdKeyNumber::FIRST;
    assert_ne!(keys.hashed(first, &[b"ab", b"c"], 0), keys.hashed(first, &[b"a", b"bc"], 0));
    assert_ne!(keys.hashed(first, &[b"ab"], 0), keys.hashed(first, &[b"ab"], 1));
    assert_ne!(keys.hashed(first, &[b"ab"], 0), keys.hashed(keys.numbers().last().unwrap(), &[b"ab"], 0));
}

proptest! {
    #[test]
    fn an_id_opens_to_what_it_was_made_of(kind in any_kind(), number in any_number(), part in any_part()) {
        let keys = keys(b"k");
        let id = keys.seal(kind, &number, &part);
        prop_assert!(id.len() <= 64);
        prop_assert!(id.chars().all(|c| ALPHABET.contains(c)));
        prop_assert!(!id.contains(number.digits()));
        prop_assert_eq!(&id, &keys.seal(kind, &number, &part));
        prop_assert_eq!(keys.open(&id), Some(IdContent { kind, nhs_number: number, part, key: IdKeyNumber::FIRST }));
    }

    #[test]
    fn an_id_with_a_changed_character_is_not_ours(part in any_part(), place in any::<prop::sample::Index>(), by in 1usize..64) {
        let keys = keys(b"k");
        let id = keys.seal(ResourceType::Flag, &number(), &part);
        let place = place.index(id.len());
        let old = ALPHABET.find(id.as_bytes()[place] as char).unwrap();
        let mut changed = id.clone().into_bytes();
        changed[place] = ALPHABET.as_bytes()[(old + by) % 64];
        prop_assert_eq!(keys.open(std::str::from_utf8(&changed).unwrap()), None);
        prop_assert_eq!(keys.open(&id[..place]), None);
    }

    #[test]
    fn an_id_of_another_service_is_not_ours(part in any_part()) {
        let id = keys(b"x").seal(ResourceType::Flag, &number(), &part);
        prop_assert_eq!(keys(b"yz").open(&id), None);
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,80}") {
        let _ = keys(b"x").open(&text);
    }
}
