//! Removes archived lines from the database. Needs the owner's role: the service's own may not delete.

use super::fault::{fault, other};
use super::rows::{Redacted, number};
use super::session::{Session, within};
use super::store::LOCK_KEY;
use super::target::Target;
use crate::audit::StoreError;
use crate::audit::archive::{Manifest, Retire};
use crate::clock;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::types::{ToSql, Type};

/// Each step has its own connection.
pub struct PostgresRetire(Arc<Target>);

/// Longer than what the server allows a statement.
const STEP: Duration = Duration::from_secs(12);

/// Takes the writers' lock, and records the archive only if its first line is the trail's oldest, its last line is the one that
/// it names, and later lines remain. One statement, and so one transaction.
const RETIRE: &str = "WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock($1)) \
    INSERT INTO cpis_fhir.archived (first, last, last_mac, manifest, at) \
    SELECT $2, t.seq, t.mac, $3, $4 FROM held, cpis_fhir.trail AS t \
    WHERE t.seq = $5 AND t.mac = $6 AND $2 = coalesce((SELECT max(last) FROM cpis_fhir.archived), 0) + 1 \
    AND EXISTS (SELECT FROM cpis_fhir.trail WHERE seq > t.seq)";

const PURGE: &str = "DELETE FROM cpis_fhir.trail WHERE seq IN (SELECT seq FROM cpis_fhir.trail \
    WHERE seq <= (SELECT max(last) FROM cpis_fhir.archived) ORDER BY seq LIMIT $1)";

impl PostgresRetire {
    pub(super) fn new(target: Arc<Target>) -> Self {
        Self(target)
    }

    async fn execute(&self, statement: &str, parameters: &[(&(dyn ToSql + Sync), Type)]) -> Result<u64, StoreError> {
        within(STEP, async {
            let session = Session::to_write(&self.0).await?;
            session.execute_typed(statement, parameters).await.map_err(|error| fault(&error))
        })
        .await
    }
}

impl Retire for PostgresRetire {
    fn retire<'a>(&'a self, manifest: &'a Manifest) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let end = manifest.ends_with();
            let (first, last, mac) = (number(manifest.facts.first)?, number(end.seq)?, end.mac.0.as_slice());
            let (text, now) = (manifest.to_string(), clock::now().as_microsecond().saturating_mul(1000));
            let noted = self
                .execute(
                    RETIRE,
                    &[
                        (&LOCK_KEY, Type::INT8),
                        (&Redacted(&first), Type::INT8),
                        (&Redacted(&text), Type::TEXT),
                        (&Redacted(&now), Type::INT8),
                        (&Redacted(&last), Type::INT8),
                        (&Redacted(&mac), Type::BYTEA),
                    ],
                )
                .await?;
            if noted == 1 { Ok(()) } else { Err(other("the archive does not hold the oldest lines of this store")) }
        })
    }

    fn purge(&self, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let removed = self.execute(PURGE, &[(&Redacted(&most), Type::INT8)]).await?;
            Ok(usize::try_from(removed).unwrap_or(usize::MAX))
        })
    }
}
