//! Which connections are used again, and which never.

use super::{
    server::{OK, Written, anothers, good, http, send, unrelated},
    *,
};
use crate::smsp::client::connections::{NameResolution, SmspConnection};
use crate::smsp::response::samples;
use std::sync::atomic::{AtomicUsize, Ordering};

const PAUSE: Duration = Duration::from_millis(20);

/// A server that sends one thing after another, one for each request, and good answers after the last.
async fn in_turn(world: &World, replies: impl IntoIterator<Item = Step>) -> (Server, Client) {
    let replies = std::sync::Mutex::new(replies.into_iter().collect::<std::collections::VecDeque<_>>());
    world.serve(move || vec![replies.lock().unwrap().pop_front().unwrap_or(Step::Reply(good))]).await
}

#[tokio::test]
async fn a_good_connection_is_used_again() {
    let (server, client) = World::new().serve(|| vec![Step::Reply(good)]).await;
    for _ in 0..5 {
        ask(&client).await.unwrap();
    }
    assert_eq!((server.seen.requests(), server.seen.sessions(), client.handshakes()), (5, 1, 1));
}

/// The server closes while the request enters the connection: each such look ends at once, not at its deadline.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_has_an_end_in_whatever_moment_its_connection_ends() {
    let exchange = Exchange::begin(None, &"https://smsp.example/cpis".parse().unwrap());
    for round in 0..30_000_u32 {
        let (ours, theirs) = tokio::io::duplex(64);
        let mut connection = SmspConnection::on(ours).await.unwrap();
        let hanging_up = tokio::spawn(async move {
            (0..round % 64).for_each(|_| std::hint::spin_loop());
            drop(theirs);
        });
        let request = Request::post("/cpis").body(exchange.body("<query/>".to_owned())).unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(10), connection.send(request)).await;
        assert!(answer.expect("an end").is_err(), "round {round}");
        hanging_up.await.unwrap();
    }
}

/// A SOAP answer with this inside the payload, which names the request's message.
fn answer(request: &str, parts: &str) -> Vec<u8> {
    let named = String::from_utf8(good(request)).unwrap();
    let header = named.split_once("<wsa:RelatesTo>").unwrap().1.split_once("</wsa:RelatesTo>").unwrap().0;
    let body = samples::distribution_envelope("", &samples::payload(parts));
    http(&samples::soap_with_header(&server::relates_to(header), &body))
}

