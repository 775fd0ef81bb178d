//! The trail in PostgreSQL: one chain for all replicas that share the database (docs/adr/0008-one-chain-in-postgresql.md).
//!
//! - [`target`]: where the database is, and with which TLS.
//! - [`session`]: an open connection, its time limits, what the server must be.
//! - [`schema`]: the tables (`sql/`). [`rows`]: lines as rows.
//! - [`store`]: one append, one transaction. [`reader`]: searches. [`retire`]: removes archived lines.
//! - [`server`]: what the database reports of itself and of our rights. [`definitions`]: whether tables and indexes are as they were
//!   made. [`fault`]: what a database error means.
//!
//! Use two roles: one owns the tables and creates them, the service's own may only append and read (`sql/roles.sql`). Triggers
//! stop even the owner from changing a line; `verify` finds out if they are removed. One role for both works too, and the log
//! warns of it.
//!
//! A pooler in between must give each connection its own session (PgBouncer: `pool_mode = session`).

mod definitions;
mod fault;
mod reader;
mod retire;
mod rows;
mod schema;
mod server;
mod session;
mod store;
mod target;

use super::{StoreError, Tip};
use crate::secret::StoreUrl;
use std::sync::Arc;

pub use reader::PostgresReader;
pub use retire::PostgresRetire;
pub use server::{Server, server};
pub use store::PostgresStore;
pub use target::Target;

/// Opens the trail at `url`: connects, creates missing tables, and checks the server.
///
/// `ca_pem` holds the CAs that may have signed the server's certificate (PEM); by default the system's.
///
/// # Errors
/// As [`lazily`], and anything that prevents a write to the database now.
pub async fn connect(url: &StoreUrl, ca_pem: Option<&[u8]>) -> Result<(PostgresStore, PostgresReader), StoreError> {
    let (mut store, reader) = lazily(url, ca_pem)?;
    store.open().await?;
    Ok((store, reader))
}

/// As [`connect`], without a connection yet: each append and each search opens what it needs.
///
/// # Errors
/// The URL or the CAs cannot be used: `Other`.
pub fn lazily(url: &StoreUrl, ca_pem: Option<&[u8]>) -> Result<(PostgresStore, PostgresReader), StoreError> {
    Ok(Target::new(url, ca_pem).map(Arc::new)?.sides())
}

impl Target {
    /// Both sides of the trail there; they follow a renewal of this.
    pub(super) fn sides(self: &Arc<Self>) -> (PostgresStore, PostgresReader) {
        (PostgresStore::new(Arc::clone(self)), PostgresReader::new(Arc::clone(self)))
    }

    /// Removes archived lines from the trail there. Connects at each step.
    pub(super) fn retire(self: &Arc<Self>) -> PostgresRetire {
        PostgresRetire::new(Arc::clone(self))
    }
}

/// Both ends of the chain in the database.
struct Ends {
    tip: Tip,
    base: Tip,
}
