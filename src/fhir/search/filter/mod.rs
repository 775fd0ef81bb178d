//! Filters: what a match must be. Read from parameters, tested on the graph without building a resource.
//!
//! A filter says of a node what the built resource shows, with one exception, for safety (decisions.md 7): **what could not be
//! read cannot be ruled out**. A placeholder meets every filter by date, code, category, type and status; a plan whose authority
//! is not known meets every filter by authority; an access whose time is not known meets every filter by date.

mod date;
mod reference;
mod token;

use super::ours::Ours;
use super::registry::{Kind, LINKS, Parameter, TokenElement};
use super::{SearchError, values};
use crate::cpis::{NhsNumber, PlanStatus, PlanType};
use crate::fhir::graph::{Edge, Graph, NodeKey, ResourceType};
use crate::fhir::id::IdKeys;
use date::{DateTest, Interval};
use reference::ReferenceTest;
use token::Token;

/// One parameter with its alternatives: a match meets at least one of them.
pub struct Filter {
    pub parameter: &'static Parameter,
    tests: Tests,
}

/// A parameter as it stands in a link: name and value.
pub type InLink = (String, String);

enum Tests {
    Id(Vec<String>),
    Token(TokenElement, Vec<Token>),
    Date(Vec<DateTest>),
    Reference(Edge, Vec<ReferenceTest>),
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filter({})", self.parameter.name)
    }
}

impl Filter {
    /// Reads one value. Also gives the parameter as it stands in a link. `None` where the parameter is no filter.
    ///
    /// # Errors
    /// [`SearchError`], naming the parameter.
    pub(super) fn read(
        parameter: &'static Parameter,
        modifier: Option<&str>,
        value: &str,
        ours: &Ours<'_>,
    ) -> Result<Option<(Self, InLink)>, SearchError> {
        let ids = ours.ids;
        if !matches!(parameter.kind, Kind::Id | Kind::Token(_) | Kind::Date | Kind::Reference(_)) {
            return Ok(None);
        }
        let name = parameter.name;
        if let (Some(modifier), false) = (modifier, matches!(parameter.kind, Kind::Reference(_))) {
            return Err(SearchError::modifier(&format!("{name}{modifier}")));
        }
        let alternatives = values::split(name, value)?;
        let mut link_name = name.to_owned();
        let (tests, in_link): (Tests, Vec<String>) = match parameter.kind {
            Kind::Token(element) => {
                let tokens: Vec<Token> = collect(&alternatives, |alternative| Token::read(name, alternative))?;
                let in_link = tokens.iter().map(Token::text).collect();
                (Tests::Token(element, tokens), in_link)
            }
            Kind::Date => {
                let tests = collect(&alternatives, |alternative| DateTest::read(name, alternative.single(name)?))?;
                let in_link = tests.iter().map(|test| test.text().to_owned()).collect();
                (Tests::Date(tests), in_link)
            }
            Kind::Reference(edge) => {
                let read = reference::read(name, edge, targets(edge), modifier, &alternatives, ours)?;
                link_name = read.name;
                let in_link = read.tests.iter().map(|test| test.text(ids)).collect();
                (Tests::Reference(edge, read.tests), in_link)
            }
            _ => {
                let wanted = collect(&alternatives, |alternative| {
                    let id = alternative.single(name)?;
                    reference::check_id(name, id, ids).map(|()| id.to_owned())
                })?;
                let known = |id: &String| if ids.open(id).is_some() { id.clone() } else { values::UNKNOWN.to_owned() };
                let in_link = wanted.iter().map(known).collect();
                (Tests::Id(wanted), in_link)
            }
        };
        Ok(Some((Self { parameter, tests }, (link_name, in_link.join(",")))))
    }

    /// Whether its tokens are met by what a resource of `resource` can show. A placeholder is asked for by its own codes here, though
    /// it meets every filter: else no search could be refused.
    fn may_be_met_by(&self, resource: ResourceType, shown: Shown) -> bool {
        let Tests::Token(element, tokens) = &self.tests else { return true };
        tokens.iter().any(|token| element.can_be(resource, shown, token))
    }

