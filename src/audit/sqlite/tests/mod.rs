//! The store on a real file, and what can go wrong with one.

mod faults;
mod searches;
mod tables;

use super::*;
use crate::audit::{
    Chain, Draft, Entry, Event, Line, Reader, Seal, Store, StoreError, StoreErrorKind, Tip, Trail, TrailError, WriterOptions,
};
use crate::secret::KeyMaterial;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Handle;

struct Ground {
    folder: TempDir,
}

impl Ground {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.file("trail.db")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.path(), None).unwrap()
    }

    fn trail(&self, commit_timeout: Duration) -> Trail {
        let options = WriterOptions { commit_timeout, ..WriterOptions::default() };
        Trail::start(Box::new(self.store()), chain(), Arc::new(seal()), options, Handle::current()).unwrap()
    }

    fn reader(&self) -> SqliteReader {
        SqliteReader::open(&self.path(), Handle::current()).unwrap()
    }

    /// Another process with the file, as far as SQLite lets it.
    fn raw(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    async fn lines(&self) -> Vec<Line> {
        self.reader().lines(0, 10_000).await.unwrap()
    }

    /// The numbers of all lines, which must be one chain.
    async fn seqs(&self) -> Vec<u64> {
        let lines = self.lines().await;
        lines.iter().try_fold(Tip::NONE, |tip, line| chain().check(tip, line)).unwrap();
        lines.iter().map(|line| line.seq).collect()
    }
}

const PATIENT: Duration = Duration::from_secs(5);

fn keys() -> [KeyMaterial; 1] {
    [KeyMaterial::new([1; 32])]
}

fn chain() -> Chain {
    Chain::new(&keys()).unwrap()
}

fn seal() -> Seal {
    Seal::new(&keys()).unwrap()
}

fn draft() -> Draft {
    crate::audit::body::write(&Entry::of(Event::Asked), &seal()).unwrap()
}

async fn append(store: &mut SqliteStore) -> Result<Tip, StoreError> {
    store.append(&[draft()], &chain()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_read_as_they_were_written_also_after_a_restart() {
    let ground = Ground::new();
    let drafts: Vec<Draft> = (0..3).map(|_| draft()).collect();
    for draft in &drafts {
        ground.store().append(std::slice::from_ref(draft), &chain()).await.unwrap();
    }
    let lines = ground.lines().await;
    let mut linked = chain().link(Tip::NONE, &drafts.iter().collect::<Vec<_>>());
    for line in &mut linked {
        // As exact as the file keeps it.
        line.at = jiff::Timestamp::from_microsecond(line.at.as_microsecond()).unwrap();
    }
    assert_eq!(lines, linked);
    let tip = ground.reader().tip().await.unwrap();
    assert_eq!(tip, Tip { seq: 3, mac: lines[2].mac });
    assert_eq!(ground.reader().base().await.unwrap(), Tip::NONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_process_wrote_is_not_written_again() {
    let ground = Ground::new();
    let draft = Draft { again: true, ..draft() };
    for _ in 0..2 {
        assert_eq!(ground.store().append(std::slice::from_ref(&draft), &chain()).await.unwrap().seq, 1);
    }
    assert_eq!(ground.seqs().await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_make_one_chain() {
    let ground = Ground::new();
    let trails = [ground.trail(PATIENT), ground.trail(PATIENT)];
    let all = (0..100).map(|n| {
        let trail = trails[n % 2].clone();
        async move { trail.record(&Entry::of(Event::Asked)).await }
    });
    assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
    assert_eq!(ground.seqs().await.len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_given_back_when_its_holder_is_gone() {
    let ground = Ground::new();
    let lock = Lock::take(&ground.path()).unwrap();
    assert_eq!(Lock::take(&ground.path()).unwrap_err().kind, StoreErrorKind::Locked);
    drop(lock);
    Lock::take(&ground.path()).unwrap();
}
