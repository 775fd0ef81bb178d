use super::*;
use crate::audit::sqlite::{SqliteReader, SqliteRetire, SqliteStore};
use crate::audit::{Draft, Event, FaultKind, Filter, HeadFile, HeadVerdict, Line, Mac, Store, WriterOptions, body, verify};
use crate::cpis::NhsNumber;
use crate::secret::KeyMaterial;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Handle;

/// A trail of three months, five lines each, and a folder for archives.
struct Ground {
    folder: TempDir,
    reader: SqliteReader,
    store: SqliteRetire,
    trail: Trail,
}

fn chain() -> Chain {
    Chain::new(&[KeyMaterial::new([1; 32])]).unwrap()
}

fn seal() -> Seal {
    Seal::new(&[KeyMaterial::new([2; 32])]).unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn draft(at: Timestamp) -> Draft {
    let entry = Entry { at, child: NhsNumber::parse("9990000018").ok(), ..Entry::of(Event::Asked) };
    body::write(&entry, &seal()).unwrap()
}

fn drafts() -> Vec<Draft> {
    let days = ["01T00:00:00Z", "02T08:00:00Z", "15T12:00:00Z", "28T06:30:00Z", "28T23:59:59.999999Z"];
    let months = ["2025-12", "2026-01", "2026-02"];
    months.iter().flat_map(|month| days.map(|day| draft(time(&format!("{month}-{day}"))))).collect()
}

impl Ground {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trail.db");
        let mut store = SqliteStore::open(&path, None).unwrap();
        store.append(&drafts(), &chain()).await.unwrap();
        let mut head = HeadFile::new(folder.path().join("head"), Arc::new(chain()));
        let options = WriterOptions { after_commit: Box::new(move |tip| head.note(tip)), ..WriterOptions::default() };
        Self {
            reader: SqliteReader::open(&path, Handle::current()).unwrap(),
            store: SqliteRetire::new(&path, Handle::current()),
            trail: Trail::start(Box::new(store), chain(), Arc::new(seal()), options, Handle::current()).unwrap(),
            folder,
        }
    }

    fn archives(&self) -> PathBuf {
        let folder = self.folder.path().join("archives");
        let _ = std::fs::create_dir(&folder);
        folder
    }

    async fn archive(&self, before: &str) -> Result<Option<PathBuf>, ArchiveError> {
        archive(&self.reader, &chain(), &seal(), time(before), &self.archives()).await
    }

    async fn retire(&self, manifest: &Path) -> Result<Manifest, ArchiveError> {
        retire(manifest, &self.reader, &self.store, &self.trail, &chain()).await
    }

    async fn lines(&self) -> Vec<Line> {
        self.reader.lines(0, 1000).await.unwrap()
    }

    async fn verdict(&self) -> Verdict {
        let head = Head::read(&self.folder.path().join("head"), &chain()).unwrap();
        verify::verify(&self.reader, &chain(), &seal(), head, Timestamp::now()).await.unwrap()
    }

    fn raw(&self) -> Connection {
        Connection::open(self.folder.path().join("trail.db")).unwrap()
    }

    fn rows(&self) -> i64 {
        self.raw().query_row("SELECT count(*) FROM trail", [], |row| row.get(0)).unwrap()
    }
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_month_is_archived_with_its_proof_and_nothing_leaves_the_store() {
    let ground = Ground::new().await;
    let lines = ground.lines().await;
    let path = ground.archive("2026-03-01T00:00:00Z").await.unwrap().unwrap();
    assert_eq!(files(&ground.archives()), ["trail-2025-12-1-5.manifest.json", "trail-2025-12-1-5.ndjson"]);
    let manifest = Manifest::read(&path).unwrap();
    assert!(manifest.is_attested(&chain()));
    assert_eq!((manifest.begins_after(), manifest.ends_with()), (Tip::NONE, Tip { seq: 5, mac: lines[4].mac }));
    let mut archived = Vec::new();
    let digest = files::read_lines(&path.with_file_name(manifest.file()), |line| archived.push(line.unwrap())).unwrap();
    assert_eq!(archived, lines[..5]);
    assert_eq!(digest, manifest.facts.digest());
    let text = std::fs::read_to_string(path.with_file_name(manifest.file())).unwrap();
    assert!(!text.contains("9990000018"), "NHS numbers stay sealed");
    assert!(verify_archive(&path, &chain(), &seal()).unwrap().is_whole());
    assert_eq!(ground.lines().await, lines);
    assert_eq!(ground.archive("2026-03-01T00:00:00Z").await.unwrap(), Some(path), "again, the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_whole_months_that_ended_before_are_archived() {
    let ground = Ground::new().await;
    assert_eq!(ground.archive("2025-12-31T23:59:59Z").await.unwrap(), None);
    assert!(files(&ground.archives()).is_empty());
    for (before, month) in
        [("2026-01-01T00:00:00Z", Some("2025-12")), ("2026-01-31T00:00:00Z", None), ("2026-02-01T00:00:00Z", Some("2026-01"))]
    {
        let path = ground.archive(before).await.unwrap();
        assert_eq!(path.as_ref().map(|path| Manifest::read(path).unwrap().facts.month), month.map(str::to_owned), "{before}");
        if let Some(path) = path {
            ground.retire(&path).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_trail_is_never_archived() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, reader) = crate::audit::MemoryStore::new();
    store.append(&drafts()[..5], &chain()).await.unwrap();
    let nothing = archive(&reader, &chain(), &seal(), Timestamp::MAX, folder.path()).await.unwrap();
    assert_eq!((nothing, files(folder.path())), (None, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn retired_lines_leave_the_store_and_the_chain_goes_on_from_them() {
    let ground = Ground::new().await;
    let before = ground.lines().await;
    for (month, last) in [("2025-12", 5), ("2026-01", 10)] {
        let path = ground.archive("2026-03-01T00:00:00Z").await.unwrap().unwrap();
        let manifest = ground.retire(&path).await.unwrap();
        assert_eq!((manifest.facts.month.as_str(), manifest.facts.last), (month, last));
        assert_eq!(ground.reader.base().await.unwrap(), manifest.ends_with());
    }
    let lines = ground.lines().await;
    assert_eq!(lines[..5], before[10..]);
    let events: Vec<&str> = lines[5..].iter().map(|line| line.event.as_str()).collect();
    assert_eq!(events, ["archived", "archived"]);
    let stored = crate::audit::read_body(&lines[5].body, &seal()).unwrap();
    assert!(stored.entry.detail.unwrap().parse::<Manifest>().unwrap().is_attested(&chain()));
    assert_eq!(ground.rows(), 7, "the rows are gone, not only out of sight");
    ground.trail.record(&Entry::of(Event::Refused)).await.unwrap();
    let verdict = ground.verdict().await;
    assert!(verdict.is_whole(), "{verdict:?}");
    assert_eq!((verdict.base.seq, verdict.lines, verdict.tip.seq, verdict.head), (10, 8, 18, HeadVerdict::Same));
    assert_eq!(ground.reader.archived().await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_was_changed_takes_nothing_out_of_the_store() {
    let ground = Ground::new().await;
    let path = ground.archive("2026-03-01T00:00:00Z").await.unwrap().unwrap();
    let lines = path.with_file_name(Manifest::read(&path).unwrap().file());
    let text = std::fs::read_to_string(&lines).unwrap();
    let rows: Vec<&str> = text.lines().collect();
    let with = |rows: &[&str]| rows.iter().flat_map(|row| [row, "\n"]).collect::<String>();
    for (changed, first_bad) in [
        (text.replacen("\\\"event\\\":\\\"asked", "\\\"event\\\":\\\"shown", 1), 1),
        (with(&[rows[0], rows[1], rows[3], rows[4]]), 3),
        (with(&rows[..4]), 5),
        (with(&[rows[1], rows[0], rows[2], rows[3], rows[4]]), 1),
        (with(&[rows[0], "not a line", rows[2], rows[3], rows[4]]), 2),
        (format!("{text}\n"), 6),
        (text.replace("\"seq\":2,", "\"seq\": 2,"), 5),
    ] {
        assert_ne!(changed, text);
        std::fs::write(&lines, changed).unwrap();
        let verdict = verify_archive(&path, &chain(), &seal()).unwrap();
        assert_eq!(verdict.first_bad(), Some(first_bad), "{:?}", verdict.faults);
        assert!(matches!(ground.retire(&path).await, Err(ArchiveError::Broken(seq)) if seq == first_bad));
    }
    std::fs::write(&lines, &text).unwrap();
    let manifest = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, manifest.replace("\"last\":5", "\"last\":4")).unwrap();
    assert!(matches!(verify_archive(&path, &chain(), &seal()), Err(ArchiveError::Manifest)));
    assert!(matches!(ground.retire(&path).await, Err(ArchiveError::Manifest)));
    std::fs::write(&path, manifest).unwrap();
    std::fs::remove_file(&lines).unwrap();
    assert!(matches!(ground.retire(&path).await, Err(ArchiveError::Io(std::io::ErrorKind::NotFound))));
    assert_eq!((ground.rows(), ground.reader.base().await.unwrap()), (15, Tip::NONE));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_whole_is_not_archived() {
    let ground = Ground::new().await;
    ground.raw().execute_batch("DROP TRIGGER trail_is_never_changed; UPDATE trail SET mac = zeroblob(32) WHERE seq = 3").unwrap();
    let error = ground.archive("2026-03-01T00:00:00Z").await.unwrap_err();
    assert!(matches!(error, ArchiveError::NotWhole { seq: 3, fault: ChainFault::Changed }), "{error}");
    assert!(files(&ground.archives()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_leave_in_their_turn_and_once() {
    let ground = Ground::new().await;
    let path = ground.archive("2026-03-01T00:00:00Z").await.unwrap().unwrap();
    ground.retire(&path).await.unwrap();
    assert!(matches!(ground.retire(&path).await, Err(ArchiveError::OutOfTurn)));
    // From another store, attested with the same key.
    let other = Manifest::made_up(7, &chain());
    assert_eq!(ground.store.retire(&other).await.unwrap_err().kind, crate::audit::StoreErrorKind::Other);
    assert_eq!(ground.reader.base().await.unwrap().seq, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_the_removal_leaves_nothing_in_sight_and_the_next_run_removes_it() {
    let ground = Ground::new().await;
    let path = ground.archive("2026-03-01T00:00:00Z").await.unwrap().unwrap();
    let manifest = Manifest::read(&path).unwrap();
    ground.store.retire(&manifest).await.unwrap();
    assert_eq!(ground.rows(), 15);
    assert_eq!(ground.lines().await.first().unwrap().seq, 6);
    assert!(ground.reader.find(&Filter::default(), None, 100).await.unwrap().iter().all(|line| line.seq > 5));
    assert!(ground.verdict().await.is_whole());
    ground.trail.record(&Entry::of(Event::Started)).await.unwrap();
    purge(&ground.store).await.unwrap();
    assert_eq!(ground.rows(), 11);
    assert!(ground.verdict().await.is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_note_of_an_archive_is_found() {
    let ground = Ground::new().await;
    let path = ground.archive("2026-03-01T00:00:00Z").await.unwrap().unwrap();
    ground.retire(&path).await.unwrap();
    ground.raw().execute_batch("DROP TRIGGER archived_keeps_its_rows; DELETE FROM archived").unwrap();
    let verdict = ground.verdict().await;
    assert_eq!(verdict.faults, [crate::audit::Fault { seq: 1, what: FaultKind::Chain(ChainFault::Missing) }]);
}

#[test]
fn a_manifest_from_elsewhere_names_no_file_elsewhere() {
    let mut manifest = Manifest::made_up(7, &chain());
    manifest.facts.month = "../../etc/passwd".to_owned();
    assert!(!manifest.file().contains('/') && !manifest.file().contains(".."), "{}", manifest.file());
    assert!(!manifest.is_attested(&chain()));
    manifest.facts.mac = Mac([1; 32]);
    assert!("{}".parse::<Manifest>().is_err());
}
