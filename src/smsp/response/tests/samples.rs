//! Sample responses, composed in the shapes of wire.md 3.8, 4 and 5.4.

use crate::cpis::{Answer, Holding, NhsNumber, Record, RegisterError, RegisterErrorKind};
use crate::smsp::response::{QueryContext, SmspReply, read};
use jiff::Timestamp;

pub const ASKED: &str = "9990000018";
pub const OTHER: &str = "9990000026";
pub const THIRD: &str = "9990000034";
pub const MESSAGE_ID: &str = "E3B0C442-98FC-4C14-9AFB-F4C8996FB924";
pub const QUERY_ID: &str = "0F1E2D3C-4B5A-4978-8697-A5B4C3D2E1F0";
pub const RESPONSE_ID: &str = "A0B1C2D3-E4F5-4607-8192-03A4B5C6D7E8";
pub const RECEIVED: &str = "2026-01-15T09:30:17Z";
pub const EFFECTIVE: &str = "2026-01-15T09:30:16Z";

const NAMESPACES: &str = r#"xmlns="urn:hl7-org:v3" xmlns:npfitlc="NPFIT:HL7:Localisation""#;

pub fn number(digits: &str) -> NhsNumber {
    NhsNumber::parse(digits).unwrap()
}

pub fn received() -> Timestamp {
    RECEIVED.parse().unwrap()
}

/// Reads `body` as a response: HTTP 200, text/xml, for the child [`ASKED`].
pub fn read_body(body: impl AsRef<[u8]>) -> Result<Answer, RegisterError> {
    read_with_status(200, body)
}

pub fn read_with_status(status: u16, body: impl AsRef<[u8]>) -> Result<Answer, RegisterError> {
    read_reply(status, Some("text/xml; charset=utf-8"), body)
}

pub fn read_reply(status: u16, content_type: Option<&str>, body: impl AsRef<[u8]>) -> Result<Answer, RegisterError> {
    let nhs_number = number(ASKED);
    let asked = QueryContext {
        nhs_number: &nhs_number,
        message_id: MESSAGE_ID,
        wrapper_id: None,
        query_id: QUERY_ID,
        received: received(),
        is_first_reply: true,
    };
    read(SmspReply { status, content_type, body: body.as_ref() }, asked)
}

/// The kind of failure, for a response that must not become an answer.
pub fn failure_of(body: impl AsRef<[u8]>) -> RegisterErrorKind {
    read_body(body).expect_err("an answer").kind
}

/// The records, for a response that must become an answer.
pub fn records_of(body: impl AsRef<[u8]>) -> Vec<Record> {
    match read_body(body).expect("a failure").holding {
        Holding::Records(records) => records,
        Holding::NoRecord => panic!("no record"),
    }
}

/// A SOAP envelope without an ITK one, as TMS sends it.
pub fn soap(body: &str) -> String {
    soap_with_header(&format!("<wsa:RelatesTo>{MESSAGE_ID}</wsa:RelatesTo>"), body)
}

pub fn soap_with_header(header: &str, body: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:itk="urn:nhs-itk:ns:201005">
<soap:Header><wsa:MessageID>5DB6A0C1-3E0B-4B0C-9D0E-1F2A3B4C5D6E</wsa:MessageID>{header}</soap:Header>
<soap:Body>{body}</soap:Body>
</soap:Envelope>"#
    )
}

/// An ITK distribution envelope around `payload`, with further attributes of its manifest item.
pub fn distribution_envelope(item_attributes: &str, payload: &str) -> String {
    format!(
        r#"<itk:DistributionEnvelope>
<itk:header service="urn:nhs-itk:services:201005:sendRecvDistEnvelopeResponse" trackingid="2CF24DBA-5FB0-430E-A6E8-3B2AC5B9E29E">
<itk:manifest count="1"><itk:manifestitem id="uuid_9F86D081-884C-4D65-9A2F-EAA0C55AD015" mimetype="text/xml" profileid="urn:nhs-en:profile:SMSP-CP-ISNHSQueryResponse-v1-0" {item_attributes}/></itk:manifest>
<itk:handlingSpecification><itk:spec key="urn:nhs-itk:ns:201005:interaction" value="urn:nhs-itk:interaction:SMSP-CP-ISNHSQueryResponse-v1-0"/></itk:handlingSpecification>
</itk:header>
<itk:payloads count="1"><itk:payload id="uuid_9F86D081-884C-4D65-9A2F-EAA0C55AD015">{payload}</itk:payload></itk:payloads>
</itk:DistributionEnvelope>"#
    )
}

