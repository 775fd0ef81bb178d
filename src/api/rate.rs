//! How many requests a second one caller may make (`limits.requests_per_second`).
//!
//! A caller is a user, or an address as long as the user is unknown. Only failed attempts count for an address, since the users
//! of a whole hospital may come from one.

use crate::cpis::UserIdentity;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// After so many requests, callers who have been quiet are forgotten.
const SWEEP: u32 = 1024;

/// The limits of all callers; none if the settings set none.
pub struct Rates(Option<Limiters>);

struct Limiters {
    users: Limiter<UserIdentity>,
    addresses: Limiter<IpAddr>,
}

struct Limiter<K: Clone + Eq + Hash> {
    limiter: DefaultKeyedRateLimiter<K>,
    since_sweep: AtomicU32,
}

impl Rates {
    pub fn new(per_second: Option<u32>) -> Self {
        let quota = per_second.and_then(NonZeroU32::new).map(Quota::per_second);
        Self(quota.map(|quota| Limiters { users: Limiter::new(quota), addresses: Limiter::new(quota) }))
    }

    /// One more request of a user.
    ///
    /// # Errors
    /// How long until the next one is served.
    pub fn user(&self, user: &UserIdentity) -> Result<(), Duration> {
        self.0.as_ref().map_or(Ok(()), |limits| limits.users.count(user))
    }

    /// One more failure to say who asks, from an address.
    ///
    /// # Errors
    /// How long until the next one is read.
    pub fn stranger(&self, address: Option<IpAddr>) -> Result<(), Duration> {
        let (Some(limits), Some(address)) = (&self.0, address) else { return Ok(()) };
        limits.addresses.count(&network(address))
    }
}

/// What one caller has for an address: with IPv6 a network of 64 bits, whose addresses are theirs to choose.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl<K: Clone + Eq + Hash> Limiter<K> {
    fn new(quota: Quota) -> Self {
        Self { limiter: DefaultKeyedRateLimiter::keyed(quota), since_sweep: AtomicU32::new(0) }
    }

    fn count(&self, key: &K) -> Result<(), Duration> {
        if self.since_sweep.fetch_add(1, Ordering::Relaxed) >= SWEEP {
            self.since_sweep.store(0, Ordering::Relaxed);
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        self.limiter.check_key(key).map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> UserIdentity {
        UserIdentity { issuer: "https://issuer.example".into(), id: id.into() }
    }

    #[test]
    fn each_user_has_a_rate_of_their_own() {
        let rates = Rates::new(Some(3));
        for _ in 0..3 {
            assert_eq!(rates.user(&user("a")), Ok(()));
        }
        assert!(rates.user(&user("a")).unwrap_err() <= Duration::from_secs(1));
        assert_eq!(rates.user(&user("b")), Ok(()));
        assert_eq!(rates.stranger(Some(IpAddr::from([127, 0, 0, 1]))), Ok(()));
    }

    #[test]
    fn who_may_choose_among_addresses_is_one_caller() {
        let rates = Rates::new(Some(2));
        let ask = |address: &str| rates.stranger(address.parse().ok()).is_ok();
        assert!(ask("2001:db8:1:2::1") && ask("2001:db8:1:2:ffff::9"));
        assert!(!ask("2001:db8:1:2:abcd::7"), "the same network");
        assert!(ask("2001:db8:1:3::1"), "another network");
        assert!(ask("192.0.2.1") && ask("::ffff:192.0.2.1"));
        assert!(!ask("192.0.2.1") && ask("192.0.2.2"));
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let rates = Rates::new(None);
        assert!((0..1000).all(|_| rates.user(&user("a")).is_ok()));
    }

    #[test]
    fn callers_who_have_been_quiet_are_forgotten() {
        let limiter = Limiter::<u32>::new(Quota::per_second(NonZeroU32::new(1_000_000).unwrap()));
        for key in 0..20_000 {
            assert!(limiter.count(&key).is_ok());
        }
        assert!(limiter.limiter.len() <= 2 * SWEEP as usize, "{}", limiter.limiter.len());
    }
}
