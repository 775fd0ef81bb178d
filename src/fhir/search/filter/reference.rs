//! Reference parameters other than the child: by id, `Type/id` or URL, and by identifier (R4 3.1.1.4.12).

use super::token::TokenFilter;
use crate::cpis::{Author, NhsNumber};
use crate::fhir::codes;
use crate::fhir::graph::{Edge, Graph, NodeKey, PATIENT, ResourceType};
use crate::fhir::id::{AnswerPart, IdKeys};
use crate::fhir::search::{
    SearchError,
    error::safe_name,
    resolver::{ReferenceResolver, ResolvedReference},
    values::{self, Alternative, UNKNOWN},
};

/// One alternative of a reference parameter.
pub enum ReferenceFilter {
    /// An id, which need not be one of ours.
    Literal { target_type: TargetType, id: String },
    /// `entity` by NHS number.
    Patient(NhsNumber),
    /// `:identifier`
    Identifier(TokenFilter),
}

/// The type of target that the value names.
#[derive(Clone, PartialEq, Eq)]
pub enum TargetType {
    Any,
    Known(ResourceType),
    /// A type that no such reference points to: it matches nothing.
    Foreign,
}

/// The alternatives of one value, and their name in a link.
pub struct ReferenceCriteria {
    pub filters: Vec<ReferenceFilter>,
    pub name: String,
}

/// Reads one value of a reference parameter.
///
/// # Errors
/// [`SearchError`] for a value that is not a reference, an NHS number in the wrong place, or an unknown modifier.
pub fn read(
    base: &'static str,
    edge: Edge,
    targets: &[ResourceType],
    modifier: Option<&str>,
    alternatives: &[Alternative],
    resolver: &ReferenceResolver<'_>,
) -> Result<ReferenceCriteria, SearchError> {
    let name = format!("{base}{}", modifier.unwrap_or_default());
    let of_type = modifier.and_then(|modifier| modifier.strip_prefix(':')).and_then(ResourceType::parse);
    let filters: Result<Vec<_>, _> = match (modifier, of_type) {
        (Some(":identifier"), _) if edge == Edge::AuditEntity => {
            let filters: Result<_, _> = alternatives.iter().map(|alternative| patient_identifier(&name, alternative)).collect();
            return Ok(ReferenceCriteria { filters: filters?, name: base.to_owned() });
        }
        (Some(":identifier"), _) if has_identifier(edge) => alternatives
            .iter()
            .map(|alternative| TokenFilter::read(&name, alternative).map(ReferenceFilter::Identifier))
            .collect(),
        (Some(_), Some(kind)) if targets.contains(&kind) => {
            alternatives.iter().map(|alternative| literal(&name, edge, targets, Some(kind), alternative, resolver)).collect()
        }
        (None, _) => alternatives.iter().map(|alternative| literal(&name, edge, targets, None, alternative, resolver)).collect(),
        (Some(_), _) => return Err(SearchError::modifier(&name)),
    };
    // In a link, the value names the type of a `:Type` modifier.
    let name = if of_type.is_some() { base.to_owned() } else { name };
    Ok(ReferenceCriteria { filters: filters?, name })
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
    resolver: &ReferenceResolver<'_>,
) -> Result<ReferenceFilter, SearchError> {
    let (relative, is_bare) = match resolver.resolve(alternative.single(name)?) {
        ResolvedReference::Relative(relative) => (relative, true),
        ResolvedReference::Own(relative) => (relative, false),
        ResolvedReference::Foreign => return Err(SearchError::OfAnotherServer { parameter: safe_name(name) }),
    };
    let (target_type, id) = match relative.split_once('/') {
        None if is_bare => (TargetType::Any, relative),
        None => return Err(SearchError::malformed(name, NO_REFERENCE)),
        Some((kind, id)) => {
            let is_type = kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.bytes().all(|c| c.is_ascii_alphabetic());
            if !is_type || kind.len() > 40 || id.contains('/') {
                return Err(SearchError::malformed(name, NO_REFERENCE));
            }
            let known = ResourceType::parse(kind).filter(|kind| targets.contains(kind));
            (known.map_or_else(|| TargetType::Foreign, TargetType::Known), id)
        }
    };
    let target_type = match (target_type, of_type) {
        (TargetType::Any, Some(kind)) => TargetType::Known(kind),
        (target_type, Some(kind)) if target_type != TargetType::Known(kind) => {
            return Err(SearchError::malformed(name, "the value names another type than the modifier"));
        }
        (target_type, _) => target_type,
    };
    if edge == Edge::AuditEntity
        && !matches!(target_type, TargetType::Foreign)
        && let Ok(number) = NhsNumber::parse(id)
    {
        return Ok(ReferenceFilter::Patient(number));
    }
    check_id(name, id, resolver.ids)?;
    Ok(ReferenceFilter::Literal { target_type, id: id.to_owned() })
}

