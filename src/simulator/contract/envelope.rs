//! SOAP envelope and ITK distribution envelope (wire.md 5.1, 5.4).

use super::{
    Contract, RequestCheck, Violation, ViolationKind,
    header::{ADDRESSING, without_prefix},
    shape::{child, is_upper_uuid, is_uuid, shape, uuid_in_name},
};
use crate::simulator::tree::XmlElement;

pub(super) const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
pub(super) const ITK: &str = "urn:nhs-itk:ns:201005";
const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
const ADDRESSING_SCHEME: &str = "urn:nhs-uk:addressing:ods:";

/// The header and the distribution envelope of a SOAP 1.1 message.
pub(super) fn soap(root: &XmlElement) -> Result<(&XmlElement, &XmlElement), Violation> {
    if root.name != "Envelope" || root.namespace != SOAP {
        return Err(Violation::new(ViolationKind::VersionMismatch, "the root must be the Envelope of SOAP 1.1"));
    }
    let mut located = false;
    root.walk(&mut |e| located |= e.attribute_in(SCHEMA_INSTANCE, "schemaLocation").is_some());
    if located {
        return Err(Violation::invalid("xsi:schemaLocation must not be used"));
    }
    shape(root, SOAP, &[], &[("Header", 1, 1), ("Body", 1, 1)])?;
    let body = child(root, "Body")?;
    shape(body, SOAP, &[], &[("DistributionEnvelope", 1, 1)])?;
    Ok((child(root, "Header")?, child(body, "DistributionEnvelope")?))
}

/// Checks the envelope, except its audit identity. Returns the sender's ODS code and the payload's root.
pub(super) fn distribution<'a>(envelope: &'a XmlElement, contract: &Contract) -> Result<(String, &'a XmlElement), Violation> {
    shape(envelope, ITK, &[], &[("header", 1, 1), ("payloads", 1, 1)])?;
    let header = child(envelope, "header")?;
    let parts = [
        ("addresslist", 0, 1),
        ("auditIdentity", 0, 1),
        ("manifest", 1, 1),
        ("senderAddress", 0, 1),
        ("handlingSpecification", 0, 1),
    ];
    shape(header, ITK, &["service", "trackingid"], &parts)?;
    if header.attribute("service") != Some(&contract.action) {
        return Err(Violation::invalid("header/@service must be the SOAPAction"));
    }
    if !header.attribute("trackingid").is_some_and(is_upper_uuid) {
        return Err(Violation::invalid("header/@trackingid must be a UUID in upper case, without a prefix"));
    }
    if let Some(list) = header.child("addresslist") {
        shape(list, ITK, &[], &[("address", 1, usize::MAX)])?;
        list.all("address").try_for_each(|address| ods_address(address).map(|_| ()))?;
    }
    let sender = header.child("senderAddress").map(ods_address).transpose()?;
    let manifest_id = manifest(child(header, "manifest")?, contract)?;
    handling(header, contract)?;
    let payload = payload(child(envelope, "payloads")?, manifest_id)?;
    Ok((sender.unwrap_or("UNKNOWN").to_owned(), payload))
}

fn ods_address(address: &XmlElement) -> Result<&str, Violation> {
    shape(address, ITK, &["type?", "uri"], &[])?;
    let ods = address.attribute("uri").and_then(|uri| uri.strip_prefix(ADDRESSING_SCHEME));
    ods.filter(|ods| !ods.is_empty()).ok_or_else(|| Violation::invalid("an ITK address must be urn:nhs-uk:addressing:ods:<ODS>"))
}

fn manifest<'a>(manifest: &'a XmlElement, contract: &Contract) -> Result<&'a str, Violation> {
    shape(manifest, ITK, &["count"], &[("manifestitem", 1, 1)])?;
    if manifest.attribute("count") != Some("1") {
        return Err(Violation::invalid("manifest/@count must be 1"));
    }
    let item = child(manifest, "manifestitem")?;
    shape(item, ITK, &["id", "mimetype", "profileid", "compressed?", "base64?", "encrypted?"], &[])?;
    if item.attribute("mimetype") != Some("text/xml") {
        return Err(Violation::invalid("manifestitem/@mimetype must be text/xml"));
    }
    if ["compressed", "base64", "encrypted"].iter().any(|flag| item.attribute(flag).is_some_and(|value| value != "false")) {
        return Err(Violation::invalid("the payload must be plain XML"));
    }
    if !contract.profile_ids.iter().any(|profile| item.attribute("profileid") == Some(profile)) {
        return Err(Violation::invalid("manifestitem/@profileid is not supported"));
    }
    let id = item.attribute("id").unwrap_or_default();
    if uuid_in_name(id).is_none() {
        return Err(Violation::invalid("manifestitem/@id must be uuid_ and a UUID"));
    }
    Ok(id)
}

fn handling(header: &XmlElement, contract: &Contract) -> Result<(), Violation> {
    let mut interaction = None;
    if let Some(handling) = header.child("handlingSpecification") {
        shape(handling, ITK, &[], &[("spec", 1, usize::MAX)])?;
        for spec in handling.all("spec") {
            shape(spec, ITK, &["key", "value"], &[])?;
            if spec.attribute("key") != Some("urn:nhs-itk:ns:201005:interaction") {
                return Err(Violation::invalid("only the interaction key belongs in the handling specification"));
            }
            interaction = spec.attribute("value");
        }
    }
    if !contract.interaction_id.is_empty() && interaction != Some(&contract.interaction_id) {
        return Err(Violation::invalid("the interaction id is not supported"));
    }
    Ok(())
}

fn payload<'a>(payloads: &'a XmlElement, manifest_id: &str) -> Result<&'a XmlElement, Violation> {
    shape(payloads, ITK, &["count"], &[("payload", 1, 1)])?;
    if payloads.attribute("count") != Some("1") {
        return Err(Violation::invalid("payloads/@count must be 1"));
    }
    let payload = child(payloads, "payload")?;
    if payload.attribute("id") != Some(manifest_id) {
        return Err(Violation::invalid("payload/@id must be the manifest item's id"));
    }
    match payload.children.as_slice() {
        [root] if payload.attributes.len() == 1 && payload.text.is_empty() => Ok(root),
        _ => Err(Violation::invalid("payload must hold one element and have no attribute but id")),
    }
}

/// Collects every id of the message, for the reply and to notice a message that is sent twice.
pub(super) fn collect_ids(root: &XmlElement, checked: &mut RequestCheck) {
    let mut ids = Vec::new();
    let mut keep = |id: &str| {
        if is_uuid(id) {
            ids.push(id.to_owned());
        }
    };
    root.walk(&mut |e| match e.name.as_str() {
        "MessageID" if e.namespace == ADDRESSING => {
            let id = without_prefix(&e.text);
            keep(id);
            checked.message_id.get_or_insert_with(|| id.to_owned());
        }
        "Timestamp" => e.attributes.iter().filter(|a| a.name == "Id").filter_map(|a| uuid_in_name(&a.value)).for_each(&mut keep),
        "header" if e.namespace == ITK => {
            let id = e.attribute("trackingid").unwrap_or_default();
            keep(id);
            checked.tracking_id.get_or_insert_with(|| id.to_owned());
        }
        "manifestitem" => e.attribute("id").and_then(uuid_in_name).into_iter().for_each(&mut keep),
        "cP-ISNHSQuery" | "QUPC_IN000006GB01" => {
            e.child("id").and_then(|id| id.attribute("root")).into_iter().for_each(&mut keep);
        }
        _ => {}
    });
    checked.ids = ids;
}
