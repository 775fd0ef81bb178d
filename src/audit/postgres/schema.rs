//! The tables: the first replica creates or upgrades them, under a lock.

use super::fault::{fault, other};
use super::rows::cell;
use super::session::{Session, transaction_limit, within};
use crate::audit::{StoreError, StoreErrorKind};
use std::time::Duration;

/// The migrations in order; the first creates version 1. A released one never changes. Each records its version itself, so that a
/// DBA may run it.
const MIGRATIONS: [&str; 1] = [include_str!("sql/0001_trail.sql")];

/// `pg_advisory_xact_lock`: ours among all of the database's.
const LOCK: i64 = i64::from_be_bytes(*b"cpisschm");
/// A migration may rewrite a long table, and another replica waits for it.
const LIMIT: Duration = Duration::from_mins(10);

const VERSION: &str = "SELECT max(version) FROM cpis_fhir.version";
/// Not `to_regclass`: a session caches missing names, even across the wait for the lock.
const IS_THERE: &str = "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'version' \
    AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'cpis_fhir'))";
pub(super) const MAY_CHANGE: &str = "SELECT has_table_privilege('cpis_fhir.trail', 'UPDATE, DELETE, TRUNCATE')";

/// Creates what is missing.
///
/// # Errors
/// `ReadOnly` if the role may not, `Other` for tables of a newer version.
pub(super) async fn make(session: &Session) -> Result<(), StoreError> {
    if known(version(session).await?)? < MIGRATIONS.len() {
        within(LIMIT, migrate(session)).await.map_err(|error| match error.kind {
            StoreErrorKind::ReadOnly => StoreError::new(
                StoreErrorKind::ReadOnly,
                format!("its tables are missing or old, and this role may not create them: {}", error.detail),
            ),
            _ => error,
        })?;
    }
    warn_of_rights(session).await
}

/// Whether the tables exist in this program's version.
///
/// # Errors
/// `Other` for tables of a newer version.
pub(super) async fn is_current(session: &Session) -> Result<bool, StoreError> {
    Ok(known(version(session).await?)? == MIGRATIONS.len())
}

/// # Errors
/// `Other` if the tables are missing or of another version.
pub(super) async fn check(session: &Session) -> Result<(), StoreError> {
    match known(version(session).await?)? {
        0 => Err(other("there is no trail in this database")),
        version if version < MIGRATIONS.len() => Err(other("the trail's tables are of an older version")),
        _ => Ok(()),
    }
}

async fn migrate(session: &Session) -> Result<(), StoreError> {
    let limits = format!(
        "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = {}; {}",
        LIMIT.as_millis(),
        transaction_limit(LIMIT, true)
    );
    session.run(&format!("BEGIN; {limits}; SELECT pg_advisory_xact_lock({LOCK})")).await?;
    // Another replica may have been first.
    let have = known(version(session).await?)?;
    for (at, migration) in MIGRATIONS.iter().enumerate().skip(have) {
        session.run(migration).await?;
        tracing::info!(target: "cpis_fhir::trail", version = at + 1, "the trail's tables were made");
    }
    session.run("COMMIT").await
}

/// The body of a function that a migration creates; the latest one counts.
pub(super) fn body_of(function: &str) -> Option<&'static str> {
    let head = format!("FUNCTION cpis_fhir.{function}()");
    let (_, rest) = MIGRATIONS.iter().rev().find_map(|migration| migration.split_once(head.as_str()))?;
    rest.split("$$").nth(1)
}

/// 0: no tables.
async fn version(session: &Session) -> Result<i32, StoreError> {
    let row = session.query_typed_one(IS_THERE, &[]).await.map_err(|error| fault(&error))?;
    let is_there = cell::<bool>(&row, 0)?;
    if !is_there {
        return Ok(0);
    }
    let row = session.query_typed_one(VERSION, &[]).await.map_err(|error| fault(&error))?;
    Ok(cell::<Option<i32>>(&row, 0)?.unwrap_or_default())
}

fn known(version: i32) -> Result<usize, StoreError> {
    match usize::try_from(version) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(other(format!("the trail's tables are of version {version}; this software knows {}", MIGRATIONS.len()))),
    }
}

async fn warn_of_rights(session: &Session) -> Result<(), StoreError> {
    let row = session.query_typed_one(MAY_CHANGE, &[]).await.map_err(|error| fault(&error))?;
    if cell::<bool>(&row, 0)? {
        tracing::warn!(
            target: "cpis_fhir::trail",
            "this role may change the trail's tables: use one that may only append and read (sql/roles.sql)"
        );
    }
    Ok(())
}
