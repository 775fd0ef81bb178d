//! Filters: the conditions that a match meets. They are read from parameters and tested on the graph without building a resource.
//!
//! A filter compares what the built resource shows, with one exception, for safety (decisions.md 7): **what could not be read cannot be
//! ruled out**. A placeholder meets every filter by date, code, category, type and status; a plan whose authority is not known meets every
//! filter by authority; an access whose time is not known meets every filter by date.

mod date;
mod reference;
mod token;

use super::registry::{INCLUDE_PATHS, Parameter, ParameterKind, TokenElement};
use super::resolver::ReferenceResolver;
use super::{SearchError, values};
use crate::cpis::{NhsNumber, PlanStatus, PlanType};
use crate::fhir::graph::{Edge, Graph, NodeKey, ResourceType};
use crate::fhir::id::IdKeys;
use date::{DateFilter, Interval};
use reference::ReferenceFilter;
use token::TokenFilter;

/// One parameter with its alternatives. A match meets at least one of them.
pub struct Filter {
    pub parameter: &'static Parameter,
    terms: FilterTerms,
}

/// A parameter in a link: name and value.
pub type LinkParameter = (String, String);

enum FilterTerms {
    Id(Vec<String>),
    Token(TokenElement, Vec<TokenFilter>),
    Date(Vec<DateFilter>),
    Reference(Edge, Vec<ReferenceFilter>),
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filter({})", self.parameter.name)
    }
}

impl Filter {
    /// Reads one value. Also returns the parameter for links. `None` if the parameter is not a filter.
    ///
    /// # Errors
    /// [`SearchError`], naming the parameter.
    pub(super) fn read(
        parameter: &'static Parameter,
        modifier: Option<&str>,
        value: &str,
        resolver: &ReferenceResolver<'_>,
    ) -> Result<Option<(Self, LinkParameter)>, SearchError> {
        let ids = resolver.ids;
        if !matches!(
            parameter.kind,
            ParameterKind::Id | ParameterKind::Token(_) | ParameterKind::Date | ParameterKind::Reference(_)
        ) {
            return Ok(None);
        }
        let name = parameter.name;
        if let (Some(modifier), false) = (modifier, matches!(parameter.kind, ParameterKind::Reference(_))) {
            return Err(SearchError::modifier(&format!("{name}{modifier}")));
        }
        let alternatives = values::split(name, value)?;
        let mut link_name = name.to_owned();
        let (terms, in_link): (FilterTerms, Vec<String>) = match parameter.kind {
            ParameterKind::Token(element) => {
                let tokens: Vec<TokenFilter> = collect(&alternatives, |alternative| TokenFilter::read(name, alternative))?;
                let in_link = tokens.iter().map(TokenFilter::text).collect();
                (FilterTerms::Token(element, tokens), in_link)
            }
            ParameterKind::Date => {
                let filters = collect(&alternatives, |alternative| DateFilter::read(name, alternative.single(name)?))?;
                let in_link = filters.iter().map(|filter| filter.text().to_owned()).collect();
                (FilterTerms::Date(filters), in_link)
            }
            ParameterKind::Reference(edge) => {
                let read = reference::read(name, edge, targets(edge), modifier, &alternatives, resolver)?;
                link_name = read.name;
                let in_link = read.filters.iter().map(|filter| filter.text(ids)).collect();
                (FilterTerms::Reference(edge, read.filters), in_link)
            }
            _ => {
                let wanted = collect(&alternatives, |alternative| {
                    let id = alternative.single(name)?;
                    reference::check_id(name, id, ids).map(|()| id.to_owned())
                })?;
                let known = |id: &String| if ids.open(id).is_some() { id.clone() } else { values::UNKNOWN.to_owned() };
                let in_link = wanted.iter().map(known).collect();
                (FilterTerms::Id(wanted), in_link)
            }
        };
        Ok(Some((Self { parameter, terms }, (link_name, in_link.join(",")))))
    }

    /// Whether a resource of type `resource` in `state` can meet the tokens. A placeholder meets every filter, but here only its own codes
    /// count: otherwise no search could be refused.
    fn may_be_met_by(&self, resource: ResourceType, state: PlanState) -> bool {
        let FilterTerms::Token(element, tokens) = &self.terms else { return true };
        tokens.iter().any(|token| element.can_be(resource, state, token))
    }

    fn names_another_child(&self, child: &NhsNumber, ids: &IdKeys) -> bool {
        let is_another = |id: &str| ids.open(id).is_some_and(|open| open.nhs_number != *child);
        match &self.terms {
            FilterTerms::Id(wanted) => wanted.iter().any(|id| is_another(id)),
            FilterTerms::Reference(_, filters) => filters.iter().any(|filter| match filter {
                ReferenceFilter::Literal { id, .. } => is_another(id),
                ReferenceFilter::Patient(number) => number != child,
                ReferenceFilter::Identifier(_) => false,
            }),
            FilterTerms::Token(..) | FilterTerms::Date(_) => false,
        }
    }

