use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// When an access happened, as precisely as CP-IS said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessTime {
    /// A point in time; an absent offset was read as UTC (wire.md 2.1, note T).
    At(Timestamp),
    /// Only a calendar date was given.
    On(Date),
    /// Nothing readable was given.
    Unknown,
}

impl AccessTime {
    /// The instant to sort by: a date counts as its first moment, an unknown time as the oldest.
    #[must_use]
    pub fn sort_key(self) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::On(date) => date.to_zoned_datetime(TimeZone::UTC).map_or(Timestamp::MIN, |day| day.timestamp()),
            Self::Unknown => Timestamp::MIN,
        }
    }
}
