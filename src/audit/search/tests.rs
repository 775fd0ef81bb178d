use super::*;
use crate::audit::samples::{CHILD, MESSAGE_ID, Sample};
use crate::audit::{Event, StoreError, Tip};
use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

fn question(criteria: &[(&str, &str)]) -> Question {
    Question::read(criteria.iter().copied()).unwrap()
}

async fn all(sources: Sources<'_>, question: &Question) -> Vec<Hit> {
    let mut search = Search::new(sources, question, None);
    let mut all = Vec::new();
    while let Some(found) = search.next().await.unwrap() {
        all.push(found);
    }
    all
}

fn numbers(found: &[Hit]) -> Vec<u64> {
    found.iter().map(|found| found.line.seq).collect()
}

async fn found_by(criteria: &[(&str, &str)]) -> Vec<u64> {
    let sample = Sample::morning().await;
    let found = all(sample.sources(), &question(criteria)).await;
    assert!(found.iter().all(|found| found.doubt.is_none() && found.stored.is_some()));
    numbers(&found)
}

#[tokio::test]
async fn each_criterion_finds_its_entries_newest_first() {
    assert_eq!(found_by(&[]).await, (1..=12).rev().collect::<Vec<_>>());
    assert_eq!(found_by(&[("user", "asha")]).await, [10, 4, 3, 2]);
    assert_eq!(found_by(&[("nhs-number", CHILD)]).await, [9, 4, 3, 2]);
    assert_eq!(found_by(&[("message-id", &MESSAGE_ID.to_lowercase())]).await, [3, 2]);
    assert_eq!(found_by(&[("request-id", "request-0003")]).await, [4]);
    assert_eq!(found_by(&[("look", "11111111-1111-1111-1111-111111111111")]).await, [4, 3, 2]);
    assert_eq!(found_by(&[("organisation", "RX2")]).await, [8, 6, 5]);
    assert_eq!(found_by(&[("organisation", "rx9")]).await, [3, 2], "of the author");
    assert_eq!(found_by(&[("role", "R0260")]).await, [10, 4, 3, 2]);
    assert_eq!(found_by(&[("role", "S0010:G0020:R0260")]).await, [10, 4, 3, 2]);
    assert_eq!(found_by(&[("role", "clerk")]).await, [8, 6, 5]);
    assert_eq!(found_by(&[("authority", "200000000115")]).await, [3, 2]);
    assert_eq!(found_by(&[("authority", "dr nominated person")]).await, [3, 2]);
    assert_eq!(found_by(&[("event", "refused")]).await, [10, 7]);
    assert_eq!(found_by(&[("seq", "5..7")]).await, [7, 6, 5]);
    assert_eq!(found_by(&[("seq", "..2")]).await, [2, 1]);
    assert_eq!(found_by(&[("seq", "11..")]).await, [12, 11]);
    assert_eq!(found_by(&[("from", "2026-10-15")]).await, [12, 11], "the day begins in England, at 23:00 UTC");
    assert_eq!(found_by(&[("to", "2026-10-14T08:30:01Z")]).await, [2, 1], "the upper bound is not included");
}

#[tokio::test]
async fn criteria_together_must_all_hold() {
    assert_eq!(
        found_by(&[("nhs-number", CHILD), ("user", "asha"), ("from", "2026-10-14"), ("to", "2026-10-14")]).await,
        [4, 3, 2]
    );
    assert_eq!(found_by(&[("nhs-number", CHILD), ("event", "shared")]).await, [4]);
    assert_eq!(found_by(&[("user", "asha"), ("role", "Clerk")]).await, [] as [u64; 0]);
    assert_eq!(found_by(&[("seq", "3..8"), ("event", "asked")]).await, [5]);
}

#[tokio::test]
async fn pages_join_without_gap_or_repetition() {
    let sample = Sample::morning().await;
    for criteria in [&[][..], &[("organisation", "RX1")], &[("nhs-number", CHILD)]] {
        let question = question(criteria);
        let (mut joined, mut before) = (Vec::new(), None);
        loop {
            let page = Search::new(sample.sources(), &question, before).page(2, 1000).await.unwrap();
            assert!(page.hits.len() <= 2);
            joined.extend(numbers(&page.hits));
            match page.rest {
                Rest::None => break,
                Rest::Before(seq) => before = Some(seq),
                Rest::UnreadBefore(_) => panic!("the bound was not reached"),
            }
        }
        assert_eq!(joined, numbers(&all(sample.sources(), &question).await), "{question:?}");
    }
}

#[tokio::test]
async fn a_page_that_is_full_says_more_only_where_there_is_more() {
    let sample = Sample::morning().await;
    let rest =
        async |limit| Search::new(sample.sources(), &question(&[("user", "asha")]), None).page(limit, 1000).await.unwrap().rest;
    assert_eq!(rest(3).await, Rest::Before(3));
    assert_eq!(rest(4).await, Rest::None);
}

#[tokio::test]
async fn a_search_that_may_read_no_further_says_where_it_stopped_and_goes_on_from_there() {
    let sample = Sample::morning().await;
    let question = question(&[("event", "started")]);
    let (mut before, mut pages) = (None, 0);
    let found = loop {
        let page = Search::new(sample.sources(), &question, before).page(100, 5).await.unwrap();
        pages += 1;
        match page.rest {
            Rest::UnreadBefore(seq) => {
                assert!(page.hits.is_empty());
                before = Some(seq);
            }
            _ => break page.hits,
        }
    };
    assert_eq!((numbers(&found), pages), (vec![1], 3));
}

