use super::*;
use fhirbolt_model::r4::{
    resources::{Account, AuditEvent, AuditEventAgent, EpisodeOfCare, Flag, OperationOutcome, OperationOutcomeIssue, Patient},
    types::{CodeableConcept, Extension, ExtensionValue, HumanName, Instant, Reference, String as Text},
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn written(resource: &Resource) -> Json {
    let mut out = Vec::new();
    write_resource(&mut out, resource);
    serde_json::from_slice(&out).unwrap()
}

fn flag() -> Flag {
    Flag {
        status: "active".into(),
        code: Box::new(CodeableConcept { text: Some("plan".into()), ..Default::default() }),
        subject: Box::new(Reference { display: Some("child".into()), ..Default::default() }),
        ..Default::default()
    }
}

fn absent() -> Extension {
    Extension { url: "http://x".into(), value: Some(ExtensionValue::Code("unknown".into())), ..Default::default() }
}

#[test]
fn members_stand_in_the_order_of_the_definition() {
    let mut out = Vec::new();
    write_resource(&mut out, &Resource::Flag(Box::new(flag())));
    assert_eq!(
        std::str::from_utf8(&out).unwrap(),
        r#"{"resourceType":"Flag","status":"active","code":{"text":"plan"},"subject":{"display":"child"}}"#
    );
}

#[test]
fn indented_for_people_every_member_and_item_has_its_line() {
    let mut out = Vec::new();
    let text = Text { id: Some("t".into()), value: Some("a: {b}".into()), extension: vec![absent()] };
    let flag = Flag { code: Box::new(CodeableConcept { text: Some(text), ..Default::default() }), ..flag() };
    write_laid_out(&mut out, &Resource::Flag(Box::new(flag)), Layout::INDENTED);
    insta::assert_snapshot!(std::str::from_utf8(&out).unwrap());
}

#[test]
fn a_primitive_without_a_value_keeps_its_extension_beside_the_gap() {
    let recorded = Instant { value: None, extension: vec![absent()], id: None };
    let agent = AuditEventAgent { requestor: false.into(), ..Default::default() };
    let mut event = AuditEvent { recorded, agent: vec![agent], ..Default::default() };
    event.r#type = Box::default();
    event.r#type.code = Some("access".into());
    event.source.id = None;
    event.source.observer = Box::new(Reference { display: Some("x".into()), ..Default::default() });
    assert_eq!(
        written(&Resource::AuditEvent(Box::new(event))),
        json!({
            "resourceType": "AuditEvent",
            "type": {"code": "access"},
            "_recorded": {"extension": [{"url": "http://x", "valueCode": "unknown"}]},
            "agent": [{"requestor": false}],
            "source": {"observer": {"display": "x"}}
        })
    );
}

#[test]
fn arrays_of_primitives_are_padded_with_null_on_both_sides() {
    let given = vec!["Robin".into(), Text { value: None, id: None, extension: vec![absent()] }, "Lee".into()];
    let patient = Patient { name: vec![HumanName { given, ..Default::default() }], ..Default::default() };
    assert_eq!(
        written(&Resource::Patient(Box::new(patient)))["name"][0],
        json!({
            "given": ["Robin", null, "Lee"],
            "_given": [null, {"extension": [{"url": "http://x", "valueCode": "unknown"}]}, null]
        })
    );
}

#[test]
fn an_outcome_is_written_whole() {
    let issue = OperationOutcomeIssue {
        severity: "error".into(),
        code: "value".into(),
        diagnostics: Some("say \"which\" child\n".into()),
        expression: vec!["patient".into()],
        ..Default::default()
    };
    let outcome = OperationOutcome { issue: vec![issue], ..Default::default() };
    assert_eq!(
        written(&Resource::OperationOutcome(Box::new(outcome))),
        json!({"resourceType": "OperationOutcome", "issue": [
            {"severity": "error", "code": "value", "diagnostics": "say \"which\" child\n", "expression": ["patient"]}
        ]})
    );
}

#[test]
#[should_panic(expected = "a required element is not set")]
fn a_required_element_that_was_forgotten_is_noticed() {
    written(&Resource::Flag(Box::new(Flag { status: Flag::default().status, ..flag() })));
}

#[test]
#[should_panic(expected = "a required element is not set")]
fn a_required_reference_that_was_forgotten_is_noticed() {
    written(&Resource::EpisodeOfCare(Box::new(EpisodeOfCare { status: "active".into(), ..Default::default() })));
}

#[test]
#[should_panic(expected = "encounter is set but never written")]
fn an_element_that_no_walk_shows_is_noticed() {
    written(&Resource::Flag(Box::new(Flag { encounter: Some(Box::default()), ..flag() })));
}

#[test]
#[should_panic(expected = "ele-1")]
fn an_empty_object_is_noticed() {
    written(&Resource::Flag(Box::new(Flag { author: Some(Box::default()), ..flag() })));
}

#[test]
#[should_panic(expected = "ele-1")]
fn an_empty_value_is_noticed() {
    written(&Resource::Flag(Box::new(Flag { status: "".into(), ..flag() })));
}

#[test]
#[should_panic(expected = "does not send")]
fn a_type_that_is_never_sent_is_noticed() {
    written(&Resource::Account(Box::<Account>::default()));
}

proptest! {
    #[test]
    fn every_text_comes_back_as_it_was(text in any::<String>()) {
        let mut out = Vec::new();
        push_string(&mut out, &text);
        prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}

#[test]
fn an_escape_is_written_wherever_in_a_text_it_falls() {
    for before in 0..70 {
        for odd in ['"', '\\', '\n', '\u{1f}', 'é'] {
            let text = ["a".repeat(before), odd.to_string(), "b".repeat(40)].concat();
            let mut out = Vec::new();
            push_string(&mut out, &text);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
