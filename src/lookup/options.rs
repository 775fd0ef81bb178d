//! What an operator decides about looks: `lookup.*`.

use crate::secret::{KeyMaterial, StoreUrl};
use std::path::PathBuf;
use std::time::Duration;

/// How one look's answer is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// 0: only requests that are in flight together share.
    pub share_for: Duration,
    /// Younger looks are shared even under no-cache. The default is `share_for` (decisions.md 46).
    pub refresh_after: Duration,
    pub store: StoreLocation,
    /// Never empty when `store` is outside this process; the first key writes, all read.
    pub store_keys: Vec<KeyMaterial>,
    /// PEM of the authorities that a `rediss://` store's certificate must come from; `None`: the machine's own.
    pub store_ca: Option<Vec<u8>>,
    /// The file in which shared answers outlive a restart (decisions.md 42); `None`: they do not.
    pub window_file: Option<PathBuf>,
}

/// Where the looks of several replicas are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    Memory,
    /// `redis://` or `rediss://`.
    Redis(StoreUrl),
}
