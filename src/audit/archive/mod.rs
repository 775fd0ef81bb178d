//! Older, closed months of the trail, moved out of the store with their proof.
//!
//! An archive is a file of lines as they are in the store, one JSON object each, NHS numbers sealed as in the store. A manifest
//! names the lines and the line that they continue, attested with the chain key. Nothing is ever edited in place: [`archive`]
//! only writes files; [`retire`] reads them again, puts an entry on the chain, and only then removes those lines from the store.
//! The chain then begins after the manifest's last line, and `verify` checks that.

mod files;
mod manifest;
mod month;
mod record;
#[cfg(test)]
mod tests;

pub use manifest::{Facts, Manifest};
pub use month::archive;
pub use record::ArchivedLine;

use super::verify::Checker;
use super::{Chain, ChainFault, Entry, Event, FaultKind, Head, Reader, Seal, StoreError, Tip, Trail, TrailError, Verdict};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use std::path::Path;
use std::time::Duration;

/// Why nothing was archived, or why archived lines may not leave the store.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trail(#[from] TrailError),
    #[error("the archive cannot be written or read: {0}")]
    Io(std::io::ErrorKind),
    #[error("line {seq} of the trail: {fault}; damaged lines are not archived")]
    NotWhole { seq: u64, fault: ChainFault },
    #[error("an archive of these lines with another content already exists")]
    Exists,
    #[error("the manifest cannot be read, or no chain key attests it")]
    Manifest,
    #[error("the archive is not whole: line {0}")]
    Broken(u64),
    #[error("the archive does not continue what was archived before, or the store does not hold its last line")]
    OutOfTurn,
}

impl From<std::io::Error> for ArchiveError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.kind())
    }
}

/// What a store must do so that lines can leave it. Each step is its own transaction, while a writer continues.
pub trait Retire: Send + Sync + 'static {
    /// Stores the manifest, and with it the new [`Reader::base`], if it continues the current base and its last line is in the
    /// store. From then on no reader returns lines up to there.
    fn retire<'a>(&'a self, manifest: &'a Manifest) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Removes at most `most` lines that [`Retire::retire`] has hidden; returns how many. Short, so that the writer never waits
    /// long.
    fn purge(&self, most: usize) -> BoxFuture<'_, Result<usize, StoreError>>;
}

/// Lines that are removed in one transaction, and the rest that the writer gets after it.
const PURGED: usize = 100;
const REST: Duration = Duration::from_millis(20);

/// Removes the lines of an archive from the store: checks the archive once more, puts the entry on the chain, then removes them.
///
/// # Errors
/// [`ArchiveError`]: nothing was removed, unless the store failed during the removal; the next call then continues it.
pub async fn retire(
    manifest: &Path,
    reader: &dyn Reader,
    store: &dyn Retire,
    trail: &Trail,
    chain: &Chain,
) -> Result<Manifest, ArchiveError> {
    let verdict = verify_archive(manifest, chain, trail.seal())?;
    if let Some(seq) = verdict.first_bad() {
        return Err(ArchiveError::Broken(seq));
    }
    let manifest = Manifest::read(manifest)?;
    if reader.base().await? != manifest.begins_after() {
        return Err(ArchiveError::OutOfTurn);
    }
    trail.record(&Entry { detail: Some(manifest.to_string()), ..Entry::of(Event::Archived) }).await?;
    store.retire(&manifest).await?;
    purge(store).await?;
    Ok(manifest)
}

/// Removes retired lines that are still in the store, as after a crash.
///
/// # Errors
/// The store failed.
pub async fn purge(store: &dyn Retire) -> Result<(), StoreError> {
    while store.purge(PURGED).await? > 0 {
        tokio::time::sleep(REST).await;
    }
    Ok(())
}

/// Checks an archive as `verify` checks a store: every line, the manifest and its attestation. Looks without an outcome are
/// counted as of the archive's end.
///
/// # Errors
/// The files cannot be read, or the manifest is not attested.
pub fn verify_archive(manifest: &Path, chain: &Chain, seal: &Seal) -> Result<Verdict, ArchiveError> {
    let path = manifest;
    let manifest = Manifest::read(path)?;
    if !manifest.is_attested(chain) {
        return Err(ArchiveError::Manifest);
    }
    let end = manifest.ends_with();
    let mut check = Checker::new(chain, seal, manifest.begins_after(), Head::Is(end));
    let file = path.with_file_name(manifest.file());
    let mut last = manifest.begins_after();
    let digest = files::read_lines(&file, |line| {
        if let Some(line) = line {
            last = Tip { seq: line.seq, mac: line.mac };
            check.line(&line);
        } else {
            last.seq += 1;
            check.unreadable(last.seq);
        }
    })?;
    // The lines themselves are unchanged, but not the file: white space was changed, or the end was cut off.
    if check.found_nothing() && (digest != manifest.facts.digest() || last != end) {
        check.fault((last.seq + 1).min(end.seq), FaultKind::Manifest);
    }
    Ok(check.verdict(Timestamp::MAX))
}
