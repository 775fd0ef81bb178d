//! Converts SQLite's errors. SQLite's own messages may quote what was being written, so only the fixed text of the code is kept.

use crate::audit::{StoreError, StoreErrorKind};
use rusqlite::{Error, ErrorCode, ffi};

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match &error {
            Error::SqliteFailure(failure, _) => {
                Self::new(kind(failure.code, failure.extended_code), ffi::code_to_str(failure.extended_code))
            }
            // A value does not have the form in which lines are written.
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..) => malformed(),
            _ => Self::new(StoreErrorKind::Other, "SQLite refused the call"),
        }
    }
}

fn kind(code: ErrorCode, extended: i32) -> StoreErrorKind {
    match code {
        ErrorCode::DiskFull => StoreErrorKind::Full,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => StoreErrorKind::Locked,
        ErrorCode::ReadOnly if extended == ffi::SQLITE_READONLY_DBMOVED => StoreErrorKind::Gone,
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => StoreErrorKind::ReadOnly,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreErrorKind::Damaged,
        ErrorCode::SystemIoFailure => match extended {
            // Pages are missing from the file.
            ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_CORRUPTFS | ffi::SQLITE_IOERR_DATA => StoreErrorKind::Damaged,
            _ => StoreErrorKind::Other,
        },
        _ => StoreErrorKind::Other,
    }
}

pub(super) fn malformed() -> StoreError {
    StoreError::new(StoreErrorKind::Damaged, "a row does not have the form it was written in")
}
