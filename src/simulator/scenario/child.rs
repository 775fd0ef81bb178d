use super::{
    behaviour::Behaviour,
    relative::{RelativeDate, RelativeTime},
};
use crate::cpis::{
    Access, Author, BirthDate, Entry, LocalAuthority, LocalId, MessageIds, NhsNumber, Period, PersonName, Plan, PlanType, Record,
    Subject, SubjectKind, Unreadable,
};
use jiff::{Timestamp, civil::Date};

/// One child (or mother) of a scenario.
#[derive(Debug, Clone)]
pub(in crate::simulator) struct Child {
    pub nhs_number: NhsNumber,
    pub title: String,
    pub records: Vec<RelativeRecord>,
    pub accesses: Vec<RelativeAccess>,
    pub behaviour: Behaviour,
}

/// A record with dates relative to today.
#[derive(Debug, Clone)]
pub(in crate::simulator) struct RelativeRecord {
    pub authority: Option<LocalAuthority>,
    pub subjects: Vec<RelativeSubject>,
    pub entries: Vec<RelativeEntry>,
}

#[derive(Debug, Clone)]
pub(in crate::simulator) struct RelativeSubject {
    pub kind: SubjectKind,
    pub nhs_numbers: Vec<NumberReference>,
    pub local_ids: Vec<LocalId>,
    pub name: PersonName,
    pub born: Option<RelativeDate>,
}

/// The number that the query asks about, or a fixed one.
#[derive(Debug, Clone)]
pub(in crate::simulator) enum NumberReference {
    Asked,
    Other(NhsNumber),
}

#[derive(Debug, Clone, Copy)]
pub(in crate::simulator) enum RelativeEntry {
    Plan { plan_type: PlanType, start: RelativeDate, end: Option<RelativeDate> },
    Unreadable(Unreadable),
}

#[derive(Debug, Clone)]
pub(in crate::simulator) struct RelativeAccess {
    pub when: RelativeTime,
    pub author: Author,
    pub about: NumberReference,
}

impl NumberReference {
    fn resolve(&self, asked: &NhsNumber) -> NhsNumber {
        match self {
            Self::Asked => asked.clone(),
            Self::Other(number) => number.clone(),
        }
    }
}

impl Child {
    /// The records on `today`, about the number asked.
    pub fn records(&self, asked: &NhsNumber, today: Date) -> Vec<Record> {
        self.records.iter().map(|record| record.resolve(asked, today)).collect()
    }

    /// The accesses from before the simulator started, each with a new id.
    pub fn accesses(&self, asked: &NhsNumber, now: Timestamp) -> Vec<Access> {
        let resolve = |access: &RelativeAccess| Access {
            id: MessageIds::fresh().query.into(),
            when: access.when.resolve(now),
            author: access.author.clone(),
            about: Some(access.about.resolve(asked)),
        };
        self.accesses.iter().map(resolve).collect()
    }
}

impl RelativeRecord {
    fn resolve(&self, asked: &NhsNumber, today: Date) -> Record {
        Record {
            authority: self.authority.clone(),
            entries: self.entries.iter().map(|entry| entry.resolve(today)).collect(),
            subjects: self.subjects.iter().map(|subject| subject.resolve(asked, today)).collect(),
        }
    }
}

impl RelativeSubject {
    fn resolve(&self, asked: &NhsNumber, today: Date) -> Subject {
        Subject {
            kind: self.kind,
            nhs_numbers: self.nhs_numbers.iter().map(|number| number.resolve(asked)).collect(),
            local_ids: self.local_ids.clone(),
            name: self.name.clone(),
            birth_date: self.born.map(|born| BirthDate::from(born.resolve(today))),
        }
    }
}

impl RelativeEntry {
    fn resolve(self, today: Date) -> Entry {
        match self {
            Self::Unreadable(why) => Entry::Unreadable(why),
            Self::Plan { plan_type, start, end } => {
                let period = Period { start: start.resolve(today), end: end.map(|end| end.resolve(today)) };
                Entry::Plan(Plan { plan_type, period })
            }
        }
    }
}
