//! What a search shows of an answer: compared with a naive filter over the built resources.

use super::naive;
use crate::cpis::{Access, AccessTime, Answer, Entry, PlanType};
use crate::fhir::graph::{Context, Graph, NodeKey, ResourceType};
use crate::fhir::search::pairs::Pair;
use crate::fhir::search::registry::{PATIENT_FLAG, SEARCHABLE, Searchable};
use crate::fhir::search::select::select;
use crate::fhir::search::{BaseUrl, Cursor, Handling, LookFingerprint, ReferenceResolver, Search, SearchError, Selection};
use crate::fhir::{json, resources, samples};
use jiff::civil::{Date, date};
use proptest::prelude::*;
use serde_json::Value;

fn parse(view: &'static Searchable, pairs: &[(String, String)]) -> Result<Search, SearchError> {
    let child = Pair { name: "patient".to_owned(), value: samples::ASKED.to_owned() };
    let pairs = pairs.iter().map(|(name, value)| Pair { name: name.clone(), value: value.clone() });
    let (ids, bases) = (samples::keys(), BaseUrl::of_url("https://trust.example/FHIR/R4").into_iter().collect());
    let pairs = std::iter::once(child).chain(pairs).collect::<Vec<_>>();
    Search::parse(view, &pairs, Handling::Strict, ReferenceResolver { ids: &ids, bases })
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn shown(answer: &Answer, resource: ResourceType, pairs: &[(&str, &str)]) -> Selection {
    let keys = samples::keys();
    let graph = Graph::new(answer, &samples::context(&keys));
    select(&parse(Searchable::of(resource).unwrap(), &owned(pairs)).unwrap(), &graph, &keys)
}

fn built(graph: &Graph<'_>, key: NodeKey) -> Value {
    let mut out = Vec::new();
    json::write_resource(&mut out, &resources::build(graph, key));
    serde_json::from_slice(&out).unwrap()
}

fn any_day() -> impl Strategy<Value = Date> {
    (2023i16..=2026, 1i8..=12, 1i8..=28).prop_map(|(year, month, day)| date(year, month, day))
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let kinds = proptest::sample::select(PlanType::ALL.to_vec());
    let plan = (kinds, any_day(), proptest::option::of(any_day()))
        .prop_map(|(kind, start, end)| samples::plan(kind, start, end.filter(|end| *end >= start)));
    prop_oneof![4 => plan, 1 => proptest::sample::select(samples::EVERY_REASON.to_vec()).prop_map(Entry::Unreadable)]
}

/// In winter, when England's day is that of UTC.
fn any_access() -> impl Strategy<Value = Access> {
    let time = prop_oneof![
        3 => (1i8..=28, 0i8..24).prop_map(|(day, hour)| samples::at(&format!("2025-12-{day:02}T{hour:02}:00:00Z"))),
        1 => (1i8..=28).prop_map(|day| AccessTime::On(date(2025, 12, day))),
        1 => Just(AccessTime::Unknown),
    ];
    let author = (0usize..4).prop_map(|kind| match kind {
        0 => samples::person(),
        1 => samples::system(0),
        2 => samples::system(2),
        _ => crate::cpis::Author::Unknown,
    });
    ("[a-z0-9]{0,4}", time, author).prop_map(|(id, time, author)| samples::access(&id, time, author))
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let entries = || proptest::collection::vec(any_entry(), 0..5);
    (entries(), entries(), entries(), proptest::collection::vec(any_access(), 0..6)).prop_map(|(one, two, nobody, accesses)| {
        let unreadable = nobody.into_iter().filter(|entry| matches!(entry, Entry::Unreadable(_))).collect();
        let records = vec![
            samples::record(samples::exampleshire(), one, vec![samples::child()]),
            samples::record(samples::sampleton(), two, vec![samples::mother()]),
            crate::cpis::Record { authority: None, entries: unreadable, subjects: Vec::new() },
        ];
        Answer { accesses, ..samples::answer(records) }
    })
}

/// Values of one parameter: of every form, some that match something and some that match nothing.
fn values(name: &str, graph: &Graph<'_>) -> Vec<String> {
    let fixed: &[&str] = match name {
        "code" | "category" | "type" => &[
            "342191000000101",
            "http://snomed.info/sct|764841000000100",
            "http://snomed.info/sct|",
            "818901000000100",
            "child-protection-information-system-flag",
            "|342191000000101",
            "safety",
            "LACI",
            "SAFETY",
            "nothing",
            "https://fhir.nhs.uk/R4/CodeSystem/CPIS-ObservationType|",
            "http://snomed.info/sct|LACI",
        ],
        "status" => {
            &["active", "inactive", "finished", "planned", "draft", "Active", "http://hl7.org/fhir/flag-status|active", "x|"]
        }
        "date" => &["2025", "ge2025-06", "le2025-12-24", "sa2024-02-29", "eb2025-12-10", "ne2025-12", "gt2026-01-15", "lt2024"],
        "author:identifier" | "organization:identifier" => &["999", "https://fhir.nhs.uk/Id/ods-organization-code|E09X", "X1"],
        "agent:identifier" => {
            &["555000333444", "https://fhir.nhs.uk/Id/nhsSpineASID|", "https://fhir.nhs.uk/Id/nhs-number|", "nobody"]
        }
        _ => &["unknown-id", "Organization/unknown-id", "Practitioner/x"],
    };
    let mut values: Vec<String> = fixed.iter().map(|value| (*value).to_owned()).collect();
    if !matches!(name, "code" | "category" | "type" | "status" | "date") && !name.contains(':') {
        for key in ResourceType::ALL.into_iter().flat_map(|kind| graph.of_type(kind)) {
            values.push(graph.id(key).to_owned());
            values.push(format!("{}/{}", key.kind.name(), graph.id(key)));
        }
    }
    if name == "_id" {
        values.retain(|value| !value.contains('/'));
    }
    values
}

fn names(view: &Searchable) -> Vec<String> {
    let mut names = Vec::new();
    for parameter in view.parameters().filter(|parameter| parameter.kind.is_filter()) {
        if matches!(parameter.name, "patient" | "subject") {
            continue;
        }
        names.push(parameter.name.to_owned());
        if matches!(parameter.name, "author" | "organization" | "agent") {
            names.push(format!("{}:identifier", parameter.name));
        }
    }
    names
}

/// For each filter, a random parameter and a random value of it.
type Choices = Vec<(prop::sample::Index, Vec<prop::sample::Index>)>;

fn any_choices() -> impl Strategy<Value = Choices> {
    let value = proptest::collection::vec(any::<prop::sample::Index>(), 1..3);
    proptest::collection::vec((any::<prop::sample::Index>(), value), 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn filters_say_what_the_built_resources_show_and_pages_show_each_match_once(
        answer in any_answer(),
        row in 0..SEARCHABLE.len(),
        choices in any_choices(),
        count in 1usize..5,
        sort in proptest::option::of(proptest::sample::select(vec!["date", "-date"])),
        today in any_day(),
    ) {
        let keys = samples::keys();
        let graph = Graph::new(&answer, &Context { today, ..samples::context(&keys) });
        let view = &SEARCHABLE[row];
        let names = names(view);
        let mut pairs: Vec<(String, String)> = choices.iter().map(|(name, of_it)| {
            let name = name.get(&names).clone();
            let values = values(&name, &graph);
            let chosen: Vec<&str> = of_it.iter().map(|value| value.get(&values).as_str()).collect();
            (name, chosen.join(","))
        }).collect();
        let filters = pairs.clone();
        pairs.extend(sort.map(|sort| ("_sort".to_owned(), sort.to_owned())));

        let meets = |key: &NodeKey| {
            let resource = built(&graph, *key);
            filters.iter().all(|(name, value)| naive::meets(&resource, name, value))
        };
        let naive: Vec<NodeKey> = graph.of_type(view.resource).filter(meets).collect();
        let search = match parse(view, &pairs) {
            // A refused search would have found only what meets every filter.
            Err(SearchError::NeverFound { .. }) => {
                let readable = |key: &&NodeKey| graph.plan(**key).is_none_or(|node| node.unreadable().is_none());
                prop_assert_eq!(naive.iter().find(readable), None);
                return Ok(());
            }
            other => other.unwrap(),
        };
        let all = select(&search, &graph, &keys);
        let mut found = all.matches.clone();
        if sort.is_some() { found.sort_unstable(); }
        prop_assert_eq!(&found, &naive);
        prop_assert_eq!((all.total, all.held), (naive.len(), graph.of_type(view.resource).len()));
        prop_assert_eq!(all.removed_by_filters, (all.total == 0 && all.held > 0).then_some(all.held));

        pairs.push(("_count".to_owned(), count.to_string()));
        let mut search = parse(view, &pairs).unwrap();
        let (mut walked, mut day) = (Vec::new(), today);
        loop {
            // Each page orders the look again, as of the day in its link.
            let graph = Graph::new(&answer, &Context { today: day, ..samples::context(&keys) });
            let page = select(&search, &graph, &keys);
            prop_assert_eq!(page.total, all.total);
            prop_assert!(page.matches.len() <= count);
            prop_assert_eq!(page.prev_offset.is_some(), !walked.is_empty());
            walked.extend(page.matches.iter().map(|key| graph.id(*key).to_owned()));
            let Some(next) = page.next_offset else { break };
            let cursor = Cursor::open(&Cursor::of(&search, next, &answer, day).seal(&keys), &keys).unwrap();
            prop_assert!(cursor.look == LookFingerprint::of(&answer));
            search = cursor.search(&[], &keys).unwrap();
            day = cursor.day;
        }
        let every: Vec<String> = all.matches.iter().map(|key| graph.id(*key).to_owned()).collect();
        prop_assert_eq!(&walked, &every);
        walked.sort_unstable();
        walked.dedup();
        prop_assert_eq!(walked.len(), all.total);
    }

    #[test]
    fn no_names_and_values_make_it_panic_or_tell_the_number_in_a_link(
        row in 0..SEARCHABLE.len(),
        name in "(_id|code|category|type|status|date|author|organization|agent|entity|detail|team|care-team|_count|_summary|\
                 _elements|_total|_sort|_include|_revinclude|_format|_pretty)(:identifier|:not|:iterate|:Organization|:Patient|)|\\PC{0,12}",
        value in "(Patient/|https://fhir\\.nhs\\.uk/Id/nhs-number\\||ge|)(9990000018|999 000 0018|a|b\\\\,c|2025-09|)(,x|\\||)|\\PC{0,40}",
    ) {
        let keys = samples::keys();
        let answer = samples::large();
        let graph = Graph::new(&answer, &samples::context(&keys));
        let pairs = vec![(name.clone(), value)];
        if let Ok(search) = parse(&SEARCHABLE[row], &pairs) {
            let selection = select(&search, &graph, &keys);
            prop_assert!(selection.total <= selection.held);
            let used = format!("{:?} {search:?}", search.used().collect::<Vec<_>>());
            let plain: String = used.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
            prop_assert!(!plain.contains(samples::ASKED), "{used}");
            let token = Cursor::of(&search, 0, &answer, samples::TODAY).seal(&keys);
            let again = Cursor::open(&token, &keys).unwrap().search(&[], &keys).unwrap();
            prop_assert_eq!(select(&again, &graph, &keys), selection);
        }
    }
}

#[test]
fn a_placeholder_is_lost_to_no_filter_by_date_code_category_type_or_status() {
    let entries = vec![Entry::Unreadable(crate::cpis::Unreadable::EndDate)];
    let answer = samples::answer(vec![samples::record(samples::exampleshire(), entries, vec![samples::child()])]);
    for (resource, name, value) in [
        (ResourceType::Flag, "date", "eb1990"),
        (ResourceType::Flag, "date", "sa2090"),
        (ResourceType::Flag, "code", "764841000000100"),
        (ResourceType::Flag, "category", "safety"),
        (ResourceType::Flag, "status", "active"),
        (ResourceType::Flag, "status", "inactive"),
        (ResourceType::EpisodeOfCare, "type", "LACI"),
        (ResourceType::CareTeam, "category", "764841000000100"),
        (ResourceType::CarePlan, "date", "ne2025"),
    ] {
        assert_eq!(shown(&answer, resource, &[(name, value)]).total, 1, "{name}={value}");
    }
}

#[test]
fn a_filter_that_removes_everything_says_so_and_a_child_without_a_record_does_not() {
    let answer = samples::large();
    let held = shown(&answer, ResourceType::Flag, &[]).total;
    let filters = [("author", "Organization/forged"), ("status", "inactive")];
    for pairs in [&filters[..1], &[filters[0], ("_summary", "count")], &[filters[0], ("_count", "0")], &[("_id", "forged")]] {
        let selection = shown(&answer, ResourceType::CarePlan, &[("care-team", "forged")]);
        assert_eq!((selection.total, selection.removed_by_filters), (0, Some(held)));
        let selection = shown(&answer, ResourceType::Flag, pairs);
        // Records of an unknown authority cannot be ruled out.
        let unknown = if pairs[0].0 == "author" { 2 } else { 0 };
        assert_eq!(selection.total, unknown, "{pairs:?}");
        assert_eq!(selection.removed_by_filters.is_some(), unknown == 0);
    }
    let nothing = shown(&samples::no_record(), ResourceType::Flag, &filters);
    assert_eq!((nothing.total, nothing.removed_by_filters), (0, None));
}

#[test]
fn a_count_of_zero_and_a_summary_count_show_the_total_alone() {
    let answer = samples::large();
    for pair in [("_count", "0"), ("_summary", "count")] {
        let selection = shown(&answer, ResourceType::Flag, &[pair, ("_include", "*")]);
        assert!(selection.matches.is_empty() && selection.included.is_empty());
        assert_eq!((selection.total, selection.next_offset), (14, None));
    }
}

#[test]
fn an_accessor_is_found_by_reference_and_by_identifier() {
    let answer = samples::large();
    assert_eq!(shown(&answer, ResourceType::AuditEvent, &[("agent:identifier", "200000000777")]).total, 2);
    assert_eq!(shown(&answer, ResourceType::AuditEvent, &[("entity", samples::ASKED)]).total, 7);
    let by_number = ("entity:identifier", "https://fhir.nhs.uk/Id/nhs-number|9990000018");
    assert_eq!(shown(&answer, ResourceType::AuditEvent, &[by_number]).total, 7);
    let keys = samples::keys();
    let graph = Graph::new(&answer, &samples::context(&keys));
    let device =
        format!("https://trust.example/FHIR/R4/Device/{}", graph.id(graph.of_type(ResourceType::Device).next().unwrap()));
    assert_eq!(shown(&answer, ResourceType::AuditEvent, &[("agent", &device)]).total, 1);
    assert_eq!(shown(&answer, ResourceType::AuditEvent, &[("agent:Device", &device)]).total, 1);
}

#[test]
fn the_patient_flag_view_brings_plan_and_team_in_one_request_where_code_is_given() {
    let answer = samples::large();
    let keys = samples::keys();
    let graph = Graph::new(&answer, &samples::context(&keys));
    let one = select(&parse(PATIENT_FLAG, &[]).unwrap(), &graph, &keys);
    assert_eq!((one.total, one.included.len()), (14, 0));
    let code = owned(&[("code", "child-protection-information-system-flag")]);
    let search = parse(PATIENT_FLAG, &code).unwrap();
    assert_eq!(search.used().collect::<Vec<_>>(), code);
    let selection = select(&search, &graph, &keys);
    let count = |kind| selection.included.iter().filter(|key| key.kind == kind).count();
    assert_eq!((selection.total, count(ResourceType::CarePlan), count(ResourceType::CareTeam)), (14, 14, 14));
    assert_eq!(selection.included.len(), 28);
    let refused = ["status", "date", "_count", "_include", "subject"].map(|name| parse(PATIENT_FLAG, &owned(&[(name, "x")])));
    assert!(refused.into_iter().all(|refused| matches!(refused, Err(SearchError::UnknownParameter { .. }))));
}
