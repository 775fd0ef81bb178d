//! How an entry is written: one JSON object that an operator can read, but for the NHS number, which is sealed.

use super::seal::{Seal, Sealed};
use super::{Draft, Entry, Event, Message, RequestFacts, Shown, Upshot, Who};
use crate::cpis::{AuthorAsSent, AuthorKind, Delivery, Text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An entry could not be written, or a body could not be read. Says nothing of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the NHS number could not be sealed")]
    Sealing,
    #[error("the entry could not be written as JSON")]
    Writing,
    #[error("the body is not an entry of a version that is known")]
    Unreadable,
}

/// A body, read again.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Its `child` is absent where no key opens it.
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
    #[serde(skip_serializing_if = "Option::is_none", default)]
    look: Option<Uuid>,
    /// Base64 of [`Sealed`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    child: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    who: Option<WhoBody>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    request: Option<RequestBody>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    message: Option<MessageBody>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    author: Option<AuthorBody>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    upshot: Option<UpshotBody>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    detail: Option<String>,
}

/// A struct of optional texts, and the way there and back from its open form.
macro_rules! texts {
    ($body:ident, $open:ident { $($field:ident),+ $(,)? }) => {
        #[derive(Serialize, Deserialize, Default)]
        #[serde(deny_unknown_fields)]
        struct $body {
            $(#[serde(skip_serializing_if = "Option::is_none", default)] $field: Option<String>,)+
        }
        impl From<&$open> for $body {
            fn from(open: &$open) -> Self {
                Self { $($field: open.$field.as_ref().map(|text| text.as_str().to_owned()),)+ }
            }
        }
    };
}

texts!(
    WhoBody,
    Who {
        issuer,
        user_id,
        sds_user_id,
        role_profile_id,
        name,
        role_code,
        role_name,
        organisation_ods,
        organisation_name,
        care_setting,
    }
);

#[derive(Serialize, Deserialize, Default, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct RequestBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<std::net::IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_system: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interaction: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    freshness: Option<String>,
}

