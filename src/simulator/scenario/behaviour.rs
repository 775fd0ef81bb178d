use crate::{
    cpis::NhsNumber,
    simulator::answer::{FaultReply, StatedTotal},
};
use std::time::Duration;

/// How the provider answers queries about one child.
#[derive(Debug, Clone, Default)]
pub(in crate::simulator) struct Behaviour {
    /// The response code, if it differs from the one for the content.
    pub code: Option<String>,
    pub total_records: StatedTotal,
    pub total_accesses: StatedTotal,
    /// Leaves the access list out of the answer.
    pub hides_accesses: bool,
    pub reply: ReplyShape,
    /// A SOAP fault instead of any reply.
    pub fault: Option<FaultReply>,
    pub http_status: Option<u16>,
    pub relates_to: RelatesTo,
    /// The answer is about this child instead.
    pub answers_about: Option<NhsNumber>,
    pub transport: Transport,
    /// The delay before the first byte of the reply.
    pub delay: Duration,
    /// The interval between the pieces of a slow reply.
    pub drip_interval: Option<Duration>,
    /// Whether the query reaches CP-IS, if code and reply do not already say so.
    pub reaches_cpis: Option<bool>,
}

/// The form of the body of the reply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::simulator) enum ReplyShape {
    #[default]
    Smsp,
    Base64,
    GzipBase64,
    /// `REPC_IN000007GB01` as Spine writes it.
    SpineResponse,
    /// `QUQI_IN010000UK14`.
    SpineNotFound,
    SpineNotFoundPrefixed,
    SpineNoReason,
    SpineOtherReason,
    /// `MCCI_IN010000UK13`, AE and AR.
    SpineBusinessError,
    SpineRejection,
    InfrastructureResponse,
    SimpleMessageResponse,
    Html,
    Empty,
    /// A body that is not XML.
    Garbage,
    /// A good envelope behind a DTD of nested entities.
    Doctype,
    /// A good envelope padded to 10 MiB.
    Huge,
    /// The first two thirds of a good envelope, with a Content-Length that matches.
    Truncated,
}

/// What happens on the connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::simulator) enum Transport {
    #[default]
    Sound,
    /// Chunked transfer coding instead of a Content-Length; sound too.
    Chunked,
    /// Sends `Connection: close` and closes; sound too.
    Close,
    NeverAnswers,
    /// TCP reset after the request was read, before any byte of the reply.
    ResetBefore,
    /// TCP reset in the middle of the reply.
    ResetDuring,
    /// TCP reset after a complete reply that promised to keep the connection.
    ResetAfter,
    /// An orderly close instead of a reply.
    CloseBefore,
    /// An orderly close before the body is as long as its Content-Length.
    ShortBody,
    /// Bytes that are not HTTP.
    Garbage,
    /// A few bytes at a time.
    SlowDrip,
    /// A second, unrequested response after the first: it says "no record".
    Surplus,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::simulator) enum RelatesTo {
    #[default]
    Right,
    Wrong,
    Absent,
}

impl Behaviour {
    /// Whether the query reaches CP-IS. It does not if the SMSP refuses it or cannot pass it on.
    pub fn reaches_register(&self) -> bool {
        let by_code = !matches!(
            self.code.as_deref(),
            Some("SMSP-0001" | "SMSP-0003" | "SMSP-0004" | "SMSP-0005" | "SMSP-9999" | "CPIS-9999")
        );
        let by_shape = match self.reply {
            ReplyShape::Smsp
            | ReplyShape::Base64
            | ReplyShape::GzipBase64
            | ReplyShape::SpineResponse
            | ReplyShape::SpineNotFound
            | ReplyShape::SpineNotFoundPrefixed
            | ReplyShape::SpineNoReason
            | ReplyShape::Garbage
            | ReplyShape::Empty
            | ReplyShape::Doctype
            | ReplyShape::Huge
            | ReplyShape::Truncated => true,
            ReplyShape::SpineOtherReason
            | ReplyShape::SpineBusinessError
            | ReplyShape::SpineRejection
            | ReplyShape::InfrastructureResponse
            | ReplyShape::SimpleMessageResponse
            | ReplyShape::Html => false,
        };
        let by_status = self.http_status.is_none_or(|status| status < 400);
        self.reaches_cpis.unwrap_or(by_code && by_shape && by_status && self.fault.is_none())
    }
}
