//! Opens the trail as the settings say, and checks its end first.

use super::archive::Retire;
use super::head::lost_heads;
use super::options::{Options, StoreLocation};
use super::sqlite::{Lock, SqliteReader, SqliteRetire, SqliteStore};
use super::{
    Chain, ChainFault, Entry, Event, Head, HeadFile, MemoryStore, NoKeys, Reader, Seal, Store, StoreError, StoreErrorKind, Tip,
    Trail, WriterOptions, postgres,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;

/// An open trail.
pub struct OpenTrail {
    pub trail: Trail,
    pub reader: Arc<dyn Reader>,
    pub chain: Arc<Chain>,
    pub seal: Arc<Seal>,
    /// How archived lines leave the store; `None` for a store in memory.
    pub retire: Option<Arc<dyn Retire>>,
    /// What is wrong with the end of the trail. It is already in the log and on the trail.
    pub end_fault: Option<EndFault>,
    pub renewable: Renewable,
}

/// What can be renewed in an open trail: its keys, and how its database is reached.
pub struct Renewable {
    chain: Arc<Chain>,
    seal: Arc<Seal>,
    database: Option<Arc<postgres::Target>>,
}

impl Renewable {
    /// Uses the keys of `settings`, and its way to the database, from now on. The store itself stays the same.
    ///
    /// # Errors
    /// [`OpenError::Keys`], [`OpenError::Store`]; the first changes nothing.
    pub fn renew(&self, settings: &Options) -> Result<(), OpenError> {
        if let (Some(database), StoreLocation::Postgres(url)) = (&self.database, &settings.store) {
            database.renew(url, settings.store_ca.as_deref())?;
        }
        self.chain.renew(&settings.chain_keys)?;
        self.seal.renew(&settings.encryption_keys)?;
        Ok(())
    }
}

/// A trail that is only read.
pub struct ReadOnlyTrail {
    pub reader: Arc<dyn Reader>,
    pub chain: Arc<Chain>,
    pub seal: Arc<Seal>,
    /// What the head file says; [`Head::Absent`] if there is none.
    pub head: Head,
    /// Head files that did not match the store at a start and were kept: each proves that lines are gone.
    pub lost_heads: Vec<PathBuf>,
}

/// Why the trail cannot be opened. No query can go out without it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Keys(#[from] NoKeys),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "the trail's last lines were written with a chain key that audit.chain_key_file does not hold: add that key below the \
         one that is to write, or name the right file (in a demonstration without key files each start has new keys: use \
         audit.store = \"sqlite::memory:\")"
    )]
    OtherKey,
    #[error("the head file cannot be read: {0}")]
    Head(std::io::ErrorKind),
    #[error("the system cannot start the trail's thread: {0}")]
    Thread(std::io::ErrorKind),
    #[error("a trail in memory belongs to one process: no other can open it")]
    InMemory,
}

/// The end of the trail is not what it should be. The service starts anyway: an emergency department must go on working, and
/// stopping would not bring lost lines back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndFault {
    #[error(
        "lines were removed from the end of the trail: the head file knows line {} with MAC {}, the store ends with line {} and MAC {}",
        .expected.seq, .expected.mac, .found.seq, .found.mac
    )]
    Truncated { expected: Tip, found: Tip },
    #[error("the trail was replaced: the head file knows line {} with MAC {}, which is not in the store", .expected.seq, .expected.mac)]
    Replaced { expected: Tip },
    #[error("the head file was changed, or written with another key; the store ends with line {} and MAC {}", .found.seq, .found.mac)]
    HeadUnreadable { found: Tip },
    #[error("there is no head file, though the store ends with line {} and MAC {}", .found.seq, .found.mac)]
    HeadAbsent { found: Tip },
    #[error("line {seq} at the end of the trail is not as it was written")]
    Line { seq: u64 },
}

/// How the trail is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opener {
    /// By the one service that uses it.
    Service,
    /// By a command, possibly while a service runs.
    Command,
}

/// An open store.
struct OpenStore {
    writing: Box<dyn Store>,
    reader: Arc<dyn Reader>,
    /// How archived lines leave it.
    retire: Option<Arc<dyn Retire>>,
    head_file: Option<PathBuf>,
    database: Option<Arc<postgres::Target>>,
}

