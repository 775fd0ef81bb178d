//! How many different children one user may look at in a while (`limits.children_per_user`, decisions.md 55).
//!
//! Every query notifies an authority, so a record system that looks up its whole ward list, or a person who browses, must be
//! stopped before a query goes out. Looking again at a child who is already counted is free, and never refused. Each process
//! counts for itself.

use crate::cpis::{NhsNumber, UserIdentity};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The most users that are remembered, each with a few kilobytes at the default. Beyond that, those who looked longest ago are
/// forgotten.
const MOST_USERS: usize = 20_000;

/// The children whom each user has looked at within the window.
pub struct Children {
    most: usize,
    window: Duration,
    users: Mutex<HashMap<UserIdentity, UserLooks>>,
}

#[derive(Default)]
struct UserLooks {
    /// Each child, and when they were first counted; the oldest first.
    children: Vec<(NhsNumber, Instant)>,
    /// When the user was last refused for too many.
    told: Option<Instant>,
}

/// One child too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// Until the user may look at another child.
    pub wait: Duration,
    /// It is the user's first refusal within the window.
    pub is_first: bool,
}

impl Children {
    pub fn new(most: usize, window: Duration) -> Self {
        Self { most, window, users: Mutex::default() }
    }

    /// One more look of `user` at `child`.
    ///
    /// # Errors
    /// [`TooMany`] if `child` is another one and the limit is reached.
    pub fn look(&self, user: &UserIdentity, child: &NhsNumber) -> Result<(), TooMany> {
        let now = Instant::now();
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if !users.contains_key(user) && users.len() >= MOST_USERS {
            self.forget(&mut users, now);
        }
        let looks = users.entry(user.clone()).or_default();
        looks.children.retain(|(_, since)| now.duration_since(*since) < self.window);
        if looks.children.iter().any(|(counted, _)| counted == child) {
            return Ok(());
        }
        match looks.children.first() {
            Some((_, since)) if looks.children.len() >= self.most => {
                let wait = self.window.saturating_sub(now.duration_since(*since));
                let is_first = looks.told.is_none_or(|told| now.duration_since(told) >= self.window);
                if is_first {
                    looks.told = Some(now);
                }
                Err(TooMany { wait, is_first })
            }
            _ => {
                looks.children.push((child.clone(), now));
                Ok(())
            }
        }
    }

    /// Makes room: forgets users without a counted child, and if that is not enough, the half that looked longest ago.
    fn forget(&self, users: &mut HashMap<UserIdentity, UserLooks>, now: Instant) {
        let last = |looks: &UserLooks| looks.children.last().map(|(_, since)| *since);
        users.retain(|_, looks| last(looks).is_some_and(|last| now.duration_since(last) < self.window));
        if users.len() >= MOST_USERS {
            let mut lasts: Vec<Instant> = users.values().filter_map(last).collect();
            lasts.sort_unstable();
            let middle = lasts[lasts.len() / 2];
            users.retain(|_, looks| last(looks).is_some_and(|last| last > middle));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_mins(10);

    fn user(id: usize) -> UserIdentity {
        UserIdentity { issuer: "https://issuer.example".into(), id: id.to_string().into() }
    }

    fn child(at: u64) -> NhsNumber {
        (0..10)
            .find_map(|check| NhsNumber::from_u64((400_000_000 + at * 10) * 10 + check).ok())
            .unwrap_or_else(|| child(at + 100_000))
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_child_is_one_too_many_until_the_first_no_longer_counts() {
        let children = Children::new(3, WINDOW);
        for at in 0..3 {
            assert_eq!(children.look(&user(1), &child(at)), Ok(()));
            tokio::time::advance(Duration::from_mins(1)).await;
        }
        assert_eq!(children.look(&user(1), &child(3)), Err(TooMany { wait: Duration::from_mins(7), is_first: true }));
        assert_eq!(children.look(&user(1), &child(4)), Err(TooMany { wait: Duration::from_mins(7), is_first: false }));
        for at in 0..3 {
            assert_eq!(children.look(&user(1), &child(at)), Ok(()), "who counts already is no new child");
        }
        assert_eq!(children.look(&user(2), &child(3)), Ok(()), "another user");
        tokio::time::advance(Duration::from_mins(7)).await;
        assert_eq!(children.look(&user(1), &child(3)), Ok(()));
        assert_eq!(children.look(&user(1), &child(0)), Err(TooMany { wait: Duration::from_mins(1), is_first: false }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_users_is_forgotten_from_its_oldest_end() {
        let children = Children::new(1, WINDOW);
        for at in 0..MOST_USERS + 10 {
            assert_eq!(children.look(&user(at), &child(1)), Ok(()));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert!(children.users.lock().unwrap().len() <= MOST_USERS);
        assert!(children.look(&user(MOST_USERS + 9), &child(2)).is_err(), "the newest are known still");
        tokio::time::advance(WINDOW).await;
        for at in 0..MOST_USERS {
            assert_eq!(children.look(&user(MOST_USERS * 2 + at), &child(1)), Ok(()));
        }
        assert!(children.users.lock().unwrap().len() <= MOST_USERS);
    }
}
