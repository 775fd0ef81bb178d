//! Durations, sizes and days as operators write them: `250ms`, `20s`, `5m`, `1h`; `64KiB`, `1MiB`, plain bytes; `1096d`.

use std::time::Duration;

/// The longest duration of any setting. Adding it to the current time never overflows.
pub(super) const LONGEST: Duration = Duration::from_hours(24);

const DURATION_UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
const DAY_UNITS: [(&str, u64); 1] = [("d", 1)];
const SIZE_UNITS: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads `<whole number><ms|s|m|h>`, or a bare 0. `None` for anything else, or above 24 hours.
#[must_use]
pub fn read_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let millis = scaled(text, &DURATION_UNITS)?;
    let duration = Duration::from_millis(millis);
    (duration <= LONGEST).then_some(duration)
}

/// Reads `<whole number>d`, for retention periods longer than any duration above.
pub(super) fn read_days(text: &str) -> Option<u64> {
    scaled(text, &DAY_UNITS)
}

/// Reads `<whole number>` (bytes) or `<whole number><B|KiB|MiB|GiB>`, in bytes.
pub(super) fn read_size(text: &str) -> Option<u64> {
    whole_number(text).or_else(|| scaled(text, &SIZE_UNITS))
}

/// A decimal number without sign or separators.
pub(super) fn whole_number(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    whole_number(number)?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The inverse of reading: the largest unit that holds the number whole.
    fn write(number: u64, units: &[(&str, u64)]) -> String {
        let (name, factor) = units.iter().rev().find(|(_, factor)| number.is_multiple_of(*factor)).unwrap();
        format!("{}{name}", number / factor)
    }

    proptest! {
        #[test]
        fn a_duration_is_read_as_written(millis in 0..=86_400_000_u64) {
            prop_assert_eq!(read_duration(&write(millis, &DURATION_UNITS)), Some(Duration::from_millis(millis)));
        }

        #[test]
        fn a_size_is_read_as_written(bytes in any::<u64>()) {
            prop_assert_eq!(read_size(&write(bytes, &SIZE_UNITS)), Some(bytes));
            prop_assert_eq!(read_size(&bytes.to_string()), Some(bytes));
        }

        #[test]
        fn no_text_makes_the_readers_panic(text in "\\PC{0,12}") {
            let _ = (read_duration(&text), read_size(&text));
        }
    }

    #[test]
    fn a_duration_needs_a_known_unit() {
        for wrong in ["", "20", "s", "20 s", "-1s", "+1s", "1.5s", "20S", "20sec", "1d", "٢s", "99999999999999999999s", "25h"] {
            assert_eq!(read_duration(wrong), None, "{wrong}");
        }
        assert_eq!(read_duration("0"), Some(Duration::ZERO));
        assert_eq!(read_duration("0s"), Some(Duration::ZERO));
        assert_eq!(read_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(read_duration("24h"), Some(LONGEST));
    }

    #[test]
    fn days_are_whole_and_carry_their_unit() {
        assert_eq!(read_days("1096d"), Some(1096));
        for wrong in ["", "d", "1096", "3y", "1.5d", "-1d", "24h", "1 d", "99999999999999999999d"] {
            assert_eq!(read_days(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_size_is_in_bytes_or_binary_units() {
        for wrong in ["", "KiB", "64kb", "64KB", "64 KiB", "-1", "1.5MiB", "99999999999GiB"] {
            assert_eq!(read_size(wrong), None, "{wrong}");
        }
        assert_eq!(read_size("64KiB"), Some(65_536));
        assert_eq!(read_size("65536"), Some(65_536));
        assert_eq!(read_size("1MiB"), Some(1_048_576));
    }
}
