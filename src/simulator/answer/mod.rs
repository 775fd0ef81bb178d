//! The messages that a provider writes: the SMSP's answers, Spine's replies, faults, and replies that are no answer.

mod author;
mod content;
mod envelope;
mod fault;
mod payload;
mod tms;
mod xml;

pub use content::{AnswerContent, PayloadStyle, StatedTotal};
pub use envelope::{EnvelopeIds, PayloadEncoding, encoded_envelope, envelope};
pub use fault::{FaultReply, FaultText, soap_fault};
pub use payload::write_payload;
pub use tms::{QueryFailure, TmsIds, business_error, query_failure, query_response};

pub(super) use envelope::{infrastructure_response, simple_message_response};

#[cfg(test)]
mod tests;
