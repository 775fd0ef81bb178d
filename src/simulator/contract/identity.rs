//! The audit identity (wire.md 5.4.1). A message that cannot be audited is rejected with a response code, not with a fault.

use super::{
    Violation, ViolationKind,
    envelope::ITK,
    shape::{child, shape},
};
use crate::simulator::tree::XmlElement;

const IDENTITY: &str = "2.16.840.1.113883.2.1.3.2.4.18.27";
const TICKET: &str = "2.16.840.1.113883.2.1.3.2.4.18.47";
const USER: &str = "1.2.826.0.1285.0.2.0.65";
const ROLE_PROFILE: &str = "1.2.826.0.1285.0.2.0.67";
const ROLE: &str = "1.2.826.0.1285.0.2.1.104";
const ASID: &str = "1.2.826.0.1285.0.2.0.107";
const ODS_IDENTITY: &str = "urn:nhs-uk:identity:ods:";

/// Requires one to four ids that identify a person: method 2, 3 or 4, with or without an ASID (method 5).
pub(super) fn check(envelope: &XmlElement) -> Result<(), Violation> {
    let Some(audit) = child(envelope, "header")?.child("auditIdentity") else {
        return Err(rejected("there must be an audit identity"));
    };
    shape(audit, ITK, &[], &[("id", 1, 4)])?;
    let mut found = Vec::new();
    for id in audit.all("id") {
        shape(id, ITK, &["type?", "uri"], &[])?;
        let kind = id.attribute("type").unwrap_or(IDENTITY);
        if ![IDENTITY, TICKET, USER, ROLE_PROFILE, ROLE, ASID].contains(&kind) {
            return Err(Violation::invalid("an audit identity has a type that is not supported"));
        }
        found.push((kind, id.attribute("uri").unwrap_or_default()));
    }
    let of = |kind: &str| found.iter().find(|(k, _)| *k == kind).map(|(_, uri)| *uri);
    if of(ASID).is_some_and(|asid| asid.len() != 12 || !asid.bytes().all(|b| b.is_ascii_digit())) {
        return Err(Violation::invalid("the ASID of the audit identity must have 12 digits"));
    }
    let Some(organisation) = of(IDENTITY).and_then(|uri| uri.strip_prefix(ODS_IDENTITY)) else {
        return Err(rejected("the audit identity must name the organisation: urn:nhs-uk:identity:ods:<ODS>"));
    };
    if of(USER).is_some() != of(ROLE_PROFILE).is_some() {
        return Err(rejected("audit identity method 3 needs the user id and the role profile id"));
    }
    let by_card = of(USER).is_some() || of(TICKET).is_some();
    let tokens = organisation.split(':').filter(|token| !token.is_empty()).count();
    if tokens == 0 || tokens < 2 && !by_card {
        return Err(rejected("audit identity method 1 (unattended) is refused: a local user id must follow the ODS code"));
    }
    Ok(())
}

fn rejected(rule: &str) -> Violation {
    Violation::new(ViolationKind::InputInvalid, rule)
}
