//! Parts that the four resources of a plan share.

use super::common::{ENGLAND, coding, literal, meta, nhs_number};
use crate::cpis::PlanStatus;
use crate::fhir::{
    codes::{self, Code},
    graph::{Authority, Graph, NodeKey, PATIENT, PlanNode, ResourceShape, ResourceType},
    wording,
};
use fhirbolt_model::r4::types::{CodeableConcept, Identifier, Meta, Period, Reference};

/// `meta`, with a tag if the plan could not be read.
pub fn plan_meta(graph: &Graph<'_>, key: NodeKey, node: &PlanNode<'_>) -> Box<Meta> {
    let tag = node.unreadable().map(|_| codes::TAG_UNREADABLE);
    meta(graph, key, tag.as_slice())
}

/// Adds NHS England's profile before that of UK Core, if the type has one.
pub fn name_england_profile(meta: &mut Meta, key: NodeKey) {
    if let Some(profile) = key.kind.england_profile() {
        meta.profile.insert(0, [ENGLAND, profile].concat().into());
    }
}

/// The SNOMED CT code of the plan, then `second`; for a placeholder only the England code (decisions.md 7). Always has the text that a
/// clinician reads.
pub fn plan_concept(graph: &Graph<'_>, node: &PlanNode<'_>, second: Option<Code>, shape: ResourceShape) -> CodeableConcept {
    let mut coding: Vec<_> = match node.plan() {
        Some(plan) => [Some(codes::plan_snomed(plan.plan_type)), second].into_iter().flatten().map(coding).collect(),
        None => vec![coding(codes::ENGLAND_CPIS_FLAG)],
    };
    if shape == ResourceShape::PatientFlag {
        coding.reverse();
    }
    CodeableConcept { coding, text: Some(wording::node_text(graph, node).into()), ..Default::default() }
}

/// The plan's dates; `None` for a placeholder. While a plan is in force beyond its forecast end, only the texts give that end: viewers
/// compute from the period what is in force (decisions.md 44).
pub fn period(node: &PlanNode<'_>) -> Option<Box<Period>> {
    let plan = node.plan()?;
    let end = plan.period.end.filter(|_| node.status != Some(PlanStatus::ActivePastForecast));
    Some(Box::new(Period {
        start: Some(plan.period.start.to_string().into()),
        end: end.map(|end| end.to_string().into()),
        ..Default::default()
    }))
}

/// The person asked about, marked as the mother if this record has her as the mother.
pub fn subject(graph: &Graph<'_>, node: &PlanNode<'_>) -> Reference {
    let mut display = graph.patient().display.clone();
    if node.patient_is_mother() {
        display.push_str(" (mother)");
    }
    literal(graph, PATIENT, Some(nhs_number(graph)), display)
}

/// The responsible local authority, if it is known.
pub fn authority(graph: &Graph<'_>, key: NodeKey, node: &PlanNode<'_>) -> Option<Reference> {
    let authority = graph.authority_of(node)?;
    Some(literal(graph, graph.organization_of(key)?, authority_identifier(authority), authority.display()))
}

pub fn authority_identifier(authority: &Authority<'_>) -> Option<Identifier> {
    (!authority.code.is_empty()).then(|| super::common::identifier(codes::ods_system(authority.kind), &authority.code))
}

/// Another resource of the same plan.
pub fn sibling(graph: &Graph<'_>, key: NodeKey, node: &PlanNode<'_>, kind: ResourceType) -> Reference {
    let display = if kind == ResourceType::CareTeam { team_name(graph, node) } else { wording::node_title(graph, node) };
    literal(graph, Graph::sibling(key, kind), None, display)
}

/// The name of the authority that is responsible for a plan.
pub fn team_name(graph: &Graph<'_>, node: &PlanNode<'_>) -> String {
    if let Some(authority) = graph.authority_of(node) {
        return authority.display();
    }
    let mut name = "Local authority not known".to_owned();
    for (place, authority) in graph.authorities().iter().enumerate() {
        name.push_str(if place == 0 { ": may be " } else { " or " });
        name.push_str(&authority.display());
    }
    name
}
