//! Reads and searches over its own connections, in parallel to the writers.

use super::Ends;
use super::definitions::{FOUND, Key, Values, definition, meant};
use super::fault::{damaged, fault};
use super::rows::{COLUMNS, Redacted, cell, line, nanoseconds, number, stored};
use super::session::{Session, within};
use super::store::{ends, ends_statement};
use super::target::Target;
use crate::audit::archive::Manifest;
use crate::audit::verify::compare;
use crate::audit::{Filter, Line, Reader, SearchFault, StoreError, StoreErrorKind, Tip};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

/// The reading side. Opens at most two connections, so that a long `verify` does not delay a search.
pub struct PostgresReader {
    target: Arc<Target>,
    sessions: [Mutex<Option<Session>>; 2],
}

/// Longer than what the server allows a statement.
const READ: Duration = Duration::from_secs(32);

impl PostgresReader {
    pub(super) fn new(target: Arc<Target>) -> Self {
        Self { target, sessions: Default::default() }
    }

    /// Asks once more over a new connection if an idle one has died.
    async fn query(&self, statement: &str, parameters: &[(Redacted<'_>, Type)]) -> Result<Vec<Row>, StoreError> {
        let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
            parameters.iter().map(|(value, kind)| (value as &(dyn ToSql + Sync), kind.clone())).collect();
        within(READ, async {
            let mut place = self.place().await;
            // Taken out: a connection that failed or was abandoned is not used again.
            if let Some(session) = place.take() {
                match session.query_typed(statement, &parameters).await.map_err(|error| fault(&error)) {
                    Err(error) if error.kind == StoreErrorKind::Gone => {}
                    Err(error) => return Err(error),
                    Ok(rows) => {
                        *place = Some(session);
                        return Ok(rows);
                    }
                }
            }
            let session = Session::to_read(&self.target).await?;
            let rows = session.query_typed(statement, &parameters).await.map_err(|error| fault(&error))?;
            *place = Some(session);
            Ok(rows)
        })
        .await
    }

    async fn place(&self) -> MutexGuard<'_, Option<Session>> {
        let [first, second] = &self.sessions;
        if let Ok(place) = first.try_lock() {
            return place;
        }
        tokio::select! { place = first.lock() => place, place = second.lock() => place }
    }

    async fn ends(&self) -> Result<Ends, StoreError> {
        let rows = self.query(&ends_statement(), &[(Redacted(&0_i64), Type::INT8)]).await?;
        let row = rows.first().ok_or_else(|| super::fault::other("the database gave no answer"))?;
        ends(row).map(|(ends, _)| ends)
    }
}

impl Reader for PostgresReader {
    fn tip(&self) -> BoxFuture<'_, Result<Tip, StoreError>> {
        Box::pin(async { Ok(self.ends().await?.tip) })
    }

    fn base(&self) -> BoxFuture<'_, Result<Tip, StoreError>> {
        Box::pin(async { Ok(self.ends().await?.base) })
    }

    fn archived(&self) -> BoxFuture<'_, Result<Vec<Manifest>, StoreError>> {
        Box::pin(async {
            let rows = self.query("SELECT last, last_mac, manifest FROM cpis_fhir.archived ORDER BY last", &[]).await?;
            rows.iter().map(manifest).collect()
        })
    }

    fn lines(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Line>, StoreError>> {
        Box::pin(async move {
            let statement = format!(
                "SELECT {COLUMNS} FROM cpis_fhir.trail WHERE seq > $1 \
                 AND seq > coalesce((SELECT max(last) FROM cpis_fhir.archived), 0) ORDER BY seq LIMIT $2"
            );
            let (after, limit) = (number(after)?, most(limit));
            let rows = self.query(&statement, &[(Redacted(&after), Type::INT8), (Redacted(&limit), Type::INT8)]).await?;
            rows.iter().map(line).collect()
        })
    }

    fn find<'a>(&'a self, wanted: &'a Filter, before: Option<u64>, limit: usize) -> BoxFuture<'a, Result<Vec<Line>, StoreError>> {
        Box::pin(async move {
            let (before, limit) = (before.map_or(Ok(i64::MAX), number)?, most(limit));
            let child: Vec<&[u8]> = wanted.child.iter().map(|child| child.0.as_slice()).collect();
            let texts = [&wanted.user_id, &wanted.message_id, &wanted.request_id].map(|text| text.as_deref().map(stored));
            let [user, message, request] = &texts;
            let (from, to) = (wanted.from.map(nanoseconds), wanted.to.map(nanoseconds));
            let parameters = [
                (Redacted(&before), Type::INT8),
                (Redacted(&limit), Type::INT8),
                (Redacted(&wanted.look), Type::UUID),
                (Redacted(message), Type::TEXT),
                (Redacted(request), Type::TEXT),
                (Redacted(&child), Type::BYTEA_ARRAY),
                (Redacted(user), Type::TEXT),
                (Redacted(&from), Type::INT8),
                (Redacted(&to), Type::INT8),
            ];
            self.query(&search(wanted), &parameters).await?.iter().map(line).collect()
        })
    }

    fn missed<'a>(&'a self, lines: &'a [Line]) -> BoxFuture<'a, Result<Vec<(u64, &'static str)>, StoreError>> {
        Box::pin(async move {
            let mut missed = Vec::new();
            for key in Key::all(lines)? {
                let (values, kind): (&(dyn ToSql + Sync), _) = match &key.values {
                    Values::Uuids(values) => (values, Type::UUID_ARRAY),
                    Values::Texts(values) => (values, Type::TEXT_ARRAY),
                    Values::Bytes(values) => (values, Type::BYTEA_ARRAY),
                    Values::Numbers(values) => (values, Type::INT8_ARRAY),
                };
                let rows =
                    self.query(&key.sql(), &[(Redacted(&key.numbers), Type::INT8_ARRAY), (Redacted(values), kind)]).await?;
                for row in &rows {
                    missed.push((cell::<i64>(row, 0)?.unsigned_abs(), key.column));
                }
            }
            Ok(missed)
        })
    }

    fn search_faults(&self) -> BoxFuture<'_, Result<Vec<SearchFault>, StoreError>> {
        Box::pin(async move {
            let rows = self.query(FOUND, &[]).await?;
            let found = rows.iter().map(definition).collect::<Result<_, _>>()?;
            Ok(compare(found, &meant()))
        })
    }
}

