//! What an operator decides about the trail: `audit.*`.

use crate::secret::{KeyMaterial, StoreUrl};
use std::path::PathBuf;
use std::time::Duration;

/// The trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub store: StoreLocation,
    /// PEM bundle of the CAs that may have signed the database's certificate; by default the system's.
    pub store_ca: Option<Vec<u8>>,
    /// Never empty; the first key writes, all read.
    pub chain_keys: Vec<KeyMaterial>,
    /// Never empty; the first key writes, all read.
    pub encryption_keys: Vec<KeyMaterial>,
    /// Last sequence number and MAC (decisions.md 34). Always there with SQLite.
    pub head_file: Option<PathBuf>,
    /// How long a caller waits for its entry to be durable.
    pub commit_timeout: Duration,
    /// How long entries stay online, in whole days.
    pub online_for: Duration,
}

/// Where the trail is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    Sqlite(PathBuf),
    Postgres(StoreUrl),
}
