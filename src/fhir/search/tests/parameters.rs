//! Reading and refusing values, and repeating them in links.

use super::*;

fn refused(pairs: &[(&str, &str)]) -> SearchError {
    let all: Vec<_> = [("patient", NUMBER)].into_iter().chain(pairs.iter().copied()).collect();
    flag(&all).unwrap_err()
}

fn used(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let all: Vec<_> = [("patient", NUMBER)].into_iter().chain(pairs.iter().copied()).collect();
    flag(&all).unwrap().used().collect()
}

#[test]
fn what_cannot_be_read_is_malformed_and_names_its_parameter_also_under_lenient_handling() {
    let long = "x".repeat(8192);
    let many = vec!["x"; 101].join(",");
    for (name, value) in [
        ("code", ""),
        ("code", "*"),
        ("code", "a|b|c"),
        ("code", "a,"),
        ("code", r"a\b"),
        ("code", &long),
        ("code", &many),
        ("code", NUMBER),
        ("status", " "),
        ("date", "yesterday"),
        ("date", "xx2025"),
        ("date", "2025|09"),
        ("author", "a b"),
        ("author", "x/y"),
        ("author", "Organization/"),
        ("author", "urn:uuid:x"),
        ("author", "https:fhir.nhs.uk/Id/ods|E1"),
        ("author", NUMBER),
        ("author", "Organization/9990000019"),
        ("author:identifier", NUMBER),
        ("_id", ""),
        ("_id", NUMBER),
        ("_id", "Flag/x"),
        ("_id", "a,,b"),
        ("_count", "-1"),
        ("_count", "ten"),
        ("_count", "1000000000"),
        ("_count", ""),
        ("_summary", "yes"),
        ("_summary", ""),
        ("_total", "exact"),
        ("_sort", ""),
        ("_elements", ""),
        ("_elements", "status,"),
    ] {
        let error = parse(ResourceType::Flag, &[("patient", NUMBER), (name, value)], Handling::Lenient).unwrap_err();
        assert!(matches!(error, SearchError::Malformed { .. }), "{name}={value}: {error:?}");
        assert_eq!(error.parameter().map(|shown| shown.split(':').next()), Some(name.split(':').next()), "{value}");
    }
}

#[test]
fn what_is_understood_but_not_supported_is_refused_or_under_lenient_handling_named() {
    for (name, value) in [
        ("date", "ap2025"),
        ("_sort", "_lastUpdated"),
        ("_sort", "status"),
        ("_sort", "-date,status"),
        ("_elements", "colour"),
        ("_elements", "Flag.status"),
        ("_lastUpdated", "2025"),
        ("identifier", "x"),
        ("_tag", "unreadable"),
        ("_text", "x"),
        ("_has", "x"),
        ("_filter", "x"),
        ("team", "x"),
    ] {
        let pairs = [("patient", NUMBER), (name, value)];
        let error = flag(&pairs).unwrap_err();
        assert!(error.may_be_ignored(), "{name}={value}: {error:?}");
        let search = parse(ResourceType::Flag, &pairs, Handling::Lenient).unwrap();
        assert_eq!((search.ignored, search.filters.len(), search.used.len()), (vec![error], 0, 0));
    }
}

#[test]
fn a_modifier_that_is_not_supported_is_refused_also_under_lenient_handling() {
    for (name, value) in [
        ("code:not", "342191000000101"),
        ("code:text", "x"),
        ("code:in", "x"),
        ("status:missing", "true"),
        ("date:missing", "true"),
        ("_id:not", "x"),
        ("author:Patient", "x"),
        ("author:missing", "true"),
        ("author.name", "x"),
        ("detail:identifier", "x"),
        ("detail:Organization", "CarePlan/x"),
        ("_count:x", "1"),
        ("_summary:x", "true"),
        ("_format:x", "json"),
    ] {
        let refused = parse(ResourceType::Flag, &[("patient", NUMBER), (name, value)], Handling::Lenient);
        assert!(matches!(refused, Err(SearchError::UnknownModifier { .. })), "{name}={value}");
    }
}

#[test]
fn what_contradicts_itself_is_refused_in_any_order() {
    for pairs in [
        [("_summary", "text"), ("_include", "Flag:author")],
        [("_summary", "true"), ("_elements", "status")],
        [("_count", "1"), ("_count", "2")],
        [("_sort", "date"), ("_sort", "-date")],
    ] {
        assert!(matches!(refused(&pairs), SearchError::Malformed { .. }), "{pairs:?}");
        assert!(matches!(refused(&[pairs[1], pairs[0]]), SearchError::Malformed { .. }), "{pairs:?}");
    }
    assert!(
        flag(&[("patient", NUMBER), ("_count", "2"), ("_count", "2"), ("_summary", "false"), ("_elements", "status")]).is_ok()
    );
}

