use super::{NhsNumber, Requester, Text};
use uuid::Uuid;

/// One question to CP-IS: whom it is about and who asks.
#[derive(Debug, Clone)]
pub struct Question {
    pub nhs_number: NhsNumber,
    pub requester: Requester,
    /// The W3C `traceparent` of the span that asks: of the look, or of the caller if this service does not trace. It is the parent
    /// of the exchange that asks, which sends its own `traceparent` if the settings allow it.
    pub traceparent: Option<Text>,
}

/// The ids of one attempt to send a query: upper case, all different, never used twice (wire.md 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageIds {
    /// `wsa:MessageID`.
    pub message: String,
    /// `@trackingid` of the distribution envelope.
    pub tracking: String,
    /// Manifest item and payload, without the `uuid_` prefix that they carry on the wire.
    pub payload: String,
    /// `cP-ISNHSQuery/id`.
    pub query: String,
    /// `wsu:Timestamp/@wsu:Id`, without the `uuid_` prefix.
    pub timestamp: String,
    /// The id of the TMS wrapper; used only by the TMS-wrapped form.
    pub wrapper: String,
}

impl MessageIds {
    /// Six fresh random UUIDs.
    #[must_use]
    pub fn fresh() -> Self {
        let id = || Uuid::new_v4().as_hyphenated().encode_upper(&mut Uuid::encode_buffer()).to_owned();
        Self { message: id(), tracking: id(), payload: id(), query: id(), timestamp: id(), wrapper: id() }
    }
}
