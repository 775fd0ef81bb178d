use super::{
    common::id,
    plan_parts::{authority, period, plan_concept, plan_meta, sibling, subject},
};
use crate::fhir::{
    codes,
    graph::{Graph, NodeKey, ResourceShape, ResourceType},
    narrative,
};
use fhirbolt_model::r4::resources::EpisodeOfCare;

/// The time during which a local authority is responsible for the child: one for each plan.
pub fn episode_of_care(graph: &Graph<'_>, key: NodeKey) -> EpisodeOfCare {
    let Some(node) = graph.plan(key) else { return EpisodeOfCare::default() };
    let observation = node.plan().map(|plan| codes::plan_observation(plan.plan_type));
    EpisodeOfCare {
        id: Some(id(graph, key)),
        meta: Some(plan_meta(graph, key, node)),
        text: Some(Box::new(narrative::of_plan(graph, node))),
        status: key.kind.plan_status(node.status).into(),
        r#type: vec![plan_concept(graph, node, observation, ResourceShape::Standard)],
        patient: Box::new(subject(graph, node)),
        managing_organization: authority(graph, key, node).map(Box::new),
        period: period(node),
        team: vec![sibling(graph, key, node, ResourceType::CareTeam)],
        ..Default::default()
    }
}
