use super::{
    certificates::{TestCa, connection},
    *,
};

fn fault(change: impl FnOnce(&mut ConnectionOptions)) -> String {
    let ca = TestCa::new("CA");
    let mut connection = connection(&ca, &ca.issue(&["client.example"]));
    change(&mut connection);
    config(&connection, &HandshakeCount::default()).unwrap_err().to_string()
}

fn another_pair() -> (Vec<u8>, Vec<u8>) {
    let pair = TestCa::new("CA").issue(&["other.example"]);
    (pair.certificate.into_bytes(), pair.key.into_bytes())
}

const BROKEN: &[u8] = b"-----BEGIN CERTIFICATE-----\n!!!not base64!!!\n-----END CERTIFICATE-----\n";
const NOT_A_CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";

#[test]
fn a_whole_set_of_files_is_accepted() {
    let ca = TestCa::new("CA");
    assert!(config(&connection(&ca, &ca.issue(&["client.example"])), &HandshakeCount::default()).is_ok());
}

#[test]
fn certificate_and_key_may_stand_in_one_file() {
    let ca = TestCa::new("CA");
    let mut connection = connection(&ca, &ca.issue(&["client.example"]));
    let both = [b"Bag Attributes\n    localKeyID: 01\n".to_vec(), connection.client_cert_pem, connection.client_key_pem].concat();
    (connection.client_cert_pem, connection.client_key_pem) = (both.clone(), both);
    assert!(config(&connection, &HandshakeCount::default()).is_ok());
}

#[test]
fn each_fault_of_the_files_has_a_name_of_its_own() {
    let (other_certificate, other_key) = another_pair();
    let faults = [
        fault(|c| c.ca_pem = BROKEN.to_vec()),
        fault(|c| c.ca_pem = b"nothing here".to_vec()),
        fault(|c| c.ca_pem = NOT_A_CERTIFICATE.to_vec()),
        fault(|c| c.client_cert_pem = BROKEN.to_vec()),
        fault(|c| c.client_cert_pem.clear()),
        fault(|c| c.client_cert_pem = NOT_A_CERTIFICATE.to_vec()),
        fault(|c| c.client_key_pem = b"-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n".to_vec()),
        fault(|c| c.client_key_pem = c.client_cert_pem.clone()),
        fault(|c| c.client_key_pem = b"-----BEGIN PRIVATE KEY-----\nMAMCAQE=\n-----END PRIVATE KEY-----\n".to_vec()),
        fault(|c| c.client_key_pem = other_key),
    ];
    assert_eq!(
        faults.each_ref().map(String::as_str),
        [
            "the CA bundle cannot be read as PEM",
            "the CA bundle holds no certificate",
            "a certificate of the CA bundle is not one that can sign",
            "the client certificate cannot be read as PEM",
            "the client certificate file holds no certificate",
            "the client certificate is not an X.509 certificate",
            "the client key cannot be read as PEM",
            "the client key file holds no private key (PKCS#8, PKCS#1 or SEC1, not encrypted)",
            "the client key is of a kind that TLS cannot use",
            "the client key does not belong to the client certificate",
        ]
    );
    assert_eq!(fault(|c| c.client_cert_pem = other_certificate), faults[9]);
}

#[test]
fn only_forward_secret_aes_gcm_is_offered() {
    let provider = provider();
    assert_eq!(provider.cipher_suites.len(), CIPHER_SUITES.len());
    assert!(provider.cipher_suites.iter().all(|suite| format!("{:?}", suite.suite()).contains("_GCM_")));
}

#[test]
fn only_an_alert_about_us_is_a_refusal() {
    for number in [40, 41, 42, 43, 44, 45, 46, 48, 49, 51, 111, 116] {
        assert!(refuses_us(AlertDescription::from(number)), "{number}");
    }
    for number in [0, 10, 20, 21, 22, 50, 70, 80, 90, 255] {
        assert!(!refuses_us(AlertDescription::from(number)), "{number}");
    }
}

#[test]
fn a_cause_names_the_alert() {
    assert_eq!(cause(&rustls::Error::AlertReceived(AlertDescription::UnknownCA)), TlsCause::Alert(48));
    assert_eq!(cause(&rustls::Error::AlertReceived(AlertDescription::from(200))), TlsCause::Alert(200));
}

#[test]
fn the_key_stays_out_of_debug() {
    let ca = TestCa::new("CA");
    let shown = format!("{:?}", connection(&ca, &ca.issue(&["client.example"])));
    assert_eq!(shown, "ConnectionOptions { connect_timeout: 5s, .. }");
}

/// Certificates that are too weak (wire.md 5.7); `weak/README.md` says how they were made.
mod weak {
    use super::*;
    use crate::upstream;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::internal::msgs::codec::Codec;
    use rustls::pki_types::{ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, SignatureScheme};

    macro_rules! file {
        ($name:literal) => {
            include_bytes!(concat!("weak/", $name)).as_slice()
        };
    }

    fn verifier(ca: &[u8]) -> Arc<WebPkiServerVerifier> {
        let roots = Arc::new(authorities(ca).unwrap());
        WebPkiServerVerifier::builder_with_provider(roots, Arc::new(provider())).build().unwrap()
    }

    fn certificate(pem: &[u8]) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem).unwrap().into_owned()
    }

    fn is_believed(ca: &[u8], server: &[u8]) -> Result<(), String> {
        let name = ServerName::try_from("localhost").unwrap();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_hours(500_000));
        let verified = verifier(ca).verify_server_cert(&certificate(server), &[], &name, &[], now);
        verified.map(|_| ()).map_err(|error| upstream::tls_cause(cause(&error)))
    }

    #[test]
    fn a_certificate_signed_with_sha_1_or_by_a_short_key_is_not_believed() {
        assert_eq!(is_believed(file!("ca.pem"), file!("good.pem")), Ok(()));
        for (ca, server) in [(file!("ca.pem"), file!("sha1.pem")), (file!("short_ca.pem"), file!("of_short_ca.pem"))] {
            assert_eq!(is_believed(ca, server).unwrap_err(), "the server's certificate is not acceptable");
        }
    }

    /// Its key is used only in the handshake.
    #[test]
    fn a_handshake_signed_by_a_short_key_is_not_believed() {
        let signed = |server: &[u8], signature: &[u8]| {
            let scheme = u16::from(SignatureScheme::RSA_PSS_SHA256).to_be_bytes();
            let length = u16::try_from(signature.len()).unwrap().to_be_bytes();
            let bytes = [&scheme, &length, signature].concat();
            let signature = DigitallySignedStruct::read_bytes(&bytes).unwrap();
            verifier(file!("ca.pem")).verify_tls13_signature(b"message", &certificate(server), &signature)
        };
        assert!(signed(file!("good.pem"), file!("good.signature")).is_ok());
        assert!(signed(file!("short.pem"), file!("short.signature")).is_err());
    }

    #[test]
    fn only_forward_secret_suites_and_no_sha_1_are_offered() {
        let provider = provider();
        assert_eq!(provider.cipher_suites.len(), CIPHER_SUITES.len());
        let schemes = provider.signature_verification_algorithms.supported_schemes();
        for old in [SignatureScheme::RSA_PKCS1_SHA1, SignatureScheme::ECDSA_SHA1_Legacy] {
            assert!(!schemes.contains(&old), "{old:?}");
        }
    }
}