#[tokio::test]
async fn a_changed_line_is_shown_as_changed_and_nothing_it_says_is() {
    let sample = Sample::morning().await;
    let reader = sample
        .tampered(3, |line| line.body = String::from_utf8(line.body.clone()).unwrap().replace("asha", "eve!").into_bytes())
        .await;
    let sources = Sources { reader: &reader, ..sample.sources() };
    for criteria in [&[("user", "asha")][..], &[("look", "11111111-1111-1111-1111-111111111111"), ("event", "shared")]] {
        let found = all(sources, &question(criteria)).await;
        let changed = found.iter().find(|found| found.line.seq == 3).expect("not lost, whatever else is asked for");
        assert_eq!((changed.doubt, &changed.stored), (Some(Doubt::Chain(ChainFault::Changed)), &None));
        assert!(found.iter().filter(|found| found.line.seq != 3).all(|found| found.doubt.is_none()));
    }
}

type Change = fn(&mut Line);

#[tokio::test]
async fn a_line_whose_columns_were_changed_is_shown_as_what_it_says_with_a_warning() {
    let sample = Sample::morning().await;
    let reader = sample.tampered(3, |line| line.user_id = Some("somebody-else".to_owned())).await;
    let sources = Sources { reader: &reader, ..sample.sources() };
    let found = all(sources, &question(&[("nhs-number", CHILD)])).await;
    let moved = found.iter().find(|found| found.line.seq == 3).unwrap();
    assert_eq!(moved.doubt, Some(Doubt::Column("user_id")));
    assert_eq!(moved.stored.as_ref().unwrap().entry.who.as_ref().unwrap().user_id.as_ref().unwrap().as_str(), "asha");
    let changes: [(&str, Change); 6] = [
        ("child", |line| line.child = None),
        ("at", |line| line.at = jiff::Timestamp::UNIX_EPOCH),
        ("event", |line| line.event = "asked".to_owned()),
        ("message_id", |line| line.message_id = None),
        ("request_id", |line| line.request_id = None),
        ("look", |line| line.look = None),
    ];
    for (column, change) in changes {
        let reader = sample.tampered(3, change).await;
        let sources = Sources { reader: &reader, ..sample.sources() };
        let found = all(sources, &question(&[("seq", "3")])).await;
        assert_eq!(found[0].doubt, Some(Doubt::Column(column)));
    }
}

#[tokio::test]
async fn entries_of_an_older_key_are_found_and_without_the_key_they_are_sealed_but_good() {
    let sample = Sample::morning().await;
    let key = |n: u8| crate::secret::KeyMaterial::new([n; 32]);
    let rotated = Seal::new(&[key(2), key(1)]).unwrap();
    let sources = Sources { seal: &rotated, ..sample.sources() };
    assert_eq!(numbers(&all(sources, &question(&[("nhs-number", CHILD)])).await), [9, 4, 3, 2]);
    let lost = Seal::new(&[key(2)]).unwrap();
    let sources = Sources { seal: &lost, ..sample.sources() };
    assert_eq!(numbers(&all(sources, &question(&[("nhs-number", CHILD)])).await), [] as [u64; 0]);
    let found = all(sources, &question(&[("seq", "3")])).await;
    assert_eq!(found[0].doubt, None);
    assert!(found[0].stored.as_ref().unwrap().child_is_sealed);
}

/// Counts the lines that a search reads from the store.
struct Counting<'a> {
    reader: &'a dyn Reader,
    largest: AtomicUsize,
    taken: AtomicUsize,
}

impl Reader for Counting<'static> {
    fn tip(&self) -> BoxFuture<'_, Result<Tip, StoreError>> {
        self.reader.tip()
    }

    fn base(&self) -> BoxFuture<'_, Result<Tip, StoreError>> {
        self.reader.base()
    }

    fn lines(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Line>, StoreError>> {
        self.reader.lines(after, limit)
    }

    fn find<'a>(&'a self, wanted: &'a Filter, before: Option<u64>, limit: usize) -> BoxFuture<'a, Result<Vec<Line>, StoreError>> {
        Box::pin(async move {
            let lines = self.reader.find(wanted, before, limit).await?;
            self.largest.fetch_max(limit, SeqCst);
            self.taken.fetch_add(lines.len(), SeqCst);
            Ok(lines)
        })
    }
}

#[tokio::test]
async fn a_search_takes_from_the_store_what_it_shows_and_one_batch_where_it_sifts() {
    let entries: Vec<_> = (0..1700).map(|_| crate::audit::Entry::of(Event::Started)).collect();
    let sample: &'static Sample = Box::leak(Box::new(Sample::with(&entries).await));
    let count = |reader: &'static dyn Reader| Counting { reader, largest: AtomicUsize::new(0), taken: AtomicUsize::new(0) };
    let counting = count(&sample.reader);
    let sources = Sources { reader: &counting, ..sample.sources() };
    let page = Search::new(sources, &question(&[]), None).page(100, 10_000).await.unwrap();
    assert_eq!((page.hits.len(), counting.taken.load(SeqCst)), (100, 101));
    let counting = count(&sample.reader);
    let sources = Sources { reader: &counting, ..sample.sources() };
    let page = Search::new(sources, &question(&[("event", "stopped")]), None).page(100, 10_000).await.unwrap();
    assert_eq!((page.hits.len(), page.rest), (0, Rest::None));
    assert_eq!((counting.taken.load(SeqCst), counting.largest.load(SeqCst)), (1700, SIFTING));
}
