//! The sharing table outside this process, in Redis or Valkey, for several replicas (docs/adr/0007).
//!
//! For each look it holds the lease of the one flight, the shared answer, and the outcome of each flight for the requests that
//! belong to it. Names are MACs and values are sealed under the store key. Only random tokens, counters and times are in clear.
//!
//! Times inside the table are by Redis's clock, so that replicas whose clocks differ agree on every age. A [`Timestamp`] that goes
//! in or comes out is by this process's clock: it is computed from the age.

mod calls;
mod claim;
mod codec;
mod complete;
mod connection;
mod find;
pub(super) mod keys;
pub(super) mod outcome;
mod scripts;

use super::{LEAST_REMEMBERED, LookError, LookKey, Origin};
use crate::clock;
use crate::cpis::Answer;
use crate::secret::{KeyMaterial, StoreUrl};
pub(super) use codec::HeapBytes;
use connection::Connection;
use jiff::Timestamp;
use keys::{KeyNumber, StoreKeys, Token};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// How much longer than the longest flight a lease is held.
const LOCK_MARGIN: Duration = Duration::from_secs(10);

/// How long the table keeps answers, outcomes and leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// An answer is shared for this long after it came; zero: never.
    pub share_for: Duration,
    /// An outcome is remembered under its request ids for this long after the flight completes, and a flight that never completes
    /// for this long beyond `lock_for`.
    pub remember_for: Duration,
    /// The lease of a flight that never completes is held for this long: longer than a flight can last.
    pub lock_for: Duration,
    /// A flight older than this may be taken over by another request.
    pub caller: Duration,
}

/// The table outside this process. Clones share one connection.
///
/// Every method fails as [`Unavailable`] within half a second when the table cannot be used; [`RemoteTable::wait`] by its own
/// deadline. Calls run on the runtime that the table was made with, on whichever runtime the caller is.
#[derive(Clone)]
pub struct RemoteTable {
    connection: Connection,
    keys: StoreKeys,
    retention: Retention,
    unreadable: Arc<UnreadableValues>,
}

/// The settings of the table cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// Never holds the URL, which may contain a password.
    #[error("the URL of the sharing table {0}")]
    Url(&'static str),
    #[error("the CA bundle of the sharing table holds no certificate that can be used")]
    Ca,
    #[error("the sharing table needs a key")]
    NoKey,
}

/// The table cannot be used now. The call may have taken effect or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unavailable {
    #[error("no connection")]
    NoConnection,
    #[error("no reply in time")]
    NoReply,
    #[error("it refuses our credentials")]
    Refused,
    #[error("it replied with an error")]
    ErrorReply,
    /// Calls have failed for a while, so nobody tries for a second.
    #[error("paused after failed calls")]
    Backoff,
    /// Other replicas kept changing the look's state during the claim.
    #[error("the look keeps changing")]
    Contention,
    #[error("no random numbers available")]
    NoRandom,
}

/// The id of all requests that came without one and are not for a new look (decisions.md 45). No caller can send it.
pub const NO_ID: &str = "";

/// How a look ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteOutcome {
    pub outcome: Result<Arc<Answer>, Arc<LookError>>,
    /// When it came, by this process's clock; never in the future when it is read.
    pub came: Timestamp,
    /// The query behind it, if there was one.
    pub origin: Option<Arc<Origin>>,
}

/// What is remembered of a request.
#[derive(Debug, Clone)]
pub enum RemoteRequest {
    Completed(RemoteOutcome),
    /// Its query may have been sent, and has no outcome yet.
    InFlight(RemoteFlight),
}

/// How old a shared answer may be (decisions.md 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantedAge {
    /// One that came this long ago at most: `share_for`, or `refresh_after` under `no-cache`.
    NotOlderThan(Duration),
    /// No shared answer: `CPIS-New-Look`. A running flight is new too.
    New,
}

/// The result of a claim.
#[derive(Debug)]
pub enum ClaimResult {
    /// This process has the lease. The request is remembered as in flight, and all others wait.
    Ours(RemoteLease),
    /// An answer.
    Shared(RemoteOutcome),
    /// The request repeats a remembered one: no query, whatever age was wanted.
    Remembered(RemoteRequest),
    /// Another process has the lease. The request is remembered under its flight.
    Elsewhere(RemoteFlight),
}

/// A flight of any replica.
#[derive(Debug, Clone)]
pub struct RemoteFlight {
    /// When it began, by this process's clock.
    pub since: Timestamp,
    /// The keys with which it began: a table with renewed keys numbers them differently.
    keys: StoreKeys,
    number: KeyNumber,
    token: Token,
}

