//! What CP-IS says, and what the caller sees: only "no record" is an empty searchset.

mod agreement;
mod built_in;
mod contacts;
mod placeholders;
mod real_stacks;
mod right_child;

use cpis_fhir::cpis::NhsNumber;

/// Invented NHS numbers, none of which the built-in scenario uses.
fn fresh_numbers() -> impl Iterator<Item = String> {
    (9_995_000_000_u64..).map(|number| number.to_string()).filter(|number| NhsNumber::parse(number).is_ok())
}

/// The built-in scenario's authorities and people, without its children: for children of a test's own.
fn with_children(children: &str) -> String {
    let (before, _) = crate::common::BUILT_IN.split_once("[[children]]").unwrap();
    format!("{before}{children}")
}

#[test]
#[should_panic(expected = "Testpatient is in the log")]
fn a_name_in_a_log_is_found() {
    crate::common::leaks::assert_tells_nothing("cpis_fhir::request {\"outcome\":\"found Testpatient\"}", &[], 1);
}
