//! The tables, how a connection is set up, and the migrations.

use crate::audit::verify::Definition;
use crate::audit::{StoreError, StoreErrorKind};
use crate::memory;
use rusqlite::{Connection, TransactionBehavior};
use std::time::Duration;

/// "CPIS": tells a trail from any other SQLite file.
const APPLICATION: i32 = 0x4350_4953;

/// What each version of the file adds to the one before.
const MIGRATIONS: [&str; 1] = [TABLES];

/// `trail`: a [`crate::audit::Line`]; `at` in microseconds since 1970; SQLite never assigns a number. `archived`: what was moved
/// to an archive; the chain continues from the newest row.
const TABLES: &str = "
CREATE TABLE trail (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    id BLOB NOT NULL CHECK (length(id) = 16),
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    look BLOB CHECK (length(look) = 16),
    user_id TEXT,
    child BLOB CHECK (length(child) = 16),
    message_id TEXT,
    request_id TEXT,
    body TEXT NOT NULL,
    key_id BLOB NOT NULL CHECK (length(key_id) = 8),
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    mac BLOB NOT NULL CHECK (length(mac) = 32)
) STRICT;
CREATE TABLE archived (
    last_seq INTEGER PRIMARY KEY CHECK (last_seq > 0),
    last_mac BLOB NOT NULL CHECK (length(last_mac) = 32),
    first_seq INTEGER NOT NULL,
    manifest TEXT NOT NULL
) STRICT;
";

/// Every index and trigger by name: restored at each start if missing or different.
///
/// Every index ends in `seq`, the row's own number, so that the newest lines come first without sorting. Indexes of values that
/// many lines lack leave those lines out. `INSERT OR REPLACE` fires no trigger for the row that it removes, so inserts are
/// restricted too.
const OBJECTS: [(&str, &str); 13] = [
    ("trail_by_id", "CREATE UNIQUE INDEX trail_by_id ON trail (id)"),
    ("trail_by_at", "CREATE INDEX trail_by_at ON trail (at)"),
    ("trail_by_look", "CREATE INDEX trail_by_look ON trail (look) WHERE look IS NOT NULL"),
    // With the time, since a person has many lines: the index skips those of other times.
    ("trail_by_user", "CREATE INDEX trail_by_user ON trail (user_id, seq, at) WHERE user_id IS NOT NULL"),
    ("trail_by_child", "CREATE INDEX trail_by_child ON trail (child) WHERE child IS NOT NULL"),
    ("trail_by_message", "CREATE INDEX trail_by_message ON trail (message_id) WHERE message_id IS NOT NULL"),
    ("trail_by_request", "CREATE INDEX trail_by_request ON trail (request_id) WHERE request_id IS NOT NULL"),
    (
        "trail_is_never_changed",
        "CREATE TRIGGER trail_is_never_changed BEFORE UPDATE ON trail
BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END",
    ),
    (
        "trail_keeps_its_lines",
        "CREATE TRIGGER trail_keeps_its_lines BEFORE DELETE ON trail
WHEN OLD.seq > coalesce((SELECT max(last_seq) FROM archived), 0)
BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END",
    ),
    (
        "trail_grows_at_its_end",
        "CREATE TRIGGER trail_grows_at_its_end BEFORE INSERT ON trail
WHEN NEW.seq <= coalesce((SELECT max(seq) FROM trail), 0)
    OR NEW.seq <= coalesce((SELECT max(last_seq) FROM archived), 0)
    OR EXISTS (SELECT 1 FROM trail WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END",
    ),
    (
        "archived_is_never_changed",
        "CREATE TRIGGER archived_is_never_changed BEFORE UPDATE ON archived
BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END",
    ),
    (
        "archived_keeps_its_rows",
        "CREATE TRIGGER archived_keeps_its_rows BEFORE DELETE ON archived
BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END",
    ),
    (
        "archived_grows_at_its_end",
        "CREATE TRIGGER archived_grows_at_its_end BEFORE INSERT ON archived
WHEN NEW.first_seq <> 1 + coalesce((SELECT max(last_seq) FROM archived), 0) OR NEW.last_seq < NEW.first_seq
BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END",
    ),
];

/// How long to wait for another process's transaction. Only commands on the same file have any, each of a few milliseconds; a
/// caller should learn soon that the trail is locked.
const BUSY: Duration = Duration::from_secs(1);

/// For the one connection that writes.
pub(super) fn set_up_writer(db: &Connection) -> Result<(), StoreError> {
    db.busy_timeout(BUSY)?;
    // Readers do not stop the writer, and a commit is one sync of one file.
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::new(StoreErrorKind::Other, "SQLite cannot keep a write-ahead log there"));
    }
    // Durable when the commit returns: without FULL the log is synced at checkpoints only.
    db.pragma_update(None, "synchronous", "full")?;
    // A checkpoint costs three more syncs. At 4000 pages (16 MiB) that happens once in some 400 commits of one line, at the
    // default of 1000 once in 100; after a crash the log is read in well under a second.
    db.pragma_update(None, "wal_autocheckpoint", 4000)?;
    // The log shrinks again after a burst during which a reader kept it from being emptied.
    db.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // Each line touches a random page of several indexes; 32 MiB hold the inner pages of all of them for years of lines. Less if
    // the process has little memory.
    let cache = (memory::limit() / 8).clamp(4 << 20, 32 << 20) >> 10;
    db.pragma_update(None, "cache_size", -i64::try_from(cache).unwrap_or(4 << 10))?;
    protect(db)
}

