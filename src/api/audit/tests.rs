use super::*;
use crate::audit::samples::{CHILD, Full, Sample, asha, inquiry, last_entry};
use crate::cpis::CallerId;
use actix_web::FromRequest as _;
use actix_web::test::TestRequest;
use serde_json::Value;
use std::time::Duration;

async fn morning() -> Inquiry {
    let sample = Sample::morning().await;
    inquiry(sample.store, sample.reader)
}

async fn posted_by(inquiry: &Inquiry, may: Result<Who, Box<SearchRefusal>>, form: &str) -> Result<Response, Problem> {
    let limits = Limits {
        requests_per_second: Some(1),
        children_per_user: 1,
        children_window: Duration::from_secs(1),
        body: 10_000,
        header_timeout: Duration::from_secs(5),
        write_timeout: Duration::from_secs(5),
        connections: 1,
        connections_per_address: None,
    };
    let request = TestRequest::post()
        .uri("/audit/_search")
        .peer_addr("127.0.0.1:4711".parse().unwrap())
        .insert_header(("Content-Type", "application/x-www-form-urlencoded"))
        .set_payload(form.to_owned());
    let (request, mut payload) = request.to_http_parts();
    let payload = web::Payload::from_request(&request, &mut payload).await.unwrap();
    let caller = CallerHeaders { request_id: CallerId::parse("request-0009").ok(), ..CallerHeaders::default() };
    answer(inquiry, may, &request, payload, &caller, limits).await
}

async fn posted(inquiry: &Inquiry, form: &str) -> Result<Value, Problem> {
    let answered = posted_by(inquiry, Ok(asha()), form).await?;
    assert_eq!((answered.status, answered.content_type, answered.cache_control), (200, "application/json", "no-store"));
    Ok(serde_json::from_slice(&answered.body).unwrap())
}

fn numbers(body: &Value) -> Vec<u64> {
    body["entries"].as_array().unwrap().iter().map(|entry| entry["seq"].as_u64().unwrap()).collect()
}

fn tip(inquiry: &Inquiry) -> u64 {
    inquiry.trail().state().tip.map_or(12, |tip| tip.seq)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_answered_and_is_on_the_trail_first() {
    let inquiry = morning().await;
    let body = posted(&inquiry, "nhs-number=999+000+0018&user=asha").await.unwrap();
    assert_eq!(numbers(&body), [4, 3, 2]);
    assert_eq!((&body["label"], &body["intact"]), (&LABEL.into(), &true.into()));
    assert_eq!((&body["more"], &body["next_before"], &body["archived_to"]), (&false.into(), &Value::Null, &0.into()));
    assert_eq!(body["entries"][0]["nhs_number"], CHILD);
    let entry = last_entry(&inquiry).await;
    assert_eq!((entry.event, entry.who), (Event::Searched, Some(asha())));
    assert_eq!(entry.child.unwrap().digits(), CHILD);
    assert_eq!(entry.detail.as_deref(), Some("criteria: user, child; limit 100; no other NHS number shown"));
    assert_eq!(entry.request.request_id.unwrap().as_str(), "request-0009");
    assert_eq!(entry.request.address, "127.0.0.1".parse().ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_join_and_a_number_that_was_not_asked_for_is_hidden() {
    let inquiry = morning().await;
    let first = posted(&inquiry, "limit=7").await.unwrap();
    assert_eq!((numbers(&first), &first["more"], &first["next_before"]), (vec![12, 11, 10, 9, 8, 7, 6], &true.into(), &6.into()));
    assert!(!first.to_string().contains("9990000026"));
    let second = posted(&inquiry, "limit=7&before=6&show-nhs-numbers=true").await.unwrap();
    assert_eq!((numbers(&second), &second["more"]), (vec![5, 4, 3, 2, 1], &false.into()));
    assert!(second.to_string().contains("9990000026"));
    let detail = last_entry(&inquiry).await.detail.unwrap();
    assert_eq!(detail, "criteria: none (everything); limit 7, a further page; every NHS number shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_line_makes_the_answer_say_so() {
    let sample = Sample::morning().await;
    let reader = sample.tampered(3, |line| line.body[60] ^= 1).await;
    let inquiry = inquiry(sample.store, reader);
    let body = posted(&inquiry, "user=asha").await.unwrap();
    assert_eq!((numbers(&body), &body["intact"]), (vec![10, 4, 3, 2], &false.into()));
    assert_eq!((&body["entries"][2]["intact"], &body["entries"][2]["entry"]), (&false.into(), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_search_is_told_nothing_and_the_attempt_is_on_the_trail() {
    let inquiry = morning().await;
    let refused = SearchRefusal::new(Some(asha()), Problem::trail_refused());
    let problem = posted_by(&inquiry, Err(refused), &format!("nhs-number={CHILD}")).await.unwrap_err();
    assert_eq!((problem.status, problem.name), (403, "trail-refused"));
    let entry = last_entry(&inquiry).await;
    assert_eq!((entry.event, entry.who, entry.child), (Event::Refused, Some(asha()), None));
    assert_eq!(entry.outcome.unwrap().name.as_str(), "trail-refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_does_not_fill_the_trail() {
    let inquiry = morning().await;
    let before = tip(&inquiry);
    for _ in 0..50 {
        let over = SearchRefusal::new(None, Problem::throttled(Duration::from_secs(1)));
        let problem = posted_by(&inquiry, Err(over), "user=asha").await.unwrap_err();
        assert_eq!((problem.status, problem.name, problem.retry_after), (429, "throttled", Some(1)));
    }
    assert_eq!(tip(&inquiry), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_shown_where_the_trail_cannot_be_written() {
    let inquiry = inquiry(Full, Sample::morning().await.reader);
    for may in [Ok(asha()), Err(SearchRefusal::new(None, Problem::trail_refused()))] {
        let problem = posted_by(&inquiry, may, "user=asha").await.unwrap_err();
        assert_eq!((problem.status, problem.name, problem.retry_after.is_some()), (503, "trail-unavailable", true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_understood_is_refused_without_its_values() {
    let inquiry = morning().await;
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
        let problem = posted(&inquiry, form).await.unwrap_err();
        assert_eq!(problem.status, 400, "{form}");
        assert!(!problem.issue.diagnostics.contains("99900000"), "{}", problem.issue.diagnostics);
    }
    assert_eq!(tip(&inquiry), 12, "what was not searched is no search");
}
