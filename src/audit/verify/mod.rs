//! Check whether the trail is whole, and which looks have no known outcome (decisions.md 19, 34).
//!
//! Found: any line changed, removed, inserted, reordered or replaced; any search column that differs from its line; any line that
//! an index misses, and tables, indexes and triggers that differ from what this program made (decisions.md 65); with the head
//! file, lines removed from the end. Not found: a store and a head file that were both put back to the same earlier time (only
//! the head in the log, once a minute, shows that), and anything that somebody with the chain key writes.

mod check;
mod outcomes;
mod searches;
#[cfg(test)]
mod tests;

pub(super) use check::{Checker, differing_column};
pub use outcomes::{LineList, Outcomes};
pub use searches::SearchFault;
pub(super) use searches::{Definition, compare};

use super::{Chain, ChainFault, Head, KeyId, Line, Reader, Seal, StoreError, StoreErrorKind, Tip};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Where the chain begins: [`Tip::NONE`], or the end of the last archive.
    pub base: Tip,
    /// The last line.
    pub tip: Tip,
    /// Lines read.
    pub lines: u64,
    /// The first faults, in the order of the lines.
    pub faults: Vec<Fault>,
    /// All of them.
    pub fault_count: u64,
    /// Faults of the indexes and definitions by which searches find lines.
    pub searches: Vec<SearchFault>,
    pub head: HeadVerdict,
    pub outcomes: Outcomes,
    /// Lines whose time is well before that of a line before them. Not a fault: clocks are corrected, and entries that a failing
    /// store could not take are written later.
    pub backwards: Option<BackwardTimes>,
    /// The versions of this software that wrote, with the number of their lines.
    pub software: BTreeMap<String, u64>,
    /// The chain keys that were used, with the number of their lines.
    pub keys: BTreeMap<KeyId, u64>,
    /// Lines whose NHS number no key opens: an encryption key is missing, and their index could not be checked.
    pub sealed: u64,
}

