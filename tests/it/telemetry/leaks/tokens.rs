//! Tokens, good and bad, in the right place and in wrong ones, and issuers that say what they should not.

#![allow(clippy::needless_pass_by_value, reason = "claims are written where they are used")]

use super::people::{ANSWER, ASKING, BORN, CHILD, FAMILY, GIVEN, PHONE, POSTCODE, STREET, WORDS};
use super::watch::{Ending, Watch};
use crate::common::issuer::{Issuer, Key, Mood, base64, bearer, now};
use crate::common::smsp::{RawSmsp, ok};
use cpis_fhir::simulator::certificates::Certificates;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

/// One that is well, and others of which each has its own trouble from the start.
struct Issuers {
    well: Issuer,
    troubled: Vec<Issuer>,
}

impl Issuers {
    async fn start() -> Self {
        let well = Issuer::start().await;
        let all = WORDS.join(" ");
        for word in WORDS {
            well.publish_too(json!({"kty": word, "kid": word, "n": word, "e": "AQAB", "alg": word, word: word}));
        }
        well.configure("op_policy_uri", json!(all));
        let mut troubled = Vec::new();
        for mood in [Mood::Broken, Mood::Garbage, Mood::Garbage, Mood::Garbage, Mood::Redirecting, Mood::Away] {
            let issuer = Issuer::start().await;
            issuer.be(mood);
            issuer.garble(&match troubled.len() {
                1 => format!("<html><h1>{GIVEN} {FAMILY}</h1>{all}</html>"),
                2 => json!({"issuer": format!("https://{FAMILY}.example"), "jwks_uri": format!("https://{CHILD}.example")})
                    .to_string(),
                _ => format!("{{\"{FAMILY}\": {CHILD}, \"{GIVEN}"),
            });
            troubled.push(issuer);
        }
        Self { well, troubled }
    }

    fn settings(&self) -> Vec<(String, String)> {
        let mut settings = self.well.settings();
        let all: Vec<Value> = self.all().map(|issuer| issuer.as_setting(&json!({}))).collect();
        settings.push(("ACCESS__ISSUERS".to_owned(), Value::Array(all).to_string()));
        settings
    }

    fn all(&self) -> impl Iterator<Item = &Issuer> {
        std::iter::once(&self.well).chain(&self.troubled)
    }
}

/// What a token of a real issuer may say of its person, and more.
fn said(claims: Value) -> Value {
    let mut all = json!({
        "sub": ASKING[2], "given_name": ASKING[0], "family_name": ASKING[1], "email": format!("{}@trust.example", ASKING[2]),
        "phone_number": PHONE, "birthdate": BORN, "address": {"street_address": STREET, "postal_code": POSTCODE}, "patient": CHILD,
    });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    all
}

