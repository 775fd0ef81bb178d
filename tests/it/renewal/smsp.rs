//! Towards the SMSP: our certificate, its key, and the CA that we trust.

use crate::common::load::Load;
use crate::common::renewal::{KEPT, Mounted, RENEWED, RenewalFixture, client_files, flags, metric, wait_for};
use crate::common::{Service, client};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn our_certificate_is_renewed_under_load_and_no_request_fails() {
    let fixture = RenewalFixture::new().await;
    let mut service = fixture.serve(&[]);
    let load = Load::start(8, &format!("{}/FHIR/R4", service.public));
    let sessions = |fixture: &RenewalFixture| fixture.simulator.counts().connections;
    for round in 1..=3 {
        let before = sessions(&fixture);
        let own = if round % 2 == 1 { &fixture.second } else { &fixture.first };
        fixture.smsp.update(&client_files(own, &fixture.first.ca_pem));
        wait_for(&service, RENEWED, round);
        let renewed = load.ended();
        while load.ended() < renewed + 100 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(sessions(&fixture) > before, "the new certificate was shown, on a connection of its own");
    }
    let told = load.stop().await;
    let failed: Vec<_> = told.iter().filter(|told| told.status != Some(200)).collect();
    assert!(failed.is_empty(), "{} of {}: {:?}", failed.len(), told.len(), failed.first());
    // The simulator refuses a message whose user is not the certificate's common name.
    assert_eq!(fixture.simulator.counts().queries, told.len() as u64, "one look, one query");
    assert!(metric(&service, "cpis_certificate_reload_errors_total").await.abs() < f64::EPSILON);
    assert_eq!(service.stop(), Some(0));
    fixture.trail.assert_whole("three renewals");
    assert_eq!(fixture.renewals().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_cannot_be_used_keeps_the_old_one_and_is_said() {
    let fixture = RenewalFixture::new().await;
    let mut service = fixture.serve(&[]);
    let (first, second) = (&fixture.first, &fixture.second);
    let files = |cert: &str, key: &str| {
        fixture.smsp.update(&[("tls.crt", cert), ("tls.key", key), ("ca.crt", &first.ca_pem)]);
    };
    let broken = first.client_cert_pem.replace("MII", "!!!");
    for (round, (cert, key, why)) in [
        (broken.as_str(), first.client_key_pem.as_str(), "smsp.client_cert"),
        ("", &first.client_key_pem, "is empty"),
        (&second.client_cert_pem, &first.client_key_pem, "is not the key of the certificate"),
    ]
    .into_iter()
    .enumerate()
    {
        files(cert, key);
        wait_for(&service, KEPT, round + 1);
        assert!(service.said().lines().rfind(|line| line.contains(KEPT)).unwrap().contains(why), "{}", service.said());
        still_well(&service, &format!("{why} was not taken")).await;
    }
    assert!((metric(&service, "cpis_certificate_reload_errors_total").await - 3.0).abs() < f64::EPSILON);
    files(&second.client_cert_pem, &second.client_key_pem);
    wait_for(&service, RENEWED, 1);
    still_well(&service, "the whole pair is there").await;
    assert_eq!(service.stop(), Some(0));
    let renewals = fixture.renewals().await;
    assert!(renewals[..3].iter().all(|detail| detail.contains("the former stays: smsp")), "{renewals:?}");
    assert!(renewals[3].starts_with("renewed smsp;"), "{renewals:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_has_ended_is_not_taken_for_one_that_is_good() {
    let fixture = RenewalFixture::new().await;
    let service = fixture.serve(&[]);
    let (cert, key) = ended("first.test");
    fixture.smsp.update(&[("tls.crt", &cert), ("tls.key", &key), ("ca.crt", &fixture.first.ca_pem)]);
    wait_for(&service, KEPT, 1);
    assert!(service.line_with(KEPT).contains("expired"), "{}", service.said());
    still_well(&service, "an ended certificate").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_we_trust_is_renewed_too() {
    let fixture = RenewalFixture::new().await;
    let service = fixture.serve(&[]);
    still_well(&service, "the start").await;
    fixture.smsp.update(&client_files(&fixture.first, &fixture.second.ca_pem));
    wait_for(&service, RENEWED, 1);
    assert_eq!(flags(&client(), &service).await.unwrap(), 503, "an SMSP of a CA that is not trusted any more");
    fixture.smsp.update(&client_files(&fixture.first, &fixture.first.ca_pem));
    wait_for(&service, RENEWED, 2);
    still_well(&service, "the CA is back").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_reads_everything_at_once_and_is_on_the_trail() {
    let fixture = RenewalFixture::new().await;
    let mut service = fixture.serve(&[]);
    service.signal("-HUP");
    service.line_with("certificates and keys are as before");
    fixture.smsp.update(&client_files(&fixture.second, &fixture.first.ca_pem));
    service.signal("-HUP");
    wait_for(&service, RENEWED, 1);
    still_well(&service, "a hangup").await;
    assert_eq!(service.stop(), Some(0));
    let renewals = fixture.renewals().await;
    assert!(renewals[0].starts_with("renewed none;") && renewals[1].starts_with("renewed smsp;"), "{renewals:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_that_a_certificate_has_left_follow_it() {
    let fixture = RenewalFixture::new().await;
    let service = fixture.serve(&[]);
    let left = async || metric(&service, "cpis_certificate_days_left{certificate=\"smsp-client\"}").await;
    assert!((28.0..30.0).contains(&left().await));
    let (cert, key) = ending_in("second.test", 3);
    fixture.smsp.update(&[("tls.crt", &cert), ("tls.key", &key), ("ca.crt", &fixture.first.ca_pem)]);
    wait_for(&service, RENEWED, 1);
    assert!((1.9..3.1).contains(&left().await), "{}", left().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_is_no_file_waits_for_the_next_start_and_is_named() {
    let fixture = RenewalFixture::new().await;
    let folder = Mounted::new(&[("cpis.toml", "[smsp]\nmax_in_flight = 7\n")]);
    let service = fixture.serve(&[("CPIS_FHIR_CONFIG", &folder.path("cpis.toml"))]);
    folder.update(&[("cpis.toml", "[smsp]\nmax_in_flight = 8\n")]);
    service.signal("-HUP");
    assert!(service.line_with("from the next start on").contains("smsp.max_in_flight"));
    folder.update(&[("cpis.toml", "[smsp]\nmax_in_fright = 8\n")]);
    service.signal("-HUP");
    assert!(service.line_with("max_in_fright").contains(KEPT));
    still_well(&service, "a settings file that is wrong").await;
}

async fn still_well(service: &Service, after: &str) {
    assert_eq!(flags(&client(), service).await.unwrap(), 200, "after {after}: {}", service.said());
}

/// A certificate that nobody signed but itself, and its key.
fn certificate(name: &str, from: i64, to: i64) -> (String, String) {
    use rcgen::{CertificateParams, DnType, KeyPair};
    let day = |days: i64| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
        let at = at.to_zoned_datetime(jiff::tz::TimeZone::UTC);
        rcgen::date_time_ymd(at.year().into(), at.month().unsigned_abs(), at.day().unsigned_abs())
    };
    let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, name);
    (parameters.not_before, parameters.not_after) = (day(from), day(to));
    let key = KeyPair::generate().unwrap();
    (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn ended(name: &str) -> (String, String) {
    certificate(name, -30, -2)
}

fn ending_in(name: &str, days: i64) -> (String, String) {
    certificate(name, -30, days)
}
