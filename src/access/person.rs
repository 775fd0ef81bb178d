//! From what a token or a gateway says of a person to the [`Requester`] of a query (wire.md 2.4, 2.5).
//!
//! Nothing is invented: what is absent stays absent, but for the names of organisations that the settings know. What is there but
//! not in the form that the query and the trail need is refused, since leaving it out would change in whose name is asked.

use super::IdentityNames;
use super::claims::{self, ClaimPath};
use super::{Access, Refusal};
use crate::cpis::{CareSetting, Organisation, OrganisationKind, PersonName, Requester, Role, SdsId, Text, UserIdentity};
use serde_json::{Map, Value};

/// Longest part of an identity, in bytes. Far above any name, far below what a trail or a message should carry.
const LONGEST: usize = 256;
const MOST_ACTIVITIES: usize = 1000;

/// The parts of an identity as they were given. Empty is absent.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub user_id: Text,
    pub sds_user_id: Text,
    pub role_profile_id: Text,
    pub role_code: Text,
    pub role_name: Text,
    pub activities: Vec<Text>,
    pub prefix: Vec<Text>,
    pub given: Vec<Text>,
    pub family: Vec<Text>,
    pub organisation_ods: Text,
    pub organisation_name: Text,
    pub care_setting: Text,
}

/// The names of the parts as a refusal tells them.
pub(super) mod part {
    pub const USER_ID: &str = "user id";
    pub const SDS_USER_ID: &str = "SDS user id";
    pub const ROLE_PROFILE_ID: &str = "role profile id";
    pub const ROLE_CODE: &str = "job role code";
    pub const ROLE_NAME: &str = "job role name";
    pub const ACTIVITIES: &str = "activities";
    pub const NAME: &str = "name";
    pub const ORGANISATION_ODS: &str = "organisation code";
    pub const ORGANISATION_NAME: &str = "organisation name";
    pub const CARE_SETTING: &str = "care setting";
}

/// Where an issuer's tokens hold each part.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    user_id: Option<ClaimPath>,
    sds_user_id: Option<ClaimPath>,
    role_profile_id: Option<ClaimPath>,
    role_code: Option<ClaimPath>,
    role_name: Option<ClaimPath>,
    activities: Option<ClaimPath>,
    prefix: Option<ClaimPath>,
    given: Option<ClaimPath>,
    family: Option<ClaimPath>,
    organisation_ods: Option<ClaimPath>,
    organisation_name: Option<ClaimPath>,
    care_setting: Option<ClaimPath>,
}

impl Paths {
    /// The settings have checked that every name is a path.
    pub(super) fn new(names: &IdentityNames) -> Self {
        let path = |name: &Option<String>| name.as_deref().and_then(ClaimPath::parse);
        Self {
            user_id: path(&names.user_id),
            sds_user_id: path(&names.sds_user_id),
            role_profile_id: path(&names.role_profile_id),
            role_code: path(&names.role_code),
            role_name: path(&names.role_name),
            activities: path(&names.activities),
            prefix: path(&names.prefix),
            given: path(&names.given),
            family: path(&names.family),
            organisation_ods: path(&names.organisation_ods),
            organisation_name: path(&names.organisation_name),
            care_setting: path(&names.care_setting),
        }
    }

    /// Reads each part from the claims of a token.
    pub(super) fn read(&self, token: &Map<String, Value>) -> Result<Parts, Refusal> {
        let one = |path: &Option<ClaimPath>, part| one(path.as_ref(), token, part);
        let many = |path: &Option<ClaimPath>, part| many(path.as_ref(), token, part);
        Ok(Parts {
            user_id: one(&self.user_id, part::USER_ID)?,
            sds_user_id: one(&self.sds_user_id, part::SDS_USER_ID)?,
            role_profile_id: one(&self.role_profile_id, part::ROLE_PROFILE_ID)?,
            role_code: one(&self.role_code, part::ROLE_CODE)?,
            role_name: one(&self.role_name, part::ROLE_NAME)?,
            activities: many(&self.activities, part::ACTIVITIES)?.iter().flat_map(|text| words(text.as_str())).collect(),
            prefix: many(&self.prefix, part::NAME)?,
            given: many(&self.given, part::NAME)?,
            family: many(&self.family, part::NAME)?,
            organisation_ods: one(&self.organisation_ods, part::ORGANISATION_ODS)?,
            organisation_name: one(&self.organisation_name, part::ORGANISATION_NAME)?,
            care_setting: one(&self.care_setting, part::CARE_SETTING)?,
        })
    }
}

/// Codes with spaces or commas between them.
pub(super) fn words(text: &str) -> impl Iterator<Item = Text> + '_ {
    text.split([' ', ',', '\t']).filter(|word| !word.is_empty()).map(Text::from)
}

