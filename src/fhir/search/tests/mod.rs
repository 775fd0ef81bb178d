mod naive;
mod parameters;
mod selecting;

use super::registry::SEARCHABLE;
use super::*;
use crate::cpis::NhsNumber;
use crate::fhir::id::{AnswerPart, IdKeys};
use proptest::prelude::*;

const NUMBER: &str = "9990000018";
const OTHER: &str = "9990000026";
const SYSTEM: &str = "https://fhir.nhs.uk/Id/nhs-number";

fn ids() -> IdKeys {
    IdKeys::new(vec![[7; 32]]).unwrap()
}

fn number(text: &str) -> NhsNumber {
    NhsNumber::parse(text).unwrap()
}

fn patient_id(text: &str) -> String {
    ids().seal(ResourceType::Patient, &number(text), &AnswerPart::EMPTY)
}

fn pair(name: &str, value: &str) -> Pair {
    Pair { name: name.to_owned(), value: value.to_owned() }
}

fn parse(resource: ResourceType, pairs: &[(&str, &str)], handling: Handling) -> Result<Search, SearchError> {
    let pairs: Vec<Pair> = pairs.iter().map(|(name, value)| pair(name, value)).collect();
    let (ids, bases) = (ids(), BaseUrl::of_url("https://trust.example/FHIR/R4").into_iter().collect());
    Search::parse(Searchable::of(resource).unwrap(), &pairs, handling, ReferenceResolver { ids: &ids, bases })
}

fn flag(pairs: &[(&str, &str)]) -> Result<Search, SearchError> {
    parse(ResourceType::Flag, pairs, Handling::Strict)
}

#[test]
fn every_way_of_naming_the_child_is_the_same_child() {
    let id = patient_id(NUMBER);
    let ways = [
        ("patient", NUMBER.to_owned()),
        ("patient", "999 000 0018".to_owned()),
        ("patient", format!("Patient/{NUMBER}")),
        ("patient", format!("Patient/{id}")),
        ("patient", id.clone()),
        ("patient", format!("https://trust.example/FHIR/R4/Patient/{id}")),
        ("patient:Patient", id.clone()),
        ("patient:identifier", format!("{SYSTEM}|{NUMBER}")),
        ("patient:identifier", NUMBER.to_owned()),
        ("patient.identifier", format!("{SYSTEM}|{NUMBER}")),
        ("patient:Patient.identifier", format!("{SYSTEM}|{NUMBER}")),
        ("subject", format!("Patient/{NUMBER}")),
        ("subject:identifier", format!("{SYSTEM}|{NUMBER}")),
        ("patient", format!("{NUMBER},Patient/{id}")),
    ];
    for (name, value) in ways {
        assert_eq!(flag(&[(name, &value)]).unwrap().nhs_number, number(NUMBER), "{name}");
    }
}

#[test]
fn a_reference_to_another_servers_patient_is_never_our_child() {
    let id = patient_id(NUMBER);
    for name in ["patient", "subject", "patient:Patient"] {
        for id in [&id, NUMBER] {
            for address in
                ["https://other.example/FHIR/R4", "https://trust.example/other", "https://trust.example@other.example/FHIR/R4"]
            {
                let error = flag(&[(name, &format!("{address}/Patient/{id}"))]).unwrap_err();
                assert!(matches!(error, SearchError::OfAnotherServer { .. }), "{name} {address}: {error}");
            }
            for odd in
                ["Patient/ID/_history/1", "Patient/ID/", "FHIR/R4/Patient/ID", "/Patient/ID", "https://trust.example/FHIR/R4/ID"]
            {
                assert!(flag(&[(name, &odd.replace("ID", id))]).is_err(), "{name} {odd}");
            }
        }
    }
    let entity = |value: &str| parse(ResourceType::AuditEvent, &[("patient", NUMBER), ("entity", value)], Handling::Lenient);
    assert!(entity(&format!("https://trust.example/FHIR/R4/Patient/{NUMBER}")).is_ok());
    let foreign = entity(&format!("https://other.example/FHIR/R4/Patient/{NUMBER}"));
    assert!(matches!(foreign, Err(SearchError::OfAnotherServer { .. })));
    let author = flag(&[("patient", NUMBER), ("author", "https://other.example/FHIR/R4/Organization/abc")]);
    assert!(matches!(author, Err(SearchError::OfAnotherServer { .. })));
}