/// Lines at the end that are checked: at the start their MACs, by `check` their NHS numbers too.
pub(super) const LAST: u64 = 64;

/// Opens the trail for a service, one at a time. Checks the trail's end and keeps the proof of a fault.
///
/// # Errors
/// [`OpenError`]: then the service must not start.
pub async fn open(settings: &Options, runtime: Handle) -> Result<OpenTrail, OpenError> {
    open_as(settings, runtime, Opener::Service).await
}

/// Opens the trail for a command that also writes to it, such as a search, which is itself recorded. A service may have it open
/// too.
///
/// # Errors
/// As [`open`]; [`OpenError::InMemory`].
pub async fn open_for_command(settings: &Options, runtime: Handle) -> Result<OpenTrail, OpenError> {
    open_as(settings, runtime, Opener::Command).await
}

/// Opens the trail read-only, as `verify` does. Nothing is created or changed.
///
/// # Errors
/// As [`open`]; also if there is no trail yet.
pub async fn open_read_only(settings: &Options, runtime: Handle) -> Result<ReadOnlyTrail, OpenError> {
    let chain = Arc::new(Chain::new(&settings.chain_keys)?);
    let seal = Arc::new(Seal::new(&settings.encryption_keys)?);
    let reader: Arc<dyn Reader> = match &settings.store {
        StoreLocation::Sqlite(path) if is_memory(path) => return Err(OpenError::InMemory),
        StoreLocation::Sqlite(path) => Arc::new(SqliteReader::open(path, runtime)?),
        StoreLocation::Postgres(url) => {
            let (_, reader) = postgres::lazily(url, settings.store_ca.as_deref())?;
            // Fails now if there is no trail, or no way to it.
            reader.tip().await?;
            Arc::new(reader)
        }
    };
    let head = read_head(settings.head_file.as_deref(), &chain)?;
    let lost_heads = settings.head_file.as_deref().map(lost_heads).unwrap_or_default();
    Ok(ReadOnlyTrail { reader, chain, seal, head, lost_heads })
}

async fn open_as(settings: &Options, runtime: Handle, who: Opener) -> Result<OpenTrail, OpenError> {
    let chain = Arc::new(Chain::new(&settings.chain_keys)?);
    let seal = Arc::new(Seal::new(&settings.encryption_keys)?);
    let OpenStore { writing, reader, retire, head_file, database } = open_store(settings, &runtime, who).await?;
    let head = read_head(head_file.as_deref(), &chain)?;
    let end_fault = match check_end(&*reader, &chain, head, head_file.is_some()).await {
        Err(OpenError::Store(error)) if who == Opener::Service && is_away(error.kind) => {
            tracing::error!(target: "cpis_fhir::trail", %error, "the trail cannot be reached: nothing is asked until it can be");
            None
        }
        checked => checked?,
    };
    if let (Some(_), Some(path), Opener::Service) = (end_fault, &head_file, who) {
        keep_aside(path);
    }
    let after_commit: Box<dyn FnMut(Tip) + Send> = match head_file {
        Some(path) => {
            let mut head = HeadFile::new(path, Arc::clone(&chain));
            Box::new(move |tip| head.note(tip))
        }
        None => Box::new(|_| {}),
    };
    let options = WriterOptions { commit_timeout: settings.commit_timeout, after_commit };
    let trail = Trail::start(writing, Arc::clone(&chain), Arc::clone(&seal), options, runtime)
        .map_err(|error| OpenError::Thread(error.kind()))?;
    if let (Some(end_fault), Opener::Service) = (end_fault, who) {
        tracing::error!(target: "cpis_fhir::trail", found = %end_fault, "the trail is not whole: run `cpis-fhir audit verify`");
        // Even if the store takes nothing now, the service starts, and refuses queries until it does.
        trail.record_when_possible(&Entry { detail: Some(end_fault.to_string()), ..Entry::of(Event::Started) });
        trail.flush(settings.commit_timeout).await;
    }
    let renewable = Renewable { chain: Arc::clone(&chain), seal: Arc::clone(&seal), database };
    Ok(OpenTrail { trail, reader, chain, seal, retire, end_fault, renewable })
}