/// The lease of a look's one flight, held by this process. It must be given to [`RemoteTable::complete`] or
/// [`RemoteTable::release`]. If it is dropped, its flight never completes, as after a crash.
#[derive(Debug, Clone)]
pub struct RemoteLease {
    look: LookKey,
    request_id: String,
    flight: Option<RemoteFlight>,
    fence: u64,
}

/// The result of completing a flight.
#[derive(Debug)]
pub struct RemoteCompletion {
    /// For [`RemoteTable::join`]: requests that only this process knows of.
    pub flight: RemoteFlight,
    /// The answer is now the shared one.
    pub is_shared: bool,
}

/// The result of waiting for a flight.
#[derive(Debug)]
pub enum WaitResult {
    /// A failure that was not delivered ([`crate::cpis::Delivery`]) is not remembered: the request may ask again.
    Completed(RemoteOutcome),
    /// Still in flight at the deadline, or lost.
    NotYet,
}

/// Counts for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteCounts {
    /// Calls that failed.
    pub failed_calls: u64,
    /// Values that could not be verified and opened, and counted as absent.
    pub unreadable: u64,
}

#[derive(Default)]
struct UnreadableValues {
    count: AtomicU64,
    is_logged: AtomicBool,
}

impl Retention {
    /// The times for `lookup.share_for`, `smsp.timeout` and `smsp.late_timeout`.
    #[must_use]
    pub fn new(share_for: Duration, timeout: Duration, late_timeout: Duration) -> Self {
        Self {
            share_for,
            remember_for: share_for.max(LEAST_REMEMBERED),
            // A first attempt that never connects may take `timeout`, the second one both.
            lock_for: timeout + timeout + late_timeout + LOCK_MARGIN,
            caller: timeout,
        }
    }
}

impl RemoteTable {
    /// Connects when first used, over TLS for `rediss://`: the server's certificate must then come from `ca_pem`, or from the
    /// machine's own authorities if that is `None`. `runtime` owns the connection.
    ///
    /// # Errors
    /// [`RemoteError`] when the settings cannot be used. It does not connect yet.
    pub fn new(
        url: &StoreUrl,
        ca_pem: Option<&[u8]>,
        store_keys: &[KeyMaterial],
        retention: Retention,
        runtime: Handle,
    ) -> Result<Self, RemoteError> {
        let keys = StoreKeys::new(store_keys).ok_or(RemoteError::NoKey)?;
        Ok(Self { connection: Connection::new(url, ca_pem, runtime)?, keys, retention, unreadable: Arc::default() })
    }

    /// This table with other keys, or reached in another way. Flights in progress end with the keys they began with.
    ///
    /// # Errors
    /// As [`RemoteTable::new`].
    pub fn renewed(&self, url: &StoreUrl, ca_pem: Option<&[u8]>, store_keys: &[KeyMaterial]) -> Result<Self, RemoteError> {
        let keys = StoreKeys::new(store_keys).ok_or(RemoteError::NoKey)?;
        Ok(Self {
            connection: self.connection.renewed(url, ca_pem)?,
            keys,
            retention: self.retention,
            unreadable: Arc::clone(&self.unreadable),
        })
    }

    #[must_use]
    pub fn counts(&self) -> RemoteCounts {
        RemoteCounts { failed_calls: self.connection.failed_calls(), unreadable: self.unreadable.count.load(Ordering::Relaxed) }
    }
}

impl UnreadableValues {
    /// Counts every one, and logs the first as an error.
    fn note(&self, why: &dyn std::fmt::Display) {
        self.count.fetch_add(1, Ordering::Relaxed);
        if self.is_logged.swap(true, Ordering::Relaxed) {
            tracing::debug!(%why, "a value of the sharing table counts as absent");
        } else {
            tracing::error!(%why, "a value of the sharing table counts as absent; is every replica of one version, with the same keys?");
        }
    }
}

impl RemoteOutcome {
    /// An outcome that came now, without its query.
    #[must_use]
    pub fn now(outcome: Result<Arc<Answer>, Arc<LookError>>) -> Self {
        Self { outcome, came: clock::now(), origin: None }
    }

    pub(super) fn is_undelivered(&self) -> bool {
        self.outcome.as_ref().is_err_and(|failure| failure.is_undelivered())
    }
}

impl RemoteLease {
    /// The flight, for other requests of this process to join; `None` without the table.
    #[must_use]
    pub fn flight(&self) -> Option<&RemoteFlight> {
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
        f.debug_struct("RemoteTable").field("keys", &self.keys).field("windows", &self.retention).finish_non_exhaustive()
    }
}
