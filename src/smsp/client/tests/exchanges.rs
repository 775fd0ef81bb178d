//! The form of a request, and every way in which an exchange can break after it has begun.

use super::{
    server::{OK, send},
    *,
};

async fn broken(steps: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> (RegisterErrorKind, Phase, Delivery) {
    let (server, client) = World::new().serve(steps).await;
    let failure = failed(ask(&client).await);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(server.seen.requests(), 1, "one look, one request");
    server.seen.all_but(0).await;
    failure
}

#[tokio::test]
async fn a_request_carries_its_headers_and_the_whole_document() {
    let (server, client) = World::new().serve(|| vec![send(OK)]).await;
    let mut question = sample::question(sample::local_user());
    question.traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into());
    let ids = MessageIds::fresh();
    assert!(understood(&client.ask(&question, &ids).await));
    let request = server.seen.last_request();
    for line in [
        "POST /cpis HTTP/1.1\r\n",
        "content-type: text/xml; charset=utf-8\r\n",
        "accept: text/xml\r\n",
        "accept-encoding: identity\r\n",
        "soapaction: \"urn:nhs-itk:services:201005:sendRecvDistEnvelope\"\r\n",
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n",
        concat!("user-agent: cpis-fhir/", env!("CARGO_PKG_VERSION"), "\r\n"),
        "</soap:Body></soap:Envelope>",
    ] {
        assert!(request.contains(line), "{line}");
    }
    assert!(request.contains(&ids.message) && request.contains(&ids.query));
    for absent in ["cookie", "referer", "expect:", "transfer-encoding"] {
        assert!(!request.to_lowercase().contains(absent), "{absent}");
    }
}

#[tokio::test]
async fn settings_decide_on_quotes_and_traceparent() {
    let world = World::new();
    let (server, _) = world.serve(|| vec![send(OK)]).await;
    let dialect = to(&format!("https://{}/cpis", server.address));
    let dialect = Dialect { soap_action_quoted: false, send_traceparent: false, ..dialect };
    let client = Client::new(connection(&world.ca, &world.client), dialect).unwrap();
    let mut question = sample::question(sample::local_user());
    question.traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into());
    assert!(understood(&client.ask(&question, &MessageIds::fresh()).await));
    let request = server.seen.last_request();
    assert!(request.contains("soapaction: urn:nhs-itk:services:201005:sendRecvDistEnvelope\r\n"));
    assert!(!request.contains("traceparent"));
}

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    let (server, client) = World::new()
        .serve(|| {
            let mut steps = vec![Step::Wait(Duration::from_millis(200))];
            for byte in OK {
                steps.extend([send(&[*byte]), Step::Wait(Duration::from_millis(1))]);
            }
            steps
        })
        .await;
    assert!(understood(&ask(&client).await));
    assert_eq!(server.seen.requests(), 1);
}

#[tokio::test]
async fn a_reset_before_the_reply_is_maybe_delivered() {
    assert_eq!(broken(|| vec![Step::Reset]).await, LOST_BEFORE_REPLY);
}

#[tokio::test]
async fn a_close_without_a_reply_is_maybe_delivered() {
    assert_eq!(broken(|| vec![Step::Close]).await, LOST_BEFORE_REPLY);
}

#[tokio::test]
async fn a_reply_that_breaks_off_in_its_head_is_maybe_delivered() {
    assert_eq!(broken(|| vec![send(b"HTTP/1.1 200 OK\r\nContent-"), Step::Close]).await, LOST_BEFORE_REPLY);
}

#[tokio::test]
async fn a_reply_that_is_not_http_is_maybe_delivered() {
    assert_eq!(broken(|| vec![send(b"220 smtp.example ESMTP\r\n\r\n")]).await, LOST_BEFORE_REPLY);
}

#[tokio::test]
async fn a_reset_after_the_headers_is_maybe_delivered() {
    let steps =
        || vec![send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), Step::Wait(Duration::from_millis(50)), Step::Reset];
    assert_eq!(broken(steps).await, LOST_IN_REPLY);
}

