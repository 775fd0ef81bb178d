//! Answers for tests. Everyone and every number in them is invented.

use super::{
    graph::{Context, Graph, ResourceType},
    id::IdKeys,
    json, resources,
};
use crate::cpis::{
    Access, AccessTime, Answer, Author, BirthDate, Entry, Holding, LocalAuthority, LocalId, NhsNumber, NumberUse, Organisation,
    OrganisationKind, Period, PersonName, Plan, PlanType, Record, Responsible, Role, Subject, SubjectKind, TelephoneNumber, Text,
    Unreadable,
};
use jiff::civil::{Date, date};

/// The day on which the samples are shown.
pub(crate) const TODAY: Date = date(2026, 1, 15);
pub(crate) const ASKED: &str = "9990000018";

pub(crate) fn keys() -> IdKeys {
    IdKeys::new(vec![*b"0123456789abcdef0123456789abcdef"]).unwrap()
}

pub(crate) fn context(keys: &IdKeys) -> Context<'_> {
    Context { ids: keys, today: TODAY, unscheduled: true }
}

pub(crate) fn number(digits: &str) -> NhsNumber {
    NhsNumber::parse(digits).unwrap()
}

/// The answer about the sample child: these records and no accesses.
pub(crate) fn answer(records: Vec<Record>) -> Answer {
    Answer {
        about: number(ASKED),
        effective: "2026-01-15T09:30:16Z".parse().unwrap(),
        query_id: "0F1E2D3C-4B5A-4978-8697-A5B4C3D2E1F0".into(),
        response_id: "A0B1C2D3-E4F5-4607-8192-03A4B5C6D7E8".into(),
        response_code: Some("SMSP-0000".into()),
        holding: Holding::Records(records),
        accesses: Vec::new(),
        stale: false,
        notices: Vec::new(),
    }
}

pub(crate) fn no_record() -> Answer {
    Answer { holding: Holding::NoRecord, ..answer(Vec::new()) }
}

pub(crate) fn with_accesses(accesses: Vec<Access>) -> Answer {
    Answer { accesses, ..one_plan(PlanType::ChildProtection, date(2025, 9, 1), None) }
}

pub(crate) fn one_plan(plan_type: PlanType, start: Date, end: Option<Date>) -> Answer {
    let subject = if plan_type == PlanType::UnbornChildProtection { mother() } else { child() };
    answer(vec![record(exampleshire(), vec![plan(plan_type, start, end)], vec![subject])])
}

pub(crate) fn record(authority: LocalAuthority, entries: Vec<Entry>, subjects: Vec<Subject>) -> Record {
    Record { authority: Some(authority), entries, subjects }
}

pub(crate) fn plan(plan_type: PlanType, start: Date, end: Option<Date>) -> Entry {
    Entry::Plan(Plan { plan_type, period: Period { start, end } })
}

pub(crate) fn telephone(digits: &str, uses: &[NumberUse]) -> TelephoneNumber {
    TelephoneNumber { number: digits.into(), uses: uses.to_vec() }
}

pub(crate) fn organisation(ods_code: &str, name: &str) -> Organisation {
    Organisation { kind: OrganisationKind::Organisation, ods_code: ods_code.into(), name: name.into() }
}

pub(crate) fn exampleshire() -> LocalAuthority {
    LocalAuthority {
        organisation: organisation("999", "Exampleshire County Council"),
        numbers: vec![telephone("02079460001", &[NumberUse::OfficeHours]), telephone("02079460002", &[NumberUse::EmergencyDuty])],
    }
}

/// With everything that real answers get wrong: a code in lower case, one number for two uses, one without any.
pub(crate) fn sampleton() -> LocalAuthority {
    LocalAuthority {
        organisation: organisation("e09x", "sampleton & district <council>"),
        numbers: vec![
            telephone("+441134960003", &[NumberUse::OfficeHours, NumberUse::EmergencyDuty]),
            telephone("01134960004", &[NumberUse::Other(Text::from("AS"))]),
            telephone("01134960005", &[]),
        ],
    }
}

pub(crate) fn name(given: &str, family: &str) -> PersonName {
    PersonName { given: vec![given.into()], family: vec![family.into()], ..PersonName::default() }
}

pub(crate) fn child() -> Subject {
    Subject {
        kind: SubjectKind::Child,
        nhs_numbers: vec![number(ASKED)],
        local_ids: vec![LocalId { value: "LA-0042".into(), assigning_authority: Text::default() }],
        name: name("Robin", "Testpatient"),
        birth_date: Some(BirthDate::from(date(2018, 4, 1))),
    }
}

pub(crate) fn mother() -> Subject {
    Subject {
        kind: SubjectKind::Mother,
        nhs_numbers: vec![number(ASKED)],
        local_ids: Vec::new(),
        name: name("Alex", "Testpatient"),
        birth_date: Some(BirthDate::from(date(1996, 7, 9))),
    }
}

pub(crate) fn role(name: &str) -> Role {
    Role { code: "R0260".into(), code_system: "2.16.840.1.113883.2.1.3.2.4.17.196".into(), name: name.into() }
}

