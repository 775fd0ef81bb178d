//! A gateway over real mutual TLS: the CA of its certificate and of the service's, and the headers in which it says who asks.

use super::issuer::Issuer;
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
