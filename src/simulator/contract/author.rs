//! The two author templates of a query (wire.md 2.4, 2.5): Spine's mandatory data first, then their structure.

use super::{
    Violation,
    payload::{HL7, mandatory, missing},
    shape::{ChildRule, child, shape, text},
};
use crate::{
    cpis::{Author, Organisation, OrganisationKind, PersonName, Responsible, Role, Text},
    simulator::tree::XmlElement,
};

const LOCALISATION: &str = "NPFIT:HL7:Localisation";
const TEMPLATES: &str = "2.16.840.1.113883.2.1.3.2.4.18.16";
const USER: &str = "1.2.826.0.1285.0.2.0.65";
const ROLE_PROFILE: &str = "1.2.826.0.1285.0.2.0.67";
const ASID: &str = "1.2.826.0.1285.0.2.0.107";
const ORGANISATION: &str = "2.16.840.1.113883.2.1.3.2.4.19.1";
const SITE: &str = "2.16.840.1.113883.2.1.3.2.4.19.2";
const PERSON: &str = "COCT_TP145102GB01.AssignedAuthor";
const SYSTEM: &str = "COCT_TP145104GB01.System";

pub(super) fn check(author: &XmlElement) -> Result<Author, Violation> {
    shape(author, HL7, &[], &[("contentId", 1, 1), (PERSON, 0, 1), (SYSTEM, 0, 1)])?;
    let content_id = child(author, "contentId")?;
    shape(content_id, LOCALISATION, &["root", "extension"], &[])?;
    let (template, checked) = match (author.child(PERSON), author.child(SYSTEM)) {
        (Some(person), None) => ("COCT_TP145102GB01#AssignedAuthor", check_person(person)?),
        (None, Some(system)) => ("COCT_TP145104GB01#System", check_system(system)?),
        _ => return Err(Violation::invalid("there must be one author: a person or a system")),
    };
    if content_id.attribute("root") != Some(TEMPLATES) || content_id.attribute("extension") != Some(template) {
        return Err(Violation::invalid("npfitlc:contentId must name the author template that follows it"));
    }
    Ok(checked)
}

fn check_person(author: &XmlElement) -> Result<Author, Violation> {
    mandatory(author, &["code"], "code", "authorPerson.jobRoleCode")?;
    mandatory(author, &["code"], "displayName", "authorPerson.jobRoleName")?;
    mandatory(author, &["representedOrganization", "id"], "extension", "authorPerson.orgCode")?;
    mandatory_text(author, &["representedOrganization", "name"], "authorPerson.orgName")?;
    let id = |root: &str| author.all("id").find(|id| id.attribute("root") == Some(root)).and_then(|id| id.attribute("extension"));
    let user_id = id(USER).filter(|id| !id.is_empty()).ok_or_else(|| missing("authorPerson.authorID"))?;

    let parts: [ChildRule<'_>; 4] =
        [("code", 1, 1), ("id", 1, 2), ("assignedAuthorPerson", 1, 1), ("representedOrganization", 1, 1)];
    shape(author, HL7, &[], &parts)?;
    for id in author.all("id") {
        shape(id, HL7, &["root", "extension"], &[])?;
        if ![Some(USER), Some(ROLE_PROFILE)].contains(&id.attribute("root")) {
            return Err(Violation::invalid("an id of the author must be an SDS user id or role profile id"));
        }
    }
    if author.all("id").count() == 2 && id(ROLE_PROFILE).is_none() {
        return Err(Violation::invalid("the author has two ids of the same kind"));
    }
    Ok(Author::Person {
        user_id: Some(user_id.into()),
        role_profile_id: id(ROLE_PROFILE).map(Text::from),
        role: role(child(author, "code")?)?,
        name: person(child(author, "assignedAuthorPerson")?)?,
        organisation: organisation(child(author, "representedOrganization")?)?,
    })
}

fn check_system(system: &XmlElement) -> Result<Author, Violation> {
    mandatory(system, &["id"], "extension", "authorDevice.systemID")?;
    mandatory(system, &["maintainingOrganization", "id"], "extension", "authorDevice.orgCode")?;
    mandatory_text(system, &["maintainingOrganization", "name"], "authorDevice.orgName")?;
    // The programme's mapping asks for one, though the schema allows none (wire.md 2.5).
    if system.child("indirectAuthority").is_none() {
        return Err(missing("authorDevice.indirectAuthority"));
    }
    for authority in system.all("indirectAuthority") {
        mandatory(authority, &["superiorAssignedEntity", "code"], "code", "authorDevice.jobRoleCode")?;
        mandatory(authority, &["superiorAssignedEntity", "code"], "displayName", "authorDevice.jobRoleName")?;
        let name = authority.at(&["superiorAssignedEntity", "assignedPerson", "name"]);
        if name.is_none_or(|name| name.children.iter().all(|part| part.text.is_empty())) {
            return Err(missing("authorDevice.assignedPersonName"));
        }
    }
    let parts: [ChildRule<'_>; 3] = [("id", 1, 1), ("indirectAuthority", 1, usize::MAX), ("maintainingOrganization", 1, 1)];
    shape(system, HL7, &[], &parts)?;
    let id = child(system, "id")?;
    shape(id, HL7, &["root", "extension"], &[])?;
    let asid = id.attribute("extension").unwrap_or_default();
    if id.attribute("root") != Some(ASID) || asid.len() != 12 || !asid.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Violation::invalid("System/id must be an ASID of 12 digits"));
    }
    let responsible = system.all("indirectAuthority").map(responsible).collect::<Result<_, _>>()?;
    Ok(Author::System {
        asid: Some(asid.into()),
        responsible,
        organisation: organisation(child(system, "maintainingOrganization")?)?,
    })
}