/// A fault of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {seq}: {what}")]
pub struct Fault {
    pub seq: u64,
    pub what: FaultKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    #[error(transparent)]
    Chain(#[from] ChainFault),
    #[error("the store cannot read the line")]
    Unreadable,
    #[error("the line is intact, but was written by a version of this program that is unknown here")]
    NotUnderstood,
    #[error("the column {0} differs from the line: a search would miss it or find it wrongly")]
    Column(&'static str),
    #[error("the line exists, but a search by {0} does not find it")]
    Missed(&'static str),
    #[error("the chain begins after an archive that no chain key attests")]
    Archive,
    #[error("the archive does not hold what its manifest says")]
    Manifest,
}

/// The store compared with its head file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadVerdict {
    /// There is no head: lines removed from the end cannot be noticed.
    Absent,
    Same,
    /// The store has `by` lines more: as after a crash, or while the service writes.
    Behind {
        by: u64,
    },
    /// The store ends before the head: lines were removed from its end.
    Truncated {
        head: u64,
    },
    /// The head's line is not in the store.
    Replaced {
        seq: u64,
    },
    /// The head file was changed, or written with another key.
    Unreadable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackwardTimes {
    pub count: u64,
    pub first: u64,
    pub most: SignedDuration,
}

impl Verdict {
    /// Whether nothing was removed or changed, as far as can be found.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.first_bad().is_none() && self.searches.is_empty() && self.head != HeadVerdict::Unreadable
    }

    /// The first line that is missing or wrong.
    #[must_use]
    pub fn first_bad(&self) -> Option<u64> {
        let by_head = match self.head {
            HeadVerdict::Truncated { .. } => Some(self.tip.seq + 1),
            HeadVerdict::Replaced { seq } => Some(seq),
            HeadVerdict::Absent | HeadVerdict::Same | HeadVerdict::Behind { .. } | HeadVerdict::Unreadable => None,
        };
        self.faults.iter().map(|fault| fault.seq).chain(by_head).min()
    }
}

/// Lines that are read at once.
const PAGE: usize = 1000;
/// Consecutive lines that the store cannot read, after which the check gives up.
const MOST_UNREADABLE: u32 = 1000;

/// Looks asked before this have an outcome on the trail, or none is known: nobody waits longer for an answer than `timeout`, then
/// `late_timeout` (`smsp.*`), then `commit_timeout` (`audit.*`) for its entry.
#[must_use]
pub fn settled(now: Timestamp, timeout: Duration, late_timeout: Duration, commit_timeout: Duration) -> Timestamp {
    now - (timeout + late_timeout + commit_timeout)
}

/// Reads the whole trail once, in pages. `settled`: looks asked before then without an outcome are listed ([`settled()`]).
/// Memory is bounded, however long the trail is.
///
/// # Errors
/// The store failed. Changed lines are not an error: they are in the verdict.
pub async fn verify(
    reader: &dyn Reader,
    chain: &Chain,
    seal: &Seal,
    head: Head,
    settled: Timestamp,
) -> Result<Verdict, StoreError> {
    loop {
        let before = reader.base().await.ok();
        let verdict = read(reader, chain, seal, head, settled).await?;
        // Lines that were archived meanwhile are not missing.
        if verdict.is_whole() || reader.base().await.ok() == before {
            return Ok(Verdict { searches: reader.search_faults().await?, ..verdict });
        }
    }
}

async fn read(reader: &dyn Reader, chain: &Chain, seal: &Seal, head: Head, settled: Timestamp) -> Result<Verdict, StoreError> {
    let (base, is_attested) = match begin(reader, chain).await {
        // The record of where the chain begins is damaged: reading starts at the lowest line.
        Err(error) if error.kind == StoreErrorKind::Damaged => (Tip::NONE, false),
        begin => begin?,
    };
    let mut check = Checker::new(chain, seal, base, head);
    if !is_attested {
        check.fault(base.seq, FaultKind::Archive);
    }
    // Lines that are added meanwhile are read too.
    let end = reader.tip().await.map_or(u64::MAX, |tip| tip.seq);
    let (mut after, mut limit, mut unreadable) = (base.seq, PAGE, 0);
    loop {
        match reader.lines(after, limit).await {
            Ok(page) => {
                let Some(last) = page.last() else {
                    return Ok(check.verdict(settled));
                };
                after = last.seq;
                let missed = missed(reader, &page).await?;
                for line in &page {
                    check.line(line);
                    if let Some((_, key)) = missed.iter().find(|(seq, _)| *seq == line.seq) {
                        check.fault(line.seq, FaultKind::Missed(key));
                    }
                }
                (limit, unreadable) = ((limit * 2).min(PAGE), 0);
            }
            Err(error) if error.kind == StoreErrorKind::Damaged && limit > 1 => limit = 1,
            Err(error) if error.kind == StoreErrorKind::Damaged => {
                after += 1;
                unreadable += 1;
                check.unreadable(after);
                if after >= end || unreadable == MOST_UNREADABLE {
                    return Ok(check.verdict(settled));
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Lines that an index misses. A damaged index is also reported by the store itself.
async fn missed(reader: &dyn Reader, page: &[Line]) -> Result<Vec<(u64, &'static str)>, StoreError> {
    match reader.missed(page).await {
        Err(error) if error.kind == StoreErrorKind::Damaged => Ok(Vec::new()),
        missed => missed,
    }
}

/// Where the chain begins, and whether that is its first line or the end of archives that each continue the previous one.
async fn begin(reader: &dyn Reader, chain: &Chain) -> Result<(Tip, bool), StoreError> {
    let base = reader.base().await?;
    let mut tip = Tip::NONE;
    for manifest in reader.archived().await? {
        if !manifest.is_attested(chain) || manifest.begins_after() != tip {
            return Ok((base, false));
        }
        tip = manifest.ends_with();
    }
    Ok((base, tip == base))
}
