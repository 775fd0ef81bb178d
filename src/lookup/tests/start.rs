//! A start with a trail that cannot be read at once (decisions.md 42): it is not known what was asked before, so nothing is asked.

use super::*;
use crate::audit::{Chain, Filter, Line, MemoryReader, MemoryStore, Message, Reader, Seal, StoreError, Tip, Who, WriterOptions};
use crate::secret::KeyMaterial;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

/// A trail that is slow, or unavailable, until the test says otherwise.
struct SlowReader {
    inside: MemoryReader,
    mood: watch::Receiver<ReaderState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReaderState {
    Stuck,
    Away,
    Well,
}

impl Reader for SlowReader {
    fn tip(&self) -> BoxFuture<'_, Result<Tip, StoreError>> {
        self.inside.tip()
    }

    fn base(&self) -> BoxFuture<'_, Result<Tip, StoreError>> {
        self.inside.base()
    }

    fn lines(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Line>, StoreError>> {
        self.inside.lines(after, limit)
    }

    fn find<'a>(&'a self, wanted: &'a Filter, before: Option<u64>, limit: usize) -> BoxFuture<'a, Result<Vec<Line>, StoreError>> {
        Box::pin(async move {
            let mut mood = self.mood.clone();
            let mood = *mood.wait_for(|mood| *mood != ReaderState::Stuck).await.unwrap();
            if mood == ReaderState::Away {
                return Err(StoreError::new(StoreErrorKind::Gone, "as the test wants it"));
            }
            self.inside.find(wanted, before, limit).await
        })
    }
}

/// A trail that holds one query without an end.
async fn past(question: &Question, mood: watch::Receiver<ReaderState>) -> RecallSource {
    let keys = [KeyMaterial::new([1; 32])];
    let (store, inside) = MemoryStore::new();
    let (chain, seal) = (Arc::new(Chain::new(&keys).unwrap()), Arc::new(Seal::new(&keys).unwrap()));
    let asked = Entry {
        at: crate::clock::now(),
        look: Some(uuid::Uuid::from_u128(1)),
        who: Some(Who::from(&question.requester)),
        child: Some(question.nhs_number.clone()),
        request: request("first-id").facts,
        message: Some(Message { message_id: "M".into(), ..Message::default() }),
        ..Entry::of(Event::Asked)
    };
    // The trail's writer is a thread, for which a paused clock does not wait.
    tokio::time::resume();
    let writer =
        Trail::start(Box::new(store), Arc::clone(&chain), Arc::clone(&seal), WriterOptions::default(), Handle::current())
            .unwrap();
    writer.record(&asked).await.unwrap();
    tokio::time::pause();
    RecallSource { reader: Arc::new(SlowReader { inside, mood }), chain, seal, window: None }
}

#[tokio::test(start_paused = true)]
async fn a_start_waits_five_seconds_for_a_slow_trail_and_nothing_is_asked_before_it_was_read() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
    let lookups = sharing_lookups(&register);
    let (mood, of_trail) = watch::channel(ReaderState::Stuck);
    let past = past(&question("a"), of_trail).await;
    let began = Instant::now();
    lookups.recall(past).await;
    assert_eq!(began.elapsed().as_secs(), 5);
    assert!(lookups.is_recalling());
    for id in ["first-id", "another-id"] {
        let failure = lookups.with_id(id).await.unwrap_err();
        assert_eq!((&*failure, failure.delivery()), (&LookError::Trail(TrailUnavailable), Delivery::NotDelivered));
    }
    assert!(lookups.held(&question("a"), &anonymous(), |_| true).await.is_err(), "nor is anything called over");
    mood.send(ReaderState::Well).unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(!lookups.is_recalling());
    assert_eq!(
        lookups.with_id("first-id").await.unwrap_err().register().unwrap().kind,
        RegisterErrorKind::Timeout,
        "it is the look of before"
    );
    assert_eq!(register.asked(), 0);
    assert!(lookups.with_id("another-id").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_trail_that_is_away_holds_no_start_up_and_is_read_when_it_is_back() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
    let lookups = sharing_lookups(&register);
    let (mood, of_trail) = watch::channel(ReaderState::Away);
    let past = past(&question("a"), of_trail).await;
    let began = Instant::now();
    lookups.recall(past).await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(lookups.is_recalling());
    assert_eq!(*lookups.with_id("first-id").await.unwrap_err(), LookError::Trail(TrailUnavailable));
    mood.send(ReaderState::Well).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(lookups.with_id("first-id").await.unwrap_err().register().unwrap().kind, RegisterErrorKind::Timeout);
    assert_eq!(register.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_start_beside_a_trail_that_is_well_waits_for_nothing() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
    let lookups = sharing_lookups(&register);
    let (_mood, of_trail) = watch::channel(ReaderState::Well);
    let past = past(&question("a"), of_trail).await;
    let began = Instant::now();
    lookups.recall(past).await;
    assert_eq!((began.elapsed(), lookups.is_recalling()), (Duration::ZERO, false));
    assert_eq!(lookups.with_id("first-id").await.unwrap_err().register().unwrap().kind, RegisterErrorKind::Timeout);
    assert_eq!(register.asked(), 0);
}
