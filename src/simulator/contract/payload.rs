//! The query: bare, or in its TMS wrapper (wire.md 2.1, 2.2, 2.6, 2.9).

use super::{
    Violation, ViolationKind, author,
    shape::{child, is_upper_uuid, shape},
};
use crate::{
    cpis::{Author, NhsNumber},
    simulator::tree::XmlElement,
};

pub(super) const HL7: &str = "urn:hl7-org:v3";
const ASID: &str = "1.2.826.0.1285.0.2.0.107";
const INTERACTION: &str = "QUPC_IN000006GB01";

/// A well-formed query. Its NHS number may still be wrong, which a response code says after all other checks.
pub(super) struct QueryPayload {
    pub id: String,
    /// The TMS wrapper's id, or the query's.
    pub message: String,
    pub nhs_number: Result<NhsNumber, Violation>,
    pub author: Author,
}

pub(super) fn check(root: &XmlElement) -> Result<QueryPayload, Violation> {
    match root.name.as_str() {
        "CP-ISQueryStub" => stub(root),
        INTERACTION => {
            let mut query = stub(wrapped(root)?)?;
            child(root, "id")?.attribute("root").unwrap_or_default().clone_into(&mut query.message);
            Ok(query)
        }
        _ => Err(Violation::invalid("the payload must be CP-ISQueryStub or QUPC_IN000006GB01")),
    }
}

fn stub(stub: &XmlElement) -> Result<QueryPayload, Violation> {
    shape(stub, HL7, &[], &[("cP-ISNHSQuery", 1, 1)])?;
    let query = child(stub, "cP-ISNHSQuery")?;
    mandatory(query, &["id"], "root", "Event ID")?;
    mandatory(query, &["queryByParameter", "person.NHSnumber", "value"], "extension", "NHS Number")?;
    if query.child("author").is_none_or(|author| author.children.len() < 2) {
        return Err(missing("[authorPerson or authorDevice]"));
    }
    let parts = [("effectiveTime", 1, 1), ("id", 1, 1), ("author", 1, 1), ("queryByParameter", 1, 1)];
    shape(query, HL7, &[], &parts)?;

    let time = child(query, "effectiveTime")?;
    shape(time, HL7, &["value"], &[])?;
    if !time.attribute("value").is_some_and(is_time_with_offset) {
        return Err(Violation::invalid("cP-ISNHSQuery/effectiveTime must be YYYYMMDDHHMMSS with an offset"));
    }
    let id = child(query, "id")?;
    shape(id, HL7, &["root"], &[])?;
    let id = id.attribute("root").unwrap_or_default();
    if !is_upper_uuid(id) {
        return Err(Violation::invalid("cP-ISNHSQuery/id must be a UUID in upper case"));
    }
    let author = author::check(child(query, "author")?)?;
    Ok(QueryPayload {
        id: id.to_owned(),
        message: id.to_owned(),
        nhs_number: nhs_number(child(query, "queryByParameter")?)?,
        author,
    })
}

/// The outer error is a wrong structure, the inner one an invalid number (SMSP-VAL-002).
fn nhs_number(parameter: &XmlElement) -> Result<Result<NhsNumber, Violation>, Violation> {
    shape(parameter, HL7, &[], &[("person.NHSnumber", 1, 1)])?;
    let person = child(parameter, "person.NHSnumber")?;
    shape(person, HL7, &[], &[("value", 1, 1)])?;
    let value = child(person, "value")?;
    shape(value, HL7, &["extension"], &[])?;
    let text = value.attribute("extension").unwrap_or_default();
    let number = NhsNumber::parse(text).ok().filter(|_| text.len() == 10);
    Ok(number.ok_or_else(|| Violation::new(ViolationKind::InputInvalid, "the NHS number must be ten digits and pass modulus 11")))
}

