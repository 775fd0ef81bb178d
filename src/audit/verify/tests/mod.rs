mod notes;
mod searches;
mod tampering;

use super::*;
use crate::audit::archive::Manifest;
use crate::audit::sqlite::{SqliteReader, SqliteStore};
use crate::audit::{Draft, Entry, Event, Filter, HeadFile, Line, MemoryReader, MemoryStore, Message, Store, Who, body};
use crate::cpis::NhsNumber;
use crate::secret::KeyMaterial;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Handle;
use uuid::Uuid;

const LINES: u64 = 12;

/// A whole trail of [`LINES`] lines on a real file, with its head file.
struct Ground {
    folder: TempDir,
}

fn chain() -> Arc<Chain> {
    Arc::new(Chain::new(&[KeyMaterial::new([1; 32])]).unwrap())
}

fn seal() -> Seal {
    Seal::new(&[KeyMaterial::new([2; 32])]).unwrap()
}

/// An entry that fills every column.
fn entry(event: Event, look: Uuid) -> Entry {
    Entry {
        look: Some(look),
        who: Some(Who { user_id: Some("555000111222".into()), ..Who::default() }),
        child: NhsNumber::parse("9990000018").ok(),
        request: crate::audit::RequestFacts { request_id: Some("60E0B220".into()), ..Default::default() },
        message: Some(Message { message_id: "7A1B".into(), ..Message::default() }),
        ..Entry::of(event)
    }
}

fn draft(entry: &Entry) -> Draft {
    body::write(entry, &seal()).unwrap()
}

/// Looks that were asked and answered.
fn drafts(lines: u64) -> Vec<Draft> {
    let looks = (0..lines / 2).flat_map(|_| {
        let look = Uuid::new_v4();
        [Event::Asked, Event::Answered].map(|event| draft(&entry(event, look)))
    });
    looks.collect()
}

impl Ground {
    async fn new() -> Self {
        let ground = Self { folder: tempfile::tempdir().unwrap() };
        ground.append(&drafts(LINES)).await;
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// As the service does it: the head after the commit.
    async fn append(&self, drafts: &[Draft]) {
        let mut store = SqliteStore::open(&self.path("trail.db"), None).unwrap();
        let tip = store.append(drafts, &chain()).await.unwrap();
        HeadFile::new(self.path("head"), chain()).note(tip);
    }

    /// An attacker with the file and SQLite's own tools, who removes the triggers and checks and puts them back.
    fn tamper(&self, sql: &str) {
        let db = self.raw();
        let triggers: Vec<(String, String)> = db
            .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        db.execute_batch("PRAGMA ignore_check_constraints = on").unwrap();
        for (name, _) in &triggers {
            db.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        }
        db.execute_batch(sql).unwrap();
        for (_, sql) in &triggers {
            db.execute_batch(sql).unwrap();
        }
    }

    fn raw(&self) -> Connection {
        Connection::open(self.path("trail.db")).unwrap()
    }

    async fn verdict(&self) -> Verdict {
        let reader = SqliteReader::open(&self.path("trail.db"), Handle::current()).unwrap();
        let head = Head::read(&self.path("head"), &chain()).unwrap();
        verify(&reader, &chain(), &seal(), head, Timestamp::now()).await.unwrap()
    }

    async fn verdict_after(sql: &str) -> Verdict {
        let ground = Self::new().await;
        ground.tamper(sql);
        ground.verdict().await
    }
}

fn fault(seq: u64, what: impl Into<FaultKind>) -> Fault {
    Fault { seq, what: what.into() }
}
