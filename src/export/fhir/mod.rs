//! An entry as a FHIR R4 AuditEvent (UKCore-AuditEvent), shaped as those of CP-IS's accesses (fhir.md 2), with what only the
//! trail knows: the message's ids, and the place in the chain.

mod codes;
mod details;

use super::plain::shown;
use crate::audit::{Doubt, Entry, Event, Hit, Line, Outcome, StoredEntry, Who};
use crate::cpis::Text;
use crate::fhir::codes::{NHS_NUMBER, RESTRICTED, ROLE_ASSIGNED, SDS_ROLE_PROFILE_ID, SDS_USER_ID, ods_system};
use crate::fhir::json;
use crate::fhir::resources::{UK_CORE, coding, identifier, logical};
use codes::{LINE, MESSAGE, PATIENT, PERSON, SYSTEM_OBJECT};
use details::Details;
use fhirbolt_model::r4::Resource;
use fhirbolt_model::r4::resources::{AuditEvent, AuditEventAgent, AuditEventAgentNetwork, AuditEventEntity, AuditEventSource};
use fhirbolt_model::r4::types::{CodeableConcept, Meta, Reference};

/// This program's identifier systems; they use nobody else's address.
const MESSAGE_ID: &str = "urn:cpis-fhir:message-id";
const SEQUENCE: &str = "urn:cpis-fhir:trail-sequence";

/// One AuditEvent and a line end. A changed line becomes a security alert that says so, without the line's content.
pub fn audit_event(hit: &Hit) -> String {
    let event = match &hit.stored {
        Some(stored) => of_entry(&hit.line, stored, hit.doubt),
        None => alert(&hit.line, hit.doubt),
    };
    let mut bytes = Vec::with_capacity(4096);
    json::write_resource(&mut bytes, &Resource::AuditEvent(Box::new(event)));
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    text.push('\n');
    text
}

fn of_entry(line: &Line, stored: &StoredEntry, doubt: Option<Doubt>) -> AuditEvent {
    let entry = &stored.entry;
    let kind = codes::of(entry);
    AuditEvent {
        id: Some(entry.id.to_string().into()),
        meta: Some(meta()),
        r#type: Box::new(coding(kind.event_type)),
        subtype: kind.subtype.into_iter().map(coding).collect(),
        action: Some(kind.action.into()),
        recorded: entry.at.to_string().into(),
        outcome: Some(outcome(entry.event).into()),
        outcome_desc: Some(outcome_text(entry).into()),
        agent: agents(entry),
        source: source(&stored.software),
        entity: patient(stored).into_iter().chain(message(entry)).chain([place(line, stored, doubt)]).collect(),
        ..Default::default()
    }
}

