//! Selects what a search shows of a graph: filters, order, page, includes. Builds no resource.

use super::{Search, Sort, Summary, include};
use crate::cpis::AccessTime;
use crate::fhir::graph::{Graph, NodeKey};
use crate::fhir::id::IdKeys;
use jiff::Timestamp;
use jiff::civil::Date;

/// What one page of a search holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The matches on this page, in order.
    pub matches: Vec<NodeKey>,
    /// The resources included with them: each once, without the matches on this page.
    pub included: Vec<NodeKey>,
    /// The number of matches on all pages.
    pub total: usize,
    /// The number of resources of the type in the answer, before any filter.
    pub held: usize,
    /// How many the filters removed, if there were some and the filters removed **all** of them: the answer must say so (decisions.md 8).
    pub removed_by_filters: Option<usize>,
    /// Where the next and the previous page begin.
    pub next_offset: Option<usize>,
    pub prev_offset: Option<usize>,
}

/// The page of `graph` that `search` asks for. With `_summary=count` it has only totals.
pub fn select(search: &Search, graph: &Graph<'_>, ids: &IdKeys) -> Selection {
    let filters: Vec<_> = search.filters.iter().map(|filter| filter.bind(graph, ids)).collect();
    let all = graph.of_type(search.resource);
    let held = all.len();
    let mut matches: Vec<NodeKey> = all.filter(|key| filters.iter().all(|filter| filter.is_met_by(graph, *key))).collect();
    let total = matches.len();
    let mut selection =
        Selection { total, held, removed_by_filters: (total == 0 && held > 0).then_some(held), ..Selection::default() };
    if search.summary == Summary::Count {
        return selection;
    }
    match search.sort {
        None => {}
        Some(Sort::Date) => matches.sort_by_key(|key| sort_key(graph, *key)),
        Some(Sort::DateDescending) => matches.sort_by_key(|key| sort_key(graph, *key).descending()),
    }
    if let Some(count) = search.page.count.filter(|count| *count > 0) {
        let start = search.page.offset.min(total);
        let end = start.saturating_add(count).min(total);
        selection.next_offset = (end < total).then_some(end);
        selection.prev_offset = (start > 0).then(|| start.saturating_sub(count));
        matches.truncate(end);
        matches.drain(..start);
    }
    selection.included = include::follow(graph, &matches, &search.includes);
    selection.matches = matches;
    selection
}

/// What `_sort=date` sorts by. A plan that could not be read comes first in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SortKey {
    Unreadable,
    Newest(std::cmp::Reverse<SortTime>),
    Oldest(SortTime),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SortTime {
    /// The start of a plan.
    Day(Date),
    /// The time of an access; an unknown one counts as the oldest, as in the default order.
    At(Timestamp),
}

fn sort_key(graph: &Graph<'_>, key: NodeKey) -> SortKey {
    if let Some(access) = graph.access(key) {
        return SortKey::Oldest(SortTime::At(AccessTime::sort_key(access.when)));
    }
    let start = graph.plan(key).and_then(|node| node.plan()).map(|plan| plan.period.start);
    start.map_or(SortKey::Unreadable, |start| SortKey::Oldest(SortTime::Day(start)))
}

impl SortKey {
    fn descending(self) -> Self {
        match self {
            Self::Oldest(moment) => Self::Newest(std::cmp::Reverse(moment)),
            other => other,
        }
    }
}
