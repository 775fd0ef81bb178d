//! A gateway that has done the authentication: known by its client certificate, and then believed in what its headers say.
//!
//! Without a certificate on the list the headers are not looked at at all.

use super::person::{self, Parts, part};
use super::{ClientCertificate, Header, Headers, Refusal, bearer};
use crate::cpis::Text;
use crate::settings::{self, IdentityNames};

/// A gateway whose headers are believed.
pub(super) struct Trusted<'a> {
    /// As it stands in the settings.
    pub name: &'a str,
    /// The whole subject of its certificate.
    pub subject: String,
}

/// The gateway that `certificate` belongs to.
pub(super) fn trusted<'a>(
    gateway: &'a settings::Gateway,
    certificate: Option<&ClientCertificate>,
) -> Result<Trusted<'a>, Refusal> {
    let certificate = certificate.ok_or(Refusal::NotAGateway)?;
    let name = gateway.certificates.iter().find(|name| certificate.is(name)).ok_or(Refusal::NotAGateway)?;
    Ok(Trusted { name, subject: certificate.subject() })
}

/// The signed token in the header `name`.
pub(super) fn token<'h>(headers: &'h dyn Headers, name: &str) -> Result<&'h str, Refusal> {
    match headers.header(name) {
        Header::Absent => Err(Refusal::NoGatewayToken),
        Header::Several => Err(Refusal::GatewayHeaderRepeated),
        Header::One(value) => bearer::checked(value),
    }
}

/// The parts of an identity in plain headers.
pub(super) fn parts(headers: &dyn Headers, names: &IdentityNames) -> Result<Parts, Refusal> {
    let one = |name: &Option<String>, part| text(headers, name.as_deref(), part);
    let list = |name: &Option<String>| one(name, part::NAME).map(|text| Vec::from_iter((!text.is_empty()).then_some(text)));
    Ok(Parts {
        user_id: code(one(&names.user_id, part::USER_ID)?, part::USER_ID)?,
        sds_user_id: one(&names.sds_user_id, part::SDS_USER_ID)?,
        role_profile_id: one(&names.role_profile_id, part::ROLE_PROFILE_ID)?,
        role_code: code(one(&names.role_code, part::ROLE_CODE)?, part::ROLE_CODE)?,
        role_name: one(&names.role_name, part::ROLE_NAME)?,
        activities: person::words(one(&names.activities, part::ACTIVITIES)?.as_str()).collect(),
        prefix: list(&names.prefix)?,
        given: list(&names.given)?,
        family: list(&names.family)?,
        organisation_ods: one(&names.organisation_ods, part::ORGANISATION_ODS)?,
        organisation_name: one(&names.organisation_name, part::ORGANISATION_NAME)?,
        care_setting: Text::default(),
    })
}

fn text(headers: &dyn Headers, name: Option<&str>, part: &'static str) -> Result<Text, Refusal> {
    let Some(name) = name else { return Ok(Text::default()) };
    match headers.header(name) {
        Header::Absent => Ok(Text::default()),
        Header::Several => Err(Refusal::GatewayHeaderRepeated),
        Header::One(value) => std::str::from_utf8(value).map(|text| text.trim().into()).map_err(|_| Refusal::Malformed(part)),
    }
}

/// A header that came twice may arrive as one with a comma in it.
fn code(text: Text, part: &'static str) -> Result<Text, Refusal> {
    if text.as_str().contains(',') { Err(Refusal::Malformed(part)) } else { Ok(text) }
}
