use super::*;
use crate::audit::Line;
use crate::audit::samples::sqlite_settings as settings;
use crate::secret::KeyMaterial;
use rusqlite::Connection;
use std::time::Duration;
use tempfile::TempDir;

async fn opened(settings: &Options) -> OpenTrail {
    open(settings, Handle::current()).await.unwrap()
}

/// Records this many entries, each in its own commit, and stops the service normally.
async fn write(settings: &Options, entries: usize) {
    let opened = opened(settings).await;
    for _ in 0..entries {
        opened.trail.record(&Entry::of(Event::Asked)).await.unwrap();
    }
    drop(opened);
    released(settings).await;
}

/// The writer's thread releases the lock a moment after the last handle is dropped.
async fn released(settings: &Options) {
    let StoreLocation::Sqlite(path) = &settings.store else { unreachable!() };
    for _ in 0..500 {
        if Lock::take(path).is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the lock is not given back");
}

/// An attacker with the file and SQLite's own tools.
fn tamper(settings: &Options, sql: &str) {
    let StoreLocation::Sqlite(path) = &settings.store else { unreachable!() };
    let db = Connection::open(path).unwrap();
    let triggers = "DROP TRIGGER trail_is_never_changed; DROP TRIGGER trail_keeps_its_lines;";
    db.execute_batch(&format!("{triggers} {sql}")).unwrap();
}

async fn lines(opened: &OpenTrail) -> Vec<Line> {
    opened.reader.lines(0, 1000).await.unwrap()
}

/// What the service finds after `sql` changed the trail.
async fn found_after(sql: &str) -> (TempDir, Options, OpenTrail) {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    write(&settings, 5).await;
    tamper(&settings, sql);
    let opened = opened(&settings).await;
    (folder, settings, opened)
}

/// The line numbers of a fault, without the MACs.
fn seqs(found: Option<EndFault>) -> (&'static str, u64, u64) {
    match found {
        None => ("nothing", 0, 0),
        Some(EndFault::Truncated { expected, found }) => ("truncated", expected.seq, found.seq),
        Some(EndFault::Replaced { expected }) => ("replaced", expected.seq, 0),
        Some(EndFault::HeadUnreadable { found }) => ("unreadable", 0, found.seq),
        Some(EndFault::HeadAbsent { found }) => ("absent", 0, found.seq),
        Some(EndFault::Line { seq }) => ("line", seq, 0),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_before_is_there_and_the_head_fits() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    write(&settings, 3).await;
    let opened = opened(&settings).await;
    assert_eq!(opened.end_fault, None);
    opened.trail.record(&Entry::of(Event::Answered)).await.unwrap();
    let lines = lines(&opened).await;
    assert_eq!(lines.iter().map(|line| line.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let head = Head::read(settings.head_file.as_ref().unwrap(), &opened.chain).unwrap();
    assert_eq!(head, Head::Is(Tip { seq: 4, mac: lines[3].mac }));
    assert!(lost_heads(settings.head_file.as_ref().unwrap()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_service_on_one_store_does_not_start_but_a_command_may_write_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let service = opened(&settings).await;
    let second = open(&settings, Handle::current()).await.err().unwrap();
    assert!(second.to_string().contains("another service has the trail open"), "{second}");
    let command = open_for_command(&settings, Handle::current()).await.unwrap();
    for _ in 0..3 {
        service.trail.record(&Entry::of(Event::Asked)).await.unwrap();
        command.trail.record(&Entry::of(Event::Searched)).await.unwrap();
    }
    let lines = lines(&service).await;
    lines.iter().try_fold(Tip::NONE, |tip, line| service.chain.check(tip, line)).unwrap();
    assert_eq!(lines.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chain_key_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    write(&settings, 1).await;
    let other = Options { chain_keys: vec![KeyMaterial::new([9; 32])], ..settings.clone() };
    let error = open(&other, Handle::current()).await.err().unwrap();
    assert!(matches!(error, OpenError::OtherKey), "{error}");
    assert!(error.to_string().contains("audit.chain_key_file"));
    let both = Options { chain_keys: vec![KeyMaterial::new([9; 32]), KeyMaterial::new([1; 32])], ..settings };
    released(&both).await;
    assert_eq!(opened(&both).await.end_fault, None, "a new key in front of the old one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_trail_starts_says_so_and_keeps_the_proof() {
    let (_folder, settings, opened) = found_after("DELETE FROM trail WHERE seq > 3").await;
    assert_eq!(seqs(opened.end_fault), ("truncated", 5, 3));
    let lines = lines(&opened).await;
    assert_eq!((lines[3].seq, lines[3].event.as_str()), (4, "started"));
    let stored = crate::audit::read_body(&lines[3].body, &opened.seal).unwrap();
    let detail = stored.entry.detail.unwrap();
    assert_eq!(detail, opened.end_fault.unwrap().to_string());
    let [aside] = lost_heads(settings.head_file.as_ref().unwrap()).try_into().unwrap();
    let Head::Is(lost) = Head::read(&aside, &opened.chain).unwrap() else { panic!("the head as it was") };
    assert!(lost.seq == 5 && detail.contains(&lost.mac.to_string()) && detail.contains(&lines[2].mac.to_string()));
    drop(opened);
    let chain = Chain::new(&settings.chain_keys).unwrap();
    assert_eq!(open_read_only(&settings, Handle::current()).await.unwrap().lost_heads, [aside]);
    let head = Head::read(settings.head_file.as_ref().unwrap(), &chain).unwrap();
    assert_eq!(head, Head::Is(Tip { seq: 4, mac: lines[3].mac }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_trail_and_a_deleted_file_are_truncations() {
    let (_folder, settings, opened_again) = found_after("DELETE FROM trail").await;
    assert_eq!(seqs(opened_again.end_fault), ("truncated", 5, 0));
    drop(opened_again);
    released(&settings).await;
    let StoreLocation::Sqlite(path) = &settings.store else { unreachable!() };
    std::fs::remove_file(path).unwrap();
    assert_eq!(seqs(opened(&settings).await.end_fault), ("truncated", 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_line_at_the_end_is_found_at_the_start() {
    let (_folder, _, opened) = found_after("UPDATE trail SET body = replace(body, 'asked', 'bsked') WHERE seq = 4").await;
    assert_eq!(seqs(opened.end_fault), ("line", 4, 0));
    let (_folder, _, opened) = found_after("UPDATE trail SET mac = zeroblob(32) WHERE seq = 5").await;
    assert_eq!(seqs(opened.end_fault), ("replaced", 5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_file_that_is_missing_or_forged_is_told_of() {
    for forged in [None, Some("cpis-fhir-head-1 2 00 00 00")] {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder);
        write(&settings, 2).await;
        let path = settings.head_file.as_ref().unwrap();
        std::fs::remove_file(path).unwrap();
        if let Some(text) = forged {
            std::fs::write(path, text).unwrap();
        }
        let opened = opened(&settings).await;
        assert_eq!(seqs(opened.end_fault), (if forged.is_some() { "unreadable" } else { "absent" }, 0, 2));
        assert_eq!(lost_heads(settings.head_file.as_ref().unwrap()).len(), usize::from(forged.is_some()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_in_memory_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Options { store: StoreLocation::Sqlite(":memory:".into()), ..settings(&folder) };
    let opened = opened(&settings).await;
    opened.trail.record(&Entry::of(Event::Asked)).await.unwrap();
    assert_eq!(lines(&opened).await.len(), 1);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(matches!(open_for_command(&settings, Handle::current()).await, Err(OpenError::InMemory)));
}
