//! Who looks at one child again and again: each such look is a query, and notifies an authority of a child with a record once more.
//!
//! A person does so once or twice. A record system that polls does so all shift, so it is counted for an alert; the trail says who. Each
//! process counts by itself.

use crate::cpis::{NhsNumber, UserIdentity};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Looks of one user at one child within [`WINDOW`] of which nothing is said.
const USUAL: usize = 3;
const WINDOW: Duration = Duration::from_hours(1);
/// Users with a child who are remembered at the same time, each with some 200 bytes. Beyond it all are counted anew.
const MOST: usize = 20_000;

/// When each user had CP-IS asked about each child, the latest last.
#[derive(Default)]
pub struct Repeats(Mutex<HashMap<(UserIdentity, NhsNumber), Vec<Instant>>>);

impl Repeats {
    /// One more query of `user` about `child`. Whether it is one more than is usual.
    pub fn count(&self, user: &UserIdentity, child: &NhsNumber) -> bool {
        let now = Instant::now();
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &Instant| now.duration_since(*at) < WINDOW;
        let pair = (user.clone(), child.clone());
        if !asked.contains_key(&pair) && asked.len() >= MOST {
            asked.retain(|_, times| times.last().is_some_and(is_recent));
            if asked.len() >= MOST {
                asked.clear();
            }
        }
        let times = asked.entry(pair).or_default();
        times.retain(is_recent);
        let is_repeated = times.len() >= USUAL;
        if is_repeated {
            times.remove(0);
        }
        times.push(now);
        is_repeated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: usize) -> UserIdentity {
        UserIdentity { issuer: "https://issuer.example".into(), id: id.to_string().into() }
    }

    fn child(digits: u64) -> NhsNumber {
        NhsNumber::from_u64(digits).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_fourth_look_within_an_hour_is_a_repetition_and_so_is_every_one_after_it() {
        let (repeats, asked) = (Repeats::default(), child(9_990_000_018));
        let mut told = Vec::new();
        for _ in 0..6 {
            told.push(repeats.count(&user(1), &asked));
            tokio::time::advance(Duration::from_mins(5)).await;
        }
        assert_eq!(told, [false, false, false, true, true, true]);
        assert!(!repeats.count(&user(1), &child(9_990_000_026)), "another child");
        assert!(!repeats.count(&user(2), &asked), "another user");
        tokio::time::advance(WINDOW).await;
        assert!(!repeats.count(&user(1), &asked));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_has_a_bound() {
        let (repeats, asked) = (Repeats::default(), child(9_990_000_018));
        for at in 0..MOST + 10 {
            assert!(!repeats.count(&user(at), &asked));
        }
        assert!(repeats.0.lock().unwrap().len() <= MOST);
    }
}