/// For connections that only read.
pub(super) fn set_up_reader(db: &Connection) -> Result<(), StoreError> {
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "query_only", true)?;
    db.pragma_update(None, "cache_size", -(8 << 10))?;
    protect(db)
}

/// For a connection that tries whether the file takes lines, and changes nothing, not even the journal mode.
pub(super) fn set_up_trial(db: &Connection) -> Result<(), StoreError> {
    db.busy_timeout(BUSY)?;
    protect(db)
}

fn protect(db: &Connection) -> Result<(), StoreError> {
    // Code that somebody put into the file must not run functions that reach beyond it.
    db.pragma_update(None, "trusted_schema", false)?;
    // Damaged pages are found when they are read, at no measurable cost.
    db.pragma_update(None, "cell_size_check", true)?;
    // Sorting must not leave a person's data in a temporary file.
    db.pragma_update(None, "temp_store", "memory")?;
    // With memory mapping, truncating the file would kill the process.
    db.pragma_update(None, "mmap_size", 0)?;
    Ok(())
}

/// Creates the tables of a new file, and upgrades those of an older version.
///
/// # Errors
/// Another database's file, or one of a newer version, is left alone.
pub(super) fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    let version = version(db)?;
    if version < MIGRATIONS.len() {
        // Another process may do the same: only the version read under the write lock counts.
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for migration in MIGRATIONS.iter().skip(self::version(&tx)?) {
            tx.execute_batch(migration)?;
        }
        tx.pragma_update(None, "application_id", APPLICATION)?;
        tx.pragma_update(None, "user_version", i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX))?;
        restore(&tx)?;
        tx.commit()?;
        return Ok(());
    }
    if !unexpected_objects(db)?.is_empty() || missing(db)?.next().is_some() {
        tracing::error!(
            target: "cpis_fhir::trail",
            "somebody removed, changed or added indexes or triggers in the trail's file: they are restored; run \
             `cpis-fhir audit verify`"
        );
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        restore(&tx)?;
        tx.commit()?;
    }
    Ok(())
}

/// The version of a file that is a trail, or empty (0).
///
/// # Errors
/// It is neither.
pub(super) fn version(db: &Connection) -> Result<usize, StoreError> {
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: usize = db.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).map(|version| {
        // A negative version is as unknown as a future one.
        usize::try_from(version).unwrap_or(usize::MAX)
    })?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, version) {
        (APPLICATION, 1..) if version > MIGRATIONS.len() => {
            Err(StoreError::new(StoreErrorKind::Other, "the file was written by a newer version of this program"))
        }
        (APPLICATION, 1..) => Ok(version),
        (0, 0) if tables == 0 => Ok(0),
        _ => Err(StoreError::new(StoreErrorKind::Other, "the file is not a trail of this program")),
    }
}

fn restore(db: &Connection) -> Result<(), StoreError> {
    for (kind, name) in unexpected_objects(db)? {
        db.execute_batch(&format!("DROP {kind} \"{}\"", name.replace('"', "\"\"")))?;
    }
    let missing: Vec<&str> = missing(db)?.collect();
    Ok(missing.into_iter().try_for_each(|sql| db.execute_batch(sql))?)
}

/// Indexes, triggers and views that are not as [`OBJECTS`] says: kind and name.
fn unexpected_objects(db: &Connection) -> Result<Vec<(String, String)>, StoreError> {
    let found = objects(db)?;
    Ok(found.into_iter().filter(|(_, name, sql)| !OBJECTS.contains(&(name, sql))).map(|(kind, name, _)| (kind, name)).collect())
}

/// The statements that create the objects that are not as [`OBJECTS`] says.
fn missing(db: &Connection) -> Result<impl Iterator<Item = &'static str>, StoreError> {
    let found = objects(db)?;
    let is_there = move |(name, sql): &(&str, &str)| found.iter().any(|(_, other, text)| other == name && text == sql);
    Ok(OBJECTS.iter().filter(move |object| !is_there(object)).map(|(_, sql)| *sql))
}

/// Everything in the file except statistics: kind, name and the SQL that created it.
pub(super) fn definitions(db: &Connection) -> Result<Vec<Definition>, StoreError> {
    let mut select = db.prepare(
        "SELECT coalesce(type, '') || ' ' || coalesce(name, ''), coalesce(tbl_name, '') || ': ' || coalesce(sql, '')
         FROM sqlite_schema WHERE NOT (type = 'table' AND name IN ('sqlite_stat1', 'sqlite_stat4'))",
    )?;
    let found = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// What [`definitions`] must be, as SQLite itself records it.
pub(super) fn meant() -> Result<Vec<Definition>, StoreError> {
    let db = Connection::open_in_memory()?;
    MIGRATIONS.iter().try_for_each(|migration| db.execute_batch(migration))?;
    OBJECTS.iter().try_for_each(|(_, sql)| db.execute_batch(sql))?;
    definitions(&db)
}

fn objects(db: &Connection) -> Result<Vec<(String, String, String)>, StoreError> {
    let mut select =
        db.prepare("SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE type <> 'table' AND name NOT LIKE 'sqlite_%'")?;
    let found = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}
