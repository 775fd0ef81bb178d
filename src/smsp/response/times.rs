//! Reads HL7 V3 timestamps, `YYYYMMDDHHMMSS[.f][+|-ZZzz]`, in all lengths that occur (wire.md 2.1, note T; 3.5, rows 3 and 4).

use crate::cpis::{AccessTime, BirthDate, DatePrecision};
use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::Offset,
};

/// A point in time. Without an offset it is UTC. Twelve digits get `:00` seconds; eight digits are only a date. The odd last digit of 9, 11
/// or 13 digits is half a number and is ignored.
pub(super) fn moment(text: &str) -> AccessTime {
    let Some(parts) = TimestampParts::split(text) else { return AccessTime::Unknown };
    let Some(date) = parts.date() else { return AccessTime::Unknown };
    if parts.digits.len() < 10 {
        return AccessTime::On(date);
    }
    parts.timestamp(date).map_or(AccessTime::Unknown, AccessTime::At)
}

/// A calendar date, which no time zone changes: the date part of 8, 10, 12 or 14 digits. The rest must be well-formed.
pub(super) fn calendar_date(text: &str) -> Option<Date> {
    let parts = TimestampParts::split(text)?;
    let readable = matches!(parts.digits.len(), 8 | 10 | 12 | 14) && parts.time().is_some();
    parts.date().filter(|_| readable)
}

/// A date of birth with the given precision: a year, a month or a day.
pub(super) fn birth_date(text: &str) -> Option<BirthDate> {
    let text = text.trim();
    let (first, precision) = match text.len() {
        4 => (calendar_date(&[text, "0101"].concat()), DatePrecision::Year),
        6 => (calendar_date(&[text, "01"].concat()), DatePrecision::Month),
        _ => (calendar_date(text), DatePrecision::Day),
    };
    first.map(|first| BirthDate { first, precision })
}

/// The pieces of a timestamp, each only digits.
struct TimestampParts<'a> {
    /// 8 to 14 digits.
    digits: &'a [u8],
    fraction: &'a [u8],
    /// Whether it is west of Greenwich, and one to four digits.
    offset: Option<(bool, &'a [u8])>,
}

impl<'a> TimestampParts<'a> {
    fn split(text: &'a str) -> Option<Self> {
        let (digits, rest) = leading_digits(text.trim().as_bytes());
        let (fraction, rest) = match rest.split_first() {
            Some((b'.', rest)) if digits.len() == 14 => {
                let (fraction, rest) = leading_digits(rest);
                (Some(fraction).filter(|fraction| !fraction.is_empty())?, rest)
            }
            _ => (&[][..], rest),
        };
        let offset = match rest.split_first() {
            None => None,
            Some((sign @ (b'+' | b'-'), zone)) => {
                let all_digits = zone.iter().all(u8::is_ascii_digit);
                Some((*sign == b'-', Some(zone).filter(|zone| all_digits && matches!(zone.len(), 1..=4))?))
            }
            Some(_) => return None,
        };
        matches!(digits.len(), 8..=14).then_some(Self { digits, fraction, offset })
    }

    fn date(&self) -> Option<Date> {
        let year = number(&self.digits[..4]).filter(|year| matches!(year, 1900..=2099))?;
        Date::new(year, small(&self.digits[4..6])?, small(&self.digits[6..8])?).ok()
    }

    /// The hours, minutes and seconds that are given in full; zero for the others.
    fn time(&self) -> Option<Time> {
        let part = |at: usize| self.digits.get(at..at + 2).map_or(Some(0), small);
        Time::new(part(8)?, part(10)?, part(12)?, self.nanoseconds()).ok()
    }

    /// Nine digits; further digits are cut off.
    fn nanoseconds(&self) -> i32 {
        let mut nanoseconds = 0;
        for place in 0..9 {
            let digit = self.fraction.get(place).map_or(0, |digit| digit - b'0');
            nanoseconds = nanoseconds * 10 + i32::from(digit);
        }
        nanoseconds
    }

    fn timestamp(&self, date: Date) -> Option<Timestamp> {
        let local = DateTime::from_parts(date, self.time()?);
        self.zone()?.to_timestamp(local).ok()
    }

    /// `+1`, `+01` and `+0100` are one hour. Three digits are ambiguous and refused.
    fn zone(&self) -> Option<Offset> {
        let Some((west, digits)) = self.offset else { return Some(Offset::UTC) };
        let (hours, minutes) = match digits.len() {
            1 | 2 => (number(digits)?, 0),
            4 => (number(&digits[..2])?, number(&digits[2..])?),
            _ => return None,
        };
        if hours > 14 || minutes > 59 {
            return None;
        }
        let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
        Offset::from_seconds(if west { -seconds } else { seconds }).ok()
    }
}

fn leading_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len()))
}

/// At most four ASCII digits.
fn number(digits: &[u8]) -> Option<i16> {
    digits.iter().try_fold(0i16, |n, digit| n.checked_mul(10)?.checked_add(i16::from(digit - b'0')))
}

fn small(digits: &[u8]) -> Option<i8> {
    number(digits).and_then(|n| i8::try_from(n).ok())
}
