use super::xml::is_blank;
use crate::cpis::{
    AuthorAsSent, AuthorKind, AuthorPart, Delivery, Organisation, PersonName, Phase, RegisterError, RegisterErrorKind, Requester,
    SdsId,
};
use crate::smsp::{AuthorTemplate, Dialect, PayloadForm};

/// The HL7 V3 author of a query, complete (wire.md 2.3 to 2.5, decisions.md 20).
#[derive(Debug, Clone, Copy)]
pub struct WireAuthor<'a> {
    pub identity: WireIdentity<'a>,
    /// The job role from the requester or the settings.
    pub role_code: &'a str,
    pub role_name: &'a str,
    pub name: &'a PersonName,
    pub organisation: &'a Organisation,
}

/// The author template, with the id of its author.
#[derive(Debug, Clone, Copy)]
pub enum WireIdentity<'a> {
    /// `COCT_TP145102GB01#AssignedAuthor`: a smartcard or CIS2 user.
    Person { user_id: &'a SdsId, role_profile_id: Option<&'a SdsId> },
    /// `COCT_TP145104GB01#System`: our system, with the person responsible for the query. `nominated`: the person is the one of the
    /// settings, not the requester.
    System { asid: &'a SdsId, nominated: bool },
}

impl WireAuthor<'_> {
    /// The same, for the trail.
    #[must_use]
    pub fn as_sent(&self) -> AuthorAsSent {
        let (template, id, role_profile_id, nominated) = match self.identity {
            WireIdentity::Person { user_id, role_profile_id } => (AuthorKind::Person, user_id, role_profile_id, false),
            WireIdentity::System { asid, nominated } => (AuthorKind::System, asid, None, nominated),
        };
        AuthorAsSent {
            template,
            id: id.as_str().into(),
            role_profile_id: role_profile_id.map(|id| id.as_str().into()),
            role_code: self.role_code.into(),
            role_name: self.role_name.into(),
            name: self.name.spoken().into(),
            organisation_ods: self.organisation.ods_code.clone(),
            organisation_name: self.organisation.name.clone(),
            nominated,
        }
    }
}

/// A person with the role that both templates require.
struct AuthorPerson<'a> {
    role_code: &'a str,
    role_name: &'a str,
    name: &'a PersonName,
}

/// Chooses the author template and fills it, or lists everything that is missing.
///
/// Checks all that [`super::write`] and the ITK envelope need from the requester and the settings, so that a caller can check before it
/// writes to the trail.
///
/// # Errors
/// [`RegisterErrorKind::AuthorIncomplete`], nothing delivered.
pub fn author<'a>(requester: &'a Requester, dialect: &'a Dialect) -> Result<WireAuthor<'a>, RegisterError> {
    let mut missing = Vec::new();
    let asid = dialect.asid_of(&requester.organisation);
    let own =
        AuthorPerson { role_code: requester.role.code.as_str(), role_name: requester.role.name.as_str(), name: &requester.name };
    let as_person = match dialect.author.template {
        AuthorTemplate::Auto => requester.sds_user_id.is_some() && own.is_complete(),
        AuthorTemplate::Person => true,
        AuthorTemplate::System => false,
    };
    let (identity, person) = if as_person {
        let identity = requester
            .sds_user_id
            .as_ref()
            .map(|user_id| WireIdentity::Person { user_id, role_profile_id: requester.role_profile_id.as_ref() });
        note(&mut missing, identity.is_none(), AuthorPart::SdsUserId);
        (identity, own)
    } else {
        let (person, nominated) = responsible(own, dialect);
        (asid.map(|asid| WireIdentity::System { asid, nominated }), person)
    };
    person.note_missing(&mut missing);
    note_organisation(&mut missing, &requester.organisation);
    note(&mut missing, audit_user_missing(requester), AuthorPart::UserId);
    let asid_needed = !as_person || dialect.payload_form == PayloadForm::Tms;
    note(&mut missing, asid_needed && asid.is_none(), AuthorPart::Asid);
    note(&mut missing, dialect.payload_form == PayloadForm::Tms && dialect.to_asid.is_none(), AuthorPart::AsidOfCpis);

    match identity {
        Some(identity) if missing.is_empty() => Ok(WireAuthor {
            identity,
            role_code: person.role_code,
            role_name: person.role_name,
            name: person.name,
            organisation: &requester.organisation,
        }),
        _ => Err(RegisterError::new(RegisterErrorKind::AuthorIncomplete { missing }, Phase::Build, Delivery::NotDelivered)),
    }
}

/// The person of the system template: the real clinician. If the clinician's name or role is missing, the whole nominated person instead,
/// so that nobody appears with another person's role.
fn responsible<'a>(own: AuthorPerson<'a>, dialect: &'a Dialect) -> (AuthorPerson<'a>, bool) {
    match &dialect.author.nominated {
        Some(nominated) if !own.is_complete() => {
            let person = AuthorPerson { role_code: &nominated.role_code, role_name: &nominated.role_name, name: &nominated.name };
            (person, true)
        }
        _ => (own, false),
    }
}

impl AuthorPerson<'_> {
    fn is_complete(&self) -> bool {
        !is_blank(self.role_code) && !is_blank(self.role_name) && has_name(self.name)
    }

    fn note_missing(&self, missing: &mut Vec<AuthorPart>) {
        note(missing, is_blank(self.role_code), AuthorPart::JobRoleCode);
        note(missing, is_blank(self.role_name), AuthorPart::JobRoleName);
        note(missing, !has_name(self.name), AuthorPart::Name);
    }
}

/// A title is not enough: a given or a family name is needed.
fn has_name(name: &PersonName) -> bool {
    name.given.iter().chain(&name.family).any(|part| !is_blank(part.as_str()))
}

fn note_organisation(missing: &mut Vec<AuthorPart>, organisation: &Organisation) {
    note(missing, is_blank(organisation.ods_code.as_str()), AuthorPart::OrganisationCode);
    note(missing, is_blank(organisation.name.as_str()), AuthorPart::OrganisationName);
}

/// Whether nothing identifies the user for the audit identity, which needs a smartcard or the local user id (wire.md 5.4.1).
fn audit_user_missing(requester: &Requester) -> bool {
    smartcard(requester).is_none() && is_blank(requester.user.id.as_str())
}

/// The SDS user id and the role profile id of a smartcard or CIS2 user who has both.
pub(in crate::smsp) fn smartcard(requester: &Requester) -> Option<(&SdsId, &SdsId)> {
    requester.sds_user_id.as_ref().zip(requester.role_profile_id.as_ref())
}

fn note(missing: &mut Vec<AuthorPart>, is_missing: bool, what: AuthorPart) {
    if is_missing {
        missing.push(what);
    }
}
