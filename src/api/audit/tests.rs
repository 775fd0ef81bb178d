use super::*;
use crate::audit::samples::{CHILD, Sample, asha};
use crate::audit::{Appending, Draft, MemoryReader, Store, StoreError, StoreErrorKind, WriterOptions, read_body};
use crate::cpis::CallerId;
use crate::secret::KeyMaterial;
use actix_web::FromRequest as _;
use actix_web::test::TestRequest;
use serde_json::Value;
use std::time::Duration;

fn desk(store: Box<dyn Store>, reader: MemoryReader) -> TrailSearch {
    let keys = [KeyMaterial::new([1; 32])];
    let chain = || Chain::new(&keys).unwrap();
    let seal = Arc::new(crate::audit::Seal::new(&keys).unwrap());
    let trail = Trail::start(store, chain(), seal, WriterOptions::default(), tokio::runtime::Handle::current()).unwrap();
    TrailSearch { trail, reader: Arc::new(reader), chain: Arc::new(chain()) }
}

async fn morning() -> TrailSearch {
    let sample = Sample::morning().await;
    desk(Box::new(sample.store), sample.reader)
}

/// A trail that can be read but not written.
struct Full;

impl Store for Full {
    fn append<'a>(&'a mut self, _: &'a [Draft], _: &'a Chain) -> Appending<'a> {
        Box::pin(async { Err(StoreError::new(StoreErrorKind::Full, "as the test wants it")) })
    }
}

async fn posted_by(desk: &TrailSearch, may: Result<Who, Box<Refused>>, form: &str) -> Result<Answered, Problem> {
    let limits = Limits {
        requests_per_second: Some(1),
        children_per_user: 1,
        children_window: Duration::from_secs(1),
        body: 10_000,
        header_timeout: Duration::from_secs(5),
        write_timeout: Duration::from_secs(5),
        connections: 1,
        connections_per_address: None,
        memory: None,
    };
    let request = TestRequest::post()
        .uri("/audit/_search")
        .peer_addr("127.0.0.1:4711".parse().unwrap())
        .insert_header(("Content-Type", "application/x-www-form-urlencoded"))
        .set_payload(form.to_owned());
    let (request, mut payload) = request.to_http_parts();
    let payload = web::Payload::from_request(&request, &mut payload).await.unwrap();
    let caller = CallerHeaders { request_id: CallerId::parse("request-0009").ok(), ..CallerHeaders::default() };
    answer(desk, may, &request, payload, &caller, limits).await
}

async fn posted(desk: &TrailSearch, form: &str) -> Result<Value, Problem> {
    let answered = posted_by(desk, Ok(asha()), form).await?;
    assert_eq!((answered.status, answered.content_type, answered.cache_control), (200, "application/json", "no-store"));
    Ok(serde_json::from_slice(&answered.body).unwrap())
}

fn numbers(body: &Value) -> Vec<u64> {
    body["entries"].as_array().unwrap().iter().map(|entry| entry["seq"].as_u64().unwrap()).collect()
}

