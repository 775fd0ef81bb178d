use super::*;
use crate::audit::samples::sqlite_settings as settings;
use crate::audit::{Entry, Event, open};
use crate::secret::KeyMaterial;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

async fn tried(settings: &Options) -> Result<Writable, StoreError> {
    writable(settings, &Handle::current()).await
}

async fn ended(settings: &Options) -> TrailEnd {
    end(settings, Handle::current()).await.unwrap()
}

fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn looked_at() -> Entry {
    Entry { child: Some(crate::cpis::NhsNumber::parse("9990000018").unwrap()), ..Entry::of(Event::Asked) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_is_not_there_yet_can_be_made_and_is_not() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(tried(&settings(&folder)).await.unwrap(), Writable::NotYet);
    assert_eq!(end_without_store(&settings(&folder)).unwrap(), None);
    head_can_be_written(&folder.path().join("trail.head")).unwrap();
    assert_eq!(names(&folder), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_a_service_has_open_is_tried_and_read_without_a_mark() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let opened = open(&settings, Handle::current()).await.unwrap();
    opened.trail.record(&looked_at()).await.unwrap();
    let (before, files) = (opened.reader.lines(0, 10).await.unwrap(), names(&folder));
    assert_eq!(tried(&settings).await.unwrap(), Writable::File);
    head_can_be_written(&folder.path().join("trail.head")).unwrap();
    let found = ended(&settings).await;
    assert_eq!((found.tip.seq, found.end_fault, found.sealed), (1, None, 0));
    assert_eq!(found.written, before.last().map(|line| line.at));
    assert!(opened.reader.lines(0, 10).await.unwrap() == before && names(&folder) == files);
    opened.trail.record(&looked_at()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_another_writes_to_all_the_while_is_busy_and_not_broken() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    drop(open(&settings, Handle::current()).await.unwrap());
    let other = Connection::open(folder.path().join("trail.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(tried(&settings).await.unwrap(), Writable::Busy);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(tried(&settings).await.unwrap(), Writable::File);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_takes_no_lines_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = Options { store: StoreLocation::Sqlite("/proc/trail.db".into()), ..settings(&folder) };
    let error = tried(&nowhere).await.unwrap_err();
    assert!(error.detail.contains("in the folder /proc"), "{error}");
    std::fs::write(folder.path().join("trail.db"), "a letter to the ward\n".repeat(500)).unwrap();
    assert!(tried(&settings(&folder)).await.is_err());
    assert!(head_can_be_written(Path::new("/proc/trail.head")).is_err());
    assert!(head_can_be_written(folder.path()).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_made_and_never_written_is_no_trail_yet() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("trail.db"), "").unwrap();
    assert_eq!(tried(&settings(&folder)).await.unwrap(), Writable::NotYet);
    assert_eq!(std::fs::metadata(folder.path().join("trail.db")).unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_no_key_opens_are_counted_and_a_chain_key_that_is_missing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let opened = open(&settings, Handle::current()).await.unwrap();
    for _ in 0..3 {
        opened.trail.record(&looked_at()).await.unwrap();
    }
    let other = |byte: u8| vec![KeyMaterial::new([byte; 32])];
    assert_eq!(ended(&Options { encryption_keys: other(9), ..settings.clone() }).await.sealed, 3);
    let error = end(&Options { chain_keys: other(9), ..settings }, Handle::current()).await.unwrap_err();
    assert!(matches!(error, OpenError::OtherKey), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_is_gone_is_not_taken_for_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let opened = open(&settings, Handle::current()).await.unwrap();
    opened.trail.record(&looked_at()).await.unwrap();
    drop(opened);
    std::fs::remove_file(folder.path().join("trail.db")).unwrap();
    assert!(matches!(end_without_store(&settings).unwrap(), Some(EndFault::Truncated { expected, .. }) if expected.seq == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_grows_while_it_is_looked_at_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let opened = open(&settings, Handle::current()).await.unwrap();
    let (trail, is_done) = (opened.trail.clone(), Arc::new(AtomicBool::new(false)));
    let until = Arc::clone(&is_done);
    let writing = tokio::spawn(async move {
        while !until.load(Ordering::Relaxed) {
            trail.record(&Entry::of(Event::Asked)).await.unwrap();
        }
    });
    for _ in 0..100 {
        assert_eq!(ended(&settings).await.end_fault, None);
    }
    is_done.store(true, Ordering::Relaxed);
    writing.await.unwrap();
}
