use super::{
    certificates::{Ca, connection},
    *,
};

fn fault(change: impl FnOnce(&mut Connection)) -> String {
    let ca = Ca::new("CA");
    let mut connection = connection(&ca, &ca.issue(&["client.example"]));
    change(&mut connection);
    config(&connection, &Handshakes::default()).unwrap_err().to_string()
}

fn another_pair() -> (Vec<u8>, Vec<u8>) {
    let pair = Ca::new("CA").issue(&["other.example"]);
    (pair.certificate.into_bytes(), pair.key.into_bytes())
}

const BROKEN: &[u8] = b"-----BEGIN CERTIFICATE-----\n!!!not base64!!!\n-----END CERTIFICATE-----\n";
const NOT_A_CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";

#[test]
fn a_whole_set_of_files_is_accepted() {
    let ca = Ca::new("CA");
    assert!(config(&connection(&ca, &ca.issue(&["client.example"])), &Handshakes::default()).is_ok());
}

#[test]
fn certificate_and_key_may_stand_in_one_file() {
    let ca = Ca::new("CA");
    let mut connection = connection(&ca, &ca.issue(&["client.example"]));
    let both = [b"Bag Attributes\n    localKeyID: 01\n".to_vec(), connection.client_cert_pem, connection.client_key_pem].concat();
    (connection.client_cert_pem, connection.client_key_pem) = (both.clone(), both);
    assert!(config(&connection, &Handshakes::default()).is_ok());
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
    assert_eq!(cause(&rustls::Error::AlertReceived(AlertDescription::UnknownCA)), "alert UnknownCA (48)");
    assert_eq!(cause(&rustls::Error::AlertReceived(AlertDescription::from(200))), "alert unknown (200)");
}

#[test]
fn the_key_stays_out_of_debug() {
    let ca = Ca::new("CA");
    let shown = format!("{:?}", connection(&ca, &ca.issue(&["client.example"])));
    assert_eq!(shown, "Connection { connect_timeout: 5s, .. }");
}
