//! What is noted besides, and a store that moves while it is read.

use super::*;
use futures_util::future::BoxFuture;

#[tokio::test(flavor = "multi_thread")]
async fn looks_without_a_known_outcome_are_listed() {
    let (mut store, reader) = MemoryStore::new();
    let looks: Vec<Uuid> = (0..6).map(|_| Uuid::new_v4()).collect();
    let hour_ago = Timestamp::now() - std::time::Duration::from_hours(1);
    let write = |event, look: usize, at| draft(&Entry { at, ..entry(event, looks[look]) });
    let now = Timestamp::now();
    let drafts = [
        write(Event::Asked, 0, hour_ago),
        write(Event::Asked, 1, hour_ago),
        write(Event::Answered, 0, hour_ago),
        write(Event::Asked, 2, hour_ago),
        write(Event::Unknown, 2, hour_ago),
        write(Event::Asked, 3, hour_ago),
        // Late, after all.
        write(Event::Unknown, 3, hour_ago),
        write(Event::Answered, 3, hour_ago),
        write(Event::Asked, 4, hour_ago),
        write(Event::Failed, 4, hour_ago),
        // Shown again: says nothing of an outcome.
        write(Event::Shared, 1, hour_ago),
        write(Event::Asked, 5, now),
    ];
    store.append(&drafts, &chain()).await.unwrap();
    let settled = now - std::time::Duration::from_mins(2);
    let verdict = verify(&reader, &chain(), &seal(), Head::Absent, settled).await.unwrap();
    assert_eq!(verdict.outcomes.open, LineList { count: 1, first: vec![2] });
    assert_eq!(verdict.outcomes.unknown, LineList { count: 1, first: vec![5] });
    assert_eq!((verdict.outcomes.pending, verdict.outcomes.is_incomplete), (1, false));
    assert!(verdict.is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_is_noted_and_no_fault() {
    let (mut store, reader) = MemoryStore::new();
    let times =
        ["2026-01-01T12:00:00Z", "2026-01-01T11:59:58Z", "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z", "2026-01-02T00:00:00Z"];
    let drafts = times.map(|at| draft(&Entry { at: at.parse().unwrap(), ..Entry::of(Event::Refused) }));
    store.append(&drafts, &chain()).await.unwrap();
    let verdict = verify(&reader, &chain(), &seal(), Head::Absent, Timestamp::now()).await.unwrap();
    assert_eq!(verdict.backwards, Some(BackwardTimes { count: 2, first: 3, most: SignedDuration::from_hours(2) }));
    assert!(verdict.is_whole());
}

/// A store whose oldest lines are archived while `verify` reads them.
struct Moving {
    inside: MemoryReader,
    base: std::sync::Mutex<Tip>,
    manifests: std::sync::Mutex<Vec<Manifest>>,
    page: std::sync::atomic::AtomicUsize,
}

impl Reader for Moving {
    fn tip(&self) -> BoxFuture<'_, Result<Tip, StoreError>> {
        self.inside.tip()
    }

    fn base(&self) -> BoxFuture<'_, Result<Tip, StoreError>> {
        let base = *self.base.lock().unwrap();
        Box::pin(async move { Ok(base) })
    }

    fn archived(&self) -> BoxFuture<'_, Result<Vec<Manifest>, StoreError>> {
        let manifests = self.manifests.lock().unwrap().clone();
        Box::pin(async move { Ok(manifests) })
    }

    fn lines(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Line>, StoreError>> {
        Box::pin(async move {
            if self.page.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 1 {
                let end = self.inside.lines(1_999, 1).await?[0].clone();
                let end = Tip { seq: end.seq, mac: end.mac };
                *self.base.lock().unwrap() = end;
                *self.manifests.lock().unwrap() = vec![Manifest::made_up_to(end, &chain())];
            }
            let base = self.base.lock().unwrap().seq;
            self.inside.lines(after.max(base), limit).await
        })
    }

    fn find<'a>(&'a self, wanted: &'a Filter, before: Option<u64>, limit: usize) -> BoxFuture<'a, Result<Vec<Line>, StoreError>> {
        self.inside.find(wanted, before, limit)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_are_archived_meanwhile_are_not_missing() {
    let (mut store, inside) = MemoryStore::new();
    store.append(&drafts(3_000), &chain()).await.unwrap();
    let moving = Moving { inside, base: Tip::NONE.into(), manifests: Vec::new().into(), page: 0.into() };
    let verdict = verify(&moving, &chain(), &seal(), Head::Absent, Timestamp::now()).await.unwrap();
    assert!(verdict.is_whole(), "{:?}", verdict.faults);
    assert_eq!((verdict.base.seq, verdict.lines), (2_000, 1_000));
}
