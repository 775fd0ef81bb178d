use super::*;
use crate::{
    cpis::{Entry, LocalAuthority, PlanType, Unreadable},
    fhir::samples::{self, answer, child, context, exampleshire, keys, plan, record, with_accesses},
};
use jiff::civil::date;

#[test]
fn placeholders_come_first_then_active_planned_and_ended_with_the_newest_start_first() {
    let keys = keys();
    let entries = vec![
        plan(PlanType::LookedAfter, date(2024, 1, 1), Some(date(2025, 1, 1))),
        plan(PlanType::LookedAfter, date(2026, 3, 1), None),
        plan(PlanType::LookedAfter, date(2026, 2, 1), None),
        plan(PlanType::ChildProtection, date(2025, 2, 1), None),
        plan(PlanType::UnbornChildProtection, date(2025, 3, 1), Some(date(2026, 1, 10))),
        plan(PlanType::LookedAfter, date(2024, 6, 1), Some(date(2025, 1, 1))),
        Entry::Unreadable(Unreadable::EndDate),
    ];
    let answer = answer(vec![record(exampleshire(), entries, vec![child()])]);
    let graph = Graph::new(&answer, &context(&keys));
    let starts: Vec<_> = graph
        .of_type(ResourceType::Flag)
        .map(|key| graph.plan(key).unwrap().plan().map(|plan| plan.period.start.to_string()).unwrap_or_default())
        .collect();
    assert_eq!(starts, ["", "2025-03-01", "2025-02-01", "2026-03-01", "2026-02-01", "2024-06-01", "2024-01-01"]);
}

#[test]
fn accesses_come_newest_first() {
    let keys = keys();
    let mut accesses = samples::accesses();
    accesses.reverse();
    let answer = with_accesses(accesses);
    let graph = Graph::new(&answer, &context(&keys));
    let times: Vec<_> = graph.of_type(ResourceType::AuditEvent).map(|key| graph.access(key).unwrap().when.sort_key()).collect();
    assert!(times.is_sorted_by(|one, two| one >= two));
}

#[test]
fn a_system_access_leads_to_its_device_and_then_to_those_responsible() {
    let keys = keys();
    let answer = with_accesses(vec![samples::access("x", samples::at("2025-12-24T23:15:00Z"), samples::system(2))]);
    let graph = Graph::new(&answer, &context(&keys));
    let look = graph.of_type(ResourceType::AuditEvent).next().unwrap();
    let agents: Vec<_> = graph.targets(look, Edge::AuditAgent).map(|key| key.kind).collect();
    assert_eq!(agents, [ResourceType::Device, ResourceType::PractitionerRole, ResourceType::PractitionerRole]);
    assert_eq!(graph.targets(look, Edge::AuditSource).map(|key| key.kind).collect::<Vec<_>>(), [ResourceType::Device]);
    assert_eq!(graph.targets(look, Edge::FlagAuthor).count(), 0);
}

#[test]
fn one_authority_is_one_organization_however_its_code_is_written() {
    let keys = keys();
    let mut other = exampleshire();
    other.organisation = samples::organisation(" 999 ", "EXAMPLESHIRE");
    other.numbers = vec![samples::telephone("0113", &[])];
    let entries = || vec![plan(PlanType::ChildProtection, date(2025, 2, 1), None)];
    let answer = answer(vec![record(exampleshire(), entries(), vec![child()]), record(other, entries(), vec![child()])]);
    let graph = Graph::new(&answer, &context(&keys));
    let [authority] = graph.authorities() else { panic!("one authority") };
    assert_eq!((authority.name, authority.other_names.as_slice()), ("Exampleshire County Council", ["EXAMPLESHIRE"].as_slice()));
    assert_eq!(authority.numbers.len(), 3);
}

