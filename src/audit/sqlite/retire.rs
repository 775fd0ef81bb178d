//! Removes archived lines from the file.

use super::error::malformed;
use super::{file, row, schema};
use crate::audit::archive::{Manifest, Retire};
use crate::audit::{StoreError, StoreErrorKind};
use futures_util::future::BoxFuture;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use tokio::runtime::Handle;

/// Each step has its own connection.
pub struct SqliteRetire {
    path: PathBuf,
    runtime: Handle,
}

impl SqliteRetire {
    #[must_use]
    pub fn new(path: &Path, runtime: Handle) -> Self {
        Self { path: path.to_owned(), runtime }
    }

    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let path = self.path.clone();
        Box::pin(async move {
            let done = self.runtime.spawn_blocking(move || {
                let mut db = file::connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
                schema::set_up_writer(&db)?;
                work(&mut db)
            });
            done.await.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::Other, "the step was cancelled")))
        })
    }
}

impl Retire for SqliteRetire {
    fn retire<'a>(&'a self, manifest: &'a Manifest) -> BoxFuture<'a, Result<(), StoreError>> {
        let manifest = manifest.clone();
        self.write(move |db| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let (begin, end) = (manifest.begins_after(), manifest.ends_with());
            let is_next = row::base(&tx)? == begin && row::mac_of(&tx, end.seq)? == Some(end.mac);
            // A line always remains, so that the chain's end is never only an archive's manifest.
            if !is_next || row::tip(&tx)?.seq <= end.seq {
                return Err(StoreError::new(StoreErrorKind::Other, "the archive does not hold the oldest lines of this store"));
            }
            tx.execute(
                "INSERT INTO archived (last_seq, last_mac, first_seq, manifest) VALUES (?1, ?2, ?3, ?4)",
                params![row::to_seq(end.seq)?, end.mac.0.as_slice(), row::to_seq(manifest.facts.first)?, manifest.to_string()],
            )?;
            Ok(tx.commit()?)
        })
    }

    fn purge(&self, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.write(move |db| {
            let sql = "DELETE FROM trail WHERE seq IN
                (SELECT seq FROM trail WHERE seq <= (SELECT max(last_seq) FROM archived) ORDER BY seq LIMIT ?1)";
            Ok(db.execute(sql, [i64::try_from(most).unwrap_or(i64::MAX)])?)
        })
    }
}

/// Every manifest, oldest first. The other columns must agree with it.
pub(super) fn archived(db: &Connection) -> Result<Vec<Manifest>, StoreError> {
    let mut select = db.prepare_cached("SELECT last_seq, last_mac, manifest FROM archived ORDER BY last_seq")?;
    let mut rows = select.query([])?;
    let mut manifests = Vec::new();
    while let Some(row) = rows.next()? {
        let manifest: Manifest = row.get_ref(2)?.as_str().ok().and_then(|text| text.parse().ok()).ok_or_else(malformed)?;
        if manifest.ends_with() != row::tip_of(row)? {
            return Err(malformed());
        }
        manifests.push(manifest);
    }
    Ok(manifests)
}
