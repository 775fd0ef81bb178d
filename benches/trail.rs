//! What a durable trail costs: `cargo bench --bench trail`.
//!
//! 1. Appends a second, each synced to disk before its caller goes on, of 1 and 64 clients, against the trail in memory in the
//!    same run. 2. Syncs of the disk for each commit (with `strace`). 3. One append, and one search for a child, in trails of
//!    10^4, 10^5 and, with `TRAIL_BENCH_MILLION=1`, 10^6 lines: the goal is that neither grows by more than 1.3. And `verify`.
//!
//! `TRAIL_BENCH_STORES=sqlite` names the durable stores, with commas; `TRAIL_BENCH_FOLDER` where their files go.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::cast_precision_loss)]

use cpis_fhir::audit::sqlite::{SqliteReader, SqliteStore};
use cpis_fhir::audit::verify::verify;
use cpis_fhir::audit::{
    Chain, Entry, Event, Filter, Head, HeadFile, MemoryStore, Message, Outcome, Reader, RequestFacts, Seal, Store, Tip, Trail,
    Who, WriterOptions,
};
use cpis_fhir::cpis::{AuthorAsSent, AuthorKind, NhsNumber};
use cpis_fhir::secret::KeyMaterial;
use futures_util::future::join_all;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, Runtime};
use uuid::Uuid;

/// Set for the process whose syncs are counted: as many appends, one after the other.
const COUNTED: &str = "TRAIL_BENCH_COUNTED";
/// So few that each is in the smallest trail.
const CHILDREN: u64 = 5_000;
const RUN: Duration = Duration::from_secs(2);

/// A store by its name: this is where another one joins.
fn store(name: &str, folder: &Path) -> (Box<dyn Store>, Arc<dyn Reader>) {
    match name {
        "memory" => {
            let (store, reader) = MemoryStore::new();
            (Box::new(store), Arc::new(reader))
        }
        "sqlite" => {
            let path = folder.join("trail.db");
            let store = SqliteStore::open(&path, None).unwrap();
            (Box::new(store), Arc::new(SqliteReader::open(&path, Handle::current()).unwrap()))
        }
        other => panic!("no store is named {other}"),
    }
}

struct Fixture {
    trail: Trail,
    reader: Arc<dyn Reader>,
    seal: Arc<Seal>,
    chain: Chain,
    _folder: tempfile::TempDir,
}

impl Fixture {
    fn new(name: &str) -> Self {
        let at = std::env::var_os("TRAIL_BENCH_FOLDER").map_or_else(|| PathBuf::from("."), PathBuf::from);
        let folder = tempfile::tempdir_in(at).unwrap();
        let keys = [KeyMaterial::new([1; 32])];
        let seal = Arc::new(Seal::new(&keys).unwrap());
        let (store, reader) = store(name, folder.path());
        let chain = || Chain::new(&keys).unwrap();
        let mut head = HeadFile::new(folder.path().join("trail.head"), Arc::new(chain()));
        let after_commit: Box<dyn FnMut(Tip) + Send> =
            if name == "memory" { Box::new(|_| {}) } else { Box::new(move |tip| head.note(tip)) };
        let options = WriterOptions { after_commit, ..WriterOptions::default() };
        let trail = Trail::start(store, chain(), Arc::clone(&seal), options, Handle::current()).unwrap();
        Self { trail, reader, seal, chain: chain(), _folder: folder }
    }
}

