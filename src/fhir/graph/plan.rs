use super::patient;
use crate::{
    cpis::{Answer, Entry, Plan, PlanStatus, PlanType, Record, Subject, SubjectKind, Unreadable},
    fhir::id::AnswerPart,
};
use jiff::civil::Date;
use std::{
    cell::OnceCell,
    cmp::{Ordering, Reverse},
};

/// One plan of one record, or the placeholder of one that could not be read. It has one Flag, EpisodeOfCare, CarePlan and CareTeam.
#[derive(Debug)]
pub struct PlanNode<'a> {
    pub record: &'a Record,
    pub entry: Entry,
    /// The plan's status today; `None` for a placeholder, which counts as active.
    pub status: Option<PlanStatus>,
    /// What the person asked about is in this record, if a subject says so.
    pub patient_kind: Option<SubjectKind>,
    /// Index among the graph's authorities.
    pub(super) authority: Option<usize>,
    /// Its part in new ids, once computed.
    pub(super) part: OnceCell<AnswerPart>,
}

impl PlanNode<'_> {
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        match &self.entry {
            Entry::Plan(plan) => Some(plan),
            Entry::Unreadable(_) => None,
        }
    }

    #[must_use]
    pub fn unreadable(&self) -> Option<Unreadable> {
        match self.entry {
            Entry::Plan(_) => None,
            Entry::Unreadable(reason) => Some(reason),
        }
    }

    /// Whether the person asked about is the mother here. The record's subject decides; without one, an unborn plan always belongs to the
    /// mother (wire.md 3.3).
    #[must_use]
    pub fn patient_is_mother(&self) -> bool {
        match self.patient_kind {
            Some(SubjectKind::Mother) => true,
            Some(SubjectKind::Child) => false,
            Some(SubjectKind::Unknown) | None => {
                self.plan().is_some_and(|plan| plan.plan_type == PlanType::UnbornChildProtection)
            }
        }
    }

    /// The subjects of the record: mother and child are separate subjects.
    pub fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.record.subjects.iter()
    }

    fn order(&self) -> impl Ord + use<> {
        let (rank, start) = match (self.status, self.plan()) {
            (None, _) | (_, None) => (0, None),
            (Some(PlanStatus::Active | PlanStatus::ActivePastForecast), Some(plan)) => (1, Some(plan.period.start)),
            (Some(PlanStatus::Planned), Some(plan)) => (2, Some(plan.period.start)),
            (Some(PlanStatus::Ended), Some(plan)) => (3, Some(plan.period.start)),
        };
        (rank, Reverse(start))
    }

    /// Whether the hash of an id is the same for both.
    pub(super) fn same_content(&self, other: &Self) -> bool {
        self.authority == other.authority
            && match (&self.entry, &other.entry) {
                (Entry::Plan(one), Entry::Plan(two)) => {
                    one.plan_type == two.plan_type
                        && one.period.start == two.period.start
                        && self.patient_kind == other.patient_kind
                }
                (Entry::Unreadable(one), Entry::Unreadable(two)) => one == two,
                _ => false,
            }
    }

    /// The order among equals: by end, so that it does not depend on the order of the answer.
    pub(super) fn compare_end(&self, other: &Self) -> Ordering {
        let end = |node: &Self| node.plan().and_then(|plan| plan.period.end);
        end(self).cmp(&end(other))
    }
}

/// Every entry of every record in the default order; `of_record` gives the index of each record's authority.
pub(super) fn collect<'a>(answer: &'a Answer, of_record: &[Option<usize>], today: Date) -> Vec<PlanNode<'a>> {
    let mut nodes = Vec::with_capacity(answer.records().iter().map(|record| record.entries.len()).sum());
    for (record, authority) in answer.records().iter().zip(of_record) {
        nodes.extend(record.entries.iter().map(|entry| {
            let status = match entry {
                Entry::Plan(plan) => Some(plan.status(today)),
                Entry::Unreadable(_) => None,
            };
            let patient_kind = patient::patient_kind(record, entry, &answer.about);
            PlanNode { record, entry: *entry, status, patient_kind, authority: *authority, part: OnceCell::new() }
        }));
    }
    nodes.sort_by_key(PlanNode::order);
    nodes
}
