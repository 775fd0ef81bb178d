//! Reads what the SMSP sends back and decides what it means.

use crate::cpis::{Answer, Failure, NhsNumber};
use jiff::Timestamp;

/// What was asked, to hold the answer against.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub nhs_number: &'a NhsNumber,
    /// Our `wsa:MessageID`.
    pub message_id: &'a str,
    /// The id of our query.
    pub query_id: &'a str,
    /// When the response was complete.
    pub received: Timestamp,
}

/// The response as HTTP delivered it, complete.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    pub status: u16,
    pub content_type: Option<&'a str>,
    pub body: &'a [u8],
}

/// Reads one complete response.
pub fn read(_reply: Reply<'_>, _asked: Asked<'_>) -> Result<Answer, Failure> {
    Err(Failure::understanding(crate::cpis::FailureKind::Internal))
}
