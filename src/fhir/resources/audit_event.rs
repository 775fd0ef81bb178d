use super::{
    common::{coding, concept, id, literal, logical, meta, nhs_number},
    device::{asid_identifier, device_display},
    practitioner_role::AccessPerson,
};
use crate::{
    cpis::{AccessTime, Author},
    fhir::{
        codes::{self, Code},
        graph::{Edge, Graph, NodeKey, PATIENT, ResourceType},
        wording::push_date,
    },
};
use fhirbolt_model::r4::{
    resources::{AuditEvent, AuditEventAgent, AuditEventEntity, AuditEventSource},
    types::{Extension, ExtensionValue, Instant, Reference},
};

/// One earlier access to the child's record, or the one that this look made.
pub fn audit_event(graph: &Graph<'_>, key: NodeKey) -> AuditEvent {
    let Some(access) = graph.access(key) else { return AuditEvent::default() };
    let this_lookup = graph.answer.is_this_look(access).then_some(codes::TAG_THIS_LOOKUP);
    let (recorded, outcome_desc) = recorded(access.when);
    AuditEvent {
        id: Some(id(graph, key)),
        meta: Some(meta(graph, key, this_lookup.as_slice())),
        r#type: Box::new(coding(codes::ACCESS)),
        subtype: vec![coding(codes::SEARCH_TYPE)],
        action: Some("E".into()),
        recorded,
        outcome: Some("0".into()),
        outcome_desc: outcome_desc.map(Into::into),
        agent: agents(graph, key),
        source: AuditEventSource {
            id: None,
            observer: Box::new(graph.observer(key).map_or_else(not_readable, |author| agent_reference(graph, author))),
            ..Default::default()
        },
        entity: vec![AuditEventEntity {
            what: Some(Box::new(literal(graph, PATIENT, Some(nhs_number(graph)), graph.patient().display.clone()))),
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// A point in time; without one, the reason and what is known instead (decisions.md 29e).
fn recorded(when: AccessTime) -> (Instant, Option<String>) {
    let absent = Extension {
        url: codes::DATA_ABSENT_REASON.to_owned(),
        value: Some(ExtensionValue::Code("unknown".into())),
        ..Default::default()
    };
    let no_instant = Instant { extension: vec![absent], ..Default::default() };
    match when {
        AccessTime::At(at) => (at.to_string().into(), None),
        AccessTime::On(date) => {
            let mut description = "Accessed on ".to_owned();
            push_date(&mut description, date);
            description.push_str(" (");
            description.push_str(&date.to_string());
            description.push_str("); the time of day was not given");
            (no_instant, Some(description))
        }
        AccessTime::Unknown => (no_instant, Some("The time of the access could not be read".to_owned())),
    }
}

/// The patient, the author, and for a system the people responsible (decisions.md 26).
fn agents(graph: &Graph<'_>, key: NodeKey) -> Vec<AuditEventAgent> {
    let mut agents = Vec::with_capacity(3);
    let patient = logical(ResourceType::Patient.name(), Some(nhs_number(graph)), Some(&graph.patient().display));
    agents.push(agent(codes::ROLE_PATIENT, patient, false));
    let mut assigned = graph.targets(key, Edge::AuditAgent).map(|target| agent_reference(graph, target));
    agents.push(agent(codes::ROLE_ASSIGNED, assigned.next().unwrap_or_else(not_readable), true));
    agents.extend(assigned.map(|responsible| agent(codes::ROLE_ASSIGNED, responsible, false)));
    agents
}

fn agent(role: Code, who: Reference, requestor: bool) -> AuditEventAgent {
    AuditEventAgent {
        r#type: Some(Box::new(concept(role))),
        who: Some(Box::new(who)),
        requestor: requestor.into(),
        ..Default::default()
    }
}

fn agent_reference(graph: &Graph<'_>, target: NodeKey) -> Reference {
    let Some(author) = graph.access(target).map(|access| &access.author) else { return not_readable() };
    match (author, AccessPerson::of(author, graph.place_in_access(target))) {
        (Author::System { asid, organisation, .. }, _) if target.kind == ResourceType::Device => {
            literal(graph, target, asid_identifier(asid.as_ref()), device_display(organisation))
        }
        (_, Some(person)) => literal(graph, target, person.role_profile_id(), person.display()),
        _ => not_readable(),
    }
}

fn not_readable() -> Reference {
    Reference { display: Some("Not readable".into()), ..Default::default() }
}