#[test]
fn links_name_what_was_used_in_order_and_normalised() {
    let author = ids().seal(ResourceType::Organization, &number(NUMBER), &AnswerPart::code("E1").unwrap());
    let author_url = format!("https://trust.example/FHIR/R4/Organization/{author}");
    assert_eq!(
        used(&[
            ("_count", "2"),
            ("code", r" http://snomed.info/sct|342191000000101 , |x,a\,b,s|"),
            ("date", "ge2025-09-01T10:00 01:00"),
            ("author", &author_url),
            ("author:Organization", &author),
            ("_include:recurse", "Flag:author:Organization"),
            ("_include:iterate", "Flag:author:Organization"),
            ("_elements", "status, period,status"),
            ("status", "active"),
            ("status", "inactive,active"),
            ("_pretty", "true"),
        ]),
        [
            ("_count", "2"),
            ("code", "http://snomed.info/sct|342191000000101,|x,-,-|"),
            ("date", "ge2025-09-01T10:00+01:00"),
            ("author", &format!("Organization/{author}")),
            ("author", &format!("Organization/{author}")),
            ("_include:iterate", "Flag:author:Organization"),
            ("_elements", "status,period"),
            ("status", "active"),
            ("status", "inactive,active"),
            ("_pretty", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[test]
fn a_value_that_finds_nothing_and_could_be_a_word_is_not_repeated_in_links() {
    let author = "https://fhir.nhs.uk/Id/ods-organization-code";
    for (name, value, link) in [
        ("_id", "Robin,x", "-,-"),
        ("author", "Testpatient", "-"),
        ("author", "Organization/Testpatient", "-"),
        ("author", "Testpatient/x", "-"),
        ("author:identifier", "Robin|Testpatient", "-|-"),
        ("author:identifier", &format!("{author}|E1"), &format!("{author}|E1")),
        ("category", "testpatient,safety", "-,safety"),
        ("code", "20190214,LS1 4AP,342191000000101", "-,-,342191000000101"),
        ("code", "02079460001,342191000000101", "-,342191000000101"),
        ("status", "active,Robina", "active,-"),
        ("status", "entered-in-error,active", "entered-in-error,active"),
    ] {
        let found = used(&[(name, value)]);
        assert_eq!(found, [(name.to_owned(), link.to_owned())]);
        assert_eq!(used(&[(name, link)]), found, "what stands in a link finds the same");
    }
}

#[test]
fn a_child_named_as_an_entity_stands_in_links_as_an_opaque_reference() {
    for (name, value) in [
        ("entity", NUMBER.to_owned()),
        ("entity", format!("Patient/{NUMBER}")),
        ("entity:Patient", NUMBER.to_owned()),
        ("entity:identifier", format!("{SYSTEM}|{NUMBER}")),
    ] {
        let search = parse(ResourceType::AuditEvent, &[("patient", NUMBER), (name, &value)], Handling::Strict).unwrap();
        let wanted = ("entity".to_owned(), format!("Patient/{}", patient_id(NUMBER)));
        assert_eq!(search.used().collect::<Vec<_>>(), [wanted], "{name}={value}");
    }
}

#[test]
fn a_query_too_long_for_a_link_is_refused() {
    let value = vec!["http://snomed.info/sct|342191000000101"; 80].join(",");
    assert!(flag(&[("patient", NUMBER), ("code", &value)]).is_ok());
    let pairs = [("patient", NUMBER), ("code", &value), ("code", &value), ("code", &value)];
    assert!(matches!(flag(&pairs), Err(SearchError::Undecodable { .. })));
}

#[test]
fn a_search_shows_nothing_of_what_was_asked() {
    let shown = format!("{:?}", flag(&[("patient", NUMBER), ("author", "secret")]).unwrap());
    assert_eq!(shown, "Search(Flag, 1 filters, 0 includes)");
}

#[test]
fn every_filter_but_none_of_the_rest_has_a_definition() {
    for row in SEARCHABLE {
        for parameter in row.parameters() {
            assert_eq!(parameter.definition.is_some(), parameter.kind.is_filter(), "{}.{}", row.name, parameter.name);
            assert_eq!(parameter.kind.is_filter(), parameter.kind.fhir_type() != registry::SearchParamType::Special);
        }
    }
    let own: Vec<_> = registry::own_definitions().map(|(row, parameter)| (row.name, parameter.name)).collect();
    assert_eq!(own, [("Flag", "status"), ("EpisodeOfCare", "team")]);
    let url = |name| Searchable::of(ResourceType::Flag).unwrap().parameter(name).unwrap().definition.unwrap().url("https://x/R4");
    assert_eq!(url("status"), "https://x/R4/SearchParameter/cpis-flag-status");
    assert_eq!(url("code"), "https://fhir.nhs.uk/England/SearchParameter/England-FlagCode");
}
