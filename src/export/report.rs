//! A report of accesses: who, in which role, for which organisation, looked at which child's record, when, and with which
//! outcome. CSV (RFC 4180) with a head row, UTF-8, times in UTC and as clocks in England showed them.

use super::plain::cell;
use crate::audit::{Hit, StoredEntry};
use crate::clock;
use crate::cpis::Text;
use jiff::Timestamp;

/// The columns, in their order.
const COLUMNS: [&str; 23] = [
    "sequence",
    "state",
    "recorded_utc",
    "recorded_local",
    "event",
    "action",
    "outcome",
    "notification_expected",
    "user_id",
    "user_name",
    "role_code",
    "role_name",
    "organisation_ods",
    "organisation_name",
    "care_setting",
    "nhs_number",
    "author_id",
    "author_name",
    "source_system",
    "address",
    "request_id",
    "message_id",
    "look",
];

pub fn head() -> String {
    row_of(&COLUMNS.map(str::to_owned))
}

/// One row. For a changed line: its number, and what is wrong with it.
pub fn row(hit: &Hit) -> String {
    let state = hit.doubt.map_or_else(|| "as written".to_owned(), |doubt| format!("NOT TO BE RELIED ON: {doubt}"));
    if let Some(stored) = &hit.stored {
        return row_of(&cells(hit.line.seq, state, stored));
    }
    let mut cells: [String; COLUMNS.len()] = std::array::from_fn(|_| String::new());
    [cells[0], cells[1]] = [hit.line.seq.to_string(), state];
    row_of(&cells)
}

fn cells(seq: u64, state: String, stored: &StoredEntry) -> [String; COLUMNS.len()] {
    let entry = &stored.entry;
    let owned = |text: Option<&Text>| text.map(|text| text.as_str().to_owned()).unwrap_or_default();
    let who = entry.who.clone().unwrap_or_default();
    let author = entry.author.as_ref();
    let outcome = entry.outcome.as_ref();
    let expected = outcome.and_then(|outcome| outcome.notification_expected);
    let child = match &entry.child {
        Some(number) => number.digits().to_owned(),
        None if stored.child_is_sealed => "sealed with a key that is not here".to_owned(),
        None => String::new(),
    };
    [
        seq.to_string(),
        state,
        entry.at.to_string(),
        local(entry.at),
        entry.event.name().to_owned(),
        owned(entry.request.interaction.as_ref()),
        owned(outcome.map(|outcome| &outcome.name)),
        expected.map(|expected| if expected { "yes" } else { "no" }).unwrap_or_default().to_owned(),
        owned(who.user_id.as_ref()),
        owned(who.name.as_ref()),
        owned(who.role_code.as_ref()),
        owned(who.role_name.as_ref()),
        owned(who.organisation_ods.as_ref()),
        owned(who.organisation_name.as_ref()),
        owned(who.care_setting.as_ref()),
        child,
        owned(author.map(|author| &author.id)),
        owned(author.map(|author| &author.name)),
        owned(entry.request.source_system.as_ref()),
        entry.request.address.map(|address| address.to_string()).unwrap_or_default(),
        owned(entry.request.request_id.as_ref()),
        owned(entry.message.as_ref().map(|message| &message.message_id)),
        entry.look.map(|look| look.to_string()).unwrap_or_default(),
    ]
}

/// As clocks in England showed it, with the offset.
fn local(at: Timestamp) -> String {
    at.to_zoned_datetime(clock::london()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn row_of(cells: &[String; COLUMNS.len()]) -> String {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    format!("{}\r\n", cells.join(","))
}
