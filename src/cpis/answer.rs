use super::{Access, Entry, LocalAuthority, NhsNumber, Subject, Text};
use jiff::Timestamp;

/// One answer of CP-IS about one NHS number, after every check of decisions.md 1, 2, 7 and 9.
///
/// An `Answer` exists only where CP-IS gave one: everything doubtful is a [`super::RegisterError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The number that was asked about.
    pub about: NhsNumber,
    /// The answer's own `effectiveTime`.
    pub effective: Timestamp,
    /// The id of the query that obtained it; marks the access that this look made (decisions.md 23).
    pub query_id: Text,
    /// The answer's id, as given; empty when absent.
    pub response_id: Text,
    /// The response code that came with it: for the trail. The other parts say what it means.
    pub response_code: Option<Text>,
    pub holding: Holding,
    /// Earlier looks, newest first. Each is about the same child.
    pub accesses: Vec<Access>,
    /// Read from a local store while Spine was unavailable; may be out of date.
    pub stale: bool,
    /// What the reader must know in addition to the records.
    pub notices: Vec<Notice>,
}

/// What CP-IS holds for the child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holding {
    /// CP-IS said, in code and in content, that it holds nothing.
    NoRecord,
    /// At least one record.
    Records(Vec<Record>),
}

/// What one local authority holds about the child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The responsible authority. `None` only for a record that is counted but absent, when the others name theirs.
    pub authority: Option<LocalAuthority>,
    /// At least one entry.
    pub entries: Vec<Entry>,
    pub subjects: Vec<Subject>,
}

/// Something about an answer that is shown with it, as an `outcome` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Accesses that repeat another NHS number were left out.
    ForeignAccesses { left_out: usize },
    /// The records disagree on the child's name or date of birth.
    SubjectsDisagree,
    /// The access list is shorter or longer than the answer says.
    AccessCountDiffers { said: u64, found: usize },
    /// The answer holds more records than it says. All are shown.
    MoreRecordsThanCounted { said: u64, found: usize },
    /// The answer's own time could not be read; the time of receipt is used instead.
    EffectiveTimeUnreadable,
}

impl Answer {
    /// The records, empty when CP-IS holds none.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        match &self.holding {
            Holding::NoRecord => &[],
            Holding::Records(records) => records,
        }
    }

    /// Whether CP-IS notified an authority of the look: it does for every record (wire.md 1.4). Not known for an answer from a
    /// local store.
    #[must_use]
    pub fn notification_expected(&self) -> Option<bool> {
        (!self.stale).then(|| !self.records().is_empty())
    }

    /// How many records or plans were counted but could not be read.
    #[must_use]
    pub fn unreadable(&self) -> usize {
        self.records().iter().flat_map(|record| &record.entries).filter(|entry| matches!(entry, Entry::Unreadable(_))).count()
    }

    /// Whether this look made `access` (decisions.md 23).
    #[must_use]
    pub fn is_this_look(&self, access: &Access) -> bool {
        let id = access.id.as_str();
        !id.is_empty() && [&self.query_id, &self.response_id].into_iter().any(|own| own.as_str().eq_ignore_ascii_case(id))
    }
}
