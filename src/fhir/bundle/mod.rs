//! The searchset: matches, included resources, and the remarks that must go with them (fhir.md 3, decisions.md 7, 8, 28).

use super::graph::{Graph, NodeKey, ResourceType};
use super::id::{AnswerPart, IdKeys};
use super::outcome::{HttpCode, Issue, IssueType, Severity, SpineCode, operation_outcome};
use super::resources;
use super::search::{Cursor, Search, Selection, Subset, Summary, TotalMode, select, subset};
use super::wording;
use crate::cpis::{Answer, Holding, Notice};
use fhirbolt_model::r4::Resource;
use fhirbolt_model::r4::resources::{Bundle, BundleEntry, BundleEntrySearch, BundleLink};

/// What a searchset is made from: one answer and one search.
pub struct Searchset<'a> {
    pub search: &'a Search,
    pub answer: &'a Answer,
    pub graph: &'a Graph<'a>,
    /// Absolute, without a trailing slash.
    pub base_url: &'a str,
    pub ids: &'a IdKeys,
}

impl Searchset<'_> {
    /// The searchset Bundle. `entry` is empty only if CP-IS holds no record, or if only a count was requested and it is not 0.
    #[must_use]
    pub fn to_bundle(&self) -> Resource {
        let search = self.search;
        let selection = select::select(search, self.graph, self.ids);
        let remarks = self.remarks(&selection);
        let mut entry = Vec::with_capacity(selection.matches.len() + selection.included.len() + remarks.len());
        let (of_match, of_included) = (search.subset(), search.subset_of_included());
        entry.extend(selection.matches.iter().map(|&node| self.resource_entry(node, "match", of_match)));
        entry.extend(selection.included.iter().map(|&node| self.resource_entry(node, "include", of_included)));
        entry.extend(remarks.into_iter().map(outcome_entry));
        Resource::Bundle(Box::new(Bundle {
            id: Some(uuid::Uuid::new_v4().to_string().into()),
            r#type: "searchset".into(),
            timestamp: Some(self.answer.effective.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string().into()),
            total: self.total(&selection).map(Into::into),
            link: self.links(&selection),
            entry,
            ..Default::default()
        }))
    }

    /// Many clients read a total of 0 as "no record" and skip outcome entries. So if CP-IS holds something but nothing matches, the total
    /// is given only if the search asked for it.
    fn total(&self, selection: &Selection) -> Option<u32> {
        let is_requested =
            self.search.summary == Summary::Count || matches!(self.search.total, Some(TotalMode::Estimate | TotalMode::Accurate));
        let is_given = is_requested || self.why_nothing_matches(selection).is_none();
        is_given.then(|| u32::try_from(selection.total).unwrap_or(u32::MAX))
    }

    fn resource_entry(&self, node: NodeKey, mode: &str, shown: Option<Subset<'_>>) -> BundleEntry {
        let url = [self.base_url, "/", node.kind.name(), "/", self.graph.id(node)].concat();
        let mut resource = resources::build_as(self.graph, node, self.search.view.shape);
        if let Some(shown) = shown {
            subset::apply(&mut resource, shown);
        }
        entry(url, resource, mode)
    }

    /// `self`, `next` and `previous`. The other pages need only the shared look (decisions.md 24).
    fn links(&self, selection: &Selection) -> Vec<BundleLink> {
        let link = |relation: &str, url: String| BundleLink { relation: relation.into(), url: url.into(), ..Default::default() };
        let cursor = |offset| Cursor::of(self.search, offset, self.answer, self.graph.context.today);
        let at = |offset: usize| format!("{}/{}", self.base_url, cursor(offset).link(self.search, self.ids));
        let mut links = vec![link("self", self.self_link())];
        links.extend(selection.next_offset.map(|offset| link("next", at(offset))));
        links.extend(selection.prev_offset.map(|offset| link("previous", at(offset))));
        links
    }

    /// The search as it was understood. The child is an opaque reference, so a logged link reveals nothing.
    fn self_link(&self) -> String {
        let patient = self.ids.seal(ResourceType::Patient, &self.search.nhs_number, &AnswerPart::EMPTY);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("patient", &format!("Patient/{patient}"));
        for (name, value) in self.search.used() {
            query.append_pair(&name, &value);
        }
        format!("{}/{}?{}", self.base_url, self.search.view.name, query.finish())
    }

    /// The remarks that go with the matches. There are none only if CP-IS holds no record and nothing was left out.
    fn remarks(&self, selection: &Selection) -> Vec<Issue> {
        let answer = self.answer;
        let mut remarks = Vec::new();
        let unreadable = answer.unreadable();
        if unreadable > 0 {
            let text = format!(
                "CP-IS holds {unreadable} record(s) or plan(s) for this child that could not be read; each stands here as an active placeholder. {}",
                whom_to_ring(self.graph)
            );
            remarks.push(remark(
                Severity::Warning,
                IssueType::Incomplete,
                SpineCode::UnknownError,
                HttpCode::RecServerError,
                text,
            ));
        }
        if answer.stale {
            let text = format!(
                "Spine is unavailable: these records come from a local store and may be out of date. {}",
                whom_to_ring(self.graph)
            );
            remarks.push(remark(
                Severity::Warning,
                IssueType::Incomplete,
                SpineCode::ServiceUnavailable,
                HttpCode::RecUnavailable,
                text,
            ));
        }
        remarks.extend(self.why_nothing_matches(selection));
        // A true "no record" has no remarks (decisions.md 8).
        if answer.holding != Holding::NoRecord {
            remarks.extend(answer.notices.iter().map(notice));
        }
        remarks.extend(self.search.ignored.iter().map(|error| Issue {
            severity: Severity::Warning,
            issue_type: IssueType::NotSupported,
            spine: Some(SpineCode::UnsupportedService),
            http: None,
            diagnostics: format!("{error} It was ignored."),
            expression: error.parameter().map(str::to_owned),
        }));
        remarks
    }

    /// A search that filters everything out, or asks for a type that the answer has none of, must say so: only a true "no record" is
    /// empty (decisions.md 8, 47).
    fn why_nothing_matches(&self, selection: &Selection) -> Option<Issue> {
        let is_per_plan = self.search.resource.is_per_plan();
        let diagnostics = match (selection.removed_by_filters, &self.answer.holding) {
            (Some(held), _) => {
                let what = if is_per_plan { "record(s)" } else { "access(es)" };
                format!("CP-IS holds {held} {what} for this child that do not match the filters given.")
            }
            (None, Holding::Records(_)) if selection.total == 0 => {
                let records = self.graph.of_type(ResourceType::Flag).len();
                let what = if is_per_plan { "none is listed" } else { "no access is listed" };
                format!("CP-IS holds {records} record(s) for this child; {what}.")
            }
            _ => return None,
        };
        Some(Issue {
            severity: Severity::Information,
            issue_type: IssueType::Informational,
            spine: None,
            http: None,
            diagnostics,
            expression: None,
        })
    }
}

