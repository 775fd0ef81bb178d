//! Decides what a response means (wire.md 3.5, classification; decisions.md 1, 2, 7, 9, 18). Code and content must agree; each can only add
//! doubt. In this order: is it for us, is it a fault, does the code say that the query failed, is it the right child, do code, content and
//! totals agree.

use super::{
    QueryContext,
    content::{FailedInteraction, Payload, PayloadTotal, ResponseContent, SingleValue},
    fault::plain_code,
    ownership,
};
use crate::cpis::{
    AccessTime, Answer, Contradiction, Delivery, Entry, Holding, LocalAuthority, Malformed, NonAnswer, Notice, Record,
    RegisterError, RegisterErrorKind, Rejection, Text, Unreadable,
};
use ownership::RecordOwner;

/// More than the number of local authorities in England. Keeps the search for duplicates cheap.
const MOST_CONTACTS: usize = 200;
/// More placeholders come from a hostile count, not from missing records.
const MOST_PLACEHOLDERS: usize = 50;

/// The answer in a response.
///
/// # Errors
/// A [`RegisterError`] for everything except an answer about the child asked about. It names the authorities that could be read, unless
/// the answer is someone else's: nothing of that is shown (decisions.md 9, 16).
pub(super) fn judge(mut found: ResponseContent, query: QueryContext<'_>) -> Result<Answer, RegisterError> {
    let is_tied = query.is_first_reply || names_ours(&found, query);
    let concluded = match conclude(&mut found, query) {
        // A "no record" names no child: only the message id says whose it is.
        Ok(Answer { holding: Holding::NoRecord, .. }) if !is_tied => Err(RegisterErrorKind::OtherMessage),
        concluded => concluded,
    };
    concluded.map_err(|kind| {
        let contacts = match kind {
            RegisterErrorKind::OtherChild | RegisterErrorKind::OtherMessage => Vec::new(),
            _ => contacts(&found, query),
        };
        let delivery = if is_tied { delivery(&kind, &found) } else { Delivery::MaybeDelivered };
        RegisterError { delivery, ..RegisterError::understanding(kind).with_contacts(contacts) }
    })
}

/// Not delivered only if the SMSP says that it did not reach Spine, and the answer has nothing from Spine.
fn delivery(kind: &RegisterErrorKind, found: &ResponseContent) -> Delivery {
    let says_unreached =
        matches!(kind, RegisterErrorKind::Rejected { reason: Rejection::LocalStoreOnly | Rejection::SpineUnreachable, .. });
    let counted = found.payload.as_ref().is_some_and(|payload| payload.record_total.is_above_zero());
    if says_unreached && !found.traces.record && !counted { Delivery::NotDelivered } else { Delivery::MaybeDelivered }
}

/// Every authority once, without those of records that name someone else.
fn contacts(found: &ResponseContent, query: QueryContext<'_>) -> Vec<LocalAuthority> {
    let mut contacts = Vec::new();
    for record in found.payload.iter().flat_map(|payload| &payload.records) {
        if let Some(authority) = &record.record.authority
            && record.owner(query.nhs_number) != RecordOwner::SomeoneElse
            && contacts.len() < MOST_CONTACTS
            && !contacts.contains(authority)
        {
            contacts.push(authority.clone());
        }
    }
    contacts
}

fn conclude(found: &mut ResponseContent, query: QueryContext<'_>) -> Result<Answer, RegisterErrorKind> {
    if names_another(found, query) {
        return Err(RegisterErrorKind::OtherMessage);
    }
    if let Some(fault) = &found.fault {
        return Err(fault.kind());
    }
    if let Some(failed) = &found.query_failed {
        return query_failed(found, failed, query);
    }
    if found.business_error {
        return Err(rejected(Rejection::BusinessError, found));
    }
    if let Some(what) = found.other_body {
        return Err(RegisterErrorKind::NotAnAnswer(what));
    }
    let Some(payload) = found.payload.take() else {
        return Err(RegisterErrorKind::NotAnAnswer(NonAnswer::EmptyEnvelope));
    };
    match checked(found, &payload, query) {
        Ok(conclusion) => Ok(answer(found, payload, conclusion, query)),
        Err(kind) => {
            found.payload = Some(payload); // for its contacts
            Err(kind)
        }
    }
}

/// Whether the reply says that it answers our message. Only valid if it names no other message.
fn names_ours(found: &ResponseContent, query: QueryContext<'_>) -> bool {
    !found.relates_to.is_empty() || (query.wrapper_id.is_some() && !found.message_refs.is_empty())
}