#[test]
fn a_filter_that_names_another_child_is_refused() {
    let id = patient_id(OTHER);
    let of_other = ids().seal(ResourceType::Flag, &number(OTHER), &AnswerPart::EMPTY);
    let entity =
        |name: &str, value: &str| parse(ResourceType::AuditEvent, &[("patient", NUMBER), (name, value)], Handling::Lenient);
    for (name, value) in [
        ("entity", OTHER),
        ("entity", &format!("Patient/{OTHER}")),
        ("entity", &format!("Patient/{id}")),
        ("entity", &format!("{NUMBER},{OTHER}")),
        ("entity:identifier", &format!("{SYSTEM}|{OTHER}")),
        ("_id", &of_other),
    ] {
        assert!(matches!(entity(name, value), Err(SearchError::TwoChildren { .. })), "{name}");
    }
    assert!(entity("entity", &format!("Patient/{}", patient_id(NUMBER))).is_ok());
}

#[test]
fn a_child_named_twice_alike_is_one_child() {
    let search = flag(&[("patient", NUMBER), ("subject:identifier", &format!("{SYSTEM}|{NUMBER}"))]).unwrap();
    assert_eq!(search.nhs_number, number(NUMBER));
}

#[test]
fn two_children_are_refused() {
    for pairs in [
        &[("patient", NUMBER), ("patient", OTHER)][..],
        &[("patient", NUMBER), ("subject", OTHER)],
        &[("patient", "9990000018,9990000026")],
    ] {
        assert!(matches!(flag(pairs), Err(SearchError::TwoChildren { .. })));
    }
}

#[test]
fn no_child_is_refused() {
    assert_eq!(flag(&[]).unwrap_err(), SearchError::NoChild);
    assert_eq!(flag(&[("_include", "Flag:author")]).unwrap_err(), SearchError::NoChild);
}

#[test]
fn what_is_no_nhs_number_is_refused_by_its_reason() {
    for value in ["9990000019", "999000001", "abc", "Patient/123", "9990000018x"] {
        assert!(matches!(flag(&[("patient", value)]), Err(SearchError::NotAnNhsNumber { .. })), "{value}");
    }
    for value in ["", " ", "Patient/", &format!("{NUMBER},")] {
        assert!(matches!(flag(&[("patient", value)]), Err(SearchError::Malformed { .. })), "{value}");
    }
    assert!(matches!(flag(&[("patient", "Practitioner/9990000018")]), Err(SearchError::UnknownChild { .. })));
    assert!(matches!(
        flag(&[("patient:identifier", "https://other|9990000018")]),
        Err(SearchError::WrongIdentifierSystem { .. })
    ));
    assert!(matches!(flag(&[("patient:identifier", "|9990000018")]), Err(SearchError::WrongIdentifierSystem { .. })));
}

#[test]
fn a_forged_or_foreign_id_names_no_child() {
    let foreign = IdKeys::new(vec![[8; 32]]).unwrap().seal(ResourceType::Patient, &number(NUMBER), &AnswerPart::EMPTY);
    let of_a_flag = ids().seal(ResourceType::Flag, &number(NUMBER), &AnswerPart::EMPTY);
    for id in [foreign, of_a_flag, "A".repeat(64)] {
        assert!(matches!(flag(&[("patient", &id)]), Err(SearchError::UnknownChild { .. })));
    }
}

#[test]
fn what_is_not_understood_is_refused_under_strict_handling() {
    for (name, value) in [("encounter", "red"), ("Patient", NUMBER), ("_lastUpdated", "2025"), ("identifier", "x")] {
        let error = flag(&[("patient", NUMBER), (name, value)]).unwrap_err();
        assert!(matches!(error, SearchError::UnknownParameter { .. }), "{name}");
        assert_eq!(error.parameter(), Some(name));
    }
    assert!(matches!(flag(&[("patient:missing", "true")]), Err(SearchError::UnknownModifier { .. })));
    assert!(matches!(flag(&[("patient:exact", NUMBER)]), Err(SearchError::UnknownModifier { .. })));
    for include in ["Flag:encounter", "Observation:subject", "", "Flag", "Flag:author:Patient", ":"] {
        assert!(
            matches!(flag(&[("patient", NUMBER), ("_include", include)]), Err(SearchError::UnknownInclude { .. })),
            "{include}"
        );
    }
    assert!(matches!(
        parse(ResourceType::EpisodeOfCare, &[("subject", NUMBER)], Handling::Strict),
        Err(SearchError::UnknownParameter { .. })
    ));
}

