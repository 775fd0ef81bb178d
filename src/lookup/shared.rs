//! The sharing window: finished answers, kept for a while for the same look (decisions.md 10 to 12).
//!
//! In this process only, bounded in number and in size. Failures are never shared.

use super::LookKey;
use crate::cpis::Answer;
use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What the table may hold, in bytes of answers as [`weight`] counts them.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// A finished answer and when it came.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub answer: Arc<Answer>,
    came: Instant,
}

impl Shared {
    pub(super) fn age(&self) -> Duration {
        self.came.elapsed()
    }
}

/// The answers that may still be shared, by look.
#[derive(Clone)]
pub(super) struct SharedLooks {
    looks: Cache<LookKey, Shared>,
    share_for: Duration,
}

impl SharedLooks {
    pub(super) fn new(share_for: Duration) -> Self {
        let looks = Cache::builder().max_capacity(MOST_BYTES).weigher(weight).time_to_live(share_for).build();
        Self { looks, share_for }
    }

    /// Keeps `answer`, unless nothing is shared at all.
    pub(super) fn keep(&self, key: LookKey, answer: Arc<Answer>) {
        if !self.share_for.is_zero() {
            self.looks.insert(key, Shared { answer, came: Instant::now() });
        }
    }

    /// The answer of `key`, if it is there and not older than may be shared.
    pub(super) fn get(&self, key: &LookKey) -> Option<Shared> {
        // moka's clock is not tokio's, which tests hold still: the age is checked here as well.
        self.looks.get(key).filter(|shared| shared.age() < self.share_for)
    }
}

/// A rough size: what an answer holds beside its texts is small and much the same.
fn weight(_key: &LookKey, shared: &Shared) -> u32 {
    let answer = &shared.answer;
    u32::try_from(1024 + 1024 * answer.accesses.len() + 2048 * answer.records().len()).unwrap_or(u32::MAX)
}