/// Whether `wsa:RelatesTo`, or in the TMS form `messageRef`, names a message that is not ours. If the SMSP writes the TMS wrapper, its
/// message is not ours, so `messageRef` is ignored.
fn names_another(found: &ResponseContent, query: QueryContext<'_>) -> bool {
    let is_another = |id: &Text, ours: &str| !same_message(id.as_str(), ours);
    found.relates_to.iter().any(|id| is_another(id, query.message_id))
        || query.wrapper_id.is_some_and(|ours| found.message_refs.iter().any(|id| is_another(id, ours)))
}

/// Ignores case and the prefixes `urn:` and `uuid:` (wire.md 5.2).
fn same_message(id: &str, ours: &str) -> bool {
    bare_id(id).eq_ignore_ascii_case(bare_id(ours))
}

fn bare_id(id: &str) -> &str {
    let mut id = id.trim();
    for prefix in ["urn:", "uuid:"] {
        if id.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
            id = &id[prefix.len()..];
        }
    }
    id
}

/// The code of the first issue that is more than a warning, if it may be shown.
fn issue_code(found: &ResponseContent) -> Option<String> {
    let issue = found.issues.iter().find(|issue| !issue.is_mild).or(found.issues.first())?;
    plain_code(&issue.code)
}

fn rejected(reason: Rejection, found: &ResponseContent) -> RegisterErrorKind {
    RegisterErrorKind::Rejected { reason, code: issue_code(found) }
}

/// A stale answer without content.
fn local_store_only() -> RegisterErrorKind {
    RegisterErrorKind::Rejected { reason: Rejection::LocalStoreOnly, code: Some("SMSP-0003".to_owned()) }
}

/// QUQI: "no record" only by decisions.md 2, and only if nothing else in the response contradicts it.
fn query_failed(
    found: &ResponseContent,
    failed: &FailedInteraction,
    query: QueryContext<'_>,
) -> Result<Answer, RegisterErrorKind> {
    let alone = !found.business_error && !found.is_tms_response && found.other_body.is_none();
    if !(failed.is_known && alone && says_not_found(found)) {
        return Err(rejected(Rejection::QueryFailed, found));
    }
    if let Some(payload) = &found.payload {
        if payload.is_about_someone_else(query.nhs_number) {
            return Err(RegisterErrorKind::OtherChild);
        }
        if payload.record_total.is_above_zero() {
            return Err(RegisterErrorKind::Contradictory(Contradiction::NoMatchWithContent));
        }
        if payload.record_total == PayloadTotal::Unreadable {
            return Err(RegisterErrorKind::Contradictory(Contradiction::TotalUnreadable));
        }
        if !matches!(&payload.code, SingleValue::Absent) && stated_code(&payload.code)? != Some("CPIS-0001") {
            return Err(RegisterErrorKind::Contradictory(Contradiction::CodesDisagree));
        }
    }
    if found.traces.record {
        return Err(RegisterErrorKind::Contradictory(Contradiction::NoMatchWithContent));
    }
    let (effective, notice) = effective(Some(failed.created), query);
    Ok(Answer {
        about: query.nhs_number.clone(),
        effective,
        query_id: Text::from(query.query_id),
        response_id: failed.id.clone(),
        response_code: once(&found.query_code),
        holding: Holding::NoRecord,
        accesses: Vec::new(),
        stale: false,
        notices: notice.into_iter().collect(),
    })
}

fn says_not_found(found: &ResponseContent) -> bool {
    let mut telling = found.issues.iter().filter(|issue| !issue.is_mild).peekable();
    let named = found.issues.iter().any(|issue| !issue.is_mild && issue.is_reason && issue.code == "NHSNCC002");
    let response_code_fits = match &found.query_code {
        SingleValue::Absent => true,
        SingleValue::Once(code) => matches!(code.as_str(), "ID" | "NF"),
        SingleValue::Conflicting => false,
    };
    telling.peek().is_some()
        && telling.all(|issue| matches!(issue.code.as_str(), "1" | "NHSNCC002"))
        && named
        && response_code_fits
}

/// What the codes of a payload mean together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CodeMeaning {
    Success,
    /// SMSP-0003: from a local store.
    Stale,
    NoMatch,
}

/// What a payload holds, once checked.
enum Conclusion {
    NoRecord,
    Records { said: u64, placeholders: Vec<Unreadable>, stale: bool },
}

