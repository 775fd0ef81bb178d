//! Writes the two author templates (wire.md 2.4, 2.5) of an access.

use super::{content::PayloadStyle, xml::Xml};
use crate::cpis::{Author, Organisation, OrganisationKind, PersonName, Role, Text};

pub(super) const CONTENT_ID: &str = "2.16.840.1.113883.2.1.3.2.4.18.16";
const USER: &str = "1.2.826.0.1285.0.2.0.65";
const ROLE_PROFILE: &str = "1.2.826.0.1285.0.2.0.67";
const ASID: &str = "1.2.826.0.1285.0.2.0.107";

/// `<npfitlc:contentId>`, which names the template after it.
pub(super) fn content_id(xml: &mut Xml, template: &str) {
    xml.empty("npfitlc:contentId", &[("root", CONTENT_ID), ("extension", template)]);
}

pub(super) fn write(xml: &mut Xml, author: &Author, style: PayloadStyle) {
    xml.element("author", &[], |xml| match author {
        Author::Person { user_id, role_profile_id, role, name, organisation } => {
            content_id(xml, "COCT_TP145102GB01#AssignedAuthor");
            xml.element("COCT_TP145102GB01.AssignedAuthor", &[], |xml| {
                write_role(xml, role);
                id(xml, USER, user_id.as_ref());
                id(xml, ROLE_PROFILE, role_profile_id.as_ref());
                xml.element("assignedAuthorPerson", &[], |xml| write_name(xml, name, style));
                xml.element("representedOrganization", &[], |xml| write_organisation(xml, organisation));
            });
        }
        Author::System { asid, responsible, organisation } => {
            content_id(xml, "COCT_TP145104GB01#System");
            xml.element("COCT_TP145104GB01.System", &[], |xml| {
                id(xml, ASID, asid.as_ref());
                for person in responsible {
                    xml.element("indirectAuthority", &[], |xml| {
                        xml.element("superiorAssignedEntity", &[], |xml| {
                            write_role(xml, &person.role);
                            xml.element("assignedPerson", &[], |xml| write_name(xml, &person.name, style));
                        });
                    });
                }
                xml.element("maintainingOrganization", &[], |xml| write_organisation(xml, organisation));
            });
        }
        Author::Unknown => {
            content_id(xml, "COCT_TP145199GB01#NewAuthor");
            xml.empty("COCT_TP145199GB01.NewAuthor", &[]);
        }
    });
}

fn id(xml: &mut Xml, root: &str, extension: Option<&Text>) {
    if let Some(extension) = extension {
        xml.empty("id", &[("root", root), ("extension", extension.as_str())]);
    }
}

fn write_role(xml: &mut Xml, role: &Role) {
    let parts = [("code", &role.code), ("codeSystem", &role.code_system), ("displayName", &role.name)];
    let given: Vec<_> =
        parts.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.as_str())).collect();
    if !given.is_empty() {
        xml.empty("code", &given);
    }
}

pub(super) fn write_name(xml: &mut Xml, name: &PersonName, style: PayloadStyle) {
    xml.element("name", &[], |xml| {
        let mut parts = |element: &str, texts: &[Text], after: &str| {
            for text in texts {
                xml.text(element, &format!("{}{after}", text.as_str()));
            }
        };
        parts("prefix", &name.prefix, "");
        if style == PayloadStyle::Spine {
            parts("family", &name.family, "");
            parts("given", &name.given, " ");
        } else {
            parts("given", &name.given, "");
            parts("family", &name.family, "");
        }
        parts("suffix", &name.suffix, "");
    });
}

/// The `id` and `name` of an organisation, without the element around them.
pub(super) fn write_organisation(xml: &mut Xml, organisation: &Organisation) {
    let root = match organisation.kind {
        OrganisationKind::Organisation => "2.16.840.1.113883.2.1.3.2.4.19.1",
        OrganisationKind::Site => "2.16.840.1.113883.2.1.3.2.4.19.2",
    };
    if !organisation.ods_code.is_empty() || organisation.kind == OrganisationKind::Site {
        xml.empty("id", &[("root", root), ("extension", organisation.ods_code.as_str())]);
    }
    if !organisation.name.is_empty() {
        xml.text("name", organisation.name.as_str());
    }
}
