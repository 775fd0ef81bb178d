//! `CP-ISNHSQueryResponse` (wire.md 3.1 to 3.8).

use super::{
    author::{self, content_id},
    content::{AnswerContent, PayloadStyle, StatedTotal},
    xml::Xml,
};
use crate::cpis::{
    Access, AccessTime, Entry, LocalAuthority, NumberUse, Organisation, Plan, PlanType, Record, Subject, SubjectKind,
    TelephoneNumber, Unreadable,
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

const NHS_NUMBER: &str = "2.16.840.1.113883.2.1.4.1";
const LOCAL_ID: &str = "2.16.840.1.113883.2.1.3.2.4.18.24";
/// NHS Digital's simulator sends every code with this code system (wire.md 5.5).
const RESPONSE_CODES: &str = "2.16.840.1.113883.2.1.3.2.4.17.499";
/// An invalid date: month 13, day 45.
const BAD_DATE: &str = "20251345";
/// The start of a plan whose end is unreadable.
const SOME_START: &str = "202501010000";

/// Writes the payload: a complete document without an XML declaration.
#[must_use]
pub fn write_payload(content: &AnswerContent) -> String {
    let mut xml = Xml::new();
    let namespaces = [("xmlns", "urn:hl7-org:v3"), ("xmlns:npfitlc", "NPFIT:HL7:Localisation")];
    xml.element("CP-ISNHSQueryResponse", &namespaces, |xml| {
        let effective = content.effective.map_or_else(|| BAD_DATE.to_owned(), |at| time(at, true));
        xml.empty("effectiveTime", &[("value", &effective)]);
        if !content.id.is_empty() {
            xml.empty("id", &[("root", content.id.as_str())]);
        }
        if let Some(code) = &content.code {
            xml.empty("value", &[("code", code), ("codeSystem", RESPONSE_CODES), ("displayName", display_name(code))]);
        }
        write_total(xml, "11", "pertinentTotalReturnedAccessRecords", &content.total_accesses, content.accesses.len());
        write_total(xml, "12", "pertinentTotalReturnedChildRecords", &content.total_records, content.records.len());
        write_accesses(xml, content);
        write_records(xml, content);
    });
    xml.finish()
}

/// The display names of NHS Digital's simulator, even the odd one of SMSP-0003 (wire.md 5.5).
fn display_name(code: &str) -> &'static str {
    match code {
        "SMSP-0000" => "Success",
        "SMSP-0001" => "Input message validation error",
        "SMSP-0002" => "Response message validation error",
        "SMSP-0003" | "CPIS-0001" => "No Match (NRF)",
        "SMSP-0004" => "Could not connect to spine",
        "SMSP-0005" => "Author Credentials Error",
        "SMSP-9999" => "Spine mini service provider software failure",
        "CPIS-9999" => "CP-IS Spine Service Error",
        _ => "Unknown code",
    }
}

fn write_total(xml: &mut Xml, which: &str, element: &str, total: &StatedTotal, there_are: usize) {
    let value = match total {
        StatedTotal::True => there_are.to_string(),
        StatedTotal::Says(text) => text.clone(),
        StatedTotal::Absent => return,
    };
    xml.element(&format!("pertinentInformation{which}"), &[], |xml| {
        xml.element(element, &[], |xml| xml.empty("value", &[("value", &value)]));
    });
}

fn write_accesses(xml: &mut Xml, content: &AnswerContent) {
    let one = |xml: &mut Xml, access: &Access| write_access(xml, access, content.style);
    match content.style {
        PayloadStyle::Smsp => {
            for access in &content.accesses {
                xml.element("pertinentInformation13", &[], |xml| one(xml, access));
            }
        }
        PayloadStyle::Spine if content.accesses.is_empty() => {}
        PayloadStyle::Spine => xml.element("pertinentInformation13", &[], |xml| {
            for access in &content.accesses {
                one(xml, access);
            }
        }),
    }
}

fn write_access(xml: &mut Xml, access: &Access, style: PayloadStyle) {
    xml.element("pertinentCP-ISNHSQuery", &[], |xml| {
        match access.when {
            AccessTime::At(at) => xml.empty("effectiveTime", &[("value", &time(at, style == PayloadStyle::Smsp))]),
            AccessTime::On(date) => xml.empty("effectiveTime", &[("value", &day(date))]),
            AccessTime::Unknown => xml.empty("effectiveTime", &[("nullFlavor", "UNK")]),
        }
        if !access.id.is_empty() {
            xml.empty("id", &[("root", access.id.as_str())]);
        }
        author::write(xml, &access.author, style);
        xml.element("queryByParameter", &[], |xml| {
            xml.element("person.NHSnumber", &[], |xml| {
                if let Some(about) = &access.about {
                    xml.empty("value", &[("extension", about.digits())]);
                }
            });
        });
    });
}

fn write_records(xml: &mut Xml, content: &AnswerContent) {
    if content.written().next().is_none() {
        return;
    }
    xml.element("pertinentInformation14", &[], |xml| {
        xml.element("pertinentCP-ISRecordControlAct", &[], |xml| {
            for record in content.written() {
                xml.element("record", &[], |xml| write_record(xml, record, content.style));
            }
        });
    });
}

fn write_record(xml: &mut Xml, record: &Record, style: PayloadStyle) {
    xml.element("communicationFunctionSnd", &[], |xml| {
        if let Some(authority) = &record.authority {
            xml.element("organisation", &[], |xml| write_authority(xml, authority, style));
        }
    });
    xml.element("CP-ISRecord", &[], |xml| {
        for entry in &record.entries {
            write_entry(xml, *entry);
        }
        for subject in &record.subjects {
            write_subject(xml, subject, style);
        }
    });
}

