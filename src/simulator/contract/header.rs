//! HTTP and the SOAP headers (wire.md 5.1, 5.2).

use super::{
    Contract, Violation, ViolationKind,
    shape::{is_uuid, uuid_in_name},
};
use crate::simulator::{http::HttpRequest, tree::XmlElement};
use jiff::{SignedDuration, Timestamp};
use url::Url;

pub(super) const ADDRESSING: &str = "http://www.w3.org/2005/08/addressing";
const SECURITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const UTILITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";
/// The contract says 250 ms, but rehearsals run on machines with inexact clocks.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(5);

/// Method, content type and `SOAPAction`.
pub(super) fn transport(request: &HttpRequest, contract: &Contract) -> Result<(), Violation> {
    if request.method != "POST" {
        return Err(Violation::invalid("the method must be POST"));
    }
    let content_type = request.header("content-type").unwrap_or_default();
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next().unwrap_or_default().eq_ignore_ascii_case("text/xml") {
        return Err(Violation::invalid("Content-Type must be text/xml"));
    }
    let is_utf8 = |part: &str| {
        let value = part.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset")).map(|(_, value)| value);
        value.is_none_or(|value| value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8"))
    };
    if !parts.all(is_utf8) {
        return Err(Violation::invalid("the charset must be utf-8"));
    }
    let action = request.header("soapaction").ok_or_else(|| Violation::invalid("there must be one SOAPAction header"))?;
    let bare = action.strip_prefix('"').and_then(|a| a.strip_suffix('"')).unwrap_or(action);
    if bare != contract.action {
        return Err(Violation::invalid("SOAPAction is not an action of this service"));
    }
    Ok(())
}

/// Every SOAP header.
pub(super) fn check(
    header: &XmlElement,
    request: &HttpRequest,
    client: &str,
    contract: &Contract,
    now: Timestamp,
) -> Result<(), Violation> {
    must_understand(header)?;
    let message_id = one(header, ADDRESSING, "MessageID")?;
    if !is_uuid(without_prefix(&message_id.text)) {
        return Err(Violation::invalid("wsa:MessageID must be a UUID in five groups, 8-4-4-4-12"));
    }
    if one(header, ADDRESSING, "Action")?.text != contract.action {
        return Err(Violation::invalid("wsa:Action must be the SOAPAction"));
    }
    posted_to(&one(header, ADDRESSING, "To")?.text, request)?;
    for reply_to in header.children.iter().filter(|child| child.is(ADDRESSING, "ReplyTo")) {
        if reply_to.child("Address").is_none_or(|address| address.text != ANONYMOUS) {
            return Err(Violation::invalid("wsa:ReplyTo, if sent, must be anonymous"));
        }
    }
    if header.child("FaultTo").is_some() {
        return Err(Violation::invalid("wsa:FaultTo is for asynchronous calls only"));
    }
    no_reference_parameters(header)?;
    let security = one(header, SECURITY, "Security")?;
    timestamp(one(security, UTILITY, "Timestamp")?, now)?;
    username(security, client)
}

fn must_understand(header: &XmlElement) -> Result<(), Violation> {
    let known = |e: &XmlElement| e.namespace == ADDRESSING || e.is(SECURITY, "Security");
    let demands = |e: &XmlElement| {
        let value = e.attribute_in(super::envelope::SOAP, "mustUnderstand");
        matches!(value, Some("1" | "true"))
    };
    if header.children.iter().any(|e| demands(e) && !known(e)) {
        return Err(Violation::new(ViolationKind::MustUnderstand, "an unknown header must be understood"));
    }
    Ok(())
}

fn one<'a>(parent: &'a XmlElement, namespace: &str, name: &str) -> Result<&'a XmlElement, Violation> {
    let mut found = parent.children.iter().filter(|child| child.is(namespace, name));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(Violation::invalid(format!("{} must hold exactly one {name}, in the namespace {namespace}", parent.name))),
    }
}

/// Removes `urn:uuid:`, `uuid:` or `urn:` before a UUID.
pub(super) fn without_prefix(id: &str) -> &str {
    let id = id.strip_prefix("urn:").unwrap_or(id);
    id.strip_prefix("uuid:").unwrap_or(id)
}

fn posted_to(to: &str, request: &HttpRequest) -> Result<(), Violation> {
    let posted = Url::parse(&format!("https://{}{}", request.header("host").unwrap_or_default(), request.target));
    match (posted, Url::parse(to)) {
        (Ok(posted), Ok(to)) if posted == to => Ok(()),
        _ => Err(Violation::invalid("wsa:To must be the URL that is posted to")),
    }
}

fn no_reference_parameters(header: &XmlElement) -> Result<(), Violation> {
    let mut found = false;
    header.walk(&mut |e| found |= e.name == "ReferenceParameters" || e.name == "ReferenceProperties");
    if found { Err(Violation::invalid("wsa:ReferenceParameters must not be used")) } else { Ok(()) }
}

fn timestamp(element: &XmlElement, now: Timestamp) -> Result<(), Violation> {
    if element.attribute_in(UTILITY, "Id").and_then(uuid_in_name).is_none() {
        return Err(Violation::invalid("wsu:Timestamp must have a wsu:Id that is an XML name and holds a UUID"));
    }
    let created = utc(one(element, UTILITY, "Created")?)?;
    let expires = utc(one(element, UTILITY, "Expires")?)?;
    if created > expires {
        return Err(Violation::invalid("wsu:Created must not be after wsu:Expires"));
    }
    if created > now + CLOCK_SKEW {
        return Err(Violation::invalid("wsu:Created lies in the future"));
    }
    if expires <= now {
        return Err(Violation::invalid("the message has expired"));
    }
    Ok(())
}

fn utc(element: &XmlElement) -> Result<Timestamp, Violation> {
    let time = element.text.ends_with('Z').then(|| element.text.parse().ok()).flatten();
    time.ok_or_else(|| Violation::invalid(format!("wsu:{} must be a time in UTC", element.name)))
}

fn username(security: &XmlElement, client: &str) -> Result<(), Violation> {
    let token = one(security, SECURITY, "UsernameToken")?;
    if one(token, SECURITY, "Username")?.text != client {
        return Err(Violation::new(
            ViolationKind::AccessDenied,
            "wsse:Username must be the subject CN of the client certificate",
        ));
    }
    if token.child("Password").is_some() {
        return Err(Violation::invalid("wsse:Password is not used"));
    }
    Ok(())
}
