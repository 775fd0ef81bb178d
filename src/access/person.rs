//! Makes the [`Requester`] of a query from the identity in a token or a gateway's headers (wire.md 2.4, 2.5).
//!
//! Nothing is invented: absent parts stay absent, except names of organisations in the settings. A part that does not have the form
//! that the query and the trail need is refused, since leaving it out could change the author of the query.

use super::IdentityPart::{
    self, Activities, Family, Given, OrganisationName, OrganisationOds, Prefix, RoleCode, RoleName, RoleProfileId, SdsUserId,
    UserId,
};
use super::claims::{self, ClaimPath};
use super::{Access, ByPart, Refusal};
use crate::cpis::{CareSetting, Organisation, OrganisationKind, PersonName, Requester, Role, SdsId, Text, UserIdentity};
use serde_json::{Map, Value};

/// Longest part of an identity, in bytes: far longer than any name, and still short enough for the trail and a message.
const LONGEST: usize = 256;
const MOST_ACTIVITIES: usize = 1000;

/// The parts of an identity as they were received. Empty means absent.
#[derive(Debug, Default)]
pub(super) struct IdentityParts {
    /// Parts with one text.
    pub texts: ByPart<Text>,
    /// Parts with a list of texts: activities and names.
    pub lists: ByPart<Vec<Text>>,
}

impl IdentityParts {
    /// The parts of a token, each at its path.
    pub(super) fn of_token(paths: &ByPart<Option<ClaimPath>>, token: &Map<String, Value>) -> Result<Self, Refusal> {
        let mut parts = Self::default();
        for part in IdentityPart::ALL {
            let Some(path) = &paths[part] else { continue };
            let Some(value) = path.find(token, part.label())? else { continue };
            match part {
                Activities => {
                    parts.lists[part] = many(value, part)?.iter().flat_map(|text| words(text.as_str())).collect();
                }
                Prefix | Given | Family => parts.lists[part] = many(value, part)?,
                _ => parts.texts[part] = one(value, part)?,
            }
        }
        Ok(parts)
    }

    pub(super) fn user_id(&self) -> &str {
        self.texts[UserId].as_str()
    }

    /// Checks that the texts are safe in messages and in the trail.
    fn check(&self) -> Result<(), Refusal> {
        let is_good = |part| self.lists[part].iter().chain([&self.texts[part]]).all(|text| is_plain(text.as_str()));
        let free = [UserId, RoleCode, RoleName, OrganisationName, Prefix, Given, Family, Activities];
        if let Some(part) = free.into_iter().find(|part| !is_good(*part)) {
            return Err(malformed(part));
        }
        let too_many = self.lists[Activities].len() > MOST_ACTIVITIES;
        if too_many { Err(malformed(Activities)) } else { Ok(()) }
    }
}

fn malformed(part: IdentityPart) -> Refusal {
    Refusal::Malformed(part.label())
}

/// Codes with spaces or commas between them.
pub(super) fn words(text: &str) -> impl Iterator<Item = Text> + '_ {
    text.split([' ', ',', '\t']).filter(|word| !word.is_empty()).map(Text::from)
}

fn one(value: &Value, part: IdentityPart) -> Result<Text, Refusal> {
    match claims::only(value, part.label())? {
        None => Ok(Text::default()),
        Some(Value::String(text)) => Ok(text.trim().into()),
        Some(_) => Err(malformed(part)),
    }
}

fn many(value: &Value, part: IdentityPart) -> Result<Vec<Text>, Refusal> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let text = |value: &Value| value.as_str().map(|text| Text::from(text.trim())).ok_or_else(|| malformed(part));
    let texts: Vec<Text> = items.iter().map(text).collect::<Result<_, _>>()?;
    Ok(texts.into_iter().filter(|text| !text.is_empty()).collect())
}

/// The requester with these parts, identified by `issuer`.
pub(super) fn requester(mut parts: IdentityParts, issuer: Text, access: &Access) -> Result<Requester, Refusal> {
    parts.check()?;
    if parts.user_id().is_empty() {
        return Err(Refusal::NoUser);
    }
    let IdentityParts { texts, lists } = &mut parts;
    let mut text = |part| std::mem::take(&mut texts[part]);
    let mut list = |part| std::mem::take(&mut lists[part]);
    let care_setting = match text(IdentityPart::CareSetting).as_str() {
        "" => access.options.care_setting,
        code => CareSetting::parse(code).ok_or_else(|| malformed(IdentityPart::CareSetting))?,
    };
    let role_code = text(RoleCode);
    Ok(Requester {
        user: UserIdentity { issuer, id: text(UserId) },
        sds_user_id: sds_id(&text(SdsUserId), SdsUserId)?,
        role_profile_id: sds_id(&text(RoleProfileId), RoleProfileId)?,
        role: Role {
            name: last_of_three(text(RoleName)),
            code_system: if role_code.is_empty() { Text::default() } else { access.options.role_code_system.clone() },
            code: role_code,
        },
        name: PersonName { prefix: list(Prefix), given: list(Given), family: list(Family), suffix: Vec::new() },
        organisation: organisation(text(OrganisationOds), text(OrganisationName), access)?,
        activities: list(Activities),
        care_setting,
    })
}

pub(super) fn is_plain(text: &str) -> bool {
    text.len() <= LONGEST && !text.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// 12 digits, or absent. Anything else is refused: leaving it out would make the system the author instead of the person.
fn sds_id(text: &Text, part: IdentityPart) -> Result<Option<SdsId>, Refusal> {
    match text.as_str() {
        "" => Ok(None),
        digits => SdsId::parse(digits).map(Some).ok_or_else(|| malformed(part)),
    }
}

/// CIS2 has a role's name in three parts, `"Clinical":"Clinical Provision":"Consultant"`; the last is what people call it.
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
        return Err(malformed(OrganisationOds));
    }
    let is_same = |ods: &str| !ods_code.is_empty() && ods.eq_ignore_ascii_case(ods_code.as_str());
    let known = access.options.organisations.iter().find(|known| is_same(&known.ods));
    let name = match known.and_then(|known| known.name.as_deref()) {
        Some(known) if name.is_empty() => known.into(),
        _ => name,
    };
    Ok(Organisation { kind: OrganisationKind::Organisation, ods_code, name })
}
