//! The ITK distribution envelope and the SOAP envelope of an SMSP's answer (wire.md 5.2 to 5.4).

use super::xml::Xml;
use crate::cpis::MessageIds;
use base64::{Engine, engine::general_purpose::STANDARD};
use std::io::Write;

const RESPONSE_PROFILE: &str = "urn:nhs-en:profile:SMSP-CP-ISNHSQueryResponse-v1-0";
const RESPONSE_INTERACTION: &str = "urn:nhs-itk:interaction:SMSP-CP-ISNHSQueryResponse-v1-0";
const ADDRESS: &str = "2.16.840.1.113883.2.1.3.2.4.18.22";
const IDENTITY: &str = "2.16.840.1.113883.2.1.3.2.4.18.27";
const FAULT_ACTION: &str = "http://www.w3.org/2005/08/addressing/soap/fault";

/// The ids and addresses of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeIds {
    /// `wsa:MessageID`.
    pub message: String,
    /// `wsa:RelatesTo`; `None` leaves it out, which is legal on a synchronous reply.
    pub relates_to: Option<String>,
    /// `@trackingid`.
    pub tracking: String,
    /// Without `uuid_`.
    pub payload: String,
    /// The request's action; `Response` is appended.
    pub action: String,
    /// The ODS code of the organisation that asks.
    pub receiver_ods: String,
    /// The ODS code of the provider.
    pub provider_ods: String,
}

impl EnvelopeIds {
    /// Fresh ids for a reply to the message `relates_to`, with the usual action and invented addresses.
    #[must_use]
    pub fn fresh(relates_to: &str) -> Self {
        let ids = MessageIds::fresh();
        Self {
            message: ids.message,
            relates_to: Some(relates_to.to_owned()),
            tracking: ids.tracking,
            payload: ids.payload,
            action: "urn:nhs-itk:services:201005:sendRecvDistEnvelope".to_owned(),
            receiver_ods: "RX1".to_owned(),
            provider_ods: "SMSPORG".to_owned(),
        }
    }
}

/// The encoding of the payload in its envelope (wire.md 5.4 allows base64 and gzip in a response).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PayloadEncoding {
    #[default]
    Plain,
    Base64,
    /// gzip (RFC 1952), then base64.
    GzipBase64,
}

/// A whole SOAP reply with `payload` (XML without a declaration) in its distribution envelope.
#[must_use]
pub fn envelope(payload: &str, ids: &EnvelopeIds) -> String {
    encoded_envelope(payload, ids, PayloadEncoding::Plain)
}

/// Like [`envelope`], with the payload encoded.
#[must_use]
pub fn encoded_envelope(payload: &str, ids: &EnvelopeIds, encoding: PayloadEncoding) -> String {
    let service = format!("{}Response", ids.action);
    soap(&service, &ids.message, ids.relates_to.as_deref(), |xml| {
        xml.element("itk:DistributionEnvelope", &[("xmlns:itk", "urn:nhs-itk:ns:201005")], |xml| {
            xml.element("itk:header", &[("service", &service), ("trackingid", &ids.tracking)], |xml| header(xml, ids, encoding));
            xml.element("itk:payloads", &[("count", "1")], |xml| {
                xml.element("itk:payload", &[("id", &format!("uuid_{}", ids.payload))], |xml| match encoding {
                    PayloadEncoding::Plain => xml.raw(payload),
                    PayloadEncoding::Base64 => xml.raw(&STANDARD.encode(payload)),
                    PayloadEncoding::GzipBase64 => xml.raw(&STANDARD.encode(gzip(payload.as_bytes()))),
                });
            });
        });
    })
}