fn write_authority(xml: &mut Xml, authority: &LocalAuthority, style: PayloadStyle) {
    let mut organisation: Organisation = authority.organisation.clone();
    if style == PayloadStyle::Spine {
        organisation.ods_code = organisation.ods_code.as_str().to_lowercase().into();
    }
    author::write_organisation(xml, &organisation);
    for number in &authority.numbers {
        write_number(xml, number);
    }
}

fn write_number(xml: &mut Xml, number: &TelephoneNumber) {
    let value = format!("tel:{}", number.number.as_str());
    let uses: Vec<&str> = number.uses.iter().map(use_code).collect();
    match uses.as_slice() {
        [] => xml.empty("telecom", &[("value", &value)]),
        uses => xml.empty("telecom", &[("value", &value), ("use", &uses.join(" "))]),
    }
}

fn use_code(number_use: &NumberUse) -> &str {
    match number_use {
        NumberUse::OfficeHours => "WP",
        NumberUse::EmergencyDuty => "EC",
        NumberUse::Other(code) => code.as_str(),
    }
}

fn write_entry(xml: &mut Xml, entry: Entry) {
    match entry {
        Entry::Plan(plan) => write_plan(xml, plan),
        Entry::Unreadable(Unreadable::UnknownTemplate) => xml.element("pertinentInformation15", &[], |xml| {
            content_id(xml, "COCT_TP146199GB01#NewInformation");
            xml.element("COCT_TP146199GB01.NewInformation", &[], |xml| write_date(xml, "component", "newStartDate", SOME_START));
        }),
        Entry::Unreadable(Unreadable::StartDate) => write_template(xml, PlanType::ChildProtection, BAD_DATE, None),
        Entry::Unreadable(Unreadable::EndDate) => write_template(xml, PlanType::ChildProtection, SOME_START, Some(BAD_DATE)),
        // Nothing is written: the absence shows both.
        Entry::Unreadable(Unreadable::NoPlan | Unreadable::MissingRecord) => {}
    }
}

fn write_plan(xml: &mut Xml, plan: Plan) {
    let at_midnight = |date| format!("{}0000", day(date));
    let end = plan.period.end.map(at_midnight);
    write_template(xml, plan.plan_type, &at_midnight(plan.period.start), end.as_deref());
}

fn write_template(xml: &mut Xml, plan_type: PlanType, start: &str, end: Option<&str>) {
    let (template, name, prefix) = match plan_type {
        PlanType::LookedAfter => ("COCT_TP146103GB01", "LACInformation", "lAC"),
        PlanType::UnbornChildProtection => ("COCT_TP146104GB01", "UCPInformation", "uCP"),
        PlanType::ChildProtection => ("COCT_TP146105GB01", "CPPInformation", "cPP"),
    };
    xml.element("pertinentInformation15", &[], |xml| {
        content_id(xml, &format!("{template}#{name}"));
        xml.element(&format!("{template}.{name}"), &[], |xml| {
            write_date(xml, "component", &format!("{prefix}StartDate"), start);
            if let Some(end) = end {
                write_date(xml, "component1", &format!("{prefix}EndDate"), end);
            }
        });
    });
}

fn write_date(xml: &mut Xml, component: &str, element: &str, value: &str) {
    xml.element(component, &[], |xml| xml.element(element, &[], |xml| xml.empty("value", &[("value", value)])));
}

fn write_subject(xml: &mut Xml, subject: &Subject, style: PayloadStyle) {
    let (template, name) = match subject.kind {
        SubjectKind::Child => ("COCT_TP145101GB01", "Child"),
        SubjectKind::Mother => ("COCT_TP145100GB01", "UnbornChild"),
        SubjectKind::Unknown => ("COCT_TP145199GB01", "NewSubject"),
    };
    xml.element("subject", &[], |xml| {
        content_id(xml, &format!("{template}#{name}"));
        xml.element(&format!("{template}.{name}"), &[], |xml| {
            if subject.kind == SubjectKind::Mother {
                xml.element("parentMotherPerson", &[], |xml| {
                    write_demographics(xml, subject, style);
                    xml.element("playedMother", &[], |xml| write_ids(xml, subject));
                });
            } else {
                if style == PayloadStyle::Smsp {
                    write_ids(xml, subject);
                }
                xml.element("childPerson", &[], |xml| write_demographics(xml, subject, style));
            }
        });
    });
}

fn write_demographics(xml: &mut Xml, subject: &Subject, style: PayloadStyle) {
    if let Some(born) = subject.birth_date {
        xml.empty("birthTime", &[("value", &born.iso().replace('-', ""))]);
    }
    author::write_name(xml, &subject.name, style);
}

fn write_ids(xml: &mut Xml, subject: &Subject) {
    for number in &subject.nhs_numbers {
        xml.empty("id", &[("root", NHS_NUMBER), ("extension", number.digits())]);
    }
    for local in &subject.local_ids {
        let mut attributes = vec![("root", LOCAL_ID), ("extension", local.value.as_str())];
        if !local.assigning_authority.is_empty() {
            attributes.push(("assigningAuthorityName", local.assigning_authority.as_str()));
        }
        xml.empty("id", &attributes);
    }
}

/// `YYYYMMDDHHMMSS` in UTC, optionally with `+0000`.
pub(super) fn time(at: Timestamp, with_offset: bool) -> String {
    let utc = at.to_zoned_datetime(TimeZone::UTC);
    let seconds = utc.strftime("%Y%m%d%H%M%S");
    if with_offset { format!("{seconds}+0000") } else { seconds.to_string() }
}

fn day(date: Date) -> String {
    date.strftime("%Y%m%d").to_string()
}
