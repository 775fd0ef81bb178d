//! A gateway over real mutual TLS: the CA of its certificate and of the service's, and the headers in which it says who asks.

use super::issuer::Issuer;
use super::{GOOD_CHILD, Got, TestApp};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair, SanType};
use std::net::Ipv4Addr;

/// A CA, and what it has signed: the service's certificate, and those of its callers.
pub struct Authority {
    ca: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Gateway CA");
        Self { ca: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// The CA's own certificate.
    pub fn pem(&self) -> String {
        self.ca.pem()
    }

    /// Certificate and key in one PEM.
    pub fn issue(&self, subject: &[(DnType, &str)]) -> (String, String) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::IpAddress(Ipv4Addr::LOCALHOST.into()));
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), *value);
        }
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.ca).unwrap().pem(), key.serialize_pem())
    }

    /// A caller with this common name; `None`: without a certificate.
    pub fn caller(&self, common_name: Option<&str>) -> reqwest::Client {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let root = reqwest::Certificate::from_pem(self.ca.pem().as_bytes()).unwrap();
        let builder = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
        let builder = match common_name {
            None => builder,
            Some(name) => {
                let (cert, key) = self.issue(&[(DnType::OrganizationName, "Trust"), (DnType::CommonName, name)]);
                builder.identity(reqwest::Identity::from_pem(format!("{cert}{key}").as_bytes()).unwrap())
            }
        };
        builder.build().unwrap()
    }

    /// Settings of a service that believes the gateways `other.example` and `gateway.example` of this CA; its files are the issuer's.
    pub fn settings(&self, issuer: &Issuer) -> Vec<(String, String)> {
        let (cert, key) = self.issue(&[(DnType::CommonName, "localhost")]);
        let file = |name: &str, text: &str| {
            let path = issuer.folder().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let mut settings = issuer.settings();
        let mut set = |key: &str, value: &str| settings.push((key.to_owned(), value.to_owned()));
        set("ACCESS__MODES", "gateway");
        set("SERVER__TLS__CERT", &file("server.pem", &cert));
        set("SERVER__TLS__KEY", &file("server.key", &key));
        set("SERVER__TLS__CLIENT_CA", &file("callers.pem", &self.ca.pem()));
        set("ACCESS__GATEWAY__CERTIFICATES", r#"["other.example", "gateway.example"]"#);
        for (part, header) in HEADERS {
            set(&format!("ACCESS__GATEWAY__HEADERS__{}", part.to_uppercase()), header);
        }
        settings
    }
}

/// The part of an identity, and the header that says it.
const HEADERS: &[(&str, &str)] = &[
    ("user_id", "NHSD-Identity-UUID"),
    ("role_profile_id", "NHSD-Session-URID"),
    ("organisation_ods", "NHSD-End-User-Organisation-ODS"),
    ("role_code", "X-Role-Code"),
    ("role_name", "X-Role-Name"),
    ("activities", "X-Activities"),
    ("given", "X-Given"),
    ("family", "X-Family"),
    ("organisation_name", "X-Organisation"),
];

/// What a gateway says of a doctor of RX1 who may look.
pub const DOCTOR: &[(&str, &str)] = &[
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

/// A [`TestApp`] whose service believes two gateways.
pub struct Gateway {
    pub app: TestApp,
    pub authority: Authority,
}

impl Gateway {
    pub async fn open(issuer: &Issuer, further: &[(&str, &str)]) -> Self {
        let authority = Authority::new();
        let mut settings = authority.settings(issuer);
        settings.extend(further.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        Self { app: TestApp::with(&settings).await, authority }
    }

    pub async fn look(&self, caller: &reqwest::Client, headers: &[(&str, &str)]) -> Got {
        let base = self.app.service.public.replace("http://", "https://");
        self.app.send(caller.get(format!("{base}/FHIR/R4/Flag?patient={GOOD_CHILD}")), headers).await
    }

    pub fn assert_nobody_asked(&self, got: &Got, status: u16) {
        assert_eq!(got.status, status, "{}", got.text);
        assert_eq!(got.json()["resourceType"], "OperationOutcome");
        assert_eq!(self.app.counts().requests, 0);
        let said = format!("{}{}", got.text, self.app.service.said());
        for secret in ["555000777666", "Bashir", "Behindgate"] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
    }
}

/// What a gateway says of the doctor, with other values in these headers.
pub fn doctor_but<'v>(others: &[(&'static str, &'v str)]) -> Vec<(&'static str, &'v str)> {
    let said = |header: &'static str, value: &'static str| {
        others.iter().find(|(other, _)| *other == header).map_or((header, value), |(_, other)| (header, *other))
    };
    DOCTOR.iter().map(|&(header, value)| said(header, value)).collect()
}
