//! Converts a line to a row and back.

use super::error::malformed;
use crate::audit::{ChildIndex, KeyId, Line, Mac, StoreError, Tip};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

/// In the order of [`line`].
pub(super) const COLUMNS: &str = "seq, id, at, event, look, user_id, child, message_id, request_id, body, key_id, previous, mac";

pub(super) fn insert(db: &Connection, lines: &[Line]) -> Result<(), StoreError> {
    let sql = format!("INSERT INTO trail ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)");
    let mut insert = db.prepare_cached(&sql)?;
    for line in lines {
        let body = std::str::from_utf8(&line.body).map_err(|_| malformed())?;
        insert.execute(params![
            to_seq(line.seq)?,
            line.id.as_bytes().as_slice(),
            line.at.as_microsecond(),
            line.event,
            line.look.as_ref().map(|look| look.as_bytes().as_slice()),
            line.user_id,
            line.child.as_ref().map(|child| child.0.as_slice()),
            line.message_id,
            line.request_id,
            body,
            line.key.0.as_slice(),
            line.previous.0.as_slice(),
            line.mac.0.as_slice(),
        ])?;
    }
    Ok(())
}

/// A row of [`COLUMNS`].
pub(super) fn line(row: &Row<'_>) -> Result<Line, StoreError> {
    Ok(Line {
        seq: seq(row, 0)?,
        id: Uuid::from_bytes(bytes(row, 1)?),
        at: Timestamp::from_microsecond(row.get(2)?).map_err(|_| malformed())?,
        event: row.get(3)?,
        look: optional(row, 4)?.map(Uuid::from_bytes),
        user_id: row.get(5)?,
        child: optional(row, 6)?.map(ChildIndex),
        message_id: row.get(7)?,
        request_id: row.get(8)?,
        body: row.get_ref(9)?.as_str().map_err(|_| malformed())?.as_bytes().to_vec(),
        key: KeyId(bytes(row, 10)?),
        previous: Mac(bytes(row, 11)?),
        mac: Mac(bytes(row, 12)?),
    })
}

/// A row of a number and a MAC.
pub(super) fn tip_of(row: &Row<'_>) -> Result<Tip, StoreError> {
    Ok(Tip { seq: seq(row, 0)?, mac: Mac(bytes(row, 1)?) })
}

/// The end of the chain.
pub(super) fn tip(db: &Connection) -> Result<Tip, StoreError> {
    let last = one(db, "SELECT seq, mac FROM trail ORDER BY seq DESC LIMIT 1")?;
    let base = base(db)?;
    // Archived lines may still be here while they are removed.
    Ok(last.filter(|last| last.seq > base.seq).unwrap_or(base))
}

/// The last line that was moved to an archive.
pub(super) fn base(db: &Connection) -> Result<Tip, StoreError> {
    Ok(one(db, "SELECT last_seq, last_mac FROM archived ORDER BY last_seq DESC LIMIT 1")?.unwrap_or(Tip::NONE))
}

/// The MAC of the line of this number, if it is here.
pub(super) fn mac_of(db: &Connection, seq: u64) -> Result<Option<Mac>, StoreError> {
    let mut select = db.prepare_cached("SELECT seq, mac FROM trail WHERE seq = ?1")?;
    let found = select.query_row([to_seq(seq)?], |row| Ok(tip_of(row))).optional()?.transpose()?;
    Ok(found.map(|tip| tip.mac))
}

fn one(db: &Connection, sql: &str) -> Result<Option<Tip>, StoreError> {
    db.prepare_cached(sql)?.query_row([], |row| Ok(tip_of(row))).optional()?.transpose()
}

/// SQLite's numbers are signed.
pub(super) fn to_seq(seq: u64) -> Result<i64, StoreError> {
    i64::try_from(seq).map_err(|_| malformed())
}

pub(super) fn seq(row: &Row<'_>, at: usize) -> Result<u64, StoreError> {
    u64::try_from(row.get::<_, i64>(at)?).map_err(|_| malformed())
}

pub(super) fn bytes<const N: usize>(row: &Row<'_>, at: usize) -> Result<[u8; N], StoreError> {
    optional(row, at)?.ok_or_else(malformed)
}

fn optional<const N: usize>(row: &Row<'_>, at: usize) -> Result<Option<[u8; N]>, StoreError> {
    let bytes = row.get_ref(at)?.as_blob_or_null().map_err(|_| malformed())?;
    bytes.map(<[u8; N]>::try_from).transpose().map_err(|_| malformed())
}
