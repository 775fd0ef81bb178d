//! The sharing table outside this process, in Redis or Valkey, for several replicas (docs/adr/0007).
//!
//! For each look it holds the place of the one flight, the answer that is shared, and the outcome of each flight for the
//! requests that belong to it. Names are MACs and values are sealed under the store key; what is in clear there is random
//! tokens, counters and times.
//!
//! Times inside the table are those of Redis's own clock, so that replicas whose clocks differ agree on every age. A
//! [`Timestamp`] that goes in or comes out is of this process's clock: it is made of the age.

mod calls;
mod codec;
pub(super) mod keys;
mod landing;
mod link;
pub(super) mod outcome;
mod recall;
mod scripts;
mod table;

use super::{LookError, LookKey, Origin};
use crate::clock;
use crate::cpis::Answer;
use crate::secret::{KeyMaterial, StoreUrl};
use jiff::Timestamp;
use keys::{KeyNumber, StoreKeys, Token};
use link::Link;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// The shortest that a look which may have been heard is remembered (decisions.md 4).
const LEAST_REMEMBERED: Duration = Duration::from_mins(5);
/// What a place is held for beyond the longest flight.
const LOCK_MARGIN: Duration = Duration::from_secs(10);

/// How long the table keeps what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// An answer is shared for this long after it came; zero: never.
    pub share_for: Duration,
    /// An outcome is remembered under its request ids for this long after it landed, and a flight that never lands for this
    /// long beyond `lock_for`.
    pub remember_for: Duration,
    /// The place of a flight that never lands is held for this long: longer than a flight can last.
    pub lock_for: Duration,
    /// A flight older than this may be taken over by another request.
    pub caller: Duration,
}

/// The table outside this process. Clones share one connection.
///
/// Every method fails as [`Away`] within half a second when the table cannot be used; [`RemoteTable::wait`] by its own deadline.
/// Calls run on the runtime that the table was made with, whichever runtime the caller is on.
#[derive(Clone)]
pub struct RemoteTable {
    link: Link,
    keys: StoreKeys,
    windows: Windows,
    unreadable: Arc<Unreadable>,
}

/// The settings of the table cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// Says nothing of the URL, which may hold a password.
    #[error("the URL of the sharing table {0}")]
    Url(&'static str),
    #[error("the CA bundle of the sharing table holds no certificate that can be used")]
    Ca,
    #[error("the sharing table needs a key")]
    NoKey,
}

/// The table cannot be used now. What was asked of it may have been done or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Away {
    #[error("no connection")]
    NoConnection,
    #[error("no reply in time")]
    NoReply,
    #[error("it refuses our credentials")]
    Refused,
    #[error("it replied with an error")]
    ErrorReply,
    /// Calls have failed for a while, and nobody tries for a second.
    #[error("left alone after calls failed")]
    Resting,
    /// Other replicas changed the look's state again and again while we looked.
    #[error("the look keeps changing")]
    Restless,
    #[error("no random numbers to be had")]
    NoRandom,
}

/// Stands for the id of every request that came without one, and is not for a new look (decisions.md 45). No caller can send it.
pub const NO_ID: &str = "";

/// How a look ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub outcome: Result<Arc<Answer>, Arc<LookError>>,
    /// When it came, by this process's clock; never in the future when it is read.
    pub came: Timestamp,
    /// The query that it is of, where there was one.
    pub origin: Option<Arc<Origin>>,
}

/// What is remembered of a request.
#[derive(Debug, Clone)]
pub enum Remembered {
    Landed(Kept),
    /// Its query may have been sent, and nothing has come of it yet.
    OnItsWay(Flight),
}

/// Which shared answers will do (decisions.md 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// One that came this long ago at most: `share_for`, or `refresh_after` under `no-cache`.
    NotOlderThan(Duration),
    /// None: `CPIS-New-Look`. A flight that is on its way is new as well.
    New,
}

/// How a look begins.
#[derive(Debug)]
pub enum Begun {
    /// This process flies. The request is remembered as on its way, and every other one waits.
    Ours(Place),
    /// An answer.
    Shared(Kept),
    /// The request is the repetition of one that is remembered: no query, whatever was wanted.
    Remembered(Remembered),
    /// Another process flies. The request is remembered under that flight.
    Elsewhere(Flight),
}

/// A flight, wherever it is.
#[derive(Debug, Clone)]
pub struct Flight {
    /// When it began, by this process's clock.
    pub since: Timestamp,
    /// Those with which it began: a table whose keys were renewed since counts them otherwise.
    keys: StoreKeys,
    number: KeyNumber,
    token: Token,
}

