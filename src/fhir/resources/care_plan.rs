use super::{
    common::id,
    plan_parts::{authority, name_england_profile, period, plan_concept, plan_meta, sibling, subject},
};
use crate::fhir::{
    graph::{Graph, NodeKey, ResourceShape, ResourceType},
    narrative, wording,
};
use fhirbolt_model::r4::resources::CarePlan;

/// The plan, as NHS England's Patient flags API shapes it.
pub fn care_plan(graph: &Graph<'_>, key: NodeKey, shape: ResourceShape) -> CarePlan {
    let Some(node) = graph.plan(key) else { return CarePlan::default() };
    let period = period(node);
    let mut meta = plan_meta(graph, key, node);
    // The England profile requires a period, which a placeholder cannot have.
    if shape == ResourceShape::PatientFlag && period.is_some() {
        name_england_profile(&mut meta, key);
    }
    CarePlan {
        id: Some(id(graph, key)),
        meta: Some(meta),
        text: Some(Box::new(narrative::of_plan(graph, node))),
        status: key.kind.plan_status(node.status).into(),
        intent: "plan".into(),
        category: vec![plan_concept(graph, node, None, ResourceShape::Standard)],
        title: Some(wording::node_title(graph, node).into()),
        subject: Box::new(subject(graph, node)),
        period,
        author: authority(graph, key, node).map(Box::new),
        care_team: vec![sibling(graph, key, node, ResourceType::CareTeam)],
        ..Default::default()
    }
}
