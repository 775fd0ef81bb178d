//! docs/simulator.md is true.

use cpis_fhir::simulator::scenario::Scenario;
use std::fmt::Write as _;

const MANUAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/simulator.md");
const BEGIN: &str = "<!-- children: begin -->\n";
const END: &str = "<!-- children: end -->";

/// With `CPIS_FHIR_WRITE_DOCS` set, the table is written instead.
#[test]
fn the_manual_lists_every_built_in_child() {
    let mut table = "| NHS number | Title |\n|---|---|\n".to_owned();
    for (number, title) in Scenario::built_in().children() {
        writeln!(table, "| {} | {} |", number.digits(), title.replace('|', "\\|")).unwrap();
    }
    let manual = std::fs::read_to_string(MANUAL).unwrap();
    let (before, rest) = manual.split_once(BEGIN).unwrap();
    let (listed, after) = rest.split_once(END).unwrap();
    if std::env::var_os("CPIS_FHIR_WRITE_DOCS").is_some() {
        std::fs::write(MANUAL, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert!(listed == table, "docs/simulator.md is behind: run this test with CPIS_FHIR_WRITE_DOCS=1");
}

#[test]
fn the_example_of_the_manual_is_a_scenario() {
    let manual = std::fs::read_to_string(MANUAL).unwrap();
    let example = manual.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let scenario = Scenario::from_toml(example).unwrap();
    assert_eq!(scenario.children().count(), 2);
}
