//! A line of the trail as a line of an archive.

use crate::audit::{ChildIndex, KeyId, Line, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use uuid::Uuid;

/// One JSON object a line. The body is the text that the MAC covers, as a JSON string.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchivedLine {
    seq: u64,
    id: Uuid,
    /// RFC 3339, UTC.
    at: String,
    event: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    look: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    child: Option<ChildIndex>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    request_id: Option<String>,
    body: String,
    key: KeyId,
    previous: Mac,
    mac: Mac,
}

impl ArchivedLine {
    /// `None` if the body is not text: no line is written like that.
    pub(super) fn of(line: &Line) -> Option<Self> {
        Some(Self {
            seq: line.seq,
            id: line.id,
            at: line.at.to_string(),
            event: line.event.clone(),
            look: line.look,
            user_id: line.user_id.clone(),
            child: line.child,
            message_id: line.message_id.clone(),
            request_id: line.request_id.clone(),
            body: String::from_utf8(line.body.clone()).ok()?,
            key: line.key,
            previous: line.previous,
            mac: line.mac,
        })
    }

    pub(super) fn into_line(self) -> Option<Line> {
        Some(Line {
            seq: self.seq,
            id: self.id,
            at: self.at.parse::<Timestamp>().ok()?,
            event: self.event,
            look: self.look,
            user_id: self.user_id,
            child: self.child,
            message_id: self.message_id,
            request_id: self.request_id,
            body: self.body.into_bytes(),
            key: self.key,
            previous: self.previous,
            mac: self.mac,
        })
    }
}

/// Fixed bytes as hex digits.
macro_rules! as_hex {
    ($($name:ident),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&crate::audit::hex(&self.0))
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                crate::audit::unhex(&text).map(Self).ok_or_else(|| D::Error::custom("wanted hex digits of a fixed number"))
            }
        }
    )+};
}

as_hex!(ChildIndex, KeyId, Mac);
