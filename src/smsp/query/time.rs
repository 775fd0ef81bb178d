//! Times in the formats of the messages, always in UTC and in whole seconds.

use jiff::{Timestamp, tz::Offset};
use std::fmt::Write;

/// Appends `YYYYMMDDHHMMSS`, the digits of an HL7 V3 `ts`, without an offset (wire.md 2.1, note T).
pub(in crate::smsp) fn compact(out: &mut String, at: Timestamp) {
    let t = Offset::UTC.to_datetime(at);
    // Writing to a String cannot fail.
    let _ = write!(out, "{:04}{:02}{:02}{:02}{:02}{:02}", t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second());
}

/// Appends `YYYY-MM-DDTHH:MM:SSZ`, the XML Schema form of WS-Security (wire.md 5.2).
pub(in crate::smsp) fn iso(out: &mut String, at: Timestamp) {
    let t = Offset::UTC.to_datetime(at);
    let _ = write!(out, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_without_fractions() {
        let at: Timestamp = "2026-07-01T10:05:09.999+01:00".parse().unwrap();
        let mut out = String::new();
        compact(&mut out, at);
        out.push(' ');
        iso(&mut out, at);
        assert_eq!(out, "20260701090509 2026-07-01T09:05:09Z");
    }
}
