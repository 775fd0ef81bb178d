use super::{
    common::{concept, contact_point, id, meta},
    plan_parts::authority_identifier,
};
use crate::fhir::{
    codes,
    graph::{ContactNumber, ContactPurpose, Graph, NodeKey},
};
use fhirbolt_model::r4::{
    resources::{Organization, OrganizationContact},
    types::HumanName,
};

/// A responsible local authority and all its numbers.
pub fn organization(graph: &Graph<'_>, key: NodeKey) -> Organization {
    let Some(authority) = graph.authority(key) else { return Organization::default() };
    Organization {
        id: Some(id(graph, key)),
        meta: Some(meta(graph, key, &[])),
        identifier: authority_identifier(authority).into_iter().collect(),
        name: Some(authority.display().into()),
        alias: authority.other_names.iter().map(|name| (*name).into()).collect(),
        telecom: authority.numbers.iter().map(contact_point).collect(),
        contact: authority.numbers.iter().map(contact).collect(),
        ..Default::default()
    }
}

/// The number, with words that say when to ring it.
fn contact(number: &ContactNumber<'_>) -> OrganizationContact {
    let purpose = match number.purpose {
        ContactPurpose::OfficeHours => Some(codes::WORK_PLACE),
        ContactPurpose::EmergencyDuty => Some(codes::EMERGENCY_CONTACT),
        ContactPurpose::Other => None,
    };
    OrganizationContact {
        purpose: purpose.map(|purpose| Box::new(concept(purpose))),
        name: Some(Box::new(HumanName { text: Some(number.label().into()), ..Default::default() })),
        telecom: vec![contact_point(number)],
        ..Default::default()
    }
}
