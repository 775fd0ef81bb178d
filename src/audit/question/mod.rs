//! What people ask of the trail: by user, child, message, request, look, organisation, role, authority, event, number and time
//! (MSCA-AUD-05, wire.md 5.9). The same for the command line and the admin listener.

use super::{Entry, Event, Filter, Inquirer, Seal, StoredEntry};
use crate::clock;
use crate::cpis::{CallerId, NhsNumber};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use uuid::Uuid;

/// Which entries are wanted: all given criteria must hold. `Debug` shows nothing of a person.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Question {
    pub user_id: Option<String>,
    pub child: Option<NhsNumber>,
    /// `wsa:MessageID`, as it was sent.
    pub message_id: Option<String>,
    /// `X-Request-ID`, as it was received, or as a log shows it.
    pub request_id: Option<String>,
    pub look: Option<Uuid>,
    /// ODS code of the user's organisation, or of the author's; letter case does not matter.
    pub organisation: Option<String>,
    /// A job role's code, whole or its last part after a colon, or its name.
    pub role: Option<String>,
    /// The author of the query: SDS user id, ASID, role profile id or name of the HL7 V3 author.
    pub authority: Option<String>,
    pub event: Option<Event>,
    /// The lowest sequence number.
    pub first: Option<u64>,
    /// The highest sequence number.
    pub last: Option<u64>,
    /// Not before this.
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
}

/// A part of a question that cannot be understood. Its value is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    #[error("{name}: wanted {wanted}")]
    Malformed { name: &'static str, wanted: &'static str },
    #[error("{name} is given more than once")]
    Twice { name: &'static str },
    #[error("there is no criterion of this name")]
    Unknown,
}

/// The name of each criterion, and what it takes.
const CRITERIA: [(&str, &str); 12] = [
    ("user", "a user id"),
    ("nhs-number", "an NHS number: ten digits with the right check digit"),
    ("message-id", "the id of a message, as it was sent"),
    ("request-id", "an X-Request-ID, as it was received"),
    ("look", "the UUID of a look"),
    ("organisation", "an ODS code"),
    ("role", "the code or the name of a job role"),
    ("authority", "the SDS user id, ASID, role profile id or name of the author that was sent"),
    (
        "event",
        "the name of an event: asked, answered, failed, unknown, shared, refused, not-held, searched, exported, started, stopped, reloaded or archived",
    ),
    ("seq", "a sequence number A, or a range A..B, A.. or ..B"),
    ("from", "a time such as 2026-10-14T09:00:00+01:00, or a day such as 2026-10-14"),
    ("to", "a time such as 2026-10-14T17:00:00+01:00 (not included), or a day such as 2026-10-14 (included)"),
];