fn header(xml: &mut Xml, ids: &EnvelopeIds, encoding: PayloadEncoding) {
    let receiver = format!("urn:nhs-uk:addressing:ods:{}", ids.receiver_ods);
    let sender = format!("urn:nhs-uk:addressing:ods:{}", ids.provider_ods);
    let identity = format!("urn:nhs-uk:identity:ods:{}", ids.provider_ods);
    xml.element("itk:addresslist", &[], |xml| xml.empty("itk:address", &[("type", ADDRESS), ("uri", &receiver)]));
    xml.element("itk:auditIdentity", &[], |xml| xml.empty("itk:id", &[("type", IDENTITY), ("uri", &identity)]));
    xml.element("itk:manifest", &[("count", "1")], |xml| {
        let id = format!("uuid_{}", ids.payload);
        let mut item = vec![("id", id.as_str()), ("mimetype", "text/xml"), ("profileid", RESPONSE_PROFILE)];
        if encoding == PayloadEncoding::GzipBase64 {
            item.push(("compressed", "true"));
        }
        if encoding != PayloadEncoding::Plain {
            item.push(("base64", "true"));
        }
        xml.empty("itk:manifestitem", &item);
    });
    xml.empty("itk:senderAddress", &[("type", ADDRESS), ("uri", &sender)]);
    xml.element("itk:handlingSpecification", &[], |xml| {
        xml.empty("itk:spec", &[("key", "urn:nhs-itk:ns:201005:interaction"), ("value", RESPONSE_INTERACTION)]);
    });
}

/// A SOAP 1.1 envelope with the WS-Addressing headers of a reply.
pub(super) fn soap(action: &str, message: &str, relates_to: Option<&str>, body: impl FnOnce(&mut Xml)) -> String {
    let mut xml = Xml::new();
    xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let namespaces =
        [("xmlns:soap", "http://schemas.xmlsoap.org/soap/envelope/"), ("xmlns:wsa", "http://www.w3.org/2005/08/addressing")];
    xml.element("soap:Envelope", &namespaces, |xml| {
        xml.element("soap:Header", &[], |xml| {
            xml.text("wsa:MessageID", message);
            xml.text("wsa:Action", action);
            xml.text("wsa:To", "http://www.w3.org/2005/08/addressing/anonymous");
            if let Some(relates_to) = relates_to {
                xml.text("wsa:RelatesTo", relates_to);
            }
        });
        xml.element("soap:Body", &[], body);
    });
    xml.finish()
}

pub(super) fn fault_action() -> &'static str {
    FAULT_ACTION
}

/// `itk:InfrastructureResponse` with a failure: an asynchronous response that does not belong here (wire.md 5.6).
pub(in crate::simulator) fn infrastructure_response(ids: &EnvelopeIds) -> String {
    soap(&format!("{}Response", ids.action), &ids.message, ids.relates_to.as_deref(), |xml| {
        let attributes = [
            ("xmlns:itk", "urn:nhs-itk:ns:201005"),
            ("result", "Failure"),
            ("serviceRef", ids.action.as_str()),
            ("trackingIdRef", ids.tracking.as_str()),
        ];
        xml.element("itk:InfrastructureResponse", &attributes, |xml| {
            xml.element("itk:errors", &[], |xml| {
                xml.element("itk:errorInfo", &[], |xml| {
                    xml.text("itk:ErrorID", &ids.payload);
                    xml.element("itk:ErrorCode", &[("codeSystem", "2.16.840.1.113883.2.1.3.2.4.17.516")], |xml| {
                        xml.raw("DE0012");
                    });
                    xml.text("itk:ErrorText", "Payload Processing Error");
                });
            });
        });
    })
}

/// `itk:SimpleMessageResponse`: the "OK" of a one-way service (wire.md 5.6).
pub(in crate::simulator) fn simple_message_response(ids: &EnvelopeIds) -> String {
    soap(&format!("{}Response", ids.action), &ids.message, ids.relates_to.as_deref(), |xml| {
        xml.element("itk:SimpleMessageResponse", &[("xmlns:itk", "urn:nhs-itk:ns:201005")], |xml| xml.raw("OK"));
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    // Writing to a Vec cannot fail. If it did, the empty payload would show it.
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}
