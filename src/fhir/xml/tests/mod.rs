//! XML as it is sent, and that it says the same as the JSON.

mod tree;

use super::*;
use crate::cpis::{AccessTime, Answer, PlanType};
use crate::fhir::bundle::Searchset;
use crate::fhir::graph::{Graph, ResourceType};
use crate::fhir::outcome::{HttpCode, Issue, IssueType, Severity, SpineCode, operation_outcome};
use crate::fhir::search::{Handling, Search, pairs, registry::Searchable};
use crate::fhir::{json, resources, samples};
use fhirbolt_model::r4::{
    resources::{Account, Bundle, BundleEntry, BundleEntryResponse, Flag},
    types::{CodeableConcept, Extension, ExtensionValue, Reference, String as Text},
};
use jiff::civil::date;
use proptest::prelude::*;
use tree::Node;

fn written(resource: &Resource, layout: Layout) -> String {
    let mut out = Vec::new();
    write_resource(&mut out, resource, layout);
    String::from_utf8(out).unwrap()
}

fn pretty(resource: &Resource) -> String {
    written(resource, Layout::INDENTED)
}

/// Every resource of an answer.
fn resources(answer: &Answer) -> Vec<Resource> {
    let keys = samples::keys();
    let graph = Graph::new(answer, &samples::context(&keys));
    ResourceType::ALL.into_iter().flat_map(|kind| graph.of_type(kind)).map(|key| resources::build(&graph, key)).collect()
}

fn bundle_of(answer: &Answer, query: &str) -> Resource {
    let keys = samples::keys();
    let graph = Graph::new(answer, &samples::context(&keys));
    let mut pairs = Vec::new();
    pairs::decode(query.as_bytes(), &mut pairs).unwrap();
    let searchable = Searchable::of(ResourceType::Flag).unwrap();
    let search = Search::parse(searchable, &pairs, Handling::Lenient, &keys).unwrap();
    let page = Searchset { search: &search, answer, graph: &graph, base_url: "https://trust.example/FHIR/R4", ids: &keys };
    without_chance(page.to_bundle())
}

/// Replaces the ids that are new each time.
fn without_chance(bundle: Resource) -> Resource {
    const FIXED: &str = "00000000-0000-4000-8000-000000000000";
    let Resource::Bundle(mut bundle) = bundle else { panic!("a searchset is a Bundle") };
    bundle.id = Some(FIXED.into());
    for entry in &mut bundle.entry {
        if entry.full_url.as_ref().unwrap().value.as_ref().unwrap().starts_with("urn:uuid:") {
            entry.full_url = Some(format!("urn:uuid:{FIXED}").into());
        }
    }
    Resource::Bundle(bundle)
}

fn outcome() -> Resource {
    operation_outcome(&[Issue {
        severity: Severity::Error,
        issue_type: IssueType::Value,
        spine: Some(SpineCode::InvalidValue),
        http: Some(HttpCode::BadRequest),
        diagnostics: "Say \"which\" child:\n<one> & only one".to_owned(),
        expression: Some("patient".to_owned()),
    }])
}

fn one_plan_and_its_accesses() -> Answer {
    let accesses = vec![
        samples::this_lookup(),
        samples::access("B1C2D3E4-F5A6-4718-92A3-14B5C6D7E8F9", samples::at("2025-12-24T23:15:00Z"), samples::system(2)),
    ];
    samples::with_accesses(accesses)
}

fn first(answer: &Answer, kind: ResourceType) -> Resource {
    resources(answer).into_iter().find(|resource| elements::type_name(resource) == Some(kind.name())).unwrap()
}

#[test]
fn a_resource_of_each_type() {
    let answer = one_plan_and_its_accesses();
    for kind in ResourceType::ALL {
        insta::assert_snapshot!(kind.name(), pretty(&first(&answer, kind)));
    }
}

#[test]
fn an_access_without_a_time_of_day() {
    let access = samples::access("", AccessTime::On(date(2025, 12, 24)), samples::person());
    let event = first(&samples::with_accesses(vec![access]), ResourceType::AuditEvent);
    insta::assert_snapshot!(pretty(&event));
}

#[test]
fn a_searchset_with_an_include_and_a_remark() {
    let answer = samples::one_plan(PlanType::ChildProtection, date(2025, 9, 1), None);
    insta::assert_snapshot!(pretty(&bundle_of(&answer, "patient=9990000018&_include=Flag:author&encounter=red")));
}

#[test]
fn a_searchset_without_anything() {
    insta::assert_snapshot!(pretty(&bundle_of(&samples::no_record(), "patient=9990000018")));
}

#[test]
fn an_outcome_for_machines_and_for_people() {
    insta::assert_snapshot!(written(&outcome(), Layout::COMPACT));
    insta::assert_snapshot!(pretty(&outcome()));
}

fn every_sample() -> Vec<Resource> {
    let answers = [
        samples::large(),
        Answer { stale: true, ..samples::large() },
        samples::no_record(),
        samples::with_accesses(samples::full_access_list()),
        samples::one_plan(PlanType::UnbornChildProtection, date(2025, 9, 1), Some(date(2026, 1, 1))),
    ];
    let everything = "patient=9990000018&_include=*&_include:iterate=*&_revinclude:iterate=AuditEvent:entity&encounter=red";
    let mut samples: Vec<Resource> = answers.iter().flat_map(resources).collect();
    samples.extend(answers.iter().map(|answer| bundle_of(answer, everything)));
    samples.extend([outcome(), batch_response(), with_every_attribute()]);
    samples
}

