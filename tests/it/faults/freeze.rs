//! The whole process is frozen for longer than its callers' deadlines, as a paused or moved virtual machine is.

use crate::common::children::numbers;
use crate::common::scripted::{self, Query, Scripted, Step};
use crate::common::{Got, Service, client};
use futures_util::future::join_all;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(2);
/// One more than open the breaker.
const LOOKS: usize = 8;

fn found_when_released(query: &Query) -> Vec<Step> {
    vec![Step::Hold, Step::Send(scripted::http_ok(&scripted::found(query)))]
}

async fn look(http: &reqwest::Client, service: &Service, child: &str) -> Got {
    let request = http.get(format!("{}/FHIR/R4/Flag?patient={child}", service.public)).header("X-Request-ID", id_of(child));
    Got::read(request.send().await.unwrap()).await
}

fn id_of(child: &str) -> String {
    // Ten digits that are an NHS number are in no id.
    format!("request-{}-{}", &child[..5], &child[5..])
}

async fn metric(service: &Service, name: &str) -> f64 {
    let page = client().get(format!("{}/metrics", service.admin)).send().await.unwrap().text().await.unwrap();
    let line = page.lines().find(|line| line.split(['{', ' ']).next() == Some(name)).unwrap_or_else(|| panic!("{name}: {page}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_came_while_the_process_stood_still_are_shown_and_the_smsp_is_not_blamed() {
    let smsp = Scripted::start(found_when_released).await;
    let settings = [("SMSP__CONNECT_TIMEOUT", "1s"), ("SMSP__TIMEOUT", "2s"), ("SMSP__LATE_TIMEOUT", "10s")];
    let service = Service::start(&smsp.certificates, &smsp.url, &settings);
    let http = client();
    let children = numbers(LOOKS + 1);
    let (last, children) = children.split_last().unwrap();
    let holds = service.holds().await;
    let looks = join_all(children.iter().map(|child| look(&http, &service, child)));
    let freeze = async {
        smsp.until_queries(LOOKS).await;
        service.freeze();
        smsp.release();
        // Every answer lies in its socket.
        smsp.until_sent(LOOKS).await;
        tokio::time::sleep(2 * TIMEOUT).await;
        service.thaw();
    };
    let (answers, ()) = tokio::join!(looks, freeze);
    for got in answers {
        assert_eq!((got.status, got.total()), (200, 1), "{}", got.text);
    }
    assert!(metric(&service, "cpis_breaker_state").await.abs() < 0.5, "{}", service.said());
    let next = look(&http, &service, last).await;
    assert_eq!((next.status, next.total()), (200, 1), "the SMSP is asked at once: {}", next.text);
    for child in children {
        assert_eq!(look(&http, &service, child).await.total(), 1);
    }
    assert_eq!(smsp.queries().len(), LOOKS + 1, "one delivery of each");
    drop(http);
    // The SMSP keeps its ends open; ours are closed when they have been idle for a while.
    service.holds_no_more(holds).await;
}

/// If no answer came meanwhile, the callers get that failure, once, and CP-IS is not asked again.
#[tokio::test(flavor = "multi_thread")]
async fn looks_without_an_answer_end_after_a_freeze_as_ever_and_their_late_answers_are_given() {
    let smsp = Scripted::start(found_when_released).await;
    let settings = [("SMSP__CONNECT_TIMEOUT", "1s"), ("SMSP__TIMEOUT", "2s"), ("SMSP__LATE_TIMEOUT", "30s")];
    let service = Service::start(&smsp.certificates, &smsp.url, &settings);
    let (http, children) = (client(), numbers(LOOKS));
    let looks = join_all(children.iter().map(|child| look(&http, &service, child)));
    let freeze = async {
        smsp.until_queries(LOOKS).await;
        service.freeze();
        tokio::time::sleep(2 * TIMEOUT).await;
        service.thaw();
    };
    let (answers, ()) = tokio::join!(looks, freeze);
    for got in answers {
        assert_eq!((got.status, got.issue().as_str()), (504, "timeout"), "{}", got.text);
        assert!(got.diagnostics().contains("may already have been notified"), "{}", got.text);
    }
    assert!(metric(&service, "cpis_breaker_state").await.abs() < 0.5, "nobody knows how the SMSP is");
    smsp.release();
    for child in &children {
        assert_eq!(look(&http, &service, child).await.total(), 1);
    }
    assert_eq!(smsp.queries().len(), LOOKS);
}