fn checked(found: &ResponseContent, payload: &Payload, query: QueryContext<'_>) -> Result<Conclusion, RegisterErrorKind> {
    let meaning = meaning(found, payload)?;
    if payload.is_about_someone_else(query.nhs_number) {
        return Err(RegisterErrorKind::OtherChild);
    }
    match meaning {
        CodeMeaning::NoMatch => no_match(found, payload),
        CodeMeaning::Success | CodeMeaning::Stale => success(found, payload, meaning == CodeMeaning::Stale, query),
    }
}

/// The response code, the TMS response code, or both in agreement.
fn meaning(found: &ResponseContent, payload: &Payload) -> Result<CodeMeaning, RegisterErrorKind> {
    let smsp = stated_code(&payload.code)?;
    let tms = stated_code(&found.query_code)?;
    match (smsp, tms) {
        (Some(code), None) => by_response_code(code),
        (None, Some("OK")) => Ok(CodeMeaning::Success),
        (None, Some("NF")) => Ok(CodeMeaning::NoMatch),
        (None, Some("ID")) => Err(rejected(Rejection::QueryFailed, found)),
        (None, None | Some(_)) => Err(RegisterErrorKind::UnknownCode { code: None }),
        (Some(code), Some(tms)) => match (by_response_code(code), tms) {
            (Ok(meaning @ (CodeMeaning::Success | CodeMeaning::Stale)), "OK") | (Ok(meaning @ CodeMeaning::NoMatch), "NF") => {
                Ok(meaning)
            }
            _ => Err(RegisterErrorKind::Contradictory(Contradiction::CodesDisagree)),
        },
    }
}

fn stated_code(said: &SingleValue<String>) -> Result<Option<&str>, RegisterErrorKind> {
    match said {
        SingleValue::Absent => Ok(None),
        SingleValue::Once(code) => Ok(Some(code)),
        SingleValue::Conflicting => Err(RegisterErrorKind::Contradictory(Contradiction::CodesDisagree)),
    }
}

fn by_response_code(code: &str) -> Result<CodeMeaning, RegisterErrorKind> {
    let reason = match code {
        "SMSP-0000" => return Ok(CodeMeaning::Success),
        "SMSP-0003" => return Ok(CodeMeaning::Stale),
        "CPIS-0001" => return Ok(CodeMeaning::NoMatch),
        "SMSP-0001" => Rejection::QueryInvalid,
        "SMSP-0002" => Rejection::AnswerUnusable,
        "SMSP-0004" => Rejection::SpineUnreachable,
        "SMSP-0005" => Rejection::AuthorRefused,
        "SMSP-9999" => Rejection::ProviderFailed,
        "CPIS-9999" => Rejection::CpisFailed,
        _ => return Err(RegisterErrorKind::UnknownCode { code: has_code_form(code).then(|| code.to_owned()) }),
    };
    Err(RegisterErrorKind::Rejected { reason, code: Some(code.to_owned()) })
}

fn once(said: &SingleValue<String>) -> Option<Text> {
    match said {
        SingleValue::Once(code) => Some(code.as_str().into()),
        SingleValue::Absent | SingleValue::Conflicting => None,
    }
}

/// `^(SMSP|CPIS|DEMOG)-[0-9]{4}$` (wire.md 4.9).
fn has_code_form(code: &str) -> bool {
    code.split_once('-').is_some_and(|(vocabulary, number)| {
        matches!(vocabulary, "SMSP" | "CPIS" | "DEMOG") && number.len() == 4 && number.bytes().all(|b| b.is_ascii_digit())
    })
}

/// The codes say that there is no record: then nothing may indicate one.
fn no_match(found: &ResponseContent, payload: &Payload) -> Result<Conclusion, RegisterErrorKind> {
    if found.traces.record || payload.record_total.is_above_zero() {
        return Err(RegisterErrorKind::Contradictory(Contradiction::NoMatchWithContent));
    }
    if payload.record_total == PayloadTotal::Unreadable {
        return Err(RegisterErrorKind::Contradictory(Contradiction::TotalUnreadable));
    }
    // In a TMS reply any reason is a doubt; elsewhere only one that is more than a warning.
    let by_tms = !matches!(found.query_code, SingleValue::Absent);
    if found.issues.iter().any(|issue| by_tms || !issue.is_mild) {
        return Err(rejected(Rejection::QueryFailed, found));
    }
    no_record(payload)
}

/// "No record", if the answer is complete enough to say it (wire.md 3.5, step 1).
fn no_record(payload: &Payload) -> Result<Conclusion, RegisterErrorKind> {
    if payload.effective.is_none() && payload.access_total == PayloadTotal::Absent {
        return Err(RegisterErrorKind::Unreadable(Malformed::NoTimeAndTotals));
    }
    Ok(Conclusion::NoRecord)
}

