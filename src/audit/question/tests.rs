use super::*;
use crate::audit::RequestFacts;
use crate::audit::samples::asha;

fn read(criteria: &[(&str, &str)]) -> Result<Question, QuestionError> {
    Question::read(criteria.iter().copied())
}

fn at(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

#[test]
fn a_plain_date_is_a_day_in_england_from_its_first_moment_to_its_last() {
    let day = |day: &str| {
        let question = read(&[("from", day), ("to", day)]).unwrap();
        (question.from, question.to)
    };
    assert_eq!(day("2026-10-14"), (at("2026-10-13T23:00:00Z"), at("2026-10-14T23:00:00Z")));
    assert_eq!(day("2026-01-14"), (at("2026-01-14T00:00:00Z"), at("2026-01-15T00:00:00Z")));
    // The clocks go back: a day of 25 hours. And forward: one of 23.
    assert_eq!(day("2026-10-25"), (at("2026-10-24T23:00:00Z"), at("2026-10-26T00:00:00Z")));
    assert_eq!(day("2026-03-29"), (at("2026-03-29T00:00:00Z"), at("2026-03-29T23:00:00Z")));
}

#[test]
fn a_time_needs_an_offset() {
    let question = read(&[("from", "2026-10-14T09:00:00+01:00"), ("to", "2026-10-14T17:00:00Z")]).unwrap();
    assert_eq!((question.from, question.to), (at("2026-10-14T08:00:00Z"), at("2026-10-14T17:00:00Z")));
    for wrong in ["2026-10-14T09:00:00", "14.10.2026", "yesterday", "2026-13-01", "2026-02-30", ""] {
        assert!(matches!(read(&[("from", wrong)]), Err(QuestionError::Malformed { name: "from", .. })), "{wrong}");
    }
}

#[test]
fn sequence_numbers_are_one_or_a_range() {
    let range = |text: &str| read(&[("seq", text)]).map(|question| (question.first, question.last));
    assert_eq!(range("7"), Ok((Some(7), Some(7))));
    assert_eq!(range("7..9"), Ok((Some(7), Some(9))));
    assert_eq!(range("7.."), Ok((Some(7), None)));
    assert_eq!(range("..9"), Ok((None, Some(9))));
    for wrong in ["", "..", "9..7", "-1", "a", "1..2..3", "1.2", "99999999999999999999"] {
        assert!(range(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_cannot_be_understood_is_refused_and_never_repeated() {
    let wrong = [
        ("nhs-number", "9990000019"),
        ("nhs-number", "999000001"),
        ("look", "9990000018"),
        ("event", "9990000018"),
        ("seq", "9990000018-"),
    ];
    for (name, value) in wrong {
        let error = read(&[(name, value)]).unwrap_err();
        assert!(!error.to_string().contains(value), "{error}");
        assert!(error.to_string().starts_with(name), "{error}");
    }
    assert_eq!(read(&[("user", "a"), ("user", "b")]), Err(QuestionError::Twice { name: "user" }));
    let unknown = read(&[("9990000018", "x")]).unwrap_err();
    assert!(!unknown.to_string().contains('9'), "{unknown}");
}

#[test]
fn a_message_id_is_found_in_either_letter_case() {
    let question = read(&[("message-id", "aaaaaaaa-0000-4000-8000-00000000000b")]).unwrap();
    assert_eq!(question.message_id.as_deref(), Some("AAAAAAAA-0000-4000-8000-00000000000B"));
    assert_eq!(read(&[("message-id", "ab-1")]).unwrap().message_id.as_deref(), Some("ab-1"));
}

#[test]
fn the_entry_of_a_search_names_kinds_and_the_child_but_no_values() {
    let by = |manner: &str| Inquirer { who: asha(), request: RequestFacts::default(), manner: manner.to_owned() };
    let question =
        read(&[("user", "asha"), ("nhs-number", "999 000 0018"), ("organisation", "RX1"), ("from", "2026-10-14")]).unwrap();
    let entry = question.entry(Event::Searched, by("limit 100"));
    assert_eq!(entry.detail.as_deref(), Some("criteria: user, child, organisation, from; limit 100"));
    assert_eq!(entry.child, NhsNumber::parse("9990000018").ok());
    let everything = Question::default().entry(Event::Exported, by("format fhir"));
    assert_eq!(everything.detail.as_deref(), Some("criteria: none (everything); format fhir"));
    assert_eq!(format!("{question:?}"), "Question(user, child, organisation, from)");
}