    /// Binds the filter to one graph: opens and finds its ids once, not for each node.
    pub fn bind<'f>(&'f self, graph: &Graph<'_>, ids: &IdKeys) -> BoundFilter<'f> {
        let nodes = match &self.terms {
            FilterTerms::Id(wanted) => wanted.iter().filter_map(|id| graph.find(&ids.open(id)?)).collect(),
            FilterTerms::Reference(_, filters) => filters.iter().filter_map(|filter| filter.node(graph, ids)).collect(),
            FilterTerms::Token(..) | FilterTerms::Date(_) => Vec::new(),
        };
        BoundFilter { filter: self, nodes }
    }
}

/// Refuses filters that no answer about this child can meet (decisions.md 53): codes and statuses that exclude each other, and a reference
/// or id that names another child.
///
/// # Errors
/// [`SearchError::NeverFound`], [`SearchError::TwoChildren`].
pub(super) fn check_together(
    filters: &[Filter],
    resource: ResourceType,
    child: &NhsNumber,
    ids: &IdKeys,
) -> Result<(), SearchError> {
    for filter in filters {
        if filter.names_another_child(child, ids) {
            return Err(SearchError::TwoChildren { parameter: filter.parameter.name.to_owned() });
        }
    }
    let tokens = || filters.iter().filter(|filter| matches!(filter.terms, FilterTerms::Token(..)));
    let can_be = |filter: &Filter, state: PlanState| filter.may_be_met_by(resource, state);
    let alone = tokens().find(|filter| !plan_states().any(|state| can_be(filter, state)));
    let together = || !plan_states().any(|state| tokens().all(|filter| can_be(filter, state)));
    match alone.or_else(|| tokens().next_back().filter(|_| together())) {
        Some(filter) => Err(SearchError::NeverFound { parameter: filter.parameter.name.to_owned() }),
        None => Ok(()),
    }
}

/// What decides the codes and the status of a plan's resource: the plan's type and status, or `None` for a placeholder.
type PlanState = Option<(PlanType, PlanStatus)>;

fn plan_states() -> impl Iterator<Item = PlanState> {
    const STAGES: [PlanStatus; 3] = [PlanStatus::Active, PlanStatus::Planned, PlanStatus::Ended];
    let plans = PlanType::ALL.into_iter().flat_map(|kind| STAGES.map(|stage| Some((kind, stage))));
    plans.chain(std::iter::once(None))
}

fn collect<T>(
    alternatives: &[values::Alternative],
    read: impl Fn(&values::Alternative) -> Result<T, SearchError>,
) -> Result<Vec<T>, SearchError> {
    alternatives.iter().map(read).collect()
}

/// The types that references of `edge` point to, from the table of include paths.
fn targets(edge: Edge) -> &'static [ResourceType] {
    INCLUDE_PATHS.iter().find(|path| path.edges.contains(&edge)).map_or(&[], |path| path.targets)
}

/// A filter with the nodes of one graph that its ids mean.
pub struct BoundFilter<'f> {
    filter: &'f Filter,
    nodes: Vec<NodeKey>,
}

impl BoundFilter<'_> {
    /// Whether `key` meets the filter.
    pub fn is_met_by(&self, graph: &Graph<'_>, key: NodeKey) -> bool {
        let placeholder = || graph.plan(key).is_some_and(|node| node.unreadable().is_some());
        match &self.filter.terms {
            FilterTerms::Id(_) => self.nodes.contains(&key),
            FilterTerms::Token(element, tokens) => placeholder() || tokens.iter().any(|token| element.has(graph, key, token)),
            FilterTerms::Date(filters) => match interval(graph, key) {
                Some(interval) => filters.iter().any(|filter| filter.is_met_by(interval)),
                None => true,
            },
            FilterTerms::Reference(edge, filters) => self.leads(graph, key, *edge, filters),
        }
    }

    fn leads(&self, graph: &Graph<'_>, key: NodeKey, edge: Edge, filters: &[ReferenceFilter]) -> bool {
        let to_authority = matches!(edge, Edge::FlagAuthor | Edge::EpisodeOrganization);
        if to_authority && graph.plan(key).is_some_and(|node| graph.authority_of(node).is_none()) {
            return true;
        }
        graph.targets(key, edge).any(|target| self.nodes.contains(&target))
            || filters.iter().any(|filter| match filter {
                ReferenceFilter::Identifier(token) => reference::identifies(graph, key, edge, token),
                _ => false,
            })
    }
}

/// The time of a node; `None` if it is not known.
fn interval(graph: &Graph<'_>, key: NodeKey) -> Option<Interval> {
    if let Some(access) = graph.access(key) {
        return Interval::of_access(access.when);
    }
    graph.plan(key)?.plan().map(Interval::of_plan)
}
