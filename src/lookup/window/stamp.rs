//! A time by two clocks: the wall clock, which can be set, and the time since the machine booted, which cannot.

use crate::clock::{self, SinceBoot};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use uuid::Uuid;

/// A moment. The wall clock has whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lookup) struct Stamp {
    pub wall: Timestamp,
    pub since_boot: Option<SinceBoot>,
}

/// A wall clock that was stepped by less than this counts as not stepped.
const LEEWAY: SignedDuration = SignedDuration::from_secs(2);
/// Bytes of a stamp.
pub(super) const LENGTH: usize = 8 + 16 + 8;

impl Stamp {
    pub(in crate::lookup) fn now() -> Self {
        Self { wall: clock::now(), since_boot: clock::since_boot() }
    }

    /// The moment that was `age` earlier.
    pub(super) fn minus(self, age: Duration) -> Self {
        let wall = SignedDuration::try_from(age).ok().and_then(|age| self.wall.checked_sub(age).ok());
        let since_boot = self.since_boot.and_then(|since| Some(SinceBoot { up: since.up.checked_sub(age)?, ..since }));
        Self { wall: wall.unwrap_or(Timestamp::MIN), since_boot }
    }

    /// The age at `now`, by the time since boot. `None`: it was before the machine booted, or is not known.
    pub(in crate::lookup) fn true_age(self, now: Self) -> Option<Duration> {
        let (then, now) = (self.since_boot?, now.since_boot?);
        if then.boot == now.boot { now.up.checked_sub(then.up) } else { None }
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        let (boot, up) = self.since_boot.map_or((Uuid::nil(), Duration::ZERO), |since| (since.boot, since.up));
        out.extend_from_slice(&self.wall.as_millisecond().to_be_bytes());
        out.extend_from_slice(boot.as_bytes());
        out.extend_from_slice(&u64::try_from(up.as_millis()).unwrap_or(u64::MAX).to_be_bytes());
    }

    pub(super) fn read(bytes: &[u8; LENGTH]) -> Option<Self> {
        let (wall, rest) = bytes.split_first_chunk::<8>()?;
        let (boot, up) = rest.split_first_chunk::<16>()?;
        let (boot, up) = (Uuid::from_bytes(*boot), u64::from_be_bytes(up.try_into().ok()?));
        Some(Self {
            wall: Timestamp::from_millisecond(i64::from_be_bytes(*wall)).ok()?,
            since_boot: (!boot.is_nil()).then_some(SinceBoot { boot, up: Duration::from_millis(up) }),
        })
    }
}

/// The age at `now`, by the wall clock. `None` if `then` is in the future: the clock was set back, and the age is not known.
pub(in crate::lookup) fn wall_age(now: Timestamp, then: Timestamp) -> Option<Duration> {
    let age = now.duration_since(then);
    if age < -LEEWAY { None } else { Some(Duration::try_from(age).unwrap_or(Duration::ZERO)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(wall: &str, boot: u128, up: u64) -> Stamp {
        let since_boot = SinceBoot { boot: Uuid::from_u128(boot), up: Duration::from_secs(up) };
        Stamp { wall: wall.parse().unwrap(), since_boot: Some(since_boot) }
    }

    #[test]
    fn a_stamp_comes_back_equal() {
        for stamp in [stamp("2026-11-29T12:00:00.123Z", 7, 99), Stamp { wall: Timestamp::UNIX_EPOCH, since_boot: None }] {
            let mut bytes = Vec::new();
            stamp.write(&mut bytes);
            assert_eq!(Stamp::read(bytes.as_slice().try_into().unwrap()), Some(stamp));
        }
    }

    #[test]
    fn the_age_is_that_of_the_machine_whatever_the_wall_clock_says() {
        let then = stamp("2026-11-29T12:00:00Z", 7, 100);
        assert_eq!(then.true_age(stamp("2026-11-29T11:00:00Z", 7, 130)), Some(Duration::from_secs(30)));
        assert_eq!(then.true_age(stamp("2026-11-29T12:00:30Z", 8, 130)), None, "another run of the machine");
        assert_eq!(then.true_age(stamp("2026-11-29T12:00:30Z", 7, 99)), None, "not before it was");
    }

    #[test]
    fn what_lies_in_the_future_has_no_age() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-29T12:00:00Z");
        assert_eq!(wall_age(now, at("2026-11-29T11:59:00Z")), Some(Duration::from_mins(1)));
        assert_eq!(wall_age(now, at("2026-11-29T12:00:01Z")), Some(Duration::ZERO));
        assert_eq!(wall_age(now, at("2026-11-29T12:00:03Z")), None);
    }
}
