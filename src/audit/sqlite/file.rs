//! The trail's file: which one it is, whether it is still there, and that only one service at a time has it.

use crate::audit::{StoreError, StoreErrorKind};
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The files that a connection was opened on: the database and its write-ahead log. SQLite continues to write to a file that was
/// deleted or replaced, and would report that as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Files {
    database: FileId,
    log: Option<FileId>,
}

/// Device and inode.
type FileId = (u64, u64);

/// What became of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FilesState {
    Unchanged,
    /// Only the log was deleted: its content is still open here.
    LogGone,
    Gone,
}

impl Files {
    /// The files at `path` now. The log exists from the first read of a connection until the last connection closes.
    pub(super) fn at(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { database: id(path)?.ok_or_else(gone)?, log: id(&log_of(path))? })
    }

    pub(super) fn fate(&self, path: &Path) -> Result<FilesState, StoreError> {
        if id(path)? != Some(self.database) {
            return Ok(FilesState::Gone);
        }
        Ok(if id(&log_of(path))? == self.log { FilesState::Unchanged } else { FilesState::LogGone })
    }
}

pub(super) fn gone() -> StoreError {
    StoreError::new(StoreErrorKind::Gone, "the file was deleted, moved or replaced")
}

pub(super) fn log_of(path: &Path) -> PathBuf {
    with_suffix(path, "-wal")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn id(path: &Path) -> Result<Option<FileId>, StoreError> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(id_of(&metadata))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(StoreError::new(StoreErrorKind::Other, format!("the state of the file cannot be read: {}", error.kind())))
        }
    }
}

#[cfg(unix)]
fn id_of(metadata: &Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

/// On other systems an open file can be neither deleted nor replaced.
#[cfg(not(unix))]
fn id_of(_: &Metadata) -> FileId {
    (0, 0)
}

/// Creates an empty file that only its owner may read, unless it exists. Returns its [`place`].
///
/// Never opens a file that SQLite has open in this process: closing it would release SQLite's locks.
pub(super) fn create(path: &Path) -> Result<PathBuf, StoreError> {
    match private().create_new(true).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(io_error(&error, "the file cannot be made")),
        Ok(_) | Err(_) => place(path),
    }
}

/// The file's real path: SQLite keeps its log next to it, and one file under two names is one trail.
pub(super) fn place(path: &Path) -> Result<PathBuf, StoreError> {
    std::fs::canonicalize(path).map_err(|error| io_error(&error, "the file cannot be found"))
}

/// Options to write a file that only its owner may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens a connection on a file that exists.
pub(super) fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    if id(path)?.is_none() {
        return Err(gone());
    }
    // A path that looks like a URI is still a path. A connection is used by one thread at a time, so it needs no mutex.
    Ok(Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?)
}

/// Held by the one service that uses a store; released when the process ends, however it ends.
///
/// Two writers are safe: each reads the chain's end inside its transaction, and commands do write while a service runs. But two
/// services on one file would share looks separately: one look, two notifications.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code)] File);

impl Lock {
    /// Locks `<store>.lock`, a separate file next to the store, created if missing.
    ///
    /// # Errors
    /// [`StoreErrorKind::Locked`] when another process has it.
    pub fn take(store: &Path) -> Result<Self, StoreError> {
        let path = with_suffix(&create(store)?, ".lock");
        let file =
            private().create(true).truncate(false).open(path).map_err(|error| io_error(&error, "the lock cannot be made"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::new(StoreErrorKind::Locked, "another service has the trail open; each needs a trail of its own"))
            }
            Err(TryLockError::Error(error)) => Err(io_error(&error, "the lock cannot be taken")),
        }
    }
}

pub(super) fn io_error(error: &std::io::Error, what: &str) -> StoreError {
    let kind = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreErrorKind::ReadOnly,
        ErrorKind::NotFound => StoreErrorKind::Gone,
        _ => StoreErrorKind::Other,
    };
    StoreError::new(kind, format!("{what}: {}", error.kind()))
}
