//! Wraps the query in the ITK distribution envelope and in SOAP 1.1 (wire.md 5.2, 5.4).

use super::{
    Dialect,
    query::{
        self, oid, smartcard, time,
        xml::{self, attribute, element},
    },
};
use crate::cpis::{MessageIds, Question, RegisterError, SdsId};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// How long a message is valid (wire.md 5.2, WS-SEC-05).
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// Enough for any request with names of ordinary length.
const CAPACITY: usize = 6 * 1024;

/// The characters that an identity does not encode. A colon is not one of them: it would add a token to the URN, and by the number of
/// tokens a provider distinguishes a person from an unattended system (wire.md 5.4.1).
const IDENTITY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'@');

/// Builds the whole SOAP document of one request. `now` becomes the time of the query and of the security header.
///
/// # Errors
/// [`crate::cpis::RegisterErrorKind::AuthorIncomplete`], as [`query::author`].
pub fn request(question: &Question, dialect: &Dialect, ids: &MessageIds, now: Timestamp) -> Result<String, RegisterError> {
    let author = query::author(&question.requester, dialect)?;
    let mut out = String::with_capacity(CAPACITY);
    out.push_str(concat!(
        r#"<?xml version="1.0" encoding="UTF-8"?>"#,
        r#"<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">"#,
    ));
    soap_header(&mut out, dialect, ids, now);
    out.push_str(r#"<soap:Body><itk:DistributionEnvelope xmlns:itk="urn:nhs-itk:ns:201005">"#);
    itk_header(&mut out, question, dialect, ids);
    out.push_str(r#"<itk:payloads count="1"><itk:payload id="uuid_"#);
    xml::push(&mut out, &ids.payload);
    out.push_str("\">");
    query::write(&mut out, question, &author, ids, dialect, now);
    out.push_str("</itk:payload></itk:payloads></itk:DistributionEnvelope></soap:Body></soap:Envelope>");
    Ok(out)
}

/// No `ReplyTo` and no `From`: neither is needed, and a wrong one is a fault (wire.md 5.2).
fn soap_header(out: &mut String, dialect: &Dialect, ids: &MessageIds, now: Timestamp) {
    out.push_str(r#"<soap:Header xmlns:wsa="http://www.w3.org/2005/08/addressing">"#);
    element(out, "wsa:MessageID", &ids.message);
    element(out, "wsa:Action", &dialect.action);
    element(out, "wsa:To", &dialect.url);
    out.push_str(concat!(
        "<wsse:Security",
        r#" xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd""#,
        r#" xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd">"#,
        r#"<wsu:Timestamp wsu:Id="uuid_"#,
    ));
    // An xs:ID must not start with a digit, but a UUID may.
    xml::push(out, &ids.timestamp);
    out.push_str("\"><wsu:Created>");
    time::iso(out, now);
    out.push_str("</wsu:Created><wsu:Expires>");
    time::iso(out, now.saturating_add(LIFETIME).unwrap_or(now));
    out.push_str("</wsu:Expires></wsu:Timestamp><wsse:UsernameToken>");
    element(out, "wsse:Username", &dialect.username);
    out.push_str("</wsse:UsernameToken></wsse:Security></soap:Header>");
}

/// The header of the distribution envelope, in schema order (wire.md 5.4).
fn itk_header(out: &mut String, question: &Question, dialect: &Dialect, ids: &MessageIds) {
    out.push_str("<itk:header");
    attribute(out, "service", &dialect.action);
    attribute(out, "trackingid", &ids.tracking);
    out.push('>');
    if let Some(receiver) = &dialect.receiver_ods {
        out.push_str("<itk:addresslist>");
        address(out, "itk:address", receiver);
        out.push_str("</itk:addresslist>");
    }
    audit_identity(out, question, dialect);
    out.push_str(r#"<itk:manifest count="1"><itk:manifestitem id="uuid_"#);
    xml::push(out, &ids.payload);
    out.push_str("\" mimetype=\"text/xml\"");
    attribute(out, "profileid", &dialect.profile_id);
    out.push_str("/></itk:manifest>");
    address(out, "itk:senderAddress", &dialect.sender_ods);
    if !dialect.interaction_id.is_empty() {
        out.push_str(r#"<itk:handlingSpecification><itk:spec key="urn:nhs-itk:ns:201005:interaction""#);
        attribute(out, "value", &dialect.interaction_id);
        out.push_str("/></itk:handlingSpecification>");
    }
    out.push_str("</itk:header>");
}

fn address(out: &mut String, name: &str, ods: &str) {
    out.push('<');
    out.push_str(name);
    attribute(out, "type", oid::ITK_ADDRESS);
    out.push_str(" uri=\"urn:nhs-uk:addressing:ods:");
    push_token(out, ods);
    out.push_str("\"/>");
}

/// Who asks, for the provider's audit: access method 3 for a smartcard user with a role profile, else method 2, plus the ASID of method 5
/// if there is one. Never method 1, which names only an organisation (wire.md 5.4.1). At most four ids.
fn audit_identity(out: &mut String, question: &Question, dialect: &Dialect) {
    let requester = &question.requester;
    let ods = requester.organisation.ods_code.as_str();
    out.push_str("<itk:auditIdentity>");
    if let Some((user_id, role_profile_id)) = smartcard(requester) {
        audit_id(out, oid::SDS_ROLE_PROFILE, role_profile_id.as_str());
        audit_id(out, oid::SDS_USER, user_id.as_str());
        organisation_id(out, ods, None);
    } else {
        organisation_id(out, ods, Some(requester.user.id.as_str()));
    }
    if let Some(asid) = dialect.asid_of(&requester.organisation).map(SdsId::as_str) {
        audit_id(out, oid::ASID, asid);
    }
    out.push_str("</itk:auditIdentity>");
}

fn audit_id(out: &mut String, kind: &str, uri: &str) {
    out.push_str("<itk:id");
    attribute(out, "type", kind);
    attribute(out, "uri", uri);
    out.push_str("/>");
}

fn organisation_id(out: &mut String, ods: &str, user: Option<&str>) {
    out.push_str("<itk:id");
    attribute(out, "type", oid::ITK_IDENTITY);
    out.push_str(" uri=\"urn:nhs-uk:identity:ods:");
    push_token(out, ods);
    if let Some(user) = user {
        out.push(':');
        push_token(out, user);
    }
    out.push_str("\"/>");
}

/// One token of a URN: percent-encoded, so nothing in it needs XML escaping.
fn push_token(out: &mut String, token: &str) {
    out.extend(utf8_percent_encode(token.trim(), IDENTITY));
}

#[cfg(test)]
mod tests;
