//! Reference parameters other than the child: by id, `Type/id` or URL, and by identifier (R4 3.1.1.4.12).

use super::token::Token;
use crate::cpis::{Author, NhsNumber};
use crate::fhir::codes;
use crate::fhir::graph::{Edge, Graph, NodeKey, PATIENT, ResourceType};
use crate::fhir::id::{IdKeys, Part};
use crate::fhir::search::{
    SearchError,
    error::safe_name,
    ours::{Ours, Place},
    values::{self, Alternative, UNKNOWN},
};

/// One alternative of a reference parameter.
pub enum ReferenceTest {
    /// An id, known here or not.
    Literal { named: Named, id: String },
    /// `entity` by NHS number.
    Patient(NhsNumber),
    /// `:identifier`
    Identifier(Token),
}

/// The type that the value names.
#[derive(Clone, PartialEq, Eq)]
pub enum Named {
    No,
    Type(ResourceType),
    /// A type that no such reference here leads to: it matches nothing.
    Foreign,
}

/// The alternatives of one value and the name that they stand under in a link.
pub struct Read {
    pub tests: Vec<ReferenceTest>,
    pub name: String,
}

/// Reads one value of a reference parameter.
///
/// # Errors
/// [`SearchError`] for what is no reference, an NHS number in the wrong place, or an unknown modifier.
pub fn read(
    base: &'static str,
    edge: Edge,
    targets: &[ResourceType],
    modifier: Option<&str>,
    alternatives: &[Alternative],
    ours: &Ours<'_>,
) -> Result<Read, SearchError> {
    let name = format!("{base}{}", modifier.unwrap_or_default());
    let of_type = modifier.and_then(|modifier| modifier.strip_prefix(':')).and_then(ResourceType::parse);
    let tests: Result<Vec<_>, _> = match (modifier, of_type) {
        (Some(":identifier"), _) if edge == Edge::AuditEntity => {
            let tests: Result<_, _> = alternatives.iter().map(|alternative| patient_identifier(&name, alternative)).collect();
            return Ok(Read { tests: tests?, name: base.to_owned() });
        }
        (Some(":identifier"), _) if has_identifier(edge) => {
            alternatives.iter().map(|alternative| Token::read(&name, alternative).map(ReferenceTest::Identifier)).collect()
        }
        (Some(_), Some(kind)) if targets.contains(&kind) => {
            alternatives.iter().map(|alternative| literal(&name, edge, targets, Some(kind), alternative, ours)).collect()
        }
        (None, _) => alternatives.iter().map(|alternative| literal(&name, edge, targets, None, alternative, ours)).collect(),
        (Some(_), _) => return Err(SearchError::modifier(&name)),
    };
    // The type of a `:Type` modifier stands in the value of the link.
    let name = if of_type.is_some() { base.to_owned() } else { name };
    Ok(Read { tests: tests?, name })
}

/// Whether the references of an edge carry identifiers.
pub fn has_identifier(edge: Edge) -> bool {
    matches!(edge, Edge::FlagAuthor | Edge::EpisodeOrganization | Edge::AuditAgent | Edge::AuditEntity)
}

const NO_REFERENCE: &str = "a reference is an id, Type/id, or the address of a resource of this service";

fn literal(
    name: &str,
    edge: Edge,
    targets: &[ResourceType],
    of_type: Option<ResourceType>,
    alternative: &Alternative,
    ours: &Ours<'_>,
) -> Result<ReferenceTest, SearchError> {
    let (relative, is_bare) = match ours.place(alternative.single(name)?) {
        Place::Relative(relative) => (relative, true),
        Place::Own(relative) => (relative, false),
        Place::Another => return Err(SearchError::OfAnotherServer { parameter: safe_name(name) }),
    };
    let (named, id) = match relative.split_once('/') {
        None if is_bare => (Named::No, relative),
        None => return Err(SearchError::malformed(name, NO_REFERENCE)),
        Some((kind, id)) => {
            let is_type = kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.bytes().all(|c| c.is_ascii_alphabetic());
            if !is_type || kind.len() > 40 || id.contains('/') {
                return Err(SearchError::malformed(name, NO_REFERENCE));
            }
            let known = ResourceType::parse(kind).filter(|kind| targets.contains(kind));
            (known.map_or_else(|| Named::Foreign, Named::Type), id)
        }
    };
    let named = match (named, of_type) {
        (Named::No, Some(kind)) => Named::Type(kind),
        (named, Some(kind)) if named != Named::Type(kind) => {
            return Err(SearchError::malformed(name, "the value names another type than the modifier"));
        }
        (named, _) => named,
    };
    if edge == Edge::AuditEntity
        && !matches!(named, Named::Foreign)
        && let Ok(number) = NhsNumber::parse(id)
    {
        return Ok(ReferenceTest::Patient(number));
    }
    check_id(name, id, ours.ids)?;
    Ok(ReferenceTest::Literal { named, id: id.to_owned() })
}

