//! Spine's replies: `REPC_IN000007GB01`, `QUQI_IN010000UK14`, `MCCI_IN010000UK13` (wire.md 3.5, 4.1 to 4.5, 4.8).

use super::{payload::time, xml::Xml};
use crate::cpis::MessageIds;
use jiff::Timestamp;

const SERVICE: &str = "urn:nhs:names:services:cpisquery";
const ISSUES: &str = "2.16.840.1.113883.2.1.3.2.4.17.42";
const ASID: &str = "1.2.826.0.1285.0.2.0.107";
const SPINE_ASID: &str = "200000000999";
const OUR_ASID: &str = "200000000115";

/// The ids that a reply refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TmsIds {
    /// The id of the request; `wsa:RelatesTo` is `uuid:` and this id.
    pub relates_to: Option<String>,
    /// The id of the query message, for `messageRef`.
    pub query_message: String,
    pub at: Timestamp,
}

/// The forms of a failed query act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryFailure {
    /// "NHS number not found": the two reasons and `ID`, as the harness sends them.
    NotFound,
    /// The same with the prefix `hl7:` on every element and without `queryAck`, as Spine's stylesheet writes it (wire.md 4.3).
    NotFoundPrefixed,
    /// Only `NF`, without a reason: it must not be believed (decisions.md 2).
    NoReason,
    /// A reason that is not "not found".
    OtherReason,
}

/// `REPC_IN000007GB01` around `payload` (written in [`super::PayloadStyle::Spine`], without a code), inside the second, outer
/// `CP-ISNHSQueryResponse`, which inherits no default namespace (wire.md 3.5, rows 9 to 12).
#[must_use]
pub fn query_response(payload: &str, ids: &TmsIds) -> String {
    soap(&format!("{SERVICE}/REPC_IN000007GB01"), ids, |xml| {
        xml.element("CP-ISNHSQueryResponse", &[("xmlns:npfitlc", "NPFIT:HL7:Localisation")], |xml| {
            xml.element("REPC_IN000007GB01", &[], |xml| {
                wrapper(xml, "", "REPC_IN000007GB01", "v3INF_DMSv5.7:FIN", ids, |_| {});
                control_act(xml, "", |xml| {
                    xml.element("subject", &[("typeCode", "SUBJ")], |xml| xml.raw(payload));
                    query_ack(xml, "", "OK");
                });
            });
        });
    })
}

/// `QUQI_IN010000UK14`, acknowledgement AE.
#[must_use]
pub fn query_failure(how: QueryFailure, ids: &TmsIds) -> String {
    let prefix = if how == QueryFailure::NotFoundPrefixed { "hl7:" } else { "" };
    let name = format!("{prefix}QUQI_IN010000UK14");
    soap(&format!("{SERVICE}/QUQI_IN010000UK14"), ids, |xml| {
        xml.element("CP-ISNHSQueryResponse", &[("xmlns:npfitlc", "NPFIT:HL7:Localisation")], |xml| {
            let namespace = if prefix.is_empty() { "xmlns" } else { "xmlns:hl7" };
            xml.element(&name, &[(namespace, "urn:hl7-org:v3")], |xml| {
                wrapper(xml, prefix, "QUQI_IN010000UK14", "V3NPfIT3.0", ids, |xml| {
                    acknowledgement(xml, prefix, "AE", ids, false);
                });
                control_act(xml, prefix, |xml| match how {
                    QueryFailure::NotFound | QueryFailure::NotFoundPrefixed => {
                        reason(xml, prefix, "1", "NHS Number Not Found");
                        reason(xml, prefix, "NHSNCC002", "NHS Number Not Found");
                        if how == QueryFailure::NotFound {
                            query_ack(xml, prefix, "ID");
                        }
                    }
                    QueryFailure::NoReason => query_ack(xml, prefix, "NF"),
                    QueryFailure::OtherReason => {
                        reason(xml, prefix, "NHSNCC002", "NHS Number Not Found");
                        reason(xml, prefix, "GE001", "Other business error");
                        query_ack(xml, prefix, "ID");
                    }
                });
            });
        });
    })
}

/// `MCCI_IN010000UK13`: GE002 as a reason under AE, or, when `rejected`, as an acknowledgement detail under AR (wire.md 4.5).
#[must_use]
pub fn business_error(rejected: bool, ids: &TmsIds) -> String {
    soap(&format!("{SERVICE}/MCCI_IN010000UK13"), ids, |xml| {
        xml.element("MCCI_IN010000UK13", &[("xmlns", "urn:hl7-org:v3")], |xml| {
            let code = if rejected { "AR" } else { "AE" };
            wrapper(xml, "", "MCCI_IN010000UK13", "V3NPfIT3.0", ids, |xml| acknowledgement(xml, "", code, ids, rejected));
            control_act(xml, "", |xml| {
                if !rejected {
                    reason(xml, "", "GE002", "Unexpected business error encountered.");
                }
            });
        });
    })
}

