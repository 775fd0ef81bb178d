//! Temporary certificates for tests.

use crate::smsp::ConnectionOptions;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::time::Duration;

pub struct TestCa(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub struct CertificatePair {
    pub certificate: String,
    pub key: String,
}

impl TestCa {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    /// A certificate for these host names and addresses, valid for both ends of TLS.
    pub fn issue(&self, names: &[&str]) -> CertificatePair {
        self.sign(&params(names))
    }

    pub fn issue_expired(&self, names: &[&str]) -> CertificatePair {
        let mut params = params(names);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> CertificatePair {
        let key = KeyPair::generate().unwrap();
        CertificatePair { certificate: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, names[0]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

impl CertificatePair {
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect::<Result<_, _>>().unwrap()
    }

    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

/// The options of a client with this identity for a server with a certificate from `ca`.
pub fn connection(ca: &TestCa, client: &CertificatePair) -> ConnectionOptions {
    ConnectionOptions {
        ca_pem: ca.pem().into_bytes(),
        client_cert_pem: client.certificate.clone().into_bytes(),
        client_key_pem: client.key.clone().into_bytes(),
        connect_timeout: Duration::from_secs(5),
    }
}
