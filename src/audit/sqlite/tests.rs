use super::*;
use crate::audit::{Chain, Entry, Event, Options, Reader, Seal, Trail};
use crate::settings::KeyMaterial;
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
        self.folder.path().join("trail.db")
    }

    fn trail(&self) -> Trail {
        self.trail_with(Duration::from_secs(5))
    }

    fn trail_with(&self, commit_timeout: Duration) -> Trail {
        let store = SqliteStore::open(&self.path(), None).unwrap();
        let options = Options { commit_timeout, ..Options::default() };
        Trail::start(Box::new(store), chain(), Arc::new(seal()), options, Handle::current()).unwrap()
    }

    fn reader(&self) -> SqliteReader {
        SqliteReader::open(&self.path(), Handle::current()).unwrap()
    }
}

fn keys() -> [KeyMaterial; 1] {
    [KeyMaterial::new([1; 32])]
}

fn chain() -> Chain {
    Chain::new(&keys()).unwrap()
}

fn seal() -> Seal {
    Seal::new(&keys()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_read_as_they_were_written_also_after_a_restart() {
    let ground = Ground::new();
    let entries: Vec<Entry> = [Event::Asked, Event::Answered].map(Entry::of).to_vec();
    for entry in &entries {
        let trail = ground.trail();
        trail.record(entry).await.unwrap();
        assert!(trail.flush(Duration::from_secs(5)).await);
    }
    let lines = ground.reader().lines(0, 10).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.id).collect::<Vec<_>>(), entries.iter().map(|entry| entry.id).collect::<Vec<_>>());
    let mut tip = crate::audit::Tip::NONE;
    for line in &lines {
        tip = chain().check(tip, line).unwrap();
    }
    assert_eq!(ground.reader().tip().await.unwrap(), tip);
}
