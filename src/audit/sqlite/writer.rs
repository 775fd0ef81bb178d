//! The writing side: one connection, one transaction for all who wait.

use super::file::{self, Files, FilesState};
use super::{Lock, room, row, schema};
use crate::audit::{Chain, Draft, Line, Room, Store, StoreError, StoreErrorKind, Tip};
use futures_util::future::BoxFuture;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::path::{Path, PathBuf};

/// The trail in an SQLite file, for writing.
pub struct SqliteStore {
    path: PathBuf,
    /// `None` after a failure that a new connection may end.
    open: Option<WriteConnection>,
    /// The last line that is known to be durable: a file without it is not this trail.
    known: Tip,
    _lock: Option<Lock>,
}

struct WriteConnection {
    db: Connection,
    files: Files,
}

const WRITE: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE;

impl SqliteStore {
    /// Opens the file, creates it if missing, and upgrades it. A service takes the `lock` first; a command that writes while a
    /// service runs has none.
    ///
    /// # Errors
    /// The file cannot be opened, is not a trail, or is one of a newer version.
    pub fn open(path: &Path, lock: Option<Lock>) -> Result<Self, StoreError> {
        let path = file::create(path)?;
        let mut open = WriteConnection::at(&path)?;
        schema::migrate(&mut open.db)?;
        let known = row::tip(&open.db)?;
        Ok(Self { path, open: Some(open), known, _lock: lock })
    }

    fn append_now(&mut self, drafts: &[Draft], chain: &Chain) -> Result<Tip, StoreError> {
        let appended = self.try_append(drafts, chain);
        match &appended {
            Ok(tip) => self.known = *tip,
            // After these errors the connection still works; after others a new one may be needed.
            Err(error) if matches!(error.kind, StoreErrorKind::Locked | StoreErrorKind::Full) => {}
            Err(_) => self.open = None,
        }
        appended
    }

    fn try_append(&mut self, drafts: &[Draft], chain: &Chain) -> Result<Tip, StoreError> {
        let known = self.known;
        let path = self.path.clone();
        let open = self.opened()?;
        let tx = open.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        check_known(&tx, known)?;
        let tip = row::tip(&tx)?;
        let lines = link(&tx, drafts, chain, tip)?;
        row::insert(&tx, &lines)?;
        tx.commit()?;
        // A commit to a file that vanished meanwhile is not durable.
        match open.files.fate(&path)? {
            FilesState::Unchanged => Ok(lines.last().map_or(tip, |line| Tip { seq: line.seq, mac: line.mac })),
            FilesState::LogGone | FilesState::Gone => Err(file::gone()),
        }
    }

    /// The connection to the file at the path now.
    fn opened(&mut self) -> Result<&mut WriteConnection, StoreError> {
        if let Some(open) = &self.open {
            match open.files.fate(&self.path)? {
                FilesState::Unchanged => {}
                FilesState::LogGone => {
                    // Its content is still open here and is moved into the database.
                    let is_busy: bool = open.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
                    if is_busy {
                        return Err(StoreError::new(
                            StoreErrorKind::Locked,
                            "the write-ahead log was deleted and is being saved",
                        ));
                    }
                    self.open = None;
                }
                FilesState::Gone => self.open = None,
            }
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => WriteConnection::again(&self.path)?,
        };
        Ok(self.open.insert(open))
    }
}

impl WriteConnection {
    fn at(path: &Path) -> Result<Self, StoreError> {
        let db = file::connect(path, WRITE)?;
        schema::set_up_writer(&db)?;
        // The log exists from the first read on.
        schema::version(&db)?;
        Ok(Self { db, files: Files::at(path)? })
    }

    /// A file that replaces the trail while the service runs must already be the trail: nothing is created.
    fn again(path: &Path) -> Result<Self, StoreError> {
        let open = Self::at(path)?;
        if schema::version(&open.db)? == 0 {
            return Err(StoreError::new(StoreErrorKind::Damaged, "the file is empty, although the trail was not"));
        }
        Ok(open)
    }
}

/// Whether the last line that this process wrote, or found at its start, is still there.
fn check_known(db: &Connection, known: Tip) -> Result<(), StoreError> {
    if known.seq <= row::base(db)?.seq || row::mac_of(db, known.seq)? == Some(known.mac) {
        return Ok(());
    }
    Err(StoreError::new(
        StoreErrorKind::Damaged,
        "lines that were written are missing; restore the file, or start again and run `cpis-fhir audit verify`",
    ))
}

/// The drafts as lines, without those that an earlier attempt has written already.
fn link(db: &Connection, drafts: &[Draft], chain: &Chain, tip: Tip) -> Result<Vec<Line>, StoreError> {
    let mut is_there = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM trail WHERE id = ?1)")?;
    let mut new = Vec::with_capacity(drafts.len());
    for draft in drafts {
        if !draft.again || !is_there.query_row([draft.id.as_bytes().as_slice()], |row| row.get(0))? {
            new.push(draft);
        }
    }
    Ok(chain.link(tip, &new))
}

impl Store for SqliteStore {
    /// Blocks: the trail's writer has its own thread.
    fn append<'a>(&'a mut self, drafts: &'a [Draft], chain: &'a Chain) -> BoxFuture<'a, Result<Tip, StoreError>> {
        Box::pin(async move { self.append_now(drafts, chain) })
    }

    fn room(&self) -> Room {
        let path = self.path.clone();
        Box::new(move || room::left(&path))
    }

    /// The write-ahead log goes into the file, so that a copy of the file alone is the trail. A reader may prevent that, which
    /// loses nothing.
    fn settle(&mut self) {
        let Some(open) = &self.open else { return };
        if let Err(error) = open.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::warn!(target: "cpis_fhir::trail", error = %StoreError::from(error), "the write-ahead log stays next to the file");
        }
    }
}

#[cfg(test)]
impl SqliteStore {
    pub(super) fn connection(&self) -> &Connection {
        &self.open.as_ref().unwrap().db
    }

    /// As on a file system that was remounted read-only.
    pub(super) fn make_read_only(&mut self) {
        let db = file::connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        schema::version(&db).unwrap();
        self.open = Some(WriteConnection { db, files: Files::at(&self.path).unwrap() });
    }
}
