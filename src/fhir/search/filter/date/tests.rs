use super::*;
use crate::cpis::{Period, PlanType};
use proptest::prelude::*;

fn test(text: &str) -> DateFilter {
    DateFilter::read("date", text).unwrap()
}

fn period(start: Date, end: Option<Date>) -> Interval {
    Interval::of_plan(&Plan { plan_type: PlanType::ChildProtection, period: Period { start, end } })
}

fn at(text: &str) -> Interval {
    Interval::of_access(AccessTime::At(text.parse().unwrap())).unwrap()
}

/// The alternatives of `prefixes` that `target` meets with `rest`.
fn met(target: Interval, rest: &str) -> Vec<&'static str> {
    let prefixes = ["eq", "ne", "lt", "le", "gt", "ge", "sa", "eb"];
    prefixes.into_iter().filter(|prefix| test(&format!("{prefix}{rest}")).is_met_by(target)).collect()
}

#[test]
fn a_plan_without_an_end_lies_open_towards_the_future() {
    let plan = period(date(2025, 9, 1), None);
    assert_eq!(met(plan, "2025-08-31"), ["ne", "gt", "ge", "sa"]);
    assert_eq!(met(plan, "2025-09-01"), ["ne", "le", "gt", "ge"]);
    assert_eq!(met(plan, "2025-09-02"), ["ne", "lt", "le", "gt", "ge"]);
    assert_eq!(met(plan, "2099"), ["ne", "lt", "le", "gt", "ge"]);
    assert_eq!(met(plan, "9999-12-31"), ["ne", "lt", "le", "gt", "ge"]);
}

#[test]
fn a_plan_with_an_end_is_an_interval_of_whole_days() {
    let plan = period(date(2025, 9, 1), Some(date(2025, 9, 30)));
    assert_eq!(met(plan, "2025-09"), ["eq", "le", "ge"]);
    assert_eq!(met(plan, "2025"), ["eq", "le", "ge"]);
    assert_eq!(met(plan, "2025-09-30"), ["ne", "lt", "le", "ge"]);
    assert_eq!(met(plan, "2025-10-01"), ["ne", "lt", "le", "eb"]);
    assert_eq!(met(plan, "2024"), ["ne", "gt", "ge", "sa"]);
}

#[test]
fn plans_in_force_on_a_day_are_found_on_their_first_and_on_their_last() {
    let (start, end) = (date(2025, 9, 1), date(2025, 9, 30));
    for (day, in_force) in [("2025-08-31", false), ("2025-09-01", true), ("2025-09-30", true), ("2025-10-01", false)] {
        let plan = period(start, Some(end));
        let found = test(&format!("le{day}")).is_met_by(plan) && test(&format!("ge{day}")).is_met_by(plan);
        assert_eq!(found, in_force, "{day}");
    }
}

#[test]
fn an_instant_has_no_width_and_zones_are_honoured() {
    let access = at("2025-12-24T23:15:00Z");
    for same in ["2025-12-24T23:15:00Z", "2025-12-25T00:15:00+01:00", "2025-12-25T00:15:00 01:00", "2025-12-24T23:15:00.000Z"] {
        assert_eq!(met(access, same), ["eq", "le", "ge"], "{same}");
    }
    assert_eq!(met(access, "2025-12-24T23:15"), ["eq", "le", "ge"]);
    assert_eq!(met(access, "2025-12-24"), ["eq", "le", "ge"]);
    assert_eq!(met(access, "2025-12-24T23:15:01-00:00"), ["ne", "lt", "le", "eb"]);
    assert_eq!(met(access, "2025-12-24T23:14:59Z"), ["ne", "gt", "ge", "sa"]);
}

#[test]
fn days_are_those_of_england_in_summer_too() {
    assert_eq!(met(at("2025-06-30T23:30:00Z"), "2025-07-01"), ["eq", "le", "ge"]);
    assert_eq!(met(at("2025-12-31T23:30:00Z"), "2025-12-31"), ["eq", "le", "ge"]);
    // On 26 October 2025 the day has 25 hours.
    assert_eq!(met(at("2025-10-26T23:59:59Z"), "2025-10-26"), ["eq", "le", "ge"]);
    assert_eq!(met(at("2025-10-27T00:00:00Z"), "2025-10-26"), ["ne", "gt", "ge", "sa"]);
}

#[test]
fn an_access_on_a_day_counts_as_that_day_and_one_of_unknown_time_is_no_interval() {
    let day = Interval::of_access(AccessTime::On(date(2025, 12, 1))).unwrap();
    assert_eq!(met(day, "2025-12-01"), ["eq", "le", "ge"]);
    assert_eq!(Interval::of_access(AccessTime::Unknown), None);
}

#[test]
fn what_is_no_date_is_refused() {
    for text in [
        "",
        "ge",
        "x2025",
        "2025-1",
        "2025-13",
        "2025-02-30",
        "20250901",
        "25-09-01",
        "0000",
        "-2025",
        "2025-09-01T",
        "2025T10:00",
        "2025-09T10:00",
        "2025-09-01T10",
        "2025-09-01T10:00:60Z",
        "2025-09-01T24:00Z",
        "2025-09-01T10:00:00.Z",
        "2025-09-01T10:00:00.1234567890Z",
        "2025-09-01T10:00.5Z",
        "2025-09-01T10:00:00+0100",
        "2025-09-01T10:00:00+15:00",
        "2025-09-01T10:00:00z",
        "2025-09-01T10:00:00Z ",
        "ge 2025",
        "GE2025",
        "gele2025",
        "2025-09-01/2025-10-01",
        "٢٠٢٥",
    ] {
        assert!(matches!(DateFilter::read("date", text), Err(SearchError::Malformed { .. })), "{text}");
    }
    assert!(matches!(DateFilter::read("date", "ap2025"), Err(SearchError::UnsupportedValue { .. })));
}

proptest! {
    #[test]
    fn any_text_is_a_date_or_is_refused(text in "(eq|ne|sa|ap)?[0-9TZ:+. -]{0,32}|\\PC{0,40}") {
        let _ = DateFilter::read("date", &text);
    }

    #[test]
    fn every_date_is_before_within_or_after(year in 1i16..=9999, month in 1i8..=12, day in 1i8..=28, offset in -400i32..400) {
        let target = date(year, month, day);
        let asked = target.checked_add(jiff::Span::new().days(offset)).unwrap_or(target);
        prop_assume!(asked.year() > 0);
        let target = period(target, Some(target));
        let text = asked.to_string();
        let count = ["eb", "eq", "sa"].into_iter().filter(|prefix| test(&format!("{prefix}{text}")).is_met_by(target)).count();
        prop_assert_eq!(count, 1);
    }
}
