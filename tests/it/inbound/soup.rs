//! Bytes in any order: no look, no panic, no connection that stays; `SEED=n` makes the same ones again.

use crate::common::TestApp;
use crate::common::wire::Wire;
use std::time::Duration;

/// What requests are made of, and what they are not.
const INGREDIENTS: [&str; 40] = [
    "GET ",
    "POST ",
    "HEAD ",
    "get ",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "/",
    "/health/live",
    "/FHIR/R4/metadata",
    "//",
    "%00",
    "*",
    "http://x/",
    " HTTP/1.1",
    " HTTP/1.0",
    " HTTP/9.9",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "\0",
    "Host: x\r\n",
    "Host:\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 18446744073709551616\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Connection: close\r\n",
    "Connection: upgrade\r\nUpgrade: h2c\r\n",
    "Expect: 100-continue\r\n",
    ": \r\n",
    "A: b\r\n c\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "hello",
    "ffff\r\n",
    "\u{16}\u{3}\u{1}",
    "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST /FHIR/R4/Flag/_search HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST /FHIR/R4 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
    "\u{fffd}",
];

/// Good enough for soup.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

#[tokio::test]
async fn a_soup_of_bytes_is_answered_or_ended_and_costs_nothing() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(uuid::Uuid::new_v4().as_fields().0) + 1);
    println!("SEED={seed}");
    let app = TestApp::with(&[("LIMITS__HEADER_TIMEOUT", "1s"), ("LIMITS__WRITE_TIMEOUT", "1s")]).await;
    app.assert_well("a start").await;
    let (queries, descriptors, mut chance) = (app.counts().queries, app.service.descriptors(), Chance(seed));
    let soups: Vec<Vec<u8>> = (0..600)
        .map(|_| {
            let mut soup = Vec::new();
            for _ in 0..=chance.below(25) {
                soup.extend_from_slice(INGREDIENTS[chance.below(INGREDIENTS.len())].as_bytes());
            }
            if chance.below(4) == 0 {
                let at = chance.below(soup.len());
                soup[at] = u8::try_from(chance.below(256)).unwrap();
            }
            soup
        })
        .collect();
    for soups in soups.chunks(50) {
        let one = async |soup: &Vec<u8>| {
            let mut wire = Wire::to(&app.service.public).await;
            let (first, rest) = soup.split_at(soup.len() / 2);
            wire.say(first).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
            wire.say(rest).await;
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut wire.socket).await;
            let said = wire.rest().await;
            // Nothing but answers, and no second one inside a first one's end.
            assert!(said.is_empty() || said.starts_with(b"HTTP/1."), "SEED={seed}: {:?}", String::from_utf8_lossy(soup));
        };
        futures_util::future::join_all(soups.iter().map(one)).await;
    }
    assert_eq!(app.counts().queries, queries, "SEED={seed}");
    assert!(!app.service.said().contains("panic"), "SEED={seed}");
    app.service.until_descriptors(descriptors + 2).await;
    app.assert_well("soup").await;
}
