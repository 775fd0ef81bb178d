//! What a gateway says of the person who asks, and what is said by somebody who is no gateway.

use super::people::{ANSWER, ASKING, CHILD, FAMILY, GIVEN, WORDS};
use super::watch::{Ending, Watch};
use crate::common::gateway::Authority;
use crate::common::issuer::Issuer;
use crate::common::smsp::{RawSmsp, ok};
use cpis_fhir::simulator::certificates::Certificates;
use reqwest::header::{HeaderName, HeaderValue};

/// A doctor whose name is a canary.
const DOCTOR: [(&str, &str); 9] = [
    ("NHSD-Identity-UUID", ASKING[2]),
    ("NHSD-Session-URID", "555000333444"),
    ("NHSD-End-User-Organisation-ODS", "RX1"),
    ("X-Role-Code", "R0050"),
    ("X-Role-Name", "Consultant"),
    ("X-Activities", "B0107"),
    ("X-Given", ASKING[0]),
    ("X-Family", ASKING[1]),
    ("X-Organisation", "Example Trust"),
];

struct Gateway {
    authority: Authority,
    watch: Watch,
}

impl Gateway {
    /// `headers` over those of the doctor, byte for byte; several of one name are several headers.
    async fn look(&self, what: &str, caller: &reqwest::Client, headers: &[(&str, &[u8])]) -> u16 {
        let base = self.watch.service.public.replace("http://", "https://");
        let mut request = caller.get(format!("{base}/FHIR/R4/Flag?patient={CHILD}")).header("CPIS-New-Look", "true");
        let doctor = DOCTOR.iter().map(|(name, value)| (*name, value.as_bytes()));
        let doctor = doctor.filter(|(name, _)| !headers.iter().any(|(other, _)| other == name));
        for (name, value) in doctor.chain(headers.iter().copied()) {
            request = request.header(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value).unwrap());
        }
        self.watch.send(what, request).await.status
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_gateway_says_of_a_person_goes_to_the_smsp_and_nowhere_else() {
    let (issuer, authority) = (Issuer::start().await, Authority::new());
    let certificates = Certificates::generate("cpis-client.test").unwrap();
    let smsp = RawSmsp::start(&certificates, &certificates.ca_pem).await;
    smsp.say(ok(ANSWER.as_bytes()));
    let watch = Watch::open(&certificates, &smsp.url, &authority.settings(&issuer)).await;
    let gateway = Gateway { authority, watch };
    let known = gateway.authority.caller(Some("gateway.example"));
    assert_eq!(gateway.look("a doctor", &known, &[]).await, 200);
    let sent = String::from_utf8(smsp.bodies().concat()).unwrap();
    assert!(ASKING[..2].iter().all(|name| sent.contains(name)), "the clinician's name goes to the SMSP: {sent}");

    let mut odd = GIVEN.as_bytes().to_vec();
    odd.extend(b"\xff\xfe");
    for (header, value) in DOCTOR {
        for word in WORDS {
            let what = format!("{header}: {word}");
            gateway.look(&what, &known, &[(header, word.as_bytes())]).await;
            let twice = [(header, word.as_bytes()), (header, word.as_bytes())];
            assert_eq!(gateway.look(&format!("{what}, twice"), &known, &twice).await, 401);
            gateway.look(&format!("{what}, in a list"), &known, &[(header, format!("{value}, {word}").as_bytes())]).await;
        }
        assert_eq!(gateway.look(&format!("{header} is not UTF-8"), &known, &[(header, &odd)]).await, 403);
        gateway.look(&format!("{header} is long"), &known, &[(header, FAMILY.repeat(60).as_bytes())]).await;
        gateway.look(&format!("{header} is absent"), &known, &[(header, b"")]).await;
    }
    let before = smsp.bodies().len();
    for name in WORDS.into_iter().chain(ASKING) {
        let stranger = gateway.authority.caller(Some(name));
        assert_eq!(gateway.look(&format!("a certificate of {name}"), &stranger, &[]).await, 401);
    }
    assert_eq!(smsp.bodies().len(), before, "nobody asked for a stranger");
    // Of a CA that nobody knows, with a name in it: no connection, and no word of it.
    let other = Authority::new().caller(Some(FAMILY));
    let base = gateway.watch.service.public.replace("http://", "https://");
    assert!(other.get(format!("{base}/FHIR/R4/{CHILD}")).send().await.is_err());
    let asked = vec![("the SMSP", smsp.heads())];
    let outcomes = &["found", "not-a-gateway", "identity-malformed", "no-user", "gateway-header-repeated"];
    gateway
        .watch
        .end(&Ending {
            asked,
            spans: &["access", "lookup", "POST", "audit.commit"],
            outcomes,
            identities: true,
            ..Ending::default()
        })
        .await;
}
