//! Each kind of answer as it is shown, reviewed against fhir.md 2. The snapshots are in `snapshots/`.

mod rules;

use super::{
    graph::{Graph, ResourceType},
    samples::{
        EVERY_REASON, TODAY, access, accesses, answer, at, child, context, everything, exampleshire, keys, mother, name, of_type,
        one_plan, person, plan, record, sampleton, system, this_lookup, with_accesses,
    },
};
use crate::cpis::{
    AccessTime, Answer, Author, BirthDate, Entry, Notice, OrganisationKind, PlanType, Record, SubjectKind, Unreadable,
};
use jiff::{ToSpan as _, civil::date};
use serde_json::Value as Json;

/// Everything of one type, without what is the same in all of them.
fn shown(answer: &Answer, kind: ResourceType) -> Vec<Json> {
    let keys = keys();
    let mut resources = of_type(&Graph::new(answer, &context(&keys)), kind);
    for resource in &mut resources {
        let meta = resource["meta"].as_object_mut().unwrap();
        meta.remove("lastUpdated");
        meta.remove("profile");
        meta.remove("security");
    }
    resources
}

fn all(answer: &Answer) -> Vec<Json> {
    let keys = keys();
    everything(&Graph::new(answer, &context(&keys)))
}

#[test]
fn an_open_child_protection_plan() {
    insta::assert_json_snapshot!(all(&one_plan(PlanType::ChildProtection, date(2025, 9, 1), None)));
}

#[test]
fn a_looked_after_child_until_a_day_to_come() {
    insta::assert_json_snapshot!(all(&one_plan(PlanType::LookedAfter, date(2025, 9, 1), Some(date(2026, 6, 30)))));
}

#[test]
fn an_unborn_plan_is_recorded_against_the_mother() {
    insta::assert_json_snapshot!(all(&one_plan(PlanType::UnbornChildProtection, date(2025, 9, 1), Some(date(2026, 2, 1)))));
}

#[test]
fn an_unborn_plan_whose_forecast_end_has_passed() {
    let answer = one_plan(PlanType::UnbornChildProtection, date(2025, 9, 1), Some(date(2026, 1, 1)));
    insta::assert_json_snapshot!([shown(&answer, ResourceType::Flag), shown(&answer, ResourceType::EpisodeOfCare)]);
}

#[test]
fn an_ended_plan() {
    let answer = one_plan(PlanType::ChildProtection, date(2025, 1, 15), Some(date(2026, 1, 14)));
    insta::assert_json_snapshot!(ResourceType::ALL[..4].iter().map(|kind| shown(&answer, *kind)).collect::<Vec<_>>());
}

#[test]
fn a_plan_that_starts_in_the_future() {
    let answer = one_plan(PlanType::LookedAfter, TODAY.saturating_add(1.day()), None);
    insta::assert_json_snapshot!(ResourceType::ALL[..4].iter().map(|kind| shown(&answer, *kind)).collect::<Vec<_>>());
}

#[test]
fn two_authorities_with_odd_codes_and_numbers() {
    let records = vec![
        record(exampleshire(), vec![plan(PlanType::LookedAfter, date(2025, 1, 15), Some(date(2025, 8, 31)))], vec![child()]),
        record(sampleton(), vec![plan(PlanType::ChildProtection, date(2025, 9, 1), None)], vec![child()]),
    ];
    insta::assert_json_snapshot!(all(&answer(records)));
}