/// The place of a look's one flight, held by this process. It must be given to [`RemoteTable::land`] or
/// [`RemoteTable::release`]; one that is dropped is a flight that never lands, as after a crash.
#[derive(Debug, Clone)]
pub struct Place {
    look: LookKey,
    request_id: String,
    flight: Option<Flight>,
    fence: u64,
}

/// How a flight landed.
#[derive(Debug)]
pub struct Landed {
    /// For [`RemoteTable::join`]: requests that only this process knows of.
    pub flight: Flight,
    /// The answer is the shared one now.
    pub is_shared: bool,
}

/// What became of the flight that was waited for.
#[derive(Debug)]
pub enum Waited {
    /// A failure that was not delivered ([`crate::cpis::Delivery`]) is not remembered: the request may ask again.
    Landed(Kept),
    /// Still on its way at the deadline, or never heard of again.
    NotYet,
}

/// What an operator should know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Calls that failed.
    pub away: u64,
    /// Values that were not ours to read, and were taken as absent.
    pub unreadable: u64,
}

#[derive(Default)]
struct Unreadable {
    count: AtomicU64,
    is_said: AtomicBool,
}

impl Windows {
    /// The windows for `lookup.share_for`, `smsp.timeout` and `smsp.late_timeout`.
    #[must_use]
    pub fn new(share_for: Duration, timeout: Duration, late_timeout: Duration) -> Self {
        Self {
            share_for,
            remember_for: share_for.max(LEAST_REMEMBERED),
            // A first attempt that never connected may take up to `timeout`, the second one both.
            lock_for: timeout + timeout + late_timeout + LOCK_MARGIN,
            caller: timeout,
        }
    }
}

impl RemoteTable {
    /// Connects when first used, over TLS for `rediss://`: the server must then show a certificate of `ca_pem`, or of the
    /// machine's own authorities where that is `None`. `runtime` owns the connection.
    ///
    /// # Errors
    /// [`RemoteError`] when the settings cannot be used. No connection is tried.
    pub fn new(
        url: &StoreUrl,
        ca_pem: Option<&[u8]>,
        store_keys: &[KeyMaterial],
        windows: Windows,
        runtime: Handle,
    ) -> Result<Self, RemoteError> {
        let keys = StoreKeys::new(store_keys).ok_or(RemoteError::NoKey)?;
        Ok(Self { link: Link::new(url, ca_pem, runtime)?, keys, windows, unreadable: Arc::default() })
    }

    /// This table with other keys, or reached in another way. Flights that have begun end with the keys they began with.
    ///
    /// # Errors
    /// As [`RemoteTable::new`].
    pub fn renewed(&self, url: &StoreUrl, ca_pem: Option<&[u8]>, store_keys: &[KeyMaterial]) -> Result<Self, RemoteError> {
        let keys = StoreKeys::new(store_keys).ok_or(RemoteError::NoKey)?;
        Ok(Self { link: self.link.renewed(url, ca_pem)?, keys, windows: self.windows, unreadable: Arc::clone(&self.unreadable) })
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { away: self.link.away(), unreadable: self.unreadable.count.load(Ordering::Relaxed) }
    }
}

impl Unreadable {
    /// Counts every one, and says the first loudly.
    fn note(&self, why: &dyn std::fmt::Display) {
        self.count.fetch_add(1, Ordering::Relaxed);
        if self.is_said.swap(true, Ordering::Relaxed) {
            tracing::debug!(%why, "a value of the sharing table is taken as absent");
        } else {
            tracing::error!(%why, "a value of the sharing table is taken as absent; is every replica of one version, with the same keys?");
        }
    }
}

impl Kept {
    /// An outcome of now, of which the query is not known.
    #[must_use]
    pub fn now(outcome: Result<Arc<Answer>, Arc<LookError>>) -> Self {
        Self { outcome, came: clock::now(), origin: None }
    }

    pub(super) fn is_unheard(&self) -> bool {
        self.outcome.as_ref().is_err_and(|failure| failure.is_undelivered())
    }
}

impl Place {
    /// The flight, for other requests of this process to join; `None` for one that went ahead without the table.
    #[must_use]
    pub fn flight(&self) -> Option<&Flight> {
        self.flight.as_ref()
    }

    /// Grows with every flight of the look; zero without the table.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.fence
    }
}

impl std::fmt::Debug for RemoteTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteTable").field("keys", &self.keys).field("windows", &self.windows).finish_non_exhaustive()
    }
}