fn responsible(authority: &XmlElement) -> Result<Responsible, Violation> {
    shape(authority, HL7, &[], &[("superiorAssignedEntity", 1, 1)])?;
    let entity = child(authority, "superiorAssignedEntity")?;
    shape(entity, HL7, &[], &[("code", 1, 1), ("assignedPerson", 1, 1)])?;
    Ok(Responsible { role: role(child(entity, "code")?)?, name: person(child(entity, "assignedPerson")?)? })
}

fn mandatory_text(from: &XmlElement, path: &[&str], what: &str) -> Result<(), Violation> {
    if from.at(path).is_some_and(|element| !element.text.is_empty()) { Ok(()) } else { Err(missing(what)) }
}

fn role(code: &XmlElement) -> Result<Role, Violation> {
    shape(code, HL7, &["code", "codeSystem", "displayName"], &[])?;
    let attribute = |name: &str| Text::from(code.attribute(name).unwrap_or_default());
    Ok(Role { code: attribute("code"), code_system: attribute("codeSystem"), name: attribute("displayName") })
}

fn person(person: &XmlElement) -> Result<PersonName, Violation> {
    shape(person, HL7, &[], &[("name", 1, 1)])?;
    let name = child(person, "name")?;
    let allowed = ["prefix", "given", "family", "suffix"];
    if name.children.iter().any(|part| !allowed.contains(&part.name.as_str())) || !name.attributes.iter().all(|a| a.name == "use")
    {
        return Err(Violation::invalid("name must hold prefix, given, family and suffix only"));
    }
    let parts =
        |wanted: &str| -> Result<Vec<Text>, Violation> { name.all(wanted).map(|part| text(part, HL7).map(Text::from)).collect() };
    Ok(PersonName { prefix: parts("prefix")?, given: parts("given")?, family: parts("family")?, suffix: parts("suffix")? })
}

fn organisation(organisation: &XmlElement) -> Result<Organisation, Violation> {
    shape(organisation, HL7, &[], &[("id", 1, 1), ("name", 1, 1)])?;
    let id = child(organisation, "id")?;
    shape(id, HL7, &["root", "extension"], &[])?;
    let kind = match id.attribute("root") {
        Some(ORGANISATION) => OrganisationKind::Organisation,
        Some(SITE) => OrganisationKind::Site,
        _ => return Err(Violation::invalid("an organisation's id must be an ODS code of an organisation or a site")),
    };
    let name = text(child(organisation, "name")?, HL7)?;
    Ok(Organisation { kind, ods_code: id.attribute("extension").unwrap_or_default().into(), name: name.into() })
}