/// Checks the form of a FHIR id. An id that is not ours must not hold an NHS number.
pub fn check_id(name: &str, id: &str, ids: &IdKeys) -> Result<(), SearchError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if id.is_empty() || id.len() > 64 || !id.bytes().all(plain) {
        return Err(SearchError::malformed(name, "an id has 1 to 64 letters, digits, hyphens and dots"));
    }
    // Links must not repeat a mistyped NHS number either.
    if id.len() == 10 && id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(SearchError::malformed(name, "ten digits are no id; an NHS number belongs into patient"));
    }
    if ids.open(id).is_none() { values::refuse_nhs_number(name, id) } else { Ok(()) }
}

fn patient_identifier(name: &str, alternative: &Alternative) -> Result<ReferenceFilter, SearchError> {
    let number = match alternative.parts().as_slice() {
        [number] | [codes::NHS_NUMBER, number] => NhsNumber::parse(number),
        _ => return Err(SearchError::WrongIdentifierSystem { parameter: safe_name(name) }),
    };
    let reason = "an NHS number has ten digits, the last of which checks the others";
    number.map(ReferenceFilter::Patient).map_err(|_| SearchError::NotAnNhsNumber { parameter: safe_name(name), reason })
}

impl ReferenceFilter {
    /// The value in a link. An NHS number becomes the opaque id; an id that is not ours could be anything, so it is not repeated.
    pub fn text(&self, ids: &IdKeys) -> String {
        match self {
            Self::Literal { target_type: TargetType::Foreign, .. } => UNKNOWN.to_owned(),
            Self::Literal { id, .. } if ids.open(id).is_none() => UNKNOWN.to_owned(),
            Self::Literal { target_type: TargetType::Any, id } => id.clone(),
            Self::Literal { target_type: TargetType::Known(kind), id } => format!("{}/{id}", kind.name()),
            Self::Patient(number) => format!("Patient/{}", ids.seal(ResourceType::Patient, number, &AnswerPart::EMPTY)),
            Self::Identifier(token) => token.text(),
        }
    }

    /// The node that it means in this graph, if any.
    pub fn node(&self, graph: &Graph<'_>, ids: &IdKeys) -> Option<NodeKey> {
        match self {
            Self::Literal { target_type: TargetType::Foreign, .. } | Self::Identifier(_) => None,
            Self::Literal { target_type, id } => {
                let open = ids
                    .open(id)
                    .filter(|open| *target_type == TargetType::Any || *target_type == TargetType::Known(open.kind))?;
                graph.find(&open)
            }
            Self::Patient(number) => (number == graph.patient().number).then_some(PATIENT),
        }
    }
}

/// Whether a reference of `edge` from `key` carries the identifier.
pub fn identifies(graph: &Graph<'_>, key: NodeKey, edge: Edge, token: &TokenFilter) -> bool {
    match edge {
        Edge::FlagAuthor | Edge::EpisodeOrganization => {
            let authority = graph.plan(key).and_then(|node| graph.authority_of(node));
            authority
                .filter(|authority| !authority.code.is_empty())
                .is_some_and(|authority| token.identifies(codes::ods_system(authority.kind), &authority.code))
        }
        Edge::AuditAgent => graph.access(key).is_some_and(|access| {
            let patient = Some((codes::NHS_NUMBER, graph.patient().number.digits()));
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
