//! Every table keeps the order of R4. A wrong order is invalid XML, though JSON does not show it.
//!
//! fhirbolt's structs declare their fields in R4's order, and `Debug` lists them in that order.

mod condition;

use super::{Emit, Primitive, Sink};
use crate::cpis::Answer;
use crate::fhir::graph::{Graph, ResourceType};
use crate::fhir::{resources, samples};
use fhirbolt_model::r4::{
    Resource,
    resources::{
        Bundle, BundleEntry, BundleEntryResponse, BundleEntrySearch, BundleLink, OperationOutcome, OperationOutcomeIssue,
    },
    types::{CodeableConcept, Coding, ContactPoint, HumanName, Identifier, Meta, Narrative, Period, Reference},
};

/// Records the names it receives, and descends into everything below.
#[derive(Default)]
struct Names(Vec<&'static str>);

impl Names {
    fn note(&mut self, name: &'static str) {
        if self.0.last() != Some(&name) {
            self.0.push(name);
        }
    }
}

impl Sink for Names {
    fn attribute(&mut self, name: &'static str, _: &str) {
        self.note(name);
    }

    fn primitive<P: Primitive>(&mut self, name: &'static str, primitive: &P) {
        self.note(name);
        primitive.extension().iter().for_each(check);
    }

    fn primitives<P: Primitive>(&mut self, name: &'static str, primitives: &[P]) {
        for primitive in primitives {
            self.primitive(name, primitive);
        }
    }

    fn complex<E: Emit>(&mut self, name: &'static str, element: &E) {
        self.note(name);
        check(element);
    }

    fn complexes<E: Emit>(&mut self, name: &'static str, elements: &[E]) {
        for element in elements {
            self.complex(name, element);
        }
    }

    fn resource(&mut self, name: &'static str, resource: &Resource) {
        self.note(name);
        check(resource);
    }

    fn xhtml(&mut self, name: &'static str, _: &str) {
        self.note(name);
    }
}

fn check<E: Emit>(element: &E) {
    let mut told = Names::default();
    element.emit(&mut told);
    let fields = fields(&format!("{element:#?}"));
    let places: Vec<usize> = told.0.iter().map(|name| place(name, &fields)).collect();
    assert!(places.is_sorted(), "{:?} is not in the order of {fields:?}", told.0);
}

fn place(name: &str, fields: &[String]) -> usize {
    let is = |field: &String| field == name || (field == "value" && name.starts_with("value"));
    fields.iter().position(is).unwrap_or_else(|| panic!("{name} is none of {fields:?}"))
}

/// The fields of the outermost struct, in camel case.
fn fields(debug: &str) -> Vec<String> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let Some(opening) = debug.lines().find(|line| line.ends_with(" {")) else { return Vec::new() };
    let inside = depth(opening) + 4;
    let names = debug.lines().filter(|line| depth(line) == inside).filter_map(|line| line.trim_start().split_once(": "));
    names.map(|(name, _)| camel_case(name)).collect()
}

fn camel_case(name: &str) -> String {
    let mut words = name.trim_start_matches("r#").split('_');
    let mut all = words.next().unwrap_or_default().to_owned();
    for word in words {
        all.push_str(&word[..1].to_uppercase());
        all.push_str(&word[1..]);
    }
    all
}

#[test]
fn every_resource_of_an_answer_is_told_in_the_order_of_r4() {
    let keys = samples::keys();
    for answer in [samples::large(), Answer { stale: true, ..samples::large() }] {
        let graph = Graph::new(&answer, &samples::context(&keys));
        ResourceType::ALL.into_iter().flat_map(|kind| graph.of_type(kind)).for_each(|key| check(&resources::build(&graph, key)));
    }
}

#[test]
fn a_table_has_every_element_of_its_type_in_the_order_of_r4() {
    let keys = samples::keys();
    let answer = samples::large();
    let graph = Graph::new(&answer, &samples::context(&keys));
    for kind in ResourceType::ALL {
        let resource = resources::build(&graph, graph.of_type(kind).next().unwrap());
        let names: Vec<_> = super::of(kind).iter().map(|element| element.name).collect();
        assert_eq!(names, fields(&format!("{resource:#?}")), "{kind:?}");
    }
}

