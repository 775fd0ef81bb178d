//! Replicas that hang, servers that are full, read-only or older than they were.

use super::{again, append, drafts, open, the_chain, whole};
use crate::common::signal_to;
use crate::servers::postgres::{How, Postgres, give_to_server};
use cpis_fhir::audit::{Chain, Reader, Store, StoreErrorKind};
use cpis_fhir::secret::KeyMaterial;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The lock of `store.rs`, held by someone else.
const HOLD: &str = "SELECT pg_advisory_lock(x'6370697374726169'::bigint); SELECT pg_sleep(60)";
const OF_THE_CHILD: &str = "CPIS_FHIR_TEST_TRAIL";

/// Another process that appends without pause; started by the test below.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of another test"]
async fn appends_without_pause() {
    let Ok(url) = std::env::var(OF_THE_CHILD) else { return };
    let (mut store, _) = open(&crate::servers::postgres::url(&url)).await;
    loop {
        append(&mut store, &drafts(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_replica_that_stops_in_the_middle_holds_the_others_up_for_a_bounded_time() {
    let postgres = Postgres::start();
    let (mut store, reader) = open(&postgres.url()).await;
    let mut longest = Duration::ZERO;
    for signal in ["-STOP", "-STOP", "-STOP", "-KILL", "-KILL"] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "trail_postgres::faults::appends_without_pause", "--ignored"])
            .env(OF_THE_CHILD, postgres.url().expose())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let began = reader.tip().await.unwrap().seq;
        while reader.tip().await.unwrap().seq < began + 50 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        signal_to(child.id(), signal);
        let began = Instant::now();
        append(&mut store, &drafts(1)).await;
        longest = longest.max(began.elapsed());
        let _ = child.kill();
        child.wait().unwrap();
    }
    whole(&reader).await;
    assert!(longest < Duration::from_secs(4), "{longest:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_store_that_is_dropped_in_the_middle_leaves_nothing_behind() {
    let postgres = Postgres::start();
    let (mut store, reader) = open(&postgres.url()).await;
    let (mut dropped, _) = open(&postgres.url()).await;
    for micros in [100, 300, 500, 1000, 2000, 4000] {
        let entries = drafts(200);
        let chain = the_chain();
        let _ = tokio::time::timeout(Duration::from_micros(micros), dropped.append(&entries, &chain)).await;
        let began = Instant::now();
        append(&mut store, &drafts(1)).await;
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        append(&mut dropped, &again(&entries)).await;
    }
    assert_eq!(whole(&reader).await.len(), 6 * 201);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_lock_that_is_never_given_up_is_an_error_in_time() {
    let postgres = Postgres::start();
    let (mut store, _) = open(&postgres.url()).await;
    let port = postgres.port.to_string();
    let mut holder = Command::new("psql")
        .args(["-X", "-h", "127.0.0.1", "-U", "postgres", "-d", "trail", "-p", &port, "-c", HOLD])
        .env("PGPASSWORD", crate::servers::postgres::PASSWORD)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while postgres.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (began, entries) = (Instant::now(), drafts(1));
    let error = store.append(&entries, &the_chain()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Locked, "{error}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'");
    holder.wait().unwrap();
    assert_eq!(append(&mut store, &again(&entries)).await.seq, 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_database_that_takes_no_writes_says_so_until_it_does() {
    let postgres = Postgres::start();
    let (mut store, reader) = open(&postgres.url()).await;
    append(&mut store, &drafts(1)).await;
    postgres.sql("ALTER DATABASE trail SET default_transaction_read_only = on");
    postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'cpis-fhir/%'");
    let entries = drafts(1);
    for _ in 0..2 {
        let error = store.append(&entries, &the_chain()).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::ReadOnly, "{error}");
    }
    assert_eq!(whole(&reader).await.len(), 1, "reading goes on");
    postgres.sql_in("postgres", "ALTER DATABASE trail SET default_transaction_read_only = off");
    assert_eq!(append(&mut store, &again(&entries)).await.seq, 2);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn an_older_copy_of_the_database_is_refused_also_when_others_have_gone_on_with_it() {
    let mut postgres = Postgres::start();
    let (mut store, _) = open(&postgres.url()).await;
    append(&mut store, &drafts(3)).await;
    postgres.stop(How::Fast);
    Postgres::copy(&postgres.data(), &postgres.path("copy"));
    postgres.up();
    append(&mut store, &drafts(3)).await;
    postgres.stop(How::Fast);
    std::fs::remove_dir_all(postgres.data()).unwrap();
    std::fs::rename(postgres.path("copy"), postgres.data()).unwrap();
    postgres.up();
    let refused = async |store: &mut dyn Store| {
        let error = store.append(&drafts(1), &the_chain()).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Damaged, "{error}");
        assert!(error.detail.contains("line 6 that was committed is not in the database"), "{error}");
    };
    refused(&mut store).await;
    let (mut new, reader) = open(&postgres.url()).await;
    append(&mut new, &drafts(10)).await;
    refused(&mut store).await;
    assert_eq!(whole(&reader).await.len(), 13);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_last_line_that_was_changed_is_not_built_upon_but_one_with_a_newer_key_is() {
    let postgres = Postgres::start();
    let (mut store, reader) = open(&postgres.url()).await;
    append(&mut store, &drafts(2)).await;
    let newer = [KeyMaterial::new([8; 32]), KeyMaterial::new([7; 32])];
    let (mut other, _) = open(&postgres.url()).await;
    other.append(&drafts(1), &Chain::new(&newer).unwrap()).await.unwrap();
    assert_eq!(append(&mut store, &drafts(1)).await.seq, 4);
    postgres.sql("ALTER TABLE cpis_fhir.trail DISABLE TRIGGER USER; UPDATE cpis_fhir.trail SET body = 'x' WHERE seq = 4");
    let (mut third, _) = open(&postgres.url()).await;
    let error = third.append(&drafts(1), &the_chain()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged);
    assert!(error.detail.contains("line 4, the last: the line was changed"), "{error}");
    assert_eq!(reader.tip().await.unwrap().seq, 4);
}

/// A small file system for the table alone: a full one under the WAL brings the server down, which other tests do.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_full_disk_is_told_as_such_and_heals() {
    let postgres = Postgres::start();
    let small = postgres.path("small");
    std::fs::create_dir(&small).unwrap();
    let mount = |options: &str| {
        Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&small).stderr(Stdio::null()).status().unwrap()
    };
    if !mount("size=4m").success() {
        println!("SKIPPED: this machine lets us mount nothing, so no disk can be filled");
        return;
    }
    let _mounted = Mounted(small.clone());
    give_to_server(&small);
    let (mut store, reader) = open(&postgres.url()).await;
    postgres.sql(&format!("CREATE TABLESPACE small LOCATION '{}'", small.display()));
    postgres.sql("ALTER TABLE cpis_fhir.trail SET TABLESPACE small");
    let mut written = 0;
    let (kept, error) = loop {
        let mut entries = drafts(50);
        for draft in &mut entries {
            draft.body = vec![b'x'; 1500];
        }
        match store.append(&entries, &the_chain()).await {
            Ok(tip) => written = tip.seq,
            Err(error) => break (entries, error),
        }
        assert!(written < 100_000, "the disk did not fill");
    };
    assert_eq!(error.kind, StoreErrorKind::Full, "{error}");
    assert_eq!(whole(&reader).await.len() as u64, written);
    assert!(mount("remount,size=64m").success());
    assert_eq!(append(&mut store, &again(&kept)).await.seq, written + 50);
    whole(&reader).await;
    postgres.sql("ALTER TABLE cpis_fhir.trail SET TABLESPACE pg_default");
    postgres.sql("DROP TABLESPACE small");
}

struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn an_error_about_a_row_holds_nothing_of_it_and_leaves_nothing_behind() {
    let postgres = Postgres::start();
    let (mut store, reader) = open(&postgres.url()).await;
    let entries = drafts(2);
    append(&mut store, &entries).await;
    let twice = [drafts(1), entries.clone()].concat();
    let error = store.append(&twice, &the_chain()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Other);
    assert_eq!(error.detail, "SQLSTATE 23505, table trail, constraint trail_id_key");
    assert_eq!(whole(&reader).await.len(), 2, "all or nothing");
    assert_eq!(append(&mut store, &again(&twice)).await.seq, 3);
}