fn one(path: Option<&ClaimPath>, token: &Map<String, Value>, part: &'static str) -> Result<Text, Refusal> {
    let Some(value) = path.map(|path| path.find(token, part)).transpose()?.flatten() else { return Ok(Text::default()) };
    match claims::only(value, part)? {
        None => Ok(Text::default()),
        Some(Value::String(text)) => Ok(text.trim().into()),
        Some(_) => Err(Refusal::Malformed(part)),
    }
}

fn many(path: Option<&ClaimPath>, token: &Map<String, Value>, part: &'static str) -> Result<Vec<Text>, Refusal> {
    let Some(value) = path.map(|path| path.find(token, part)).transpose()?.flatten() else { return Ok(Vec::new()) };
    let items = match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let text = |value: &Value| value.as_str().map(|text| Text::from(text.trim())).ok_or(Refusal::Malformed(part));
    let texts: Vec<Text> = items.iter().map(text).collect::<Result<_, _>>()?;
    Ok(texts.into_iter().filter(|text| !text.is_empty()).collect())
}

/// The requester of these parts, vouched for by `issuer`.
pub(super) fn requester(parts: Parts, issuer: Text, access: &Access) -> Result<Requester, Refusal> {
    parts.check()?;
    if parts.user_id.is_empty() {
        return Err(Refusal::NoUser);
    }
    let care_setting = match parts.care_setting.as_str() {
        "" => access.options.care_setting,
        code => CareSetting::parse(code).ok_or(Refusal::Malformed(part::CARE_SETTING))?,
    };
    Ok(Requester {
        user: UserIdentity { issuer, id: parts.user_id },
        sds_user_id: sds_id(&parts.sds_user_id, part::SDS_USER_ID)?,
        role_profile_id: sds_id(&parts.role_profile_id, part::ROLE_PROFILE_ID)?,
        role: Role {
            name: last_of_three(parts.role_name),
            code_system: if parts.role_code.is_empty() { Text::default() } else { access.options.role_code_system.clone() },
            code: parts.role_code,
        },
        name: PersonName { prefix: parts.prefix, given: parts.given, family: parts.family, suffix: Vec::new() },
        organisation: organisation(parts.organisation_ods, parts.organisation_name, access)?,
        activities: parts.activities,
        care_setting,
    })
}

impl Parts {
    /// Text that a message, a trail and a reader can bear.
    fn check(&self) -> Result<(), Refusal> {
        let singles = [
            (&self.user_id, part::USER_ID),
            (&self.role_code, part::ROLE_CODE),
            (&self.role_name, part::ROLE_NAME),
            (&self.organisation_name, part::ORGANISATION_NAME),
        ];
        let names = [&self.prefix, &self.given, &self.family].into_iter().flatten().map(|text| (text, part::NAME));
        let activities = self.activities.iter().map(|text| (text, part::ACTIVITIES));
        if let Some((_, part)) = singles.into_iter().chain(names).chain(activities).find(|(text, _)| !is_plain(text.as_str())) {
            return Err(Refusal::Malformed(part));
        }
        let too_many = self.activities.len() > MOST_ACTIVITIES;
        if too_many { Err(Refusal::Malformed(part::ACTIVITIES)) } else { Ok(()) }
    }
}

pub(super) fn is_plain(text: &str) -> bool {
    text.len() <= LONGEST && !text.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// 12 digits, or absent. Anything else is not left out: it would turn a person's query into one of the system's.
fn sds_id(text: &Text, part: &'static str) -> Result<Option<SdsId>, Refusal> {
    match text.as_str() {
        "" => Ok(None),
        digits => SdsId::parse(digits).map(Some).ok_or(Refusal::Malformed(part)),
    }
}

/// CIS2 gives a role's name in three parts, `"Clinical":"Clinical Provision":"Consultant"`; the last is what people call it.
fn last_of_three(name: Text) -> Text {
    let inside = name.as_str().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inside.and_then(|inside| inside.rsplit_once("\":\"")) {
        Some((_, last)) => last.trim().into(),
        None => name,
    }
}

fn organisation(ods_code: Text, name: Text, access: &Access) -> Result<Organisation, Refusal> {
    let is_code = ods_code.as_str().len() <= 12 && ods_code.as_str().bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_code {
        return Err(Refusal::Malformed(part::ORGANISATION_ODS));
    }
    let is_same = |ods: &str| !ods_code.is_empty() && ods.eq_ignore_ascii_case(ods_code.as_str());
    let known = access.options.organisations.iter().find(|known| is_same(&known.ods));
    let name = match known.and_then(|known| known.name.as_deref()) {
        Some(known) if name.is_empty() => known.into(),
        _ => name,
    };
    Ok(Organisation { kind: OrganisationKind::Organisation, ods_code, name })
}
