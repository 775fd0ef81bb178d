//! Every kind of reply, on a connection that was kept and on a new one, with the late "no record" of its look behind it: whose
//! answer the next look gets, and on which connection.

use crate::common::scripted::{self, Query, Scripted, Step};
use crate::common::{Got, Service, client};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const CHILD: &str = "9990000018";
/// Asked about after each reply about [`CHILD`].
const NEXT: &str = "9990000034";
/// Nobody asks about it.
const OTHER: &str = "9990000026";

/// More than is read of a reply: 2 MiB.
const TOO_LONG: usize = 2 * 1024 * 1024 + 1;

type Reply = fn(&Query) -> Vec<Step>;

/// Name of the kind; status of the look where it is the second reply of a connection and where it is the first; the reply.
type Kind = (&'static str, [u16; 2], Reply);

fn send(bytes: impl Into<Vec<u8>>) -> Vec<Step> {
    vec![Step::Send(bytes.into())]
}

fn ok(body: &str) -> Vec<Step> {
    send(scripted::http_ok(body))
}

fn under(status: &str, body: &str) -> Vec<Step> {
    send(scripted::http(status, "text/xml", body))
}

/// A page of something on the way.
fn page(status: &str) -> Vec<Step> {
    send(scripted::http(status, "text/html", "<html><body>Sorry</body></html>"))
}

/// Bytes after which the connection ends in order.
fn cut(bytes: impl Into<Vec<u8>>) -> Vec<Step> {
    vec![Step::Send(bytes.into()), Step::Close]
}

/// Under this head, which names no length.
fn with_head(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body]
        .concat()
}

