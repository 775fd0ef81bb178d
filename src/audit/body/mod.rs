//! How an entry is stored: one JSON object that an operator can read, except for the sealed NHS number.

use super::seal::{Seal, SealedNumber};
use super::{Draft, Entry, Event, Message, Outcome, RequestFacts, Who};
use crate::cpis::{AuthorAsSent, Text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An entry could not be written, or a body could not be read. Contains nothing of the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the NHS number could not be sealed")]
    Sealing,
    #[error("the entry could not be written as JSON")]
    Writing,
    #[error("the body is not an entry of a version that is known")]
    Unreadable,
}

/// An entry as read from the store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEntry {
    /// `child` is absent if no key opens it.
    pub entry: Entry,
    /// The version of the software that wrote it.
    pub software: String,
    /// There is a child, but no key opens the number.
    pub child_is_sealed: bool,
}

/// The order of the fields is the order on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    v: u8,
    id: Uuid,
    at: String,
    event: String,
    software: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    look: Option<Uuid>,
    /// Base64 of [`SealedNumber`].
    #[serde(skip_serializing_if = "Option::is_none")]
    child: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<Who>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<RequestFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<AuthorAsSent>,
    #[serde(rename = "upshot", skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

const VERSION: u8 = 1;

/// Writes `entry` as a draft for the chain.
///
/// # Errors
/// [`BodyError::Sealing`], [`BodyError::Writing`].
pub(super) fn write(entry: &Entry, seal: &Seal) -> Result<Draft, BodyError> {
    let sealed = match &entry.child {
        None => None,
        Some(number) => Some(seal.seal(number, entry.id).ok_or(BodyError::Sealing)?),
    };
    let body = Body {
        v: VERSION,
        id: entry.id,
        at: entry.at.to_string(),
        event: entry.event.name().to_owned(),
        software: env!("CARGO_PKG_VERSION").to_owned(),
        look: entry.look,
        child: sealed.map(|sealed| STANDARD.encode(sealed.0)),
        who: entry.who.clone(),
        request: (entry.request != RequestFacts::default()).then(|| entry.request.clone()),
        message: entry.message.clone(),
        author: entry.author.clone(),
        outcome: entry.outcome.clone(),
        detail: entry.detail.clone(),
    };
    let owned = |text: &Text| text.as_str().to_owned();
    Ok(Draft {
        id: entry.id,
        at: entry.at,
        event: entry.event,
        look: entry.look,
        user_id: entry.who.as_ref().and_then(|who| who.user_id.as_ref()).map(owned),
        child: entry.child.as_ref().and_then(|number| seal.index(number)),
        message_id: entry.message.as_ref().map(|message| owned(&message.message_id)),
        request_id: entry.request.request_id.as_ref().map(owned),
        body: serde_json::to_vec(&body).map_err(|_| BodyError::Writing)?,
        again: false,
    })
}

/// Reads a body.
///
/// # Errors
/// [`BodyError::Unreadable`].
pub fn read(body: &[u8], seal: &Seal) -> Result<StoredEntry, BodyError> {
    let body: Body = serde_json::from_slice(body).map_err(|_| BodyError::Unreadable)?;
    if body.v != VERSION {
        return Err(BodyError::Unreadable);
    }
    let child = match &body.child {
        None => None,
        Some(text) => seal.open(&SealedNumber(STANDARD.decode(text).map_err(|_| BodyError::Unreadable)?), body.id),
    };
    Ok(StoredEntry {
        child_is_sealed: body.child.is_some() && child.is_none(),
        software: body.software,
        entry: Entry {
            id: body.id,
            at: body.at.parse().map_err(|_| BodyError::Unreadable)?,
            event: Event::parse(&body.event).ok_or(BodyError::Unreadable)?,
            look: body.look,
            who: body.who,
            child,
            request: body.request.unwrap_or_default(),
            message: body.message,
            author: body.author,
            outcome: body.outcome,
            detail: body.detail,
        },
    })
}

#[cfg(test)]
mod tests;
