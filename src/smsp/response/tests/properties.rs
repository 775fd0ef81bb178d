//! For any input: no panic, and no "no record" from an answer that holds a record.

use super::samples::*;
use crate::cpis::Holding;
use proptest::prelude::*;

fn good_answers() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(full_answer()),
        Just(success("1", &information_13(&access("a", "20250101120000", ASKED)), &one_record())),
        Just(tms(Some("OK"), "", &payload(&(record_total("1") + &one_record())))),
    ]
}

/// A change somewhere in a document.
#[derive(Debug, Clone)]
enum Change {
    Set(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    /// A piece of the document, inserted somewhere else in it.
    Splice(prop::sample::Index, usize, prop::sample::Index),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let index = any::<prop::sample::Index>;
    let telling = prop::sample::select(vec!["0", "CPIS-0001", "NF", "<x>", "</x>", "\"", "<!--", "-->", "&#0;", "]]>", "/"]);
    let change = prop_oneof![
        (index(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (index(), 1usize..400).prop_map(|(at, length)| Change::Remove(at, length)),
        (index(), prop::collection::vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (index(), telling).prop_map(|(at, text)| Change::Insert(at, text.as_bytes().to_vec())),
        (index(), 1usize..400, index()).prop_map(|(from, length, to)| Change::Splice(from, length, to)),
    ];
    prop::collection::vec(change, 1..5)
}

fn apply(document: &mut Vec<u8>, change: &Change) {
    if document.is_empty() {
        return;
    }
    let length = document.len();
    match change {
        Change::Set(at, byte) => document[at.index(length)] = *byte,
        Change::Remove(at, many) => drop(document.drain(at.index(length)..length.min(at.index(length) + many))),
        Change::Insert(at, bytes) => drop(document.splice(at.index(length)..at.index(length), bytes.iter().copied())),
        Change::Splice(from, many, to) => {
            let piece = document[from.index(length)..length.min(from.index(length) + many)].to_vec();
            drop(document.splice(to.index(length)..to.index(length), piece));
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_at_all_are_no_answer(bytes in prop::collection::vec(any::<u8>(), 0..400), status in 100u16..600) {
        prop_assert!(read_with_status(status, bytes).is_err());
    }

    #[test]
    fn any_text_inside_a_good_answer_is_survived(text in "[<>&;/\"'= a-z!?\\[\\]\\-#x0-9\u{0}-\u{1f}]{0,60}") {
        let _ = read_body(success("1", &text, &one_record()));
        let _ = read_body(text);
    }

    #[test]
    fn an_answer_with_records_never_becomes_a_no_record_by_damage(answer in good_answers(), changes in changes()) {
        let mut document = answer.into_bytes();
        for change in &changes {
            apply(&mut document, change);
        }
        if let Ok(answer) = read_body(&document) {
            prop_assert_ne!(answer.holding, Holding::NoRecord);
        }
    }

    #[test]
    fn any_totals_codes_and_dates_are_survived(total in ".{0,20}", said in ".{0,20}", start in ".{0,20}", born in "[0-9+.-]{0,20}") {
        let escape = |text: &str| text.replace(['<', '&', '"'], "");
        let subject = person_of_subject(&nhs_id(ASKED), "Robin", "Testpatient", &born);
        let record = information_14(&record(&(child_protection(&escape(&start), Some(&born)) + &subject)));
        let accesses = information_13(&access(&escape(&said), &born, ASKED));
        if let Ok(answer) = read_body(itk(&payload(&[code(&escape(&said)), record_total(&escape(&total)), accesses, record].concat()))) {
            prop_assert!(!answer.records().is_empty());
        }
    }
}
