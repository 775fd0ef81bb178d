//! Reads the SMSP's response and decides what it means.
//!
//! One pass in three steps: `xml` turns bytes into checked elements; `soap` and the modules that it calls (`payload`, `records`,
//! `accesses`, `fault`, `encoded`) collect a `content::ResponseContent`; `judge` decides what that means, by decisions.md 1, 2, 7, 9
//! and 18. Nothing is concluded before the last byte is read. Every doubt is a [`RegisterError`].

mod accesses;
mod attributes;
mod content;
mod encoded;
mod fault;
mod http;
mod judge;
mod ownership;
mod parties;
mod payload;
mod records;
mod soap;
mod times;
mod xml;

#[cfg(test)]
pub(in crate::smsp) use tests::samples;
#[cfg(test)]
mod tests;

use crate::cpis::{Answer, NhsNumber, NonAnswer, RegisterError, RegisterErrorKind};
use jiff::Timestamp;

/// The facts of the query that the response must match.
#[derive(Debug, Clone, Copy)]
pub struct QueryContext<'a> {
    pub nhs_number: &'a NhsNumber,
    /// Our `wsa:MessageID`.
    pub message_id: &'a str,
    /// The id of our TMS wrapper, if there is one.
    pub wrapper_id: Option<&'a str>,
    /// The id of our query.
    pub query_id: &'a str,
    /// When the response was complete.
    pub received: Timestamp,
    /// It is the first reply on its connection, so it cannot belong to an earlier message.
    pub is_first_reply: bool,
}

/// The complete HTTP response.
#[derive(Debug, Clone, Copy)]
pub struct SmspReply<'a> {
    pub status: u16,
    pub content_type: Option<&'a str>,
    pub body: &'a [u8],
}

/// Reads one complete response. The body is read before the HTTP status (wire.md 5.1), except for 202, which never has an answer. An
/// answer counts only with status 200.
///
/// # Errors
/// A [`RegisterError`] of phase `Understand` for everything that is not, beyond doubt, an answer of CP-IS about the child asked about.
pub fn read(reply: SmspReply<'_>, query: QueryContext<'_>) -> Result<Answer, RegisterError> {
    understand(reply, query).map(|understood| understood.answer)
}

/// An answer, and whether its `wsa:RelatesTo` names our message.
pub(super) struct CorrelatedAnswer {
    pub(super) answer: Answer,
    pub(super) names_ours: bool,
}

/// As [`read`].
pub(super) fn understand(reply: SmspReply<'_>, query: QueryContext<'_>) -> Result<CorrelatedAnswer, RegisterError> {
    if reply.status == 202 {
        return Err(RegisterError::understanding(RegisterErrorKind::NotAnAnswer(NonAnswer::Accepted)));
    }
    match soap::read(reply.body) {
        Ok(found) => {
            let names_ours = !found.relates_to.is_empty(); // `judge` refuses another message's
            let answer = checked_against_status(reply.status, judge::judge(found, query))?;
            Ok(CorrelatedAnswer { answer, names_ours })
        }
        Err(error) => Err(http::without_soap(reply, error, query)),
    }
}

/// Refuses a good answer with an error status: nobody knows which of the two is wrong.
fn checked_against_status(status: u16, judged: Result<Answer, RegisterError>) -> Result<Answer, RegisterError> {
    match judged {
        Ok(answer) if status != 200 => {
            let contacts = answer.records().iter().filter_map(|record| record.authority.clone()).collect();
            let kind = RegisterErrorKind::NotAnAnswer(NonAnswer::AnswerUnderErrorStatus);
            Err(RegisterError::understanding(kind).with_contacts(contacts))
        }
        judged => judged,
    }
}
