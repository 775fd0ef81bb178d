//! The names under which tokens and gateways hold the parts of an identity, and the presets of them.

use super::reader::Reader;
use crate::access::{ClaimPath, IdentityNames};

/// What an issuer's tokens look like where no claim is named.
#[derive(Debug, Clone, Copy)]
enum Preset {
    /// The standard claims of OpenID Connect. Roles and organisations have none.
    Oidc,
    /// NHS Care Identity Service 2: the role that the user selected among `nhsid_nrbac_roles`, and its organisation.
    NhsCis2,
}

const PRESETS: [(&str, Preset); 2] = [("oidc", Preset::Oidc), ("nhs-cis2", Preset::NhsCis2)];

impl Preset {
    fn claim(self, part: &str) -> Option<&'static str> {
        match self {
            Self::Oidc => match part {
                "user_id" => Some("sub"),
                "given" => Some("given_name"),
                "family" => Some("family_name"),
                _ => None,
            },
            Self::NhsCis2 => Some(match part {
                "user_id" | "sds_user_id" => "uid",
                "role_profile_id" => "nhsid_nrbac_roles[person_roleid=selected_roleid].person_roleid",
                "role_code" => "nhsid_nrbac_roles[person_roleid=selected_roleid].role_code",
                "role_name" => "nhsid_nrbac_roles[person_roleid=selected_roleid].role_name",
                "activities" => "nhsid_nrbac_roles[person_roleid=selected_roleid].activity_codes",
                "prefix" => "title",
                "given" => "given_name",
                "family" => "family_name",
                "organisation_ods" => "nhsid_nrbac_roles[person_roleid=selected_roleid].org_code",
                "organisation_name" => {
                    "nhsid_user_orgs[org_code=nhsid_nrbac_roles[person_roleid=selected_roleid].org_code].org_name"
                }
                _ => return None,
            }),
        }
    }
}

/// The headers of a gateway. The care setting has one of its own, `CPIS-Care-Setting`, whoever asks.
pub(super) fn headers(reader: &Reader, group: &str) -> IdentityNames {
    names(|part| if part == "care_setting" { None } else { reader.text(&format!("{group}.{part}")) })
}

/// The claims of the issuer at `at`: those named, else those of its preset. Each is a path.
pub(super) fn claims(reader: &mut Reader, at: usize) -> Option<IdentityNames> {
    let preset = reader.choice(&format!("access.issuers[{at}].preset"), &PRESETS);
    let key = |part: &str| format!("access.issuers[{at}].claims.{part}");
    for part in PARTS {
        if reader.text(&key(part)).is_some_and(|text| ClaimPath::parse(&text).is_none()) {
            reader.fault(&key(part), "is not the path of a claim; wanted names with dots between them, such as role.code");
        }
    }
    let preset = preset?;
    Some(names(|part| reader.text(&key(part)).or_else(|| preset.claim(part).map(str::to_owned))))
}

const PARTS: [&str; 12] = [
    "user_id",
    "sds_user_id",
    "role_profile_id",
    "role_code",
    "role_name",
    "activities",
    "prefix",
    "given",
    "family",
    "organisation_ods",
    "organisation_name",
    "care_setting",
];

fn names(name: impl Fn(&str) -> Option<String>) -> IdentityNames {
    IdentityNames {
        user_id: name("user_id"),
        sds_user_id: name("sds_user_id"),
        role_profile_id: name("role_profile_id"),
        role_code: name("role_code"),
        role_name: name("role_name"),
        activities: name("activities"),
        prefix: name("prefix"),
        given: name("given"),
        family: name("family"),
        organisation_ods: name("organisation_ods"),
        organisation_name: name("organisation_name"),
        care_setting: name("care_setting"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_claim_of_a_preset_is_a_path() {
        for (_, preset) in PRESETS {
            for part in PARTS {
                assert!(preset.claim(part).is_none_or(|claim| ClaimPath::parse(claim).is_some()), "{part}");
            }
        }
    }
}