fn alert(line: &Line, doubt: Option<Doubt>) -> AuditEvent {
    let problem = doubt.map(|doubt| doubt.to_string()).unwrap_or_default();
    AuditEvent {
        id: Some(format!("trail-line-{}", line.seq).into()),
        meta: Some(meta()),
        r#type: Box::new(coding(codes::SECURITY_ALERT)),
        action: Some("R".into()),
        recorded: line.at.to_string().into(),
        outcome: Some("12".into()),
        outcome_desc: Some(
            format!("Line {} of the trail is not to be relied on: {problem}. Nothing of it is shown.", line.seq).into(),
        ),
        agent: vec![this_service(env!("CARGO_PKG_VERSION"))],
        source: source(env!("CARGO_PKG_VERSION")),
        entity: vec![AuditEventEntity {
            what: Some(Box::new(Reference {
                identifier: Some(Box::new(identifier(SEQUENCE, &line.seq.to_string()))),
                ..Default::default()
            })),
            r#type: Some(Box::new(coding(SYSTEM_OBJECT))),
            role: Some(Box::new(coding(LINE))),
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn meta() -> Box<Meta> {
    Box::new(Meta {
        profile: vec![[UK_CORE, "AuditEvent"].concat().into()],
        security: vec![coding(RESTRICTED)],
        ..Default::default()
    })
}

/// FHIR's audit-event-outcome: 0 success, 4 not done as asked for, 8 failed.
fn outcome(event: Event) -> &'static str {
    match event {
        Event::Refused | Event::NotHeld => "4",
        Event::Failed | Event::Unknown => "8",
        _ => "0",
    }
}

fn outcome_text(entry: &Entry) -> String {
    match entry.outcome.as_ref().map(|outcome: &Outcome| outcome.name.as_str()).filter(|outcome| !outcome.is_empty()) {
        Some(outcome) => format!("{}: {}", entry.event.name(), shown(outcome)),
        None => entry.event.name().to_owned(),
    }
}

/// The user, the user's organisation, and the system that the request came from; this service if nobody asked.
fn agents(entry: &Entry) -> Vec<AuditEventAgent> {
    let mut agents = Vec::new();
    match &entry.who {
        Some(who) => {
            agents.push(AuditEventAgent { network: network(entry), ..user(who) });
            agents.extend(organisation(who));
        }
        None if entry.request.address.is_some() || matches!(entry.event, Event::Refused | Event::NotHeld) => {
            let unknown = Reference { display: Some("Not known".into()), ..Default::default() };
            agents.push(AuditEventAgent { network: network(entry), ..agent(ROLE_ASSIGNED, unknown, true) });
        }
        None => agents.push(this_service(env!("CARGO_PKG_VERSION"))),
    }
    if let Some(system) = given(entry.request.source_system.as_ref()) {
        let system = Reference { display: Some(system.into()), ..Default::default() };
        agents.push(agent(codes::APPLICATION, system, false));
    }
    agents
}

fn user(who: &Who) -> AuditEventAgent {
    let name = given(who.name.as_ref());
    let (kind, known) = match (given(who.role_profile_id.as_ref()), given(who.sds_user_id.as_ref())) {
        (Some(profile), _) => ("PractitionerRole", Some(identifier(SDS_ROLE_PROFILE_ID, &profile))),
        (None, Some(user)) => ("Practitioner", Some(identifier(SDS_USER_ID, &user))),
        (None, None) => ("Practitioner", None),
    };
    let display = name.clone().or_else(|| given(who.user_id.as_ref())).unwrap_or_else(|| "Not known".to_owned());
    AuditEventAgent {
        role: role(who).into_iter().collect(),
        alt_id: given(who.user_id.as_ref()).map(Into::into),
        name: name.map(Into::into),
        ..agent(ROLE_ASSIGNED, logical(kind, known, Some(&display)), true)
    }
}

/// As the user's identity gave it; its code system was not recorded.
fn role(who: &Who) -> Option<CodeableConcept> {
    let (code, name) = (given(who.role_code.as_ref()), given(who.role_name.as_ref()));
    let text = match (&code, &name) {
        (Some(code), Some(name)) => format!("{name} ({code})"),
        (Some(only), None) | (None, Some(only)) => only.clone(),
        (None, None) => return None,
    };
    Some(CodeableConcept { text: Some(text.into()), ..Default::default() })
}

fn organisation(who: &Who) -> Option<AuditEventAgent> {
    let (code, name) = (given(who.organisation_ods.as_ref()), given(who.organisation_name.as_ref()));
    if code.is_none() && name.is_none() {
        return None;
    }
    let known = code.map(|code| identifier(ods_system(crate::cpis::OrganisationKind::Organisation), &code.to_uppercase()));
    let who = logical("Organization", known, name.as_deref());
    Some(AuditEventAgent { who: Some(Box::new(who)), requestor: false.into(), ..Default::default() })
}

fn network(entry: &Entry) -> Option<AuditEventAgentNetwork> {
    let address = entry.request.address?;
    Some(AuditEventAgentNetwork { address: Some(address.to_string().into()), r#type: Some("2".into()), ..Default::default() })
}

fn this_service(version: &str) -> AuditEventAgent {
    agent(codes::APPLICATION, service(version), false)
}

fn agent(kind: crate::fhir::codes::Code, who: Reference, requestor: bool) -> AuditEventAgent {
    AuditEventAgent {
        r#type: Some(Box::new(CodeableConcept { coding: vec![coding(kind)], ..Default::default() })),
        who: Some(Box::new(who)),
        requestor: requestor.into(),
        ..Default::default()
    }
}

fn service(version: &str) -> Reference {
    logical("Device", None, Some(&format!("cpis-fhir {}", shown(version))))
}

fn source(version: &str) -> AuditEventSource {
    AuditEventSource { observer: Box::new(service(version)), ..Default::default() }
}

fn patient(stored: &StoredEntry) -> Option<AuditEventEntity> {
    let entity = |what: Option<Reference>, description: Option<&str>| AuditEventEntity {
        what: what.map(Box::new),
        r#type: Some(Box::new(coding(PERSON))),
        role: Some(Box::new(coding(PATIENT))),
        description: description.map(Into::into),
        ..Default::default()
    };
    match &stored.entry.child {
        Some(number) => Some(entity(Some(logical("Patient", Some(identifier(NHS_NUMBER, number.digits())), None)), None)),
        None if stored.child_is_sealed => Some(entity(None, Some("An NHS number that is sealed with a key which is not here"))),
        None => None,
    }
}

/// The query as it went over the wire.
fn message(entry: &Entry) -> Option<AuditEventEntity> {
    let message = entry.message.as_ref()?;
    let mut details = Details::default();
    details.text("tracking-id", Some(&message.tracking_id));
    details.text("payload-id", Some(&message.payload_id));
    details.text("query-id", Some(&message.query_id));
    details.text("response-id", message.response_id.as_ref());
    details.author(entry.author.as_ref());
    Some(AuditEventEntity {
        what: given(Some(&message.message_id))
            .map(|id| Box::new(Reference { identifier: Some(Box::new(identifier(MESSAGE_ID, &id))), ..Default::default() })),
        r#type: Some(Box::new(coding(SYSTEM_OBJECT))),
        role: Some(Box::new(coding(MESSAGE))),
        detail: details.into(),
        ..Default::default()
    })
}

/// The entry itself: its place in the chain, and everything that has no element in an AuditEvent.
fn place(line: &Line, stored: &StoredEntry, doubt: Option<Doubt>) -> AuditEventEntity {
    let mut details = Details::default();
    details.entry(&stored.entry);
    details.plain("software", &stored.software);
    details.plain("previous-mac", &line.previous.to_string());
    details.plain("mac", &line.mac.to_string());
    if let Some(doubt) = doubt {
        details.plain("problem", &doubt.to_string());
    }
    AuditEventEntity {
        what: Some(Box::new(Reference {
            identifier: Some(Box::new(identifier(SEQUENCE, &line.seq.to_string()))),
            ..Default::default()
        })),
        r#type: Some(Box::new(coding(SYSTEM_OBJECT))),
        role: Some(Box::new(coding(LINE))),
        detail: details.into(),
        ..Default::default()
    }
}

/// A text that is present, made safe to show.
fn given(text: Option<&Text>) -> Option<String> {
    text.map(|text| shown(text.as_str().trim())).filter(|text| !text.is_empty())
}
