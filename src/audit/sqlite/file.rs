//! Which file the trail is in, whether it is still there, and that one service at a time has it.

use crate::audit::{StoreError, StoreErrorKind};
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The files that a connection was opened on: the database and its write-ahead log. SQLite goes on writing into a file that
/// was deleted or replaced, and would call that durable.
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
    /// Only the log was deleted: what it holds is still open here.
    LogGone,
    Gone,
}

impl Files {
    /// Those that stand at `path` now. The log is there from the first read of a connection until the last one closes.
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
        Err(error) => Err(StoreError::new(StoreErrorKind::Other, format!("the file cannot be looked at: {}", error.kind()))),
    }
}

#[cfg(unix)]
fn id_of(metadata: &Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

/// Elsewhere an open file can be neither deleted nor replaced.
#[cfg(not(unix))]
fn id_of(_: &Metadata) -> FileId {
    (0, 0)
}

/// Makes an empty file that only its owner may read, unless there is one. Gives its [`place`].
///
/// A file that SQLite has open in this process is never opened here: closing it again would take SQLite's locks away.
pub(super) fn create(path: &Path) -> Result<PathBuf, StoreError> {
    match private().create_new(true).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(io_error(&error, "the file cannot be made")),
        Ok(_) | Err(_) => place(path),
    }
}

/// Where the file really is: SQLite keeps its log beside that, and one file under two names is one trail.
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
    // A path is a path, also one that looks like a URI. One connection is in one thread at a time, so it needs no mutex.
    Ok(Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?)
}

/// Held by the one service that serves from a store; given back when the process ends, however it ends.
///
/// Two writers would each read the chain's end inside their transaction and harm nothing, and the commands do write beside a
/// service. But two services on one file would each share looks on their own: one look, two notifications.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code)] File);

impl Lock {
    /// Takes `<store>.lock`, a file of its own, beside the store, which is made where there is none.
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
