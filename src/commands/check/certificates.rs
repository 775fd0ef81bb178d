//! Checks every certificate that the settings name: its subject, and how long it is valid.

use super::finding::{Finding, Status};
use crate::api::ServerTls;
use crate::clock;
use crate::lookup;
use crate::settings::{Settings, Validity, ValidityState};
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The kind of a file of certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BundleKind {
    /// Our own certificate, then those up to its CA. All are needed.
    Chain,
    /// CAs, each independent of the others. Other certificates in the file are ignored.
    Authorities,
}

/// The subject and the validity of a certificate.
struct Certificate {
    who: String,
    state: ValidityState,
}

/// One finding for each file.
pub fn check(settings: &Settings) -> Vec<Finding> {
    let now = clock::now();
    files(settings).into_iter().map(|(key, kind, pem)| of_file(&key, kind, pem, now)).collect()
}

fn files(settings: &Settings) -> Vec<(String, BundleKind, &[u8])> {
    let connection = &settings.smsp.connection;
    let mut files = vec![
        ("smsp.client_cert".to_owned(), BundleKind::Chain, connection.client_cert_pem.as_slice()),
        ("smsp.ca".to_owned(), BundleKind::Authorities, connection.ca_pem.as_slice()),
    ];
    for (listener, tls) in [("server", &settings.api.server.tls), ("admin", &settings.api.admin.tls)] {
        let Some(ServerTls { cert_pem, client_ca_pem, .. }) = tls else { continue };
        files.push((format!("{listener}.tls.cert"), BundleKind::Chain, cert_pem));
        files.extend(
            client_ca_pem.as_ref().map(|pem| (format!("{listener}.tls.client_ca"), BundleKind::Authorities, pem.as_slice())),
        );
    }
    let issuers = settings.access.issuers.iter().enumerate();
    let of_issuers = issuers.map(|(at, issuer)| (format!("access.issuers[{at}].ca"), issuer.ca_pem.as_ref()));
    let store = &settings.lookup.store;
    let lookup_ca = store.ca.as_ref().filter(|_| matches!(store.location, lookup::StoreLocation::Redis(_)));
    let of_stores = [("audit.store_ca".to_owned(), settings.audit.store_ca.as_ref()), ("lookup.store_ca".to_owned(), lookup_ca)];
    files.extend(of_issuers.chain(of_stores).filter_map(|(key, pem)| Some((key, BundleKind::Authorities, pem?.as_slice()))));
    files
}

fn of_file(key: &str, kind: BundleKind, pem: &[u8], now: Timestamp) -> Finding {
    let certificates = read(kind, pem, now);
    let Some(worst) = certificates.iter().min_by_key(|certificate| rank(certificate.state)) else {
        return Finding::fail(key, "no certificate in it can be read");
    };
    let of_several = match (kind, certificates.len()) {
        (BundleKind::Chain, _) => {
            certificates.first().filter(|own| own.who != worst.who).map(|own| format!(", in the chain of {}", own.who))
        }
        (BundleKind::Authorities, 2..) => Some(format!(", one of {} CAs", certificates.len())),
        (BundleKind::Authorities, _) => None,
    };
    let is_one_good = certificates.iter().any(|certificate| is_good(certificate.state));
    let (status, words, days_left) = match worst.state {
        ValidityState::Valid { days } => (Status::Ok, format!("{days} days left"), Some(days)),
        ValidityState::ExpiresSoon { days } => (Status::Warn, format!("{days} days left: have it renewed"), Some(days)),
        ValidityState::Expired { days } => {
            (Status::Fail, format!("expired {days} days ago: a new one is needed"), Some(-1 - days))
        }
        ValidityState::NotYetValid { days } => {
            (Status::Fail, format!("not valid for {days} more days: or is this machine's clock wrong?"), None)
        }
    };
    // An expired CA next to a valid one affects only the certificates that it signed.
    let status = if kind == BundleKind::Authorities && is_one_good { status.min(Status::Warn) } else { status };
    Finding { days_left, ..Finding::new(key, status, format!("{}{}, {words}", worst.who, of_several.unwrap_or_default())) }
}

