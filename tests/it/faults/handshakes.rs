//! No connection, or none that may be trusted: nothing was sent, and the caller may try again by itself.

use super::QUICK;
use crate::common::{FHIR_JSON, Got, Service, client, loopback};
use cpis_fhir::simulator::certificates::Certificates;
use cpis_fhir::simulator::scenario::Scenario;
use cpis_fhir::simulator::{Config, Simulator, Tls};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use std::net::{SocketAddr, TcpListener};

fn certificates() -> Certificates {
    Certificates::generate("cpis-client.test").unwrap()
}

/// A simulator with this certificate that lets in clients of this CA.
async fn simulator(server: &Certificates, client_ca: &Certificates, listen: SocketAddr) -> Simulator {
    let tls = Tls {
        cert_pem: server.server_cert_pem.clone().into_bytes(),
        key_pem: server.server_key_pem.clone().into_bytes(),
        client_ca_pem: client_ca.ca_pem.clone().into_bytes(),
    };
    let config = Config { listen, control_listen: None, tls, scenario: Scenario::built_in() };
    Simulator::start(config).await.unwrap()
}

async fn look(service: &Service) -> Got {
    Got::read(client().get(format!("{}/FHIR/R4/Flag?patient=9990000018", service.public)).send().await.unwrap()).await
}

/// 503 that a client may repeat by itself, and nothing of why in detail: that is for the log.
async fn assert_not_asked(service: &Service, fault: &str) {
    let got = look(service).await;
    assert_eq!((got.status, got.issue().as_str()), (503, "transient"), "{fault}: {}", got.text);
    assert_eq!(got.codes(), ("SERVICE_UNAVAILABLE".into(), "REC_UNAVAILABLE".into()));
    assert!(got.header("retry-after").is_some(), "{fault}");
    assert!(!got.diagnostics().contains("notified"), "{fault}: {}", got.diagnostics());
    assert!(got.diagnostics().contains("does not mean that there is no plan"), "{fault}: {}", got.diagnostics());
    assert_eq!(got.header("content-type"), Some(FHIR_JSON));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_listens_the_look_was_not_asked() {
    let free = TcpListener::bind(loopback()).unwrap().local_addr().unwrap().port();
    let service = Service::start(&certificates(), &format!("https://localhost:{free}/smsp/cpis"), &QUICK);
    assert_not_asked(&service, "no listener").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_found_nobody_asks_as_soon_as_somebody_is_there() {
    let address = TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
    let made = certificates();
    let service = Service::start(&made, &format!("https://localhost:{}/smsp/cpis", address.port()), &QUICK);
    assert_not_asked(&service, "no listener").await;
    let simulator = simulator(&made, &made, address).await;
    let got = look(&service).await;
    assert_eq!((got.status, simulator.counts().requests), (200, 1), "{}", got.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_an_unknown_ca_is_told_nothing() {
    let (theirs, other) = (certificates(), certificates());
    let simulator = simulator(&theirs, &theirs, loopback()).await;
    let ours = Certificates { ca_pem: other.ca_pem, ..theirs };
    let service = Service::start(&ours, &simulator.url(), &QUICK);
    assert_not_asked(&service, "unknown CA").await;
    assert_eq!(simulator.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_name_is_told_nothing() {
    let made = certificates();
    let simulator = simulator(&made, &made, ([127, 0, 0, 2], 0).into()).await;
    let url = format!("https://127.0.0.2:{}/smsp/cpis", simulator.address().port());
    let service = Service::start(&made, &url, &QUICK);
    assert_not_asked(&service, "another name").await;
    assert_eq!(simulator.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_certificate_has_expired_is_told_nothing() {
    let made = expired_server(certificates());
    let simulator = simulator(&made, &made, loopback()).await;
    let service = Service::start(&made, &simulator.url(), &QUICK);
    assert_not_asked(&service, "expired").await;
    assert_eq!(simulator.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_our_certificate_has_not_heard() {
    let (ours, theirs) = (certificates(), certificates());
    let simulator = simulator(&ours, &theirs, loopback()).await;
    let service = Service::start(&ours, &simulator.url(), &QUICK);
    let descriptors = service.descriptors_at_rest().await;
    for _ in 0..10 {
        assert_not_asked(&service, "our certificate is refused").await;
    }
    service.until_descriptors(descriptors + 1).await;
    assert_eq!((simulator.counts().connections, simulator.counts().requests), (0, 0));
}

/// The same with a server certificate that ended in 2021, of a CA that is still good.
fn expired_server(made: Certificates) -> Certificates {
    let params = |name: &str, until: i32| {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        params
    };
    let mut ca = params("ca.test", 2090);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let mut server = params("localhost", 2021);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().unwrap();
    let server_cert_pem = server.signed_by(&key, &ca).unwrap().pem();
    Certificates { ca_pem: ca.pem(), server_cert_pem, server_key_pem: key.serialize_pem(), ..made }
}
