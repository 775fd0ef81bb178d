//! The trail in PostgreSQL, against a real server: `cargo test --test stores trail_postgres:: -- --ignored`.
#![allow(clippy::print_stdout)]

mod archives;
mod chain;
mod check;
mod faults;
mod lost;
mod rates;
mod reach;
mod restarts;
mod rights;
mod search;
mod verify;

use cpis_fhir::audit::postgres::{PostgresReader, PostgresStore, connect};
use cpis_fhir::audit::{Chain, Draft, Event, Reader, Seal, Store, Tip, Trail};
use cpis_fhir::secret::{KeyMaterial, StoreUrl};
use jiff::Timestamp;
use std::sync::Arc;
use uuid::Uuid;

fn keys() -> Vec<KeyMaterial> {
    vec![KeyMaterial::new([7; 32])]
}

fn the_chain() -> Chain {
    Chain::new(&keys()).unwrap()
}

async fn open(url: &StoreUrl) -> (PostgresStore, PostgresReader) {
    connect(url, None).await.unwrap()
}

fn draft() -> Draft {
    let id = Uuid::new_v4();
    Draft {
        id,
        at: Timestamp::now(),
        event: Event::Asked,
        look: None,
        user_id: None,
        child: None,
        message_id: None,
        request_id: None,
        body: format!("{{\"id\":\"{id}\"}}").into_bytes(),
        again: false,
    }
}

fn drafts(n: usize) -> Vec<Draft> {
    (0..n).map(|_| draft()).collect()
}

fn again(drafts: &[Draft]) -> Vec<Draft> {
    drafts.iter().map(|draft| Draft { again: true, ..draft.clone() }).collect()
}

async fn append(store: &mut PostgresStore, drafts: &[Draft]) -> Tip {
    store.append(drafts, &the_chain()).await.unwrap()
}

/// Reads the whole trail and checks each line. Gives the ids, in their order.
async fn whole(reader: &dyn Reader) -> Vec<Uuid> {
    let chain = the_chain();
    let (mut tip, mut ids) = (reader.base().await.unwrap(), Vec::new());
    loop {
        let page = reader.lines(tip.seq, 1000).await.unwrap();
        if page.is_empty() {
            assert_eq!(tip, reader.tip().await.unwrap());
            return ids;
        }
        for line in page {
            tip = chain.check(tip, &line).unwrap();
            ids.push(line.id);
        }
    }
}

fn trail(store: PostgresStore) -> Trail {
    let seal = Arc::new(Seal::new(&keys()).unwrap());
    let runtime = tokio::runtime::Handle::current();
    Trail::start(Box::new(store), the_chain(), seal, cpis_fhir::audit::WriterOptions::default(), runtime).unwrap()
}
