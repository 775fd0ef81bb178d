//! A connection to the SMSP belongs to one look until its reply was judged: what is left over on it is nobody's answer (docs/adr/0013).

mod idle;
mod kinds;

use crate::common::scripted::{self, Query, Scripted, Step};
use crate::common::{Got, Service, client};
use std::time::Duration;

/// Children that were never asked about before, so that each look is a query.
const CHILDREN: [&str; 6] = ["9990000018", "9990000026", "9990000034", "9990000042", "9990000050", "9990000069"];

async fn look(service: &Service, number: &str) -> Got {
    Got::read(client().get(format!("{}/FHIR/R4/Flag?patient={number}", service.public)).send().await.unwrap()).await
}

fn send(reply: &str) -> Step {
    Step::Send(scripted::http_ok(reply))
}

fn anothers(query: &Query) -> String {
    scripted::no_record(&Query { message_id: "00000000-0000-4000-8000-00000000000A".to_owned(), ..query.clone() })
}

/// The SMSP, or a proxy before it, is one reply behind: what it says next on the connection is the answer to the look before.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_one_look_behind_is_no_other_childs_answer() {
    type Bad = fn(&Query) -> Vec<u8>;
    let bad: [Bad; 3] = [
        |query| scripted::http_ok(&anothers(query)),
        |_| scripted::http("504 Gateway Timeout", "text/html", "<html>504</html>"),
        |query| scripted::http("500 Internal Server Error", "text/xml", &scripted::found(query)),
    ];
    for (at, bad) in bad.into_iter().enumerate() {
        let smsp = Scripted::start(move |query| {
            if query.connection == 1 {
                // Its own answer comes when the next look would be on its way.
                let late = scripted::unrelated(&scripted::no_record(query));
                return vec![Step::Send(bad(query)), Step::Wait(Duration::from_millis(50)), send(&late)];
            }
            vec![send(&scripted::found(query))]
        })
        .await;
        let service = Service::start(&smsp.certificates, &smsp.url, &[]);
        assert_eq!(look(&service, CHILDREN[0]).await.status, 502, "{at}");
        let next = look(&service, CHILDREN[1]).await;
        assert_eq!((next.status, next.total()), (200, 1), "{at}: {}", next.text);
        assert_eq!(smsp.queries().last().unwrap().connection, 2, "{at}");
        look(&service, CHILDREN[2]).await;
        assert_eq!((smsp.queries().len(), smsp.connections()), (3, 2), "{at}: and the good one is kept");
    }
}

/// A surplus reply that comes between the next query and its own (decisions.md 41).
#[tokio::test(flavor = "multi_thread")]
async fn a_stale_no_record_is_doubt_and_costs_no_other_look() {
    let smsp = Scripted::start(|query| {
        let own = send(&scripted::found(query));
        match query.on_connection {
            2 => vec![send(&scripted::unrelated(&scripted::no_record(query))), own],
            _ => vec![own],
        }
    })
    .await;
    let service = Service::start(&smsp.certificates, &smsp.url, &[]);
    let holds = service.holds().await;
    for pair in CHILDREN.chunks(2) {
        assert_eq!(look(&service, pair[0]).await.total(), 1);
        let stale = look(&service, pair[1]).await;
        assert_eq!(stale.status, 502, "{}", stale.text);
        assert!(stale.diagnostics().contains("does not mean that there is no plan"), "{}", stale.diagnostics());
        assert!(stale.diagnostics().contains("may already have been notified"), "{}", stale.diagnostics());
    }
    service.holds_no_more(holds).await;
    assert_eq!((smsp.queries().len(), smsp.connections()), (6, 3));
}