#[test]
fn whole_data_types_are_told_in_the_order_of_r4() {
    let period =
        Box::new(Period { id: Some("p".into()), start: Some("2026".into()), end: Some("2027".into()), ..Default::default() });
    let concept = Box::new(CodeableConcept { coding: vec![coding()], text: Some("t".into()), ..Default::default() });
    let identifier = Identifier {
        r#use: Some("usual".into()),
        r#type: Some(concept),
        system: Some("s".into()),
        value: Some("v".into()),
        period: Some(period.clone()),
        assigner: Some(Box::new(Reference { display: Some("d".into()), ..Default::default() })),
        ..Default::default()
    };
    check(&Reference {
        reference: Some("r".into()),
        r#type: Some("t".into()),
        identifier: Some(Box::new(identifier)),
        display: Some("d".into()),
        ..Default::default()
    });
    check(&ContactPoint {
        system: Some("phone".into()),
        value: Some("1".into()),
        r#use: Some("work".into()),
        rank: Some(1_u32.into()),
        period: Some(period.clone()),
        ..Default::default()
    });
    check(&HumanName {
        r#use: Some("usual".into()),
        text: Some("t".into()),
        family: Some("f".into()),
        given: vec!["g".into()],
        prefix: vec!["p".into()],
        suffix: vec!["s".into()],
        period: Some(period),
        ..Default::default()
    });
    check(&meta());
    check(&Narrative { status: "generated".into(), div: "<div/>".into(), ..Default::default() });
}

fn coding() -> Coding {
    Coding {
        system: Some("s".into()),
        version: Some("1".into()),
        code: Some("c".into()),
        display: Some("d".into()),
        user_selected: Some(true.into()),
        ..Default::default()
    }
}

fn meta() -> Meta {
    Meta {
        version_id: Some("1".into()),
        last_updated: Some("2026-01-15T09:30:16Z".into()),
        source: Some("urn:x".into()),
        profile: vec!["urn:p".into()],
        security: vec![coding()],
        tag: vec![coding()],
        ..Default::default()
    }
}

#[test]
fn whole_bundles_and_outcomes_are_told_in_the_order_of_r4() {
    let issue = OperationOutcomeIssue {
        severity: "error".into(),
        code: "value".into(),
        details: Some(Box::new(CodeableConcept { coding: vec![coding()], ..Default::default() })),
        diagnostics: Some("d".into()),
        location: vec!["l".into()],
        expression: vec!["e".into()],
        ..Default::default()
    };
    let outcome =
        OperationOutcome { id: Some("o".into()), meta: Some(Box::new(meta())), issue: vec![issue], ..Default::default() };
    let outcome = Resource::OperationOutcome(Box::new(outcome));
    let link = BundleLink { relation: "self".into(), url: "urn:x".into(), ..Default::default() };
    let response = BundleEntryResponse {
        status: "200".into(),
        location: Some("l".into()),
        etag: Some("W/\"1\"".into()),
        last_modified: Some("2026-01-15T09:30:16Z".into()),
        outcome: Some(outcome.clone()),
        ..Default::default()
    };
    let entry = BundleEntry {
        link: vec![link.clone()],
        full_url: Some("urn:x".into()),
        resource: Some(outcome),
        search: Some(BundleEntrySearch { mode: Some("outcome".into()), ..Default::default() }),
        response: Some(response),
        ..Default::default()
    };
    check(&Bundle {
        id: Some("b".into()),
        meta: Some(Box::new(meta())),
        r#type: "searchset".into(),
        timestamp: Some("2026-01-15T09:30:16Z".into()),
        total: Some(1_u32.into()),
        link: vec![link],
        entry: vec![entry],
        ..Default::default()
    });
}

#[derive(Debug, Default)]
struct Swapped {
    first_one: Coding,
    other: Coding,
}

impl Emit for Swapped {
    fn emit<S: Sink>(&self, sink: &mut S) {
        sink.complex("other", &self.other);
        sink.complex("firstOne", &self.first_one);
    }
}

#[test]
#[should_panic(expected = "is not in the order of [\"firstOne\", \"other\"]")]
fn an_order_that_is_wrong_is_noticed() {
    check(&Swapped { first_one: coding(), other: coding() });
}
