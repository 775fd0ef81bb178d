//! One append, one transaction, two round trips.
//!
//! Writers take turns by a transaction-level advisory lock: the server releases it with the transaction, however that ends; it
//! needs no right to UPDATE and writes nothing. If somebody writes without it, the primary key still lets only one line have a
//! number: the other transaction fails as a whole. The server ends the session of a replica that hangs while it holds the lock
//! (`idle_in_transaction_session_timeout`).

use super::Ends;
use super::fault::{damaged, fault, other};
use super::rows::{COLUMNS, Columns, INSERT, Parameter, Redacted, cell, line, mac, number};
use super::session::{Session, within};
use super::target::Target;
use crate::audit::{Chain, ChainFault, Draft, Line, Mac, Store, StoreError, StoreErrorKind, Tip};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::join;
use tokio_postgres::{Row, Statement};
use uuid::Uuid;

/// The writing side of one replica. Connects when needed, and again after any failure.
pub struct PostgresStore {
    target: Arc<Target>,
    open: Option<WriteSession>,
    /// The last tip that was committed here. The database's may be ahead (other replicas), never behind.
    known: Option<Tip>,
    has_told_of_key: bool,
}

/// A connection and its prepared statements.
struct WriteSession {
    session: Session,
    lock: Statement,
    ends: Statement,
    there: Statement,
    insert: Statement,
}

/// The state of the database, read under the lock.
struct DatabaseState {
    ends: Ends,
    tip_line: Option<Line>,
    /// The MAC of the line with the number of the last tip known here.
    known_mac: Option<Mac>,
    /// Drafts that an earlier attempt did write.
    there: Vec<Uuid>,
}

/// Longer than the server's limit for a statement: its own error says more than our timeout.
const APPEND: Duration = Duration::from_secs(8);

/// `pg_advisory_xact_lock`: ours among all of the database's.
const LOCK: &str = "SELECT pg_advisory_xact_lock($1)";
pub(super) const LOCK_KEY: i64 = i64::from_be_bytes(*b"cpistrai");

/// READ COMMITTED: what is read after the lock must be newer than the wait for it.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

const THERE: &str = "SELECT id FROM cpis_fhir.trail WHERE id = ANY($1)";

/// One row: the last line, if any; its MAC at `$1`; the end of the archive, if any; how commits are synced.
pub(super) fn ends_statement() -> String {
    format!(
        "SELECT t.*, (SELECT mac FROM cpis_fhir.trail WHERE seq = $1) AS known, a.last, a.last_mac, \
         current_setting('synchronous_commit') IN ('on', 'remote_apply') AS synced \
         FROM (VALUES (1)) AS one (row) \
         LEFT JOIN (SELECT {COLUMNS} FROM cpis_fhir.trail ORDER BY seq DESC LIMIT 1) AS t ON true \
         LEFT JOIN (SELECT last, last_mac FROM cpis_fhir.archived ORDER BY last DESC LIMIT 1) AS a ON true"
    )
}
const KNOWN: usize = 13;
const ARCHIVED: usize = 14;
const ARCHIVED_MAC: usize = 15;
const SYNCED: usize = 16;

/// The ends, and the last line, from the row of [`ends_statement`].
pub(super) fn ends(row: &Row) -> Result<(Ends, Option<Line>), StoreError> {
    let base = match cell::<Option<i64>>(row, ARCHIVED)? {
        None => Tip::NONE,
        Some(last) => Tip { seq: u64::try_from(last).unwrap_or_default(), mac: mac(row, ARCHIVED_MAC)? },
    };
    let last = if cell::<Option<i64>>(row, 0)?.is_some() { Some(line(row)?) } else { None };
    let tip = last.as_ref().map_or(base, |line| Tip { seq: line.seq, mac: line.mac });
    Ok((Ends { tip, base }, last))
}

impl PostgresStore {
    pub(super) fn new(target: Arc<Target>) -> Self {
        Self { target, open: None, known: None, has_told_of_key: false }
    }

    /// Connects now, unless it is connected.
    pub(in crate::audit) async fn open(&mut self) -> Result<(), StoreError> {
        if self.open.is_none() {
            self.open = Some(WriteSession::new(&self.target).await?);
        }
        Ok(())
    }

    async fn append_now(&mut self, drafts: &[Draft], chain: &Chain) -> Result<Tip, StoreError> {
        let again: Vec<Uuid> = drafts.iter().filter(|draft| draft.again).map(|draft| draft.id).collect();
        // Taken out: if anything fails or is abandoned, the connection is dropped, and its transaction with it.
        let (open, before) = match self.open.take() {
            None => self.begin(&again).await?,
            Some(open) => match open.begin(self.known, &again).await {
                Ok(before) => (open, before),
                // The connection died unnoticed. Nothing was written yet.
                Err(error) if error.kind == StoreErrorKind::Gone => {
                    drop(open);
                    self.begin(&again).await?
                }
                Err(error) => return Err(error),
            },
        };
        self.check(&before, chain)?;
        let new: Vec<&Draft> = drafts.iter().filter(|draft| !(draft.again && before.there.contains(&draft.id))).collect();
        let lines = chain.link(before.ends.tip, &new);
        open.commit(&lines).await?;
        let tip = lines.last().map_or(before.ends.tip, |line| Tip { seq: line.seq, mac: line.mac });
        self.known = Some(tip);
        self.open = Some(open);
        Ok(tip)
    }