fn doctor(given: &str, family: &str) -> PersonName {
    PersonName { prefix: vec!["Dr".into()], ..name(given, family) }
}

pub(crate) fn at(time: &str) -> AccessTime {
    AccessTime::At(time.parse().unwrap())
}

pub(crate) fn access(id: &str, when: AccessTime, author: Author) -> Access {
    Access { id: id.into(), when, author, about: Some(number(ASKED)) }
}

pub(crate) fn person() -> Author {
    Author::Person {
        user_id: Some("555000111222".into()),
        role_profile_id: Some("555000333444".into()),
        role: role("General Medical Practitioner"),
        name: doctor("Asha", "Example"),
        organisation: organisation("rx1", "EXAMPLE UNIVERSITY HOSPITALS NHS TRUST"),
    }
}

pub(crate) fn system(responsible: usize) -> Author {
    let people = [
        Responsible { role: role("Safeguarding Lead 020 7946 0000"), name: name("Kim", "Sample") },
        Responsible { role: Role { name: "Matron".into(), ..Role::default() }, name: PersonName::default() },
    ];
    Author::System {
        asid: Some("200000000777".into()),
        responsible: people.into_iter().take(responsible).collect(),
        organisation: Organisation { kind: OrganisationKind::Site, ..organisation("RX101", "EXAMPLE 111 SITE") },
    }
}

/// The access made by the lookup of [`answer`].
pub(crate) fn this_lookup() -> Access {
    access("0f1e2d3c-4b5a-4978-8697-a5b4c3d2e1f0", at("2026-01-15T09:30:15Z"), person())
}

/// One access of every kind, newest first.
pub(crate) fn accesses() -> Vec<Access> {
    vec![
        this_lookup(),
        access("B1C2D3E4-F5A6-4718-92A3-14B5C6D7E8F9", at("2025-12-24T23:15:00Z"), system(2)),
        access("B1C2D3E4-F5A6-4718-92A3-14B5C6D7E8FA", at("2025-12-20T08:00:00+01:00"), system(0)),
        access("B1C2D3E4-F5A6-4718-92A3-14B5C6D7E8FB", AccessTime::On(date(2025, 12, 1)), person()),
        access("not a uuid", at("2025-11-30T12:00:00Z"), person()),
        access("", AccessTime::Unknown, Author::Unknown),
        access("", AccessTime::Unknown, Author::Unknown),
    ]
}

/// 25 accesses, as many as CP-IS keeps.
pub(crate) fn full_access_list() -> Vec<Access> {
    (0..25)
        .map(|n| {
            let id = format!("B1C2D3E4-F5A6-4718-92A3-14B5C6D7E8{n:02X}");
            access(&id, at(&format!("2025-12-{:02}T10:00:00Z", 25 - n)), if n % 3 == 0 { system(1) } else { person() })
        })
        .collect()
}

pub(crate) const EVERY_REASON: [Unreadable; 5] =
    [Unreadable::UnknownTemplate, Unreadable::StartDate, Unreadable::EndDate, Unreadable::NoPlan, Unreadable::MissingRecord];

/// Two authorities, plans of every kind and status, every placeholder, records without an authority, every kind of access.
pub(crate) fn large() -> Answer {
    let many = vec![
        plan(PlanType::ChildProtection, date(2025, 9, 1), None),
        plan(PlanType::ChildProtection, date(2025, 9, 1), Some(date(2026, 9, 1))),
        plan(PlanType::LookedAfter, date(2025, 1, 15), Some(date(2025, 8, 31))),
        plan(PlanType::LookedAfter, date(2026, 3, 1), None),
        plan(PlanType::UnbornChildProtection, date(2025, 10, 1), Some(date(2026, 1, 1))),
    ];
    let unreadable = EVERY_REASON.into_iter().chain([Unreadable::NoPlan]).map(Entry::Unreadable).collect();
    let unknown =
        Record { authority: None, entries: vec![Entry::Unreadable(Unreadable::MissingRecord); 2], subjects: Vec::new() };
    let records = vec![
        record(exampleshire(), many, vec![child()]),
        record(sampleton(), unreadable, vec![child()]),
        record(sampleton(), vec![plan(PlanType::ChildProtection, date(2024, 2, 29), None)], vec![child()]),
        unknown,
    ];
    Answer { accesses: accesses(), ..answer(records) }
}

/// Every resource of a graph as JSON, in the order of the types.
pub(crate) fn everything(graph: &Graph<'_>) -> Vec<serde_json::Value> {
    ResourceType::ALL.into_iter().flat_map(|kind| of_type(graph, kind)).collect()
}

pub(crate) fn of_type(graph: &Graph<'_>, kind: ResourceType) -> Vec<serde_json::Value> {
    let resources = graph.of_type(kind).map(|key| {
        let mut out = Vec::new();
        json::write_resource(&mut out, &resources::build(graph, key));
        serde_json::from_slice(&out).unwrap()
    });
    resources.collect()
}
