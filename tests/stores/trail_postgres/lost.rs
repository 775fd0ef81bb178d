//! A connection that breaks around COMMIT: whether it was committed is not known here, and is found out by trying again.

use super::{again, append, drafts, open, the_chain, whole};
use crate::servers::postgres::{Postgres, url_on};
use cpis_fhir::audit::postgres::connect;
use cpis_fhir::audit::{Reader, Store, StoreErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PASS: u8 = 0;
/// The server gets the COMMIT; its answer gets lost.
const CUT_AFTER: u8 = 1;
/// The COMMIT gets lost.
const CUT_BEFORE: u8 = 2;
/// The COMMIT is held back, and the connection stays: a replica that stops while it has the lock.
const HOLD: u8 = 4;
/// Nothing passes any more, and neither side notices.
const SILENT: u8 = 3;

/// A wire to the server that can break. Gives its port and its state.
async fn wire(to: u16) -> (u16, Arc<AtomicU8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let state = Arc::new(AtomicU8::new(PASS));
    let shared = Arc::clone(&state);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            tokio::spawn(carry(client, server, Arc::clone(&shared)));
        }
    });
    (port, state)
}

async fn carry(mut client: TcpStream, mut server: TcpStream, state: Arc<AtomicU8>) {
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut cut = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(n @ 1..) = read else { return };
                let is_commit = asked[..n].windows(7).any(|word| word == b"COMMIT\0");
                match state.load(SeqCst) {
                    CUT_BEFORE if is_commit => return,
                    CUT_AFTER if is_commit => cut = true,
                    HOLD if is_commit => continue,
                    SILENT => continue,
                    _ => {}
                }
                if server.write_all(&asked[..n]).await.is_err() { return }
                if cut {
                    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(n @ 1..) = read else { return };
                if state.load(SeqCst) == SILENT { continue }
                if client.write_all(&answered[..n]).await.is_err() { return }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn an_entry_whose_commit_was_not_confirmed_is_on_the_trail_once() {
    let postgres = Postgres::start();
    let (port, state) = wire(postgres.port).await;
    let (mut store, _) = connect(&url_on(port, "cpis_fhir_owner", ""), None).await.unwrap();
    let (_, reader) = open(&postgres.url()).await;
    let mut ids = Vec::new();
    for (cut, is_there) in [(CUT_AFTER, true), (CUT_BEFORE, false), (CUT_AFTER, true)] {
        let before = append(&mut store, &[]).await;
        let entries = drafts(3);
        state.store(cut, SeqCst);
        let error = store.append(&entries, &the_chain()).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Gone, "{error}");
        state.store(PASS, SeqCst);
        let written = reader.tip().await.unwrap().seq - before.seq;
        assert_eq!(written, if is_there { 3 } else { 0 }, "the wire broke where the test wanted it");
        assert_eq!(append(&mut store, &again(&entries)).await.seq, before.seq + 3);
        ids.extend(entries.iter().map(|draft| draft.id));
    }
    assert_eq!(whole(&reader).await, ids);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_partition_without_a_word_ends_in_an_error_and_heals() {
    let postgres = Postgres::start();
    let (port, state) = wire(postgres.port).await;
    let (mut store, _) = connect(&url_on(port, "cpis_fhir_owner", ""), None).await.unwrap();
    let (mut other, reader) = open(&postgres.url()).await;
    append(&mut store, &drafts(1)).await;
    state.store(SILENT, SeqCst);
    let entries = drafts(1);
    let began = std::time::Instant::now();
    let error = store.append(&entries, &the_chain()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Slow, "{error}");
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    append(&mut other, &drafts(1)).await;
    state.store(PASS, SeqCst);
    append(&mut store, &again(&entries)).await;
    assert_eq!(whole(&reader).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_replica_that_stops_while_it_has_the_lock_is_thrown_out() {
    let postgres = Postgres::start();
    let (port, state) = wire(postgres.port).await;
    let (mut stopped, _) = connect(&url_on(port, "cpis_fhir_owner", ""), None).await.unwrap();
    let (mut other, reader) = open(&postgres.url()).await;
    state.store(HOLD, SeqCst);
    let held = drafts(1);
    let stopping = tokio::spawn({
        let held = held.clone();
        async move { (stopped.append(&held, &the_chain()).await.unwrap_err(), stopped) }
    });
    while postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'") == "0" {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let began = std::time::Instant::now();
    append(&mut other, &drafts(1)).await;
    let waited = began.elapsed().as_secs_f64();
    assert!(waited > 1.0 && waited < 3.0, "{waited}");
    let (error, mut stopped) = stopping.await.unwrap();
    assert!(matches!(error.kind, StoreErrorKind::Slow | StoreErrorKind::Gone), "{error}");
    state.store(PASS, SeqCst);
    append(&mut stopped, &again(&held)).await;
    assert_eq!(whole(&reader).await.len(), 2);
}
