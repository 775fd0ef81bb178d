//! Which connections are used again, and which never.

use super::{
    server::{OK, send},
    *,
};

#[tokio::test]
async fn a_good_connection_is_used_again() {
    let (server, client) = World::new().serve(|| vec![send(OK)]).await;
    for _ in 0..5 {
        assert!(understood(&ask(&client).await));
    }
    assert_eq!((server.seen.requests(), server.seen.sessions(), client.handshakes()), (5, 1, 1));
}

/// What follows a reply could be taken for the answer about the next child.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_with_surplus_bytes_is_never_used_again() {
    let surplus = [OK, OK].concat();
    let (server, client) = World::new().serve(move || vec![send(&surplus)]).await;
    for _ in 0..50 {
        assert!(understood(&ask(&client).await));
    }
    assert_eq!((server.seen.requests(), server.seen.sessions()), (50, 50));
    server.seen.all_but(0).await;
}

#[tokio::test]
async fn surplus_bytes_that_come_later_end_the_connection_too() {
    let (server, client) = World::new().serve(|| vec![send(OK), Step::Wait(Duration::from_millis(20)), send(OK)]).await;
    for _ in 0..3 {
        assert!(understood(&ask(&client).await));
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!((server.seen.requests(), server.seen.sessions()), (3, 3));
}

#[tokio::test]
async fn a_reply_that_nobody_waits_for_is_never_read_by_the_next() {
    let (server, client) = World::new().serve(|| vec![Step::Wait(Duration::from_millis(150)), send(OK)]).await;
    for _ in 0..3 {
        assert!(tokio::time::timeout(Duration::from_millis(50), ask(&client)).await.is_err());
    }
    assert!(understood(&ask(&client).await));
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
    let reply = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\n<x/>";
    let (server, client) = World::new().serve(|| vec![send(reply)]).await;
    for _ in 0..2 {
        assert!(understood(&ask(&client).await));
    }
    assert_eq!((server.seen.requests(), server.seen.sessions()), (2, 2));
}

/// A pooled connection that the server has closed is found dead before a byte is written, and the request goes out on a new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_closes_idle_connections_loses_and_doubles_nothing() {
    let world = World::new();
    let idle = Duration::from_millis(300);
    let server = Server::with_idle(server::config(&world.server, &world.ca, &TLS13), idle, || vec![send(OK)]).await;
    let client = world.client(&server);
    for round in 0..24_u64 {
        assert!(understood(&ask(&client).await), "round {round}");
        // Well before and well after the server closes, also on a busy machine; in the very instant no client can know.
        let pause = if round % 4 == 0 { 600 } else { 10 };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    assert_eq!(server.seen.requests(), 24);
    assert!(server.seen.sessions() > 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_ask_at_once() {
    let (server, client) = World::new().serve(|| vec![Step::Wait(Duration::from_millis(20)), send(OK)]).await;
    let client = std::sync::Arc::new(client);
    let asking: Vec<_> = (0..40)
        .map(|_| {
            let client = std::sync::Arc::clone(&client);
            tokio::spawn(async move { understood(&ask(&client).await) })
        })
        .collect();
    for asked in asking {
        assert!(asked.await.unwrap());
    }
    assert_eq!(server.seen.requests(), 40);
}
