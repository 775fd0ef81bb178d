//! What was found in a response, before anyone decides what it means. None of it has `Debug`: it holds raw text of the answer.

use super::{fault::SoapFault, xml::RecordTraces};
use crate::cpis::{Access, AccessTime, NonAnswer, Record, Text};

/// Everything a readable SOAP response said, of what matters.
#[derive(Default)]
pub(super) struct ResponseContent {
    /// Every `wsa:RelatesTo` that says which message is answered.
    pub(super) relates_to: Vec<Text>,
    /// Every `messageRef` of a TMS acknowledgement.
    pub(super) message_refs: Vec<Text>,
    pub(super) fault: Option<SoapFault>,
    /// QUQI_IN010000UK14 and its kin.
    pub(super) query_failed: Option<FailedInteraction>,
    /// REPC_IN000007GB01 and its kin.
    pub(super) is_tms_response: bool,
    /// MCCI_IN010000UK13 and its kin.
    pub(super) business_error: bool,
    /// An ITK body that is no answer.
    pub(super) other_body: Option<NonAnswer>,
    /// Reasons and acknowledgement details of the TMS wrappers.
    pub(super) issues: Vec<TmsIssue>,
    /// `queryAck/queryResponseCode/@code`.
    pub(super) query_code: SingleValue<String>,
    pub(super) payload: Option<Payload>,
    pub(super) traces: RecordTraces,
    /// Whether a distribution envelope was opened.
    pub(super) in_distribution_envelope: bool,
}

/// A value that should be said once: said twice with different words, it is a conflict.
#[derive(Clone, Copy, Default)]
pub(super) enum SingleValue<T> {
    #[default]
    Absent,
    Once(T),
    Conflicting,
}

impl<T: PartialEq> SingleValue<T> {
    pub(super) fn add(&mut self, value: T) {
        *self = match std::mem::replace(self, Self::Absent) {
            Self::Absent => Self::Once(value),
            Self::Once(earlier) if earlier == value => Self::Once(earlier),
            Self::Once(_) | Self::Conflicting => Self::Conflicting,
        };
    }
}

/// The "query act failed" interaction.
pub(super) struct FailedInteraction {
    /// Exactly QUQI_IN010000UK14: only that one can say "not found" (decisions.md 2).
    pub(super) is_known: bool,
    /// The interaction's own id, as given.
    pub(super) id: Text,
    pub(super) created: AccessTime,
}

/// One reason or acknowledgement detail.
pub(super) struct TmsIssue {
    /// Trimmed; empty when it could not be read.
    pub(super) code: String,
    /// Qualified as warning or information only.
    pub(super) is_mild: bool,
    /// A `reason`, rather than an `acknowledgementDetail`.
    pub(super) is_reason: bool,
}

/// The innermost `CP-ISNHSQueryResponse`.
#[derive(Default)]
pub(super) struct Payload {
    /// `None` when missing.
    pub(super) effective: Option<AccessTime>,
    pub(super) id: Text,
    /// The response code, trimmed and in upper case.
    pub(super) code: SingleValue<String>,
    /// `pertinentInformation11`.
    pub(super) access_total: PayloadTotal,
    /// `pertinentInformation12`.
    pub(super) record_total: PayloadTotal,
    pub(super) accesses: Vec<ParsedAccess>,
    pub(super) records: Vec<ParsedRecord>,
    /// How many plans, or places of plans, there are in the records.
    pub(super) entries: usize,
    /// How many plan templates stand inside a `record`; each has an entry there.
    pub(super) templates_in_records: usize,
}

/// A total as the answer states it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum PayloadTotal {
    #[default]
    Absent,
    Unreadable,
    Count(u64),
}

impl PayloadTotal {
    pub(super) fn is_above_zero(self) -> bool {
        matches!(self, Self::Count(n) if n > 0)
    }
}

/// A record as it was read. Its authority is `None` when it could not be read.
pub(super) struct ParsedRecord {
    pub(super) record: Record,
    /// Something stands in the place of an NHS number and is none.
    pub(super) has_malformed_number: bool,
}

/// An access as it was read.
pub(super) struct ParsedAccess {
    pub(super) access: Access,
    /// Something stands in the place of the NHS number and is none.
    pub(super) has_malformed_number: bool,
}