async fn last_entry(desk: &TrailSearch) -> Entry {
    let tip = desk.reader.tip().await.unwrap();
    let line = desk.reader.lines(tip.seq - 1, 1).await.unwrap().pop().unwrap();
    read_body(&line.body, desk.trail.seal()).unwrap().entry
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_answered_and_is_on_the_trail_first() {
    let desk = morning().await;
    let body = posted(&desk, "nhs-number=999+000+0018&user=asha").await.unwrap();
    assert_eq!(numbers(&body), [4, 3, 2]);
    assert_eq!((&body["label"], &body["intact"]), (&LABEL.into(), &true.into()));
    assert_eq!((&body["more"], &body["next_before"], &body["archived_to"]), (&false.into(), &Value::Null, &0.into()));
    assert_eq!(body["entries"][0]["nhs_number"], CHILD);
    let entry = last_entry(&desk).await;
    assert_eq!((entry.event, entry.who), (Event::Searched, Some(asha())));
    assert_eq!(entry.child.unwrap().digits(), CHILD);
    assert_eq!(entry.detail.as_deref(), Some("criteria: user, child; limit 100; no other NHS number shown"));
    assert_eq!(entry.request.request_id.unwrap().as_str(), "request-0009");
    assert_eq!(entry.request.address, "127.0.0.1".parse().ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_join_and_a_number_that_was_not_asked_for_is_hidden() {
    let desk = morning().await;
    let first = posted(&desk, "limit=7").await.unwrap();
    assert_eq!((numbers(&first), &first["more"], &first["next_before"]), (vec![12, 11, 10, 9, 8, 7, 6], &true.into(), &6.into()));
    assert!(!first.to_string().contains("9990000026"));
    let second = posted(&desk, "limit=7&before=6&show-nhs-numbers=true").await.unwrap();
    assert_eq!((numbers(&second), &second["more"]), (vec![5, 4, 3, 2, 1], &false.into()));
    assert!(second.to_string().contains("9990000026"));
    let detail = last_entry(&desk).await.detail.unwrap();
    assert_eq!(detail, "criteria: none (everything); limit 7, a further page; every NHS number shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_line_makes_the_answer_say_so() {
    let sample = Sample::morning().await;
    let reader = sample.tampered(3, |line| line.body[60] ^= 1).await;
    let desk = desk(Box::new(sample.store), reader);
    let body = posted(&desk, "user=asha").await.unwrap();
    assert_eq!((numbers(&body), &body["intact"]), (vec![10, 4, 3, 2], &false.into()));
    assert_eq!((&body["entries"][2]["intact"], &body["entries"][2]["entry"]), (&false.into(), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_search_is_told_nothing_and_the_attempt_is_on_the_trail() {
    let desk = morning().await;
    let refused = Refused::new(Some(asha()), Problem::trail_refused());
    let problem = posted_by(&desk, Err(refused), &format!("nhs-number={CHILD}")).await.unwrap_err();
    assert_eq!((problem.status, problem.name), (403, "trail-refused"));
    let entry = last_entry(&desk).await;
    assert_eq!((entry.event, entry.who, entry.child), (Event::Refused, Some(asha()), None));
    assert_eq!(entry.upshot.unwrap().outcome.as_str(), "trail-refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_does_not_fill_the_trail() {
    let desk = morning().await;
    let before = desk.reader.tip().await.unwrap().seq;
    for _ in 0..50 {
        let over = Refused::new(None, Problem::throttled(Duration::from_secs(1)));
        let problem = posted_by(&desk, Err(over), "user=asha").await.unwrap_err();
        assert_eq!((problem.status, problem.name, problem.retry_after), (429, "throttled", Some(1)));
    }
    assert_eq!(desk.reader.tip().await.unwrap().seq, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_shown_where_the_trail_cannot_be_written() {
    let desk = desk(Box::new(Full), Sample::morning().await.reader);
    for may in [Ok(asha()), Err(Refused::new(None, Problem::trail_refused()))] {
        let problem = posted_by(&desk, may, "user=asha").await.unwrap_err();
        assert_eq!((problem.status, problem.name, problem.retry_after.is_some()), (503, "trail-unavailable", true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_understood_is_refused_without_its_values() {
    let desk = morning().await;
    let wrong = [
        "nhs-number=9990000019",
        "limit=0",
        "limit=1001",
        "before=x",
        "show-nhs-numbers=yes",
        "favourite=9990000018",
        "user=a&user=b",
    ];
    for form in wrong {
        let problem = posted(&desk, form).await.unwrap_err();
        assert_eq!(problem.status, 400, "{form}");
        assert!(!problem.issue.diagnostics.contains("99900000"), "{}", problem.issue.diagnostics);
    }
    assert_eq!(desk.reader.tip().await.unwrap().seq, 12, "what was not searched is no search");
}
