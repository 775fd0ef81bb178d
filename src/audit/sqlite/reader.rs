//! The reading side: its own connections, off the async threads.

use super::file::{self, Files, FilesState};
use super::{find, integrity, row, schema};
use crate::audit::archive::Manifest;
use crate::audit::{Filter, Line, Reader, SearchFault, StoreError, StoreErrorKind, Tip};
use futures_util::future::BoxFuture;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;

/// The trail in an SQLite file, for reading. Each call is one snapshot; none holds a transaction open between calls, so that the
/// write-ahead log can be emptied.
#[derive(Clone)]
pub struct SqliteReader {
    pool: Arc<Pool>,
    runtime: Handle,
}

struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<ReadConnection>>,
}

struct ReadConnection {
    db: Connection,
    files: Files,
}

/// Connections that are kept; more are opened for as long as they are needed.
const KEPT: usize = 4;

impl SqliteReader {
    /// Reads the file at `path` with blocking threads of `runtime`.
    ///
    /// # Errors
    /// The file cannot be opened, is not a trail, or is one of a newer version.
    pub fn open(path: &Path, runtime: Handle) -> Result<Self, StoreError> {
        let pool = Pool { path: file::place(path)?, idle: Mutex::default() };
        let open = pool.connect()?;
        pool.give_back(open);
        Ok(Self { pool: Arc::new(pool), runtime })
    }

    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let pool = Arc::clone(&self.pool);
        Box::pin(async move {
            let read = self.runtime.spawn_blocking(move || {
                let open = pool.take()?;
                let outcome = work(&open.db);
                if outcome.is_ok() {
                    pool.give_back(open);
                }
                outcome
            });
            read.await.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::Other, "the read was cancelled")))
        })
    }
}

impl Pool {
    /// A connection to the files at the path now.
    fn take(&self) -> Result<ReadConnection, StoreError> {
        while let Some(open) = self.pop() {
            if open.files.fate(&self.path)? == FilesState::Unchanged {
                return Ok(open);
            }
        }
        self.connect()
    }

    fn pop(&self) -> Option<ReadConnection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, open: ReadConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(open);
        }
    }

    fn connect(&self) -> Result<ReadConnection, StoreError> {
        let db = file::connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        schema::set_up_reader(&db)?;
        if schema::version(&db)? == 0 {
            return Err(StoreError::new(StoreErrorKind::Damaged, "the file is empty"));
        }
        let files = Files::at(&self.path)?;
        Ok(ReadConnection { db, files })
    }
}

impl Reader for SqliteReader {
    fn tip(&self) -> BoxFuture<'_, Result<Tip, StoreError>> {
        self.read(row::tip)
    }

    fn base(&self) -> BoxFuture<'_, Result<Tip, StoreError>> {
        self.read(row::base)
    }

    fn archived(&self) -> BoxFuture<'_, Result<Vec<Manifest>, StoreError>> {
        self.read(super::retire::archived)
    }

    fn lines(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Line>, StoreError>> {
        self.read(move |db| find::lines(db, after, limit))
    }

    fn find<'a>(&'a self, wanted: &'a Filter, before: Option<u64>, limit: usize) -> BoxFuture<'a, Result<Vec<Line>, StoreError>> {
        let wanted = wanted.clone();
        self.read(move |db| find::find(db, &wanted, before, limit))
    }

    fn missed<'a>(&'a self, lines: &'a [Line]) -> BoxFuture<'a, Result<Vec<(u64, &'static str)>, StoreError>> {
        let keys: Vec<find::Keys> = lines.iter().map(find::Keys::of).collect();
        self.read(move |db| find::missed(db, &keys))
    }

    fn search_faults(&self) -> BoxFuture<'_, Result<Vec<SearchFault>, StoreError>> {
        self.read(integrity::search_faults)
    }
}
