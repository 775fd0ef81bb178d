//! An open connection to the trail's database: its time limits, and what the server must be.

use super::fault::{fault, other};
use super::rows::cell;
use super::schema;
use super::target::Target;
use crate::audit::{StoreError, StoreErrorKind};
use std::ops::Deref;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio_postgres::Client;

/// A connection that closes at once when this is dropped: the server then rolls back what was not committed.
pub(super) struct Session {
    client: Client,
    wire: AbortHandle,
}

/// For name resolution, TCP, TLS, login and the checks together.
const OPEN: Duration = Duration::from_secs(5);
/// The longest that a replica hanging in a transaction delays the others: then the server ends its session.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(2);
const LOCK: Duration = Duration::from_secs(4);
const WRITE_STATEMENT: Duration = Duration::from_secs(5);
const READ_STATEMENT: Duration = Duration::from_secs(30);
/// The oldest version that has what is used here, and had fixes in 2023.
const OLDEST_SERVER: i32 = 120_000;

/// Commits that are on disk before they are acknowledged: at least `on`, which a server or a role may have lowered.
const SYNCHRONOUS: &str = "SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')";

const SERVER: &str = "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), \
    current_setting('fsync'), current_setting('full_page_writes')";

impl Session {
    /// A connection that may write, to a server that keeps what it acknowledges; creates missing tables.
    pub(super) async fn to_write(target: &Target) -> Result<Self, StoreError> {
        let session = Self::for_writing(target).await?;
        schema::make(&session).await?;
        Ok(session)
    }

    /// As [`Session::to_write`], without a check of the tables.
    pub(super) async fn for_writing(target: &Target) -> Result<Self, StoreError> {
        within(OPEN, Self::open(target, true)).await
    }

    /// A connection that only reads.
    pub(super) async fn to_read(target: &Target) -> Result<Self, StoreError> {
        within(OPEN, async {
            let session = Self::open(target, false).await?;
            schema::check(&session).await?;
            Ok(session)
        })
        .await
    }

    async fn open(target: &Target, writes: bool) -> Result<Self, StoreError> {
        let (client, wire) = Box::pin(target.connect(writes)).await?;
        let session = Self { client, wire: tokio::spawn(wire).abort_handle() };
        session.limit(if writes { WRITE_STATEMENT } else { READ_STATEMENT }).await?;
        if writes {
            session.check_server().await?;
        } else {
            session.run("SET default_transaction_read_only = on").await?;
        }
        Ok(session)
    }

    pub(super) async fn run(&self, statements: &str) -> Result<(), StoreError> {
        self.client.batch_execute(statements).await.map_err(|error| fault(&error))
    }

    /// Every statement uses its index, even if the planner's statistics are of a short table.
    async fn limit(&self, statement: Duration) -> Result<(), StoreError> {
        let statements = format!(
            "SET search_path = pg_catalog, pg_temp; SET client_min_messages = error; SET enable_seqscan = off; SET jit = off; \
             SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}; \
             SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3; {SYNCHRONOUS}; {}",
            statement.as_millis(),
            LOCK.as_millis(),
            IDLE_IN_TRANSACTION.as_millis(),
            transaction_limit(statement + IDLE_IN_TRANSACTION, false),
        );
        self.run(&statements).await
    }

    /// Refuses a server that may lose what it has acknowledged.
    async fn check_server(&self) -> Result<(), StoreError> {
        let row = self.client.query_typed_one(SERVER, &[]).await.map_err(|error| fault(&error))?;
        if cell::<i32>(&row, 0)? < OLDEST_SERVER {
            return Err(other("the server is older than PostgreSQL 12"));
        }
        if cell::<&str>(&row, 1)? != "UTF8" {
            return Err(other("the database's encoding is not UTF8"));
        }
        if cell::<&str>(&row, 2)? != "on" {
            return Err(other("the server runs with fsync=off: what it acknowledges may be lost"));
        }
        if cell::<&str>(&row, 3)? != "on" {
            tracing::warn!(
                target: "cpis_fhir::trail",
                "the server runs with full_page_writes=off: unless its file system writes pages whole, a crash may damage the trail"
            );
        }
        Ok(())
    }
}

/// The limit of the whole transaction (PostgreSQL 17 and later): it even ends one whose client stops between two messages of one
/// statement, which the other limits do not cover.
pub(super) fn transaction_limit(limit: Duration, is_local: bool) -> String {
    let limit = limit.as_millis();
    format!("SELECT set_config(name, '{limit}', {is_local}) FROM pg_settings WHERE name = 'transaction_timeout'")
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.wire.abort();
    }
}

/// `done`, or `Slow` after `limit`.
pub(super) async fn within<T>(limit: Duration, done: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let slow = |_| StoreError::new(StoreErrorKind::Slow, format!("no answer within {} s", limit.as_secs()));
    tokio::time::timeout(limit, done).await.unwrap_or_else(|elapsed| Err(slow(elapsed)))
}
