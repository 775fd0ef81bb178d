//! Parts that several resource types share.

use crate::{
    cpis::{Organisation, Text},
    fhir::{
        codes::{self, Code},
        graph::{ContactNumber, ContactPurpose, Graph, Medium, NodeKey},
    },
};
use fhirbolt_model::r4::types::{CodeableConcept, Coding, ContactPoint, Id, Identifier, Meta, Reference};

pub const UK_CORE: &str = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-";
pub const ENGLAND: &str = "https://fhir.nhs.uk/England/StructureDefinition/England-";

/// The trimmed text; `None` if it is empty.
pub fn given(text: &Text) -> Option<&str> {
    Some(text.as_str().trim()).filter(|text| !text.is_empty())
}

pub fn id(graph: &Graph<'_>, key: NodeKey) -> Id {
    graph.id(key).into()
}

/// `meta` with the UK Core profile of the type, the time of the answer, its confidentiality and its tags.
pub fn meta(graph: &Graph<'_>, key: NodeKey, tags: &[Code]) -> Box<Meta> {
    let stale = graph.answer.stale.then_some(codes::TAG_STALE);
    Box::new(Meta {
        last_updated: Some(graph.last_updated.as_str().into()),
        profile: vec![[UK_CORE, key.kind.name()].concat().into()],
        security: vec![coding(codes::RESTRICTED)],
        tag: tags.iter().copied().chain(stale).map(coding).collect(),
        ..Default::default()
    })
}

pub fn coding(code: Code) -> Coding {
    Coding {
        system: Some(code.system.into()),
        code: Some(code.code.into()),
        display: Some(code.display.into()),
        ..Default::default()
    }
}

pub fn concept(code: Code) -> CodeableConcept {
    CodeableConcept { coding: vec![coding(code)], ..Default::default() }
}

pub fn identifier(system: &str, value: &str) -> Identifier {
    Identifier { system: Some(system.into()), value: Some(value.into()), ..Default::default() }
}

/// The ODS identifier of an organisation, in upper case; `None` without a code.
pub fn ods_identifier(organisation: &Organisation) -> Option<Identifier> {
    let code = organisation.code_upper();
    (!code.is_empty()).then(|| identifier(codes::ods_system(organisation.kind), &code))
}

/// A literal reference to another resource of the graph.
pub fn literal(graph: &Graph<'_>, target: NodeKey, identifier: Option<Identifier>, display: String) -> Reference {
    Reference {
        reference: Some([target.kind.name(), "/", graph.id(target)].concat().into()),
        identifier: identifier.map(Box::new),
        display: Some(display.into()),
        ..Default::default()
    }
}

/// A reference only by identifier and display (decisions.md 26).
pub fn logical(kind: &str, identifier: Option<Identifier>, display: Option<&str>) -> Reference {
    Reference {
        r#type: Some(kind.into()),
        identifier: identifier.map(Box::new),
        display: display.map(Into::into),
        ..Default::default()
    }
}

/// An organisation that made an access, which is never a resource of the graph. `None` if nothing is known about it.
pub fn accessing_organisation(organisation: &Organisation) -> Option<Reference> {
    let identifier = ods_identifier(organisation);
    let name = given(&organisation.name);
    (identifier.is_some() || name.is_some()).then(|| logical("Organization", identifier, name))
}

/// The NHS number of the person asked about.
pub fn nhs_number(graph: &Graph<'_>) -> Identifier {
    identifier(codes::NHS_NUMBER, graph.patient().number.digits())
}

/// WP is work, EC is mobile (NHS England's own mapping, wire.md 3.4); any other has no use.
pub fn contact_point(number: &ContactNumber<'_>) -> ContactPoint {
    let is_dialled = matches!(number.medium, Medium::Telephone | Medium::Text);
    let number_use = match number.purpose {
        ContactPurpose::OfficeHours => Some("work"),
        ContactPurpose::EmergencyDuty if is_dialled => Some("mobile"),
        ContactPurpose::EmergencyDuty | ContactPurpose::Other => None,
    };
    ContactPoint {
        system: Some(number.medium.system().into()),
        value: Some(number.number.into()),
        r#use: number_use.map(Into::into),
        ..Default::default()
    }
}
