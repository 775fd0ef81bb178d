use super::*;
use crate::cpis::{AccessTime, Entry};
use jiff::{Timestamp, civil::date};

fn faults(text: &str) -> Vec<String> {
    Scenario::from_toml(text).unwrap_err().faults
}

#[test]
fn the_built_in_scenario_can_be_read() {
    let scenario = Scenario::from_toml(BUILT_IN).unwrap();
    assert!(scenario.children().count() > 100);
    let (first, title) = scenario.children().next().unwrap();
    assert_eq!(first.digits(), "9990000018");
    assert!(title.contains("child protection"));
    assert_eq!(scenario.children().nth(1).unwrap().0.digits(), "9990000026");
}

#[test]
fn relative_dates_are_counted_from_the_day_of_the_answer() {
    let scenario = Scenario::built_in();
    let number = NhsNumber::parse("9990000018").unwrap();
    let child = scenario.named(&number).unwrap();
    let records = child.records(&number, date(2026, 1, 15));
    let starts: Vec<_> = records[0]
        .entries
        .iter()
        .map(|entry| match entry {
            Entry::Plan(plan) => plan.period.start,
            Entry::Unreadable(_) => panic!("unreadable"),
        })
        .collect();
    assert_eq!(starts, [date(2025, 6, 29), date(2024, 1, 15)]);
    let now: Timestamp = "2026-01-15T12:00:00Z".parse().unwrap();
    let newest = child.accesses(&number, now).pop().unwrap();
    assert_eq!(newest.when, AccessTime::At("2026-01-09T12:00:00Z".parse().unwrap()));
    assert_eq!(newest.about, Some(number));
}

#[test]
fn every_fault_of_a_file_is_named_at_once() {
    let text = r#"
        [authorities.a]
        telephone = "x"
        [people.p]
        user_id = "1"
        role_code = "R1"
        role_name = "r"
        ods = "RX1"
        organisation = "o"
        [[children]]
        nhs_number = "1234567895"
        title = " "
        [[children]]
        nhs_number = "9990000018"
        title = "t"
        accesses = [{ when = "yesterday", by = "nobody" }]
        behaviour = { fault = "client-9", delay = "3 s", http_status = 99 }
        [[children.records]]
        authority = "b"
        plans = [{ type = "looked-after", start = "soon" }, { type = "looked-after" }]
        [[children.records]]
        [[children]]
        nhs_number = "9990000018"
        title = "again"
        colour = "red"
        [[children]]
        nhs_number = "9990000018"
        title = "twice"
    "#;
    let found = faults(text).join("\n");
    for words in [
        "authorities.a: unknown field `telephone`",
        "people.p: user_id must have 12 digits",
        "children[0]: nhs_number must be ten digits",
        "children[0]: title",
        "children[1].accesses[0]: when must be",
        "children[1].accesses[0]: by is not a key",
        "children[1].behaviour: fault is not",
        "children[1].behaviour: delay must be",
        "children[1].behaviour: http_status",
        "children[1].records[0]: authority is not a key",
        "children[1].records[0].plans[0]: start must be",
        "children[1].records[0].plans[1]: a plan has",
        "children[1].records[1]: plans must hold",
        "children[2]: unknown field `colour`",
        "children[3]: nhs_number is used twice",
    ] {
        assert!(found.contains(words), "{words} is not in:\n{found}");
    }
    assert!(!found.contains("1234567895"), "a fault must not show a number");
}

#[test]
fn an_unknown_key_at_the_top_is_named_with_its_line() {
    assert_eq!(faults("default = \"no-record\"\ncolour = 1\n").len(), 1);
    assert!(faults("default = \"no-record\"\ncolour = 1\n")[0].starts_with("line 2: unknown field `colour`"));
    assert!(faults("[[children")[0].starts_with("line 1"));
}

#[test]
fn any_other_number_has_a_record_only_if_the_scenario_says_so() {
    let other = NhsNumber::parse("9999999999").unwrap();
    assert!(Scenario::built_in().child(&other).is_none());
    let first = "default = \"record\"\n[[children]]\nnhs_number = \"9990000018\"\ntitle = \"t\"\n";
    assert!(Scenario::from_toml(first).unwrap().child(&other).is_some());
}
