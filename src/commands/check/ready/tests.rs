use super::*;
use crate::simulator::certificates::Certificates;

fn listener(address: &str, cert_pem: Option<&str>, wants_certificate: bool) -> Listener {
    let is_tls = cert_pem.is_some();
    Listener {
        address: address.parse().unwrap(),
        is_tls,
        cert_pem: cert_pem.map(|pem| pem.as_bytes().to_vec()),
        wants_certificate,
    }
}

fn url_of(probe: Result<HealthProbe, String>) -> String {
    match probe {
        Ok(HealthProbe::Get { url, .. }) => url.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_admin_listener_is_asked_where_it_is_found_from_this_machine() {
    for (address, wanted) in [
        ("127.0.0.1:9090", "http://127.0.0.1:9090/health/ready"),
        ("0.0.0.0:9191", "http://127.0.0.1:9191/health/ready"),
        ("[::]:9191", "http://[::1]:9191/health/ready"),
        ("192.0.2.7:9090", "http://192.0.2.7:9090/health/ready"),
    ] {
        let listeners = Listeners { server: listener("0.0.0.0:8080", None, false), admin: listener(address, None, false) };
        assert_eq!(url_of(of_listeners(&listeners)), wanted);
    }
}

#[test]
fn a_listener_that_wants_a_certificate_is_passed_over_for_one_that_does_not() {
    let made = Certificates::generate("x").unwrap().server_cert_pem;
    let pem = Some(made.as_str());
    let admin = listener("0.0.0.0:9090", pem, true);
    let open = Listeners { server: listener("0.0.0.0:8080", pem, false), admin: admin.clone() };
    assert_eq!(url_of(of_listeners(&open)), "https://127.0.0.1:8080/health/ready");
    let closed = Listeners { server: listener("0.0.0.0:8080", pem, true), admin };
    let probe = of_listeners(&closed).unwrap();
    assert!(matches!(&probe, HealthProbe::Handshake { address, .. } if address.port() == 9090), "{probe:?}");
}

#[test]
fn a_url_that_is_given_is_asked() {
    assert_eq!(url_of(of_url("http://127.0.0.1:29090", None)), "http://127.0.0.1:29090/health/ready");
    assert_eq!(url_of(of_url("https://cpis-fhir-admin:9090/", None)), "https://cpis-fhir-admin:9090/health/ready");
    for wrong in ["", "127.0.0.1:9090", "ftp://127.0.0.1", "here"] {
        assert!(of_url(wrong, None).unwrap_err().starts_with("--admin: wanted a URL"), "{wrong}");
    }
}

#[test]
fn a_port_that_only_the_service_knows_must_be_named() {
    let listeners = Listeners { server: listener("127.0.0.1:0", None, false), admin: listener("127.0.0.1:0", None, false) };
    assert!(of_listeners(&listeners).unwrap_err().contains("--admin"));
}
