//! A gateway over real mutual TLS: believed for its certificate, and only then.

use super::look_with;
use crate::common::gateway::Authority;
use crate::common::issuer::Issuer;
use crate::common::{GOOD_CHILD, Got, House};
use serde_json::json;

const DOCTOR: &[(&str, &str)] = &[
    ("NHSD-Identity-UUID", "555000777666"),
    ("NHSD-Session-URID", "555000333444"),
    ("NHSD-End-User-Organisation-ODS", "RX1"),
    ("X-Role-Code", "R0050"),
    ("X-Role-Name", "Consultant"),
    ("X-Activities", "B0011, B0107"),
    ("X-Given", "Bashir"),
    ("X-Family", "Behindgate"),
    ("X-Organisation", "Example Trust"),
];

struct Gateway {
    house: House,
    authority: Authority,
}

impl Gateway {
    async fn open(issuer: &Issuer, further: &[(&str, &str)]) -> Self {
        let authority = Authority::new();
        let mut settings = authority.settings(issuer);
        settings.extend(further.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        Self { house: House::with(&settings).await, authority }
    }

    async fn look(&self, caller: &reqwest::Client, headers: &[(&str, &str)]) -> Got {
        let base = self.house.service.public.replace("http://", "https://");
        self.house.send(caller.get(format!("{base}/FHIR/R4/Flag?patient={GOOD_CHILD}")), headers).await
    }

    fn assert_nobody_asked(&self, got: &Got, status: u16) {
        assert_eq!(got.status, status, "{}", got.text);
        assert_eq!(got.json()["resourceType"], "OperationOutcome");
        assert_eq!(self.house.counts().requests, 0);
        let said = format!("{}{}", got.text, self.house.service.said());
        for secret in ["555000777666", "Bashir", "Behindgate"] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
    }
}

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
    let control = gateway.house.simulator.control_address().unwrap();
    let http = &gateway.house.http;
    let exchange = gateway.house.send(http.get(format!("http://{control}/exchanges/last")), &[]).await.text;
    for part in ["Bashir", "Behindgate", "R0050", "Consultant", "RX1", "Example Trust"] {
        assert!(exchange.contains(part), "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_a_certificate_of_the_ca_gets_no_connection() {
    let issuer = Issuer::start().await;
    let gateway = Gateway::open(&issuer, &[]).await;
    let base = gateway.house.service.public.replace("http://", "https://");
    let url = format!("{base}/FHIR/R4/Flag?patient={GOOD_CHILD}");
    assert!(gateway.authority.caller(None).get(&url).send().await.is_err());
    assert_eq!(gateway.house.counts().requests, 0);
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
    assert_eq!(gateway.house.counts().queries, 2, "two persons, two looks");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_a_gateway_mean_nothing_to_a_service_without_one() {
    let issuer = Issuer::start().await;
    let house = issuer.house().await;
    let got = house.get_with(&format!("Flag?patient={GOOD_CHILD}"), DOCTOR).await;
    super::assert_refused(&house, &got, 401, "login", &["Behindgate"]);
    assert_eq!(look_with(&house, &issuer.good()).await.status, 200);
}