fn status(line: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn with_status(line: &str, reply: Vec<u8>) -> Vec<u8> {
    String::from_utf8(reply).unwrap().replacen("200 OK", line, 1).into_bytes()
}

/// After anything but a good answer, its connection is never used again, nor any other idle connection.
#[tokio::test]
async fn after_every_reply_that_is_no_good_answer_the_next_look_connects_anew() {
    let replies: [(&str, Written); 17] = [
        ("nothing readable", |_| OK.to_vec()),
        ("an empty body", |_| status("200 OK", "")),
        ("another message's", anothers),
        ("no relation", unrelated),
        ("a good answer under 500", |request| with_status("500 Internal Server Error", good(request))),
        ("a good answer under 201", |request| with_status("201 Created", good(request))),
        ("202", |_| status("202 Accepted", "")),
        ("a page of a gateway", |_| status("504 Gateway Time-out", "<html><body>504</body></html>")),
        ("a refusal", |_| status("403 Forbidden", "no")),
        ("a redirect", |_| status("307 Temporary Redirect", "")),
        ("a fault", |_| http(&samples::soap("<soap:Fault><faultcode>soap:Server</faultcode></soap:Fault>"))),
        ("another child's", |request| {
            let other = samples::information_14(&samples::record(&samples::child(samples::OTHER)));
            answer(request, &(samples::code("SMSP-0000") + &samples::record_total("1") + &other))
        }),
        ("a contradiction", |request| answer(request, &(samples::code("CPIS-0001") + &samples::record_total("1")))),
        ("a failure", |request| answer(request, &(samples::code("SMSP-9999") + &samples::record_total("0")))),
        ("a retry later", |request| answer(request, &(samples::code("SMSP-0004") + &samples::record_total("0")))),
        ("no HTTP", |_| b"220 smtp.example ESMTP\r\n\r\n".to_vec()),
        ("a body over the limit", |_| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", RESPONSE_LIMIT + 1).into_bytes()),
    ];
    for (what, bad) in replies {
        let world = World::new();
        let (server, client) = in_turn(&world, [Step::Reply(good), Step::Reply(bad)]).await;
        ask(&client).await.unwrap();
        let poisoned = ask(&client).await;
        assert_eq!((server.seen.requests(), server.seen.sessions()), (2, 1), "{what}: on the connection that was kept");
        assert!(poisoned.is_err(), "{what}: {poisoned:?}");
        server.seen.all_but(0).await;
        ask(&client).await.unwrap();
        assert_eq!((server.seen.requests(), server.seen.sessions()), (3, 2), "{what}");
        ask(&client).await.unwrap();
        assert_eq!((server.seen.requests(), server.seen.sessions()), (4, 2), "{what}: and the new one is kept");
        assert_eq!(client.handshakes(), 1, "{what}: the second session resumes the first");
    }
}

/// A "no record" without a relation counts only on a new connection, and that connection is not kept.
#[tokio::test]
async fn a_connection_whose_answers_name_no_message_is_used_once() {
    let (server, client) = World::new().serve(|| vec![Step::Reply(unrelated)]).await;
    for asked in 1..=5 {
        assert_eq!(ask(&client).await.unwrap().holding, crate::cpis::Holding::NoRecord);
        server.seen.all_but(0).await;
        assert_eq!((server.seen.requests(), server.seen.sessions()), (asked, asked));
    }
    assert_eq!(client.handshakes(), 1, "each session after the first is a resumed one");
}

/// The reply of another look, late on a connection that was good until then (decisions.md 41).
#[tokio::test]
async fn a_stale_reply_is_never_the_answer_to_the_next_look() {
    // It comes after the next query was written, and before that query's own reply.
    let turn = Arc::new(AtomicUsize::new(0));
    let (server, client) = World::new()
        .serve(move || match turn.fetch_add(1, Ordering::SeqCst) % 2 {
            0 => vec![Step::Reply(good)],
            _ => vec![Step::Reply(unrelated), Step::Wait(PAUSE), Step::Reply(good)],
        })
        .await;
    for _ in 0..20 {
        ask(&client).await.unwrap();
        let stale = (RegisterErrorKind::OtherMessage, Phase::Understand, Delivery::MaybeDelivered);
        assert_eq!(failed(ask(&client).await), stale);
    }
    assert_eq!((server.seen.requests(), server.seen.sessions()), (40, 20));
}

/// The same at every moment: a look gets its own answer or none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_reply_at_any_moment_is_no_answer() {
    let turn = Arc::new(AtomicUsize::new(0));
    let (server, client) = World::new()
        .serve(move || {
            let late = Duration::from_micros(turn.fetch_add(1, Ordering::SeqCst) as u64 * 137 % 6000);
            vec![Step::Reply(holds_one), Step::Wait(late), Step::Reply(unrelated)]
        })
        .await;
    let mut refused = 0;
    for _ in 0..400 {
        match ask(&client).await {
            Ok(answer) => assert_ne!(answer.holding, crate::cpis::Holding::NoRecord),
            Err(_) => refused += 1,
        }
    }
    assert_eq!(server.seen.requests(), 400, "one look, one request");
    assert!(refused < 400);
}

/// A record of the child asked, in answer to this message.
fn holds_one(request: &str) -> Vec<u8> {
    let plan = samples::looked_after("202509010000", None) + &samples::child(samples::ASKED);
    answer(
        request,
        &(samples::code("SMSP-0000") + &samples::record_total("1") + &samples::information_14(&samples::record(&plan))),
    )
}

/// On a connection that has brought a reply before, a reply that does not name our message proves nothing about it: neither "no record"
/// nor that it was not delivered.
#[tokio::test]
async fn a_late_refusal_is_no_proof_that_the_next_query_was_not_heard() {
    let refusals: [Written; 2] = [
        |_| status("403 Forbidden", "no"),
        |_| {
            let payload = samples::payload(&(samples::code("SMSP-0004") + &samples::record_total("0")));
            http(&samples::soap_with_header("", &samples::distribution_envelope("", &payload)))
        },
    ];
    for refusal in refusals {
        let world = World::new();
        let (_server, client) = in_turn(&world, [Step::Reply(refusal), Step::Reply(good), Step::Reply(refusal)]).await;
        assert_eq!(ask(&client).await.unwrap_err().delivery, Delivery::NotDelivered, "the first reply of its connection");
        ask(&client).await.unwrap();
        assert_eq!(ask(&client).await.unwrap_err().delivery, Delivery::MaybeDelivered, "after another reply");
    }
}

/// Many looks at once, every fourth reply a bad one: no connection serves another look after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn among_many_looks_no_connection_outlives_a_bad_reply() {
    let turn = Arc::new(AtomicUsize::new(0));
    let (server, client) = World::new()
        .serve(move || match turn.fetch_add(1, Ordering::SeqCst) % 4 {
            // If the connection were used again, the next look would take the second reply as its own.
            3 => vec![Step::Reply(anothers), Step::Reply(unrelated)],
            _ => vec![Step::Wait(Duration::from_millis(2)), Step::Reply(good)],
        })
        .await;
    let client = Arc::new(client);
    let asking: Vec<_> = (0..64)
        .map(|_| {
            let client = Arc::clone(&client);
            tokio::spawn(async move {
                let mut good = 0;
                for _ in 0..5 {
                    match ask(&client).await {
                        Ok(_) => good += 1,
                        Err(failure) => assert_eq!(failure.kind, RegisterErrorKind::OtherMessage),
                    }
                }
                good
            })
        })
        .collect();
    let mut good = 0;
    for asked in asking {
        good += asked.await.unwrap();
    }
    assert_eq!((server.seen.requests(), good), (320, 240), "each bad reply cost its own look and no other");
}