/// What an id of FHIR looks like; one that is not ours must not be an NHS number either.
pub fn check_id(name: &str, id: &str, ids: &IdKeys) -> Result<(), SearchError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if id.is_empty() || id.len() > 64 || !id.bytes().all(plain) {
        return Err(SearchError::malformed(name, "an id has 1 to 64 letters, digits, hyphens and dots"));
    }
    // A mistyped NHS number is not repeated in links either.
    if id.len() == 10 && id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(SearchError::malformed(name, "ten digits are no id; an NHS number belongs into patient"));
    }
    if ids.open(id).is_none() { values::refuse_nhs_number(name, id) } else { Ok(()) }
}

fn patient_identifier(name: &str, alternative: &Alternative) -> Result<ReferenceTest, SearchError> {
    let number = match alternative.parts().as_slice() {
        [number] | [codes::NHS_NUMBER, number] => NhsNumber::parse(number),
        _ => return Err(SearchError::WrongIdentifierSystem { parameter: safe_name(name) }),
    };
    let reason = "an NHS number has ten digits, the last of which checks the others";
    number.map(ReferenceTest::Patient).map_err(|_| SearchError::NotAnNhsNumber { parameter: safe_name(name), reason })
}

impl ReferenceTest {
    /// As it stands in a link: a number becomes the opaque id, and what no id of ours is may be anything.
    pub fn text(&self, ids: &IdKeys) -> String {
        match self {
            Self::Literal { named: Named::Foreign, .. } => UNKNOWN.to_owned(),
            Self::Literal { id, .. } if ids.open(id).is_none() => UNKNOWN.to_owned(),
            Self::Literal { named: Named::No, id } => id.clone(),
            Self::Literal { named: Named::Type(kind), id } => format!("{}/{id}", kind.name()),
            Self::Patient(number) => format!("Patient/{}", ids.seal(ResourceType::Patient, number, &Part::EMPTY)),
            Self::Identifier(token) => token.text(),
        }
    }

    /// The node that a literal means in this graph, if any.
    pub fn node(&self, graph: &Graph<'_>, ids: &IdKeys) -> Option<NodeKey> {
        match self {
            Self::Literal { named: Named::Foreign, .. } | Self::Identifier(_) => None,
            Self::Literal { named, id } => {
                let open = ids.open(id).filter(|open| *named == Named::No || *named == Named::Type(open.kind))?;
                graph.find(&open)
            }
            Self::Patient(number) => (number == graph.asked().number).then_some(PATIENT),
        }
    }
}

/// Whether a reference of `edge` from `key` carries the identifier.
pub fn identifies(graph: &Graph<'_>, key: NodeKey, edge: Edge, token: &Token) -> bool {
    match edge {
        Edge::FlagAuthor | Edge::EpisodeOrganization => {
            let authority = graph.plan(key).and_then(|node| graph.authority_of(node));
            authority
                .filter(|authority| !authority.code.is_empty())
                .is_some_and(|authority| token.identifies(codes::ods_system(authority.kind), &authority.code))
        }
        Edge::AuditAgent => graph.access(key).is_some_and(|access| {
            let patient = Some((codes::NHS_NUMBER, graph.asked().number.digits()));
            [patient, author_identifier(&access.author)]
                .into_iter()
                .flatten()
                .any(|(system, value)| token.identifies(system, value))
        }),
        _ => false,
    }
}

fn author_identifier(author: &Author) -> Option<(&'static str, &str)> {
    let (system, value) = match author {
        Author::Person { role_profile_id, .. } => (codes::SDS_ROLE_PROFILE_ID, role_profile_id),
        Author::System { asid, .. } => (codes::SPINE_ASID, asid),
        Author::Unknown => return None,
    };
    let value = value.as_ref()?.as_str().trim();
    (!value.is_empty()).then_some((system, value))
}
