//! `author.*`: who is named as the author of a query (decisions.md 20).

use super::key::Key;
use super::reader::{Reader, ReportedFault};
use super::table::{author, smsp};
use crate::access::{IdentityPart, Mode, Options as Access};
use crate::cpis::{PersonName, Text};
use crate::smsp::{AuthorRule, AuthorTemplate, NominatedPerson};

pub(super) fn read(reader: &mut Reader) -> Result<AuthorRule, ReportedFault> {
    let nominated = nominated(reader);
    Ok(AuthorRule {
        template: reader.get(author::TEMPLATE)?,
        nominated: nominated?,
        role_code_system: reader.get(author::ROLE_CODE_SYSTEM)?,
    })
}

fn nominated(reader: &mut Reader) -> Result<Option<NominatedPerson>, ReportedFault> {
    if !reader.is_any_set("author.nominated") {
        return Ok(None);
    }
    let needed = [author::NOMINATED_ROLE_CODE, author::NOMINATED_ROLE_NAME, author::NOMINATED_FAMILY];
    let [role_code, role_name, family] = needed.map(|key| {
        if !reader.is_set(key) {
            reader.miss(key, ", since another key of author.nominated is set");
        }
        reader.get(key).and_then(|text| text.ok_or(ReportedFault))
    });
    let part = |key: Key<Option<String>>| reader.get(key).map(|text| text.map(Text::from).into_iter().collect());
    Ok(Some(NominatedPerson {
        role_code: role_code?,
        role_name: role_name?,
        name: PersonName {
            prefix: part(author::NOMINATED_PREFIX)?,
            given: part(author::NOMINATED_GIVEN)?,
            family: vec![Text::from(family?)],
            suffix: Vec::new(),
        },
    }))
}

/// Checks that the identities of callers can fill the template at all. Detected here, a fault is a message to the
/// operator; detected later, every clinician would be refused.
pub(super) fn check_reachable(reader: &mut Reader, access: &Access) {
    let Ok(template) = reader.get(author::TEMPLATE) else { return };
    let has_asid = reader.is_set(smsp::ASID);
    if template == AuthorTemplate::System && !has_asid {
        reader.miss(smsp::ASID, " for author.template = system");
    }
    if template == AuthorTemplate::System || !is_anybody_known(access) {
        return;
    }
    let has_any_asid = has_asid || access.organisations.iter().any(|organisation| organisation.asid.is_some());
    let person = person_can_be_author(access);
    if template == AuthorTemplate::Person && !person {
        let problem = "is person, but no identity carries an SDS user id with role and name, so that everybody would be refused";
        reader.fault(author::TEMPLATE, problem);
    } else if template == AuthorTemplate::Auto && !has_any_asid && !person {
        reader.miss(
            smsp::ASID,
            ", since no identity carries an SDS user id with role and name, so that the system is always the author",
        );
    } else if template == AuthorTemplate::Auto && !has_any_asid && access.modes != [Mode::Demo] {
        // Not in a demonstration: its one user has everything that a person needs as author.
        reader.warn(smsp::ASID, "not set: users without an SDS user id, a role and a name are refused");
    }
}

/// Whether any way to identify callers is set up. If none is, another check has already reported it.
fn is_anybody_known(access: &Access) -> bool {
    access.modes.iter().any(|mode| match mode {
        Mode::Demo => true,
        Mode::Bearer => !access.issuers.is_empty(),
        Mode::Gateway => access.gateway.jwt_header.is_some() || access.gateway.headers[IdentityPart::UserId].is_some(),
    })
}

fn person_can_be_author(access: &Access) -> bool {
    access.modes.iter().any(|mode| match mode {
        Mode::Demo => true,
        Mode::Bearer => access.issuers.iter().any(|issuer| issuer.claims.can_be_author()),
        Mode::Gateway if access.gateway.jwt_header.is_some() => access.issuers.iter().any(|issuer| issuer.claims.can_be_author()),
        Mode::Gateway => access.gateway.headers.can_be_author(),
    })
}
