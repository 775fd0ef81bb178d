//! Decides whose record it is (decisions.md 9). No setting changes this.

use super::content::{ParsedAccess, ParsedRecord, Payload};
use crate::cpis::{Access, BirthDate, NhsNumber, Notice, PersonName, Record, Subject, Text};

/// Whom a record is about, by its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordOwner {
    TheChildAsked,
    SomeoneElse,
    /// The record has no NHS number at all.
    Unnumbered,
}

impl ParsedRecord {
    pub(super) fn owner(&self, asked: &NhsNumber) -> RecordOwner {
        let mut numbers = self.record.subjects.iter().flat_map(|subject| &subject.nhs_numbers).peekable();
        let is_numbered = numbers.peek().is_some() || self.has_malformed_number;
        match (is_numbered, numbers.any(|number| number == asked)) {
            (_, true) => RecordOwner::TheChildAsked,
            (true, false) => RecordOwner::SomeoneElse,
            (false, false) => RecordOwner::Unnumbered,
        }
    }
}

impl ParsedAccess {
    /// Whether it repeats another NHS number, or something that is not one.
    pub(super) fn is_foreign(&self, asked: &NhsNumber) -> bool {
        self.has_malformed_number || self.access.about.as_ref().is_some_and(|number| number != asked)
    }
}

impl Payload {
    /// Whether something in the answer is about another child and nothing settles that it is this child's: the ids of a record name someone
    /// else, or an access does and a record has no ids (or there is no record).
    pub(super) fn is_about_someone_else(&self, asked: &NhsNumber) -> bool {
        let foreign_access = self.accesses.iter().any(|access| access.is_foreign(asked));
        let named = |about| self.records.iter().any(|record| record.owner(asked) == about);
        named(RecordOwner::SomeoneElse) || (foreign_access && (self.records.is_empty() || named(RecordOwner::Unnumbered)))
    }

    /// Whether every record is tied to the child: by its ids or, if it has none, by an access that repeats the number. Only valid if
    /// [`Payload::is_about_someone_else`] is false.
    pub(super) fn is_tied_to(&self, asked: &NhsNumber) -> bool {
        let echoed = self.accesses.iter().any(|access| access.access.about.as_ref() == Some(asked));
        echoed || self.records.iter().all(|record| record.owner(asked) == RecordOwner::TheChildAsked)
    }
}

/// The accesses about the child, newest first, and a notice if some were left out.
pub(super) fn own_accesses(found: Vec<ParsedAccess>, asked: &NhsNumber) -> (Vec<Access>, Option<Notice>) {
    let all = found.len();
    let mut own: Vec<Access> = found.into_iter().filter(|access| !access.is_foreign(asked)).map(|access| access.access).collect();
    own.sort_by_key(|access| std::cmp::Reverse(access.when.sort_key()));
    let left_out = all - own.len();
    (own, (left_out > 0).then_some(Notice::ForeignAccesses { left_out }))
}

/// Whether the records disagree on the name or the birth date of the child. Ignores capitals, spaces and titles.
pub(super) fn subjects_disagree(records: &[Record], asked: &NhsNumber) -> bool {
    let subjects: Vec<&Subject> = records.iter().flat_map(|record| subjects_asked_about(record, asked)).collect();
    BirthDate::agreed(subjects.iter().filter_map(|subject| subject.birth_date)).is_err()
        || differ(subjects.iter().map(|subject| comparable(&subject.name)).filter(|name| !name.is_empty()))
}

/// The subjects with the number asked about; in a record without numbers, its only subject.
fn subjects_asked_about<'a>(record: &'a Record, asked: &'a NhsNumber) -> impl Iterator<Item = &'a Subject> {
    let is_unnumbered = record.subjects.iter().all(|subject| subject.nhs_numbers.is_empty());
    let only = is_unnumbered && record.subjects.len() == 1;
    record.subjects.iter().filter(move |subject| only || subject.nhs_numbers.contains(asked))
}

fn differ<T: PartialEq>(mut values: impl Iterator<Item = T>) -> bool {
    let first = values.next();
    values.any(|value| first.as_ref() != Some(&value))
}

fn comparable(name: &PersonName) -> String {
    let words = |parts: &[Text]| {
        parts.iter().flat_map(|part| part.as_str().split_whitespace()).map(str::to_lowercase).collect::<Vec<_>>()
    };
    [words(&name.given), words(&name.family)].concat().join(" ")
}
