//! What a database error means. It must contain nothing of an entry: DETAIL and the messages of some classes hold values, so only
//! messages of classes without data are repeated.

use crate::audit::{StoreError, StoreErrorKind};
use std::error::Error as _;
use tokio_postgres::error::DbError;

/// The store's error for one of the client's.
pub(super) fn fault(error: &tokio_postgres::Error) -> StoreError {
    if let Some(db) = error.as_db_error() {
        return StoreError::new(kind(db.code().code()), words(db));
    }
    let mut detail = error.to_string();
    let mut source = error.source();
    let mut kind = if error.is_closed() { StoreErrorKind::Gone } else { StoreErrorKind::Other };
    while let Some(cause) = source {
        detail = format!("{detail}: {cause}");
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            // The client's error for a server that takes no writes (`target_session_attrs`).
            let is_read_only = io.kind() == std::io::ErrorKind::PermissionDenied && io.raw_os_error().is_none();
            kind = if is_read_only { StoreErrorKind::ReadOnly } else { StoreErrorKind::Gone };
        }
        source = cause.source();
    }
    StoreError::new(kind, detail)
}

pub(super) fn other(detail: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Other, detail)
}

pub(super) fn damaged(detail: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Damaged, detail)
}

/// By SQLSTATE (PostgreSQL, appendix A).
fn kind(state: &str) -> StoreErrorKind {
    match state {
        "53100" => StoreErrorKind::Full,
        "55P03" | "40P01" => StoreErrorKind::Locked,
        "57014" | "25P03" | "25P04" => StoreErrorKind::Slow,
        "25006" | "42501" => StoreErrorKind::ReadOnly,
        // I/O error, a file that is not there, data or index corrupted
        "58030" | "58P01" | "XX001" | "XX002" => StoreErrorKind::Damaged,
        // too many connections, shutdown, crash, starting up, no such database any more, idle for too long
        "53300" | "57P01" | "57P02" | "57P03" | "57P04" | "57P05" => StoreErrorKind::Gone,
        _ if state.starts_with("08") => StoreErrorKind::Gone,
        _ => StoreErrorKind::Other,
    }
}

/// SQLSTATE, and the message if its class contains nothing of a row: connection, authorisation, resources, operator, system.
fn words(error: &DbError) -> String {
    let state = error.code().code();
    let is_without_data = ["08", "25", "28", "3D", "53", "55", "57", "58"].iter().any(|class| state.starts_with(class));
    if is_without_data || matches!(state, "42501" | "XX001" | "XX002") {
        return format!("{} (SQLSTATE {state})", error.message());
    }
    match (error.table(), error.constraint()) {
        (Some(table), Some(constraint)) => format!("SQLSTATE {state}, table {table}, constraint {constraint}"),
        _ => format!("SQLSTATE {state}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_the_kind_that_an_operator_can_act_on() {
        for (state, wanted) in [
            ("53100", StoreErrorKind::Full),
            ("55P03", StoreErrorKind::Locked),
            ("57014", StoreErrorKind::Slow),
            ("25006", StoreErrorKind::ReadOnly),
            ("42501", StoreErrorKind::ReadOnly),
            ("08006", StoreErrorKind::Gone),
            ("57P01", StoreErrorKind::Gone),
            ("57P03", StoreErrorKind::Gone),
            ("53300", StoreErrorKind::Gone),
            ("XX001", StoreErrorKind::Damaged),
            ("XX002", StoreErrorKind::Damaged),
            ("58030", StoreErrorKind::Damaged),
            ("23505", StoreErrorKind::Other),
            ("28P01", StoreErrorKind::Other),
        ] {
            assert_eq!(kind(state), wanted, "{state}");
        }
    }
}
