use super::common::{accessing_organisation, given, id, identifier, logical, meta};
use crate::{
    cpis::{Author, Organisation, PersonName, Role, Text},
    fhir::{
        codes,
        graph::{Graph, NodeKey},
    },
};
use fhirbolt_model::r4::{
    resources::PractitionerRole,
    types::{CodeableConcept, Coding},
};

/// A person of an access: its author, or one responsible for the system that made it.
pub struct AccessPerson<'a> {
    user_id: Option<&'a Text>,
    role_profile_id: Option<&'a Text>,
    role: &'a Role,
    name: &'a PersonName,
    organisation: &'a Organisation,
}

impl<'a> AccessPerson<'a> {
    /// The person at one position in an access: 0 is the author, then the responsible people.
    pub fn of(author: &'a Author, place: usize) -> Option<Self> {
        match author {
            Author::Person { user_id, role_profile_id, role, name, organisation } if place == 0 => {
                Some(Self { user_id: user_id.as_ref(), role_profile_id: role_profile_id.as_ref(), role, name, organisation })
            }
            Author::System { responsible, organisation, .. } => {
                let responsible = responsible.get(place.checked_sub(1)?)?;
                let (role, name) = (&responsible.role, &responsible.name);
                Some(Self { user_id: None, role_profile_id: None, role, name, organisation })
            }
            Author::Person { .. } | Author::Unknown => None,
        }
    }

    pub fn role_profile_id(&self) -> Option<fhirbolt_model::r4::types::Identifier> {
        self.role_profile_id.and_then(given).map(|id| identifier(codes::SDS_ROLE_PROFILE_ID, id))
    }

    fn name(&self) -> String {
        self.name.display_name().unwrap_or_else(|| "Name not given".to_owned())
    }

    /// The name, role and organisation that are known.
    pub fn display(&self) -> String {
        let mut display = self.name();
        for more in [&self.role.name, &self.organisation.name].into_iter().filter_map(given) {
            display.push_str(", ");
            display.push_str(more);
        }
        display
    }
}

/// Who made an access or is responsible for it, in which role and where.
pub fn practitioner_role(graph: &Graph<'_>, key: NodeKey) -> PractitionerRole {
    let access = graph.access(key);
    let Some(person) = access.and_then(|access| AccessPerson::of(&access.author, graph.place_in_access(key))) else {
        return PractitionerRole::default();
    };
    let user_id = person.user_id.and_then(given).map(|id| identifier(codes::SDS_USER_ID, id));
    PractitionerRole {
        id: Some(id(graph, key)),
        meta: Some(meta(graph, key, &[])),
        identifier: person.role_profile_id().into_iter().collect(),
        practitioner: Some(Box::new(logical("Practitioner", user_id, Some(&person.name())))),
        organization: accessing_organisation(person.organisation).map(Box::new),
        code: job_role(person.role).into_iter().collect(),
        ..Default::default()
    }
}

/// The job role as it was received (decisions.md 29a).
fn job_role(role: &Role) -> Option<CodeableConcept> {
    let name = given(&role.name);
    // The only spaces in a FHIR code are single ones between words.
    let code = role.code.as_str().split_whitespace().collect::<Vec<_>>().join(" ");
    if code.is_empty() {
        return name.map(|name| CodeableConcept { text: Some(name.into()), ..Default::default() });
    }
    let coding = Coding {
        system: oid(&role.code_system).map(Into::into),
        code: Some(code.into()),
        display: name.map(Into::into),
        ..Default::default()
    };
    Some(CodeableConcept { coding: vec![coding], text: name.map(Into::into), ..Default::default() })
}

/// `urn:oid:` and the OID, if the text is an OID.
fn oid(oid: &Text) -> Option<String> {
    let oid = given(oid)?;
    let arcs = oid.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit()));
    (arcs && oid.contains('.')).then(|| ["urn:oid:", oid].concat())
}