/// A Bundle in a Bundle, an outcome in a response.
fn batch_response() -> Resource {
    let response = |status: &str, outcome: Option<Resource>| {
        Some(BundleEntryResponse {
            status: status.into(),
            etag: Some("W/\"1\"".into()),
            last_modified: Some("2026-01-15T09:30:16Z".into()),
            outcome,
            ..Default::default()
        })
    };
    let found = bundle_of(&samples::large(), "patient=9990000018");
    let entry = vec![
        BundleEntry { resource: Some(found), response: response("200", None), ..Default::default() },
        BundleEntry { response: response("404", Some(outcome())), ..Default::default() },
    ];
    Resource::Bundle(Box::new(Bundle { r#type: "batch-response".into(), entry, ..Default::default() }))
}

/// Ids and extensions everywhere they can occur.
fn with_every_attribute() -> Resource {
    let inner = Extension { url: "http://inner".into(), value: Some(ExtensionValue::String("x".into())), ..Default::default() };
    let outer = Extension { id: Some("e1".into()), url: "http://outer".into(), extension: vec![inner], value: None };
    let text = Text { id: Some("t1".into()), value: Some("plan".into()), extension: vec![outer.clone()] };
    let absent = Text { id: None, value: None, extension: vec![outer.clone()] };
    Resource::Flag(Box::new(Flag {
        id: Some("f1".into()),
        extension: vec![outer.clone()],
        status: "active".into(),
        code: Box::new(CodeableConcept { id: Some("c1".into()), extension: vec![outer], text: Some(text), ..Default::default() }),
        subject: Box::new(Reference { display: Some(absent), ..Default::default() }),
        ..Default::default()
    }))
}

#[test]
fn xml_says_what_json_says() {
    for resource in every_sample() {
        let mut json = Vec::new();
        json::write_resource(&mut json, &resource);
        let from_json = Node::of_json(&serde_json::from_slice(&json).unwrap());
        for layout in [Layout::COMPACT, Layout::INDENTED] {
            let from_xml = Node::of_xml(&written(&resource, layout)).unwrap();
            assert_eq!(from_xml.by_name(), from_json.clone().by_name());
        }
        let mut indented = Vec::new();
        json::write_laid_out(&mut indented, &resource, Layout::INDENTED);
        let from_indented: serde_json::Value = serde_json::from_slice(&indented).unwrap();
        assert_eq!(from_indented, serde_json::from_slice::<serde_json::Value>(&json).unwrap());
    }
}

#[test]
fn an_indented_document_holds_nothing_but_lines_and_spaces_more() {
    for resource in every_sample() {
        let indented = pretty(&resource);
        let on_one_line: String = indented.lines().map(str::trim_start).collect();
        assert_eq!(on_one_line, written(&resource, Layout::COMPACT));
    }
}

#[test]
fn a_comparison_that_accepts_everything_would_be_worse_than_none() {
    let document = written(&with_every_attribute(), Layout::COMPACT);
    let sound = Node::of_xml(&document).unwrap();
    for (was, is) in
        [("\"plan\"", "\"plans\""), ("\"t1\"", "\"t2\""), ("http://inner", "http://other"), ("valueString", "valueUri")]
    {
        assert_ne!(Node::of_xml(&document.replace(was, is)).unwrap(), sound, "{was}");
    }
    for (was, is) in [("/>", ">"), (" xmlns=", " xmlns:f="), ("<status", "text<status"), ("\"plan\"", "\"&plan;\"")] {
        assert!(Node::of_xml(&document.replace(was, is)).is_err(), "{was}");
    }
}

#[test]
#[should_panic(expected = "a required element is not set")]
fn a_required_element_that_was_forgotten_is_noticed() {
    written(
        &Resource::Flag(Box::new(Flag { code: Box::default(), subject: Box::default(), ..Default::default() })),
        Layout::COMPACT,
    );
}

#[test]
#[should_panic(expected = "does not send")]
fn a_type_that_is_never_sent_is_noticed() {
    written(&Resource::Account(Box::<Account>::default()), Layout::COMPACT);
}

/// What a reader must get for `text`.
fn readable(text: &str) -> String {
    text.chars().map(|c| if tree::is_legal(c) { c } else { '\u{fffd}' }).collect()
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{1,20}", any::<String>(), "[\"'<&>/;#x\\x00-\\x20\\x7f-\\x{a0}\\]é😀\\x{fffd}-\\x{ffff}]{1,20}"]
        .prop_filter("ele-1: a value is not empty", |text| !text.is_empty())
}

proptest! {
    #[test]
    fn any_text_leaves_the_document_well_formed_and_is_read_back(
        text in hostile(), id in hostile(), url in hostile(), indented in any::<bool>()
    ) {
        let extension = Extension { url: url.clone(), value: Some(ExtensionValue::String(text.as_str().into())), ..Default::default() };
        let display = Text { id: Some(id.clone()), value: Some(text.clone()), extension: vec![extension] };
        let flag = Flag {
            status: "active".into(),
            code: Box::new(CodeableConcept { text: Some(text.as_str().into()), ..Default::default() }),
            subject: Box::new(Reference { display: Some(display), ..Default::default() }),
            ..Default::default()
        };
        let layout = if indented { Layout::INDENTED } else { Layout::COMPACT };
        let root = Node::of_xml(&written(&Resource::Flag(Box::new(flag)), layout)).unwrap();
        let (code, subject) = (&root.children[1].children[0], &root.children[2].children[0]);
        prop_assert_eq!(&code.value, &Some(readable(&text)));
        prop_assert_eq!(&subject.value, &Some(readable(&text)));
        prop_assert_eq!(&subject.id, &Some(readable(&id)));
        prop_assert_eq!(&subject.children[0].url, &Some(readable(&url)));
    }
}