#[test]
fn under_lenient_handling_it_is_left_out_and_named_but_never_the_child() {
    let pairs = [("patient", NUMBER), ("colour", "red"), ("_include", "Flag:nothing")];
    let search = parse(ResourceType::Flag, &pairs, Handling::Lenient).unwrap();
    assert_eq!(search.ignored.len(), 2);
    assert!(parse(ResourceType::Flag, &[("patient", "abc")], Handling::Lenient).is_err());
    assert!(parse(ResourceType::Flag, &[("patient", NUMBER), ("patient", OTHER)], Handling::Lenient).is_err());
    assert!(parse(ResourceType::Flag, &[("patient:missing", "true")], Handling::Lenient).is_err());
    // Nor a parameter of any name that says which child is meant, nor a modifier.
    for (name, value) in [
        ("patient:exact", OTHER),
        ("patient:exact", NUMBER),
        ("patient.birthdate", "2018-04-01"),
        ("Patient", OTHER),
        ("SUBJECT", OTHER),
        ("birthdate", "2018-04-01"),
        ("given", "Robin"),
        ("identifier", "https://fhir.nhs.uk/Id/nhs-number|9990000026"),
        ("colour", "999 000 0026"),
        ("code:not", "342191000000101"),
        ("status:missing", "true"),
        ("author:Patient", "x"),
        ("_include:below", "Flag:author"),
        ("colour:exact", "red"),
        ("_count:exact", "1"),
    ] {
        let pairs = [("patient", NUMBER), (name, value)];
        assert!(parse(ResourceType::Flag, &pairs, Handling::Lenient).is_err(), "{name}");
    }
    let pairs = [("patient", NUMBER), ("subject", OTHER)];
    assert!(parse(ResourceType::EpisodeOfCare, &pairs, Handling::Lenient).is_err());
}

#[test]
fn codes_and_statuses_that_no_answer_has_are_refused_under_either_handling() {
    use ResourceType::{CarePlan, CareTeam, EpisodeOfCare, Flag};
    const SNOMED: &str = "http://snomed.info/sct";
    let pair = |system: &str, code: &str| format!("{system}|{code}");
    let never = |resource, pairs: &[(&str, &str)]| {
        let all = [&[("patient", NUMBER)], pairs].concat();
        [Handling::Strict, Handling::Lenient]
            .map(|handling| matches!(parse(resource, &all, handling), Err(SearchError::NeverFound { .. })))
    };
    for (resource, name, value) in [
        (Flag, "code", "nothing".to_owned()),
        (Flag, "code", "reasonable-adjustments-flag,375041000000100".to_owned()),
        (Flag, "code", "|342191000000101".to_owned()),
        (Flag, "code", pair("http://loinc.org", "342191000000101")),
        (Flag, "code", pair("http://loinc.org", "")),
        (Flag, "category", "clinical".to_owned()),
        (Flag, "category", "SAFETY".to_owned()),
        (Flag, "status", "entered-in-error".to_owned()),
        (Flag, "status", "Active".to_owned()),
        (Flag, "status", "finished".to_owned()),
        (Flag, "status", pair("http://hl7.org/fhir/request-status", "active")),
        (EpisodeOfCare, "status", "waitlist,onhold".to_owned()),
        (EpisodeOfCare, "type", "hacc".to_owned()),
        (CarePlan, "status", "revoked".to_owned()),
        (CarePlan, "category", "assess-plan".to_owned()),
        (CareTeam, "category", pair(SNOMED, "LACI")),
        (CareTeam, "status", "suspended".to_owned()),
    ] {
        assert_eq!(never(resource, &[(name, &value)]), [true; 2], "{name}={value}");
    }
    for (resource, name, value) in [
        (Flag, "code", "nothing,342191000000101".to_owned()),
        (Flag, "code", pair(SNOMED, "")),
        (Flag, "code", "child-protection-information-system-flag".to_owned()),
        (Flag, "category", "safety".to_owned()),
        (Flag, "status", "|active".to_owned()),
        (Flag, "status", pair("http://hl7.org/fhir/flag-status", "")),
        (EpisodeOfCare, "type", "UCPI".to_owned()),
        (EpisodeOfCare, "status", "planned".to_owned()),
        (CarePlan, "status", "draft".to_owned()),
        (CareTeam, "status", "proposed".to_owned()),
        // A placeholder's.
        (CareTeam, "category", "child-protection-information-system-flag".to_owned()),
    ] {
        assert_eq!(never(resource, &[(name, &value)]), [false; 2], "{name}={value}");
    }
    // Each can be found, but never both together.
    assert_eq!(never(Flag, &[("status", "active"), ("status", "inactive")]), [true; 2]);
    assert_eq!(never(Flag, &[("code", "342191000000101"), ("code", "764841000000100")]), [true; 2]);
    assert_eq!(never(Flag, &[("code", "342191000000101"), ("code", "child-protection-information-system-flag")]), [false; 2]);
}

