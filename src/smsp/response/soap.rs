//! Reads the wrappers: SOAP envelope, ITK distribution envelope, TMS interactions (wire.md 3.5, 4, 5.4). Looks into wrappers of unknown
//! name too, so that relevant elements are found anywhere in the body.

use super::{
    content::{FailedInteraction, ResponseContent, TmsIssue},
    encoded::{self, ManifestEncoding},
    fault, payload, times,
    xml::{Document, ReadError, XmlToken, is_infrastructure},
};
use crate::cpis::{AccessTime, Malformed, NonAnswer, Text};

/// An answer has only one item (wire.md 5.4).
const MOST_MANIFEST_ITEMS: usize = 16;

/// Reads a whole response.
///
/// # Errors
/// [`ReadError`] if it is not SOAP, or not a well-formed document within the limits.
pub(super) fn read(body: &[u8]) -> Result<ResponseContent, ReadError> {
    let mut doc = Document::open(body)?;
    let mut found = ResponseContent::default();
    if doc.child(0)? != Some("Envelope") {
        return Err(ReadError::Unreadable(Malformed::NotAnEnvelope));
    }
    envelope(&mut doc, &mut found)?;
    finish(&mut doc, &mut found)?;
    Ok(found)
}

fn finish(doc: &mut Document<'_>, found: &mut ResponseContent) -> Result<(), ReadError> {
    doc.finish()?;
    let traces = doc.traces();
    found.traces.record |= traces.record;
    found.traces.templates += traces.templates;
    Ok(())
}

fn envelope(doc: &mut Document<'_>, found: &mut ResponseContent) -> Result<(), ReadError> {
    let level = doc.level();
    let mut has_body = false;
    while let Some(name) = doc.child(level)? {
        match name {
            "Header" => header(doc, found)?,
            "Body" if has_body => return Err(ReadError::Unreadable(Malformed::TwoBodies)),
            "Body" => {
                has_body = true;
                look_inside(doc, found)?;
            }
            _ => {}
        }
    }
    if has_body { Ok(()) } else { Err(ReadError::Unreadable(Malformed::NoBody)) }
}

fn header(doc: &mut Document<'_>, found: &mut ResponseContent) -> Result<(), ReadError> {
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        if name == "RelatesTo" && is_reply(doc) {
            found.relates_to.push(Text::from(doc.text()?.trim()));
        }
    }
    Ok(())
}

/// Whether the `RelatesTo` read last is a reply relation, which is also the default type. Other relations, such as to a transaction, do not
/// say which message is answered (WS-Addressing 1.0 and its submission of 2004).
fn is_reply(relation: &Document<'_>) -> bool {
    const REPLY: &str = "http://www.w3.org/2005/08/addressing/reply";
    relation
        .attribute("RelationshipType")
        .is_none_or(|named| named.is_empty() || named.eq_ignore_ascii_case(REPLY) || named.rsplit(':').next() == Some("Reply"))
}

/// Looks at every child of the element read last.
pub(super) fn look_inside(doc: &mut Document<'_>, found: &mut ResponseContent) -> Result<(), ReadError> {
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        look_at(doc, name, found)?;
    }
    Ok(())
}

/// Reads the element read last if it is known, otherwise looks inside.
pub(super) fn look_at(doc: &mut Document<'_>, name: &str, found: &mut ResponseContent) -> Result<(), ReadError> {
    match name {
        "CP-ISNHSQueryResponse" => payload::read(doc, found),
        "Fault" => {
            found.fault = Some(fault::read(doc)?);
            Ok(())
        }
        "DistributionEnvelope" => distribution_envelope(doc, found),
        "Envelope" => Err(ReadError::Unreadable(Malformed::TwoEnvelopes)),
        "InfrastructureResponse" => {
            found.other_body = Some(NonAnswer::InfrastructureReceipt);
            Ok(())
        }
        "SimpleMessageResponse" => {
            found.other_body = Some(NonAnswer::MessageReceipt);
            Ok(())
        }
        "subject" => subject(doc, found),
        "reason" => issue(doc, true, found),
        "acknowledgementDetail" => issue(doc, false, found),
        "messageRef" => message_ref(doc, found),
        "queryResponseCode" => {
            found.query_code.add(doc.attribute("code").unwrap_or_default().to_ascii_uppercase());
            Ok(())
        }
        _ if name.starts_with("QUQI_IN") => query_failed(doc, name, found),
        _ => {
            found.is_tms_response |= name.starts_with("REPC_IN");
            found.business_error |= name.starts_with("MCCI_IN");
            look_inside(doc, found)
        }
    }
}

/// The subject of a TMS control act is the payload. Any other subject may be a person in a record (decisions.md 54).
fn subject(doc: &mut Document<'_>, found: &mut ResponseContent) -> Result<(), ReadError> {
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        found.traces.record |= name != "CP-ISNHSQueryResponse" && !is_infrastructure(name);
        look_at(doc, name, found)?;
    }
    Ok(())
}

