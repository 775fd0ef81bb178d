//! TLS that fails, with names in the certificates.

use super::people::{AUTHORITY, CHILD, FAMILY, GIVEN};
use super::watch::{Ending, Watch};
use crate::common::smsp::RawSmsp;
use cpis_fhir::simulator::certificates::Certificates;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

/// A certificate for `names` until `until`, of a CA with a name in it too; `for_us`: the CA that the service believes.
fn server(ours: &Certificates, names: &[&str], until: i32) -> Certificates {
    let params = |names: &[&str], until: i32| {
        let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, format!("{GIVEN} {FAMILY} {CHILD}"));
        params.distinguished_name.push(DnType::OrganizationName, AUTHORITY);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        params
    };
    let mut ca = params(&[], 2090);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let mut server = params(names, until);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().unwrap();
    let server_cert_pem = server.signed_by(&key, &ca).unwrap().pem();
    Certificates { ca_pem: ca.pem(), server_cert_pem, server_key_pem: key.serialize_pem(), ..ours.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_fails_is_told_without_a_name_of_the_certificate() {
    let ours = Certificates::generate("cpis-client.test").unwrap();
    let expired = server(&ours, &["localhost"], 2021);
    let misnamed = server(&ours, &[&format!("{FAMILY}.example"), &format!("{CHILD}.example")], 2090);
    let stranger = server(&ours, &["localhost"], 2090);
    let refusing = Certificates::generate(FAMILY).unwrap();
    let believed = |smsp: &Certificates, ca_pem: &str| (Certificates { ca_pem: ca_pem.to_owned(), ..ours.clone() }, smsp.clone());
    let cases = [
        ("expired", believed(&expired, &expired.ca_pem), &ours.ca_pem, "has expired"),
        ("of another name", believed(&misnamed, &misnamed.ca_pem), &ours.ca_pem, "for another name"),
        ("of an unknown CA", believed(&stranger, &ours.ca_pem), &ours.ca_pem, "unknown CA"),
        ("that refuses us", believed(&stranger, &stranger.ca_pem), &refusing.ca_pem, "alert"),
    ];
    let driven = cases.into_iter().map(|(what, (service, smsp), client_ca, cause)| async move {
        let smsp = RawSmsp::start(&smsp, client_ca).await;
        // What the service trusts is a file of its own folder and holds the CA's name: that is the operator's, and not searched.
        let watch = Watch::open(&service, &smsp.url, &[]).await;
        std::fs::remove_file(watch.service.folder().join("ca.pem")).unwrap();
        for _ in 0..2 {
            let got = watch.look(what).await;
            assert_eq!((got.status, got.issue().as_str()), (503, "transient"), "{what}: {}", got.text);
        }
        assert!(smsp.heads().is_empty(), "{what}: nothing was sent");
        let spans = &["lookup", "POST", "audit.commit"];
        watch.end(&Ending { spans, outcomes: &["tls"], lines: &["look failed", cause], ..Ending::default() }).await;
    });
    futures_util::future::join_all(driven).await;
}
