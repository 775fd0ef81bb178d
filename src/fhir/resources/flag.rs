use super::{
    common::{concept, id},
    plan_parts::{authority, name_england_profile, period, plan_concept, plan_meta, sibling, subject},
};
use crate::fhir::{
    codes,
    graph::{Graph, NodeKey, ResourceShape, ResourceType},
    narrative,
};
use fhirbolt_model::r4::{
    resources::Flag,
    types::{Extension, ExtensionValue},
};

/// The warning that a record system shows: one for each plan.
pub fn flag(graph: &Graph<'_>, key: NodeKey, shape: ResourceShape) -> Flag {
    let Some(node) = graph.plan(key) else { return Flag::default() };
    let mut meta = plan_meta(graph, key, node);
    if shape == ResourceShape::PatientFlag {
        name_england_profile(&mut meta, key);
    }
    let detail = |kind| Extension {
        url: codes::FLAG_DETAIL.to_owned(),
        value: Some(ExtensionValue::Reference(Box::new(sibling(graph, key, node, kind)))),
        ..Default::default()
    };
    Flag {
        id: Some(id(graph, key)),
        meta: Some(meta),
        text: Some(Box::new(narrative::of_plan(graph, node))),
        extension: vec![detail(ResourceType::EpisodeOfCare), detail(ResourceType::CarePlan)],
        status: key.kind.plan_status(node.status).into(),
        category: vec![concept(codes::ENGLAND_CPIS_FLAG), concept(codes::SAFETY)],
        code: Box::new(plan_concept(graph, node, Some(codes::ENGLAND_CPIS_FLAG), shape)),
        subject: Box::new(subject(graph, node)),
        period: period(node),
        author: authority(graph, key, node).map(Box::new),
        ..Default::default()
    }
}
