//! SOAP faults (wire.md 4.7, 5.6).

use super::envelope::{fault_action, soap};
use crate::cpis::MessageIds;

/// Every fault that a client may receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultReply {
    /// `soap:Client` with this `ToolkitErrorInfo` code: 1000, 2200 or 3000.
    Client(u16),
    /// `soap:Server` with this `ToolkitErrorInfo` code: 2100, 2200 or 3000.
    Server(u16),
    VersionMismatch,
    MustUnderstand,
    /// `soap:Server` without a detail.
    NoDetail,
    /// From Spine: `nasp:errorList` with this code, 101 or 300.
    Spine(u16),
    /// SOAP 1.2: `env:Sender`, and `ToolkitErrorInfo` with this code.
    Soap12(u16),
}

/// The texts of a fault.
#[derive(Debug, Clone, Copy)]
pub struct FaultText<'a> {
    /// `faultstring` and `ErrorText`.
    pub text: &'a str,
    /// `ErrorDiagnosticText`.
    pub diagnostic: Option<&'a str>,
}

impl FaultReply {
    /// The default text.
    #[must_use]
    pub fn usual_text(self) -> &'static str {
        match self {
            Self::Client(1000) | Self::Server(1000) | Self::Soap12(1000) => "Invalid message",
            Self::Client(2100) | Self::Server(2100) | Self::Soap12(2100) => "Processing error (retryable)",
            Self::Client(3000) | Self::Server(3000) | Self::Soap12(3000) => "Access denied",
            Self::Client(_) | Self::Server(_) | Self::Soap12(_) => "Processing error (not retryable)",
            Self::VersionMismatch => "The version of SOAP is not supported",
            Self::MustUnderstand => "A header that must be understood is not",
            Self::NoDetail => "Internal error",
            Self::Spine(300) => "The sending system is not accredited for this interaction",
            Self::Spine(_) => "The service/interaction is not supported for the requested URI",
        }
    }
}

/// Writes a fault in its SOAP envelope.
#[must_use]
pub fn soap_fault(fault: FaultReply, relates_to: Option<&str>, words: FaultText<'_>) -> String {
    let ids = MessageIds::fresh();
    match fault {
        FaultReply::Client(code) => soap_11(&ids, relates_to, "soap:Client", words, Some(code)),
        FaultReply::Server(code) => soap_11(&ids, relates_to, "soap:Server", words, Some(code)),
        FaultReply::VersionMismatch => soap_11(&ids, relates_to, "soap:VersionMismatch", words, None),
        FaultReply::MustUnderstand => soap_11(&ids, relates_to, "soap:MustUnderstand", words, None),
        FaultReply::NoDetail => soap_11(&ids, relates_to, "soap:Server", words, None),
        FaultReply::Spine(code) => spine(&ids, relates_to, code, words),
        FaultReply::Soap12(code) => soap_12(&ids, relates_to, code, words),
    }
}

fn soap_11(ids: &MessageIds, relates_to: Option<&str>, fault_code: &str, words: FaultText<'_>, code: Option<u16>) -> String {
    soap(fault_action(), &ids.message, relates_to, |xml| {
        xml.element("soap:Fault", &[], |xml| {
            xml.text("faultcode", fault_code);
            xml.text("faultstring", words.text);
            if let Some(code) = code {
                xml.element("detail", &[], |xml| toolkit_error(xml, &ids.payload, code, words));
            }
        });
    })
}

fn toolkit_error(xml: &mut super::xml::Xml, id: &str, code: u16, words: FaultText<'_>) {
    xml.element("toolkit:ToolkitErrorInfo", &[("xmlns:toolkit", "urn:nhs-itk:ns:201005")], |xml| {
        xml.text("toolkit:ErrorID", id);
        xml.element("toolkit:ErrorCode", &[("codeSystem", "2.16.840.1.113883.2.1.3.2.4.17.268")], |xml| {
            xml.raw(&code.to_string());
        });
        xml.text("toolkit:ErrorText", words.text);
        if let Some(diagnostic) = words.diagnostic {
            xml.text("toolkit:ErrorDiagnosticText", diagnostic);
        }
    });
}

fn spine(ids: &MessageIds, relates_to: Option<&str>, code: u16, words: FaultText<'_>) -> String {
    soap(fault_action(), &ids.message, relates_to, |xml| {
        xml.element("soap:Fault", &[], |xml| {
            xml.text("faultcode", if code == 101 { "soap:Client" } else { "soap:Server" });
            xml.text("faultstring", words.text);
            xml.element("detail", &[], |xml| {
                xml.element("nasp:errorList", &[("xmlns:nasp", "http://national.carerecords.nhs.uk/schema/")], |xml| {
                    xml.element("nasp:error", &[], |xml| {
                        xml.text("nasp:codeContext", "urn:nhs:names:errors:tms");
                        xml.text("nasp:errorCode", &code.to_string());
                        xml.text("nasp:severity", "Error");
                        xml.text("nasp:location", "");
                        xml.text("nasp:description", words.text);
                    });
                });
            });
        });
    })
}

fn soap_12(ids: &MessageIds, relates_to: Option<&str>, code: u16, words: FaultText<'_>) -> String {
    let mut xml = super::xml::Xml::new();
    xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let namespaces =
        [("xmlns:env", "http://www.w3.org/2003/05/soap-envelope"), ("xmlns:wsa", "http://www.w3.org/2005/08/addressing")];
    xml.element("env:Envelope", &namespaces, |xml| {
        xml.element("env:Header", &[], |xml| {
            xml.text("wsa:MessageID", &ids.message);
            xml.text("wsa:Action", fault_action());
            if let Some(relates_to) = relates_to {
                xml.text("wsa:RelatesTo", relates_to);
            }
        });
        xml.element("env:Body", &[], |xml| {
            xml.element("env:Fault", &[], |xml| {
                xml.element("env:Code", &[], |xml| xml.text("env:Value", "env:Sender"));
                xml.element("env:Reason", &[], |xml| {
                    xml.element("env:Text", &[("xml:lang", "en")], |xml| xml.escaped(words.text));
                });
                xml.element("env:Detail", &[], |xml| toolkit_error(xml, &ids.payload, code, words));
            });
        });
    });
    xml.finish()
}