async fn open_store(settings: &Options, runtime: &Handle, who: Opener) -> Result<OpenStore, OpenError> {
    let head_file = settings.head_file.clone();
    Ok(match &settings.store {
        StoreLocation::Sqlite(path) if is_memory(path) => {
            if who == Opener::Command {
                return Err(OpenError::InMemory);
            }
            let (store, reader) = MemoryStore::new();
            // A trail that ends with the process needs no head.
            OpenStore { writing: Box::new(store), reader: Arc::new(reader), retire: None, head_file: None, database: None }
        }
        StoreLocation::Sqlite(path) => {
            let lock = if who == Opener::Service { Some(Lock::take(path)?) } else { None };
            let writing = Box::new(SqliteStore::open(path, lock)?);
            let reader = Arc::new(SqliteReader::open(path, runtime.clone())?);
            let retire: Arc<dyn Retire> = Arc::new(SqliteRetire::new(path, runtime.clone()));
            OpenStore { writing, reader, retire: Some(retire), head_file, database: None }
        }
        // No lock: transactions keep replicas apart.
        StoreLocation::Postgres(url) => {
            let target = Arc::new(postgres::Target::new(url, settings.store_ca.as_deref())?);
            let (mut store, reader) = target.sides();
            match store.open().await {
                // The service reports it, and asks nothing until the database is back.
                Err(error) if who == Opener::Service && is_away(error.kind) => {}
                opened => opened?,
            }
            let retire: Arc<dyn Retire> = Arc::new(target.retire());
            OpenStore {
                writing: Box::new(store),
                reader: Arc::new(reader),
                retire: Some(retire),
                head_file,
                database: Some(target),
            }
        }
    })
}

pub(super) fn is_memory(path: &Path) -> bool {
    path == Path::new(":memory:")
}

/// The store may come back by itself.
fn is_away(kind: StoreErrorKind) -> bool {
    matches!(kind, StoreErrorKind::Gone | StoreErrorKind::Slow | StoreErrorKind::Locked)
}

pub(super) fn read_head(path: Option<&Path>, chain: &Chain) -> Result<Head, OpenError> {
    path.map_or(Ok(Head::Absent), |path| Head::read(path, chain).map_err(|error| OpenError::Head(error.kind())))
}

/// Checks the last lines, and the head against them. Read the head before the store: a writer may add lines in between, and a
/// head that is read later would name lines that were not read.
pub(super) async fn check_end(
    reader: &dyn Reader,
    chain: &Chain,
    head: Head,
    has_head_file: bool,
) -> Result<Option<EndFault>, OpenError> {
    let (tip, base) = (reader.tip().await?, reader.base().await?);
    let after = tip.seq.saturating_sub(LAST).max(base.seq);
    let lines = reader.lines(after, usize::try_from(LAST).unwrap_or(usize::MAX)).await?;
    let checked: Vec<_> = lines.iter().map(|line| (line.seq, chain.check_alone(line))).collect();
    if checked.iter().any(|(_, check)| *check == Err(ChainFault::UnknownKey)) {
        return Err(OpenError::OtherKey);
    }
    let end_fault = match head {
        Head::Is(head) if head.seq > tip.seq => Some(EndFault::Truncated { expected: head, found: tip }),
        Head::Is(head) if head.seq > base.seq => {
            let line = reader.lines(head.seq - 1, 1).await?;
            let is_same = line.first().is_some_and(|line| line.seq == head.seq && line.mac == head.mac);
            (!is_same).then_some(EndFault::Replaced { expected: head })
        }
        Head::Is(_) => None,
        Head::Unreadable => Some(EndFault::HeadUnreadable { found: tip }),
        Head::Absent => (has_head_file && tip.seq > 0).then_some(EndFault::HeadAbsent { found: tip }),
    };
    Ok(end_fault.or_else(|| checked.into_iter().find(|(_, check)| check.is_err()).map(|(seq, _)| EndFault::Line { seq })))
}

/// Keeps a head file that does not match: it is the proof of what was there.
fn keep_aside(path: &Path) {
    match HeadFile::keep_aside(path) {
        Ok(None) => {}
        Ok(Some(aside)) => {
            tracing::error!(target: "cpis_fhir::trail", file = %aside.display(), "the head file that does not match the store was kept aside");
        }
        // It stays in place: a head is replaced only by a later one.
        Err(error) => tracing::error!(
            target: "cpis_fhir::trail", kind = %error.kind(), "the head file that does not match the store could not be kept aside"
        ),
    }
}

#[cfg(test)]
mod tests;