/// The usual response of an SMSP.
pub fn itk(payload: &str) -> String {
    soap(&distribution_envelope("", payload))
}

/// `value/@code` of the payload.
pub fn code(code: &str) -> String {
    format!(r#"<value code="{code}" codeSystem="2.16.840.1.113883.2.1.3.2.4.17.499" displayName="any"/>"#)
}

pub fn access_total(total: &str) -> String {
    format!(
        r#"<pertinentInformation11><pertinentTotalReturnedAccessRecords><value value="{total}"/></pertinentTotalReturnedAccessRecords></pertinentInformation11>"#
    )
}

pub fn record_total(total: &str) -> String {
    format!(
        r#"<pertinentInformation12><pertinentTotalReturnedChildRecords><value value="{total}"/></pertinentTotalReturnedChildRecords></pertinentInformation12>"#
    )
}

/// A payload with time and id, and `parts` after them.
pub fn payload(parts: &str) -> String {
    format!(
        r#"<CP-ISNHSQueryResponse {NAMESPACES}><effectiveTime value="20260115093016+0000"/><id root="{RESPONSE_ID}"/>{parts}</CP-ISNHSQueryResponse>"#
    )
}

/// A good answer of an SMSP with these records and accesses.
pub fn success(total: &str, accesses: &str, records: &str) -> String {
    itk(&payload(&format!("{}{}{accesses}{records}", code("SMSP-0000"), record_total(total))))
}

/// The "no record" answer of an SMSP (wire.md 3.8).
pub fn no_record() -> String {
    itk(&payload(&format!("{}{}{}", code("CPIS-0001"), access_total("0"), record_total("0"))))
}

/// A `pertinentInformation14` around one or more records.
pub fn information_14(records: &str) -> String {
    format!(
        "<pertinentInformation14><pertinentCP-ISRecordControlAct>{records}</pertinentCP-ISRecordControlAct></pertinentInformation14>"
    )
}

/// One `record` of Exampleshire, with these plans and subjects.
pub fn record(plans_and_subjects: &str) -> String {
    record_of(&authority("999", "Exampleshire County Council"), plans_and_subjects)
}

pub fn record_of(authority: &str, plans_and_subjects: &str) -> String {
    format!("<record>{authority}<CP-ISRecord>{plans_and_subjects}</CP-ISRecord></record>")
}

pub fn authority(ods_code: &str, name: &str) -> String {
    format!(
        r#"<communicationFunctionSnd><organisation><id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="{ods_code}"/><name>{name}</name><telecom value="tel:02079460001" use="WP"/><telecom value="tel:02079460002" use="EC"/></organisation></communicationFunctionSnd>"#
    )
}

/// An authority without anything readable.
pub fn unreadable_authority() -> &'static str {
    "<communicationFunctionSnd><organisation><name> </name></organisation></communicationFunctionSnd>"
}

/// A `pertinentInformation15` with its contentId and `template`.
pub fn information_15(template: &str) -> String {
    format!(
        r#"<pertinentInformation15><npfitlc:contentId xmlns:npfitlc="NPFIT:HL7:Localisation" root="2.16.840.1.113883.2.1.3.2.4.18.16" extension="any"/>{template}</pertinentInformation15>"#
    )
}

/// A child protection plan, with or without an end.
pub fn child_protection(start: &str, end: Option<&str>) -> String {
    information_15(&template("COCT_TP146105GB01.CPPInformation", "cPP", start, end))
}

pub fn looked_after(start: &str, end: Option<&str>) -> String {
    information_15(&template("COCT_TP146103GB01.LACInformation", "lAC", start, end))
}

pub fn unborn(start: &str, end: Option<&str>) -> String {
    information_15(&template("COCT_TP146104GB01.UCPInformation", "uCP", start, end))
}

