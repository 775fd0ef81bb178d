//! How long a certificate is valid, in whole days.

use jiff::Timestamp;
use x509_parser::prelude::X509Certificate;

/// A certificate with fewer days left gets a warning.
const FEW_DAYS: i64 = 30;
const DAY: i64 = 24 * 60 * 60;

const NOT_YET: &str = "the certificate is not valid yet";
const EXPIRED: &str = "the certificate expired";
const EXPIRES: &str = "the certificate expires in";

/// The validity period of a certificate, in seconds since 1970, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    pub from: i64,
    pub to: i64,
}

/// Whether a certificate is valid at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValidityState {
    /// It becomes valid in this many days.
    NotYetValid {
        days: i64,
    },
    /// It expired this many days ago.
    Expired {
        days: i64,
    },
    /// It is valid, but for fewer than 30 days.
    ExpiresSoon {
        days: i64,
    },
    Valid {
        days: i64,
    },
}

impl Validity {
    #[must_use]
    pub fn of(certificate: &X509Certificate<'_>) -> Self {
        let validity = certificate.validity();
        Self { from: validity.not_before.timestamp(), to: validity.not_after.timestamp() }
    }

    #[must_use]
    pub fn state(self, now: Timestamp) -> ValidityState {
        let now = now.as_second();
        let days = |seconds: i64| seconds.div_euclid(DAY);
        if now < self.from {
            ValidityState::NotYetValid { days: days(self.from - now) }
        } else if now > self.to {
            ValidityState::Expired { days: days(now - self.to) }
        } else {
            let days = days(self.to - now);
            if days < FEW_DAYS { ValidityState::ExpiresSoon { days } } else { ValidityState::Valid { days } }
        }
    }

    /// Why it must not be used now.
    #[must_use]
    pub(super) fn problem(self, now: Timestamp) -> Option<String> {
        match self.state(now) {
            ValidityState::NotYetValid { days } => Some(format!("{NOT_YET}, for {days} more days")),
            ValidityState::Expired { days } => Some(format!("{EXPIRED} {days} days ago")),
            ValidityState::ExpiresSoon { .. } | ValidityState::Valid { .. } => None,
        }
    }

    /// A warning for the operator, if there is one.
    #[must_use]
    pub(super) fn warning(self, now: Timestamp) -> Option<String> {
        match self.state(now) {
            ValidityState::ExpiresSoon { days } => Some(format!("{EXPIRES} {days} days")),
            _ => self.problem(now),
        }
    }
}

/// Whether a warning of [`super::Settings`] is about the validity of a certificate, for callers that report that themselves.
#[must_use]
pub fn is_of_validity(warning: &str) -> bool {
    let text = warning.split_once("): ").map_or(warning, |(_, text)| text);
    [NOT_YET, EXPIRED, EXPIRES].iter().any(|words| text.starts_with(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(days * DAY).unwrap()
    }

    #[test]
    fn the_state_of_a_certificate_follows_from_its_days() {
        let validity = Validity { from: 100 * DAY, to: 200 * DAY };
        for (day, state) in [
            (99, ValidityState::NotYetValid { days: 1 }),
            (100, ValidityState::Valid { days: 100 }),
            (170, ValidityState::Valid { days: 30 }),
            (171, ValidityState::ExpiresSoon { days: 29 }),
            (200, ValidityState::ExpiresSoon { days: 0 }),
            (203, ValidityState::Expired { days: 3 }),
        ] {
            assert_eq!(validity.state(at(day)), state, "day {day}");
        }
    }

    #[test]
    fn its_warnings_can_be_told_from_others() {
        let validity = Validity { from: 100 * DAY, to: 200 * DAY };
        for day in [0, 180, 300] {
            let warning = validity.warning(at(day)).unwrap();
            assert!(is_of_validity(&format!("smsp.ca (CPIS_FHIR__SMSP__CA): {warning}")), "{warning}");
        }
        assert_eq!(validity.warning(at(150)), None);
        assert!(!is_of_validity("lookup.store_ca (CPIS_FHIR__LOOKUP__STORE_CA): is not used, since lookup.store is memory"));
    }
}
