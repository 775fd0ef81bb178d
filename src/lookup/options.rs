//! What an operator decides about looks: `lookup.*`, and of `smsp.*` what concerns waiting, load and trouble.

use super::{BreakerRules, BulkheadRules};
use crate::secret::{KeyMaterial, StoreUrl};
use std::path::PathBuf;
use std::time::Duration;

/// How looks are made and shared.
#[derive(Debug, Clone)]
pub struct Options {
    pub rules: Rules,
    pub store: Store,
    /// The file in which shared answers outlive a restart (decisions.md 42); `None`: they do not.
    pub window_file: Option<PathBuf>,
}

/// How looks are made.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub patience: Patience,
    pub sharing: Sharing,
    pub bulkhead: BulkheadRules,
    pub breaker: BreakerRules,
}

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// `smsp.connect_timeout`: a second attempt to connect needs at least this much time.
    pub connect: Duration,
    /// `smsp.timeout`: how long the caller waits. Not above `late`.
    pub caller: Duration,
    /// `smsp.late_timeout`: how much longer the flight waits for a late answer (decisions.md 4).
    pub late: Duration,
}

/// How long a finished answer is shared.
#[derive(Debug, Clone, Copy)]
pub struct Sharing {
    /// `lookup.share_for`; zero: only requests in flight together are shared.
    pub share_for: Duration,
    /// `lookup.refresh_after`: a younger answer is shared even under `Cache-Control: no-cache` (decisions.md 46).
    pub refresh_after: Duration,
}

/// Where looks are shared, and how that is reached: `lookup.store*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    pub location: StoreLocation,
    /// Never empty when `location` is outside this process; the first key writes, all read.
    pub keys: Vec<KeyMaterial>,
    /// PEM of the authorities that the certificate of `rediss://` must come from; `None`: the machine's own.
    pub ca: Option<Vec<u8>>,
}

/// Where the looks of several replicas are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    Memory,
    /// `redis://` or `rediss://`.
    Redis(StoreUrl),
}
