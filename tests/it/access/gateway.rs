//! A gateway over real mutual TLS: believed for its certificate, and only then.

use super::look_with;
use crate::common::GOOD_CHILD;
use crate::common::gateway::{DOCTOR, Gateway, doctor_but};
use crate::common::issuer::Issuer;
use crate::common::trail::TrailFolder;
use cpis_fhir::cpis::Text;
use serde_json::json;
use std::collections::BTreeSet;

fn but(name: &str, value: Option<&'static str>) -> Vec<(&'static str, &'static str)> {
    let others = DOCTOR.iter().copied().filter(|(header, _)| *header != name);
    others.chain(DOCTOR.iter().filter(|(header, _)| *header == name).filter_map(|(header, _)| Some((*header, value?)))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_on_the_list_is_believed_and_others_with_the_same_headers_are_not() {
    let issuer = Issuer::start().await;
    let gateway = Gateway::open(&issuer, &[]).await;
    for name in ["stranger.example", "Gateway.example", "gateway.example.evil", "localhost"] {
        let got = gateway.look(&gateway.authority.caller(Some(name)), DOCTOR).await;
        gateway.assert_nobody_asked(&got, 401);
        assert_eq!(got.header("WWW-Authenticate"), Some("Gateway realm=\"cpis-fhir\""), "{name}");
    }
    let got = gateway.look(&gateway.authority.caller(Some("gateway.example")), DOCTOR).await;
    assert_eq!((got.status, got.total()), (200, 1), "{}", got.text);
    let control = gateway.app.simulator.control_address().unwrap();
    let http = &gateway.app.http;
    let exchange = gateway.app.send(http.get(format!("http://{control}/exchanges/last")), &[]).await.text;
    for part in ["Bashir", "Behindgate", "R0050", "Consultant", "RX1", "Example Trust"] {
        assert!(exchange.contains(part), "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_a_certificate_of_the_ca_gets_no_connection() {
    let issuer = Issuer::start().await;
    let gateway = Gateway::open(&issuer, &[]).await;
    let base = gateway.app.service.public.replace("http://", "https://");
    let url = format!("{base}/FHIR/R4/Flag?patient={GOOD_CHILD}");
    assert!(gateway.authority.caller(None).get(&url).send().await.is_err());
    assert_eq!(gateway.app.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_is_missing_malformed_or_given_twice_is_refused() {
    let issuer = Issuer::start().await;
    let gateway = Gateway::open(&issuer, &[]).await;
    let caller = gateway.authority.caller(Some("gateway.example"));
    for (header, _) in DOCTOR {
        let value = DOCTOR.iter().find(|(name, _)| name == header).unwrap().1;
        let mut twice = DOCTOR.to_vec();
        twice.push((header, value));
        let got = gateway.look(&caller, &twice).await;
        gateway.assert_nobody_asked(&got, 401);
        assert!(got.diagnostics().contains("more than once"), "{header}: {}", got.text);
    }
    for headers in [
        but("NHSD-Identity-UUID", None),
        but("NHSD-Identity-UUID", Some(" ")),
        but("NHSD-Identity-UUID", Some("one, two")),
        but("NHSD-End-User-Organisation-ODS", None),
        but("NHSD-End-User-Organisation-ODS", Some("RX1, RX2")),
        but("NHSD-Session-URID", Some("not-a-role")),
        but("X-Activities", Some("B0011")),
        but("X-Role-Name", None),
    ] {
        let got = gateway.look(&caller, &headers).await;
        gateway.assert_nobody_asked(&got, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_subject_names_a_gateway_too() {
    let issuer = Issuer::start().await;
    let by_subject = [("ACCESS__GATEWAY__CERTIFICATES", r#"["CN=gateway.example,O=Trust"]"#)];
    let gateway = Gateway::open(&issuer, &by_subject).await;
    assert_eq!(gateway.look(&gateway.authority.caller(Some("gateway.example")), DOCTOR).await.status, 200);
    let other = gateway.look(&gateway.authority.caller(Some("other.example")), DOCTOR).await;
    assert_eq!(other.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_may_pass_a_signed_token_which_is_checked_as_any_other() {
    let issuer = Issuer::start().await;
    let gateway = Gateway::open(&issuer, &[("ACCESS__GATEWAY__HEADERS__JWT", "NHSD-Identity")]).await;
    let caller = gateway.authority.caller(Some("gateway.example"));
    let good = issuer.good();
    let plain = gateway.look(&caller, DOCTOR).await;
    gateway.assert_nobody_asked(&plain, 401);
    let expired = issuer.token(json!({"exp": 5}));
    let late = gateway.look(&caller, &[("NHSD-Identity", &expired)]).await;
    gateway.assert_nobody_asked(&late, 401);
    assert_eq!(late.issue(), "expired");
    let twice = gateway.look(&caller, &[("NHSD-Identity", &good), ("NHSD-Identity", &good)]).await;
    gateway.assert_nobody_asked(&twice, 401);
    let stranger = gateway.authority.caller(Some("stranger.example"));
    let stolen = gateway.look(&stranger, &[("NHSD-Identity", &good)]).await;
    gateway.assert_nobody_asked(&stolen, 401);
    assert_eq!(gateway.look(&caller, &[("NHSD-Identity", &good)]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_both_modes_a_token_comes_first_and_a_gateway_second() {
    let issuer = Issuer::start().await;
    let gateway = Gateway::open(&issuer, &[("ACCESS__MODES", "bearer,gateway")]).await;
    let (known, stranger) =
        (gateway.authority.caller(Some("gateway.example")), gateway.authority.caller(Some("stranger.example")));
    let authorization = format!("Bearer {}", issuer.good());
    let nobody = gateway.look(&stranger, DOCTOR).await;
    gateway.assert_nobody_asked(&nobody, 401);
    assert_eq!(nobody.header("WWW-Authenticate"), Some("Bearer realm=\"cpis-fhir\""));
    // A bad token is not made good by headers.
    let mut both = DOCTOR.to_vec();
    both.push(("Authorization", "Bearer junk"));
    let got = gateway.look(&known, &both).await;
    gateway.assert_nobody_asked(&got, 401);
    assert_eq!(gateway.look(&stranger, &[("Authorization", &authorization)]).await.status, 200);
    assert_eq!(gateway.look(&known, DOCTOR).await.status, 200);
    assert_eq!(gateway.app.counts().queries, 2, "two persons, two looks");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_a_gateway_mean_nothing_to_a_service_without_one() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    let got = app.get_with(&format!("Flag?patient={GOOD_CHILD}"), DOCTOR).await;
    super::assert_refused(&app, &got, 401, "login", &["Behindgate"]);
    assert_eq!(look_with(&app, &issuer.good()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateways_of_a_pair_vouch_for_the_same_people() {
    let issuer = Issuer::start().await;
    let trail = TrailFolder::sqlite();
    let settings = trail.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let gateway = Gateway::open(&issuer, &settings).await;
    let [one, other] = ["gateway.example", "other.example"].map(|name| gateway.authority.caller(Some(name)));
    let mut headers = DOCTOR.to_vec();
    headers.push(("X-Request-ID", "60e0b220-8136-4ca5-ae46-1d97ef59d068"));
    let first = gateway.look(&one, &headers).await;
    let again = gateway.look(&other, &headers).await;
    assert_eq!((first.status, again.status, gateway.app.counts().queries), (200, 200, 1), "one person, one look");
    // What one has shown the other may read again.
    let base = gateway.app.service.public.replace("http://", "https://");
    let id = first.resources("match")[0]["id"].as_str().unwrap().to_owned();
    let read = gateway.app.send(other.get(format!("{base}/FHIR/R4/Flag/{id}")), &headers).await;
    assert_eq!(read.status, 200, "{}", read.text);
    let told = trail.told().await;
    let text = |text: &Option<Text>| text.as_ref().map(|text| text.as_str().to_owned());
    let issuers: BTreeSet<_> = told.iter().filter_map(|told| text(&told.entry.who.as_ref()?.issuer)).collect();
    let systems: BTreeSet<_> = told.iter().filter_map(|told| text(&told.entry.request.source_system)).collect();
    assert_eq!(issuers, BTreeSet::from(["gateway".to_owned()]));
    assert_eq!(systems.len(), 2, "which of them it came through is on the trail: {systems:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_writes_for_a_variable_that_is_not_set_is_absent() {
    let issuer = Issuer::start().await;
    let gateway = Gateway::open(&issuer, &[]).await;
    let caller = gateway.authority.caller(Some("gateway.example"));
    for unset in ["(null)", "-", ""] {
        for (header, _) in DOCTOR.iter().filter(|(header, _)| !["X-Given", "X-Family", "NHSD-Session-URID"].contains(header)) {
            let got = gateway.look(&caller, &doctor_but(&[(*header, unset)])).await;
            gateway.assert_nobody_asked(&got, 403);
        }
    }
    for unset in ["(null)", "-", ""] {
        let mut headers = doctor_but(&[("NHSD-Session-URID", unset), ("X-Given", unset)]);
        headers.push(("CPIS-Care-Setting", unset));
        let got = gateway.look(&caller, &headers).await;
        assert_eq!(got.status, 200, "{unset}: {}", got.text);
        let exchange = gateway.app.last_request().await;
        assert!(!exchange.contains("(null)") && !exchange.contains(">-<"), "{exchange}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_names_that_a_gateway_sends_are_read_in_its_encoding_and_no_escape_goes_to_cp_is() {
    let issuer = Issuer::start().await;
    let name = "N\u{fa}\u{f1}ez";
    let escaped = "N%C3%BA%C3%B1ez";
    for (encoding, good, bad) in [("utf-8", name, escaped), ("percent", escaped, "N%FA%F1ez")] {
        let gateway = Gateway::open(&issuer, &[("ACCESS__GATEWAY__ENCODING", encoding)]).await;
        let caller = gateway.authority.caller(Some("gateway.example"));
        let got = gateway.look(&caller, &doctor_but(&[("X-Family", bad)])).await;
        gateway.assert_nobody_asked(&got, 403);
        let got = gateway.look(&caller, &doctor_but(&[("X-Family", good)])).await;
        assert_eq!(got.status, 200, "{encoding}: {}", got.text);
        let exchange = gateway.app.last_request().await;
        assert!(exchange.contains(name) && !exchange.contains('%'), "{exchange}");
    }
}
