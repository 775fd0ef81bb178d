//! What one entry of the trail says (decisions.md 35; wire.md 5.9, MSCA-AUD-02, -03).
//!
//! The parts of an entry are stored as they are here ([`super::body`]): names and order of their fields must not change.

use crate::clock;
use crate::cpis::{Answer, AuthorAsSent, Delivery, MessageIds, NhsNumber, Requester, Text};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use uuid::Uuid;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A query is about to go out. Durable before its first byte.
    Asked,
    /// CP-IS answered, with records or without. Durable before anything of it is shown.
    Answered,
    /// The look failed, and it is known what reached CP-IS: nothing, or a complete query that it answered badly.
    Failed,
    /// A query went out, wholly or in part, and no answer to it was understood: the authority may have been notified.
    Unknown,
    /// A held answer, or a failure that reveals a record, was shown again: to a request that waited for it, a repetition, a later
    /// search, a read or a page.
    Shared,
    /// A request was refused: no identity, no permission. Nothing was asked or shown.
    Refused,
    /// A read or page outside any held look: nothing was asked or shown (decisions.md 11).
    NotHeld,
    /// The trail itself was searched.
    Searched,
    /// The trail, or a part of it, was exported.
    Exported,
    /// The service started. The detail names the settings that matter, without secrets.
    Started,
    /// The service stopped normally.
    Stopped,
    /// Certificates, keys or settings were read again.
    Reloaded,
    /// Lines before this one were moved to an archive, which the detail names with its proof.
    Archived,
}

impl Event {
    pub const ALL: [Self; 13] = [
        Self::Asked,
        Self::Answered,
        Self::Failed,
        Self::Unknown,
        Self::Shared,
        Self::Refused,
        Self::NotHeld,
        Self::Searched,
        Self::Exported,
        Self::Started,
        Self::Stopped,
        Self::Reloaded,
        Self::Archived,
    ];

    /// The name in the store, in searches and exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Shared => "shared",
            Self::Refused => "refused",
            Self::NotHeld => "not-held",
            Self::Searched => "searched",
            Self::Exported => "exported",
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Reloaded => "reloaded",
            Self::Archived => "archived",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }
}

/// One entry, before it has a place in the chain. `Debug` shows nothing of a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Identifies the entry, and so a second attempt to write it.
    pub id: Uuid,
    /// When it happened, UTC (MSCA-AUD-07).
    pub at: Timestamp,
    pub event: Event,
    /// Ties all entries of one look together.
    pub look: Option<Uuid>,
    pub who: Option<Who>,
    /// The NHS number asked about: the child's, or the mother's of an unborn child.
    pub child: Option<NhsNumber>,
    pub request: RequestFacts,
    pub message: Option<Message>,
    /// The HL7 V3 author as it went over the wire.
    pub author: Option<AuthorAsSent>,
    /// Stored as `outcome`.
    pub outcome: Option<Outcome>,
    /// For people. Events without a child: which settings, search or archive. **asked**: that it went ahead unshared, which
    /// explains a second notification. An outcome: that nobody waited for it any longer. Never a secret.
    pub detail: Option<String>,
}

/// Who asked, as far as known. For a refused request, every field may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Who {
    /// Who vouches: an OIDC issuer, a gateway, `demo`, or `command` for the command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sds_user_id: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_profile_id: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_code: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_name: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation_ods: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation_name: Option<Text>,
    /// The code of a [`crate::cpis::CareSetting`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub care_setting: Option<Text>,
}

/// The request that an entry belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestFacts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Text>,
    /// 32 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<Text>,
    /// The caller's network address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The system that the request came from: a client id of the token, or the subject of the gateway's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_system: Option<Text>,
    /// What was asked for, such as `search Flag`, `read CarePlan`, `page Flag`, `batch Flag,CarePlan`. No parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction: Option<Text>,
    /// How new the answer had to be: `no-cache` or `new-look` (decisions.md 12).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Text>,
}

/// The ids on the wire (wire.md 5.2), for tracing a message end to end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    pub message_id: Text,
    pub tracking_id: Text,
    pub payload_id: Text,
    pub query_id: Text,
    /// The id of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_id: Option<Text>,
}

/// The outcome of a look or a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// A short name: `found`, `no-record`, or the name of the failure or refusal.
    #[serde(rename = "outcome")]
    pub name: Text,
    /// The SMSP's response code, where one was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_code: Option<Text>,
    #[serde(with = "delivery", default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Whether this look is expected to have notified the authority. A shared answer never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification_expected: Option<bool>,
    /// What an answer showed to the request of this entry; absent where nothing was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<ShownCounts>,
    /// How many local authorities a failure named to the request of this entry; absent where it named nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorities: Option<u32>,
    /// How old a shared answer was, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<u64>,
}

/// How much there was to show: counts, never content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownCounts {
    pub records: u32,
    pub plans: u32,
    /// Counted by CP-IS, but not readable.
    pub unreadable: u32,
    pub accesses: u32,
}

impl Entry {
    /// An entry of the current time with nothing but the event.
    #[must_use]
    pub fn of(event: Event) -> Self {
        Self {
            id: Uuid::new_v4(),
            at: clock::now(),
            event,
            look: None,
            who: None,
            child: None,
            request: RequestFacts::default(),
            message: None,
            author: None,
            outcome: None,
            detail: None,
        }
    }
}

impl From<&Requester> for Who {
    fn from(requester: &Requester) -> Self {
        let given = |text: &Text| (!text.is_empty()).then(|| text.clone());
        Self {
            issuer: given(&requester.user.issuer),
            user_id: given(&requester.user.id),
            sds_user_id: requester.sds_user_id.as_ref().map(|id| id.as_str().into()),
            role_profile_id: requester.role_profile_id.as_ref().map(|id| id.as_str().into()),
            name: given(&requester.name.spoken().into()),
            role_code: given(&requester.role.code),
            role_name: given(&requester.role.name),
            organisation_ods: given(&requester.organisation.ods_code),
            organisation_name: given(&requester.organisation.name),
            care_setting: Some(requester.care_setting.code().into()),
        }
    }
}

impl From<&MessageIds> for Message {
    fn from(ids: &MessageIds) -> Self {
        Self {
            message_id: ids.message.as_str().into(),
            tracking_id: ids.tracking.as_str().into(),
            payload_id: ids.payload.as_str().into(),
            query_id: ids.query.as_str().into(),
            response_id: None,
        }
    }
}

impl From<&Answer> for ShownCounts {
    fn from(answer: &Answer) -> Self {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            records: count(answer.records().len()),
            plans: count(answer.records().iter().map(|record| record.entries.len()).sum()),
            unreadable: count(answer.unreadable()),
            accesses: count(answer.accesses.len()),
        }
    }
}

/// The delivery is stored by its name.
mod delivery {
    use crate::cpis::Delivery;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref, clippy::ref_option)] // as serde calls it
    pub fn serialize<S: Serializer>(delivery: &Option<Delivery>, serializer: S) -> Result<S::Ok, S::Error> {
        delivery.map(Delivery::name).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Delivery>, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        name.map(|name| Delivery::parse(&name).ok_or_else(|| D::Error::custom("no delivery of this name"))).transpose()
    }
}