#[allow(clippy::struct_field_names)] // as the wire names them
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageBody {
    message_id: String,
    tracking_id: String,
    payload_id: String,
    query_id: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    response_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthorBody {
    template: String,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    role_profile_id: Option<String>,
    role_code: String,
    role_name: String,
    name: String,
    organisation_ods: String,
    organisation_name: String,
    nominated: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UpshotBody {
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    response_code: Option<String>,
    /// The name of a [`Delivery`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    delivery: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    notification_expected: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    shown: Option<ShownBody>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    authorities: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    age_ms: Option<u64>,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
struct ShownBody {
    records: u32,
    plans: u32,
    unreadable: u32,
    accesses: u32,
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
    let request = RequestBody::from(&entry.request);
    let body = Body {
        v: VERSION,
        id: entry.id,
        at: entry.at.to_string(),
        event: entry.event.name().to_owned(),
        software: env!("CARGO_PKG_VERSION").to_owned(),
        look: entry.look,
        child: sealed.map(|sealed| STANDARD.encode(sealed.0)),
        who: entry.who.as_ref().map(WhoBody::from),
        request: (request != RequestBody::default()).then_some(request),
        message: entry.message.as_ref().map(MessageBody::from),
        author: entry.author.as_ref().map(AuthorBody::from),
        upshot: entry.upshot.as_ref().map(UpshotBody::from),
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
pub fn read(body: &[u8], seal: &Seal) -> Result<Told, BodyError> {
    let body: Body = serde_json::from_slice(body).map_err(|_| BodyError::Unreadable)?;
    if body.v != VERSION {
        return Err(BodyError::Unreadable);
    }
    let child = match &body.child {
        None => None,
        Some(text) => seal.open(&Sealed(STANDARD.decode(text).map_err(|_| BodyError::Unreadable)?), body.id),
    };
    Ok(Told {
        child_is_sealed: body.child.is_some() && child.is_none(),
        software: body.software,
        entry: Entry {
            id: body.id,
            at: body.at.parse().map_err(|_| BodyError::Unreadable)?,
            event: Event::parse(&body.event).ok_or(BodyError::Unreadable)?,
            look: body.look,
            who: body.who.map(Who::from),
            child,
            request: body.request.map(RequestFacts::from).unwrap_or_default(),
            message: body.message.map(Message::from),
            author: body.author.map(AuthorAsSent::try_from).transpose()?,
            upshot: body.upshot.map(Upshot::try_from).transpose()?,
            detail: body.detail,
        },
    })
}

fn text(text: Option<String>) -> Option<Text> {
    text.map(Text::from)
}

fn string(text: Option<&Text>) -> Option<String> {
    text.map(|text| text.as_str().to_owned())
}

impl From<WhoBody> for Who {
    fn from(body: WhoBody) -> Self {
        Self {
            issuer: text(body.issuer),
            user_id: text(body.user_id),
            sds_user_id: text(body.sds_user_id),
            role_profile_id: text(body.role_profile_id),
            name: text(body.name),
            role_code: text(body.role_code),
            role_name: text(body.role_name),
            organisation_ods: text(body.organisation_ods),
            organisation_name: text(body.organisation_name),
            care_setting: text(body.care_setting),
        }
    }
}

impl From<&RequestFacts> for RequestBody {
    fn from(facts: &RequestFacts) -> Self {
        Self {
            request_id: string(facts.request_id.as_ref()),
            correlation_id: string(facts.correlation_id.as_ref()),
            trace_id: string(facts.trace_id.as_ref()),
            address: facts.address,
            source_system: string(facts.source_system.as_ref()),
            interaction: string(facts.interaction.as_ref()),
            freshness: string(facts.freshness.as_ref()),
        }
    }
}

impl From<RequestBody> for RequestFacts {
    fn from(body: RequestBody) -> Self {
        Self {
            request_id: text(body.request_id),
            correlation_id: text(body.correlation_id),
            trace_id: text(body.trace_id),
            address: body.address,
            source_system: text(body.source_system),
            interaction: text(body.interaction),
            freshness: text(body.freshness),
        }
    }
}

impl From<&Message> for MessageBody {
    fn from(message: &Message) -> Self {
        Self {
            message_id: message.message_id.as_str().to_owned(),
            tracking_id: message.tracking_id.as_str().to_owned(),
            payload_id: message.payload_id.as_str().to_owned(),
            query_id: message.query_id.as_str().to_owned(),
            response_id: string(message.response_id.as_ref()),
        }
    }
}

impl From<MessageBody> for Message {
    fn from(body: MessageBody) -> Self {
        Self {
            message_id: body.message_id.into(),
            tracking_id: body.tracking_id.into(),
            payload_id: body.payload_id.into(),
            query_id: body.query_id.into(),
            response_id: text(body.response_id),
        }
    }
}

impl From<&AuthorAsSent> for AuthorBody {
    fn from(author: &AuthorAsSent) -> Self {
        let owned = |text: &Text| text.as_str().to_owned();
        Self {
            template: author.template.name().to_owned(),
            id: owned(&author.id),
            role_profile_id: string(author.role_profile_id.as_ref()),
            role_code: owned(&author.role_code),
            role_name: owned(&author.role_name),
            name: owned(&author.name),
            organisation_ods: owned(&author.organisation_ods),
            organisation_name: owned(&author.organisation_name),
            nominated: author.nominated,
        }
    }
}

impl TryFrom<AuthorBody> for AuthorAsSent {
    type Error = BodyError;

    fn try_from(body: AuthorBody) -> Result<Self, BodyError> {
        let kinds = [AuthorKind::Person, AuthorKind::System];
        Ok(Self {
            template: kinds.into_iter().find(|kind| kind.name() == body.template).ok_or(BodyError::Unreadable)?,
            id: body.id.into(),
            role_profile_id: text(body.role_profile_id),
            role_code: body.role_code.into(),
            role_name: body.role_name.into(),
            name: body.name.into(),
            organisation_ods: body.organisation_ods.into(),
            organisation_name: body.organisation_name.into(),
            nominated: body.nominated,
        })
    }
}

impl From<&Upshot> for UpshotBody {
    fn from(upshot: &Upshot) -> Self {
        let shown = |Shown { records, plans, unreadable, accesses }| ShownBody { records, plans, unreadable, accesses };
        Self {
            outcome: upshot.outcome.as_str().to_owned(),
            response_code: string(upshot.response_code.as_ref()),
            delivery: upshot.delivery.map(|delivery| delivery.name().to_owned()),
            notification_expected: upshot.notification_expected,
            shown: upshot.shown.map(shown),
            authorities: upshot.authorities,
            age_ms: upshot.age_ms,
        }
    }
}

impl TryFrom<UpshotBody> for Upshot {
    type Error = BodyError;

    fn try_from(body: UpshotBody) -> Result<Self, BodyError> {
        let delivery = body.delivery.map(|name| Delivery::parse(&name).ok_or(BodyError::Unreadable)).transpose()?;
        let shown = |ShownBody { records, plans, unreadable, accesses }| Shown { records, plans, unreadable, accesses };
        Ok(Self {
            outcome: body.outcome.into(),
            response_code: text(body.response_code),
            delivery,
            notification_expected: body.notification_expected,
            shown: body.shown.map(shown),
            authorities: body.authorities,
            age_ms: body.age_ms,
        })
    }
}

#[cfg(test)]
mod tests;