#[test]
fn three_plans_of_one_authority_share_its_organization() {
    let plans = vec![
        plan(PlanType::LookedAfter, date(2025, 1, 15), Some(date(2025, 8, 31))),
        plan(PlanType::ChildProtection, date(2025, 9, 1), None),
        plan(PlanType::UnbornChildProtection, date(2026, 2, 1), Some(date(2026, 5, 1))),
    ];
    let answer = answer(vec![record(exampleshire(), plans, vec![child()])]);
    assert_eq!(shown(&answer, ResourceType::Organization).len(), 1);
    let flags = shown(&answer, ResourceType::Flag);
    let texts: Vec<_> = flags.iter().map(|flag| &flag["code"]["text"]).collect();
    insta::assert_json_snapshot!(texts, @r#"
    [
      "Child protection plan",
      "Unborn child protection plan (recorded against the mother); starts on 1 February 2026",
      "Looked after child"
    ]
    "#);
}

#[test]
fn a_placeholder_of_every_reason() {
    let entries = EVERY_REASON.into_iter().map(Entry::Unreadable).collect();
    let answer = answer(vec![record(exampleshire(), entries, vec![child()])]);
    insta::assert_json_snapshot!(shown(&answer, ResourceType::Flag));
}

#[test]
fn a_placeholder_whose_authority_is_not_known() {
    let lost = Record { authority: None, entries: vec![Entry::Unreadable(Unreadable::MissingRecord)], subjects: Vec::new() };
    let held = [exampleshire(), sampleton()]
        .map(|authority| record(authority, vec![plan(PlanType::ChildProtection, date(2025, 9, 1), None)], vec![child()]));
    let answer = answer(held.into_iter().chain([lost]).collect());
    insta::assert_json_snapshot!(ResourceType::ALL[..4].iter().map(|kind| shown(&answer, *kind)[0].clone()).collect::<Vec<_>>());
}

#[test]
fn a_stale_answer_says_so_everywhere() {
    let answer = Answer { stale: true, ..one_plan(PlanType::ChildProtection, date(2025, 9, 1), None) };
    insta::assert_json_snapshot!([shown(&answer, ResourceType::Flag), shown(&answer, ResourceType::EpisodeOfCare)]);
}

#[test]
fn accesses_by_a_person_and_by_this_lookup() {
    let earlier = access("B1C2D3E4-F5A6-4718-92A3-14B5C6D7E8F9", at("2025-12-24T23:15:00Z"), person());
    let answer = with_accesses(vec![this_lookup(), earlier]);
    insta::assert_json_snapshot!([shown(&answer, ResourceType::AuditEvent), shown(&answer, ResourceType::PractitionerRole)]);
}

#[test]
fn an_access_by_a_system_and_the_people_responsible_for_it() {
    let answer = with_accesses(vec![access("B1C2D3E4-F5A6-4718-92A3-14B5C6D7E8F9", at("2025-12-24T23:15:00Z"), system(2))]);
    insta::assert_json_snapshot!(ResourceType::ALL[6..].iter().map(|kind| shown(&answer, *kind)).collect::<Vec<_>>());
}

#[test]
fn accesses_of_unknown_author_and_of_unknown_time() {
    let answer = with_accesses(vec![
        access("B1C2D3E4-F5A6-4718-92A3-14B5C6D7E8F9", AccessTime::On(date(2025, 12, 24)), person()),
        access("", AccessTime::Unknown, Author::Unknown),
    ]);
    insta::assert_json_snapshot!(shown(&answer, ResourceType::AuditEvent));
}

#[test]
fn mother_and_child_in_one_record_are_kept_apart() {
    let mut newborn = child();
    newborn.nhs_numbers = vec![super::samples::number("9990000026")];
    newborn.birth_date = Some(BirthDate::from(date(2026, 1, 2)));
    let plans = vec![
        plan(PlanType::UnbornChildProtection, date(2025, 9, 1), Some(date(2026, 2, 1))),
        plan(PlanType::ChildProtection, date(2026, 1, 2), None),
    ];
    let answer = answer(vec![record(exampleshire(), plans, vec![newborn, mother()])]);
    insta::assert_json_snapshot!([shown(&answer, ResourceType::Patient), shown(&answer, ResourceType::Flag)]);
}

#[test]
fn records_that_disagree_give_every_name_and_no_date_of_birth() {
    let mut other = child();
    other.name = name("Robyn", "Testpatient-Lee");
    let plans = || vec![plan(PlanType::ChildProtection, date(2025, 9, 1), None)];
    let records = vec![record(exampleshire(), plans(), vec![child()]), record(sampleton(), plans(), vec![other])];
    let answer = Answer { notices: vec![Notice::SubjectsDisagree], ..answer(records) };
    insta::assert_json_snapshot!(shown(&answer, ResourceType::Patient));
}

#[test]
fn a_record_without_numbers_still_names_its_only_child() {
    let unnumbered = crate::cpis::Subject { nhs_numbers: Vec::new(), kind: SubjectKind::Child, ..child() };
    let entries = vec![plan(PlanType::ChildProtection, date(2025, 9, 1), None)];
    let answer = Answer { accesses: accesses(), ..answer(vec![record(exampleshire(), entries, vec![unnumbered])]) };
    let patient = &shown(&answer, ResourceType::Patient)[0];
    assert_eq!(patient["identifier"][0]["value"], "9990000018");
    assert_eq!(patient["name"][0]["text"], "Robin Testpatient");
}

#[test]
fn a_record_without_subjects_still_has_a_patient() {
    let mut site = exampleshire();
    site.organisation.kind = OrganisationKind::Site;
    let entries = vec![plan(PlanType::UnbornChildProtection, date(2025, 9, 1), Some(date(2026, 2, 1)))];
    let answer = answer(vec![record(site, entries, Vec::new())]);
    insta::assert_json_snapshot!([
        shown(&answer, ResourceType::Patient),
        shown(&answer, ResourceType::Organization),
        shown(&answer, ResourceType::Flag)
    ]);
}

/// An address has its own medium, without the scheme, which a person cannot ring (decisions.md 54).
#[test]
fn an_e_mail_a_fax_and_a_text_message_are_what_they_are() {
    use crate::cpis::NumberUse;
    let mut authority = exampleshire();
    authority.numbers = [
        ("mailto:duty.team@example.gov.uk?subject=x", &[NumberUse::OfficeHours][..]),
        ("MAILTO: out@example.gov.uk", &[NumberUse::EmergencyDuty]),
        ("fax:02079460003", &[]),
        ("sms:07700900004", &[NumberUse::EmergencyDuty]),
        ("https://example.gov.uk/duty", &[]),
        ("02079460001 ext: 5", &[NumberUse::OfficeHours]),
    ]
    .map(|(number, uses)| super::samples::telephone(number, uses))
    .to_vec();
    let plans = vec![plan(PlanType::ChildProtection, date(2025, 9, 1), None)];
    let answer = answer(vec![record(authority, plans, vec![child()])]);
    let expected = [
        ("email", "duty.team@example.gov.uk", "work", "Office hours (e-mail)"),
        ("email", "out@example.gov.uk", "", "Emergency duty team (e-mail)"),
        ("fax", "02079460003", "", "Other number (fax)"),
        ("sms", "07700900004", "mobile", "Emergency duty team (text message)"),
        ("url", "https://example.gov.uk/duty", "", "Other contact (web)"),
        ("phone", "02079460001 ext: 5", "work", "Office hours"),
    ];
    for kind in [ResourceType::Organization, ResourceType::CareTeam] {
        let resource = shown(&answer, kind).remove(0);
        let told = resource["telecom"].as_array().unwrap().iter();
        let told: Vec<_> =
            told.map(|point| ["system", "value", "use"].map(|part| point[part].as_str().unwrap_or_default())).collect();
        assert_eq!(told, expected.map(|(system, value, number_use, _)| [system, value, number_use]), "{kind:?}");
    }
    let narrative = shown(&answer, ResourceType::CareTeam)[0]["text"]["div"].as_str().unwrap().to_owned();
    for (_, value, _, label) in expected {
        assert!(narrative.contains(&format!("{label}: {value}<")), "{label}: {narrative}");
    }
    assert!(!narrative.to_lowercase().contains("mailto"), "{narrative}");
}

#[test]
fn a_year_of_birth_is_a_partial_date_and_stands_in_the_narrative() {
    use crate::cpis::DatePrecision;
    for (precision, iso, said) in
        [(DatePrecision::Year, "2018", "born 2018<"), (DatePrecision::Month, "2018-04", "born April 2018<")]
    {
        let mut known = child();
        known.birth_date = Some(BirthDate { first: date(2018, 4, 1), precision });
        let answer = answer(vec![record(exampleshire(), vec![plan(PlanType::LookedAfter, date(2025, 9, 1), None)], vec![known])]);
        assert_eq!(shown(&answer, ResourceType::Patient)[0]["birthDate"], iso);
        let flag = shown(&answer, ResourceType::Flag).remove(0);
        assert!(flag["text"]["div"].as_str().unwrap().contains(said), "{}", flag["text"]["div"]);
    }
}