fn soap(action: &str, ids: &TmsIds, body: impl FnOnce(&mut Xml)) -> String {
    let mut xml = Xml::new();
    xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let namespaces = [
        ("xmlns:SOAP", "http://schemas.xmlsoap.org/soap/envelope/"),
        ("xmlns:wsa", "http://schemas.xmlsoap.org/ws/2004/08/addressing"),
    ];
    xml.element("SOAP:Envelope", &namespaces, |xml| {
        xml.element("SOAP:Header", &[], |xml| {
            xml.text("wsa:MessageID", &format!("uuid:{}", MessageIds::fresh().message));
            xml.text("wsa:Action", action);
            xml.text("wsa:To", "https://cpis-client.example.nhs.uk/");
            xml.element("wsa:From", &[], |xml| xml.text("wsa:Address", "https://cpisquery.national.ncrs.nhs.uk/syncservice"));
            if let Some(relates_to) = &ids.relates_to {
                xml.text("wsa:RelatesTo", &format!("uuid:{relates_to}"));
            }
        });
        xml.element("SOAP:Body", &[], body);
    });
    xml.finish()
}

fn wrapper(xml: &mut Xml, prefix: &str, interaction: &str, version: &str, ids: &TmsIds, acknowledgement: impl FnOnce(&mut Xml)) {
    let name = |local: &str| format!("{prefix}{local}");
    xml.empty(&name("id"), &[("root", &MessageIds::fresh().wrapper)]);
    xml.empty(&name("creationTime"), &[("value", &time(ids.at, false))]);
    xml.empty(&name("versionCode"), &[("code", version)]);
    xml.empty(&name("interactionId"), &[("root", "2.16.840.1.113883.2.1.3.2.4.12"), ("extension", interaction)]);
    xml.empty(&name("processingCode"), &[("code", "P")]);
    xml.empty(&name("processingModeCode"), &[("code", "T")]);
    xml.empty(&name("acceptAckCode"), &[("code", "NE")]);
    acknowledgement(xml);
    for (element, code, asid) in [("communicationFunctionRcv", "RCV", OUR_ASID), ("communicationFunctionSnd", "SND", SPINE_ASID)]
    {
        xml.element(&name(element), &[("typeCode", code)], |xml| {
            xml.element(&name("device"), &[("classCode", "DEV"), ("determinerCode", "INSTANCE")], |xml| {
                xml.empty(&name("id"), &[("root", ASID), ("extension", asid)]);
            });
        });
    }
}

fn acknowledgement(xml: &mut Xml, prefix: &str, code: &str, ids: &TmsIds, with_detail: bool) {
    xml.element(&format!("{prefix}acknowledgement"), &[("typeCode", code)], |xml| {
        if with_detail {
            xml.element(&format!("{prefix}acknowledgementDetail"), &[("typeCode", "ER")], |xml| {
                let text = "Unexpected business error encountered.";
                xml.empty(&format!("{prefix}code"), &[("code", "GE002"), ("codeSystem", ISSUES), ("displayName", text)]);
            });
        }
        xml.element(&format!("{prefix}messageRef"), &[], |xml| {
            xml.empty(&format!("{prefix}id"), &[("root", &ids.query_message)]);
        });
    });
}

fn control_act(xml: &mut Xml, prefix: &str, inside: impl FnOnce(&mut Xml)) {
    let name = |local: &str| format!("{prefix}{local}");
    xml.element(&name("ControlActEvent"), &[("classCode", "CACT"), ("moodCode", "EVN")], |xml| {
        xml.element(&name("author1"), &[("typeCode", "AUT")], |xml| {
            xml.element(&name("AgentSystemSDS"), &[("classCode", "AGNT")], |xml| {
                xml.element(&name("agentSystemSDS"), &[("classCode", "DEV"), ("determinerCode", "INSTANCE")], |xml| {
                    xml.empty(&name("id"), &[("root", ASID), ("extension", SPINE_ASID)]);
                });
            });
        });
        inside(xml);
    });
}

fn reason(xml: &mut Xml, prefix: &str, code: &str, text: &str) {
    let name = |local: &str| format!("{prefix}{local}");
    xml.element(&name("reason"), &[("typeCode", "RSON")], |xml| {
        xml.element(&name("justifyingDetectedIssueEvent"), &[("classCode", "ALRT"), ("moodCode", "EVN")], |xml| {
            xml.element(&name("code"), &[("code", code), ("codeSystem", ISSUES), ("displayName", text)], |xml| {
                xml.empty(&name("qualifier"), &[("code", "ER")]);
            });
        });
    });
}

fn query_ack(xml: &mut Xml, prefix: &str, code: &str) {
    xml.element(&format!("{prefix}queryAck"), &[("type", "QueryAck")], |xml| {
        xml.empty(&format!("{prefix}queryResponseCode"), &[("code", code)]);
    });
}