fn chunked(head: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn of_another_child(query: &Query) -> Query {
    Query { nhs_number: OTHER.to_owned(), ..query.clone() }
}

fn of_another_message(query: &Query) -> Query {
    Query { message_id: "00000000-0000-4000-8000-00000000000A".to_owned(), ..query.clone() }
}

/// "No record" with this code in its place.
fn coded(query: &Query, code: &str) -> Vec<Step> {
    ok(&scripted::no_record(query).replace("CPIS-0001", code))
}

fn soap(query: &Query, body: &str) -> String {
    let reply = scripted::no_record(query);
    let (before, rest) = reply.split_once("<itk:DistributionEnvelope>").unwrap();
    let (_, after) = rest.split_once("</itk:DistributionEnvelope>").unwrap();
    format!("{before}{body}{after}")
}

fn fault(query: &Query, code: &str) -> String {
    soap(query, &format!("<soap:Fault><faultcode>soap:{code}</faultcode><faultstring>any</faultstring></soap:Fault>"))
}

/// The record's answer with something changed in it.
fn found_with(query: &Query, from: &str, to: &str) -> Vec<Step> {
    let found = scripted::found(query);
    assert!(found.contains(from));
    ok(&found.replacen(from, to, 1))
}

/// Not the answer to the question: its connection is never used again.
const POISONED: [Kind; 62] = [
    ("another child's record", [502; 2], |query| ok(&scripted::found(&of_another_child(query)))),
    ("another child's record, without a relation", [502; 2], |query| {
        ok(&scripted::unrelated(&scripted::found(&of_another_child(query))))
    }),
    ("another message's no record", [502; 2], |query| ok(&scripted::no_record(&of_another_message(query)))),
    ("another message's record", [502; 2], |query| ok(&scripted::found(&of_another_message(query)))),
    ("no record, without a relation", [502, 200], |query| ok(&scripted::unrelated(&scripted::no_record(query)))),
    ("a record, without a relation", [200; 2], |query| ok(&scripted::unrelated(&scripted::found(query)))),
    ("504 of a gateway", [502; 2], |_| page("504 Gateway Timeout")),
    ("503 of a gateway", [502; 2], |_| page("503 Service Unavailable")),
    ("502 without a body", [502; 2], |_| under("502 Bad Gateway", "")),
    ("429", [502; 2], |_| page("429 Too Many Requests")),
    ("408", [502; 2], |_| page("408 Request Timeout")),
    ("400", [502; 2], |_| under("400 Bad Request", "no")),
    ("401", [502, 503], |_| under("401 Unauthorized", "no")),
    ("403", [502, 503], |_| page("403 Forbidden")),
    ("404", [502, 503], |_| page("404 Not Found")),
    ("405", [502, 503], |_| under("405 Method Not Allowed", "")),
    ("413", [502, 503], |_| under("413 Content Too Large", "")),
    ("415", [502, 503], |_| under("415 Unsupported Media Type", "")),
    ("a fault under 500", [502; 2], |query| under("500 Internal Server Error", &fault(query, "Server"))),
    ("a fault under 200", [502; 2], |query| ok(&fault(query, "Client"))),
    ("a record under 500", [502; 2], |query| under("500 Internal Server Error", &scripted::found(query))),
    ("no record under 500", [502; 2], |query| under("500 Internal Server Error", &scripted::no_record(query))),
    ("a record under 201", [502; 2], |query| under("201 Created", &scripted::found(query))),
    ("a record under 206", [502; 2], |query| under("206 Partial Content", &scripted::found(query))),
    ("202", [502; 2], |query| under("202 Accepted", &scripted::no_record(query))),
    ("204", [502; 2], |_| send("HTTP/1.1 204 No Content\r\n\r\n")),
    ("304", [502; 2], |_| send("HTTP/1.1 304 Not Modified\r\n\r\n")),
    ("a redirect", [502; 2], |_| send("HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")),
    ("a redirect with an answer", [502; 2], |query| under("302 Found\r\nLocation: /elsewhere", &scripted::no_record(query))),
    ("a sign-in page", [502; 2], |_| page("200 OK")),
    ("JSON", [502; 2], |_| send(scripted::http("200 OK", "application/json", "{\"total\":0}"))),
    ("nothing under 200", [502; 2], |_| ok("")),
    ("truncated XML", [502; 2], |query| ok(scripted::found(query).split_once("</CP-ISRecord>").unwrap().0)),
    ("a DOCTYPE", [502; 2], |query| found_with(query, "<soap:Envelope", "<!DOCTYPE x><soap:Envelope")),
    ("XML that is not UTF-8", [502; 2], |query| {
        send(with_head("", &[scripted::no_record(query).as_bytes(), b"<!-- \xe9 -->"].concat()))
    }),
    ("XML that is not SOAP", [502; 2], |_| ok("<error/>")),
    ("SOAP without an answer", [502; 2], |query| ok(&soap(query, ""))),
    ("an unknown code", [502; 2], |query| coded(query, "SMSP-7777")),
    ("no code", [502; 2], |query| coded(query, "")),
    ("no record beside a record", [502; 2], |query| found_with(query, "SMSP-0000", "CPIS-0001")),
    ("none counted beside a record", [502; 2], |query| {
        found_with(query, r#"ChildRecords><value value="1""#, r#"ChildRecords><value value="0""#)
    }),
    ("one counted without a record", [502; 2], |query| {
        let counted = scripted::no_record(query).replace("CPIS-0001", "SMSP-0000");
        ok(&counted.replace(r#"ChildRecords><value value="0""#, r#"ChildRecords><value value="1""#))
    }),
    ("SMSP-0001", [500; 2], |query| coded(query, "SMSP-0001")),
    ("SMSP-0002", [502; 2], |query| coded(query, "SMSP-0002")),
    ("SMSP-0003, of a store that holds nothing", [503; 2], |query| coded(query, "SMSP-0003")),
    ("SMSP-0004", [503; 2], |query| coded(query, "SMSP-0004")),
    ("SMSP-0005", [403; 2], |query| coded(query, "SMSP-0005")),
    ("SMSP-9999", [502; 2], |query| coded(query, "SMSP-9999")),
    ("CPIS-9999", [502; 2], |query| coded(query, "CPIS-9999")),
    ("a body that is cut", [504; 2], |query| {
        let reply = scripted::http_ok(&scripted::no_record(query));
        cut(&reply[..reply.len() - 20])
    }),
    ("a body that breaks off", [504; 2], |query| {
        let reply = scripted::http_ok(&scripted::no_record(query));
        vec![Step::Send(reply[..reply.len() - 20].to_vec()), Step::Wait(Duration::from_millis(20)), Step::Reset]
    }),
    ("a head that is cut", [504; 2], |_| cut("HTTP/1.1 200 OK\r\nContent-")),
    ("no reply", [504; 2], |_| vec![Step::Close]),
    ("bytes that are not HTTP", [504; 2], |_| send("220 smtp.example ESMTP\r\n\r\n")),
    ("a chunk without its length", [504; 2], |query| {
        send(chunked("", &scripted::no_record(query)).replace("\r\n0\r\n\r\n", "\r\nZZ\r\n"))
    }),
    ("two lengths that differ", [504; 2], |query| {
        send(with_head("Content-Length: 3\r\n", scripted::no_record(query).as_bytes()))
    }),
    ("gzip with damage", [502; 2], |query| {
        let mut packed = gzip(scripted::no_record(query).as_bytes());
        let middle = packed.len() / 2;
        packed[middle] ^= 0x55;
        send(with_head("Content-Encoding: gzip\r\n", &packed))
    }),
    ("gzip without its end", [502; 2], |query| {
        let packed = gzip(scripted::no_record(query).as_bytes());
        send(with_head("Content-Encoding: gzip\r\n", &packed[..packed.len() - 4]))
    }),
    ("a coding that nobody asked for", [502; 2], |query| {
        send(with_head("Content-Encoding: br\r\n", scripted::no_record(query).as_bytes()))
    }),
    ("too long, as announced", [502; 2], |_| send(format!("HTTP/1.1 200 OK\r\nContent-Length: {TOO_LONG}\r\n\r\n"))),
    ("too long, as it comes", [502; 2], |_| send(chunked("", &" ".repeat(TOO_LONG)))),
    ("too long, unpacked", [502; 2], |_| send(with_head("Content-Encoding: gzip\r\n", &gzip(&vec![b' '; TOO_LONG])))),
];

/// Answered, and the connection is not used again all the same.
const LAST: [Kind; 6] = [
    ("Connection: close", [200; 2], |query| send(with_head("Connection: close\r\n", scripted::found(query).as_bytes()))),
    ("HTTP/1.0", [200; 2], |query| {
        let reply = String::from_utf8(scripted::http_ok(&scripted::found(query))).unwrap();
        send(reply.replacen("HTTP/1.1", "HTTP/1.0", 1))
    }),
    ("no length", [200; 2], |query| cut(format!("HTTP/1.1 200 OK\r\n\r\n{}", scripted::found(query)))),
    ("chunks and a length", [200; 2], |query| send(chunked("Content-Length: 3\r\n", &scripted::found(query)))),
    ("the same length twice", [200; 2], |query| {
        let body = scripted::found(query);
        send(with_head(&format!("Content-Length: {}\r\n", body.len()), body.as_bytes()))
    }),
    ("surplus bytes", [200; 2], |query| {
        let own = scripted::http_ok(&scripted::found(query));
        send([own, scripted::http_ok(&scripted::unrelated(&scripted::no_record(query)))].concat())
    }),
];

/// Good answers in forms of their own: the next look goes out on the same connection.
const GOOD: [Kind; 8] = [
    ("a record", [200; 2], |query| ok(&scripted::found(query))),
    ("no record", [200; 2], |query| ok(&scripted::no_record(query))),
    ("in chunks", [200; 2], |query| send(chunked("", &scripted::found(query)))),
    ("in gzip", [200; 2], |query| send(with_head("Content-Encoding: gzip\r\n", &gzip(scripted::found(query).as_bytes())))),
    ("under another type", [200; 2], |query| send(scripted::http("200 OK", "application/soap+xml", &scripted::found(query)))),
    ("under a wrong type", [200; 2], |query| send(scripted::http("200 OK", "text/html", &scripted::found(query)))),
    ("after 100 and 103", [200; 2], |query| {
        let before = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";
        send([before.as_bytes(), &scripted::http_ok(&scripted::found(query))].concat())
    }),
    ("byte by byte", [200; 2], |query| scripted::http_ok(&scripted::found(query)).chunks(1).flat_map(send).collect()),
];

/// The service before an SMSP that sends the reply of this place in the table about [`CHILD`], and the record about everybody
/// else.
struct Place {
    smsp: Scripted,
    service: Service,
    at: Arc<AtomicUsize>,
    http: reqwest::Client,
}

impl Place {
    /// `late`: what comes after the reply on its connection.
    async fn before(kinds: &'static [Kind], late: fn(&Query) -> Vec<Step>) -> Self {
        let at = Arc::new(AtomicUsize::new(0));
        let chosen = Arc::clone(&at);
        let smsp = Scripted::start(move |query| {
            if query.nhs_number != CHILD {
                return ok(&scripted::found(query));
            }
            let (.., reply) = kinds[chosen.load(Ordering::SeqCst)];
            [reply(query), late(query)].concat()
        })
        .await;
        let settings = [("LOOKUP__SHARE_FOR", "0s"), ("LIMITS__REQUESTS_PER_SECOND", "100000")];
        let service = Service::start(&smsp.certificates, &smsp.url, &settings);
        Self { smsp, service, at, http: client() }
    }

    /// A new look: what came of it, and the connection that it took.
    async fn look(&self, number: &str) -> (Got, usize) {
        let heard = self.smsp.queries().len();
        let url = format!("{}/FHIR/R4/Flag?patient={number}", self.service.public);
        let got = Got::read(self.http.get(url).header("CPIS-New-Look", "true").send().await.unwrap()).await;
        let queries = self.smsp.queries();
        assert_eq!(queries.len(), heard + 1, "one look, one query: {}", got.text);
        (got, queries[heard].connection)
    }

    /// The next child's look: its own answer.
    async fn next(&self, after: &str) -> usize {
        let (got, connection) = self.look(NEXT).await;
        assert_eq!((got.status, got.total()), (200, 1), "after {after}: {}", got.text);
        connection
    }
}

/// The look's own "no record" comes when it is too late for it.
fn late_no_record(query: &Query) -> Vec<Step> {
    vec![Step::Wait(Duration::from_millis(5)), Step::Send(scripted::http_ok(&scripted::unrelated(&scripted::no_record(query))))]
}

/// Each on the connection of a good answer, and then on one of its own.
async fn end_their_connection(kinds: &'static [Kind]) {
    let place = Place::before(kinds, late_no_record).await;
    let mut kept = place.next("the start").await;
    let descriptors = place.service.descriptors_at_rest().await;
    for (at, (name, statuses, _)) in kinds.iter().enumerate() {
        place.at.store(at, Ordering::SeqCst);
        for (status, connection) in statuses.iter().zip([kept, kept + 1]) {
            let (got, taken) = place.look(CHILD).await;
            assert_eq!((got.status, taken), (*status, connection), "{name}: {}", got.text);
            assert!(!got.text.contains(OTHER), "{name}: {}", got.text);
            if *status != 200 {
                assert!(got.diagnostics().contains("does not mean that there is no plan"), "{name}: {}", got.diagnostics());
            }
        }
        kept = place.next(name).await;
        assert_eq!((kept, place.smsp.connections()), (2 * (at + 1) + 1, kept), "after {name}");
    }
    place.service.until_descriptors(descriptors + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_reply_that_is_no_good_answer_the_next_look_takes_another_connection() {
    end_their_connection(&POISONED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_answer_that_ends_its_connection_the_next_look_takes_another_one() {
    end_their_connection(&LAST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_good_answer_in_any_form_the_next_look_takes_the_same_connection() {
    let place = Place::before(&GOOD, |_| Vec::new()).await;
    for (at, (name, [status, _], _)) in GOOD.iter().enumerate() {
        place.at.store(at, Ordering::SeqCst);
        let (got, _) = place.look(CHILD).await;
        assert_eq!((got.status, got.total()), (*status, u64::from(*name != "no record")), "{name}: {}", got.text);
        place.next(name).await;
    }
    assert_eq!(place.smsp.connections(), 1);
}

/// Several connections are kept, and one of them brings a bad reply: what is wrong with it may be wrong with all.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_bad_reply_no_connection_that_was_kept_before_it_is_used_again() {
    const SIBLINGS: [&str; 3] = ["9990000042", "9990000050", "9990000069"];
    let smsp = Scripted::start(|query| match query.nhs_number.as_str() {
        CHILD => page("504 Gateway Timeout"),
        number if SIBLINGS.contains(&number) => [vec![Step::Hold], ok(&scripted::found(query))].concat(),
        _ => ok(&scripted::found(query)),
    })
    .await;
    let service = Service::start(&smsp.certificates, &smsp.url, &[]);
    let look = async |number: &str| {
        let url = format!("{}/FHIR/R4/Flag?patient={number}", service.public);
        Got::read(client().get(url).send().await.unwrap()).await
    };
    let together = futures_util::future::join_all(SIBLINGS.map(&look));
    let (together, ()) = tokio::join!(together, async {
        smsp.until_queries(SIBLINGS.len()).await;
        smsp.release();
    });
    assert!(together.iter().all(|got| got.total() == 1));
    assert_eq!((look(CHILD).await.status, smsp.connections()), (502, 3), "on one of the three");
    for number in [NEXT, OTHER] {
        assert_eq!(look(number).await.total(), 1);
        assert_eq!(smsp.queries().last().unwrap().connection, 4, "none of the other two");
    }
}

/// A look that got no answer in time still has its connection, and the next one has its own.
#[tokio::test(flavor = "multi_thread")]
async fn while_a_late_reply_is_waited_for_the_next_look_takes_another_connection() {
    let smsp = Scripted::start(|query| match query.nhs_number.as_str() {
        CHILD => [vec![Step::Hold], ok(&scripted::unrelated(&scripted::no_record(query)))].concat(),
        _ => ok(&scripted::found(query)),
    })
    .await;
    let settings = [("SMSP__TIMEOUT", "1s"), ("SMSP__CONNECT_TIMEOUT", "500ms")];
    let service = Service::start(&smsp.certificates, &smsp.url, &settings);
    let look = async |number: &str| {
        let url = format!("{}/FHIR/R4/Flag?patient={number}", service.public);
        Got::read(client().get(url).send().await.unwrap()).await
    };
    look(OTHER).await;
    assert_eq!(look(CHILD).await.status, 504);
    assert_eq!((look(NEXT).await.total(), smsp.queries().last().unwrap().connection), (1, 2));
    smsp.release();
    smsp.until_sent(3).await;
    for number in ["9990000042", "9990000050"] {
        assert_eq!(look(number).await.total(), 1);
        let connection = smsp.queries().last().unwrap().connection;
        assert_ne!(connection, 1, "the late reply's");
    }
}
