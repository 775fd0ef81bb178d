//! The oldest month of a store, into an archive.

use super::files::PartialFile;
use super::manifest::{Facts, Manifest, file_name};
use super::{ArchiveError, verify_archive};
use crate::audit::{Chain, Reader, Seal};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::path::{Path, PathBuf};

const PAGE: usize = 1000;

/// Writes the oldest month of the store, if it ended before `before`, into `folder`: a file of its lines and the manifest, both
/// synced, then read and checked again. Returns the manifest's path; `None` if there is no such month. Nothing leaves the store.
///
/// A month is the run of lines up to the first one of a later month (UTC); an entry that was written late belongs to the month in
/// which it happened. The trail's last lines are never archived. Blocks on files: do not call it from a thread that serves.
///
/// # Errors
/// [`ArchiveError`]; an interrupted run leaves no archive, and the next run archives the same lines.
pub async fn archive(
    reader: &dyn Reader,
    chain: &Chain,
    seal: &Seal,
    before: Timestamp,
    folder: &Path,
) -> Result<Option<PathBuf>, ArchiveError> {
    let base = reader.base().await?;
    let Some(first) = reader.lines(base.seq, 1).await?.into_iter().next() else { return Ok(None) };
    let (month, end) = month_of(first.at);
    if end > before {
        return Ok(None);
    }
    let mut file = PartialFile::new(folder)?;
    let mut tip = base;
    loop {
        let page = reader.lines(tip.seq, PAGE).await?;
        if page.is_empty() {
            return Ok(None);
        }
        for line in &page {
            if line.at >= end {
                let facts = Facts::new(month, base, tip, file.digest());
                return finish(file, facts, chain, seal, folder).map(Some);
            }
            tip = chain.check(tip, line).map_err(|fault| ArchiveError::NotWhole { seq: tip.seq + 1, fault })?;
            file.line(line)?;
        }
    }
}

/// The lines first, then the manifest; then both are read back as a reader will find them.
fn finish(file: PartialFile, facts: Facts, chain: &Chain, seal: &Seal, folder: &Path) -> Result<PathBuf, ArchiveError> {
    let lines = folder.join(file_name(&facts));
    let path = lines.with_extension("manifest.json");
    file.finish(&lines)?;
    // From an earlier run, whose lines are still in the store.
    let is_there = Manifest::read(&path).is_ok_and(|there| there.is_attested(chain) && there.facts.is_same(&facts));
    if !is_there {
        let mut file = PartialFile::new(folder)?;
        file.write(format!("{}\n", Manifest::attest(facts, chain)).as_bytes())?;
        file.finish(&path)?;
    }
    match verify_archive(&path, chain, seal)?.first_bad() {
        None => Ok(path),
        Some(seq) => Err(ArchiveError::Broken(seq)),
    }
}

/// The month that `at` is in, as `2026-01`, and its end (UTC).
fn month_of(at: Timestamp) -> (String, Timestamp) {
    let first: Date = at.to_zoned_datetime(TimeZone::UTC).date().first_of_month();
    let next = first.checked_add(1.month()).and_then(|next| next.to_zoned_datetime(TimeZone::UTC)).map(|next| next.timestamp());
    // No month follows the last one of the calendar.
    (first.strftime("%Y-%m").to_string(), next.unwrap_or(Timestamp::MAX))
}
