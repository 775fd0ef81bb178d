//! Writes the CP-IS query in HL7 V3: `QUPC_MT000006GB01`, bare or in its TMS wrappers (wire.md 2).
//!
//! Fixed values of the message model are not written (wire.md 2.1): no `classCode`, no `templateId`, no `root` of the NHS number. Only the
//! TMS wrappers have theirs.

mod author;
pub(super) mod time;
pub(super) mod xml;

#[cfg(test)]
pub(super) mod sample;
#[cfg(test)]
mod tests;

pub(super) use author::smartcard;
pub use author::{WireAuthor, WireIdentity, author};

use super::{Dialect, PayloadForm};
use crate::cpis::{MessageIds, NhsNumber, Organisation, OrganisationKind, PersonName, Question, SdsId, Text};
use jiff::Timestamp;
use xml::{attribute, element};

/// The OIDs of wire.md appendix B that a request uses.
pub(super) mod oid {
    pub const SDS_USER: &str = "1.2.826.0.1285.0.2.0.65";
    pub const SDS_ROLE_PROFILE: &str = "1.2.826.0.1285.0.2.0.67";
    pub const SDS_ROLE: &str = "1.2.826.0.1285.0.2.1.104";
    pub const ASID: &str = "1.2.826.0.1285.0.2.0.107";
    pub const ODS_ORGANISATION: &str = "2.16.840.1.113883.2.1.3.2.4.19.1";
    pub const ODS_SITE: &str = "2.16.840.1.113883.2.1.3.2.4.19.2";
    pub const ITK_ADDRESS: &str = "2.16.840.1.113883.2.1.3.2.4.18.22";
    pub const ITK_IDENTITY: &str = "2.16.840.1.113883.2.1.3.2.4.18.27";
}

/// Declared on the root of the payload, so that the payload is complete without its envelope.
const NAMESPACES: &str = r#" xmlns="urn:hl7-org:v3" xmlns:npfitlc="NPFIT:HL7:Localisation""#;

/// Appends the payload in the dialect's form. `now` is the time of the query; `author` comes from [`author()`] for the same requester and
/// dialect.
pub fn write(
    out: &mut String,
    question: &Question,
    author: &WireAuthor<'_>,
    ids: &MessageIds,
    dialect: &Dialect,
    now: Timestamp,
) {
    match dialect.payload_form {
        PayloadForm::Stub => stub(out, NAMESPACES, &question.nhs_number, author, ids, dialect, now),
        PayloadForm::Tms => tms(out, question, author, ids, dialect, now),
    }
}

/// `CP-ISQueryStub` (wire.md 2.2).
fn stub(
    out: &mut String,
    namespaces: &str,
    nhs_number: &NhsNumber,
    author: &WireAuthor<'_>,
    ids: &MessageIds,
    dialect: &Dialect,
    now: Timestamp,
) {
    out.push_str("<CP-ISQueryStub");
    out.push_str(namespaces);
    out.push_str("><cP-ISNHSQuery><effectiveTime value=\"");
    time::compact(out, now);
    out.push_str("+0000\"/><id");
    attribute(out, "root", &ids.query);
    out.push_str("/><author>");
    match author.identity {
        WireIdentity::Person { user_id, role_profile_id } => person(out, author, user_id, role_profile_id, dialect),
        WireIdentity::System { asid, .. } => system(out, author, asid, dialect),
    }
    out.push_str("</author><queryByParameter><person.NHSnumber><value");
    attribute(out, "extension", nhs_number.digits());
    out.push_str("/></person.NHSnumber></queryByParameter></cP-ISNHSQuery></CP-ISQueryStub>");
}

/// Author person (wire.md 2.4).
fn person(out: &mut String, author: &WireAuthor<'_>, user_id: &SdsId, role_profile_id: Option<&SdsId>, dialect: &Dialect) {
    content_id(out, "COCT_TP145102GB01#AssignedAuthor");
    out.push_str("<COCT_TP145102GB01.AssignedAuthor>");
    job_role(out, author, dialect);
    id(out, oid::SDS_USER, user_id.as_str());
    if let Some(role_profile_id) = role_profile_id {
        id(out, oid::SDS_ROLE_PROFILE, role_profile_id.as_str());
    }
    out.push_str("<assignedAuthorPerson>");
    person_name(out, author.name);
    out.push_str("</assignedAuthorPerson><representedOrganization>");
    organisation(out, author.organisation);
    out.push_str("</representedOrganization></COCT_TP145102GB01.AssignedAuthor>");
}

/// Author device with the responsible person (wire.md 2.5).
fn system(out: &mut String, author: &WireAuthor<'_>, asid: &SdsId, dialect: &Dialect) {
    content_id(out, "COCT_TP145104GB01#System");
    out.push_str("<COCT_TP145104GB01.System>");
    id(out, oid::ASID, asid.as_str());
    out.push_str("<indirectAuthority><superiorAssignedEntity>");
    job_role(out, author, dialect);
    out.push_str("<assignedPerson>");
    person_name(out, author.name);
    out.push_str("</assignedPerson></superiorAssignedEntity></indirectAuthority><maintainingOrganization>");
    organisation(out, author.organisation);
    out.push_str("</maintainingOrganization></COCT_TP145104GB01.System>");
}

