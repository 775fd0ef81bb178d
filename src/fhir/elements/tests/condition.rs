//! Follows the recipe of docs/architecture.md once: a Condition for each plan, which this service does not send, from only a builder and a
//! table.

use super::super::Subsettable;
use crate::cpis::PlanType;
use crate::fhir::codes::{self, Code};
use crate::fhir::graph::{Graph, NodeKey, ResourceType};
use crate::fhir::layout::Layout;
use crate::fhir::resources::{concept, logical};
use crate::fhir::search::Subset;
use crate::fhir::{json, samples, xml};
use fhirbolt_model::r4::{resources::Condition, types::Narrative};
use jiff::civil::date;

table! {
    Condition: DomainResource {
        never identifier          "identifier"         summary,
        sent  clinical_status     "clinicalStatus"     summary modifier,
        never verification_status "verificationStatus" summary modifier,
        never category            "category",
        never severity            "severity",
        sent  code                "code"               summary,
        never body_site           "bodySite"           summary,
        sent  subject             "subject"            summary mandatory,
        never encounter           "encounter"          summary,
        never onset               "onset"              summary,
        never abatement           "abatement",
        sent  recorded_date       "recordedDate"       summary,
        never recorder            "recorder"           summary,
        never asserter            "asserter"           summary,
        never stage               "stage",
        never evidence            "evidence",
        never note                "note",
    }
}

fn condition(graph: &Graph<'_>, key: NodeKey) -> Condition {
    let Some(plan) = graph.plan(key).and_then(|node| node.plan()) else { return Condition::default() };
    let status = Code { system: "urn:status", code: "active", display: "Active" };
    Condition {
        id: Some("c1".into()),
        text: Some(Box::new(Narrative { status: "generated".into(), div: "<div/>".into(), ..Default::default() })),
        clinical_status: Some(Box::new(concept(status))),
        code: Some(Box::new(concept(codes::plan_snomed(plan.plan_type)))),
        subject: Box::new(logical("Patient", None, Some("Robin"))),
        recorded_date: Some(plan.period.start.to_string().into()),
        ..Default::default()
    }
}

fn of_a_plan() -> Condition {
    let keys = samples::keys();
    let answer = samples::one_plan(PlanType::ChildProtection, date(2025, 9, 1), None);
    let graph = Graph::new(&answer, &samples::context(&keys));
    condition(&graph, graph.of_type(ResourceType::Flag).next().unwrap())
}

fn as_json(condition: &Condition) -> String {
    let mut out = Vec::new();
    json::write_typed(&mut out, "Condition", condition, Layout::COMPACT);
    String::from_utf8(out).unwrap()
}

fn part(subset: Subset<'_>) -> String {
    let mut condition = of_a_plan();
    condition.keep(|element| subset.keeps(element)).source = Some("urn:x".into());
    as_json(&condition)
}

const STATUS: &str = r#""clinicalStatus":{"coding":[{"system":"urn:status","code":"active","display":"Active"}]}"#;
const CODE: &str = r#""code":{"coding":[{"system":"http://snomed.info/sct","code":"342191000000101","display":"Subject to child protection plan"}]}"#;
const SUBJECT: &str = r#""subject":{"type":"Patient","display":"Robin"}"#;

const XML: &str = concat!(
    r#"<Condition><id value="c1"/><text><status value="generated"/><div/></text>"#,
    r#"<clinicalStatus><coding><system value="urn:status"/><code value="active"/><display value="Active"/></coding></clinicalStatus>"#,
    r#"<code><coding><system value="http://snomed.info/sct"/><code value="342191000000101"/>"#,
    r#"<display value="Subject to child protection plan"/></coding></code>"#,
    r#"<subject><type value="Patient"/><display value="Robin"/></subject><recordedDate value="2025-09-01"/></Condition>"#
);

#[test]
fn a_new_resource_type_is_written_as_json() {
    assert_eq!(
        as_json(&of_a_plan()),
        format!(
            r#"{{"resourceType":"Condition","id":"c1","text":{{"status":"generated","div":"<div/>"}},{STATUS},{CODE},{SUBJECT},"recordedDate":"2025-09-01"}}"#
        )
    );
}

#[test]
fn a_new_resource_type_is_written_as_xml() {
    let mut out = Vec::new();
    xml::write_typed(&mut out, "Condition", &of_a_plan(), b"", Layout::COMPACT);
    assert_eq!(String::from_utf8(out).unwrap(), XML);
}

#[test]
fn a_new_resource_type_is_shown_in_part() {
    let head = r#"{"resourceType":"Condition","id":"c1","meta":{"source":"urn:x"}"#;
    assert_eq!(part(Subset::Summary), format!(r#"{head},{STATUS},{CODE},{SUBJECT},"recordedDate":"2025-09-01"}}"#));
    assert_eq!(part(Subset::Text), format!(r#"{head},"text":{{"status":"generated","div":"<div/>"}},{STATUS},{SUBJECT}}}"#));
    assert_eq!(part(Subset::Elements(&["code"])), format!("{head},{STATUS},{CODE},{SUBJECT}}}"));
}

#[test]
#[should_panic(expected = "note is set but never written")]
fn an_element_that_a_new_table_does_not_send_is_noticed() {
    as_json(&Condition { note: vec![fhirbolt_model::r4::types::Annotation::default()], ..of_a_plan() });
}
