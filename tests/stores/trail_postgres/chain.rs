//! Writing and reading, alone and with other replicas.

use super::{again, append, draft, drafts, open, the_chain, trail, whole};
use crate::servers::postgres::Postgres;
use cpis_fhir::audit::postgres::connect;
use cpis_fhir::audit::{ChainFault, ChildIndex, Draft, Entry, Event, Reader, Tip};
use std::collections::HashSet;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn every_field_comes_back_as_it_was_written() {
    let postgres = Postgres::start();
    let (mut store, reader) = open(&postgres.url()).await;
    assert_eq!((reader.tip().await.unwrap(), reader.base().await.unwrap()), (Tip::NONE, Tip::NONE));
    let full = Draft {
        event: Event::NotHeld,
        look: Some(Uuid::new_v4()),
        user_id: Some("nul \0, \u{1}, DOMAIN\\user, é".to_owned()),
        child: Some(ChildIndex([0xfe; 16])),
        message_id: Some("\u{1}M".to_owned()),
        request_id: Some("R'; DROP TABLE trail; --".to_owned()),
        body: (0..=255).collect(),
        ..draft()
    };
    let written = [full, draft()];
    let tip = append(&mut store, &written).await;
    assert_eq!(tip, reader.tip().await.unwrap());
    let expected = the_chain().link(Tip::NONE, &written.iter().collect::<Vec<_>>());
    assert_eq!(reader.lines(0, 10).await.unwrap(), expected);
    assert_eq!(reader.lines(1, 10).await.unwrap(), expected[1..]);
    assert_eq!(reader.lines(0, 1).await.unwrap(), expected[..1]);
    assert_eq!(expected[1].seq, 2);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn replicas_that_start_together_make_the_tables_once() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let opened = futures_util::future::join_all((0..8).map(|_| connect(&url, None))).await;
    for one in opened {
        append(&mut one.unwrap().0, &drafts(1)).await;
    }
    let (_, reader) = open(&url).await;
    assert_eq!(whole(&reader).await.len(), 8);
    assert_eq!(postgres.sql("SELECT version FROM cpis_fhir.version"), "1");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn two_replicas_with_64_callers_each_write_one_chain_without_gaps() {
    const EACH: usize = 10;
    let postgres = Postgres::start();
    let (one, reader) = open(&postgres.url()).await;
    let (other, _) = open(&postgres.url()).await;
    let trails = [trail(one), trail(other)];
    let callers = (0..128).map(|n| {
        let trail = trails[n % 2].clone();
        tokio::spawn(async move {
            let mut ids = Vec::new();
            for _ in 0..EACH {
                let entry = Entry::of(Event::Asked);
                trail.record(&entry).await.unwrap();
                ids.push(entry.id);
            }
            ids
        })
    });
    let mut acknowledged = HashSet::new();
    for caller in futures_util::future::join_all(callers).await {
        acknowledged.extend(caller.unwrap());
    }
    let written = whole(&reader).await;
    assert_eq!(written.len(), 128 * EACH);
    assert_eq!(written.into_iter().collect::<HashSet<_>>(), acknowledged);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_draft_that_is_there_already_is_left_out_if_it_comes_again() {
    let postgres = Postgres::start();
    let (mut store, reader) = open(&postgres.url()).await;
    let (first, second) = (drafts(3), drafts(2));
    append(&mut store, &first).await;
    let both = [again(&first), second.clone()].concat();
    assert_eq!(append(&mut store, &both).await.seq, 5);
    assert_eq!(append(&mut store, &again(&first)).await.seq, 5, "nothing new: the tip stays");
    let ids: Vec<Uuid> = first.iter().chain(&second).map(|draft| draft.id).collect();
    assert_eq!(whole(&reader).await, ids);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn an_edit_behind_the_triggers_is_found_where_it_was_made() {
    let postgres = Postgres::start();
    let (mut store, reader) = open(&postgres.url()).await;
    append(&mut store, &drafts(5)).await;
    let fault = async || {
        let lines = reader.lines(0, 10).await.unwrap();
        let chain = the_chain();
        let checked = lines.iter().try_fold(Tip::NONE, |tip, line| chain.check(tip, line).map_err(|fault| (tip.seq + 1, fault)));
        checked.err()
    };
    assert_eq!(fault().await, None);
    let off = "ALTER TABLE cpis_fhir.trail DISABLE TRIGGER USER;";
    let body = postgres.sql("SELECT body FROM cpis_fhir.trail WHERE seq = 3");
    postgres.sql(&format!("{off} UPDATE cpis_fhir.trail SET body = 'other' WHERE seq = 3"));
    assert_eq!(fault().await, Some((3, ChainFault::Changed)));
    postgres.sql(&format!("UPDATE cpis_fhir.trail SET body = '{body}' WHERE seq = 3"));
    assert_eq!(fault().await, None);
    postgres.sql("DELETE FROM cpis_fhir.trail WHERE seq = 2");
    assert_eq!(fault().await, Some((2, ChainFault::Missing)));
    postgres.sql("UPDATE cpis_fhir.trail SET seq = seq + 100 WHERE seq > 2");
    postgres.sql("UPDATE cpis_fhir.trail SET seq = seq - 101 WHERE seq > 2");
    assert_eq!(fault().await, Some((2, ChainFault::Broken)));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn after_an_archive_the_chain_goes_on_from_where_it_ends() {
    let postgres = Postgres::start();
    let (mut store, reader) = open(&postgres.url()).await;
    append(&mut store, &drafts(5)).await;
    let archive = |last: u64| {
        format!(
            "INSERT INTO cpis_fhir.archived SELECT 1, seq, mac, '', 0 \
             FROM cpis_fhir.trail WHERE seq = {last}; DELETE FROM cpis_fhir.trail WHERE seq <= {last};"
        )
    };
    let third = reader.lines(2, 1).await.unwrap()[0].mac;
    postgres.sql(&archive(3));
    assert_eq!(reader.base().await.unwrap(), Tip { seq: 3, mac: third });
    assert_eq!(whole(&reader).await.len(), 2);
    let last = reader.tip().await.unwrap();
    postgres.sql(&archive(5));
    assert_eq!((reader.base().await.unwrap(), reader.tip().await.unwrap()), (last, last));
    assert_eq!(append(&mut store, &drafts(1)).await.seq, 6);
    let (mut later, _) = open(&postgres.url()).await;
    assert_eq!(append(&mut later, &drafts(1)).await.seq, 7);
    assert_eq!(whole(&reader).await.len(), 2);
}
