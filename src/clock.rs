//! The one clock of the service: what is written on the trail, what is shown as today, what has expired.
//!
//! Durations (deadlines, ages, timers) use tokio's clock, which never jumps; this one is the wall clock, which may. Ages that
//! must survive a restart use [`since_boot`].
//!
//! Debug builds, which tests run, let a test set and move it: the environment variable [`OFFSET_FILE`] names a file that holds
//! how far this clock is ahead of the machine's, in whole milliseconds. It is read at each call. Release builds know no such
//! file.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::sync::OnceLock;
use std::time::Duration;
use uuid::Uuid;

/// Names the file with the offset of the clock, in debug builds.
pub const OFFSET_FILE: &str = "CPIS_FHIR_CLOCK_OFFSET_FILE";

/// The present moment.
#[must_use]
pub fn now() -> Timestamp {
    offset::apply(Timestamp::now())
}

/// Seconds since 1970.
#[must_use]
pub fn unix_seconds() -> u64 {
    u64::try_from(now().as_second()).unwrap_or_default()
}

/// Today's date in England: plans begin and end by it (decisions.md 37).
#[must_use]
pub fn today() -> Date {
    date_in_london(now())
}

/// The date in England at `moment`.
#[must_use]
pub fn date_in_london(moment: Timestamp) -> Date {
    moment.to_zoned_datetime(london()).date()
}

/// How long the machine has been running. Nobody can set it, and a restart of the service does not reset it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinceBoot {
    /// Names this run of the machine.
    pub boot: Uuid,
    pub up: Duration,
}

/// Only on Linux; `None` elsewhere.
#[must_use]
pub fn since_boot() -> Option<SinceBoot> {
    static BOOT: OnceLock<Option<Uuid>> = OnceLock::new();
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let boot = *BOOT.get_or_init(|| Uuid::try_parse(read("/proc/sys/kernel/random/boot_id")?.trim()).ok());
    let uptime = read("/proc/uptime")?;
    let seconds: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
    Some(SinceBoot { boot: boot?, up: Duration::try_from_secs_f64(seconds).ok()? })
}

/// Europe/London. The time zone data is compiled in; UTC, which differs by an hour at most, is never needed.
#[must_use]
pub fn london() -> TimeZone {
    TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC)
}

#[cfg(debug_assertions)]
mod offset {
    use super::OFFSET_FILE;
    use jiff::{SignedDuration, Timestamp};
    use std::path::PathBuf;
    use std::sync::OnceLock;

    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();

    pub(super) fn apply(machine: Timestamp) -> Timestamp {
        let file = FILE.get_or_init(|| std::env::var_os(OFFSET_FILE).map(PathBuf::from));
        let Some(file) = file else { return machine };
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let ahead = SignedDuration::from_millis(text.trim().parse().unwrap_or_default());
        machine.checked_add(ahead).unwrap_or(machine)
    }
}

#[cfg(not(debug_assertions))]
mod offset {
    use jiff::Timestamp;

    pub(super) fn apply(machine: Timestamp) -> Timestamp {
        machine
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn at(text: &str) -> Date {
        date_in_london(text.parse().unwrap())
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
