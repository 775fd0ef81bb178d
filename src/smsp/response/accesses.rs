//! Reads the access list: every `pertinentCP-ISNHSQuery` in every `pertinentInformation13` (wire.md 3.1; 3.5, rows 1 and 13).

use super::{
    content::ParsedAccess,
    parties::{attribute, named_person, organisation, person_name, role, trimmed},
    times,
    xml::{Document, ReadError},
};
use crate::cpis::{Access, AccessTime, Author, NhsNumber, Organisation, PersonName, Responsible, Role, Text};

const SDS_USER_ID: &str = "1.2.826.0.1285.0.2.0.65";
const SDS_ROLE_PROFILE_ID: &str = "1.2.826.0.1285.0.2.0.67";
const ASID: &str = "1.2.826.0.1285.0.2.0.107";

/// Reads the `pertinentInformation13` read last.
pub(super) fn read(doc: &mut Document<'_>, accesses: &mut Vec<ParsedAccess>) -> Result<(), ReadError> {
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        if name == "pertinentCP-ISNHSQuery" {
            accesses.extend(access(doc)?);
        }
    }
    Ok(())
}

/// One access; `None` for an empty element, which is allowed.
fn access(doc: &mut Document<'_>) -> Result<Option<ParsedAccess>, ReadError> {
    let mut access = Access { id: Text::default(), when: AccessTime::Unknown, author: Author::Unknown, about: None };
    let mut has_malformed_number = false;
    let mut is_empty = true;
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        is_empty = false;
        match name {
            "effectiveTime" => access.when = times::moment(&doc.attribute("value").unwrap_or_default()),
            "id" => access.id = attribute(doc, "root"),
            "author" => access.author = author(doc)?,
            "viewer" => access.author = viewer(doc)?,
            "queryByParameter" => match echo(doc)? {
                EchoedNumber::Nothing => {}
                // Two different numbers in one access cannot both be the child's.
                EchoedNumber::Number(number) if access.about.as_ref().is_none_or(|earlier| *earlier == number) => {
                    access.about = Some(number);
                }
                EchoedNumber::Number(_) | EchoedNumber::Malformed => has_malformed_number = true,
            },
            _ => {}
        }
    }
    Ok((!is_empty).then_some(ParsedAccess { access, has_malformed_number }))
}

enum EchoedNumber {
    Nothing,
    Number(NhsNumber),
    Malformed,
}

/// `person.NHSnumber/value/@extension` inside the `queryByParameter` read last.
fn echo(doc: &mut Document<'_>) -> Result<EchoedNumber, ReadError> {
    let mut echo = EchoedNumber::Nothing;
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        if name != "person.NHSnumber" {
            continue;
        }
        while let Some(name) = doc.child(level + 1)? {
            if name != "value" {
                continue;
            }
            let Some(text) = doc.attribute("extension").filter(|text| !text.is_empty()) else { continue };
            echo = match (NhsNumber::parse(&text), echo) {
                (Ok(number), EchoedNumber::Nothing) => EchoedNumber::Number(number),
                (Ok(number), EchoedNumber::Number(earlier)) if number == earlier => EchoedNumber::Number(number),
                _ => EchoedNumber::Malformed,
            };
        }
    }
    Ok(echo)
}

/// The `author` read last: its first known template.
fn author(doc: &mut Document<'_>) -> Result<Author, ReadError> {
    let mut author = Author::Unknown;
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        if author != Author::Unknown {
            continue;
        }
        // COCT_TP145102GB01.AssignedAuthor, COCT_TP145104GB01.System
        match name.rsplit('.').next() {
            Some("AssignedAuthor") => author = person(doc)?,
            Some("System") => author = system(doc)?,
            _ => {}
        }
    }
    Ok(author)
}

/// A smartcard user (wire.md 2.4).
fn person(doc: &mut Document<'_>) -> Result<Author, ReadError> {
    let (mut user_id, mut role_profile_id) = (None, None);
    let (mut job_role, mut name, mut at) = (Role::default(), PersonName::default(), Organisation::default());
    let level = doc.level();
    while let Some(element) = doc.child(level)? {
        match element {
            "code" => job_role = role(doc),
            "id" => match doc.attribute("root").as_deref() {
                Some(SDS_USER_ID) => user_id = extension(doc),
                Some(SDS_ROLE_PROFILE_ID) => role_profile_id = extension(doc),
                _ => {}
            },
            "assignedAuthorPerson" => name = named_person(doc)?,
            "representedOrganization" => at = organisation(doc)?,
            _ => {}
        }
    }
    Ok(Author::Person { user_id, role_profile_id, role: job_role, name, organisation: at })
}

/// A system and the people responsible for its query (wire.md 2.5).
fn system(doc: &mut Document<'_>) -> Result<Author, ReadError> {
    let (mut asid, mut responsible, mut at) = (None, Vec::new(), Organisation::default());
    let level = doc.level();
    while let Some(element) = doc.child(level)? {
        match element {
            "id" if doc.attribute("root").as_deref() == Some(ASID) => asid = extension(doc),
            "indirectAuthority" => {
                while let Some(entity) = doc.child(level + 1)? {
                    if entity == "superiorAssignedEntity" {
                        responsible.push(responsible_person(doc)?);
                    }
                }
            }
            "maintainingOrganization" => at = organisation(doc)?,
            _ => {}
        }
    }
    Ok(Author::System { asid, responsible, organisation: at })
}

fn responsible_person(doc: &mut Document<'_>) -> Result<Responsible, ReadError> {
    let mut responsible = Responsible { role: Role::default(), name: PersonName::default() };
    let level = doc.level();
    while let Some(element) = doc.child(level)? {
        match element {
            "code" => responsible.role = role(doc),
            "assignedPerson" => responsible.name = named_person(doc)?,
            _ => {}
        }
    }
    Ok(responsible)
}

/// The flattened form of Spine's portal (wire.md 3.5, row 13): role name, person name, organisation.
fn viewer(doc: &mut Document<'_>) -> Result<Author, ReadError> {
    let (mut job_role, mut name, mut at) = (Role::default(), PersonName::default(), Organisation::default());
    let level = doc.level();
    while let Some(element) = doc.child(level)? {
        match element {
            "jobRole" => {
                job_role = role(doc);
                if job_role.name.is_empty() {
                    job_role.name = trimmed(doc)?;
                }
            }
            "name" => name = person_name(doc)?,
            "organisation" | "organization" => at = organisation(doc)?,
            _ => {}
        }
    }
    Ok(Author::Person { user_id: None, role_profile_id: None, role: job_role, name, organisation: at })
}

fn extension(doc: &Document<'_>) -> Option<Text> {
    Some(attribute(doc, "extension")).filter(|text| !text.is_empty())
}
