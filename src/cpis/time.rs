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
            Self::On(date) => date.to_zoned(TimeZone::UTC).map_or(Timestamp::MIN, |day| day.timestamp()),
            Self::Unknown => Timestamp::MIN,
        }
    }
}

/// The calendar date in England at `now`. The time zone data is compiled in, so it does not depend on the machine.
#[must_use]
pub fn today_in_london(now: Timestamp) -> Date {
    // The bundled database always holds Europe/London; UTC differs from it by an hour at most.
    let zone = TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC);
    now.to_zoned(zone).date()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn at(text: &str) -> Date {
        today_in_london(text.parse().unwrap())
    }

    #[test]
    fn in_summer_the_day_changes_an_hour_before_utc() {
        assert_eq!(at("2026-06-30T22:59:59Z"), date(2026, 6, 30));
        assert_eq!(at("2026-06-30T23:00:00Z"), date(2026, 7, 1));
    }

    #[test]
    fn in_winter_the_day_changes_with_utc() {
        assert_eq!(at("2026-01-14T23:59:59Z"), date(2026, 1, 14));
        assert_eq!(at("2026-01-15T00:00:00Z"), date(2026, 1, 15));
    }

    #[test]
    fn both_edges_of_summer_time_keep_the_calendar() {
        // Clocks go forward on 29 March 2026 at 01:00 UTC, back on 25 October 2026 at 01:00 UTC.
        assert_eq!(at("2026-03-28T23:30:00Z"), date(2026, 3, 28));
        assert_eq!(at("2026-03-29T23:30:00Z"), date(2026, 3, 30));
        assert_eq!(at("2026-10-24T23:30:00Z"), date(2026, 10, 25));
        assert_eq!(at("2026-10-25T23:30:00Z"), date(2026, 10, 25));
    }
}
