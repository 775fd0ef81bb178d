//! Reads looks from the end of the trail: whose they are, which requests belong to them, and how they ended.

use super::RecallSource;
use super::query_end::QueryEnd;
use crate::audit::{Entry, Event, Filter, Hit, Message, StoreError, Who};
use crate::cpis::CareSetting;
use crate::lookup::{LookError, LookKey};
use jiff::Timestamp;
use std::collections::HashMap;
use uuid::Uuid;

/// Lines that are read at once. Reading ends after this many lines in a row that are too old: several services, or a clock that was
/// set, can put lines out of the order of their times.
const PAGE_LINES: usize = 250;
/// The most lines that are read.
const MAX_LINES: usize = 400_000;

/// Looks that may count, by their numbers.
#[derive(Default)]
pub(super) struct TrailLooks {
    pub by_look: HashMap<Uuid, TrailLook>,
    /// Lines that were read.
    pub lines: usize,
    /// The trail had more lines than the limit.
    pub is_incomplete: bool,
}

/// One look, according to the trail.
pub(super) struct TrailLook {
    pub key: LookKey,
    /// In lower case.
    pub ids: Vec<Box<str>>,
    /// The number of its first line that was read.
    pub first_seq: u64,
    /// When the newest of its queries was sent or ended.
    pub at: Timestamp,
    /// Each query, by its message id, and its end.
    queries: HashMap<Box<str>, Option<QueryEnd>>,
    /// The ids of the newest query that ended, and whether its answer was shown to the request that asked.
    pub message: Option<Message>,
    pub was_shown: bool,
}

/// How a look that may have been delivered ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LookEnd {
    Answered,
    /// It failed after it may have been delivered.
    Failed,
    /// The trail has no end of it.
    Open,
}

/// Reads what is not older than `from`, newest first.
pub(super) async fn read(source: &RecallSource, from: Timestamp) -> Result<TrailLooks, StoreError> {
    let mut looks = TrailLooks::default();
    let (mut before, mut in_doubt, mut sealed, mut old) = (None, 0_u64, 0_u64, 0);
    let everything = Filter::default();
    loop {
        let lines = source.reader.find(&everything, before, PAGE_LINES).await?;
        let is_last = lines.len() < PAGE_LINES;
        before = lines.last().map(|line| line.seq);
        for line in lines {
            looks.lines += 1;
            if line.at < from {
                old += 1;
                continue;
            }
            old = 0;
            if line.look.is_none() {
                continue;
            }
            let seq = line.seq;
            let hit = Hit::check(line, &source.chain, &source.seal);
            match hit.stored {
                Some(stored) if stored.child_is_sealed => sealed += 1,
                Some(stored) => looks.note(seq, &stored.entry),
                None => in_doubt += 1,
            }
        }
        looks.is_incomplete = looks.lines >= MAX_LINES;
        if is_last || old >= PAGE_LINES || looks.is_incomplete {
            break;
        }
    }
    if in_doubt > 0 || sealed > 0 {
        tracing::warn!(
            in_doubt,
            sealed,
            "lines of the trail's end are not as they were written, or about a child that no key opens: their looks are not remembered"
        );
    }
    Ok(looks)
}

impl TrailLooks {
    /// Lines come newest first.
    pub(super) fn note(&mut self, seq: u64, entry: &Entry) {
        let is_of_a_query = matches!(entry.event, Event::Asked | Event::Answered | Event::Failed | Event::Unknown);
        if !is_of_a_query && entry.event != Event::Shared {
            return;
        }
        let (Some(id), Some(key)) = (entry.look, key_of(entry)) else { return };
        let look = self.by_look.entry(id).or_insert_with(|| TrailLook {
            key: key.clone(),
            ids: Vec::new(),
            first_seq: seq,
            at: Timestamp::MIN,
            queries: HashMap::new(),
            message: None,
            was_shown: false,
        });
        if look.key != key {
            return;
        }
        look.first_seq = seq;
        if let Some(id) = &entry.request.request_id {
            let id: Box<str> = id.as_str().to_ascii_lowercase().into();
            // The request that started it comes first.
            look.ids.retain(|other| *other != id);
            look.ids.insert(0, id);
        }
        let Some(message) = entry.message.as_ref().filter(|_| is_of_a_query) else { return };
        if look.queries.is_empty() {
            look.at = entry.at;
        }
        if look.message.is_none() && entry.event != Event::Asked {
            look.was_shown = entry.outcome.as_ref().is_some_and(|outcome| outcome.shown.is_some());
            look.message = Some(message.clone());
        }
        let query = look.queries.entry(message.message_id.as_str().into()).or_default();
        if let Some(end) = QueryEnd::of(entry)
            && query.is_none()
        {
            *query = Some(end);
        }
    }
}

impl TrailLook {
    /// How it ended; `None` if it was certainly not delivered.
    pub(super) fn look_end(&self) -> Option<LookEnd> {
        let ends = || self.queries.values();
        if ends().flatten().any(QueryEnd::is_answer) {
            Some(LookEnd::Answered)
        } else if ends().any(Option::is_none) {
            Some(LookEnd::Open)
        } else {
            ends().flatten().any(QueryEnd::may_be_delivered).then_some(LookEnd::Failed)
        }
    }

    /// The failure that its requests get if it was not answered.
    pub(super) fn failure(&self) -> LookError {
        let heard = self.queries.values().flatten().find(|end| end.may_be_delivered());
        heard.map_or_else(QueryEnd::missing, QueryEnd::failure)
    }
}

/// The same key that [`LookKey::of`] makes of the question. Every entry of a look holds all of its parts.
fn key_of(entry: &Entry) -> Option<LookKey> {
    let Who { issuer, user_id, role_profile_id, role_code, organisation_ods, care_setting, .. } = entry.who.as_ref()?;
    Some(LookKey::from_parts(
        entry.child.clone()?,
        issuer.clone().unwrap_or_default(),
        user_id.clone().unwrap_or_default(),
        role_profile_id.clone().or_else(|| role_code.clone()).unwrap_or_default(),
        organisation_ods.as_ref().map_or("", |code| code.as_str()),
        CareSetting::parse(care_setting.as_ref()?.as_str())?,
    ))
}
