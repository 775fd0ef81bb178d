//! SOAP faults, 1.1 and 1.2, of ITK and of Spine (wire.md 4.7, 5.6), classified by decisions.md 18.

use super::xml::{Document, ReadError, XmlToken};
use crate::cpis::{RegisterErrorKind, Rejection};

/// The facts of a fault that decide its meaning.
#[derive(Default)]
pub(super) struct SoapFault {
    /// `faultcode`, or each known `Value` of a code and its subcodes, outermost first.
    codes: Vec<String>,
    /// `ToolkitErrorInfo/ErrorCode`.
    toolkit: Option<String>,
    /// Every `nasp:errorCode`.
    nasp: Vec<String>,
    /// An ErrorBase17xx token found in any text.
    error_base: Option<String>,
}

/// Reads the `Fault` whose start tag was read last.
pub(super) fn read(doc: &mut Document<'_>) -> Result<SoapFault, ReadError> {
    let level = doc.level();
    let mut fault = SoapFault::default();
    let mut name = "";
    let mut text = String::new();
    loop {
        match doc.next()? {
            XmlToken::Open(child) => {
                fault.note(name, &text);
                name = child;
                text.clear();
            }
            XmlToken::Text(piece) => text.push_str(&piece),
            XmlToken::Close => {
                fault.note(name, &text);
                name = "";
                text.clear();
                if doc.level() < level {
                    return Ok(fault);
                }
            }
            XmlToken::End => return Ok(fault),
        }
    }
}

impl SoapFault {
    fn note(&mut self, name: &str, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        match name {
            "faultcode" | "Value" => self.codes.extend(fault_code(text.rsplit(':').next().unwrap_or(text).trim())),
            "ErrorCode" if self.toolkit.is_none() => self.toolkit = Some(text.to_owned()),
            "errorCode" => self.nasp.push(text.to_owned()),
            _ => {}
        }
        if self.error_base.is_none() {
            self.error_base = error_base(text);
        }
    }

    /// The meaning of the fault: the most specific statement wins.
    pub(super) fn kind(&self) -> RegisterErrorKind {
        let (reason, code) =
            self.by_toolkit().or_else(|| self.by_nasp()).or_else(|| self.by_token()).unwrap_or_else(|| self.by_code());
        RegisterErrorKind::Rejected { reason, code }
    }

    fn by_toolkit(&self) -> Option<(Rejection, Option<String>)> {
        let code = self.toolkit.as_deref()?;
        let reason = match code {
            "1000" => Rejection::MessageInvalid,
            "2100" => Rejection::Busy,
            "3000" => Rejection::AccessDenied,
            _ => Rejection::NotProcessed,
        };
        Some((reason, plain_code(code)))
    }

    fn by_nasp(&self) -> Option<(Rejection, Option<String>)> {
        let sorted = |code: &str| match code {
            "300" => Rejection::AccessDenied,
            "101" => Rejection::MessageInvalid,
            _ => Rejection::NotProcessed,
        };
        let telling = self.nasp.iter().find(|code| sorted(code) != Rejection::NotProcessed);
        let code = telling.or(self.nasp.first())?;
        // An ErrorBase token says more than an unknown code.
        if telling.is_none() && self.error_base.is_some() {
            return None;
        }
        Some((sorted(code), plain_code(code)))
    }

    fn by_token(&self) -> Option<(Rejection, Option<String>)> {
        self.error_base.clone().map(|token| (Rejection::MessageInvalid, Some(token)))
    }

    fn by_code(&self) -> (Rejection, Option<String>) {
        // The innermost is the most specific.
        let code = self.codes.last().cloned();
        let reason = match self.codes.first().map(|code| base(code)) {
            Some("MustUnderstand" | "VersionMismatch") => Rejection::MessageInvalid,
            _ => Rejection::NotProcessed,
        };
        (reason, code)
    }
}

/// The codes of the standards, the only ones that may be shown: SOAP 1.1 and 1.2, WS-Security 1.1, WS-Addressing (1.0 and of 2004).
const FAULT_CODES: [&str; 33] = [
    "Client",
    "Server",
    "Sender",
    "Receiver",
    "MustUnderstand",
    "VersionMismatch",
    "DataEncodingUnknown",
    "ProcedureNotPresent",
    "BadArguments",
    // WS-Security
    "UnsupportedSecurityToken",
    "UnsupportedAlgorithm",
    "InvalidSecurity",
    "InvalidSecurityToken",
    "FailedAuthentication",
    "FailedCheck",
    "SecurityTokenUnavailable",
    "MessageExpired",
    // WS-Addressing
    "InvalidAddressingHeader",
    "InvalidAddress",
    "InvalidEPR",
    "InvalidCardinality",
    "MissingAddressInEPR",
    "DuplicateMessageID",
    "ActionMismatch",
    "OnlyAnonymousAddressSupported",
    "OnlyNonAnonymousAddressSupported",
    "MessageAddressingHeaderRequired",
    "DestinationUnreachable",
    "ActionNotSupported",
    "EndpointUnavailable",
    "InvalidMessageInformationHeader",
    "MessageInformationHeaderRequired",
    "UnsupportedMessageInformationHeader",
];

/// A code that may be shown. Includes the part after a dot only if that is known too.
fn fault_code(code: &str) -> Option<String> {
    const FINER: [&str; 2] = ["Authentication", "Header"];
    let base = base(code);
    let finer = code[base.len()..].strip_prefix('.').is_some_and(|finer| FINER.contains(&finer));
    FAULT_CODES.contains(&base).then(|| if finer { code } else { base }.to_owned())
}

fn base(code: &str) -> &str {
    code.split('.').next().unwrap_or(code)
}

/// A code that may be shown: at most seven capitals, then one to five digits, like the codes of Spine and of the toolkit. No NHS number,
/// birth date, postcode, telephone number or name has that form.
pub(super) fn plain_code(code: &str) -> Option<String> {
    let letters = code.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = &code.as_bytes()[letters..];
    let plain = letters <= 7 && matches!(digits.len(), 1..=5) && digits.iter().all(u8::is_ascii_digit);
    plain.then(|| code.to_owned())
}

/// The names of Spine's checks (wire.md 2.6). Any other text could be a person's name.
const ERROR_BASE_NAMES: [&str; 8] = [
    "MANDATORY_DATA_MISSING",
    "INVALID_ID",
    "INVALID_CREATION_TIME",
    "INVALID_VERSION_CODE",
    "INCONSISTENT_HL7_INTERACTION_ID",
    "INVALID_COMM_FUNC_RCV",
    "INVALID_COMM_FUNC_SND",
    "INVALID_CONTROL_ACT",
];

/// The token of one of Spine's checks, such as `ErrorBase1712.MANDATORY_DATA_MISSING` (wire.md 2.6).
fn error_base(text: &str) -> Option<String> {
    const START: &str = "ErrorBase17";
    let token = &text[text.find(START)?..];
    let digits = token.bytes().skip(START.len()).take_while(u8::is_ascii_digit).count();
    if digits != 2 {
        return None;
    }
    let number = START.len() + digits;
    let name = token[number..].strip_prefix('.').unwrap_or_default();
    let ends = name.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(name.len());
    let end = if ERROR_BASE_NAMES.contains(&&name[..ends]) { number + 1 + ends } else { number };
    Some(token[..end].to_owned())
}