/// The codes say that there is an answer: then the total must be readable and the content must match it.
fn success(
    found: &ResponseContent,
    payload: &Payload,
    stale: bool,
    query: QueryContext<'_>,
) -> Result<Conclusion, RegisterErrorKind> {
    if found.issues.iter().any(|issue| !issue.is_mild) {
        return Err(rejected(Rejection::QueryFailed, found));
    }
    let content = found.traces.record;
    match payload.record_total {
        PayloadTotal::Absent | PayloadTotal::Count(0) if stale && !content => Err(local_store_only()),
        PayloadTotal::Absent | PayloadTotal::Unreadable => Err(RegisterErrorKind::Contradictory(Contradiction::TotalUnreadable)),
        PayloadTotal::Count(0) if content => Err(RegisterErrorKind::Contradictory(Contradiction::ContentBeyondTotal)),
        // Spine has another way to say "no record" (wire.md 3.6).
        PayloadTotal::Count(0) if !matches!(found.query_code, SingleValue::Absent) => {
            Err(RegisterErrorKind::Contradictory(Contradiction::EmptySuccess))
        }
        PayloadTotal::Count(0) => no_record(payload),
        PayloadTotal::Count(said) => records(found, payload, said, stale, query),
    }
}

fn records(
    found: &ResponseContent,
    payload: &Payload,
    said: u64,
    stale: bool,
    query: QueryContext<'_>,
) -> Result<Conclusion, RegisterErrorKind> {
    if payload.records.iter().all(|record| record.record.authority.is_none()) {
        return Err(RegisterErrorKind::Contradictory(Contradiction::NothingReadable));
    }
    if !payload.is_tied_to(query.nhs_number) {
        return Err(RegisterErrorKind::OtherChild);
    }
    let missing = said.saturating_sub(payload.records.len() as u64);
    // A plan template outside all records is a plan that was not read. It may belong to a missing record.
    let strays = found.traces.templates.saturating_sub(payload.templates_in_records) as u64;
    let strays = strays.saturating_sub(missing);
    if missing.saturating_add(strays) > MOST_PLACEHOLDERS as u64 {
        return Err(RegisterErrorKind::Contradictory(Contradiction::TotalUnreadable));
    }
    let placeholders = (0..missing).map(|_| Unreadable::MissingRecord).chain((0..strays).map(|_| Unreadable::UnknownTemplate));
    Ok(Conclusion::Records { said, placeholders: placeholders.collect(), stale })
}

fn answer(found: &ResponseContent, payload: Payload, conclusion: Conclusion, query: QueryContext<'_>) -> Answer {
    let response_code = once(&payload.code).or_else(|| once(&found.query_code));
    let mut notices = Vec::new();
    let (effective, unreadable) = effective(payload.effective, query);
    notices.extend(unreadable);
    if let PayloadTotal::Count(said) = payload.access_total
        && said != payload.accesses.len() as u64
    {
        notices.push(Notice::AccessCountDiffers { said, found: payload.accesses.len() });
    }
    let (accesses, foreign) = ownership::own_accesses(payload.accesses, query.nhs_number);
    notices.extend(foreign);
    let mut is_stale = false;
    let holding = match conclusion {
        Conclusion::NoRecord => Holding::NoRecord,
        Conclusion::Records { said, placeholders, stale } => {
            is_stale = stale;
            let mut records: Vec<Record> = payload.records.into_iter().map(|found| found.record).collect();
            if records.len() as u64 > said {
                notices.push(Notice::MoreRecordsThanCounted { said, found: records.len() });
            }
            if ownership::subjects_disagree(&records, query.nhs_number) {
                notices.push(Notice::SubjectsDisagree);
            }
            records.extend(placeholders.into_iter().map(placeholder));
            Holding::Records(records)
        }
    };
    Answer {
        about: query.nhs_number.clone(),
        effective,
        query_id: Text::from(query.query_id),
        response_id: payload.id,
        response_code,
        holding,
        accesses,
        stale: is_stale,
        notices,
    }
}

fn placeholder(why: Unreadable) -> Record {
    Record { authority: None, entries: vec![Entry::Unreadable(why)], subjects: Vec::new() }
}

/// The answer's effective time. If that is not a point in time, the time of receipt, with a notice.
fn effective(time: Option<AccessTime>, query: QueryContext<'_>) -> (jiff::Timestamp, Option<Notice>) {
    match time {
        Some(AccessTime::At(at)) => (at, None),
        _ => (query.received, Some(Notice::EffectiveTimeUnreadable)),
    }
}