/// An outcome entry has a URN, and its resource has no id (decisions.md 28).
fn outcome_entry(issue: Issue) -> BundleEntry {
    entry(uuid::Uuid::new_v4().urn().to_string(), operation_outcome(&[issue]), "outcome")
}

fn entry(full_url: String, resource: Resource, mode: &str) -> BundleEntry {
    BundleEntry {
        full_url: Some(full_url.into()),
        resource: Some(resource),
        search: Some(BundleEntrySearch { mode: Some(mode.into()), ..Default::default() }),
        ..Default::default()
    }
}

fn remark(severity: Severity, issue_type: IssueType, spine: SpineCode, http: HttpCode, diagnostics: String) -> Issue {
    Issue { severity, issue_type, spine: Some(spine), http: Some(http), diagnostics, expression: None }
}

fn notice(notice: &Notice) -> Issue {
    let (severity, issue_type, diagnostics) = match notice {
        Notice::ForeignAccesses { left_out } => (
            Severity::Warning,
            IssueType::Incomplete,
            format!("{left_out} entr(ies) of the access history were about another NHS number and were left out."),
        ),
        Notice::SubjectsDisagree => (
            Severity::Warning,
            IssueType::Incomplete,
            "The records disagree on the name or date of birth: check that this is the right child.".to_owned(),
        ),
        Notice::AccessCountDiffers { said, found } => (
            Severity::Information,
            IssueType::Informational,
            format!("The answer counts {said} earlier access(es) and holds {found}. All that it holds are shown."),
        ),
        Notice::MoreRecordsThanCounted { said, found } => (
            Severity::Warning,
            IssueType::Incomplete,
            format!("The answer counts {said} record(s) and holds {found}. All that it holds are shown."),
        ),
        Notice::EffectiveTimeUnreadable => (
            Severity::Information,
            IssueType::Informational,
            "The answer's own time could not be read: the time of its receipt is shown instead.".to_owned(),
        ),
    };
    Issue { severity, issue_type, spine: None, http: None, diagnostics, expression: None }
}

/// "Ring <authority, numbers>.", for every authority of the answer.
fn whom_to_ring(graph: &Graph<'_>) -> String {
    let contacts: Vec<String> = graph.authorities().iter().map(wording::contact).collect();
    if contacts.is_empty() { String::new() } else { format!("Ring {}.", contacts.join("; or ")) }
}

#[cfg(test)]
mod tests;