#[test]
fn every_link_can_be_included_and_stands_in_the_self_link() {
    for path in registry::INCLUDE_PATHS {
        let value = format!("{}:{}", path.source.name(), path.name);
        for (name, direction, iterate) in [
            ("_include", Direction::Forward, false),
            ("_include:iterate", Direction::Forward, true),
            ("_revinclude", Direction::Reverse, false),
            ("_revinclude:iterate", Direction::Reverse, true),
        ] {
            let search = flag(&[("patient", NUMBER), (name, &value)]).unwrap();
            assert_eq!(search.includes, [Include { path, direction, iterate, target: None }]);
            assert_eq!(search.used().collect::<Vec<_>>(), [(name.to_owned(), value.clone())]);
        }
    }
}

#[test]
fn the_guides_of_2023_include_of_accessing_staff_means_the_agent() {
    let value = "AuditEvent:entity-type=http://terminology.hl7.org/CodeSystem/v3-RoleClass|ASSIGNED";
    let search = parse(ResourceType::AuditEvent, &[("patient", NUMBER), ("_include", value)], Handling::Strict).unwrap();
    assert_eq!(search.includes[0].path.name, "agent");
}

#[test]
fn a_star_follows_every_link_of_the_matches() {
    let search = flag(&[("patient", NUMBER), ("_include", "*")]).unwrap();
    assert!(search.includes.iter().all(|include| include.path.source == ResourceType::Flag));
    assert_eq!(search.includes.len(), registry::INCLUDE_PATHS.iter().filter(|path| path.source == ResourceType::Flag).count());
}

#[test]
fn the_registry_names_each_type_and_each_parameter_once() {
    for row in SEARCHABLE {
        assert_eq!(SEARCHABLE.iter().filter(|other| other.resource == row.resource).count(), 1);
        for parameter in row.parameters() {
            assert_eq!(row.parameters().filter(|other| other.name == parameter.name).count(), 1);
            assert!(!parameter.documentation.is_empty());
        }
    }
}

proptest! {
    #[test]
    fn an_error_never_repeats_what_was_sent(name in "\\PC{0,24}", value in "\\PC{0,40}") {
        if let Err(error) = flag(&[("patient", &value), (&name, "x9990000018x"), ("_include", &value)]) {
            let shown = format!("{error} {:?} {}", error, error.parameter().unwrap_or_default());
            prop_assert!(!shown.contains("999"));
            if value.len() > 24 { prop_assert!(!shown.contains(&value)); }
        }
    }

    #[test]
    fn a_parameter_name_that_could_be_a_number_is_not_repeated(digits in "[0-9]{1,12}") {
        let error = flag(&[("patient", NUMBER), (&digits, "x")]).unwrap_err();
        prop_assert!(!error.parameter().unwrap_or_default().contains(&digits));
    }
}