#[test]
fn authorities_without_a_code_are_told_apart_by_name_and_then_by_number() {
    let keys = keys();
    let authority = |name: &str, number: &str| LocalAuthority {
        organisation: samples::organisation("", name),
        numbers: vec![samples::telephone(number, &[])],
    };
    let entries = || vec![plan(PlanType::ChildProtection, date(2025, 2, 1), None)];
    let records = [authority("A", "1"), authority("B", "1"), authority("A", "2"), authority("", "3"), authority("", "4")];
    let answer = answer(records.into_iter().map(|authority| record(authority, entries(), vec![child()])).collect());
    let graph = Graph::new(&answer, &context(&keys));
    assert_eq!(graph.of_type(ResourceType::Organization).len(), 4);
    let ids: std::collections::HashSet<_> =
        graph.of_type(ResourceType::Organization).map(|key| graph.id(key).to_owned()).collect();
    assert_eq!(ids.len(), 4);
}

#[test]
fn a_graph_prints_nothing_of_anyone() {
    let keys = keys();
    let answer = samples::large();
    let graph = Graph::new(&answer, &context(&keys));
    let printed = format!("{graph:?} {:?} {:?}", graph.authorities(), graph.patient());
    for secret in ["9990000018", "Robin", "Testpatient", "Exampleshire", "0207946", "Asha", "2018"] {
        assert!(!printed.contains(secret), "{secret}");
    }
}

/// The type of a plan decides whom it is about, not the order of two elements (decisions.md 52).
#[test]
fn a_pregnant_girl_is_the_child_of_her_own_plan_and_the_mother_of_the_unborn() {
    let keys = keys();
    let pregnant = samples::mother();
    let entries = || {
        vec![
            plan(PlanType::LookedAfter, date(2025, 2, 1), None),
            plan(PlanType::ChildProtection, date(2025, 3, 1), None),
            plan(PlanType::UnbornChildProtection, date(2025, 10, 1), Some(date(2026, 4, 1))),
        ]
    };
    let told = |subjects| {
        let answer = answer(vec![record(exampleshire(), entries(), subjects)]);
        let graph = Graph::new(&answer, &context(&keys));
        let flags = graph.of_type(ResourceType::Flag);
        flags.map(|key| (graph.id(key).to_owned(), graph.plan(key).unwrap().patient_is_mother())).collect::<Vec<_>>()
    };
    let mother_first = told(vec![pregnant.clone(), child()]);
    assert_eq!(mother_first, told(vec![child(), pregnant.clone()]), "the order of the elements decides nothing");
    let of_mother: Vec<_> = mother_first.iter().map(|(_, of_mother)| *of_mother).collect();
    assert_eq!(of_mother, [true, false, false], "newest start first: unborn, child protection, looked after");
    let only_mother: Vec<_> = told(vec![pregnant]).iter().map(|(_, of_mother)| *of_mother).collect();
    assert_eq!(only_mother, [true, true, true], "a record that knows her as the mother only");
}

#[test]
fn a_birth_date_is_as_precise_as_the_most_precise_of_those_that_agree() {
    use crate::cpis::{BirthDate, DatePrecision};
    let keys = keys();
    let born = |dates: &[(i16, i8, i8, DatePrecision)]| {
        let records = dates.iter().map(|&(year, month, day, precision)| {
            let mut subject = child();
            subject.birth_date = Some(BirthDate { first: date(year, month, day), precision });
            record(exampleshire(), vec![plan(PlanType::LookedAfter, date(2025, 2, 1), None)], vec![subject])
        });
        let answer = answer(records.collect());
        let graph = Graph::new(&answer, &context(&keys));
        graph.patient().birth_date.map(BirthDate::iso)
    };
    let (year, month, day) = (DatePrecision::Year, DatePrecision::Month, DatePrecision::Day);
    assert_eq!(born(&[(2018, 1, 1, year)]).as_deref(), Some("2018"));
    assert_eq!(born(&[(2018, 1, 1, year), (2018, 4, 1, month)]).as_deref(), Some("2018-04"));
    assert_eq!(born(&[(2018, 4, 9, day), (2018, 1, 1, year), (2018, 4, 1, month)]).as_deref(), Some("2018-04-09"));
    assert_eq!(born(&[(2018, 4, 9, day), (2019, 1, 1, year)]), None);
    assert_eq!(born(&[(2018, 4, 9, day), (2018, 5, 1, month)]), None);
}