pub fn template(name: &str, prefix: &str, start: &str, end: Option<&str>) -> String {
    let end = end.map_or_else(String::new, |end| {
        format!(r#"<component1><{prefix}EndDate><value value="{end}"/></{prefix}EndDate></component1>"#)
    });
    format!(r#"<{name}><component><{prefix}StartDate><value value="{start}"/></{prefix}StartDate></component>{end}</{name}>"#)
}

/// A child with an NHS number.
pub fn child(nhs_number: &str) -> String {
    child_with_ids(&nhs_id(nhs_number))
}

/// A child with these ids, possibly none.
pub fn child_with_ids(ids: &str) -> String {
    person_of_subject(ids, "Robin", "Testpatient", "20180401")
}

pub fn person_of_subject(ids: &str, given: &str, family: &str, born: &str) -> String {
    format!(
        r#"<subject><COCT_TP145101GB01.Child>{ids}<childPerson><birthTime value="{born}"/><name><given>{given}</given><family>{family}</family></name></childPerson></COCT_TP145101GB01.Child></subject>"#
    )
}

/// An unborn child, by its mother.
pub fn mother(ids: &str) -> String {
    format!(
        r#"<subject><COCT_TP145100GB01.UnbornChild><parentMotherPerson><birthTime value="19960229"/><name><given>Ada</given><family>Testmother</family></name><playedMother>{ids}</playedMother></parentMotherPerson></COCT_TP145100GB01.UnbornChild></subject>"#
    )
}

pub fn nhs_id(nhs_number: &str) -> String {
    format!(r#"<id root="2.16.840.1.113883.2.1.4.1" extension="{nhs_number}"/>"#)
}

/// One readable record of the child asked about, in its `pertinentInformation14`.
pub fn one_record() -> String {
    information_14(&record(&format!("{}{}", child_protection("202509010000", None), child(ASKED))))
}

/// The `pertinentInformation13` around `queries`.
pub fn information_13(queries: &str) -> String {
    format!("<pertinentInformation13>{queries}</pertinentInformation13>")
}

/// One access by a smartcard user.
pub fn access(id: &str, time: &str, about: &str) -> String {
    access_by(id, time, about, &format!("<author>{}</author>", person_author()))
}

pub fn access_by(id: &str, time: &str, about: &str, author: &str) -> String {
    format!(
        r#"<pertinentCP-ISNHSQuery><effectiveTime value="{time}"/><id root="{id}"/>{author}<queryByParameter><person.NHSnumber><value extension="{about}"/></person.NHSnumber></queryByParameter></pertinentCP-ISNHSQuery>"#
    )
}

pub fn person_author() -> &'static str {
    r#"<COCT_TP145102GB01.AssignedAuthor><code code="R0260" codeSystem="2.16.840.1.113883.2.1.3.2.4.17.196" displayName="General Medical Practitioner"/><id root="1.2.826.0.1285.0.2.0.65" extension="555000111222"/><id root="1.2.826.0.1285.0.2.0.67" extension="555000333444"/><assignedAuthorPerson><name><prefix>Dr</prefix><given>Asha</given><family>Example</family></name></assignedAuthorPerson><representedOrganization><id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="RX1"/><name>EXAMPLE UNIVERSITY HOSPITALS NHS TRUST</name></representedOrganization></COCT_TP145102GB01.AssignedAuthor>"#
}

pub fn system_author() -> &'static str {
    r#"<COCT_TP145104GB01.System><id root="1.2.826.0.1285.0.2.0.107" extension="200000000777"/><indirectAuthority><superiorAssignedEntity><code code="R0260" codeSystem="2.16.840.1.113883.2.1.3.2.4.17.196" displayName="Safeguarding Lead 020 7946 0000"/><assignedPerson><name><prefix>Ms</prefix><given>Kim</given><family>Sample</family></name></assignedPerson></superiorAssignedEntity></indirectAuthority><maintainingOrganization><id root="2.16.840.1.113883.2.1.3.2.4.19.2" extension="RX101"/><name>EXAMPLE 111 SITE</name></maintainingOrganization></COCT_TP145104GB01.System>"#
}

/// An answer with everything: two records, three plans, child and mother, both kinds of author.
pub fn full_answer() -> String {
    let accesses = [
        information_13(&access_by(
            "B1C2D3E4-F5A6-4718-92A3-14B5C6D7E8F9",
            "20251224231500+0000",
            ASKED,
            &format!("<author>{}</author>", system_author()),
        )),
        information_13(&access(QUERY_ID, "20260115093015+0000", ASKED)),
    ]
    .concat();
    let first = record(&format!(
        "{}{}{}",
        child_protection("202509010000", None),
        looked_after("202501150000", Some("202508310000")),
        child(ASKED)
    ));
    let second = record_of(
        &authority("998", "Borough &amp; City of Sampleton"),
        &format!("{}{}", unborn("202511010000", Some("202603010000")), child(ASKED) + &mother(&nhs_id(OTHER))),
    );
    let parts =
        [code("SMSP-0000"), access_total("2"), record_total("2"), accesses, information_14(&first), information_14(&second)];
    itk(&payload(&parts.concat()))
}

/// A TMS reply: `payload` in the control act of REPC_IN000007GB01, inside an outer element of the same name (wire.md 3.5, row 9).
pub fn tms(query_response_code: Option<&str>, reasons: &str, payload: &str) -> String {
    let acknowledgement = query_response_code
        .map_or_else(String::new, |code| format!(r#"<queryAck type="QueryAck"><queryResponseCode code="{code}"/></queryAck>"#));
    soap(&format!(
        r#"<CP-ISNHSQueryResponse xmlns:npfitlc="NPFIT:HL7:Localisation"><REPC_IN000007GB01>{}<ControlActEvent classCode="CACT" moodCode="EVN">{reasons}<subject typeCode="SUBJ">{payload}</subject>{acknowledgement}</ControlActEvent></REPC_IN000007GB01></CP-ISNHSQueryResponse>"#,
        transmission("REPC_IN000007GB01", "")
    ))
}

/// "Query act failed" with these reasons (wire.md 4.4).
pub fn quqi(query_response_code: Option<&str>, reasons: &str) -> String {
    quqi_named("QUQI_IN010000UK14", query_response_code, reasons)
}

pub fn quqi_named(name: &str, query_response_code: Option<&str>, reasons: &str) -> String {
    let acknowledgement = query_response_code
        .map_or_else(String::new, |code| format!(r#"<queryAck type="QueryAck"><queryResponseCode code="{code}"/></queryAck>"#));
    soap(&format!(
        r#"<CP-ISNHSQueryResponse><{name}>{}<ControlActEvent classCode="CACT" moodCode="EVN">{reasons}{acknowledgement}</ControlActEvent></{name}></CP-ISNHSQueryResponse>"#,
        transmission(
            name,
            r#"<acknowledgement typeCode="AE"><messageRef><id root="6B29FC40-CA47-4067-B31D-00DD010662DA"/></messageRef></acknowledgement>"#
        )
    ))
}

pub fn reason(code: &str, qualifier: &str) -> String {
    format!(
        r#"<reason typeCode="RSON"><justifyingDetectedIssueEvent classCode="ALRT" moodCode="EVN"><code code="{code}" codeSystem="2.16.840.1.113883.2.1.3.2.4.17.42" displayName="any"><qualifier code="{qualifier}"/></code></justifyingDetectedIssueEvent></reason>"#
    )
}

/// The business error of Spine (wire.md 4.5).
pub fn mcci(reasons: &str) -> String {
    soap(&format!(
        "<MCCI_IN010000UK13>{}<ControlActEvent>{reasons}</ControlActEvent></MCCI_IN010000UK13>",
        transmission("MCCI_IN010000UK13", r#"<acknowledgement typeCode="AE"/>"#)
    ))
}

fn transmission(interaction: &str, acknowledgement: &str) -> String {
    format!(
        r#"<id root="{RESPONSE_ID}"/><creationTime value="20260115093016"/><versionCode code="V3NPfIT3.0"/><interactionId root="2.16.840.1.113883.2.1.3.2.4.12" extension="{interaction}"/><acceptAckCode code="NE"/>{acknowledgement}<communicationFunctionRcv typeCode="RCV"><device><id root="1.2.826.0.1285.0.2.0.107" extension="200000000115"/></device></communicationFunctionRcv>"#
    )
}
