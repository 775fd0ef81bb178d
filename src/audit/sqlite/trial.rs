//! Whether the file takes lines: tried in a transaction that is rolled back, whether or not a service runs.

use super::{file, schema};
use crate::audit::{StoreError, StoreErrorKind, folder};
use rusqlite::{OpenFlags, TransactionBehavior};
use std::io::ErrorKind;
use std::path::Path;

/// The result of the trial, which leaves nothing in the file and creates none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::audit) enum Trial {
    /// There is no trail yet, and one can be created.
    NotYet,
    Takes,
    /// Another process wrote all the time.
    Busy,
}

/// # Errors
/// Why no line could be written; also if the file is not a trail.
pub(in crate::audit) fn try_to_write(path: &Path) -> Result<Trial, StoreError> {
    if path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return takes_files(folder::of(path)).map(|()| Trial::NotYet);
    }
    let path = file::place(path)?;
    // SQLite keeps its log next to the file.
    takes_files(folder::of(&path))?;
    let mut db = file::connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    schema::set_up_trial(&db)?;
    let version = match schema::version(&db) {
        Err(error) if error.kind == StoreErrorKind::Locked => return Ok(Trial::Busy),
        version => version?,
    };
    let tx = match db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from) {
        Err(error) if error.kind == StoreErrorKind::Locked => return Ok(Trial::Busy),
        begun => begun?,
    };
    // Writes what is already there.
    tx.pragma_update(None, "user_version", i64::try_from(version).unwrap_or_default())?;
    tx.rollback()?;
    Ok(if version == 0 { Trial::NotYet } else { Trial::Takes })
}

fn takes_files(folder: &Path) -> Result<(), StoreError> {
    folder::takes_files(folder)
        .map_err(|error| file::io_error(&error, &format!("no file can be written in the folder {}", folder.display())))
}
