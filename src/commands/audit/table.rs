//! An entry as one line for a person: times as clocks in England show them (MSCA-AUD-07), NHS numbers as 3-3-4 (MSCA-PDS-06).

use crate::audit::{Entry, Hit, Outcome, ShownCounts, StoredEntry, Who};
use crate::clock;
use crate::cpis::Text;
use crate::export::Numbers;
use crate::export::plain::shown;
use jiff::Timestamp;

/// The line above the rows, with its line end.
pub fn head() -> String {
    columns("SEQ", "TIME IN ENGLAND", "EVENT", "CHILD", "WHO, AND WHAT CAME OF IT")
}

fn columns(seq: &str, time: &str, event: &str, child: &str, facts: &str) -> String {
    let line = format!("{seq:>8}  {time:<30}  {event:<8}  {child:<12}  {facts}");
    format!("{}\n", line.trim_end())
}

/// One line, with its line end.
pub fn row(hit: &Hit, numbers: Numbers<'_>) -> String {
    let seq = hit.line.seq;
    let Some(stored) = &hit.stored else {
        let problem = hit.doubt.map(|doubt| doubt.to_string()).unwrap_or_default();
        return format!("{seq:>8}  !!! NOT TO BE RELIED ON, AND NOT SHOWN: {problem}\n");
    };
    let entry = &stored.entry;
    let warning = hit.doubt.map(|doubt| format!("!!! {doubt} !!! ")).unwrap_or_default();
    let facts = format!("{warning}{}", facts(entry).join("; "));
    columns(&seq.to_string(), &local(entry.at), entry.event.name(), &child(stored, numbers), &facts)
}

fn local(at: Timestamp) -> String {
    at.to_zoned_datetime(clock::london()).strftime("%Y-%m-%d %H:%M:%S%.3f %:z").to_string()
}

fn child(stored: &StoredEntry, numbers: Numbers<'_>) -> String {
    match &stored.entry.child {
        Some(number) if numbers.shows(number) => {
            let digits = number.digits();
            format!("{} {} {}", &digits[..3], &digits[3..6], &digits[6..])
        }
        Some(_) => "hidden".to_owned(),
        None if stored.child_is_sealed => "key missing".to_owned(),
        None => "-".to_owned(),
    }
}

/// Who, what, outcome, ids: those that are present.
fn facts(entry: &Entry) -> Vec<String> {
    let mut facts: Vec<String> = entry.who.as_ref().map(person).into_iter().collect();
    let mut fact = |name: &str, text: Option<&Text>| facts.extend(given(text).map(|text| format!("{name}{text}")));
    fact("", entry.request.interaction.as_ref());
    fact("", entry.request.freshness.as_ref());
    facts.extend(entry.outcome.as_ref().map(outcome));
    if let Some(author) = &entry.author
        && author.nominated
    {
        facts.push(format!("on the authority of {}", shown(author.name.as_str())));
    }
    let mut fact = |name: &str, text: Option<&Text>| facts.extend(given(text).map(|text| format!("{name}{text}")));
    fact("message ", entry.message.as_ref().map(|message| &message.message_id));
    fact("request ", entry.request.request_id.as_ref());
    fact("system ", entry.request.source_system.as_ref());
    facts.extend(entry.request.address.map(|address| format!("from {address}")));
    facts.extend(entry.look.map(|look| format!("look {look}")));
    facts.extend(entry.detail.as_deref().map(shown));
    facts
}

/// `Dr Asha Example (u1 of https://issuer), General Medical Practitioner, RX1, emergency-department`
fn person(who: &Who) -> String {
    let id = given(who.user_id.as_ref()).unwrap_or_else(|| "no user id".to_owned());
    let issuer = given(who.issuer.as_ref()).unwrap_or_else(|| "nobody".to_owned());
    let id = format!("{id} of {issuer}");
    let name = given(who.name.as_ref()).map_or_else(|| id.clone(), |name| format!("{name} ({id})"));
    let role = given(who.role_name.as_ref()).or_else(|| given(who.role_code.as_ref()));
    let rest = [role, given(who.organisation_ods.as_ref()), given(who.care_setting.as_ref())];
    std::iter::once(name).chain(rest.into_iter().flatten()).collect::<Vec<_>>().join(", ")
}

/// `found (SMSP-0000): 1 records, 2 plans, 0 unreadable, 3 accesses, notification expected`
fn outcome(outcome: &Outcome) -> String {
    let code = given(outcome.response_code.as_ref()).map(|code| format!(" ({code})")).unwrap_or_default();
    let counts = outcome.shown.map(|ShownCounts { records, plans, unreadable, accesses }| {
        format!(": {records} records, {plans} plans, {unreadable} unreadable, {accesses} accesses")
    });
    let named = outcome.authorities.map(|count| format!(", {count} authorities named")).unwrap_or_default();
    let expected = match outcome.notification_expected {
        Some(true) => ", notification expected",
        Some(false) => ", no notification",
        None => "",
    };
    let age = outcome.age_ms.map(|age| format!(", {} s old", age / 1000)).unwrap_or_default();
    format!("{}{code}{}{named}{expected}{age}", shown(outcome.name.as_str()), counts.unwrap_or_default())
}

fn given(text: Option<&Text>) -> Option<String> {
    text.map(|text| shown(text.as_str().trim())).filter(|text| !text.is_empty())
}
