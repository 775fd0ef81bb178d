//! A panic is counted, and its message is never shown.

use cpis_fhir::telemetry::{self, LogForm, PageFormat};
use std::process::Command;

/// The hook and the figures are the whole process's: the test starts itself again, alone.
const ALONE: &str = "CPIS_FHIR_TEST_PANICS";

#[test]
fn a_panic_is_counted_and_says_nothing() {
    if std::env::var_os(ALONE).is_none() {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["panics::a_panic_is_counted_and_says_nothing", "--exact", "--nocapture"]).env(ALONE, "1");
        let output = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        assert!(!said.contains("9990000018"), "{said}");
        return;
    }
    let telemetry = telemetry::start(LogForm::Json);
    telemetry::silence_panic_messages();
    assert!(telemetry::page(PageFormat::Text).contains("\ncpis_panics_total 0\n"), "{}", telemetry::page(PageFormat::Text));
    let panicked = std::thread::spawn(|| panic!("9990000018 is in the message")).join();
    assert!(panicked.is_err());
    assert!(telemetry::page(PageFormat::Text).contains("\ncpis_panics_total 1\n"), "{}", telemetry::page(PageFormat::Text));
    drop(telemetry);
}
