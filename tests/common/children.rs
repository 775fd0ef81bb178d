//! Children for the simulator, besides those of its built-in scenario.

use cpis_fhir::cpis::NhsNumber;
use cpis_fhir::simulator::scenario::Scenario;

/// A child with one plan that is answered in this way.
pub fn child(number: &str, behaviour: &str) -> String {
    format!(
        r#"
[[children]]
nhs_number = "{number}"
title = "of a test"
behaviour = {{ {behaviour} }}
[[children.records]]
authority = "exampleshire"
subjects = [{{ kind = "child", given = ["Robin"], family = "Testpatient" }}]
plans = [{{ type = "child-protection", start = "-140d" }}]
"#
    )
}

/// The built-in scenario with further children.
pub fn built_in_and(children: &str) -> Scenario {
    Scenario::from_toml(&format!("{}\n{children}", super::BUILT_IN)).unwrap()
}

/// A scenario of one child, 9990000018, with one plan, who is answered after `delay`.
pub fn slow(delay: &str) -> Scenario {
    let text = r#"
[authorities.a]
ods = "999"
name = "Exampleshire County Council"
numbers = [{ number = "02079460001", use = "WP" }]
[[children]]
nhs_number = "9990000018"
title = "Slow"
behaviour = { delay = "DELAY" }
[[children.records]]
authority = "a"
subjects = [{ kind = "child", family = "Testpatient" }]
plans = [{ type = "looked-after", start = "-2y" }]
"#;
    Scenario::from_toml(&text.replace("DELAY", delay)).unwrap()
}

/// Valid numbers that the built-in scenario does not hold.
pub fn numbers(many: usize) -> Vec<String> {
    let numbers = (9_995_000_100..).filter_map(|number| NhsNumber::from_u64(number).ok());
    numbers.map(|number| number.digits().to_owned()).take(many).collect()
}
