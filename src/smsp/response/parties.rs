//! Reads people, roles and organisations: in authors, subjects and local authorities.

use super::xml::{Document, LONGEST_TEXT, ReadError, XmlToken, check_length};
use crate::cpis::{Organisation, OrganisationKind, PersonName, Role, Text};

const ORGANISATION: &str = "2.16.840.1.113883.2.1.3.2.4.19.1";
const SITE: &str = "2.16.840.1.113883.2.1.3.2.4.19.2";

/// The text of the element read last, trimmed.
pub(super) fn trimmed(doc: &mut Document<'_>) -> Result<Text, ReadError> {
    Ok(Text::from(doc.text()?.trim()))
}

/// An attribute of the element read last; empty if it is absent.
pub(super) fn attribute(doc: &Document<'_>, name: &str) -> Text {
    doc.attribute(name).map_or_else(Text::default, |value| Text::from(&*value))
}

/// The `name` read last, with its parts in any order. A name without parts becomes a family name.
pub(super) fn person_name(doc: &mut Document<'_>) -> Result<PersonName, ReadError> {
    let mut name = PersonName::default();
    let mut unstructured = String::new();
    let level = doc.level();
    loop {
        match doc.next()? {
            XmlToken::Open(part) if doc.level() == level + 1 => {
                let text = trimmed(doc)?;
                let place = match part {
                    "prefix" => &mut name.prefix,
                    "given" => &mut name.given,
                    "family" => &mut name.family,
                    "suffix" => &mut name.suffix,
                    _ => continue,
                };
                if !text.is_empty() {
                    place.push(text);
                }
            }
            XmlToken::Text(text) => {
                unstructured.push_str(text.trim());
                check_length(unstructured.len(), LONGEST_TEXT)?;
            }
            XmlToken::Close if doc.level() < level => break,
            XmlToken::End => break,
            _ => {}
        }
    }
    if name.is_empty() && !unstructured.is_empty() {
        name.family.push(Text::from(unstructured));
    }
    Ok(name)
}

/// The first `name` inside the element read last.
pub(super) fn named_person(doc: &mut Document<'_>) -> Result<PersonName, ReadError> {
    let mut found = PersonName::default();
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        if name == "name" && found.is_empty() {
            found = person_name(doc)?;
        }
    }
    Ok(found)
}

/// The `code` read last, as a job role.
pub(super) fn role(doc: &Document<'_>) -> Role {
    Role { code: attribute(doc, "code"), code_system: attribute(doc, "codeSystem"), name: attribute(doc, "displayName") }
}

/// Takes the `id` read last, if it is an ODS code.
pub(super) fn take_ods_code(doc: &Document<'_>, organisation: &mut Organisation) {
    let kind = match doc.attribute("root").as_deref() {
        Some(ORGANISATION) => OrganisationKind::Organisation,
        Some(SITE) => OrganisationKind::Site,
        _ => return,
    };
    if organisation.ods_code.is_empty() {
        organisation.kind = kind;
        organisation.ods_code = attribute(doc, "extension");
    }
}

/// The organisation read last: `id` and `name`, or (in the flattened form of wire.md 3.5, row 13) its name as text.
pub(super) fn organisation(doc: &mut Document<'_>) -> Result<Organisation, ReadError> {
    let mut organisation = Organisation::default();
    let mut own_text = String::new();
    let level = doc.level();
    loop {
        match doc.next()? {
            XmlToken::Open("id") if doc.level() == level + 1 => take_ods_code(doc, &mut organisation),
            XmlToken::Open("name") if doc.level() == level + 1 => organisation.name = trimmed(doc)?,
            XmlToken::Text(text) if doc.level() == level => {
                own_text.push_str(text.trim());
                check_length(own_text.len(), LONGEST_TEXT)?;
            }
            XmlToken::Close if doc.level() < level => break,
            XmlToken::End => break,
            _ => {}
        }
    }
    if organisation.name.is_empty() {
        organisation.name = Text::from(own_text);
    }
    Ok(organisation)
}
