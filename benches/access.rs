//! What it costs to know who asks: a token that was believed before, one that is new, one whose key nobody has.
//!
//! `cargo bench --bench access`. The goal is 5 us for a token that was believed before.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)] // `tests/it` uses all of it
#[path = "../tests/common/mod.rs"]
mod common;

use common::issuer::{Issuer, bearer};
use cpis_fhir::access::{Access, CallerCredentials, Header, Headers, Identity, Refusal};
use cpis_fhir::settings;
use cpis_fhir::simulator::certificates::Certificates;
use divan::{Bencher, black_box};
use futures_util::FutureExt as _;
use jsonwebtoken::Algorithm;
use serde_json::json;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// `Authorization`, and nothing else.
struct Only(String);

impl Headers for Only {
    fn header(&self, name: &str) -> Header<'_> {
        if name == "Authorization" { Header::One(self.0.as_bytes()) } else { Header::Absent }
    }
}

fn header(token: &str) -> Only {
    Only(bearer(token))
}

struct Fixture {
    issuer: Issuer,
    access: Access,
}

impl Fixture {
    fn new(algorithm: Algorithm) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let issuer = RUNTIME.block_on(Issuer::with_key(algorithm));
        Certificates::generate("cpis-client.bench").unwrap().write_to(issuer.folder()).unwrap();
        let file = |name: &str| issuer.folder().join(name).display().to_string();
        let mut environment = issuer.settings();
        for (key, value) in [
            ("SMSP__URL", "https://smsp.example".to_owned()),
            ("SMSP__CA", file("ca.pem")),
            ("SMSP__CLIENT_CERT", file("client.pem")),
            ("SMSP__CLIENT_KEY", file("client-key.pem")),
            ("SMSP__SENDER_ODS", "RX1".to_owned()),
        ] {
            environment.push((key.to_owned(), value));
        }
        let environment = environment.into_iter().map(|(key, value)| (format!("CPIS_FHIR__{key}"), value));
        let settings = settings::load(None, environment).unwrap();
        let access = Access::start(settings.access.clone(), RUNTIME.handle()).unwrap();
        let fixture = Self { issuer, access };
        assert!(RUNTIME.block_on(fixture.identify(&header(&fixture.issuer.good()))).is_ok());
        fixture
    }

    async fn identify(&self, headers: &Only) -> Result<Identity, Refusal> {
        self.access.identify(CallerCredentials { headers, certificate: None }).await
    }

    /// Without waiting for anything: what is measured must not.
    fn at_once(&self, headers: &Only) -> Result<Identity, Refusal> {
        self.identify(headers).now_or_never().unwrap()
    }

    fn fresh(&self) -> Only {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        header(&self.issuer.token(json!({"jti": NEXT.fetch_add(1, Ordering::Relaxed)})))
    }
}

#[divan::bench]
fn a_token_that_was_believed_before(bencher: Bencher<'_, '_>) {
    let fixture = Fixture::new(Algorithm::RS256);
    let headers = fixture.fresh();
    fixture.at_once(&headers).unwrap();
    bencher.bench_local(|| fixture.at_once(black_box(&headers)).unwrap());
}

#[divan::bench(args = ["RS256", "PS384", "ES256", "ES384", "EdDSA"])]
fn a_new_token(bencher: Bencher<'_, '_>, algorithm: &str) {
    let fixture = Fixture::new(algorithm.parse().unwrap());
    bencher.with_inputs(|| fixture.fresh()).bench_local_refs(|headers| fixture.at_once(headers).unwrap());
}

/// After the one reading of the keys that such tokens cause.
#[divan::bench]
fn a_token_whose_key_nobody_has(bencher: Bencher<'_, '_>) {
    let fixture = Fixture::new(Algorithm::ES256);
    let token = fixture.issuer.key().sign(&fixture.issuer.claims(), |header| header.kid = Some("nobody's".to_owned()));
    let headers = header(&token);
    assert_eq!(RUNTIME.block_on(fixture.identify(&headers)), Err(Refusal::UnknownKey));
    bencher.bench_local(|| fixture.at_once(black_box(&headers)).unwrap_err());
}

fn main() {
    divan::main();
}
