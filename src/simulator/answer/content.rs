use crate::cpis::{Access, AccessTime, Answer, Author, Entry, NhsNumber, Notice, Organisation, Record, Text, Unreadable};
use jiff::Timestamp;

/// A number that the payload states beside its content, and may state wrongly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum StatedTotal {
    /// As many as there are.
    #[default]
    True,
    /// This text, whatever there is.
    Says(String),
    /// The element is left out.
    Absent,
}

/// Which writer the payload imitates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PayloadStyle {
    /// The SMSP's answer (wire.md 3.8).
    #[default]
    Smsp,
    /// Spine's own (wire.md 3.5, rows 1 to 6 and 11): every access inside one `pertinentInformation13`, access times without an
    /// offset, family before given names with a trailing space, children without ids, ODS codes in lower case.
    Spine,
}

/// Everything that a `CP-ISNHSQueryResponse` says. Code and totals may contradict the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerContent {
    /// `None` writes a time that no reader can read.
    pub effective: Option<Timestamp>,
    /// The answer's own id; empty leaves the element out.
    pub id: Text,
    /// The response code; `None` leaves `value` out, as on the TMS leg.
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

    /// A code with nothing beside it, as failures are written (wire.md 5.5).
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

    /// A payload that reads back as `answer`: SMSP-0000 with records, SMSP-0003 when stale, CPIS-0001 without records.
    ///
    /// Its notices become the faults that cause them: [`Notice::ForeignAccesses`] adds accesses about another number,
    /// the count notices state another total, [`Notice::EffectiveTimeUnreadable`] spoils the time.
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

    /// The records that are written: one that is only counted ([`Unreadable::MissingRecord`]) is not.
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
