//! Whether the file is as this program made it: its definitions, and every page and index (decisions.md 65).
//!
//! Somebody with the file can build an index without some lines and restore its old text. So the text is compared here, and
//! SQLite checks that each row is in each index.

use super::schema;
use crate::audit::verify::compare;
use crate::audit::{SearchFault, StoreError, StoreErrorKind};
use rusqlite::Connection;

/// Findings that SQLite lists.
const LISTED: usize = 20;

pub(super) fn search_faults(db: &Connection) -> Result<Vec<SearchFault>, StoreError> {
    let mut faults = compare(schema::definitions(db)?, &schema::meant()?);
    match findings(db) {
        Ok(findings) => faults.extend(findings.into_iter().map(SearchFault::Damaged)),
        Err(error) if error.kind == StoreErrorKind::Damaged => faults.push(SearchFault::Damaged(error.detail)),
        Err(error) => return Err(error),
    }
    Ok(faults)
}

/// SQLite's own: pages, tables and indexes by name and number, never a value.
fn findings(db: &Connection) -> Result<Vec<String>, StoreError> {
    let mut check = db.prepare(&format!("PRAGMA integrity_check({LISTED})"))?;
    let found = check.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(found.into_iter().filter(|finding| finding != "ok").collect())
}
