//! The room and the trail itself together, by the real clock.

use super::*;
use crate::audit::{Chain, Draft, MemoryReader, MemoryStore, Reader, Seal, Store, StoreError, Tip, WriterOptions};
use crate::secret::KeyMaterial;
use futures_util::future::BoxFuture;

/// A store that can be broken.
struct BreakableStore {
    inside: MemoryStore,
    broken: Arc<AtomicBool>,
}

impl Store for BreakableStore {
    fn append<'a>(&'a mut self, drafts: &'a [Draft], chain: &'a Chain) -> BoxFuture<'a, Result<Tip, StoreError>> {
        Box::pin(async move {
            if self.broken.load(SeqCst) {
                return Err(StoreError::new(StoreErrorKind::Gone, "as the test wants it"));
            }
            self.inside.append(drafts, chain).await
        })
    }
}

/// Breaks the store while it is asked.
struct BreakingRegister {
    broken: Arc<AtomicBool>,
    asked: AtomicUsize,
}

impl Register for BreakingRegister {
    neither_probed_nor_renewed!();

    fn author(&self, requester: &Requester) -> Result<AuthorAsSent, RegisterError> {
        Ok(author(requester))
    }

    fn ask<'a>(&'a self, _: &'a Question, _: &'a MessageIds) -> AskFuture<'a> {
        Box::pin(async move {
            self.asked.fetch_add(1, SeqCst);
            self.broken.store(true, SeqCst);
            Ok(no_record())
        })
    }
}

fn open() -> (Lookups, Trail, MemoryReader, Arc<BreakingRegister>) {
    let keys = [KeyMaterial::new([1; 32])];
    let (inside, reader) = MemoryStore::new();
    let broken = Arc::new(AtomicBool::new(false));
    let store = Box::new(BreakableStore { inside, broken: Arc::clone(&broken) });
    let (chain, seal) = (Chain::new(&keys).unwrap(), Arc::new(Seal::new(&keys).unwrap()));
    let trail = Trail::start(store, chain, seal, WriterOptions::default(), Handle::current()).unwrap();
    let register = Arc::new(BreakingRegister { broken, asked: AtomicUsize::new(0) });
    let lookups = Lookups::new(register.clone(), trail.clone(), rules(Duration::ZERO), Handle::current());
    (lookups, trail, reader, register)
}

async fn events(reader: &MemoryReader) -> Vec<String> {
    reader.lines(0, 100).await.unwrap().into_iter().map(|line| line.event).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_breaks_under_a_look_costs_no_second_query_and_no_entry() {
    let (lookups, trail, reader, register) = open();
    assert_eq!(*lookups.with_id("first-id").await.unwrap_err(), LookError::Withheld);
    assert_eq!(*lookups.with_id("other-id").await.unwrap_err(), LookError::Trail(TrailUnavailable));
    assert_eq!(events(&reader).await, ["asked"]);
    register.broken.store(false, SeqCst);
    assert!(lookups.with_id("first-id").await.unwrap().shared);
    assert!(trail.flush(Duration::from_secs(5)).await);
    let events = events(&reader).await;
    // The other look's entry may have been written, so it has an end.
    let mut sorted = events.clone();
    sorted.sort();
    assert_eq!(sorted, ["answered", "asked", "failed", "shared"], "{events:?}");
    let at = |event: &str| events.iter().position(|other| other == event).unwrap();
    assert!(at("asked") < at("answered") && at("answered") < at("shared"));
    assert_eq!(register.asked.load(SeqCst), 1);
}