/// All conditions except the child; the parameters as in [`PostgresReader::find`].
const HOLDS: &str = "($3::uuid IS NULL OR look = $3) AND ($4::text IS NULL OR message_id = $4) \
    AND ($5::text IS NULL OR request_id = $5) AND ($7::text IS NULL OR user_id = $7) \
    AND ($8::bigint IS NULL OR at >= $8) AND ($9::bigint IS NULL OR at < $9)";
const HAS_CHILD: &str = "(cardinality($6::bytea[]) = 0 OR child = ANY($6))";

/// Searches by the most selective field, whose index also gives the order. The order begins with the field, although it has only
/// one value here, and the bound is a pair: so no other index fits, whatever the planner's statistics say.
fn search(wanted: &Filter) -> String {
    let by = |field: &str, value: &str, and: &str| {
        format!(
            "SELECT {COLUMNS} FROM cpis_fhir.trail WHERE ({field}, seq) < ({value}, $1) AND {field} >= {value} \
             AND {HOLDS} AND {and} \
             ORDER BY {field} DESC, seq DESC LIMIT $2"
        )
    };
    if wanted.look.is_some() {
        by("look", "$3", HAS_CHILD)
    } else if wanted.message_id.is_some() {
        by("left(message_id, 200)", "left($4, 200)", HAS_CHILD)
    } else if wanted.request_id.is_some() {
        by("left(request_id, 200)", "left($5, 200)", HAS_CHILD)
    } else if !wanted.child.is_empty() {
        // Only the pair here: a separate condition would make the planner walk a list of children in the index.
        let one = by("child", "key.child", "true");
        format!("SELECT line.* FROM unnest($6) AS key (child) CROSS JOIN LATERAL ({one}) AS line ORDER BY line.seq DESC LIMIT $2")
    } else if wanted.user_id.is_some() {
        by("left(user_id, 200)", "left($7, 200)", HAS_CHILD)
    } else if wanted.from.is_some() || wanted.to.is_some() {
        // Only from the index by time, as many as match; `+ 0` stops the planner from walking the whole trail backwards.
        format!(
            "SELECT {COLUMNS} FROM cpis_fhir.trail WHERE seq IN (SELECT seq FROM cpis_fhir.trail WHERE seq < $1 \
             AND at >= coalesce($8, {min}) AND at < coalesce($9, {max}) ORDER BY seq + 0 DESC LIMIT $2) ORDER BY seq DESC",
            min = i64::MIN,
            max = i64::MAX,
        )
    } else {
        format!("SELECT {COLUMNS} FROM cpis_fhir.trail WHERE seq < $1 ORDER BY seq DESC LIMIT $2")
    }
}

/// The other columns must agree with the manifest.
fn manifest(row: &Row) -> Result<Manifest, StoreError> {
    let malformed = || damaged("a note of an archive cannot be read");
    let text: &str = row.try_get(2).map_err(|error| fault(&error))?;
    let manifest: Manifest = text.parse().map_err(|_| malformed())?;
    let last: i64 = row.try_get(0).map_err(|error| fault(&error))?;
    let mac: &[u8] = row.try_get(1).map_err(|error| fault(&error))?;
    let end = manifest.ends_with();
    if number(end.seq)? == last && end.mac.0 == mac { Ok(manifest) } else { Err(malformed()) }
}

fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
