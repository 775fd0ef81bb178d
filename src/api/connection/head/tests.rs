use super::*;

fn read(head: &str) -> Result<BodyFraming, BadHead> {
    check(&mut head.as_bytes().to_vec())
}

fn with(lines: &str) -> Result<BodyFraming, BadHead> {
    read(&format!("POST /x HTTP/1.1\r\nHost: here\r\n{lines}\r\n"))
}

#[test]
fn the_end_of_a_head_is_found_however_it_comes() {
    let head = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    for size in 1..=head.len() {
        let mut search = HeadScanner::default();
        let found = (1..=head.len()).filter(|end| end % size == 0 || *end == head.len());
        let found: Vec<_> = found.filter_map(|end| search.end(&head[..end]).unwrap()).collect();
        assert_eq!(found, [head.len()], "by {size}");
    }
    let two = [head.as_slice(), head].concat();
    assert_eq!(HeadScanner::default().end(&two), Ok(Some(head.len())));
}

#[test]
fn what_can_be_no_head_is_refused_before_it_is_whole() {
    for bytes in [&b"\x16\x03\x01"[..], b"GET / HTTP/1.1\nHost: x\n\n", b" GET / HTTP/1.1", b"\0", b"\n", b"{\"a\":1}"] {
        assert_eq!(HeadScanner::default().end(bytes), Err(BadHead::Malformed), "{:?}", String::from_utf8_lossy(bytes));
    }
    let long = [b"GET / HTTP/1.1\r\nHost: x\r\nX: ".as_slice(), &vec![b'x'; LONGEST]].concat();
    assert_eq!(HeadScanner::default().end(&long), Err(BadHead::TooLarge));
    let whole = [long.as_slice(), b"\r\n\r\n"].concat();
    assert_eq!(HeadScanner::default().end(&whole), Err(BadHead::TooLarge));
}

#[test]
fn one_length_or_chunks_say_what_body_follows() {
    assert_eq!(with(""), Ok(BodyFraming::None));
    assert_eq!(with("Content-Length: 0\r\n"), Ok(BodyFraming::None));
    assert_eq!(with("content-length: 12\r\n"), Ok(BodyFraming::Length(12)));
    assert_eq!(with("Transfer-Encoding: Chunked\r\n"), Ok(BodyFraming::Chunked));
    assert_eq!(read("CONNECT here:443 HTTP/1.1\r\nHost: here\r\n\r\n"), Ok(BodyFraming::Tunnel));
}

#[test]
fn what_two_readers_could_read_in_two_ways_is_refused() {
    let lines = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length:\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length : 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Folded: a\r\n b\r\n",
        "Nul: a\0b\r\n",
        "Return: a\rb\r\n",
        "Na me: a\r\n",
        "no colon\r\n",
        "Host: other\r\n",
    ];
    for line in lines {
        assert_eq!(with(line), Err(BadHead::Malformed), "{line:?}");
    }
    for coding in ["gzip, chunked", "chunked, chunked", "identity", "xchunked", "\"chunked\""] {
        assert_eq!(with(&format!("Transfer-Encoding: {coding}\r\n")), Err(BadHead::UnknownCoding), "{coding}");
    }
    assert_eq!(read("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), Err(BadHead::Malformed));
    for line in ["GET /  HTTP/1.1", "GET /", "GET / HTTP/2.0", "GET / HTTP/1.1 x", "GET\t/ HTTP/1.1"] {
        assert_eq!(read(&format!("{line}\r\nHost: x\r\n\r\n")), Err(BadHead::Malformed), "{line:?}");
    }
    let many = "A: b\r\n".repeat(MOST_HEADERS);
    assert_eq!(with(&many), Err(BadHead::TooLarge));
}

#[test]
fn a_host_is_named_once_and_is_one() {
    let host = |value: &str| read(&format!("GET / HTTP/1.1\r\nHost: {value}\r\n\r\n"));
    for good in
        ["x", "a.example", "a_b.example:8080", "127.0.0.1:1", "[::1]", "[2001:db8::1]:443", "here:", "xn--bcher-kva.example."]
    {
        assert_eq!(host(good), Ok(BodyFraming::None), "{good}");
    }
    for bad in ["", " ", "a/b@c", "a@b", "a b", "a:b", "a:123456", ":80", "[::1", "[]", "::1", "a\"b", "h\u{e9}"] {
        assert_eq!(host(bad), Err(BadHead::Malformed), "{bad:?}");
    }
    assert_eq!(read("GET / HTTP/1.1\r\n\r\n"), Err(BadHead::Malformed));
    assert_eq!(read("GET / HTTP/1.0\r\n\r\n"), Ok(BodyFraming::None));
}

#[test]
fn a_wish_for_another_protocol_is_blanked_out_and_nothing_else_is() {
    let mut head =
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nA: upgrade\r\n\r\n".to_vec();
    let length = head.len();
    assert_eq!(check(&mut head), Ok(BodyFraming::None));
    assert_eq!(head.len(), length);
    let text = String::from_utf8(head).unwrap();
    assert!(text.contains("\r\nConnection:        , HTTP2-Settings\r\nUpgrade:    \r\nA: upgrade\r\n"), "{text}");
}
