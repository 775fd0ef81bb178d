//! The meaning of a response without readable SOAP: its HTTP status decides (wire.md 5.1; decisions.md 5, 18).

use super::{QueryContext, SmspReply, xml::ReadError};
use crate::cpis::{Delivery, NonAnswer, Phase, RegisterError, RegisterErrorKind};

/// The first element must start within this many bytes of a body.
const PROLOGUE: usize = 4096;

/// The error for a body that is not SOAP, or is unreadable SOAP.
pub(super) fn without_soap(reply: SmspReply<'_>, error: ReadError, query: QueryContext<'_>) -> RegisterError {
    let unreadable = match error {
        ReadError::TooLarge => RegisterErrorKind::TooLarge,
        ReadError::Unreadable(why) => RegisterErrorKind::Unreadable(why),
    };
    // Something wrote an envelope, so it read ours: the status does not prove that the query was not delivered.
    if first_element(reply.body) == Some(b"Envelope") {
        return RegisterError::understanding(unreadable);
    }
    match reply.status {
        // After another reply, it may be the late reply to an earlier message, and then it says nothing about ours.
        status @ (401 | 403 | 404 | 405 | 413 | 415) if query.is_first_reply => {
            RegisterError::new(RegisterErrorKind::RefusedByStatus { status }, Phase::Understand, Delivery::NotDelivered)
        }
        200 if is_html(reply) => RegisterError::understanding(RegisterErrorKind::NotAnAnswer(NonAnswer::Html)),
        200 => RegisterError::understanding(unreadable),
        _ => RegisterError::understanding(RegisterErrorKind::NotAnAnswer(NonAnswer::ErrorStatus)),
    }
}

fn is_html(reply: SmspReply<'_>) -> bool {
    let declared = reply.content_type.is_some_and(|value| {
        let media_type = value.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("text/html") || media_type.eq_ignore_ascii_case("application/xhtml+xml")
    });
    declared || first_element(reply.body).is_some_and(|name| name.eq_ignore_ascii_case(b"html"))
}

/// The local name of the first element, found without parsing: the body may be anything.
fn first_element(body: &[u8]) -> Option<&[u8]> {
    let start = &body[..body.len().min(PROLOGUE)];
    let at = start.windows(2).position(|pair| pair[0] == b'<' && (pair[1].is_ascii_alphabetic() || pair[1] == b'_'))?;
    let name = start[at + 1..].split(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/' | b'<')).next()?;
    name.rsplit(|&byte| byte == b':').next()
}