    fn names_another_child(&self, child: &NhsNumber, ids: &IdKeys) -> bool {
        let is_another = |id: &str| ids.open(id).is_some_and(|open| open.nhs_number != *child);
        match &self.tests {
            Tests::Id(wanted) => wanted.iter().any(|id| is_another(id)),
            Tests::Reference(_, tests) => tests.iter().any(|test| match test {
                ReferenceTest::Literal { id, .. } => is_another(id),
                ReferenceTest::Patient(number) => number != child,
                ReferenceTest::Identifier(_) => false,
            }),
            Tests::Token(..) | Tests::Date(_) => false,
        }
    }

    /// The filter made ready for one graph: ids are opened and found once, not for each node.
    pub fn ready<'f>(&'f self, graph: &Graph<'_>, ids: &IdKeys) -> Ready<'f> {
        let nodes = match &self.tests {
            Tests::Id(wanted) => wanted.iter().filter_map(|id| graph.find(&ids.open(id)?)).collect(),
            Tests::Reference(_, tests) => tests.iter().filter_map(|test| test.node(graph, ids)).collect(),
            Tests::Token(..) | Tests::Date(_) => Vec::new(),
        };
        Ready { filter: self, nodes }
    }
}

/// Refuses filters that no answer about this child could meet (decisions.md 53): of codes and statuses, all of them together; of
/// references and ids, one that names another child.
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
    let tokens = || filters.iter().filter(|filter| matches!(filter.tests, Tests::Token(..)));
    let can_be = |filter: &Filter, shown: Shown| filter.may_be_met_by(resource, shown);
    let alone = tokens().find(|filter| !every_shown().any(|shown| can_be(filter, shown)));
    let together = || !every_shown().any(|shown| tokens().all(|filter| can_be(filter, shown)));
    match alone.or_else(|| tokens().next_back().filter(|_| together())) {
        Some(filter) => Err(SearchError::NeverFound { parameter: filter.parameter.name.to_owned() }),
        None => Ok(()),
    }
}

/// What a resource of a plan can be, as far as its codes and its status go: of a kind and at a stage, or (`None`) a placeholder.
type Shown = Option<(PlanType, PlanStatus)>;

fn every_shown() -> impl Iterator<Item = Shown> {
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

/// The types that references of `edge` lead to, by the table of links.
fn targets(edge: Edge) -> &'static [ResourceType] {
    LINKS.iter().find(|link| link.edges.contains(&edge)).map_or(&[], |link| link.targets)
}

/// A filter together with the nodes of one graph that its ids mean.
pub struct Ready<'f> {
    filter: &'f Filter,
    nodes: Vec<NodeKey>,
}

impl Ready<'_> {
    /// Whether `key` meets the filter.
    pub fn is_met_by(&self, graph: &Graph<'_>, key: NodeKey) -> bool {
        let placeholder = || graph.plan(key).is_some_and(|node| node.unreadable().is_some());
        match &self.filter.tests {
            Tests::Id(_) => self.nodes.contains(&key),
            Tests::Token(element, tokens) => placeholder() || tokens.iter().any(|token| element.has(graph, key, token)),
            Tests::Date(tests) => match interval(graph, key) {
                Some(interval) => tests.iter().any(|test| test.is_met_by(interval)),
                None => true,
            },
            Tests::Reference(edge, tests) => self.leads(graph, key, *edge, tests),
        }
    }

    fn leads(&self, graph: &Graph<'_>, key: NodeKey, edge: Edge, tests: &[ReferenceTest]) -> bool {
        let to_authority = matches!(edge, Edge::FlagAuthor | Edge::EpisodeOrganization);
        if to_authority && graph.plan(key).is_some_and(|node| graph.authority_of(node).is_none()) {
            return true;
        }
        graph.targets(key, edge).any(|target| self.nodes.contains(&target))
            || tests.iter().any(|test| match test {
                ReferenceTest::Identifier(token) => reference::identifies(graph, key, edge, token),
                _ => false,
            })
    }
}

/// The time of a node; `None` where it is not known.
fn interval(graph: &Graph<'_>, key: NodeKey) -> Option<Interval> {
    if let Some(access) = graph.access(key) {
        return Interval::of_access(access.when);
    }
    graph.plan(key)?.plan().map(Interval::of_plan)
}
