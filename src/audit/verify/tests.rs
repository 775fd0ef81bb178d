use super::*;
use crate::audit::archive::Manifest;
use crate::audit::sqlite::{SqliteReader, SqliteStore};
use crate::audit::{Draft, Entry, Event, HeadFile, Line, MemoryReader, MemoryStore, Message, Reading, Store, Wanted, Who, body};
use crate::cpis::NhsNumber;
use crate::settings::KeyMaterial;
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

    /// Somebody with the file and SQLite's own tools, who knows how to take the triggers and checks away.
    fn tamper(&self, sql: &str) {
        let db = Connection::open(self.path("trail.db")).unwrap();
        db.execute_batch(
            "DROP TRIGGER IF EXISTS trail_is_never_changed; DROP TRIGGER IF EXISTS trail_keeps_its_lines;
             DROP TRIGGER IF EXISTS trail_grows_at_its_end; DROP TRIGGER IF EXISTS archived_grows_at_its_end;
             PRAGMA ignore_check_constraints = on;",
        )
        .unwrap();
        db.execute_batch(sql).unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_as_it_was_written_is_whole() {
    let verdict = Ground::new().await.verdict().await;
    assert!(verdict.is_whole(), "{verdict:?}");
    assert_eq!((verdict.lines, verdict.tip.seq, verdict.base), (LINES, LINES, Tip::NONE));
    assert_eq!(verdict.head, HeadVerdict::Same);
    assert_eq!(verdict.software, [(env!("CARGO_PKG_VERSION").to_owned(), LINES)].into());
    assert_eq!(verdict.keys.values().sum::<u64>(), LINES);
    assert_eq!((verdict.sealed, verdict.backwards, verdict.fault_count), (0, None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_line_is_found_and_is_one_fault() {
    for sql in [
        "UPDATE trail SET body = replace(body, '555000111222', '555000111223') WHERE seq = 5",
        "UPDATE trail SET mac = zeroblob(32) WHERE seq = 5",
        "UPDATE trail SET previous = zeroblob(32) WHERE seq = 5",
        "UPDATE trail SET key_id = zeroblob(8) WHERE seq = 5",
        "UPDATE trail SET body = '' WHERE seq = 5",
        // Not even a line any more.
        "UPDATE trail SET mac = x'00' WHERE seq = 5",
        "UPDATE trail SET at = 9223372036854775807 WHERE seq = 5",
    ] {
        let verdict = Ground::verdict_after(sql).await;
        assert_eq!(verdict.first_bad(), Some(5), "{sql}: {:?}", verdict.faults);
        assert!(!verdict.is_whole() && verdict.fault_count <= 2, "{sql}: {:?}", verdict.faults);
        assert!(verdict.lines >= LINES - 1, "{sql}: the rest is checked too");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_written_anew_without_the_key_is_found() {
    let ground = Ground::new().await;
    // With another key, and every later line linked to it.
    let others = Chain::new(&[KeyMaterial::new([9; 32])]).unwrap();
    let reader = SqliteReader::open(&ground.path("trail.db"), Handle::current()).unwrap();
    let before = reader.lines(3, 1).await.unwrap().remove(0);
    let forged = others.link(Tip { seq: 4, mac: before.mac }, &[&drafts(2)[0]]).remove(0);
    ground.tamper(&format!(
        "UPDATE trail SET body = '{}', mac = x'{}', key_id = (SELECT key_id FROM trail WHERE seq = 1) WHERE seq = 5;
         UPDATE trail SET previous = x'{}' WHERE seq = 6;",
        String::from_utf8(forged.body).unwrap(),
        forged.mac,
        forged.mac
    ));
    let verdict = ground.verdict().await;
    assert_eq!(verdict.faults[0], fault(5, ChainFault::Changed));
    assert_eq!(verdict.faults[1], fault(6, ChainFault::Changed));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_lines_are_found() {
    let verdict = Ground::verdict_after("DELETE FROM trail WHERE seq = 5").await;
    assert_eq!(verdict.faults, [fault(5, ChainFault::Missing)]);
    let verdict = Ground::verdict_after("DELETE FROM trail WHERE seq <= 3").await;
    assert_eq!(verdict.first_bad(), Some(1), "also at the beginning");
    let closed_up = "DELETE FROM trail WHERE seq = 5; UPDATE trail SET seq = seq - 1 WHERE seq > 5";
    let verdict = Ground::verdict_after(closed_up).await;
    assert_eq!(verdict.first_bad(), Some(5), "also where the numbers were closed up");
}

#[tokio::test(flavor = "multi_thread")]
async fn reordered_lines_are_found() {
    let swap = "UPDATE trail SET seq = 100 WHERE seq = 5; UPDATE trail SET seq = 5 WHERE seq = 6; UPDATE trail SET seq = 6 WHERE seq = 100";
    let verdict = Ground::verdict_after(swap).await;
    assert_eq!(verdict.first_bad(), Some(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_trail_is_found_by_its_head_alone() {
    let ground = Ground::new().await;
    ground.tamper("DELETE FROM trail WHERE seq > 9");
    let verdict = ground.verdict().await;
    assert_eq!((verdict.head, verdict.first_bad()), (HeadVerdict::Truncated { head: LINES }, Some(10)));
    assert_eq!(verdict.faults, []);
    std::fs::remove_file(ground.path("head")).unwrap();
    assert!(ground.verdict().await.is_whole(), "without a head nobody can tell");
    std::fs::write(ground.path("head"), "cpis-fhir-head-1 9 forged").unwrap();
    let verdict = ground.verdict().await;
    assert!(verdict.head == HeadVerdict::Unreadable && !verdict.is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_tail_is_found_by_its_head() {
    let ground = Ground::new().await;
    ground.tamper("DELETE FROM trail WHERE seq > 9");
    // By somebody who has the chain key too, or by a service that went on with an old copy.
    let mut store = SqliteStore::open(&ground.path("trail.db"), None).unwrap();
    store.append(&drafts(6), &chain()).await.unwrap();
    drop(store);
    let verdict = ground.verdict().await;
    assert_eq!((verdict.head, verdict.first_bad()), (HeadVerdict::Replaced { seq: LINES }, Some(LINES)));
    assert_eq!((verdict.faults.len(), verdict.tip.seq), (0, 15));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_of_the_file_is_a_truncation() {
    let ground = Ground::new().await;
    std::fs::copy(ground.path("trail.db"), ground.path("copy")).unwrap();
    ground.append(&drafts(4)).await;
    assert_eq!(ground.verdict().await.tip.seq, LINES + 4);
    for name in ["trail.db", "trail.db-wal", "trail.db-shm"] {
        let _ = std::fs::remove_file(ground.path(name));
    }
    std::fs::rename(ground.path("copy"), ground.path("trail.db")).unwrap();
    assert_eq!(ground.verdict().await.first_bad(), Some(LINES + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_ahead_of_its_head_is_no_fault() {
    let ground = Ground::new().await;
    let mut store = SqliteStore::open(&ground.path("trail.db"), None).unwrap();
    store.append(&drafts(4), &chain()).await.unwrap();
    drop(store);
    let verdict = ground.verdict().await;
    assert_eq!(verdict.head, HeadVerdict::Behind { by: 4 });
    assert!(verdict.is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_says_other_than_the_line_is_found() {
    for (column, value) in [
        ("id", "randomblob(16)"),
        ("at", "at - 1"),
        ("event", "'shared'"),
        ("look", "NULL"),
        ("look", "randomblob(16)"),
        ("user_id", "NULL"),
        ("user_id", "'somebody else'"),
        ("child", "NULL"),
        ("child", "randomblob(16)"),
        ("message_id", "'other'"),
        ("request_id", "NULL"),
    ] {
        let verdict = Ground::verdict_after(&format!("UPDATE trail SET {column} = {value} WHERE seq = 5")).await;
        // The id is under the MAC too.
        let what = if column == "id" { ChainFault::Changed.into() } else { FaultKind::Column(column) };
        assert_eq!(verdict.faults, [fault(5, what)], "{column} = {value}");
        assert_eq!(verdict.first_bad(), Some(5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_no_key_opens_is_counted_and_no_fault() {
    let ground = Ground::new().await;
    let reader = SqliteReader::open(&ground.path("trail.db"), Handle::current()).unwrap();
    let other = Seal::new(&[KeyMaterial::new([7; 32])]).unwrap();
    let verdict = verify(&reader, &chain(), &other, Head::Absent, Timestamp::now()).await.unwrap();
    assert_eq!((verdict.sealed, verdict.is_whole(), verdict.head), (LINES, true, HeadVerdict::Absent));
    let other = Chain::new(&[KeyMaterial::new([7; 32])]).unwrap();
    let verdict = verify(&reader, &other, &seal(), Head::Absent, Timestamp::now()).await.unwrap();
    assert_eq!((verdict.faults[0], verdict.fault_count), (fault(1, ChainFault::UnknownKey), LINES));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_archive_hides_no_lines() {
    let hide = "INSERT INTO archived SELECT seq, mac, 1, '{}' FROM trail WHERE seq = 7";
    let verdict = Ground::verdict_after(hide).await;
    assert!(matches!(verdict.faults[0].what, FaultKind::Archive), "{:?}", verdict.faults);
    assert!(!verdict.is_whole());
    let spoilt = "INSERT INTO archived VALUES (7, x'00', 1, '{}')";
    assert!(!Ground::verdict_after(spoilt).await.is_whole());
    let manifest = Manifest::made_up(7, &Chain::new(&[KeyMaterial::new([9; 32])]).unwrap());
    let hide = format!("INSERT INTO archived VALUES (7, zeroblob(32), 1, '{manifest}')");
    let verdict = Ground::verdict_after(&hide).await;
    assert_eq!(verdict.faults[0], fault(7, FaultKind::Archive));
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_without_a_known_outcome_are_listed() {
    let (mut store, reader) = MemoryStore::new();
    let looks: Vec<Uuid> = (0..6).map(|_| Uuid::new_v4()).collect();
    let hour_ago = Timestamp::now() - std::time::Duration::from_hours(1);
    let write = |event, look: usize, at| draft(&Entry { at, ..entry(event, looks[look]) });
    let now = Timestamp::now();
    let drafts = [
        write(Event::Asked, 0, hour_ago),
        write(Event::Asked, 1, hour_ago),
        write(Event::Answered, 0, hour_ago),
        write(Event::Asked, 2, hour_ago),
        write(Event::Unknown, 2, hour_ago),
        write(Event::Asked, 3, hour_ago),
        // Late, after all.
        write(Event::Unknown, 3, hour_ago),
        write(Event::Answered, 3, hour_ago),
        write(Event::Asked, 4, hour_ago),
        write(Event::Failed, 4, hour_ago),
        // Shown again: says nothing of an outcome.
        write(Event::Shared, 1, hour_ago),
        write(Event::Asked, 5, now),
    ];
    store.append(&drafts, &chain()).await.unwrap();
    let settled = now - std::time::Duration::from_mins(2);
    let verdict = verify(&reader, &chain(), &seal(), Head::Absent, settled).await.unwrap();
    assert_eq!(verdict.outcomes.open, Listed { count: 1, first: vec![2] });
    assert_eq!(verdict.outcomes.unknown, Listed { count: 1, first: vec![5] });
    assert_eq!((verdict.outcomes.pending, verdict.outcomes.is_incomplete), (1, false));
    assert!(verdict.is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_is_noted_and_no_fault() {
    let (mut store, reader) = MemoryStore::new();
    let times =
        ["2026-01-01T12:00:00Z", "2026-01-01T11:59:58Z", "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z", "2026-01-02T00:00:00Z"];
    let drafts = times.map(|at| draft(&Entry { at: at.parse().unwrap(), ..Entry::of(Event::Refused) }));
    store.append(&drafts, &chain()).await.unwrap();
    let verdict = verify(&reader, &chain(), &seal(), Head::Absent, Timestamp::now()).await.unwrap();
    assert_eq!(verdict.backwards, Some(Backwards { count: 2, first: 3, most: SignedDuration::from_hours(2) }));
    assert!(verdict.is_whole());
}

/// A store whose oldest lines are archived while `verify` reads them.
struct Moving {
    inside: MemoryReader,
    base: std::sync::Mutex<Tip>,
    manifests: std::sync::Mutex<Vec<Manifest>>,
    page: std::sync::atomic::AtomicUsize,
}

impl Reader for Moving {
    fn tip(&self) -> Reading<'_, Tip> {
        self.inside.tip()
    }

    fn base(&self) -> Reading<'_, Tip> {
        let base = *self.base.lock().unwrap();
        Box::pin(async move { Ok(base) })
    }

    fn archived(&self) -> Reading<'_, Vec<Manifest>> {
        let manifests = self.manifests.lock().unwrap().clone();
        Box::pin(async move { Ok(manifests) })
    }

    fn lines(&self, after: u64, limit: usize) -> Reading<'_, Vec<Line>> {
        Box::pin(async move {
            if self.page.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 1 {
                let end = self.inside.lines(1_999, 1).await?[0].clone();
                let end = Tip { seq: end.seq, mac: end.mac };
                *self.base.lock().unwrap() = end;
                *self.manifests.lock().unwrap() = vec![Manifest::made_up_to(end, &chain())];
            }
            let base = self.base.lock().unwrap().seq;
            self.inside.lines(after.max(base), limit).await
        })
    }

    fn find<'a>(&'a self, wanted: &'a Wanted, before: Option<u64>, limit: usize) -> Reading<'a, Vec<Line>> {
        self.inside.find(wanted, before, limit)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_are_archived_meanwhile_are_not_missing() {
    let (mut store, inside) = MemoryStore::new();
    store.append(&drafts(3_000), &chain()).await.unwrap();
    let moving = Moving { inside, base: Tip::NONE.into(), manifests: Vec::new().into(), page: 0.into() };
    let verdict = verify(&moving, &chain(), &seal(), Head::Absent, Timestamp::now()).await.unwrap();
    assert!(verdict.is_whole(), "{:?}", verdict.faults);
    assert_eq!((verdict.base.seq, verdict.lines), (2_000, 1_000));
}