/// Bytes after a reply could be taken as the answer about the next child.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_with_surplus_bytes_is_never_used_again() {
    let (server, client) = World::new().serve(|| vec![Step::Reply(|request| [good(request), good(request)].concat())]).await;
    for _ in 0..50 {
        ask(&client).await.unwrap();
    }
    assert_eq!((server.seen.requests(), server.seen.sessions()), (50, 50));
    server.seen.all_but(0).await;
}

#[tokio::test]
async fn surplus_bytes_that_come_later_end_the_connection_too() {
    let (server, client) = World::new().serve(|| vec![Step::Reply(good), Step::Wait(PAUSE), send(OK)]).await;
    for _ in 0..3 {
        ask(&client).await.unwrap();
        tokio::time::sleep(3 * PAUSE).await;
    }
    assert_eq!((server.seen.requests(), server.seen.sessions()), (3, 3));
}

#[tokio::test]
async fn a_reply_that_nobody_waits_for_is_never_read_by_the_next() {
    let (server, client) = World::new().serve(|| vec![Step::Wait(Duration::from_millis(150)), Step::Reply(good)]).await;
    for asked in 1..=3 {
        tokio::select! {
            answer = ask(&client) => panic!("the server has not replied yet: {}", answer.is_ok()),
            () = server.seen.requests_are(asked) => {}
        }
    }
    ask(&client).await.unwrap();
    assert_eq!((server.seen.requests(), server.seen.sessions()), (4, 4));
    server.seen.all_but(1).await;
}

#[tokio::test]
async fn a_reply_given_up_in_its_body_ends_its_connection() {
    let steps = || {
        let head = send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n<x/>");
        vec![head, Step::Wait(Duration::from_millis(150)), send(b"<y/>")]
    };
    let (server, client) = World::new().serve(steps).await;
    assert!(tokio::time::timeout(Duration::from_millis(50), ask(&client)).await.is_err());
    assert!(understood(&ask(&client).await));
    assert_eq!((server.seen.requests(), server.seen.sessions()), (2, 2));
}

#[tokio::test]
async fn a_reply_that_forbids_it_is_the_last_on_its_connection() {
    let last: Written = |request| with_status("200 OK\r\nConnection: close", good(request));
    let (server, client) = World::new().serve(move || vec![Step::Reply(last)]).await;
    for _ in 0..2 {
        ask(&client).await.unwrap();
    }
    assert_eq!((server.seen.requests(), server.seen.sessions()), (2, 2));
}

