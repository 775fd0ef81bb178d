//! Reads the payload `CP-ISNHSQueryResponse` (wire.md 3.1), bare or inside another one (3.5, row 9).

use super::{
    accesses,
    content::{Payload, PayloadTotal, ResponseContent},
    records, soap, times,
    xml::{Document, ReadError, is_infrastructure},
};
use crate::cpis::{Malformed, Text};

/// Reads the element whose start tag was read last. Without any part of an answer, it is only a wrapper.
pub(super) fn read(doc: &mut Document<'_>, found: &mut ResponseContent) -> Result<(), ReadError> {
    let mut payload = Payload::default();
    let mut holds_answer = false;
    let mut holds_unknown = false;
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        if part(doc, name, &mut payload)? {
            holds_answer = true;
        } else if name == "id" {
            payload.id = Text::from(&*doc.attribute("root").unwrap_or_default());
        } else {
            holds_unknown |= !is_infrastructure(name) && !is_wrapped(name);
            soap::look_at(doc, name, found)?;
        }
    }
    if !holds_answer {
        return Ok(());
    }
    // Nobody knows what it is: it may be a record (decisions.md 54).
    found.traces.record |= holds_unknown;
    if found.payload.replace(payload).is_some() {
        return Err(ReadError::Unreadable(Malformed::TwoAnswers));
    }
    Ok(())
}

/// Whether it is another answer, or a TMS answer, inside this wrapper (wire.md 3.5, row 9).
fn is_wrapped(name: &str) -> bool {
    name == "CP-ISNHSQueryResponse" || ["QUQI_IN", "REPC_IN", "MCCI_IN"].iter().any(|kind| name.starts_with(kind))
}

/// Reads one child if it is a part of an answer; returns whether it is.
fn part(doc: &mut Document<'_>, name: &str, payload: &mut Payload) -> Result<bool, ReadError> {
    match name {
        "effectiveTime" => payload.effective = Some(times::moment(&doc.attribute("value").unwrap_or_default())),
        "value" => {
            // A value without a code is not the response code (wire.md 3.1, note).
            let Some(code) = doc.attribute("code") else { return Ok(true) };
            payload.code.add(code.to_ascii_uppercase());
        }
        "pertinentInformation11" => total(doc, &mut payload.access_total)?,
        "pertinentInformation12" => total(doc, &mut payload.record_total)?,
        "pertinentInformation13" => accesses::read(doc, &mut payload.accesses)?,
        "pertinentInformation14" => records::read(doc, payload)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// The number in `pertinentTotalReturned…Records/value`. Two different totals are unreadable.
fn total(doc: &mut Document<'_>, total: &mut PayloadTotal) -> Result<(), ReadError> {
    let mut read = PayloadTotal::Unreadable;
    let level = doc.level();
    while doc.child(level)?.is_some() {
        while let Some(name) = doc.child(level + 1)? {
            if name == "value" {
                read = match doc.attribute("value") {
                    Some(number) => count(&number),
                    None => count(doc.text()?.trim()),
                };
            }
        }
    }
    *total = match *total {
        PayloadTotal::Absent => read,
        earlier if earlier == read => read,
        _ => PayloadTotal::Unreadable,
    };
    Ok(())
}

/// No count is that high. Such a number is something else, such as an NHS number or a date, and is never repeated.
const NO_COUNT: u64 = 100_000;

fn count(text: &str) -> PayloadTotal {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|count| digits && *count < NO_COUNT).map_or(PayloadTotal::Unreadable, PayloadTotal::Count)
}
