//! Tokens, good and bad.

use super::{assert_refused, look_with};
use crate::common::clock::MovedClock;
use crate::common::issuer::{Issuer, Key, base64, bearer, now};
use crate::common::trail::TrailFolder;
use crate::common::{GOOD_CHILD, TestApp};
use cpis_fhir::audit::{Event, StoredEntry};
use cpis_fhir::cpis::Text;
use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// What no part of a refusal may repeat: the token itself, and what its claims say.
fn secrets(token: &str) -> Vec<&str> {
    let mut secrets: Vec<&str> = token.split('.').filter(|part| part.len() > 20).collect();
    secrets.extend(["dr-example", "Asha", "the-epr", "other-issuer", "other-audience"]);
    secrets
}

async fn refuse(app: &TestApp, token: &str, status: u16, issue: &str, saying: &str) {
    let got = look_with(app, token).await;
    assert_refused(app, &got, status, issue, &secrets(token));
    assert!(got.diagnostics().contains(saying), "{saying}: {}", got.text);
    if status == 401 {
        let challenge = got.header("WWW-Authenticate").unwrap();
        assert!(challenge.starts_with("Bearer realm=\"cpis-fhir\", error=\"invalid_"), "{challenge}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_is_believed_and_asks_in_its_persons_name() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    let got = look_with(&app, &issuer.good()).await;
    assert_eq!((got.status, got.total()), (200, 1), "{}", got.text);
    let control = app.simulator.control_address().unwrap();
    let exchange = app.send(app.http.get(format!("http://{control}/exchanges/last")), &[]).await.text;
    for part in ["S0010:G0020:R0050", "Consultant", "Asha", "Example", "RX1", "Example University Hospitals NHS Trust"] {
        assert!(exchange.contains(part), "{part}");
    }
    let said = app.service.said();
    for part in ["dr-example", "Asha", "Consultant", &issuer.good()[..40]] {
        assert!(!said.contains(part), "{part}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_one_token_nobody_is_asked() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    let path = format!("Flag?patient={GOOD_CHILD}");
    let none = app.get(&path).await;
    assert_refused(&app, &none, 401, "login", &[]);
    assert_eq!(none.header("WWW-Authenticate"), Some("Bearer realm=\"cpis-fhir\""));
    assert_eq!(none.codes(), ("ACCESS_DENIED".to_owned(), "UNAUTHORIZED".to_owned()));
    let good = bearer(&issuer.good());
    let twice = app.get_with(&path, &[("Authorization", &good), ("Authorization", &good)]).await;
    assert_refused(&app, &twice, 401, "login", &secrets(&good[7..]));
    assert!(twice.header("WWW-Authenticate").unwrap().contains("error=\"invalid_request\""));
    for wrong in ["Basic ZHI6c2VjcmV0", "Bearer", "Bearer ", "Bearer a b", "Bearer a,b", &good[7..], &format!("{good}, {good}")] {
        let got = app.get_with(&path, &[("Authorization", wrong)]).await;
        assert_refused(&app, &got, 401, "login", &[]);
    }
    for scheme in ["bearer", "BEARER"] {
        let got = app.get_with(&path, &[("Authorization", &format!("{scheme} {}", issuer.good()))]).await;
        assert_eq!(got.status, 200, "{scheme}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_none_are_refused() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    let good = issuer.good();
    let [header, payload, signature] = [0, 1, 2].map(|at| good.split('.').nth(at).unwrap().to_owned());
    let unsigned_header = base64(br#"{"alg":"none","typ":"JWT"}"#);
    for (token, saying) in [
        ("junk".to_owned(), "not a signed JSON Web Token"),
        ("a.b.c".to_owned(), "not a signed JSON Web Token"),
        (format!("{header}.{payload}"), "not a signed JSON Web Token"),
        (format!("{header}.{payload}."), "not a signed JSON Web Token"),
        (format!("{header}.{payload}.{signature}.x.y"), "not a signed JSON Web Token"),
        (format!("{unsigned_header}.{payload}."), "not a signed JSON Web Token"),
        (format!("{unsigned_header}.{payload}.{signature}"), "algorithm is not accepted"),
        (format!("{header}.{}.{signature}", base64(b"[]")), "not a signed JSON Web Token"),
        (format!("{header}.{}.{signature}", base64(&[b'['; 4000])), "not a signed JSON Web Token"),
        (format!("{header}.{payload}.{}", base64(b"nothing")), "signature is wrong"),
        (format!("{header}.{payload}.{}", &signature[..signature.len() - 2]), "signature is wrong"),
    ] {
        refuse(&app, &token, 401, "login", saying).await;
    }
    let other_claims = base64(issuer.with(json!({"activities": ["B0107", "B0170"]})).to_string().as_bytes());
    refuse(&app, &format!("{header}.{other_claims}.{signature}"), 401, "login", "signature is wrong").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_others_for_others_or_of_another_time_is_refused() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    let claimed = |claims: Value| issuer.token(claims);
    for (claims, issue, saying) in [
        (json!({"iss": "https://other-issuer.example"}), "login", "issuer (iss) is not known"),
        (json!({"iss": format!("{}/", issuer.url)}), "login", "issuer (iss) is not known"),
        (json!({"iss": [issuer.url.clone()]}), "login", "lacks iss"),
        (json!({"iss": null}), "login", "lacks iss"),
        (json!({"aud": "other-audience"}), "login", "audience (aud) is not this service"),
        (json!({"aud": ["other-audience"]}), "login", "audience (aud) is not this service"),
        (json!({"aud": []}), "login", "audience (aud) is not this service"),
        (json!({"aud": null}), "login", "lacks aud"),
        (json!({"aud": 5}), "login", "lacks aud"),
        (json!({"exp": now() - 60}), "expired", "has expired"),
        (json!({"exp": 0}), "expired", "has expired"),
        (json!({"exp": null}), "login", "lacks exp"),
        (json!({"exp": "tomorrow"}), "login", "lacks exp"),
        (json!({"exp": -1}), "login", "lacks exp"),
        (json!({"nbf": now() + 60}), "login", "not valid yet"),
        (json!({"nbf": "now"}), "login", "lacks nbf"),
        (json!({"exp": (now() + 300) * 1000}), "login", "exp is not in seconds"),
        (json!({"nbf": now() * 1000}), "login", "nbf is not in seconds"),
        (json!({"iat": now() * 1000}), "login", "iat is not in seconds"),
    ] {
        refuse(&app, &claimed(claims), 401, issue, saying).await;
    }
    // Within the leeway of 30 s, and for several audiences.
    for claims in [json!({"exp": now() - 10}), json!({"nbf": now() + 10}), json!({"aud": ["other-audience", "cpis-fhir"]})] {
        assert_eq!(look_with(&app, &claimed(claims.clone())).await.status, 200, "{claims}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_signed_with_another_key_is_refused_whatever_it_says_of_itself() {
    let issuer = Issuer::with_key(Algorithm::RS256).await;
    let app = issuer.app().await;
    let claims = issuer.claims();
    let stranger = Key::new("key-0", Algorithm::RS256);
    refuse(&app, &stranger.sign(&claims, |_| {}), 401, "login", "signature is wrong").await;
    let with_key = stranger.sign(&claims, |header| {
        header.jwk = Some(serde_json::from_value(stranger.public.clone()).unwrap());
        header.jku = Some(format!("{}/elsewhere", issuer.url));
        header.x5u = Some(format!("{}/elsewhere", issuer.url));
    });
    refuse(&app, &with_key, 401, "login", "signature is wrong").await;
    assert_eq!(issuer.others(), 0, "a token's own addresses are never asked");
    let other_id = stranger.sign(&claims, |header| header.kid = Some("../../key-0".to_owned()));
    refuse(&app, &other_id, 401, "login", "key that its issuer does not publish").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_secret_made_of_the_public_key_signs_nothing() {
    let issuer = Issuer::with_key(Algorithm::RS256).await;
    issuer.publish_too(json!({"kty": "oct", "kid": "shared", "k": base64(b"known to everyone"), "alg": "HS256"}));
    let app = issuer.app().await;
    let public = issuer.key().public;
    let modulus = public["n"].as_str().unwrap();
    let secrets_of_key = [public.to_string(), modulus.to_owned(), "known to everyone".to_owned()];
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        for secret in &secrets_of_key {
            for id in ["key-0", "shared"] {
                let mut header = Header::new(algorithm);
                header.kid = Some(id.to_owned());
                let token = encode(&header, &issuer.claims(), &EncodingKey::from_secret(secret.as_bytes()).unwrap()).unwrap();
                refuse(&app, &token, 401, "login", "algorithm is not accepted").await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_another_type_or_with_critical_headers_are_refused() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    let typed = |typ: &str| issuer.key().sign(&issuer.claims(), |header| header.typ = Some(typ.to_owned()));
    for typ in ["dpop+jwt", "logout+jwt", "secevent+jwt", ""] {
        refuse(&app, &typed(typ), 401, "login", "type (typ)").await;
    }
    let critical = issuer.key().sign(&issuer.claims(), |header| header.crit = Some(vec!["b64".to_owned()]));
    refuse(&app, &critical, 401, "login", "critical header").await;
    for typ in ["JWT", "at+jwt", "AT+JWT", "application/at+jwt"] {
        assert_eq!(look_with(&app, &typed(typ)).await.status, 200, "{typ}");
    }
    let untyped = issuer.key().sign(&issuer.claims(), |header| header.typ = None);
    assert_eq!(look_with(&app, &untyped).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_8_kib_long_at_most() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    let long = issuer.token(json!({"padding": "x".repeat(8 * 1024)}));
    refuse(&app, &long, 401, "login", "longer than 8 KiB").await;
    let fitting = issuer.token(json!({"padding": "x".repeat(4 * 1024)}));
    assert_eq!(look_with(&app, &fitting).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_mebibyte_is_turned_away_and_the_next_caller_is_served() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    let huge = "x".repeat(1 << 20);
    let request = app.http.get(app.fhir(&format!("Flag?patient={GOOD_CHILD}")));
    match request.header("Authorization", bearer(&huge)).send().await {
        Ok(response) => assert!([401, 431].contains(&response.status().as_u16()), "{}", response.status()),
        // Closed while the rest was still being sent.
        Err(error) => assert!(error.is_request() || error.is_body(), "{error}"),
    }
    assert_eq!(app.counts().requests, 0);
    assert!(app.service.said().len() < 100_000);
    assert_eq!(look_with(&app, &issuer.good()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_describes_the_service_and_its_health_need_no_token() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    for path in ["metadata", "openapi.json", "SearchParameter/cpis-flag-status"] {
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
    for path in ["/health/live", "/health/ready", "/_ping"] {
        let got = app.send(app.http.get(format!("{}{path}", app.service.public)), &[]).await;
        assert_eq!(got.status, 200, "{path}");
    }
    for path in ["Flag?patient=junk&unknown=1", "Flag/abc", "Patient/abc", "_page/abc", "CareTeam"] {
        let got = app.get(path).await;
        assert_refused(&app, &got, 401, "login", &[]);
    }
    let batch = app.http.post(app.fhir("")).body("{");
    let got = app.send(batch, &[("Content-Type", "application/fhir+json")]).await;
    assert_refused(&app, &got, 401, "login", &[]);
    let posted = app.search("Flag", &[("patient", "junk")]).await;
    assert_refused(&app, &posted, 401, "login", &[]);
    let xml = app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("Accept", "application/fhir+xml")]).await;
    assert!(xml.status == 401 && xml.text.contains("<OperationOutcome"), "{}", xml.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_is_one_entry_of_the_trail_with_whoever_is_known() {
    let (issuer, trail) = (Issuer::start().await, TrailFolder::sqlite());
    let app = issuer.app_on(&trail).await;
    let path = format!("Flag?patient={GOOD_CHILD}");
    app.get_with(&path, &[("X-Request-ID", "the-first-request")]).await;
    let outsider = bearer(&issuer.token(json!({"activities": []})));
    app.get_with(&path, &[("X-Request-ID", "the-second-request"), ("Authorization", &outsider)]).await;
    let good = bearer(&issuer.good());
    app.get_with(&path, &[("X-Request-ID", "the-third-request"), ("Authorization", &good)]).await;
    let told: Vec<StoredEntry> = trail.told().await.into_iter().filter(|told| told.entry.event == Event::Refused).collect();
    let text = |text: &Option<Text>| text.as_ref().map(|text| text.as_str().to_owned());
    let refused: Vec<_> = told
        .iter()
        .map(|StoredEntry { entry, .. }| {
            let who = entry.who.as_ref().and_then(|who| text(&who.user_id));
            (text(&entry.request.request_id), entry.outcome.as_ref().and_then(|outcome| text(&Some(outcome.name.clone()))), who)
        })
        .collect();
    let some = |text: &str| Some(text.to_owned());
    let wanted = [
        (some("the-first-request"), some("no-token"), None),
        (some("the-second-request"), some("not-permitted"), some("dr-example")),
    ];
    assert_eq!(refused, wanted);
    assert!(told.iter().all(|told| told.entry.child.is_none() && told.entry.request.address.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_by_the_services_own_clock_also_when_it_is_known_already() {
    let (issuer, clock) = (Issuer::start().await, MovedClock::new());
    let (variable, file) = clock.setting();
    let app = issuer.app_with(&json!({}), &[(variable, &file)]).await;
    let (known, unknown) = (issuer.good(), issuer.token(json!({"jti": "another"})));
    assert_eq!(look_with(&app, &known).await.status, 200);
    clock.jump(SignedDuration::from_mins(6));
    for token in [&known, &unknown] {
        let got = look_with(&app, token).await;
        assert_eq!((got.status, got.issue().as_str()), (401, "expired"), "{}", got.text);
    }
    // Set back, it holds again; and one that has not begun does not.
    clock.jump(SignedDuration::from_mins(-6));
    let later = issuer.token(json!({"nbf": now()}));
    for token in [&known, &unknown, &later] {
        assert_eq!(look_with(&app, token).await.status, 200);
    }
    clock.jump(SignedDuration::from_mins(-6));
    let got = look_with(&app, &issuer.token(json!({"nbf": now(), "jti": "third"}))).await;
    assert_eq!(got.status, 401, "{}", got.text);
    assert!(got.diagnostics().contains("not valid yet"), "{}", got.text);
}