    async fn begin(&self, again: &[Uuid]) -> Result<(WriteSession, DatabaseState), StoreError> {
        let open = WriteSession::new(&self.target).await?;
        let before = open.begin(self.known, again).await?;
        Ok((open, before))
    }

    /// Whether the chain there may be continued: it still has what was committed here, and its last line is written with a known
    /// key.
    fn check(&mut self, before: &DatabaseState, chain: &Chain) -> Result<(), StoreError> {
        let Ends { tip, base } = before.ends;
        if let Some(known) = self.known {
            let is_archived = known.seq <= base.seq && before.known_mac.is_none();
            if known.seq > tip.seq || (known.seq > 0 && !is_archived && before.known_mac != Some(known.mac)) {
                let found = tip.seq;
                return Err(damaged(format!(
                    "line {} that was committed is not in the database, whose last is {found}: an older copy?",
                    known.seq
                )));
            }
        }
        if self.known == Some(tip) {
            return Ok(());
        }
        match before.tip_line.as_ref().map(|line| chain.check_alone(line)) {
            Some(Err(ChainFault::UnknownKey)) => {
                if !std::mem::replace(&mut self.has_told_of_key, true) {
                    tracing::warn!(
                        target: "cpis_fhir::trail",
                        line = tip.seq,
                        "another replica writes with a chain key that this one does not have; give every replica all keys"
                    );
                }
                Ok(())
            }
            Some(Err(error)) => Err(damaged(format!("line {}, the last: {error}", tip.seq))),
            None | Some(Ok(_)) => Ok(()),
        }
    }
}

impl Store for PostgresStore {
    fn append<'a>(&'a mut self, drafts: &'a [Draft], chain: &'a Chain) -> BoxFuture<'a, Result<Tip, StoreError>> {
        Box::pin(within(APPEND, self.append_now(drafts, chain)))
    }
}

impl WriteSession {
    async fn new(target: &Target) -> Result<Self, StoreError> {
        let session = Session::to_write(target).await?;
        let ends_text = ends_statement();
        let (lock, ends, there, insert) = join!(
            biased;
            session.prepare(LOCK),
            session.prepare(&ends_text),
            session.prepare(THERE),
            session.prepare(INSERT),
        );
        let good = |statement: Result<Statement, tokio_postgres::Error>| statement.map_err(|error| fault(&error));
        let (lock, ends, there, insert) = (good(lock)?, good(ends)?, good(there)?, good(insert)?);
        Ok(Self { session, lock, ends, there, insert })
    }

    /// Begins the transaction, takes the lock, and reads. Sent together: one round trip.
    async fn begin(&self, known: Option<Tip>, again: &[Uuid]) -> Result<DatabaseState, StoreError> {
        let known = number(known.map_or(0, |tip| tip.seq))?;
        let there =
            async { if again.is_empty() { Ok(Vec::new()) } else { self.session.query(&self.there, &[&Redacted(&again)]).await } };
        let (of_lock, of_ends): ([Parameter<'_>; 1], [Parameter<'_>; 1]) = ([&LOCK_KEY], [&known]);
        // Polled, and so sent, in this order.
        let (begun, locked, ends_row, there) = join!(
            biased;
            self.session.batch_execute(BEGIN),
            self.session.query(&self.lock, &of_lock),
            self.session.query_one(&self.ends, &of_ends),
            there,
        );
        begun.map_err(|error| fault(&error))?;
        locked.map_err(|error| fault(&error))?;
        let row = ends_row.map_err(|error| fault(&error))?;
        let there = there.map_err(|error| fault(&error))?;
        if !cell::<bool>(&row, SYNCED)? {
            return Err(other("synchronous_commit is off for this session: a pooler that mixes sessions?"));
        }
        let (ends, tip_line) = ends(&row)?;
        let known_mac = if cell::<Option<&[u8]>>(&row, KNOWN)?.is_some() { Some(mac(&row, KNOWN)?) } else { None };
        let there = there.iter().map(|row| cell(row, 0)).collect::<Result<_, _>>()?;
        Ok(DatabaseState { ends, tip_line, known_mac, there })
    }

    /// Writes and commits. Sent together: one round trip. A COMMIT after a failed INSERT rolls back.
    async fn commit(&self, lines: &[Line]) -> Result<(), StoreError> {
        if lines.is_empty() {
            return self.session.run("COMMIT").await;
        }
        let columns = Columns::of(lines)?;
        let parameters = columns.parameters();
        let parameters: Vec<Parameter<'_>> = parameters.iter().map(|hidden| hidden as Parameter<'_>).collect();
        let (inserted, committed) =
            join!(biased; self.session.execute(&self.insert, &parameters), self.session.batch_execute("COMMIT"));
        let inserted = inserted.map_err(|error| fault(&error))?;
        committed.map_err(|error| fault(&error))?;
        if inserted == lines.len() as u64 { Ok(()) } else { Err(damaged("not every line was written")) }
    }
}