/// If a reply gives its length twice, an intermediary may see another end of it (RFC 9112 6.3).
#[tokio::test]
async fn a_reply_that_tells_its_length_twice_is_the_last_on_its_connection() {
    let replies: [Written; 3] = [
        |request| {
            let (head, body) = parts(request);
            format!("{head}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes()
        },
        |request| {
            let (head, body) = parts(request);
            format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
        },
        |request| {
            let (head, body) = parts(request);
            format!("{head}, {}\r\n\r\n{body}", body.len()).into_bytes()
        },
    ];
    for (at, reply) in replies.into_iter().enumerate() {
        let (server, client) = World::new().serve(move || vec![Step::Reply(reply)]).await;
        for _ in 0..2 {
            ask(&client).await.unwrap_or_else(|failure| panic!("{at}: {failure}"));
        }
        assert_eq!((server.seen.requests(), server.seen.sessions()), (2, 2), "{at}");
    }
}

/// The head of a good answer, which ends with its Content-Length, and the body.
fn parts(request: &str) -> (String, String) {
    let good = String::from_utf8(good(request)).unwrap();
    let (head, body) = good.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// An idle connection that the server has closed is noticed before a byte is written, and the request is sent on a new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_closes_idle_connections_loses_and_doubles_nothing() {
    let world = World::new();
    let idle = Duration::from_millis(300);
    let config = server::config(&world.server, &world.ca, &TLS13);
    let server = Server::with_idle(config, idle, || vec![Step::Reply(good)]).await;
    let client = world.client(&server);
    for round in 0..24_u64 {
        assert!(ask(&client).await.is_ok(), "round {round}");
        // Well before and well after the server closes, even on a busy machine. At that exact moment no client can know.
        let pause = if round % 4 == 0 { 600 } else { 10 };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    assert_eq!(server.seen.requests(), 24);
    assert!(server.seen.sessions() > 1);
}

/// A thousand looks around the moment when we close a connection, a second before the server would, like with both defaults.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_looks_at_the_edge_of_idleness_lose_nothing() {
    let world = World::new();
    let config = server::config(&world.server, &world.ca, &TLS13);
    let server = Server::with_idle(config, Duration::from_millis(1500), || vec![Step::Reply(good)]).await;
    let client = Arc::new(
        world.client_with(&server, ConnectionLimits { idle: Duration::from_millis(500), ..ConnectionLimits::default() }),
    );
    let lanes: Vec<_> = (0..50_u64)
        .map(|lane| {
            let client = Arc::clone(&client);
            tokio::spawn(async move {
                for round in 0..20 {
                    ask(&client).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(480 + (lane * 7 + round * 11) % 40)).await;
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.unwrap();
    }
    assert_eq!(server.seen.requests(), 1000, "one look, one request");
    assert!(server.seen.sessions() > 50, "some were given up");
    server.seen.all_but(0).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_though_nobody_asks() {
    let world = World::new();
    let (server, _) = world.serve(|| vec![Step::Reply(good)]).await;
    let client = world.client_with(&server, ConnectionLimits { idle: Duration::from_millis(100), ..ConnectionLimits::default() });
    ask(&client).await.unwrap();
    server.seen.all_but(0).await;
    ask(&client).await.unwrap();
    server.seen.all_but(0).await;
}

/// Under steady traffic no connection is idle for long. Without a limit on its life, a changed address would never be noticed.
#[tokio::test]
async fn a_changed_address_is_followed_under_steady_traffic() {
    let world = World::new();
    let (before, _) = world.serve(|| vec![Step::Reply(good)]).await;
    let (after, _) = world.serve(|| vec![Step::Reply(good)]).await;
    let client = world.client_with(&before, ConnectionLimits { life: Duration::from_millis(500), ..ConnectionLimits::default() });
    client.name_is(NameResolution::Are(vec![before.address]));
    ask(&client).await.unwrap();
    client.name_is(NameResolution::Are(vec![after.address]));
    ask(&client).await.unwrap();
    assert_eq!((before.seen.requests(), after.seen.requests()), (2, 0), "a connection that is young is used");
    let changed = std::time::Instant::now();
    while after.seen.requests() == 0 {
        assert!(changed.elapsed() < Duration::from_secs(10), "the old address is used for ever");
        ask(&client).await.unwrap();
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let old = before.seen.requests();
    for _ in 0..5 {
        ask(&client).await.unwrap();
    }
    assert_eq!(before.seen.requests(), old, "and the old one no more");
    before.seen.all_but(0).await;
}

#[test]
fn connections_are_given_up_before_servers_do_and_after_five_minutes_at_last() {
    let ConnectionLimits { idle, life } = ConnectionLimits::default();
    assert!(idle < Duration::from_secs(5));
    assert_eq!(life, Duration::from_mins(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_ask_at_once() {
    let (server, client) = World::new().serve(|| vec![Step::Wait(PAUSE), Step::Reply(good)]).await;
    let client = Arc::new(client);
    let asking: Vec<_> = (0..40)
        .map(|_| {
            let client = Arc::clone(&client);
            tokio::spawn(async move { ask(&client).await.is_ok() })
        })
        .collect();
    for asked in asking {
        assert!(asked.await.unwrap());
    }
    assert_eq!(server.seen.requests(), 40);
}
