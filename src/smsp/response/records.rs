//! Reads the records: `pertinentInformation14`* × `pertinentCP-ISRecordControlAct`* × `record`* × `CP-ISRecord`* ×
//! `pertinentInformation15`* (wire.md 3.1 to 3.4).

use super::{
    content::{ParsedRecord, Payload, SingleValue},
    parties::{attribute, person_name, take_ods_code, trimmed},
    soap::descendant,
    times,
    xml::{Document, ReadError, is_infrastructure},
};
use crate::cpis::{
    Entry, LocalAuthority, LocalId, Malformed, NhsNumber, NumberUse, Organisation, Period, PersonName, Plan, PlanType, Record,
    Subject, SubjectKind, TelephoneNumber, Text, Unreadable,
};
use jiff::civil::Date;

const NHS_NUMBER: &str = "2.16.840.1.113883.2.1.4.1";
/// More plans than any child has. Each needs four resources.
const MOST_ENTRIES: usize = 500;
const LOCAL_ID: &str = "2.16.840.1.113883.2.1.3.2.4.18.24";

/// Reads the `pertinentInformation14` read last.
pub(super) fn read(doc: &mut Document<'_>, payload: &mut Payload) -> Result<(), ReadError> {
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        if name != "pertinentCP-ISRecordControlAct" {
            continue;
        }
        while let Some(name) = doc.child(level + 1)? {
            if name == "record" {
                record(doc, payload)?;
            }
        }
    }
    Ok(())
}

/// The content of one `CP-ISRecord`.
#[derive(Default)]
struct RecordContent {
    entries: Vec<Entry>,
    subjects: Vec<Subject>,
    has_malformed_number: bool,
}

/// Reads one `record`: an authority and its content. Each further `CP-ISRecord` in it is a separate record.
fn record(doc: &mut Document<'_>, payload: &mut Payload) -> Result<(), ReadError> {
    let mut authority = LocalAuthority { organisation: Organisation::default(), numbers: Vec::with_capacity(2) };
    let mut contents = Vec::with_capacity(1);
    let mut read = 0;
    let templates_before = doc.traces().templates;
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        match name {
            "communicationFunctionSnd" => sender(doc, &mut authority)?,
            "CP-ISRecord" => contents.push(content(doc, &mut read)?),
            _ => {}
        }
    }
    let authority = Some(authority).filter(LocalAuthority::is_readable);
    if contents.is_empty() {
        contents.push(RecordContent::default());
    }
    // A plan template in an unexpected place is a plan that was not read (decisions.md 7).
    let templates = doc.traces().templates - templates_before;
    payload.templates_in_records += templates;
    let strays = templates.saturating_sub(read);
    if let Some(last) = contents.last_mut() {
        last.entries.extend(std::iter::repeat_n(Entry::Unreadable(Unreadable::UnknownTemplate), strays));
    }
    payload.entries += contents.iter().map(|content| content.entries.len().max(1)).sum::<usize>();
    if payload.entries > MOST_ENTRIES {
        return Err(ReadError::Unreadable(Malformed::TooManyRecords));
    }
    payload.records.extend(contents.into_iter().map(|mut content| {
        if content.entries.is_empty() {
            content.entries.push(Entry::Unreadable(Unreadable::NoPlan));
        }
        ParsedRecord {
            record: Record { authority: authority.clone(), entries: content.entries, subjects: content.subjects },
            has_malformed_number: content.has_malformed_number,
        }
    }));
    Ok(())
}

/// Reads a `CP-ISRecord`; `read` counts the plan templates that became entries.
fn content(doc: &mut Document<'_>, read: &mut usize) -> Result<RecordContent, ReadError> {
    let mut content = RecordContent::default();
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        match name {
            "pertinentInformation15" => plans(doc, &mut content.entries, read)?,
            "subject" => subjects(doc, &mut content)?,
            _ => {}
        }
    }
    Ok(content)
}

/// Reads one `communicationFunctionSnd`. The first organisation with a name or code names the authority. Keeps every number, of any
/// organisation and at any depth (decisions.md 16, 54).
fn sender(doc: &mut Document<'_>, authority: &mut LocalAuthority) -> Result<(), ReadError> {
    let sender = doc.level();
    // The level of the current organisation, and whether it names the authority.
    let mut inside = None;
    let mut names = false;
    while let Some(name) = descendant(doc, sender)? {
        let level = doc.level();
        inside = inside.filter(|organisation| level > *organisation);
        let is_its_own = names && inside == Some(level - 1);
        match name {
            "organisation" | "organization" if inside.is_none() => {
                inside = Some(level);
                names = authority.organisation.name.is_empty() && authority.organisation.ods_code.is_empty();
            }
            "id" if is_its_own => take_ods_code(doc, &mut authority.organisation),
            "name" if is_its_own => authority.organisation.name = trimmed(doc)?,
            "telecom" => authority.numbers.extend(telephone(doc)?.filter(|number| !authority.numbers.contains(number))),
            _ => {}
        }
    }
    Ok(())
}

/// A `telecom`, as given but without a leading `tel:`. `None` only if nothing is left.
fn telephone(doc: &mut Document<'_>) -> Result<Option<TelephoneNumber>, ReadError> {
    let uses = doc.attribute("use").unwrap_or_default().split_whitespace().map(number_use).collect();
    let value = match doc.attribute("value") {
        Some(value) => value,
        None => doc.text()?,
    };
    let value = value.trim();
    let number = match value.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => value[4..].trim_start(),
        _ => value,
    };
    Ok((!number.is_empty()).then(|| TelephoneNumber { number: Text::from(number), uses }))
}

