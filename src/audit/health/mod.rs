//! The health of a trail, for `check`: whether it takes lines, and whether its end is whole. No line is written, nothing is
//! created, and a service may have the trail open meanwhile.

use super::open::{LAST, check_end, open_read_only, read_head};
use super::options::{Options, StoreLocation};
use super::postgres::{self, Server};
use super::sqlite::{Trial, try_to_write};
use super::{Chain, EndFault, Head, OpenError, ReadOnlyTrail, StoreError, StoreErrorKind, Tip, folder, read_body};
use jiff::Timestamp;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Handle;

/// How a store takes lines, as far as can be found without writing one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writable {
    /// In memory: gone when the process ends.
    InMemory,
    /// A file that does not exist yet and can be created.
    NotYet,
    /// A file, tried in a transaction that was rolled back.
    File,
    /// A file that another process wrote to during the whole trial.
    Busy,
    /// A database, by what it reports of itself and of our rights.
    Database(Server),
}

/// The end of a trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailEnd {
    pub tip: Tip,
    /// When its last line was written, by the clock at that time.
    pub written: Option<Timestamp>,
    /// What is wrong with it.
    pub end_fault: Option<EndFault>,
    /// How many of its last lines have an NHS number that no given key opens.
    pub sealed: usize,
    /// Head files that did not match the store at a start and were kept: each proves that lines are gone.
    pub lost_heads: Vec<PathBuf>,
}

const A_MOMENT: Duration = Duration::from_millis(100);

/// Whether the store takes lines.
///
/// # Errors
/// Why not.
pub async fn writable(settings: &Options, runtime: &Handle) -> Result<Writable, StoreError> {
    match &settings.store {
        StoreLocation::Sqlite(path) if super::open::is_memory(path) => Ok(Writable::InMemory),
        StoreLocation::Sqlite(path) => {
            let path = path.clone();
            let tried = runtime.spawn_blocking(move || try_to_write(&path)).await;
            let given_up = |_| Err(StoreError::new(StoreErrorKind::Other, "the write test was cancelled"));
            Ok(match tried.unwrap_or_else(given_up)? {
                Trial::NotYet => Writable::NotYet,
                Trial::Takes => Writable::File,
                Trial::Busy => Writable::Busy,
            })
        }
        StoreLocation::Postgres(url) => Ok(Writable::Database(postgres::server(url, settings.store_ca.as_deref()).await?)),
    }
}

/// The end of an existing trail: keys, last lines, head.
///
/// # Errors
/// It cannot be read, or its last lines were written with a chain key that is not in the settings.
pub async fn end(settings: &Options, runtime: Handle) -> Result<TrailEnd, OpenError> {
    let ReadOnlyTrail { reader, chain, seal, head, lost_heads } = open_read_only(settings, runtime).await?;
    let has_head = settings.head_file.is_some();
    let mut end_fault = check_end(&*reader, &chain, head, has_head).await?;
    if end_fault.is_some() {
        // The head is written just after a line is committed: a fault counts only if it is still there a moment later.
        tokio::time::sleep(A_MOMENT).await;
        let head = read_head(settings.head_file.as_deref(), &chain)?;
        end_fault = check_end(&*reader, &chain, head, has_head).await?;
    }
    let tip = reader.tip().await?;
    let after = tip.seq.saturating_sub(LAST).max(reader.base().await?.seq);
    let lines = reader.lines(after, usize::try_from(LAST).unwrap_or(usize::MAX)).await?;
    let is_sealed = |body: &[u8]| read_body(body, &seal).is_ok_and(|stored| stored.child_is_sealed);
    let sealed = lines.iter().filter(|line| is_sealed(&line.body)).count();
    Ok(TrailEnd { tip, written: lines.last().map(|line| line.at), end_fault, sealed, lost_heads })
}

/// What a head file says of a store that does not exist: the lines that it knows are gone.
///
/// # Errors
/// The head file cannot be read.
pub fn end_without_store(settings: &Options) -> Result<Option<EndFault>, OpenError> {
    let chain = Chain::new(&settings.chain_keys)?;
    Ok(match read_head(settings.head_file.as_deref(), &chain)? {
        Head::Absent => None,
        Head::Is(expected) => Some(EndFault::Truncated { expected, found: Tip::NONE }),
        Head::Unreadable => Some(EndFault::HeadUnreadable { found: Tip::NONE }),
    })
}

/// Whether the head file can be written, or created if it does not exist.
///
/// # Errors
/// The file system's error.
pub fn head_can_be_written(path: &Path) -> std::io::Result<()> {
    match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => folder::takes_files(folder::of(path)),
        opened => opened.map(drop),
    }
}

/// Whether files can be created in the folder of `path`.
///
/// # Errors
/// The file system's error.
pub fn folder_takes_files(path: &Path) -> std::io::Result<()> {
    folder::takes_files(folder::of(path))
}

#[cfg(test)]
mod tests;
