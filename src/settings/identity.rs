//! The keys that name the claims and headers for the parts of an identity, and the presets of claims.

use super::key::{self, Initial, Key, Row, text};
use super::reader::{Reader, ReportedFault};
use super::table::issuers;
use crate::access::{ByPart, ClaimPath, IdentityPart};

/// The claims of an issuer's tokens that the settings do not name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Preset {
    /// The standard claims of OpenID Connect. It has none for roles and organisations.
    Oidc,
    /// NHS Care Identity Service 2: the role that the user selected among `nhsid_nrbac_roles`, and its organisation.
    NhsCis2,
}

/// A claim of NHS Care Identity Service 2.
#[derive(Clone, Copy)]
enum Cis2Claim {
    Claim(&'static str),
    /// A claim of the selected role.
    Role(&'static str),
    /// A claim of the selected role's organisation.
    Organisation(&'static str),
}

/// What a part is, and its claim in each preset.
fn describe(part: IdentityPart) -> (&'static str, Option<&'static str>, Option<Cis2Claim>) {
    use Cis2Claim::{Claim, Organisation, Role};
    match part {
        IdentityPart::UserId => ("the user's id", Some("sub"), Some(Claim("uid"))),
        IdentityPart::SdsUserId => ("the 12 digits of the smartcard or CIS2 user", None, Some(Claim("uid"))),
        IdentityPart::RoleProfileId => ("the SDS role profile id", None, Some(Role("person_roleid"))),
        IdentityPart::RoleCode => ("the job role code", None, Some(Role("role_code"))),
        IdentityPart::RoleName => ("the job role's name", None, Some(Role("role_name"))),
        IdentityPart::Activities => ("the RBAC activity codes", None, Some(Role("activity_codes"))),
        IdentityPart::Prefix => ("the user's title", None, Some(Claim("title"))),
        IdentityPart::Given => ("the user's given name", Some("given_name"), Some(Claim("given_name"))),
        IdentityPart::Family => ("the user's family name", Some("family_name"), Some(Claim("family_name"))),
        IdentityPart::OrganisationOds => ("the ODS code of the user's organisation", None, Some(Role("org_code"))),
        IdentityPart::OrganisationName => ("the organisation's name", None, Some(Organisation("org_name"))),
        IdentityPart::CareSetting => ("the care setting", None, None),
    }
}

impl Cis2Claim {
    fn path(self) -> String {
        const ROLE: &str = "nhsid_nrbac_roles[person_roleid=selected_roleid]";
        match self {
            Self::Claim(claim) => claim.to_owned(),
            Self::Role(claim) => format!("{ROLE}.{claim}"),
            Self::Organisation(claim) => format!("nhsid_user_orgs[org_code={ROLE}.org_code].{claim}"),
        }
    }

    /// For the reference.
    fn words(self) -> String {
        match self {
            Self::Claim(claim) => format!("`{claim}`"),
            Self::Role(claim) => format!("`{claim}` of the selected role"),
            Self::Organisation(claim) => format!("`{claim}` of its organisation in `nhsid_user_orgs`"),
        }
    }
}

impl Preset {
    fn claim(self, part: IdentityPart) -> Option<ClaimPath> {
        let (_, oidc, cis2) = describe(part);
        let path = match self {
            Self::Oidc => oidc.map(str::to_owned),
            Self::NhsCis2 => cis2.map(Cis2Claim::path),
        };
        ClaimPath::parse(&path?)
    }
}

const fn claim(part: IdentityPart) -> Key<Option<String>> {
    Key::of_part("access.issuers[].claims", part.name(), &text("the path of a claim"))
}

const fn header(part: IdentityPart) -> Key<Option<String>> {
    Key::of_part("access.gateway.headers", part.name(), &key::header())
}

pub(super) const USER_ID_HEADER: Key<Option<String>> = header(IdentityPart::UserId);
pub(super) const ORGANISATION_HEADER: Key<Option<String>> = header(IdentityPart::OrganisationOds);

/// The rows of the reference for the claims.
pub(super) fn claim_rows() -> Vec<Row> {
    let row = |part| {
        let (what, oidc, cis2) = describe(part);
        let oidc = oidc.map_or("none".to_owned(), |claim| Cis2Claim::Claim(claim).words());
        let default = match cis2.map(Cis2Claim::words) {
            Some(cis2) if cis2 != oidc => format!("{oidc}; nhs-cis2: {cis2}"),
            _ => oidc,
        };
        let more = match part {
            IdentityPart::UserId => " All of `claims` are paths: see above.",
            IdentityPart::SdsUserId => " Only with it can the author be a person.",
            _ => "",
        };
        Row {
            name: format!("access.issuers[].claims.{}", part.name()).into(),
            kind: claim(part).kind,
            default: Initial::Otherwise(default.into()),
            meaning: format!("Claim that holds {what}.{more}").into(),
        }
    };
    IdentityPart::ALL.map(row).to_vec()
}

/// The rows of the reference for the headers.
pub(super) fn header_rows() -> Vec<Row> {
    let row = |part| Row {
        name: header(part).to_string().into(),
        kind: header(part).kind,
        default: Initial::otherwise("none"),
        meaning: format!("Header that holds {}.", describe(part).0).into(),
    };
    IdentityPart::ALL.into_iter().filter(|part| has_header(*part)).map(row).collect()
}

/// In every mode the care setting has its own header, `CPIS-Care-Setting`.
fn has_header(part: IdentityPart) -> bool {
    part != IdentityPart::CareSetting
}

/// The headers of a gateway.
pub(super) fn headers(reader: &Reader) -> ByPart<Option<String>> {
    ByPart::from_fn(|part| if has_header(part) { reader.get(header(part)).ok().flatten() } else { None })
}

/// The claims of the issuer at `at`: the named ones, or else those of its preset.
pub(super) fn claims(reader: &mut Reader, at: usize) -> Result<ByPart<Option<ClaimPath>>, ReportedFault> {
    let named = ByPart::from_fn(|part| {
        let key = claim(part).at(at);
        let text = reader.get(key).ok().flatten()?;
        ClaimPath::parse(&text).or_else(|| {
            reader.fault(key, "is not the path of a claim; wanted names with dots between them, such as role.code");
            // Prevents a second fault that says that the claim is missing.
            ClaimPath::parse(part.name())
        })
    });
    let preset = reader.get(issuers::PRESET.at(at))?;
    Ok(ByPart::from_fn(|part| named[part].clone().or_else(|| preset.claim(part))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_claim_of_a_preset_is_a_path() {
        for part in IdentityPart::ALL {
            let (_, oidc, cis2) = describe(part);
            assert_eq!(Preset::Oidc.claim(part).is_some(), oidc.is_some(), "{part:?}");
            assert_eq!(Preset::NhsCis2.claim(part).is_some(), cis2.is_some(), "{part:?}");
        }
    }
}
