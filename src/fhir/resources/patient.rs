use super::common::{concept, given, id, identifier, meta, nhs_number};
use crate::{
    cpis::{LocalId, PersonName, Text},
    fhir::{
        codes,
        graph::{Graph, NodeKey},
    },
};
use fhirbolt_model::r4::{
    resources::Patient,
    types::{CodeableConcept, HumanName, Identifier, Reference, String as FhirString},
};

/// The person asked about, as CP-IS knows them: the child, or the mother of an unborn child.
pub fn patient(graph: &Graph<'_>, key: NodeKey) -> Patient {
    let known = graph.patient();
    let mut number = nhs_number(graph);
    number.r#type = Some(Box::new(CodeableConcept { text: Some("NHS number".into()), ..concept(codes::NHS_NUMBER_TYPE) }));
    let local = known.local_ids.iter().map(|(id, authority)| local_id(id, *authority));
    Patient {
        id: Some(id(graph, key)),
        meta: Some(meta(graph, key, &[])),
        identifier: std::iter::once(number).chain(local).collect(),
        name: known.names.iter().map(|name| human_name(name)).collect(),
        birth_date: known.birth_date.map(|date| date.iso().into()),
        ..Default::default()
    }
}

fn local_id(id: &LocalId, authority: Option<&str>) -> Identifier {
    let assigner = given(&id.assigning_authority).or_else(|| authority.map(str::trim).filter(|name| !name.is_empty()));
    Identifier {
        assigner: assigner.map(|name| Box::new(Reference { display: Some(name.into()), ..Default::default() })),
        ..identifier(codes::LOCAL_PATIENT_ID, id.value.as_str().trim())
    }
}

fn human_name(name: &PersonName) -> HumanName {
    let parts = |parts: &[Text]| -> Vec<FhirString> { parts.iter().filter_map(given).map(Into::into).collect() };
    let family: Vec<&str> = name.family.iter().filter_map(given).collect();
    HumanName {
        text: Some(name.spoken().into()),
        family: (!family.is_empty()).then(|| family.join(" ").into()),
        given: parts(&name.given),
        prefix: parts(&name.prefix),
        suffix: parts(&name.suffix),
        ..Default::default()
    }
}