fn number_use(code: &str) -> NumberUse {
    match code {
        _ if code.eq_ignore_ascii_case("WP") => NumberUse::OfficeHours,
        _ if code.eq_ignore_ascii_case("EC") => NumberUse::EmergencyDuty,
        _ => NumberUse::Other(Text::from(code)),
    }
}

/// Reads the templates of one `pertinentInformation15`. The element's name decides, not `contentId` (wire.md 3.2).
fn plans(doc: &mut Document<'_>, entries: &mut Vec<Entry>, read: &mut usize) -> Result<(), ReadError> {
    let before = entries.len();
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        if is_infrastructure(name) {
            continue;
        }
        *read += usize::from(super::xml::is_plan_template(name));
        let known = match name {
            "COCT_TP146103GB01.LACInformation" => Some((PlanType::LookedAfter, "lACStartDate", "lACEndDate")),
            "COCT_TP146104GB01.UCPInformation" => Some((PlanType::UnbornChildProtection, "uCPStartDate", "uCPEndDate")),
            "COCT_TP146105GB01.CPPInformation" => Some((PlanType::ChildProtection, "cPPStartDate", "cPPEndDate")),
            _ => None,
        };
        entries.push(match known {
            Some((plan_type, start, end)) => plan(doc, plan_type, start, end)?,
            None => Entry::Unreadable(Unreadable::UnknownTemplate),
        });
    }
    if entries.len() == before {
        entries.push(Entry::Unreadable(Unreadable::NoPlan));
    }
    Ok(())
}

/// One plan: `component/…StartDate/value`, `component1/…EndDate/value`.
fn plan(doc: &mut Document<'_>, plan_type: PlanType, start_name: &str, end_name: &str) -> Result<Entry, ReadError> {
    // An unreadable date is `Once(None)`.
    let (mut start, mut end) = (SingleValue::Absent, SingleValue::Absent);
    let level = doc.level();
    while let Some(component) = doc.child(level)? {
        let is_end_component = component == "component1";
        let mut has_end = false;
        while let Some(name) = doc.child(level + 1)? {
            if name == start_name {
                start.add(date(doc)?);
            } else if name == end_name {
                has_end = true;
                end.add(date(doc)?);
            } else if name.ends_with("EndDate") {
                end.add(None);
            }
        }
        if is_end_component && !has_end {
            end.add(None);
        }
    }
    Ok(entry(plan_type, start, end))
}

fn entry(plan_type: PlanType, start: SingleValue<Option<Date>>, end: SingleValue<Option<Date>>) -> Entry {
    let SingleValue::Once(Some(start)) = start else { return Entry::Unreadable(Unreadable::StartDate) };
    let end = match end {
        SingleValue::Absent => None,
        SingleValue::Once(Some(end)) if end >= start => Some(end),
        SingleValue::Once(_) | SingleValue::Conflicting => return Entry::Unreadable(Unreadable::EndDate),
    };
    Entry::Plan(Plan { plan_type, period: Period { start, end } })
}

/// `value/@value` of the date element read last.
fn date(doc: &mut Document<'_>) -> Result<Option<Date>, ReadError> {
    let mut date = SingleValue::Absent;
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        if name == "value" {
            date.add(doc.attribute("value").and_then(|text| times::calendar_date(&text)));
        }
    }
    Ok(match date {
        SingleValue::Once(date) => date,
        SingleValue::Absent | SingleValue::Conflicting => None,
    })
}

/// Reads the subject templates of one `subject`.
fn subjects(doc: &mut Document<'_>, content: &mut RecordContent) -> Result<(), ReadError> {
    let level = doc.level();
    while let Some(name) = doc.child(level)? {
        let kind = match name {
            _ if is_infrastructure(name) => continue,
            "COCT_TP145101GB01.Child" => SubjectKind::Child,
            "COCT_TP145100GB01.UnbornChild" => SubjectKind::Mother,
            _ => SubjectKind::Unknown,
        };
        let subject = subject(doc, name, kind, &mut content.has_malformed_number)?;
        content.subjects.push(subject);
    }
    Ok(())
}

/// One subject. Takes ids, name and birth time at any depth, because child and unborn child differ (wire.md 3.3).
fn subject(doc: &mut Document<'_>, name: &str, kind: SubjectKind, malformed: &mut bool) -> Result<Subject, ReadError> {
    let mut subject =
        Subject { kind, nhs_numbers: Vec::new(), local_ids: Vec::new(), name: PersonName::default(), birth_date: None };
    let level = doc.level();
    let mut next = Some(name);
    while let Some(name) = next {
        match name {
            "id" => take_id(doc, &mut subject, malformed),
            "birthTime" if subject.birth_date.is_none() => {
                subject.birth_date = doc.attribute("value").and_then(|text| times::birth_date(&text));
            }
            "name" if subject.name.is_empty() => subject.name = person_name(doc)?,
            _ => {}
        }
        next = if doc.level() < level { None } else { descendant(doc, level)? };
    }
    Ok(subject)
}

fn take_id(doc: &Document<'_>, subject: &mut Subject, malformed: &mut bool) {
    let root = doc.attribute("root").unwrap_or_default();
    let extension = doc.attribute("extension").unwrap_or_default();
    if extension.is_empty() {
        return;
    }
    match root.strip_prefix("urn:oid:").unwrap_or(&root) {
        LOCAL_ID => subject
            .local_ids
            .push(LocalId { value: Text::from(&*extension), assigning_authority: attribute(doc, "assigningAuthorityName") }),
        // A valid number with any root may be another child's (decisions.md 52).
        root => match NhsNumber::parse(&extension) {
            Ok(number) => subject.nhs_numbers.push(number),
            Err(_) => *malformed |= root == NHS_NUMBER,
        },
    }
}
