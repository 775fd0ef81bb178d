//! Dates relative to today, so that a scenario never gets old: `today`, `-200d`, `+6w`, `-7y`, or an ISO date.

use crate::cpis::AccessTime;
use jiff::{SignedDuration, Span, Timestamp, civil::Date};

/// A date, fixed or relative to today.
#[derive(Debug, Clone, Copy)]
pub(in crate::simulator) enum RelativeDate {
    On(Date),
    FromToday(Span),
}

/// The time or date of an access, fixed or relative to now.
#[derive(Debug, Clone, Copy)]
pub(in crate::simulator) enum RelativeTime {
    At(AccessTime),
    Ago(SignedDuration),
}

impl RelativeDate {
    /// Reads `today`, a sign with a count and `d`, `w`, `m` or `y`, or `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "today" {
            return Some(Self::FromToday(Span::new()));
        }
        let Some((count, unit)) = signed(text) else {
            return text.parse().ok().map(Self::On);
        };
        let span = match unit {
            "d" => Span::new().try_days(count),
            "w" => Span::new().try_weeks(count),
            "m" => Span::new().try_months(count),
            "y" => Span::new().try_years(count),
            _ => return None,
        };
        span.ok().map(Self::FromToday)
    }

    pub fn resolve(self, today: Date) -> Date {
        match self {
            Self::On(date) => date,
            Self::FromToday(span) => today.saturating_add(span),
        }
    }
}

impl RelativeTime {
    /// Reads `-20m`, `-36h`, `-3d`, an RFC 3339 time, or `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((count, unit)) = signed(text) {
            let seconds = match unit {
                "m" => 60,
                "h" => 3600,
                "d" => 86_400,
                _ => return None,
            };
            return count.checked_mul(-seconds).map(|seconds| Self::Ago(SignedDuration::from_secs(seconds)));
        }
        let at = text.parse::<Timestamp>().map(AccessTime::At);
        at.or_else(|_| text.parse::<Date>().map(AccessTime::On)).ok().map(Self::At)
    }

    pub fn resolve(self, now: Timestamp) -> AccessTime {
        match self {
            Self::At(time) => time,
            Self::Ago(ago) => AccessTime::At(now.saturating_sub(ago).unwrap_or(Timestamp::MIN)),
        }
    }
}

/// `-12d` as -12 and `d`.
fn signed(text: &str) -> Option<(i64, &str)> {
    if !text.starts_with(['+', '-']) {
        return None;
    }
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let count = text.get(..at)?.parse().ok()?;
    Some((count, text.get(at..)?))
}

/// `250ms`, `20s`, `5m`: the durations of docs/settings.md.
pub(super) fn duration(text: &str) -> Option<std::time::Duration> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let count: u64 = text.get(..at)?.parse().ok()?;
    match text.get(at..)? {
        "ms" => Some(std::time::Duration::from_millis(count)),
        "s" => Some(std::time::Duration::from_secs(count)),
        "m" => count.checked_mul(60).map(std::time::Duration::from_secs),
        _ => None,
    }
}
