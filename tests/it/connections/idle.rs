//! A server that closes its connections in the very moment in which the next look goes out.

use crate::common::scripted::{self, Scripted, Step};
use crate::common::{Got, Service, client};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const ROUNDS: u64 = 100;
/// Every nth query is received and not answered.
const UNANSWERED: usize = 10;
const CHILDREN: [&str; 10] = [
    "9990000018",
    "9990000026",
    "9990000034",
    "9990000042",
    "9990000050",
    "9990000069",
    "9990000077",
    "9990000085",
    "9990000093",
    "9990000107",
];

/// The look is answered, or its failure says "maybe delivered"; it is sent again only if no byte of it was written.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_looks_at_a_server_that_closes_as_they_come_none_is_doubled_and_none_is_lost_unsaid() {
    let smsp = Scripted::start(|query| {
        if query.number.is_multiple_of(UNANSWERED) {
            return vec![Step::Close];
        }
        // Some before the next look can come, some after it, most about then.
        let idle = Duration::from_micros(u64::try_from(query.number).unwrap() * 137 % 9000);
        vec![Step::Send(scripted::http_ok(&scripted::found(query))), Step::Wait(idle), Step::Close]
    })
    .await;
    let settings = [("LOOKUP__SHARE_FOR", "0s"), ("LIMITS__REQUESTS_PER_SECOND", "100000")];
    let service = Arc::new(Service::start(&smsp.certificates, &smsp.url, &settings));
    let lanes: Vec<_> = CHILDREN.iter().map(|child| tokio::spawn(lane(Arc::clone(&service), child))).collect();
    let mut answered = 0_usize;
    for lane in lanes {
        answered += lane.await.unwrap();
    }
    let queries = smsp.queries();
    let messages: BTreeSet<_> = queries.iter().map(|query| query.message_id.as_str()).collect();
    assert_eq!(messages.len(), queries.len(), "no query was heard twice");
    let looks = CHILDREN.len() * usize::try_from(ROUNDS).unwrap();
    assert!((looks / 10..=looks).contains(&queries.len()), "{} queries", queries.len());
    assert_eq!(answered, queries.len() - queries.len() / UNANSWERED, "what was heard and answered is shown");
}

/// One person's looks at one child, one after another; how many were answered.
async fn lane(service: Arc<Service>, child: &str) -> usize {
    let (http, mut answered) = (client(), 0);
    for round in 0..ROUNDS {
        let url = format!("{}/FHIR/R4/Flag?patient={child}", service.public);
        let got = Got::read(http.get(url).header("CPIS-New-Look", "true").send().await.unwrap()).await;
        if got.status == 200 {
            assert_eq!(got.total(), 1, "{}", got.text);
            answered += 1;
        } else {
            assert_eq!(got.status, 504, "{}", got.text);
            assert!(got.diagnostics().contains("may already have been notified"), "{}", got.diagnostics());
        }
        tokio::time::sleep(Duration::from_micros(round * 211 % 5000)).await;
    }
    answered
}
