//! How entries leave the trail: as JSON lines ([`lines`]), FHIR AuditEvents ([`fhir`]), or a report of accesses ([`report`]).

mod fhir;
mod lines;
pub mod plain;
mod report;

pub use lines::line;

use crate::audit::Hit;
use crate::cpis::NhsNumber;

/// What every screen, page and file with entries of children carries (MSCA-IG-04).
pub const LABEL: &str = "NHS Confidential: Personal Data about a patient";

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// FHIR R4 AuditEvents, NDJSON.
    Fhir,
    /// Who accessed which child's record when, as CSV: plain columns for an inspector or a system that collects access reports.
    AccessReport,
    /// Every field, as JSON lines.
    Lines,
}

/// Which NHS numbers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers<'a> {
    All,
    /// Only the one that was asked for, which the user knows already.
    Only(Option<&'a NhsNumber>),
}

impl ExportFormat {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fhir => "fhir",
            Self::AccessReport => "pars",
            Self::Lines => "lines",
        }
    }

    /// The text before the first entry.
    #[must_use]
    pub fn head(self) -> String {
        match self {
            Self::AccessReport => report::head(),
            Self::Fhir | Self::Lines => String::new(),
        }
    }

    /// One entry with every NHS number, its line end included. A changed line is reported as changed, without its content.
    #[must_use]
    pub fn write(self, hit: &Hit) -> String {
        match self {
            Self::Fhir => fhir::audit_event(hit),
            Self::AccessReport => report::row(hit),
            Self::Lines => lines::line(hit, Numbers::All),
        }
    }
}

impl Numbers<'_> {
    #[must_use]
    pub fn shows(self, number: &NhsNumber) -> bool {
        match self {
            Self::All => true,
            Self::Only(asked) => asked == Some(number),
        }
    }
}

#[cfg(test)]
mod tests;
