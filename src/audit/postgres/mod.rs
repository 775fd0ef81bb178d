//! The trail in PostgreSQL: one chain for all replicas that share the database (docs/adr/0008-one-chain-in-postgresql.md).
//!
//! - [`target`]: where the database is, and with which TLS. - [`session`]: an open connection, its time limits, what the server must be.
//!   \- [`schema`]: the tables (`sql/`). - [`store`]: one append, one transaction. - [`reader`]: searches. [`retire`]: archived lines leave. [`server`]: what
//!   the database says of itself and of our rights. [`definitions`]: whether tables and indexes are as they were made. - [`rows`]: lines as
//!   rows. - [`fault`]: what an error of the database means.
//!
//! Two roles are meant: one owns the tables and makes them, the service's own may append and read (`sql/roles.sql`). Triggers refuse
//! what would change a line, to the owner as well; who takes the triggers away is found by `verify`. With one role for both it
//! works all the same, and the log says what is missing.
//!
//! A pooler between must give each connection a session of its own (PgBouncer: `pool_mode = session`).

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

/// Opens the trail at `url`: connects, makes the tables where they are not there yet, and checks the server.
///
/// `ca_pem` holds the CAs that may have signed the server's certificate (PEM); the system's without it.
///
/// # Errors
/// As [`lazily`], and whatever keeps the database from being written now.
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
    /// Both sides of the trail there, which go where this is renewed to.
    pub(super) fn sides(self: &Arc<Self>) -> (PostgresStore, PostgresReader) {
        (PostgresStore::new(Arc::clone(self)), PostgresReader::new(Arc::clone(self)))
    }

    /// What removes archived lines from the trail there. Opens what it needs at each step.
    pub(super) fn retire(self: &Arc<Self>) -> PostgresRetire {
        PostgresRetire::new(Arc::clone(self))
    }
}

/// What the database says of the chain's ends.
struct Ends {
    tip: Tip,
    base: Tip,
}
