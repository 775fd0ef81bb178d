//! Date parameters: prefixes and partial dates as intervals (R4 3.1.1.4.7).
//!
//! Every date is an interval, from its first moment to the first moment after it. Days, months and years are those of England, both for a
//! caller's dates without a zone and for the dates of plans. Instants have no width. A period without an end lasts beyond every date.
//!
//! `ge` and `le` match a target that shares any moment with the date asked or lies beyond it ("greater or equal"). R4's explanation alone
//! (beyond the date, or wholly within it) would lose a plan that starts or ends on the day asked, and so the plans in force today under
//! `date=le<today>&date=ge<today>`.

use crate::clock;
use crate::cpis::AccessTime;
use crate::cpis::Plan;
use crate::fhir::search::SearchError;
use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time, date},
    tz::{Offset, TimeZone},
};

/// Nanoseconds since 1970; wide enough for every date and for "never".
type Nanoseconds = i128;

const SECOND: Nanoseconds = 1_000_000_000;
const MINUTE: Nanoseconds = 60 * SECOND;
const DAY: Nanoseconds = 24 * 60 * MINUTE;
const NEVER: Nanoseconds = Nanoseconds::MAX;

/// From `start` to just before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    start: Nanoseconds,
    end: Nanoseconds,
}

impl Interval {
    /// The days on which a plan is in force; open if the plan has no end.
    pub fn of_plan(plan: &Plan) -> Self {
        let end = plan.in_force_until().map_or(NEVER, |last| first_moment(last.tomorrow().ok()));
        Self { start: first_moment(Some(plan.period.start)), end }
    }

    /// The time of an access; `None` if it is not known.
    pub fn of_access(when: AccessTime) -> Option<Self> {
        match when {
            AccessTime::At(at) => {
                let start = at.as_nanosecond();
                Some(Self { start, end: start + 1 })
            }
            AccessTime::On(day) => Some(Self { start: first_moment(Some(day)), end: first_moment(day.tomorrow().ok()) }),
            AccessTime::Unknown => None,
        }
    }
}

