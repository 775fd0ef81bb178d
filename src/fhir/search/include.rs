//! `_include` and `_revinclude`: reads them and follows the references.

use super::SearchError;
use super::registry::{Direction, INCLUDE_PATHS, IncludePath};
use crate::fhir::graph::{Graph, NodeKey, ResourceType};

/// One reference to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Include {
    pub path: &'static IncludePath,
    pub direction: Direction,
    /// Also follow it from included resources, not only from the matches.
    pub iterate: bool,
    /// Only follow it to this type.
    pub target: Option<ResourceType>,
}

impl Include {
    /// The parameter in a self link.
    pub fn as_parameter(&self) -> (String, String) {
        let name = match self.direction {
            Direction::Forward => "_include",
            Direction::Reverse => "_revinclude",
        };
        let iterate = if self.iterate { ":iterate" } else { "" };
        let target = self.target.map(|target| format!(":{}", target.name())).unwrap_or_default();
        (format!("{name}{iterate}"), format!("{}:{}{target}", self.path.source.name(), self.path.name))
    }
}

/// Reads one value: `Source:name`, `Source:name:Target`, `Source:*` or `*`. The 2023 guide's `AuditEvent:entity-type=...` is not FHIR
/// but means `AuditEvent:agent` (decisions.md 26).
pub(super) fn read(
    matches: ResourceType,
    direction: Direction,
    iterate: bool,
    value: &str,
    includes: &mut Vec<Include>,
) -> Result<(), SearchError> {
    let mut parts = value.trim().splitn(3, ':');
    let (from, name, target) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let (name, target) = match name {
        Some(name) if from == "AuditEvent" && name.starts_with("entity-type=") => (Some("agent"), None),
        other => (other, target),
    };
    let wanted = |path: &&IncludePath| match (from, name) {
        ("*", None) => iterate || touches(path, matches, direction),
        (from, Some(name)) => path.source.name() == from && (name == "*" || path.name == name),
        _ => false,
    };
    let target_type = target.map(ResourceType::parse);
    let mut known = false;
    for path in INCLUDE_PATHS.iter().filter(wanted) {
        let target = match target_type {
            None => None,
            Some(Some(target)) if path.targets.contains(&target) => Some(target),
            Some(_) => continue,
        };
        known = true;
        let include = Include { path, direction, iterate, target };
        if !includes.contains(&include) {
            includes.push(include);
        }
    }
    if known {
        return Ok(());
    }
    let parameter = if direction == Direction::Forward { "_include" } else { "_revinclude" };
    Err(SearchError::UnknownInclude { parameter: parameter.to_owned(), resource: matches.name() })
}

fn touches(path: &IncludePath, matches: ResourceType, direction: Direction) -> bool {
    match direction {
        Direction::Forward => path.source == matches,
        Direction::Reverse => path.targets.contains(&matches),
    }
}

/// Follows `includes` from `matches`. Returns each included node once, without the matches, in the order found.
pub fn follow(graph: &Graph<'_>, matches: &[NodeKey], includes: &[Include]) -> Vec<NodeKey> {
    let mut reached: Vec<NodeKey> = Vec::new();
    let mut from: Vec<NodeKey> = matches.to_vec();
    let mut first_round = true;
    while !from.is_empty() {
        let mut found = Vec::new();
        for include in includes.iter().filter(|include| first_round || include.iterate) {
            for &node in &from {
                step(graph, node, include, &mut found);
            }
        }
        found.retain(|node| !matches.contains(node) && !reached.contains(node));
        found.dedup();
        let mut fresh = Vec::with_capacity(found.len());
        for node in found {
            if !fresh.contains(&node) {
                fresh.push(node);
            }
        }
        reached.extend_from_slice(&fresh);
        from = fresh;
        first_round = false;
    }
    reached
}

fn step(graph: &Graph<'_>, node: NodeKey, include: &Include, found: &mut Vec<NodeKey>) {
    let wanted = |target: &NodeKey| include.target.is_none_or(|kind| target.kind == kind);
    match include.direction {
        Direction::Forward if node.kind == include.path.source => {
            for &edge in include.path.edges {
                found.extend(graph.targets(node, edge).filter(wanted));
            }
        }
        Direction::Reverse if include.path.targets.contains(&node.kind) && wanted(&node) => {
            let sources = graph.of_type(include.path.source);
            found.extend(sources.filter(|&source| {
                include.path.edges.iter().any(|&edge| graph.targets(source, edge).any(|target| target == node))
            }));
        }
        _ => {}
    }
}