fn read(kind: BundleKind, pem: &[u8], now: Timestamp) -> Vec<Certificate> {
    let ders = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
    let read = ders.filter_map(|der| {
        let (_, certificate) = X509Certificate::from_der(&der).ok()?;
        let is_wanted = kind == BundleKind::Chain || certificate.is_ca();
        is_wanted.then(|| Certificate { who: who(&certificate), state: Validity::of(&certificate).state(now) })
    });
    read.collect()
}

fn who(certificate: &X509Certificate<'_>) -> String {
    let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    name.map_or_else(|| "a certificate without a common name".to_owned(), |name| format!("CN {}", name.trim()))
}

fn is_good(state: ValidityState) -> bool {
    matches!(state, ValidityState::Valid { .. } | ValidityState::ExpiresSoon { .. })
}

/// Certificates that cannot be used come first, then those that expire first.
fn rank(state: ValidityState) -> (u8, i64) {
    match state {
        ValidityState::Expired { days } => (0, -days),
        ValidityState::NotYetValid { days } => (1, -days),
        ValidityState::ExpiresSoon { days } | ValidityState::Valid { days } => (2, days),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, date_time_ymd};

    fn made(name: &str, is_ca: bool, (from, to): (i32, i32)) -> String {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, name);
        (parameters.not_before, parameters.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        if is_ca {
            parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        parameters.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    /// On the first of December 2030.
    fn found(kind: BundleKind, pem: &str) -> Finding {
        of_file("x", kind, pem.as_bytes(), "2030-12-01T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn few_days_left_are_a_warning_and_an_expired_certificate_fails() {
        for (years, status, words, days) in [
            ((2020, 2032), Status::Ok, "CN trust, 396 days left", Some(396)),
            ((2020, 2031), Status::Ok, "CN trust, 31 days left", Some(31)),
            ((2020, 2030), Status::Fail, "CN trust, expired 334 days ago", Some(-335)),
            ((2031, 2032), Status::Fail, "CN trust, not valid for 31 more days", None),
        ] {
            let found = found(BundleKind::Chain, &made("trust", false, years));
            assert_eq!((found.status, found.days_left), (status, days), "{found:?}");
            assert!(found.message.starts_with(words), "{found:?}");
        }
        let soon = of_file(
            "x",
            BundleKind::Chain,
            made("trust", false, (2020, 2031)).as_bytes(),
            "2030-12-22T00:00:00Z".parse().unwrap(),
        );
        assert_eq!((soon.status, soon.message.as_str()), (Status::Warn, "CN trust, 10 days left: have it renewed"));
    }

    #[test]
    fn a_chain_is_as_good_as_its_worst_certificate() {
        let chain = [made("trust", false, (2020, 2040)), made("sub CA", true, (2020, 2030))].concat();
        let found = found(BundleKind::Chain, &chain);
        assert_eq!(found.status, Status::Fail);
        assert!(found.message.starts_with("CN sub CA, in the chain of CN trust, expired"), "{found:?}");
    }

    #[test]
    fn a_bundle_fails_only_where_no_authority_is_good() {
        let (old, new) = (made("old", true, (2020, 2030)), made("new", true, (2020, 2040)));
        let both = found(BundleKind::Authorities, &[new.clone(), old.clone()].concat());
        assert_eq!(both.status, Status::Warn);
        assert!(both.message.starts_with("CN old, one of 2 CAs, expired"), "{both:?}");
        assert_eq!(found(BundleKind::Authorities, &old).status, Status::Fail);
        let with_a_leaf = found(BundleKind::Authorities, &[new, made("leaf", false, (2020, 2030))].concat());
        assert_eq!(with_a_leaf.status, Status::Ok, "a certificate that is no CA does not count");
    }
}