/// An entry as a look has two of, about another child each time.
fn entry() -> Entry {
    static NEXT: AtomicU64 = AtomicU64::new(0);

    let n = NEXT.fetch_add(1, Relaxed);
    let id = || Uuid::new_v4().to_string().to_uppercase();
    Entry {
        look: Some(Uuid::new_v4()),
        who: Some(Who {
            issuer: Some("https://am.example.nhs.uk/openam/oauth2/realms/root".into()),
            user_id: Some(format!("5550001{:05}", n % 3000).into()),
            sds_user_id: Some("555000111222".into()),
            role_profile_id: Some("555000333444".into()),
            name: Some("Dr Asha Example".into()),
            role_code: Some("R0260".into()),
            role_name: Some("General Medical Practitioner".into()),
            organisation_ods: Some("X26".into()),
            organisation_name: Some("Example Hospital NHS Trust".into()),
            care_setting: Some("emergency-department".into()),
        }),
        child: Some(child(n.wrapping_mul(7_919) % CHILDREN)),
        request: RequestFacts {
            request_id: Some(id().into()),
            correlation_id: Some(id().into()),
            trace_id: Some(Uuid::new_v4().simple().to_string().into()),
            address: "192.0.2.17".parse().ok(),
            source_system: Some("epr".into()),
            interaction: Some("search Flag".into()),
            freshness: None,
        },
        message: Some(Message {
            message_id: id().into(),
            tracking_id: id().into(),
            payload_id: id().into(),
            query_id: id().into(),
            response_id: Some(id().into()),
        }),
        author: Some(AuthorAsSent {
            template: AuthorKind::Person,
            id: "555000111222".into(),
            role_profile_id: Some("555000333444".into()),
            role_code: "R0260".into(),
            role_name: "General Medical Practitioner".into(),
            name: "Dr Asha Example".into(),
            organisation_ods: "X26".into(),
            organisation_name: "Example Hospital NHS Trust".into(),
            nominated: false,
        }),
        outcome: Some(Outcome { name: "found".into(), notification_expected: Some(true), ..Outcome::default() }),
        ..Entry::of(Event::Answered)
    }
}

/// The nth NHS number of the range for tests that has a check digit.
fn child(n: u64) -> NhsNumber {
    (0..10).find_map(|digit| NhsNumber::parse(&format!("{}{digit}", 999_000_000 + n)).ok()).unwrap_or_else(|| child(n + 1))
}

/// Appends a second of `clients` that each wait for theirs.
async fn throughput(name: &str, clients: usize) -> f64 {
    let fixture = Fixture::new(name);
    let began = Instant::now();
    let counts = join_all((0..clients).map(|_| {
        let trail = fixture.trail.clone();
        tokio::spawn(async move {
            let mut count = 0_u64;
            while began.elapsed() < RUN {
                trail.record(&entry()).await.unwrap();
                count += 1;
            }
            count
        })
    }))
    .await;
    counts.into_iter().map(Result::unwrap).sum::<u64>() as f64 / began.elapsed().as_secs_f64()
}

async fn compare(durable: &[String]) {
    println!("appends a second");
    for clients in [1, 64] {
        // In turns, so that what else the machine does falls on all of them.
        for round in 1..=3 {
            let memory = throughput("memory", clients).await;
            for name in durable {
                let synced = throughput(name, clients).await;
                println!(
                    "  {clients:2} clients, round {round}: {name} {synced:8.0} ({:6.1} us each), memory {memory:8.0}, ratio {:.3}",
                    1e6 / synced,
                    synced / memory
                );
            }
        }
    }
}

/// Runs this program again under `strace` and counts its syncs.
fn count_syncs(name: &str) {
    const APPENDS: u64 = 2000;
    let traced = Command::new("strace")
        .args(["-f", "-c", "-e", "trace=fsync,fdatasync"])
        .arg(std::env::current_exe().unwrap())
        .env(COUNTED, format!("{name} {APPENDS}"))
        .output();
    let Ok(output) = traced else {
        println!("syncs for each commit: not counted, there is no strace here");
        return;
    };
    let report = String::from_utf8_lossy(&output.stderr);
    let calls = |line: &str| line.split_ascii_whitespace().nth(3).and_then(|calls| calls.parse::<u64>().ok());
    let is_sync = |line: &&str| line.ends_with("fsync") || line.ends_with("fdatasync");
    let syncs: u64 = report.lines().filter(is_sync).filter_map(calls).sum();
    println!("syncs for each commit of one line: {name} {:.3} ({syncs} in {APPENDS} commits)", syncs as f64 / APPENDS as f64);
}

