//! A panic is counted, and its message is told to nobody. In a process of its own: the hook is the whole process's.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use cpis_fhir::telemetry::LogForm;
use cpis_fhir::telemetry::{self, PageFormat};

#[test]
fn a_panic_is_counted_and_says_nothing() {
    let telemetry = telemetry::start(LogForm::Json);
    telemetry::silence_panic_messages();
    assert!(telemetry::page(PageFormat::Text).contains("\ncpis_panics_total 0\n"), "{}", telemetry::page(PageFormat::Text));
    let panicked = std::thread::spawn(|| panic!("9990000018 is in the message")).join();
    assert!(panicked.is_err());
    assert!(telemetry::page(PageFormat::Text).contains("\ncpis_panics_total 1\n"), "{}", telemetry::page(PageFormat::Text));
    drop(telemetry);
}
