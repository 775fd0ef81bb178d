//! Outcomes in the form in which the table holds them: with the time by Redis's clock, sealed for one purpose of one look.

use super::codec::{Coded, Input, decode, encode};
use super::keys::{KeyNumber, NoRandom, OpenError, Purpose, StoreKeys};
use super::{LookKey, Origin, RemoteOutcome};
use crate::cpis::Answer;
use crate::lookup::LookError;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// If a shared answer is further in Redis's future than this, Redis's clock was set back after it was written. Its age is not
/// known, so it is not shown.
const FUTURE: i64 = 2_000;

/// An instant of Redis's clock, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lookup) struct RedisTime(pub i64);

/// An outcome, when it came, and of which query.
pub(in crate::lookup) struct StoredOutcome {
    pub came: RedisTime,
    pub origin: Option<Arc<Origin>>,
    pub result: StoredResult,
}

pub(in crate::lookup) enum StoredResult {
    Answer(Arc<Answer>),
    Failure(Arc<LookError>),
}

impl RedisTime {
    /// The age at `now`; zero for a time in the future.
    pub(super) fn age(self, now: Self) -> Duration {
        Duration::from_millis(u64::try_from(now.0.saturating_sub(self.0)).unwrap_or(0))
    }

    pub(super) fn minus(self, age: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The same instant by this process's clock, which shows `local` now.
    pub(super) fn local(self, now: Self, local: Timestamp) -> Timestamp {
        let age = SignedDuration::try_from(self.age(now)).unwrap_or(SignedDuration::MAX);
        local.checked_sub(age).unwrap_or(Timestamp::MIN)
    }

    pub(super) fn is_future(self, now: Self) -> bool {
        self.0.saturating_sub(now.0) > FUTURE
    }
}

impl StoredOutcome {
    /// Converts `kept`, at `now` by Redis's clock and `local` by ours.
    pub(super) fn new(kept: &RemoteOutcome, now: RedisTime, local: Timestamp) -> Self {
        let age = Duration::try_from(local.duration_since(kept.came)).unwrap_or(Duration::ZERO);
        let result = match &kept.outcome {
            Ok(answer) => StoredResult::Answer(Arc::clone(answer)),
            Err(failure) => StoredResult::Failure(Arc::clone(failure)),
        };
        Self { came: now.minus(age), origin: kept.origin.clone(), result }
    }

    pub(super) fn into_remote(self, now: RedisTime, local: Timestamp) -> RemoteOutcome {
        let outcome = match self.result {
            StoredResult::Answer(answer) => Ok(answer),
            StoredResult::Failure(failure) => Err(failure),
        };
        RemoteOutcome { outcome, came: self.came.local(now, local), origin: self.origin }
    }

    pub(in crate::lookup) fn seal(
        &self,
        keys: &StoreKeys,
        key: KeyNumber,
        look: &LookKey,
        purpose: Purpose<'_>,
    ) -> Result<Vec<u8>, NoRandom> {
        keys.seal(key, look, purpose, encode(self))
    }

    /// Opens an outcome. Refuses an answer about another child, even if it opens.
    pub(in crate::lookup) fn open(
        keys: &StoreKeys,
        key: KeyNumber,
        look: &LookKey,
        purpose: Purpose<'_>,
        sealed: &[u8],
    ) -> Result<Self, OpenError> {
        let outcome: Self = decode(&keys.open(key, look, purpose, sealed)?).ok_or(OpenError::Unreadable)?;
        match &outcome.result {
            StoredResult::Answer(answer) if answer.about != *look.nhs_number() => Err(OpenError::Unreadable),
            _ => Ok(outcome),
        }
    }
}

impl Coded for StoredOutcome {
    fn write(&self, out: &mut Vec<u8>) {
        self.came.0.write(out);
        self.origin.is_some().write(out);
        if let Some(origin) = &self.origin {
            origin.write(out);
        }
        match &self.result {
            StoredResult::Answer(answer) => {
                out.push(0);
                answer.write(out);
            }
            StoredResult::Failure(failure) => {
                out.push(1);
                failure.write(out);
            }
        }
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        let came = RedisTime(i64::read(input)?);
        let origin = if bool::read(input)? { Some(Arc::new(Origin::read(input)?)) } else { None };
        let result = match input.byte()? {
            0 => StoredResult::Answer(Arc::new(Answer::read(input)?)),
            1 => StoredResult::Failure(Arc::new(LookError::read(input)?)),
            _ => return None,
        };
        Some(Self { came, origin, result })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: RedisTime = RedisTime(1_700_000_000_000);

    #[test]
    fn what_lies_in_the_future_has_no_age_and_is_told_from_what_is_young() {
        let later = |by| RedisTime(NOW.0 + by);
        assert_eq!(later(5_000).age(NOW), Duration::ZERO);
        assert_eq!(later(-5_000).age(NOW), Duration::from_secs(5));
        assert!(later(FUTURE + 1).is_future(NOW));
        assert!(!later(FUTURE).is_future(NOW) && !later(-1).is_future(NOW));
    }

    #[test]
    fn an_instant_of_redis_becomes_one_of_ours_by_its_age() {
        let local: Timestamp = "2026-01-15T12:00:00Z".parse().unwrap();
        let ago = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(NOW.minus(Duration::from_secs(90)).local(NOW, local), ago("2026-01-15T11:58:30Z"));
        assert_eq!(RedisTime(i64::MAX).local(NOW, local), local, "never in the future");
        assert_eq!(RedisTime(i64::MIN).local(NOW, local), Timestamp::MIN);
    }
}
