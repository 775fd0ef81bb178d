use super::common::{accessing_organisation, given, id, identifier, meta};
use crate::{
    cpis::{Author, Organisation, Text},
    fhir::{
        codes,
        graph::{Graph, NodeKey},
    },
};
use fhirbolt_model::r4::{
    resources::{Device, DeviceDeviceName},
    types::Identifier,
};

/// An accredited system that made an access.
pub fn device(graph: &Graph<'_>, key: NodeKey) -> Device {
    let Some(Author::System { asid, organisation, .. }) = graph.access(key).map(|access| &access.author) else {
        return Device::default();
    };
    Device {
        id: Some(id(graph, key)),
        meta: Some(meta(graph, key, &[])),
        identifier: asid_identifier(asid.as_ref()).into_iter().collect(),
        device_name: vec![DeviceDeviceName {
            name: device_display(organisation).into(),
            r#type: "user-friendly-name".into(),
            ..Default::default()
        }],
        owner: accessing_organisation(organisation).map(Box::new),
        ..Default::default()
    }
}

pub fn asid_identifier(asid: Option<&Text>) -> Option<Identifier> {
    asid.and_then(given).map(|asid| identifier(codes::SPINE_ASID, asid))
}

/// The name to show for the system: CP-IS gives it none.
pub fn device_display(organisation: &Organisation) -> String {
    match given(&organisation.name).or_else(|| given(&organisation.ods_code)) {
        Some(owner) => ["System of ", owner].concat(),
        None => "System (owner not given)".to_owned(),
    }
}