fn content_id(out: &mut String, template: &str) {
    out.push_str("<npfitlc:contentId root=\"2.16.840.1.113883.2.1.3.2.4.18.16\"");
    attribute(out, "extension", template);
    out.push_str("/>");
}

/// The code is passed on unchanged, even if it is a full role path (wire.md 2.4).
fn job_role(out: &mut String, author: &WireAuthor<'_>, dialect: &Dialect) {
    out.push_str("<code");
    attribute(out, "code", author.role_code);
    attribute(out, "codeSystem", &dialect.author.role_code_system);
    attribute(out, "displayName", author.role_name);
    out.push_str("/>");
}

fn id(out: &mut String, root: &str, extension: &str) {
    out.push_str("<id");
    attribute(out, "root", root);
    attribute(out, "extension", extension);
    out.push_str("/>");
}

fn person_name(out: &mut String, name: &PersonName) {
    out.push_str("<name>");
    name_parts(out, "prefix", &name.prefix);
    name_parts(out, "given", &name.given);
    name_parts(out, "family", &name.family);
    name_parts(out, "suffix", &name.suffix);
    out.push_str("</name>");
}

fn name_parts(out: &mut String, kind: &str, parts: &[Text]) {
    for part in parts.iter().map(Text::as_str).filter(|part| !xml::is_blank(part)) {
        element(out, kind, part);
    }
}

fn organisation(out: &mut String, organisation: &Organisation) {
    let root = match organisation.kind {
        OrganisationKind::Organisation => oid::ODS_ORGANISATION,
        OrganisationKind::Site => oid::ODS_SITE,
    };
    id(out, root, organisation.ods_code.as_str());
    element(out, "name", organisation.name.as_str());
}

/// `QUPC_IN000006GB01` (wire.md 2.9).
fn tms(out: &mut String, question: &Question, author: &WireAuthor<'_>, ids: &MessageIds, dialect: &Dialect, now: Timestamp) {
    // Neither is missing: `author` refuses the TMS form without them.
    let asid = dialect.asid_of(&question.requester.organisation).map_or("", SdsId::as_str);
    let to_asid = dialect.to_asid.as_ref().map_or("", SdsId::as_str);
    out.push_str("<QUPC_IN000006GB01");
    out.push_str(NAMESPACES);
    out.push_str("><id");
    attribute(out, "root", &ids.wrapper);
    out.push_str("/><creationTime value=\"");
    time::compact(out, now);
    out.push_str(concat!(
        r#""/><versionCode code="v3INF_DMSv5.7:FIN"/>"#,
        r#"<interactionId root="2.16.840.1.113883.2.1.3.2.4.12" extension="QUPC_IN000006GB01"/>"#,
        r#"<processingCode code="P"/><processingModeCode code="T"/><acceptAckCode code="NE"/>"#,
        r#"<communicationFunctionRcv typeCode="RCV"><device classCode="DEV" determinerCode="INSTANCE">"#,
    ));
    id(out, oid::ASID, to_asid);
    out.push_str(concat!(
        r#"</device></communicationFunctionRcv><communicationFunctionSnd typeCode="SND">"#,
        r#"<device classCode="DEV" determinerCode="INSTANCE">"#,
    ));
    id(out, oid::ASID, asid);
    out.push_str(r#"</device></communicationFunctionSnd><ControlActEvent classCode="CACT" moodCode="EVN">"#);
    control_act_author(out, question);
    out.push_str(concat!(
        r#"<author1 typeCode="AUT"><AgentSystemSDS classCode="AGNT">"#,
        r#"<agentSystemSDS classCode="DEV" determinerCode="INSTANCE">"#,
    ));
    id(out, oid::ASID, asid);
    out.push_str(r#"</agentSystemSDS></AgentSystemSDS></author1><subject typeCode="SUBJ">"#);
    stub(out, "", &question.nhs_number, author, ids, dialect, now);
    out.push_str("</subject></ControlActEvent></QUPC_IN000006GB01>");
}

/// The control act's author: only for a smartcard user with a role profile and with the role that the schema requires.
fn control_act_author(out: &mut String, question: &Question) {
    let requester = &question.requester;
    let role = requester.role.code.as_str();
    let Some((user_id, role_profile_id)) = smartcard(requester).filter(|_| !xml::is_blank(role)) else { return };
    out.push_str(r#"<author typeCode="AUT"><AgentPersonSDS classCode="AGNT">"#);
    id(out, oid::SDS_ROLE_PROFILE, role_profile_id.as_str());
    out.push_str(r#"<agentPersonSDS classCode="PSN" determinerCode="INSTANCE">"#);
    id(out, oid::SDS_USER, user_id.as_str());
    out.push_str(r#"</agentPersonSDS><part typeCode="PART"><partSDSRole classCode="ROL">"#);
    id(out, oid::SDS_ROLE, role);
    out.push_str("</partSDSRole></part></AgentPersonSDS></author>");
}
