//! The trail's file under a process that is killed, and on a disk that is full or can no longer be written.

use cpis_fhir::audit;
use cpis_fhir::audit::{Entry, Event, Head, StoreErrorKind, TrailError, open, open_read_only, verify};
use cpis_fhir::secret::KeyMaterial;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::runtime::{Handle, Runtime};
use uuid::Uuid;

/// Names the folder for the process that is killed.
const FOLDER: &str = "CPIS_FHIR_TEST_TRAIL_FOLDER";

fn settings(folder: &Path) -> audit::Options {
    audit::Options {
        store: audit::StoreLocation::Sqlite(folder.join("trail.db")),
        store_ca: None,
        chain_keys: vec![KeyMaterial::new([1; 32])],
        encryption_keys: vec![KeyMaterial::new([2; 32])],
        head_file: Some(folder.join("trail.head")),
        commit_timeout: Duration::from_secs(10),
        online_for: Duration::from_hours(24),
    }
}

/// Not a test of its own: the process that [`every_acknowledged_entry_survives_kill_9`] starts and kills. It says each entry's id
/// once the entry is durable.
#[test]
fn a_process_that_appends_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    Runtime::new().unwrap().block_on(async {
        let opened = open(&settings(&folder), Handle::current()).await.unwrap();
        assert_eq!(opened.end_fault, None);
        let writers = (0..8).map(|_| {
            let trail = opened.trail.clone();
            tokio::spawn(async move {
                loop {
                    let entry = Entry { look: Some(Uuid::new_v4()), ..Entry::of(Event::Asked) };
                    trail.record(&entry).await.unwrap();
                    // One write each, so that a kill cuts off whole lines or the last one.
                    std::io::stdout().write_all(format!("durable {}\n", entry.id).as_bytes()).unwrap();
                }
            })
        });
        futures_util::future::join_all(writers).await;
    });
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["trail_sqlite::a_process_that_appends_until_it_is_killed", "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The ids that the process said before it was killed, at some point after the first.
fn run_and_kill(folder: &Path, after: Duration) -> Vec<Uuid> {
    let mut child = start(folder);
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let id = |line: String| line.rsplit_once("durable ").and_then(|(_, id)| id.parse().ok());
    let first: Uuid = said.by_ref().map_while(Result::ok).find_map(id).expect("the process appends");
    let reader = std::thread::spawn(move || said.map_while(Result::ok).filter_map(id).collect::<Vec<Uuid>>());
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut ids = reader.join().unwrap();
    ids.push(first);
    ids
}

#[test]
fn every_acknowledged_entry_survives_kill_9() {
    const KILLS: u64 = 50;
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let mut acknowledged: HashSet<Uuid> = HashSet::new();
    for round in 0..KILLS {
        // From right after the first commit to some dozen commits later, and in between.
        let random = u64::from(Uuid::new_v4().as_bytes()[0]);
        acknowledged.extend(run_and_kill(folder.path(), Duration::from_micros(random * random)));
        runtime.block_on(async {
            let opened = open_read_only(&settings(folder.path()), Handle::current()).await.unwrap();
            let (reader, head) = (&*opened.reader, opened.head);
            let verdict = verify::verify(reader, &opened.chain, &opened.seal, head, jiff::Timestamp::now()).await.unwrap();
            assert!(verdict.is_whole(), "round {round}: {:?} {:?}", verdict.faults, verdict.head);
            assert!(matches!(opened.head, Head::Is(_)), "round {round}");
            // Nobody waits for these any more.
            assert_eq!(verdict.outcomes.open.count, verdict.lines, "round {round}");
            let mut there = HashSet::new();
            loop {
                let page = reader.lines(there.len() as u64, 5000).await.unwrap();
                if page.is_empty() {
                    break;
                }
                there.extend(page.iter().map(|line| line.id));
            }
            let lost = acknowledged.difference(&there).count();
            assert_eq!(lost, 0, "round {round}: of {} acknowledged entries", acknowledged.len());
        });
    }
    assert!(acknowledged.len() as u64 > KILLS * 8, "{} entries in {KILLS} rounds", acknowledged.len());
}

/// A small file system of its own; `None` where this process may not mount one.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            _ => {
                eprintln!("skipped: no file system can be mounted here");
                None
            }
        }
    }

    fn remount(&self, mode: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,{mode}")]).arg(self.0.path()).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

fn kind(outcome: Result<(), TrailError>) -> Option<StoreErrorKind> {
    match outcome {
        Ok(()) => None,
        Err(TrailError::Store(error)) => Some(error.kind),
        Err(other) => panic!("{other}"),
    }
}

async fn assert_whole(settings: &audit::Options) -> u64 {
    let opened = open_read_only(settings, Handle::current()).await.unwrap();
    let now = jiff::Timestamp::now();
    let verdict = verify::verify(&*opened.reader, &opened.chain, &opened.seal, opened.head, now).await.unwrap();
    assert!(verdict.is_whole(), "{verdict:?}");
    verdict.lines
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_entries_until_there_is_room_and_loses_none() {
    let Some(disk) = Disk::new("2m") else { return };
    let settings = settings(disk.0.path());
    let trail = open(&settings, Handle::current()).await.unwrap().trail;
    let filler = disk.0.path().join("filler");
    trail.record(&Entry::of(Event::Asked)).await.unwrap();
    std::fs::write(&filler, vec![0; 1 << 20]).unwrap();
    let mut written = 1;
    let refused = loop {
        let entry = Entry { detail: Some("x".repeat(2000)), ..Entry::of(Event::Searched) };
        match kind(trail.record(&entry).await) {
            None => written += 1,
            Some(kind) => break kind,
        }
        assert!(written < 2000, "the disk is never full");
    };
    assert_eq!(refused, StoreErrorKind::Full);
    assert_eq!(trail.state().failing, Some(StoreErrorKind::Full));
    trail.record_when_possible(&Entry::of(Event::Answered));
    std::fs::remove_file(&filler).unwrap();
    trail.record(&Entry::of(Event::Asked)).await.unwrap();
    assert!(trail.flush(Duration::from_secs(5)).await);
    assert_eq!((trail.state().failing, trail.state().backlog), (None, 0));
    assert_eq!(assert_whole(&settings).await, written + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_becomes_read_only_refuses_entries_until_it_can_be_written() {
    let Some(disk) = Disk::new("16m") else { return };
    let settings = settings(disk.0.path());
    let trail = open(&settings, Handle::current()).await.unwrap().trail;
    trail.record(&Entry::of(Event::Asked)).await.unwrap();
    drop(trail);
    // With the files closed, as after a restart: the kernel refuses to remount under open ones.
    tokio::time::sleep(Duration::from_millis(500)).await;
    disk.remount("ro");
    let refused = open(&settings, Handle::current()).await.err().unwrap();
    assert!(refused.to_string().contains("cannot be written"), "{refused}");
    disk.remount("rw");
    let trail = open(&settings, Handle::current()).await.unwrap().trail;
    trail.record(&Entry::of(Event::Answered)).await.unwrap();
    assert_eq!(assert_whole(&settings).await, 2);
}