#[tokio::test]
async fn a_reset_in_the_body_is_maybe_delivered() {
    let steps =
        || vec![send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<x>"), Step::Wait(Duration::from_millis(50)), Step::Reset];
    assert_eq!(broken(steps).await, LOST_IN_REPLY);
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_maybe_delivered() {
    assert_eq!(broken(|| vec![send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<x/>"), Step::Close]).await, LOST_IN_REPLY);
}

#[tokio::test]
async fn a_bad_chunk_is_maybe_delivered() {
    let steps = || vec![send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n<x/>\r\nZZ\r\n")];
    assert_eq!(broken(steps).await, LOST_IN_REPLY);
}

#[tokio::test]
async fn chunks_without_an_end_are_maybe_delivered() {
    let steps = || vec![send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n<x/>\r\n"), Step::Close];
    assert_eq!(broken(steps).await, LOST_IN_REPLY);
}

#[tokio::test]
async fn an_announced_body_over_the_limit_is_not_read() {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n<x>", RESPONSE_LIMIT + 1);
    assert_eq!(broken(move || vec![send(head.as_bytes())]).await, TOO_LARGE);
}

#[tokio::test]
async fn a_body_that_grows_over_the_limit_is_cut_off() {
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
    let steps = move || {
        let mut steps = vec![send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")];
        steps.extend((0..1000).map(|_| send(&chunk)));
        steps
    };
    assert_eq!(broken(steps).await, TOO_LARGE);
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read() {
    let reply = [format!("HTTP/1.1 200 OK\r\nContent-Length: {RESPONSE_LIMIT}\r\n\r\n").into_bytes(), vec![b' '; RESPONSE_LIMIT]]
        .concat();
    let (_, client) = World::new().serve(move || vec![send(&reply)]).await;
    assert!(understood(&ask(&client).await));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (server, client) = World::new()
        .serve(|| vec![send(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")])
        .await;
    assert!(understood(&ask(&client).await));
    assert_eq!(server.seen.requests(), 1);
}

#[tokio::test]
async fn an_incomplete_author_reaches_nobody() {
    let world = World::new();
    let (server, _) = world.serve(|| vec![send(OK)]).await;
    let dialect = Dialect { asid: None, ..to(&format!("https://{}/cpis", server.address)) };
    let client = Client::new(connection(&world.ca, &world.client), dialect).unwrap();
    let expected = (
        RegisterErrorKind::AuthorIncomplete { missing: vec![crate::cpis::AuthorPart::Asid] },
        Phase::Build,
        Delivery::NotDelivered,
    );
    assert_eq!(failed(ask(&client).await), expected);
    assert_eq!(server.seen.sessions(), 0);
}

#[tokio::test]
async fn a_client_says_what_it_cannot_be_made_of() {
    let world = World::new();
    for url in ["http://smsp.example/cpis", "smsp.example", "", "https://"] {
        assert!(matches!(Client::new(connection(&world.ca, &world.client), to(url)), Err(ClientError::Url)), "{url}");
    }
    let dialect = Dialect { action: "urn:a\r\nHost: b".into(), ..to("https://smsp.example/") };
    assert!(matches!(Client::new(connection(&world.ca, &world.client), dialect), Err(ClientError::Action)));
    let mut keyless = connection(&world.ca, &world.client);
    keyless.client_key_pem.clear();
    let error = Client::new(keyless, to("https://smsp.example/")).err().unwrap();
    assert!(matches!(error, ClientError::Credentials(CredentialsError::NoKey)));
}

/// A good answer with this head.
fn under(request: &str, head: &str, code: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let plain = server::good(request);
    let at = plain.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    let body = code(&plain[at..]);
    [format!("HTTP/1.1 200 OK\r\n{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, plain).unwrap();
    encoder.finish().unwrap()
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, plain).unwrap();
    encoder.finish().unwrap()
}

/// We request no coding, but some servers send one anyway (C2-18).
#[tokio::test]
async fn a_reply_in_gzip_or_deflate_is_read() {
    let replies: [server::Written; 5] = [
        |request| under(request, "Content-Encoding: gzip\r\n", gzip),
        |request| under(request, "content-encoding: X-GZIP\r\n", gzip),
        |request| under(request, "Content-Encoding: identity, gzip\r\n", gzip),
        |request| under(request, "Content-Encoding: deflate\r\n", deflate),
        |request| under(request, "Content-Encoding: identity\r\n", <[u8]>::to_vec),
    ];
    for (at, reply) in replies.into_iter().enumerate() {
        let (_server, client) = World::new().serve(move || vec![Step::Reply(reply)]).await;
        ask(&client).await.unwrap_or_else(|failure| panic!("{at}: {failure}"));
    }
}

#[tokio::test]
async fn a_coding_that_is_not_what_it_says_is_unreadable() {
    let replies: [server::Written; 5] = [
        |request| under(request, "Content-Encoding: br\r\n", <[u8]>::to_vec),
        |request| under(request, "Content-Encoding: gzip\r\n", <[u8]>::to_vec),
        |request| under(request, "Content-Encoding: gzip\r\n", |plain| gzip(plain)[..60].to_vec()),
        |request| under(request, "Content-Encoding: gzip, gzip\r\n", |plain| gzip(&gzip(plain))),
        |request| under(request, "Content-Encoding: gzip\r\nContent-Encoding: deflate\r\n", gzip),
    ];
    for (at, reply) in replies.into_iter().enumerate() {
        let (_server, client) = World::new().serve(move || vec![Step::Reply(reply)]).await;
        match failed(ask(&client).await) {
            (RegisterErrorKind::Unreadable { .. }, Phase::Understand, Delivery::MaybeDelivered) => {}
            other => panic!("{at}: {other:?}"),
        }
    }
}

/// Two gigabytes in two megabytes: the limit of a plain reply also applies to unpacking.
#[tokio::test]
async fn a_bomb_is_not_unpacked() {
    let zeros = vec![0; 64 * 1024 * 1024];
    let bomb = gzip(&zeros);
    assert!(bomb.len() < 128 * 1024);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
    let reply = [head.into_bytes(), bomb].concat();
    let (_server, client) = World::new().serve(move || vec![send(&reply)]).await;
    let expected = (RegisterErrorKind::TooLarge, Phase::Understand, Delivery::MaybeDelivered);
    assert_eq!(failed(ask(&client).await), expected);
}

/// A user agent must unfold (RFC 9112 5.2; C2-19).
#[tokio::test]
async fn a_folded_header_is_unfolded() {
    let reply: server::Written =
        |request| under(request, "Content-Type: text/xml;\r\n charset=utf-8\r\nX-Trace: a,\r\n\tb,\r\n  c\r\n", <[u8]>::to_vec);
    let (server, client) = World::new().serve(move || vec![Step::Reply(reply)]).await;
    for _ in 0..2 {
        ask(&client).await.unwrap();
    }
    assert_eq!(server.seen.sessions(), 1);
}