fn query_failed(doc: &mut Document<'_>, name: &str, found: &mut ResponseContent) -> Result<(), ReadError> {
    if found.query_failed.is_some() {
        return Err(ReadError::Unreadable(Malformed::TwoInteractions));
    }
    let is_known = name == "QUQI_IN010000UK14";
    let mut failed = FailedInteraction { is_known, id: Text::default(), created: AccessTime::Unknown };
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        match name {
            "id" => failed.id = Text::from(&*doc.attribute("root").unwrap_or_default()),
            "creationTime" => failed.created = times::moment(&doc.attribute("value").unwrap_or_default()),
            _ => look_at(doc, name, found)?,
        }
    }
    found.query_failed = Some(failed);
    Ok(())
}

/// Reads a `reason` (its code in `justifyingDetectedIssueEvent`, with a `qualifier`) or an `acknowledgementDetail` (its code as child,
/// qualified by its `typeCode`), wire.md 4.2 to 4.5.
fn issue(doc: &mut Document<'_>, is_reason: bool, found: &mut ResponseContent) -> Result<(), ReadError> {
    let level = doc.level();
    let mut qualifier = if is_reason { String::new() } else { doc.attribute("typeCode").unwrap_or_default().into_owned() };
    let mut codes = Vec::new();
    while let Some(name) = descendant(doc, level)? {
        match name {
            "code" => codes.push(doc.attribute("code").unwrap_or_default().into_owned()),
            "qualifier" => qualifier = doc.attribute("code").unwrap_or_default().into_owned(),
            _ => {}
        }
    }
    if codes.is_empty() {
        codes.push(String::new());
    }
    // One qualifier for several codes says nothing about each of them.
    let is_mild = codes.len() == 1 && ["WG", "IF"].iter().any(|mild| qualifier.eq_ignore_ascii_case(mild));
    found.issues.extend(codes.into_iter().map(|code| TmsIssue { code, is_mild, is_reason }));
    Ok(())
}

/// Reads the id of the message that an `acknowledgement` answers (wire.md 4.2).
fn message_ref(doc: &mut Document<'_>, found: &mut ResponseContent) -> Result<(), ReadError> {
    let mut named = Text::default();
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        if name == "id" {
            named = Text::from(&*doc.attribute("root").unwrap_or_default());
        }
    }
    found.message_refs.push(named);
    Ok(())
}

/// The next element anywhere inside the one at `level`.
pub(super) fn descendant<'a>(doc: &mut Document<'a>, level: usize) -> Result<Option<&'a str>, ReadError> {
    loop {
        match doc.next()? {
            XmlToken::Open(name) => return Ok(Some(name)),
            XmlToken::Close if doc.level() < level => return Ok(None),
            XmlToken::End => return Ok(None),
            _ => {}
        }
    }
}

fn distribution_envelope(doc: &mut Document<'_>, found: &mut ResponseContent) -> Result<(), ReadError> {
    if std::mem::replace(&mut found.in_distribution_envelope, true) {
        return Err(ReadError::Unreadable(Malformed::TwoWrappers));
    }
    let mut manifest = Vec::new();
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        match name {
            "header" => manifest.extend(manifest_items(doc)?),
            "payloads" => payloads(doc, &manifest, found)?,
            _ => look_at(doc, name, found)?,
        }
    }
    Ok(())
}

/// An item of the manifest: the payload's id and its encoding.
type ManifestItem = (Text, ManifestEncoding);

fn manifest_items(doc: &mut Document<'_>) -> Result<Vec<ManifestItem>, ReadError> {
    let mut items = Vec::new();
    let level = doc.level();
    while let Some(name) = descendant(doc, level)? {
        if name == "manifestitem" {
            if items.len() == MOST_MANIFEST_ITEMS {
                return Err(ReadError::Unreadable(Malformed::TooManyParts));
            }
            items.push((Text::from(&*doc.attribute("id").unwrap_or_default()), ManifestEncoding::of(doc)));
        }
    }
    Ok(items)
}

fn payloads(doc: &mut Document<'_>, manifest: &[ManifestItem], found: &mut ResponseContent) -> Result<(), ReadError> {
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        if name != "payload" {
            look_at(doc, name, found)?;
            continue;
        }
        let encoding = encoding_of_payload(doc, manifest);
        if encoding.is_plain() {
            look_inside(doc, found)?;
            continue;
        }
        let decoded = encoded::decode(&doc.long_text()?, encoding)?;
        let mut inner = Document::open(&decoded)?;
        if let Some(root) = inner.child(0)? {
            look_at(&mut inner, root, found)?;
        }
        finish(&mut inner, found)?;
    }
    Ok(())
}

/// The encoding from the manifest item with the payload's id, else from the only item.
fn encoding_of_payload(doc: &Document<'_>, manifest: &[ManifestItem]) -> ManifestEncoding {
    let id = doc.attribute("id").unwrap_or_default();
    let own = manifest.iter().find(|(item, _)| item.as_str() == id);
    let only = manifest.first().filter(|_| manifest.len() == 1);
    own.or(only).map(|(_, encoding)| *encoding).unwrap_or_default()
}