impl Question {
    /// Reads criteria by their names: `user`, `nhs-number`, `message-id`, `request-id`, `look`, `organisation`, `role`,
    /// `authority`, `event`, `seq`, `from`, `to`. A plain date is a day in England, from its first moment to its last.
    ///
    /// # Errors
    /// The first [`QuestionError`].
    pub fn read<'a>(criteria: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, QuestionError> {
        let mut question = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in criteria {
            let (name, wanted) = CRITERIA.into_iter().find(|(known, _)| *known == name).ok_or(QuestionError::Unknown)?;
            if seen.contains(&name) {
                return Err(QuestionError::Twice { name });
            }
            seen.push(name);
            question.take(name, value.trim()).ok_or(QuestionError::Malformed { name, wanted })?;
        }
        Ok(question)
    }

    fn take(&mut self, name: &str, value: &str) -> Option<()> {
        if value.is_empty() {
            return None;
        }
        let text = || Some(value.to_owned());
        match name {
            "user" => self.user_id = text(),
            "nhs-number" => self.child = Some(NhsNumber::parse(value).ok()?),
            // This service sends them in capitals; a log from which a person copies them may show them otherwise.
            "message-id" => self.message_id = Uuid::try_parse(value).map_or_else(|_| text(), |id| Some(in_capitals(id))),
            "request-id" => self.request_id = text(),
            "look" => self.look = Some(Uuid::try_parse(value).ok()?),
            "organisation" => self.organisation = text(),
            "role" => self.role = text(),
            "authority" => self.authority = text(),
            "event" => self.event = Some(Event::parse(value)?),
            "seq" => (self.first, self.last) = range(value)?,
            "from" => self.from = Some(moment(value, Bound::From)?),
            "to" => self.to = Some(moment(value, Bound::To)?),
            _ => return None,
        }
        Some(())
    }

    /// The names of the criteria, never the values: for the entry of the search.
    #[must_use]
    pub fn criteria(&self) -> Vec<&'static str> {
        let given = [
            ("user", self.user_id.is_some()),
            ("child", self.child.is_some()),
            ("message id", self.message_id.is_some()),
            ("request id", self.request_id.is_some()),
            ("look", self.look.is_some()),
            ("organisation", self.organisation.is_some()),
            ("role", self.role.is_some()),
            ("authority", self.authority.is_some()),
            ("event", self.event.is_some()),
            ("sequence number", self.first.is_some() || self.last.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
        ];
        given.into_iter().filter_map(|(kind, is_given)| is_given.then_some(kind)).collect()
    }

    /// The entry that must be durable before an answer is shown: who asks, by which kinds of criteria, and for which child.
    #[must_use]
    pub(super) fn entry(&self, event: Event, inquirer: Inquirer) -> Entry {
        let Inquirer { who, request, manner } = inquirer;
        let criteria = self.criteria();
        let criteria = if criteria.is_empty() { "none (everything)".to_owned() } else { criteria.join(", ") };
        Entry {
            who: Some(who),
            child: self.child.clone(),
            request,
            detail: Some(format!("criteria: {criteria}; {manner}")),
            ..Entry::of(event)
        }
    }

    /// The part that a store finds by its indexes; a line that matches any filter is wanted. There are several if a caller's id
    /// may have been kept in several forms.
    pub(super) fn wanted(&self, seal: &Seal) -> Vec<Filter> {
        let wanted = Filter {
            user_id: self.user_id.clone(),
            child: self.child.iter().flat_map(|number| seal.indexes(number)).collect(),
            message_id: self.message_id.clone(),
            request_id: None,
            look: self.look,
            from: self.from,
            to: self.to,
        };
        let Some(id) = &self.request_id else { return vec![wanted] };
        let forms = CallerId::parse(id).map_or_else(|_| vec![id.clone()], |id| seal.all_kept(&id));
        forms.into_iter().map(|form| Filter { request_id: Some(form), ..wanted.clone() }).collect()
    }

    /// Whether the criteria hold that only the entry itself shows.
    pub(super) fn asks_for(&self, stored: &StoredEntry) -> bool {
        let entry = &stored.entry;
        self.event.is_none_or(|event| entry.event == event)
            && self.organisation.as_deref().is_none_or(|code| is_of_organisation(entry, code))
            && self.role.as_deref().is_none_or(|role| has_role(entry, role))
            && self.authority.as_deref().is_none_or(|authority| is_on_authority(entry, authority))
    }

    /// Whether lines are read that are not shown.
    pub(super) fn sifts(&self) -> bool {
        self.event.is_some() || self.organisation.is_some() || self.role.is_some() || self.authority.is_some()
    }
}

fn in_capitals(id: Uuid) -> String {
    id.as_hyphenated().encode_upper(&mut Uuid::encode_buffer()).to_owned()
}

fn is_of_organisation(entry: &Entry, code: &str) -> bool {
    let own = entry.who.as_ref().and_then(|who| who.organisation_ods.as_ref());
    let sent = entry.author.as_ref().map(|author| &author.organisation_ods);
    own.into_iter().chain(sent).any(|held| held.as_str().eq_ignore_ascii_case(code))
}

fn has_role(entry: &Entry, role: &str) -> bool {
    let Some(who) = &entry.who else { return false };
    let by_code = who.role_code.as_ref().is_some_and(|held| {
        let held = held.as_str();
        held.eq_ignore_ascii_case(role) || held.rsplit(':').next().is_some_and(|last| last.eq_ignore_ascii_case(role))
    });
    by_code || who.role_name.as_ref().is_some_and(|name| name.as_str().to_lowercase() == role.to_lowercase())
}

fn is_on_authority(entry: &Entry, authority: &str) -> bool {
    let Some(author) = &entry.author else { return false };
    author.id.as_str() == authority
        || author.role_profile_id.as_ref().is_some_and(|id| id.as_str() == authority)
        || author.name.as_str().to_lowercase() == authority.to_lowercase()
}

fn range(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let number = |text: &str| -> Option<Option<u64>> { if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) } };
    let (first, last) = match text.split_once("..") {
        None => (Some(text.parse().ok()?), Some(text.parse().ok()?)),
        Some((first, last)) => (number(first)?, number(last)?),
    };
    let is_range = first.is_some() || last.is_some();
    let is_ordered = first.zip(last).is_none_or(|(first, last)| first <= last);
    (is_range && is_ordered).then_some((first, last))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    From,
    To,
}

/// A point in time; of a day in England its first moment, or as the upper bound the first moment of the next.
fn moment(text: &str, bound: Bound) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    // jiff also parses the date of a date and time; without an offset that is not a point in time.
    let day = (text.len() == 10).then(|| text.parse::<Date>().ok()).flatten()?;
    let day = if bound == Bound::To { day.checked_add(1.day()).ok()? } else { day };
    Some(day.to_zoned_datetime(clock::london()).ok()?.timestamp())
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Question({})", self.criteria().join(", "))
    }
}

#[cfg(test)]
mod tests;
