//! The content of a response, before `judge` decides what it means. No type here has `Debug`: they hold raw text of the answer.

use super::{fault::SoapFault, xml::RecordTraces};
use crate::cpis::{Access, AccessTime, NonAnswer, Record, Text};

/// Everything relevant in a readable SOAP response.
#[derive(Default)]
pub(super) struct ResponseContent {
    /// Every `wsa:RelatesTo` that names the answered message.
    pub(super) relates_to: Vec<Text>,
    /// Every `messageRef` of a TMS acknowledgement.
    pub(super) message_refs: Vec<Text>,
    pub(super) fault: Option<SoapFault>,
    /// From QUQI_IN010000UK14 and similar interactions.
    pub(super) query_failed: Option<FailedInteraction>,
    /// It is REPC_IN000007GB01 or a similar interaction.
    pub(super) is_tms_response: bool,
    /// It is MCCI_IN010000UK13 or a similar interaction.
    pub(super) business_error: bool,
    /// An ITK body that is not an answer.
    pub(super) other_body: Option<NonAnswer>,
    /// Reasons and acknowledgement details of the TMS wrappers.
    pub(super) issues: Vec<TmsIssue>,
    /// `queryAck/queryResponseCode/@code`.
    pub(super) query_code: SingleValue<String>,
    pub(super) payload: Option<Payload>,
    pub(super) traces: RecordTraces,
    /// Whether there is a distribution envelope.
    pub(super) in_distribution_envelope: bool,
}

/// A value that should occur once. Several different values are a conflict.
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
    /// It is exactly QUQI_IN010000UK14: only that one can say "not found" (decisions.md 2).
    pub(super) is_known: bool,
    /// The id of the interaction, as given.
    pub(super) id: Text,
    pub(super) created: AccessTime,
}

/// One reason or acknowledgement detail.
pub(super) struct TmsIssue {
    /// Trimmed; empty if it could not be read.
    pub(super) code: String,
    /// Qualified as only a warning or information.
    pub(super) is_mild: bool,
    /// It is a `reason`, not an `acknowledgementDetail`.
    pub(super) is_reason: bool,
}

/// The innermost `CP-ISNHSQueryResponse`.
#[derive(Default)]
pub(super) struct Payload {
    /// `None` if it is missing.
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
    /// The number of plans and placeholders in the records.
    pub(super) entries: usize,
    /// The number of plan templates inside a `record`; each has an entry there.
    pub(super) templates_in_records: usize,
}

/// A total that the answer states.
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

/// A record as read. Its authority is `None` if it could not be read.
pub(super) struct ParsedRecord {
    pub(super) record: Record,
    /// The place of an NHS number holds something else.
    pub(super) has_malformed_number: bool,
}

/// An access as read.
pub(super) struct ParsedAccess {
    pub(super) access: Access,
    /// The place of the NHS number holds something else.
    pub(super) has_malformed_number: bool,
}
