use super::{
    common::{contact_point, id},
    plan_parts::{authority, name_england_profile, period, plan_concept, plan_meta, subject, team_name},
};
use crate::fhir::{
    graph::{Graph, NodeKey, ResourceShape},
    narrative,
};
use fhirbolt_model::r4::resources::CareTeam;

/// Whom to ring about the plan, as NHS England's 2023 guide shapes it.
pub fn care_team(graph: &Graph<'_>, key: NodeKey, shape: ResourceShape) -> CareTeam {
    let Some(node) = graph.plan(key) else { return CareTeam::default() };
    // If the record's authority is not known, give every authority's numbers rather than none (decisions.md 7, 16).
    let telecom: Vec<_> = match graph.authority_of(node) {
        Some(authority) => authority.numbers.iter().map(contact_point).collect(),
        None => graph.authorities().iter().flat_map(|authority| &authority.numbers).map(contact_point).collect(),
    };
    let mut meta = plan_meta(graph, key, node);
    // The England profile requires a number.
    if shape == ResourceShape::PatientFlag && !telecom.is_empty() {
        name_england_profile(&mut meta, key);
    }
    CareTeam {
        id: Some(id(graph, key)),
        meta: Some(meta),
        text: Some(Box::new(narrative::of_plan(graph, node))),
        status: Some(key.kind.plan_status(node.status).into()),
        category: vec![plan_concept(graph, node, None, ResourceShape::Standard)],
        name: Some(team_name(graph, node).into()),
        subject: Some(Box::new(subject(graph, node))),
        period: period(node),
        managing_organization: authority(graph, key, node).into_iter().collect(),
        telecom,
        ..Default::default()
    }
}