async fn append_one_by_one(fixture: &Fixture, entries: u64) -> Duration {
    let began = Instant::now();
    for _ in 0..entries {
        fixture.trail.record(&entry()).await.unwrap();
    }
    began.elapsed() / u32::try_from(entries).unwrap()
}

async fn fill(fixture: &Fixture, lines: u64) {
    let mut there = fixture.reader.tip().await.unwrap().seq;
    while there < lines {
        let batch = (lines - there).min(1024);
        let entries: Vec<Entry> = (0..batch).map(|_| entry()).collect();
        let recorded = join_all(entries.iter().map(|entry| fixture.trail.record(entry))).await;
        assert!(recorded.into_iter().all(|outcome| outcome.is_ok()));
        there += batch;
    }
}

/// A search for one child, its newest lines, as an inspector's: another child each time.
async fn search(fixture: &Fixture, searches: u64) -> (Duration, u64) {
    let (mut took, mut found) = (Duration::ZERO, 0);
    for n in 0..searches {
        let wanted = Filter { child: fixture.seal.indexes(&child(n * 7_919 % CHILDREN)), ..Filter::default() };
        let began = Instant::now();
        // No more than there are in the smallest trail, so that only the trail's length differs.
        found += fixture.reader.find(&wanted, None, 2).await.unwrap().len() as u64;
        took += began.elapsed();
    }
    (took / u32::try_from(searches).unwrap(), found)
}

async fn growth(name: &str) {
    println!("{name} as it grows (goal: within 1.3 of the smallest)");
    let fixture = Fixture::new(name);
    let mut first = None;
    let million = std::env::var_os("TRAIL_BENCH_MILLION").map(|_| 1_000_000);
    for lines in [10_000, 100_000].into_iter().chain(million) {
        let began = Instant::now();
        fill(&fixture, lines).await;
        let filled = began.elapsed();
        // The best of several, since the disk is not ours alone.
        let (mut append, mut find, mut found) = (Duration::MAX, Duration::MAX, 0);
        for _ in 0..5 {
            append = append.min(append_one_by_one(&fixture, 300).await);
            let (took, lines) = search(&fixture, 500).await;
            (find, found) = (find.min(took), lines);
        }
        let (append, find) = (append.as_secs_f64() * 1e6, find.as_secs_f64() * 1e6);
        let (append_first, find_first) = *first.get_or_insert((append, find));
        println!(
            "  {lines:8} lines: append {append:7.1} us ({:.2}), one child {find:6.1} us ({:.2}, {found} lines of 500 children), filled in {filled:.1?}",
            append / append_first,
            find / find_first
        );
        let (began, before) = (Instant::now(), resident());
        let verdict = verify(&*fixture.reader, &fixture.chain, &fixture.seal, Head::Absent, jiff::Timestamp::MAX).await.unwrap();
        assert!(verdict.is_whole() && verdict.lines >= lines);
        println!("           verify: {:.1?}, {} KiB of memory before and {} KiB after", began.elapsed(), before, resident());
    }
}

/// Memory of this process, in KiB; 0 where the system does not tell.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_ascii_whitespace().nth(1)?.parse().ok()).unwrap_or_default()
}

fn main() {
    let runtime = Runtime::new().unwrap();
    if let Ok(counted) = std::env::var(COUNTED) {
        let (name, appends) = counted.split_once(' ').unwrap();
        runtime.block_on(async { append_one_by_one(&Fixture::new(name), appends.parse().unwrap()).await });
        return;
    }
    // `cargo test --benches` only wants to know that it runs.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let durable: Vec<String> =
        std::env::var("TRAIL_BENCH_STORES").unwrap_or("sqlite".to_owned()).split(',').map(str::to_owned).collect();
    runtime.block_on(compare(&durable));
    for name in &durable {
        count_syncs(name);
        runtime.block_on(growth(name));
    }
}
