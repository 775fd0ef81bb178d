use crate::cpis::{Access, AccessTime, Answer, Author, Entry, NhsNumber, Notice, Organisation, Record, Text, Unreadable};
use jiff::Timestamp;

/// A total that the payload states besides its content. It may be wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum StatedTotal {
    /// The number of items in the content.
    #[default]
    True,
    /// This text, regardless of the content.
    Says(String),
    /// The element is left out.
    Absent,
}

/// The system whose payload is imitated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PayloadStyle {
    /// The SMSP (wire.md 3.8).
    #[default]
    Smsp,
    /// Spine (wire.md 3.5, rows 1 to 6 and 11): every access inside one `pertinentInformation13`, access times without an
    /// offset, family before given names with a trailing space, children without ids, ODS codes in lower case.
    Spine,
}

/// The content of a `CP-ISNHSQueryResponse`. Code and totals may contradict the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerContent {
    /// `None` writes an unreadable time.
    pub effective: Option<Timestamp>,
    /// The id of the answer; empty leaves the element out.
    pub id: Text,
    /// The response code; `None` leaves `value` out, as Spine does.
    pub code: Option<String>,
    pub records: Vec<Record>,
    pub accesses: Vec<Access>,
    /// `TotalReturnedChildRecords`.
    pub total_records: StatedTotal,
    /// `TotalReturnedAccessRecords`.
    pub total_accesses: StatedTotal,
    pub style: PayloadStyle,
}

impl AnswerContent {
    /// "No record": CPIS-0001, both totals 0 (wire.md 3.6).
    #[must_use]
    pub fn no_record(id: Text, effective: Timestamp) -> Self {
        Self::code_only("CPIS-0001", id, effective)
    }

    /// Only a code, as in failures (wire.md 5.5).
    #[must_use]
    pub fn code_only(code: &str, id: Text, effective: Timestamp) -> Self {
        Self {
            effective: Some(effective),
            id,
            code: Some(code.to_owned()),
            records: Vec::new(),
            accesses: Vec::new(),
            total_records: StatedTotal::True,
            total_accesses: StatedTotal::True,
            style: PayloadStyle::Smsp,
        }
    }

    /// A payload that is read as `answer`: SMSP-0000 with records, SMSP-0003 if stale, CPIS-0001 without records.
    ///
    /// Each notice becomes the fault that causes it: [`Notice::ForeignAccesses`] adds accesses about another number, the notices about
    /// counts state another total, [`Notice::EffectiveTimeUnreadable`] spoils the time.
    #[must_use]
    pub fn from_answer(answer: &Answer) -> Self {
        let code = match (answer.records().is_empty(), answer.stale) {
            (true, _) => "CPIS-0001",
            (false, true) => "SMSP-0003",
            (false, false) => "SMSP-0000",
        };
        let mut content = Self::code_only(code, answer.response_id.clone(), answer.effective);
        content.records = answer.records().to_vec();
        content.accesses.clone_from(&answer.accesses);
        for notice in &answer.notices {
            match notice {
                Notice::ForeignAccesses { left_out } => content.add_foreign_accesses(&answer.about, *left_out),
                Notice::AccessCountDiffers { said, .. } => content.total_accesses = StatedTotal::Says(said.to_string()),
                Notice::MoreRecordsThanCounted { said, .. } => content.total_records = StatedTotal::Says(said.to_string()),
                Notice::EffectiveTimeUnreadable => content.effective = None,
                Notice::SubjectsDisagree => {}
            }
        }
        content
    }

    /// The records that are written: all except those that are only counted ([`Unreadable::MissingRecord`]).
    pub(super) fn written(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(|record| !is_missing(record))
    }

    fn add_foreign_accesses(&mut self, about: &NhsNumber, how_many: usize) {
        let another = ["9990000190", "9990000204"].into_iter().find(|number| *number != about.digits());
        let about = another.and_then(|number| NhsNumber::parse(number).ok());
        self.accesses.extend((0..how_many).map(|_| Access {
            id: crate::cpis::MessageIds::fresh().query.into(),
            when: self.effective.map_or(AccessTime::Unknown, AccessTime::At),
            author: Author::System { asid: None, responsible: Vec::new(), organisation: Organisation::default() },
            about: about.clone(),
        }));
    }
}

fn is_missing(record: &Record) -> bool {
    !record.entries.is_empty() && record.entries.iter().all(|entry| *entry == Entry::Unreadable(Unreadable::MissingRecord))
}
