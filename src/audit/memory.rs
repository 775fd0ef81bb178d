//! A trail in memory: for the demo and tests, and as the reference for the durable stores.

use super::{Chain, Draft, Filter, Line, Reader, Store, StoreError, Tip};
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The writing side.
pub struct MemoryStore(MemoryReader);

/// The reading side.
#[derive(Clone, Default)]
pub struct MemoryReader(Arc<Mutex<Vec<Line>>>);

impl MemoryStore {
    #[must_use]
    pub fn new() -> (Self, MemoryReader) {
        let reader = MemoryReader::default();
        (Self(reader.clone()), reader)
    }
}

impl Store for MemoryStore {
    fn append<'a>(&'a mut self, drafts: &'a [Draft], chain: &'a Chain) -> BoxFuture<'a, Result<Tip, StoreError>> {
        Box::pin(async move {
            let mut lines = self.0.lock();
            let known = |draft: &Draft| draft.again && lines.iter().any(|line| line.id == draft.id);
            let new: Vec<&Draft> = drafts.iter().filter(|draft| !known(draft)).collect();
            let linked = chain.link(tip(&lines), &new);
            lines.extend(linked);
            Ok(tip(&lines))
        })
    }
}

impl MemoryReader {
    /// A trail of these lines, unchecked.
    #[cfg(test)]
    pub(crate) fn of(lines: Vec<Line>) -> Self {
        Self(Arc::new(Mutex::new(lines)))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tip(lines: &[Line]) -> Tip {
    lines.last().map_or(Tip::NONE, |line| Tip { seq: line.seq, mac: line.mac })
}

impl Reader for MemoryReader {
    fn tip(&self) -> BoxFuture<'_, Result<Tip, StoreError>> {
        Box::pin(async { Ok(tip(&self.lock())) })
    }

    fn base(&self) -> BoxFuture<'_, Result<Tip, StoreError>> {
        Box::pin(async { Ok(Tip::NONE) })
    }

    fn lines(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Line>, StoreError>> {
        Box::pin(async move { Ok(self.lock().iter().filter(|line| line.seq > after).take(limit).cloned().collect()) })
    }

    fn find<'a>(&'a self, wanted: &'a Filter, before: Option<u64>, limit: usize) -> BoxFuture<'a, Result<Vec<Line>, StoreError>> {
        let is = move |line: &&Line| before.is_none_or(|before| line.seq < before) && line.is(wanted);
        Box::pin(async move { Ok(self.lock().iter().rev().filter(is).take(limit).cloned().collect()) })
    }
}