/// The first moment of a day in England; `None` is the day after the last one of the calendar.
fn first_moment(day: Option<Date>) -> Nanoseconds {
    let last = Date::MAX;
    let Some(day) = day else { return first_moment(Some(last)) + DAY };
    match day.to_zoned_datetime(clock::london()) {
        Ok(start) => start.timestamp().as_nanosecond(),
        // The far ends of the calendar are beyond what a timestamp holds.
        Err(_) => day.duration_since(date(1970, 1, 1)).as_nanos(),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prefix {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    StartsAfter,
    EndsBefore,
}

/// One alternative of a date parameter.
#[derive(Debug)]
pub struct DateFilter {
    prefix: Prefix,
    asked: Interval,
    text: String,
}

impl DateFilter {
    pub(super) fn read(name: &str, text: &str) -> Result<Self, SearchError> {
        let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (prefix, rest) = text.split_at(letters);
        let prefix = match prefix {
            "" | "eq" => Prefix::Eq,
            "ne" => Prefix::Ne,
            "lt" => Prefix::Lt,
            "le" => Prefix::Le,
            "gt" => Prefix::Gt,
            "ge" => Prefix::Ge,
            "sa" => Prefix::StartsAfter,
            "eb" => Prefix::EndsBefore,
            "ap" => return Err(SearchError::unsupported(name, "the prefix ap; use ge and le")),
            _ => return Err(SearchError::malformed(name, "the prefix is none of eq, ne, lt, le, gt, ge, sa, eb")),
        };
        let asked = interval(rest).ok_or_else(|| {
            SearchError::malformed(name, "a date is written yyyy, yyyy-MM, yyyy-MM-dd or yyyy-MM-ddThh:mm:ss with a zone")
        })?;
        Ok(Self { prefix, asked, text: text.replace(' ', "+") })
    }

    pub(super) fn is_met_by(&self, target: Interval) -> bool {
        let asked = self.asked;
        let within = asked.start <= target.start && target.end <= asked.end;
        match self.prefix {
            Prefix::Eq => within,
            Prefix::Ne => !within,
            Prefix::Gt => target.end > asked.end,
            Prefix::Lt => target.start < asked.start,
            Prefix::Ge => target.end > asked.start,
            Prefix::Le => target.start < asked.end,
            Prefix::StartsAfter => target.start >= asked.end,
            Prefix::EndsBefore => target.end <= asked.start,
        }
    }

    /// The value in a link.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// The interval of a date or dateTime of any precision; `None` if the text is neither.
fn interval(text: &str) -> Option<Interval> {
    let (day, time) = match text.split_once('T') {
        None => (text, None),
        Some((day, time)) => (day, Some(time)),
    };
    let mut pieces = day.split('-');
    let year: i16 = number(pieces.next()?, 4)?;
    let month: Option<i8> = pieces.next().map_or(Some(None), |month| number(month, 2).map(Some))?;
    let day: Option<i8> = pieces.next().map_or(Some(None), |day| number(day, 2).map(Some))?;
    if pieces.next().is_some() || year == 0 {
        return None;
    }
    let first = Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).ok()?;
    if let Some(time) = time {
        day?;
        return with_time(first, time);
    }
    let after = match (month, day) {
        (_, Some(_)) => first.tomorrow().ok(),
        (Some(_), None) => first.last_of_month().tomorrow().ok(),
        (None, None) => first.last_of_year().tomorrow().ok(),
    };
    Some(Interval { start: first_moment(Some(first)), end: first_moment(after) })
}

/// `hh:mm[:ss[.fraction]]` and an optional zone. A space in place of the zone's sign is a plus that was not escaped.
fn with_time(day: Date, text: &str) -> Option<Interval> {
    let at = text.find(['Z', '+', '-', ' ']).unwrap_or(text.len());
    let (clock, zone) = text.split_at(at);
    let (clock, fraction) = match clock.split_once('.') {
        None => (clock, None),
        Some((clock, fraction)) => (clock, Some(fraction)),
    };
    let mut pieces = clock.split(':');
    let hour: i8 = number(pieces.next()?, 2)?;
    let minute: i8 = number(pieces.next()?, 2)?;
    let second: Option<i8> = pieces.next().map_or(Some(None), |second| number(second, 2).map(Some))?;
    if pieces.next().is_some() || second.is_none() && fraction.is_some() {
        return None;
    }
    let (nanosecond, width) = match (second, fraction) {
        (None, _) => (0, MINUTE),
        (Some(_), None) => (0, SECOND),
        (Some(_), Some(fraction)) => part_of_second(fraction)?,
    };
    let time = Time::new(hour, minute, second.unwrap_or(0), nanosecond).ok()?;
    let start = zoned(DateTime::from_parts(day, time), zone)?.as_nanosecond();
    Some(Interval { start, end: start + width })
}

fn zoned(local: DateTime, zone: &str) -> Option<Timestamp> {
    let zone = match zone {
        "" => clock::london(),
        "Z" => TimeZone::UTC,
        _ => TimeZone::fixed(offset(zone)?),
    };
    local.to_zoned_datetime(zone).ok().map(|zoned| zoned.timestamp())
}

/// `+hh:mm` or `-hh:mm`, at most 14 hours.
fn offset(zone: &str) -> Option<Offset> {
    let (sign, rest) = match zone.as_bytes().first()? {
        b'+' | b' ' => (1, &zone[1..]),
        b'-' => (-1, &zone[1..]),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes): (i32, i32) = (number(hours, 2)?, number(minutes, 2)?);
    let seconds = (hours * 60 + minutes) * 60;
    (minutes < 60 && seconds <= 14 * 3600).then(|| Offset::from_seconds(sign * seconds).ok()).flatten()
}

/// The nanoseconds, and the width of the last digit given.
fn part_of_second(fraction: &str) -> Option<(i32, Nanoseconds)> {
    if fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let value: i32 = number(fraction, fraction.len())?;
    let scale = 10_i32.pow(u32::try_from(9 - fraction.len()).ok()?);
    Some((value * scale, Nanoseconds::from(scale)))
}

/// A number of exactly `digits` digits.
fn number<N: std::str::FromStr>(text: &str, digits: usize) -> Option<N> {
    let right = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    right.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
