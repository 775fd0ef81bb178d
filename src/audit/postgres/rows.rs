//! Lines as rows of `cpis_fhir.trail`, and back.

use super::fault::{damaged, fault};
use crate::audit::{ChildIndex, KeyId, Line, Mac, StoreError};
use bytes::BytesMut;
use jiff::Timestamp;
use std::borrow::Cow;
use std::error::Error;
use tokio_postgres::Row;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

/// In the order of [`INSERT`] and of [`line`].
pub(super) const COLUMNS: &str = "seq, id, at, event, look, user_id, child, message_id, request_id, body, key, previous, mac";

/// All lines of a transaction in one statement: an array for each column.
pub(super) const INSERT: &str = "INSERT INTO cpis_fhir.trail \
    (seq, id, at, event, look, user_id, child, message_id, request_id, body, key, previous, mac) \
    SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::text[], $5::uuid[], $6::text[], $7::bytea[], \
    $8::text[], $9::text[], $10::bytea[], $11::bytea[], $12::bytea[], $13::bytea[])";

/// The columns of [`INSERT`].
#[derive(Default)]
pub(super) struct Columns<'a> {
    seq: Vec<i64>,
    id: Vec<Uuid>,
    at: Vec<i64>,
    event: Vec<&'a str>,
    look: Vec<Option<Uuid>>,
    user_id: Vec<Option<Cow<'a, str>>>,
    child: Vec<Option<&'a [u8]>>,
    message_id: Vec<Option<Cow<'a, str>>>,
    request_id: Vec<Option<Cow<'a, str>>>,
    body: Vec<&'a [u8]>,
    key: Vec<&'a [u8]>,
    previous: Vec<&'a [u8]>,
    mac: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    /// # Errors
    /// `Damaged` for a sequence number that no trail reaches.
    pub(super) fn of(lines: &'a [Line]) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for line in lines {
            columns.seq.push(number(line.seq)?);
            columns.id.push(line.id);
            columns.at.push(nanoseconds(line.at));
            columns.event.push(&line.event);
            columns.look.push(line.look);
            columns.user_id.push(line.user_id.as_deref().map(stored));
            columns.child.push(line.child.as_ref().map(|child| child.0.as_slice()));
            columns.message_id.push(line.message_id.as_deref().map(stored));
            columns.request_id.push(line.request_id.as_deref().map(stored));
            columns.body.push(&line.body);
            columns.key.push(&line.key.0);
            columns.previous.push(&line.previous.0);
            columns.mac.push(&line.mac.0);
        }
        Ok(columns)
    }

    pub(super) fn parameters(&self) -> [Redacted<'_>; 13] {
        [
            Redacted(&self.seq),
            Redacted(&self.id),
            Redacted(&self.at),
            Redacted(&self.event),
            Redacted(&self.look),
            Redacted(&self.user_id),
            Redacted(&self.child),
            Redacted(&self.message_id),
            Redacted(&self.request_id),
            Redacted(&self.body),
            Redacted(&self.key),
            Redacted(&self.previous),
            Redacted(&self.mac),
        ]
    }
}

/// A parameter of a statement.
pub(super) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// A parameter that `Debug` does not show: the client writes parameters to its debug log.
pub(super) struct Redacted<'a>(pub Parameter<'a>);

impl std::fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(..)")
    }
}

impl ToSql for Redacted<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        // Checks the type too: `accepts` cannot, since it does not know the value.
        self.0.to_sql_checked(kind, out)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The line of a row whose first columns are [`COLUMNS`].
///
/// # Errors
/// `Damaged` when it has an invalid form.
pub(super) fn line(row: &Row) -> Result<Line, StoreError> {
    let seq = cell::<i64>(row, 0)?;
    let odd = || damaged(format!("line {seq} has an invalid form"));
    let nanos: i64 = cell(row, 2)?;
    let texts = |at: usize| Ok::<_, StoreError>(cell::<Option<String>>(row, at)?.map(restored));
    let child = match cell::<Option<&[u8]>>(row, 6)? {
        None => None,
        Some(bytes) => Some(ChildIndex(bytes.try_into().map_err(|_| odd())?)),
    };
    Ok(Line {
        seq: u64::try_from(seq).map_err(|_| odd())?,
        id: cell(row, 1)?,
        at: Timestamp::from_nanosecond(i128::from(nanos)).map_err(|_| odd())?,
        event: cell(row, 3)?,
        look: cell(row, 4)?,
        user_id: texts(5)?,
        child,
        message_id: texts(7)?,
        request_id: texts(8)?,
        body: cell(row, 9)?,
        key: KeyId(cell::<&[u8]>(row, 10)?.try_into().map_err(|_| odd())?),
        previous: mac(row, 11)?,
        mac: mac(row, 12)?,
    })
}

/// # Errors
/// `Damaged` when the column holds no MAC.
pub(super) fn mac(row: &Row, at: usize) -> Result<Mac, StoreError> {
    cell::<&[u8]>(row, at)?.try_into().map(Mac).map_err(|_| damaged("a MAC has the wrong length"))
}

pub(super) fn cell<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, StoreError> {
    row.try_get(at).map_err(|error| fault(&error))
}

/// # Errors
/// `Damaged`: a number that is too large.
pub(super) fn number(seq: u64) -> Result<i64, StoreError> {
    i64::try_from(seq).map_err(|_| damaged("a sequence number is too large"))
}

/// Exact until 2262.
pub(super) fn nanoseconds(at: Timestamp) -> i64 {
    let nanos = at.as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// Marks a text that is written with escapes.
const ESCAPED: char = '\u{1}';

/// A text as a column can hold it. PostgreSQL's texts cannot hold NUL, but a user id from a token may: it would fail the
/// transaction for all.
pub(super) fn stored(text: &str) -> Cow<'_, str> {
    if !text.contains('\0') && !text.starts_with(ESCAPED) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::from(ESCAPED);
    for part in text.chars() {
        match part {
            '\0' => escaped.push_str("\\0"),
            '\\' => escaped.push_str("\\\\"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// Reverses [`stored`].
fn restored(text: String) -> String {
    let Some(escaped) = text.strip_prefix(ESCAPED) else { return text };
    let mut plain = String::with_capacity(escaped.len());
    let mut parts = escaped.chars();
    while let Some(part) = parts.next() {
        match part {
            '\\' => plain.push(if parts.next() == Some('0') { '\0' } else { '\\' }),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_text_comes_back_as_it_was_and_goes_in_without_nul(text in "[\\x00\\x01\\\\0a-c\u{e9}]{0,12}") {
            let stored = stored(&text).into_owned();
            prop_assert!(!stored.contains('\0'));
            prop_assert_eq!(restored(stored), text);
        }
    }

    #[test]
    fn a_usual_text_is_stored_as_it_is() {
        assert_eq!(stored(r"DOMAIN\user"), r"DOMAIN\user");
    }

    #[test]
    fn a_parameter_does_not_show_itself() {
        assert_eq!(format!("{:?}", [Redacted(&"9990000018")]), "[(..)]");
    }

    #[test]
    fn times_are_exact_to_the_nanosecond() {
        let at: Timestamp = "2026-03-29T00:59:59.123456789Z".parse().unwrap();
        assert_eq!(Timestamp::from_nanosecond(i128::from(nanoseconds(at))).unwrap(), at);
    }
}
