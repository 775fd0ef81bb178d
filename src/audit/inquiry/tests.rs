use super::*;
use crate::audit::samples::{Full, Sample, asha, inquiry, last_entry};

fn by(manner: &str) -> Inquirer {
    Inquirer { who: asha(), request: RequestFacts::default(), manner: manner.to_owned() }
}

async fn numbers(search: &mut RecordedSearch<'_>) -> Vec<u64> {
    search.page(100, 1000).await.unwrap().hits.iter().map(|hit| hit.line.seq).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_on_the_trail_before_its_answer_and_not_in_it() {
    let sample = Sample::morning().await;
    let inquiry = inquiry(sample.store, sample.reader);
    let question = Question::default();
    let mut search = inquiry.search(&question, Event::Searched, by("limit 100"), None).await.unwrap();
    let entry = last_entry(&inquiry).await;
    assert_eq!((entry.event, entry.who), (Event::Searched, Some(asha())));
    assert_eq!(entry.detail.as_deref(), Some("criteria: none (everything); limit 100"));
    assert_eq!(numbers(&mut search).await, (1..=12).rev().collect::<Vec<_>>());
    let mut search = inquiry.search(&question, Event::Exported, by("format fhir"), Some(3)).await.unwrap();
    assert_eq!(last_entry(&inquiry).await.event, Event::Exported, "a further page is on the trail too");
    assert_eq!(numbers(&mut search).await, [2, 1]);
    assert_eq!(search.archived_to().await, Ok(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_cannot_be_recorded_is_not_answered() {
    let inquiry = inquiry(Full, Sample::morning().await.reader);
    for before in [None, Some(3)] {
        let question = Question::default();
        let refused = inquiry.search(&question, Event::Searched, by("limit 100"), before).await.err();
        assert!(matches!(refused, Some(InquiryError::Record(_))), "{refused:?}");
    }
}