/// Tokens of which none is good, each with what is wrong with it.
fn bad(issuers: &Issuers) -> Vec<(String, String)> {
    let issuer = &issuers.well;
    let mut all: Vec<(String, String)> = Vec::new();
    let mut add = |what: &str, token: String| all.push((what.to_owned(), token));
    let good = issuer.token(said(json!({})));
    let [header, payload, signature] = [0, 1, 2].map(|at| good.split('.').nth(at).unwrap().to_owned());
    for word in WORDS {
        for (what, claims) in [
            ("expired", json!({"exp": now() - 600, "x": word})),
            ("not valid yet", json!({"nbf": now() + 600, "x": word})),
            ("for another audience", json!({"aud": word})),
            ("of another issuer", json!({"iss": format!("https://issuer.example/{word}")})),
            ("of no issuer", json!({"iss": [word]})),
            ("without an end", json!({"exp": word})),
            ("without a person", json!({"sub": null, "client_id": word})),
            ("with a person that is a list", json!({"sub": [word, "two"]})),
            ("with a person that is an object", json!({"sub": {word: word}})),
            ("of a person without rights", json!({"activities": [word], "role_code": word})),
            ("with a long name", json!({"family_name": word.repeat(60)})),
            ("with a name in two lines", json!({"family_name": format!("{word}\n{word}")})),
            ("with a care setting", json!({"care_setting": word})),
            ("with a number of a person", json!({"sds": word})),
            ("with a role profile", json!({"profile": word})),
            ("without a role", json!({"role_code": null, "role_name": word})),
            ("of an organisation", json!({"org": word, "org_name": word})),
        ] {
            add(&format!("{what}: {word}"), issuer.token(said(claims)));
        }
        let claims = issuer.with(said(json!({})));
        let stranger = Key::new("key-0", Algorithm::ES256);
        add(&format!("of a stranger: {word}"), stranger.sign(&issuer.with(said(json!({"x": word}))), |_| {}));
        add(&format!("kid {word}"), issuer.key().sign(&claims, |header| header.kid = Some(word.to_owned())));
        add(&format!("typ {word}"), issuer.key().sign(&claims, |header| header.typ = Some(word.to_owned())));
        add(&format!("crit {word}"), issuer.key().sign(&claims, |header| header.crit = Some(vec![word.to_owned()])));
        add(
            &format!("addresses {word}"),
            stranger.sign(&claims, |header| {
                header.jku = Some(format!("{}/{word}", issuer.url));
                header.x5u = Some(format!("https://{FAMILY}.example/{word}"));
            }),
        );
        let own_header = |header: Value| base64(header.to_string().as_bytes());
        add(
            &format!("alg {word}"),
            format!("{}.{payload}.{signature}", own_header(json!({"alg": word, "kid": word, word: word}))),
        );
        add(&format!("alg none {word}"), format!("{}.{payload}.", own_header(json!({"alg": "none", word: word}))));
        add(&format!("no claims {word}"), format!("{header}.{}.{signature}", base64(format!("[\"{word}").as_bytes())));
        add(&format!("a word {word}"), word.to_owned());
        add(&format!("three words {word}"), format!("{word}.{word}.{word}"));
    }
    add("cut short", format!("{header}.{payload}.{}", &signature[..20]));
    add("without a signature", format!("{header}.{payload}"));
    add("too long", issuer.token(said(json!({"padding": FAMILY.repeat(900)}))));
    for troubled in &issuers.troubled {
        let claims = said(json!({}));
        add("of an issuer in trouble", troubled.token(claims.clone()));
        add(
            "of an issuer in trouble, unknown key",
            troubled.key().sign(&troubled.with(claims), |header| header.kid = Some(FAMILY.to_owned())),
        );
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_every_kind_leave_nothing_of_themselves_behind() {
    let issuers = Issuers::start().await;
    let certificates = Certificates::generate("cpis-client.test").unwrap();
    let smsp = RawSmsp::start(&certificates, &certificates.ca_pem).await;
    smsp.say(ok(ANSWER.as_bytes()));
    let watch = Watch::open(&certificates, &smsp.url, &issuers.settings()).await;
    let path = format!("Flag?patient={CHILD}");

    let good = watch.token(&issuers.well.token(said(json!({"sds": ASKING[3]}))));
    let got = watch.get("a good token", &path, &[("Authorization", &bearer(&good))]).await;
    assert_eq!((got.status, got.total()), (200, 1), "{}", got.text);
    let sent = String::from_utf8(smsp.bodies().concat()).unwrap();
    assert!(ASKING[..2].iter().all(|name| sent.contains(name)), "the clinician's name goes to the SMSP: {sent}");
    for (what, token) in bad(&issuers) {
        // Words of people are looked for anyway, and belong in answers.
        if token.len() > 100 {
            watch.token(&token);
        }
        let got = watch.get(&what, &path, &[("Authorization", &bearer(&token))]).await;
        assert!([401, 403, 503].contains(&got.status) || got.status == 200, "{what}: {}", got.text);
    }
    elsewhere(&watch, &good, &path).await;
    let mut asked: Vec<(&str, Vec<u8>)> = issuers.all().map(|issuer| ("an issuer", issuer.heads())).collect();
    asked.push(("the SMSP", smsp.heads()));
    let outcomes = &[
        "found",
        "no-token",
        "token-expired",
        "token-issuer",
        "token-key",
        "token-signature",
        "token-audience",
        "token-algorithm",
        "not-permitted",
        "keys-unavailable",
    ];
    let lines = &["the keys of an issuer of tokens cannot be read", "the keys of an issuer of tokens were read"];
    watch.end(&Ending { asked, spans: &["access", "lookup", "POST", "audit.commit"], outcomes, lines, identities: true }).await;
}

/// A good token where it does not belong.
async fn elsewhere(watch: &Watch, token: &str, path: &str) {
    let whole = bearer(token);
    let good = ("Authorization", whole.as_str());
    for (what, path) in [
        ("in the query", format!("{path}&access_token={token}")),
        ("as a name in the query", format!("{path}&{token}")),
        ("as an id", format!("Flag/{token}")),
        ("as a path", token.to_owned()),
        ("as a page", format!("_page/{token}")),
        ("as a child", format!("Flag?patient={token}")),
        ("as a format", format!("{path}&_format={token}")),
    ] {
        assert_eq!(watch.get(what, &path, &[]).await.status, if path == token { 404 } else { 401 }, "{what}");
        watch.get(&format!("{what}, with a good one"), &path, &[good]).await;
    }
    for header in [
        "X-Access-Token",
        "X-Request-ID",
        "X-Correlation-ID",
        "traceparent",
        "tracestate",
        "baggage",
        "CPIS-New-Look",
        "CPIS-Care-Setting",
        "Accept",
        "Prefer",
        "If-None-Match",
        "User-Agent",
        "Proxy-Authorization",
        "NHSD-Identity",
        "Referer",
    ] {
        // Such a traceparent is as none: nothing could tell the request by it.
        if header == "traceparent" {
            let request = watch.http.get(watch.fhir(path)).header(header, token).header("Authorization", &whole);
            assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
            continue;
        }
        watch.get(&format!("in {header}"), path, &[(header, token)]).await;
        watch.get(&format!("in {header}, with a good one"), path, &[(header, token), good]).await;
    }
    let twice = [good, good];
    assert_eq!(watch.get("twice", path, &twice).await.status, 401);
    for scheme in ["Basic", "DPoP", "bearer=", ""] {
        watch.get(&format!("as {scheme}"), path, &[("Authorization", format!("{scheme} {token}").trim())]).await;
    }
    let form = format!("patient={CHILD}&access_token={token}&{token}=1");
    let post = watch.http.post(watch.fhir("Flag/_search")).header("Content-Type", "application/x-www-form-urlencoded").body(form);
    watch.send("in a form", post.header("Authorization", &whole)).await;
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": format!("Flag/{token}?access_token={token}")}}]});
    let post = watch.http.post(watch.fhir("")).header("Content-Type", "application/fhir+json").body(batch.to_string());
    watch.send("in a batch", post.header("Authorization", &whole)).await;
    let raw = format!("GET /FHIR/R4/{path} HTTP/1.1\r\nHost: x\r\nAuthorization {token}\r\n\r\n");
    assert_eq!(watch.raw("in a header that is none", raw.as_bytes()).await, 400);
    let huge = format!(
        "GET /FHIR/R4/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        token.repeat(400)
    );
    watch.raw("far too long", huge.as_bytes()).await;
}
