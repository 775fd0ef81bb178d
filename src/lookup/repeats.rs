//! Finds a person who asks about one child again and again (decisions.md 46): each time notifies.
//!
//! It keeps only what it needs to count, for an hour: a hash of person and child under a random key of this process, and the times.

use super::LookKey;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Queries by one person about one child within [`WITHIN`] that are normal: a first one, and a person's decisions to ask anew.
const USUAL_QUERIES: usize = 3;
const WITHIN: Duration = Duration::from_hours(1);
/// Marks in one generation; there are two. Beyond it the older one is forgotten: some repeats may be missed, none is invented.
const MAX_MARKS: usize = 8192;

/// The queries of the last hour that may have been delivered.
#[derive(Default)]
pub(super) struct Repeats {
    marks: RandomState,
    asked: Mutex<Generations>,
}

/// Recent marks, and those before them.
#[derive(Default)]
struct Generations {
    began: Option<Instant>,
    new: HashMap<u64, Times>,
    old: HashMap<u64, Times>,
}

/// Oldest first.
type Times = [Option<Instant>; USUAL_QUERIES];

impl Repeats {
    /// Counts a query that may have been delivered. True: this person has asked about this child more often than usual.
    pub(super) fn count(&self, key: &LookKey, now: Instant) -> bool {
        let mark = self.marks.hash_one((key.nhs_number(), key.user()));
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.turn_over(now);
        let known = asked.new.get(&mark).or_else(|| asked.old.get(&mark));
        let mut times = known.copied().unwrap_or_default();
        let is_one_too_many = times[0].is_some_and(|oldest| now.saturating_duration_since(oldest) < WITHIN);
        times.rotate_left(1);
        times[USUAL_QUERIES - 1] = Some(now);
        asked.new.insert(mark, times);
        is_one_too_many
    }
}

impl Generations {
    /// After an hour, or when it is full, the new generation becomes the old one.
    fn turn_over(&mut self, now: Instant) {
        let began = *self.began.get_or_insert(now);
        if now.saturating_duration_since(began) >= WITHIN || self.new.len() >= MAX_MARKS {
            self.old = std::mem::take(&mut self.new);
            self.began = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpis::{CareSetting, NhsNumber};

    const MINUTE: Duration = Duration::from_mins(1);

    fn key(number: &str, user: &str, role: &str) -> LookKey {
        let number = NhsNumber::parse(number).unwrap();
        LookKey::from_parts(number, "issuer".into(), user.into(), role.into(), "RX1", CareSetting::default())
    }

    fn child() -> LookKey {
        key("9990000018", "user", "R0260")
    }

    #[test]
    fn the_fourth_query_of_an_hour_is_one_too_many() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        let asks = |after: u32| repeats.count(&child(), start + MINUTE * after);
        assert_eq!([0, 20, 40, 59].map(asks), [false, false, false, true]);
        // 20, 40 and 59 are within the hour of the next, and of that after it are 59 and 79 only.
        assert_eq!([79, 101, 102].map(asks), [true, false, true]);
        assert_eq!([300, 301, 302, 303].map(asks), [false, false, false, true]);
    }

    #[test]
    fn other_people_and_other_children_are_counted_by_themselves_and_roles_are_not() {
        let (repeats, now) = (Repeats::default(), Instant::now());
        for role in ["R0260", "R8000", "R0270"] {
            assert!(!repeats.count(&key("9990000018", "user", role), now));
        }
        assert!(!repeats.count(&key("9990000018", "another", "R0260"), now));
        assert!(!repeats.count(&key("9990000026", "user", "R0260"), now));
        assert!(repeats.count(&child(), now));
    }

    #[test]
    fn its_memory_is_bounded_and_what_is_asked_again_stays_in_it() {
        let (repeats, now) = (Repeats::default(), Instant::now());
        for _ in 0..USUAL_QUERIES {
            repeats.count(&child(), now);
        }
        for n in 0..3 * MAX_MARKS {
            repeats.count(&key("9990000026", &n.to_string(), ""), now);
            if n % MAX_MARKS == 0 {
                assert!(repeats.count(&child(), now), "{n}");
            }
        }
        let asked = repeats.asked.lock().unwrap();
        assert!(asked.new.len() <= MAX_MARKS && asked.old.len() <= MAX_MARKS);
    }
}
