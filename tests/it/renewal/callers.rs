//! Towards callers: the listener's certificate, and the CAs that callers' certificates come from.

use crate::common::Service;
use crate::common::load::Load;
use crate::common::renewal::{Mounted, RENEWED, RenewalFixture, flags, wait_for};
use cpis_fhir::simulator::certificates::Certificates;
use std::time::Duration;

fn listener_files<'a>(own: &'a Certificates, callers_ca: &'a str) -> [(&'static str, &'a str); 3] {
    [("tls.crt", &own.server_cert_pem), ("tls.key", &own.server_key_pem), ("callers.crt", callers_ca)]
}

fn serve(fixture: &RenewalFixture, listener: &Mounted, with_callers: bool) -> Service {
    let [cert, key, callers] = ["tls.crt", "tls.key", "callers.crt"].map(|name| listener.path(name));
    let mut settings = vec![("SERVER__TLS__CERT", cert.as_str()), ("SERVER__TLS__KEY", &key)];
    if with_callers {
        settings.push(("SERVER__TLS__CLIENT_CA", &callers));
    }
    let mut service = fixture.serve(&settings);
    service.public = service.public.replace("http://", "https://");
    service
}

/// A caller who trusts these CAs, and shows a certificate where there is one.
fn caller(trusts: &[&Certificates], own: Option<&Certificates>) -> reqwest::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cas = trusts.iter().map(|of| reqwest::Certificate::from_pem(of.ca_pem.as_bytes()).unwrap());
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only(cas);
    let identity = own.map(|own| {
        reqwest::Identity::from_pem([own.client_cert_pem.as_bytes(), own.client_key_pem.as_bytes()].concat().as_slice()).unwrap()
    });
    match identity {
        Some(identity) => builder.identity(identity),
        None => builder,
    }
    .build()
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listeners_certificate_is_renewed_under_load_and_no_request_fails() {
    let fixture = RenewalFixture::new().await;
    let (first, second) = (&fixture.first, &fixture.second);
    let listener = Mounted::new(&listener_files(first, &first.ca_pem));
    let service = serve(&fixture, &listener, false);
    assert!(flags(&caller(&[second], None), &service).await.is_err(), "the certificate is of the first CA");
    let load = Load::with(&caller(&[first, second], None), 8, &format!("{}/FHIR/R4", service.public));
    while load.ended() < 100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    listener.update(&listener_files(second, &second.ca_pem));
    wait_for(&service, RENEWED, 1);
    // Who connects now sees the new one.
    assert_eq!(flags(&caller(&[second], None), &service).await.unwrap(), 200);
    assert!(flags(&caller(&[first], None), &service).await.is_err());
    let before = load.ended();
    while load.ended() < before + 100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let told = load.stop().await;
    assert!(told.iter().all(|told| told.status == Some(200)), "{:?}", told.iter().find(|told| told.status != Some(200)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_whose_ca_is_taken_away_is_soon_gone() {
    let fixture = RenewalFixture::new().await;
    let (first, second) = (&fixture.first, &fixture.second);
    let listener = Mounted::new(&listener_files(first, &first.ca_pem));
    let service = serve(&fixture, &listener, true);
    let (old, new) = (caller(&[first], Some(first)), caller(&[first], Some(second)));
    assert_eq!(flags(&old, &service).await.unwrap(), 200);
    assert!(flags(&new, &service).await.is_err());
    listener.update(&listener_files(first, &second.ca_pem));
    wait_for(&service, RENEWED, 1);
    assert_eq!(flags(&new, &service).await.unwrap(), 200);
    // A connection that stood is answered once more, and closed.
    assert_eq!(flags(&old, &service).await.unwrap(), 200);
    assert!(flags(&old, &service).await.is_err(), "neither a new handshake nor a resumed session is let in");
}
