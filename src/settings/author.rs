//! `author.*`: in whose name a query is made (decisions.md 20).

use super::reader::Reader;
use crate::access::{Mode, Options as Access};
use crate::cpis::{PersonName, Text};
use crate::smsp::{AuthorRule, AuthorTemplate, Nominated};

const TEMPLATES: [(&str, AuthorTemplate); 3] =
    [("auto", AuthorTemplate::Auto), ("person", AuthorTemplate::Person), ("system", AuthorTemplate::System)];

pub(super) fn read(reader: &mut Reader) -> Option<AuthorRule> {
    let nominated = nominated(reader);
    Some(AuthorRule {
        template: reader.choice("author.template", &TEMPLATES)?,
        nominated: nominated?,
        role_code_system: reader.text("author.role_code_system")?,
    })
}

/// The outer `None` is a fault, the inner one nobody.
#[allow(clippy::option_option, reason = "a fault and nobody are two things")]
fn nominated(reader: &mut Reader) -> Option<Option<Nominated>> {
    const NEEDED: [&str; 3] = ["author.nominated.role_code", "author.nominated.role_name", "author.nominated.family"];
    if !reader.is_any_set("author.nominated") {
        return Some(None);
    }
    for name in NEEDED {
        if !reader.is_set(name) {
            reader.miss(name, ", since another key of author.nominated is set");
        }
    }
    let part = |name: &str| reader.text(name).map(Text::from).into_iter().collect();
    Some(Some(Nominated {
        role_code: reader.text(NEEDED[0])?,
        role_name: reader.text(NEEDED[1])?,
        name: PersonName {
            prefix: part("author.nominated.prefix"),
            given: part("author.nominated.given"),
            family: vec![Text::from(reader.text(NEEDED[2])?)],
            suffix: Vec::new(),
        },
    }))
}

/// Whether the template can be filled at all by the ways in which callers say who they are. Found out here, it is a
/// message to the operator; found out later, every clinician is refused.
pub(super) fn check_reachable(reader: &mut Reader, access: &Access) {
    let Some(template) = reader.choice("author.template", &TEMPLATES) else { return };
    let has_asid = reader.is_set("smsp.asid");
    if template == AuthorTemplate::System && !has_asid {
        reader.miss("smsp.asid", " for author.template = system");
    }
    if template == AuthorTemplate::System || !is_anybody_known(access) {
        return;
    }
    let has_any_asid = has_asid || access.organisations.iter().any(|organisation| organisation.asid.is_some());
    let person = person_can_be_author(access);
    if template == AuthorTemplate::Person && !person {
        let problem = "is person, but no identity carries an SDS user id with role and name, so that everybody would be refused";
        reader.fault("author.template", problem);
    } else if template == AuthorTemplate::Auto && !has_any_asid && !person {
        reader.miss(
            "smsp.asid",
            ", since no identity carries an SDS user id with role and name, so that the system is always the author",
        );
    } else if template == AuthorTemplate::Auto && !has_any_asid && access.modes != [Mode::Demo] {
        // Not in a demonstration: its one user has all that a person as author needs.
        reader.warn("smsp.asid", "not set: users without an SDS user id, a role and a name are refused");
    }
}

/// Whether any way to say who asks is set up; if none is, that is a fault already.
fn is_anybody_known(access: &Access) -> bool {
    access.modes.iter().any(|mode| match mode {
        Mode::Demo => true,
        Mode::Bearer => !access.issuers.is_empty(),
        Mode::Gateway => access.gateway.jwt_header.is_some() || access.gateway.headers.user_id.is_some(),
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