/// Spine's checks of the wrapper, with Spine's names for them (wire.md 2.6).
fn wrapped(root: &XmlElement) -> Result<&XmlElement, Violation> {
    let token = |ok: bool, name: &str| if ok { Ok(()) } else { Err(Violation::invalid(format!("ErrorBase1732.{name}"))) };
    let only = |name, attribute| only(root, name, attribute);
    token(only("id", "root").is_some_and(is_upper_uuid), "INVALID_ID")?;
    token(only("creationTime", "value").is_some(), "INVALID_CREATION_TIME")?;
    token(only("versionCode", "code").is_some(), "INVALID_VERSION_CODE")?;
    let interaction = only("interactionId", "extension") == Some(INTERACTION);
    token(
        interaction && only("interactionId", "root") == Some("2.16.840.1.113883.2.1.3.2.4.12"),
        "INCONSISTENT_HL7_INTERACTION_ID",
    )?;
    let device = |name: &str| {
        root.all(name).count() == 1
            && root.at(&[name, "device", "id"]).is_some_and(|id| id.attribute("root") == Some(ASID) && asid(id))
    };
    token(device("communicationFunctionRcv"), "INVALID_COMM_FUNC_RCV")?;
    token(device("communicationFunctionSnd"), "INVALID_COMM_FUNC_SND")?;
    token(root.all("ControlActEvent").count() == 1, "INVALID_CONTROL_ACT")?;
    let order = [
        ("id", 1, 1),
        ("creationTime", 1, 1),
        ("versionCode", 1, 1),
        ("interactionId", 1, 1),
        ("processingCode", 1, 1),
        ("processingModeCode", 1, 1),
        ("acceptAckCode", 1, 1),
        ("communicationFunctionRcv", 1, 1),
        ("communicationFunctionSnd", 1, 1),
        ("ControlActEvent", 1, 1),
    ];
    shape(root, HL7, &[], &order)?;
    let act = child(root, "ControlActEvent")?;
    let system = act.at(&["author1", "AgentSystemSDS", "agentSystemSDS", "id"]);
    if act.all("author1").count() != 1 || !system.is_some_and(|id| id.attribute("root") == Some(ASID) && asid(id)) {
        return Err(missing("author1"));
    }
    shape(act, HL7, &["classCode", "moodCode"], &[("author", 0, 1), ("author1", 1, 1), ("subject", 1, 1)])?;
    let subject = child(act, "subject")?;
    shape(subject, HL7, &["typeCode"], &[("CP-ISQueryStub", 1, 1)])?;
    child(subject, "CP-ISQueryStub")
}

/// The attribute of the only child called `name`, unless it is empty.
fn only<'a>(root: &'a XmlElement, name: &str, attribute: &str) -> Option<&'a str> {
    let mut found = root.children.iter().filter(|child| child.name == name);
    let first = found.next().filter(|_| found.next().is_none());
    first.and_then(|element| element.attribute(attribute)).filter(|value| !value.is_empty())
}

fn asid(id: &XmlElement) -> bool {
    id.attribute("extension").is_some_and(|asid| asid.len() == 12 && asid.bytes().all(|b| b.is_ascii_digit()))
}

/// Fails with Spine's token if the attribute at the end of `path` is missing or empty.
pub(super) fn mandatory(from: &XmlElement, path: &[&str], attribute: &str, what: &str) -> Result<(), Violation> {
    let value = from.at(path).and_then(|element| element.attribute(attribute));
    if value.is_some_and(|value| !value.trim().is_empty()) { Ok(()) } else { Err(missing(what)) }
}

pub(super) fn missing(what: &str) -> Violation {
    Violation::invalid(format!("ErrorBase1712.MANDATORY_DATA_MISSING|{what}"))
}

/// `YYYYMMDDHHMMSS` and `+hhmm` or `-hhmm` (wire.md 2.1, note T).
fn is_time_with_offset(text: &str) -> bool {
    let digits = |from: usize, to: usize| text.as_bytes().get(from..to).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let offset = text.as_bytes().get(14);
    let date = text.get(..8).and_then(|date| jiff::civil::Date::strptime("%Y%m%d", date).ok());
    text.len() == 19 && digits(0, 14) && matches!(offset, Some(b'+' | b'-')) && digits(15, 19) && date.is_some()
}
