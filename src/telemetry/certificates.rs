//! When certificates end, for the metrics.

use crate::clock;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The earliest end of a certificate in `pem`. `None` if none can be read.
pub fn ends(pem: &[u8]) -> Option<Timestamp> {
    let certificates = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
    let ends = certificates.filter_map(|der| {
        let (_, certificate) = X509Certificate::from_der(&der).ok()?;
        Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
    });
    ends.min()
}

/// Days from now until `end`, in hundredths; negative once it is past.
#[allow(clippy::cast_precision_loss, reason = "seconds of a certificate's life are exact in a double")]
pub fn days_until(end: Timestamp) -> f64 {
    ((end.as_second() - clock::now().as_second()) / 864) as f64 / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_certificate_to_end_counts() {
        let make = |year: i32| {
            let key = rcgen::KeyPair::generate().unwrap();
            let mut parameters = rcgen::CertificateParams::new(vec!["x.example".to_owned()]).unwrap();
            parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
            parameters.self_signed(&key).unwrap().pem()
        };
        let bundle = [make(2050), make(2021), "not a certificate".to_owned()].concat();
        let end = ends(bundle.as_bytes()).unwrap();
        assert_eq!(end.strftime("%Y").to_string(), "2021");
        assert!(days_until(end) < 0.0);
        assert_eq!(ends(b"nothing"), None);
    }
}
