use super::*;
use crate::audit::{Event, MemoryReader, MemoryStore, Reader, StoreError, Tip};
use crate::secret::KeyMaterial;
use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// A store in memory that can fail and block.
struct Moody {
    inside: MemoryStore,
    mood: Arc<Mood>,
}

#[derive(Default)]
struct Mood {
    broken: AtomicBool,
    /// Writes, and then reports a failure.
    lies: AtomicBool,
    delay_ms: AtomicUsize,
    commits: AtomicUsize,
}

impl Store for Moody {
    fn append<'a>(&'a mut self, drafts: &'a [Draft], chain: &'a Chain) -> BoxFuture<'a, Result<Tip, StoreError>> {
        Box::pin(async move {
            let delay = self.mood.delay_ms.load(SeqCst) as u64;
            if delay > 0 {
                tokio::time::sleep(Duration::from_millis(delay)).await;
            }
            let error = || StoreError::new(StoreErrorKind::Full, "as the test wants it");
            if self.mood.broken.load(SeqCst) {
                return Err(error());
            }
            self.mood.commits.fetch_add(1, SeqCst);
            let tip = self.inside.append(drafts, chain).await;
            if self.mood.lies.load(SeqCst) { Err(error()) } else { tip }
        })
    }
}

fn open(commit_timeout: Duration) -> (Trail, MemoryReader, Arc<Mood>) {
    let keys = [KeyMaterial::new([1; 32])];
    let (inside, reader) = MemoryStore::new();
    let mood = Arc::new(Mood::default());
    let store = Moody { inside, mood: Arc::clone(&mood) };
    let options = WriterOptions { commit_timeout, ..WriterOptions::default() };
    let (chain, seal) = (Chain::new(&keys).unwrap(), Arc::new(Seal::new(&keys).unwrap()));
    (Trail::start(Box::new(store), chain, seal, options, Handle::current()).unwrap(), reader, mood)
}

async fn events(reader: &MemoryReader) -> Vec<String> {
    reader.lines(0, 1000).await.unwrap().into_iter().map(|line| line.event).collect()
}

const PATIENT: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_stands_there_in_order() {
    let (trail, reader, _) = open(PATIENT);
    for event in [Event::Asked, Event::Answered] {
        trail.record(&Entry::of(event)).await.unwrap();
    }
    assert_eq!(events(&reader).await, ["asked", "answered"]);
    let state = trail.state();
    assert_eq!((state.entries, state.tip.unwrap().seq, state.failing), (2, 2, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_together_share_a_commit() {
    let (trail, reader, mood) = open(PATIENT);
    mood.delay_ms.store(50, SeqCst);
    let entries: Vec<Entry> = (0..100).map(|_| Entry::of(Event::Asked)).collect();
    let recorded = futures_util::future::join_all(entries.iter().map(|entry| trail.record(entry))).await;
    assert!(recorded.iter().all(Result::is_ok));
    assert_eq!(events(&reader).await.len(), 100);
    assert!(mood.commits.load(SeqCst) <= 3, "{}", mood.commits.load(SeqCst));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_fails_its_callers_and_heals() {
    let (trail, reader, mood) = open(PATIENT);
    mood.broken.store(true, SeqCst);
    let failed = trail.record(&Entry::of(Event::Asked)).await.unwrap_err();
    assert!(matches!(failed, TrailError::Store(StoreError { kind: StoreErrorKind::Full, .. })));
    assert_eq!(trail.state().failing, Some(StoreErrorKind::Full));
    mood.broken.store(false, SeqCst);
    trail.record(&Entry::of(Event::Answered)).await.unwrap();
    assert_eq!((events(&reader).await, trail.state().failing), (vec!["answered".to_owned()], None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_is_written_once_when_the_store_is_back() {
    let (trail, reader, mood) = open(PATIENT);
    mood.broken.store(true, SeqCst);
    let entry = Entry::of(Event::Answered);
    trail.record_when_possible(&entry);
    assert_eq!(trail.state().backlog, 1);
    assert!(!trail.flush(Duration::from_millis(100)).await);
    mood.broken.store(false, SeqCst);
    trail.record_again(&entry).await.unwrap();
    assert!(trail.flush(PATIENT).await);
    assert_eq!(events(&reader).await, ["answered"], "also where the request that waits for it wrote it as well");
    assert_eq!(trail.state().backlog, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_a_commit_that_was_said_to_fail_is_not_written_twice() {
    let (trail, reader, mood) = open(PATIENT);
    let entry = Entry::of(Event::Answered);
    mood.lies.store(true, SeqCst);
    assert!(trail.record(&entry).await.is_err());
    mood.lies.store(false, SeqCst);
    trail.record_again(&entry).await.unwrap();
    assert_eq!(events(&reader).await, ["answered"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_longer_than_the_commit_timeout_and_what_was_given_up_is_not_written_later() {
    let (trail, reader, mood) = open(Duration::from_millis(100));
    mood.delay_ms.store(400, SeqCst);
    let (first, second) = (Entry::of(Event::Asked), Entry::of(Event::Refused));
    let began = Instant::now();
    let first = trail.record(&first);
    let second = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        trail.record(&second).await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first, second), (Err(TrailError::Slow), Err(TrailError::Slow)));
    assert!(began.elapsed() < Duration::from_millis(350), "{:?}", began.elapsed());
    mood.delay_ms.store(0, SeqCst);
    assert!(trail.flush(PATIENT).await);
    assert_eq!(events(&reader).await, ["asked"], "its transaction had begun; the second's had not");
}
