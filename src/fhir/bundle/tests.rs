use super::*;
use crate::cpis::{Access, PlanType};
use crate::fhir::samples;
use crate::fhir::search::pairs::Pair;
use crate::fhir::search::registry::{PATIENT_FLAG, SEARCHABLE, Searchable};
use crate::fhir::search::{Handling, Search};
use jiff::civil::date;

fn bundle(answer: &Answer, view: &'static Searchable, pairs: &[(&str, &str)]) -> Bundle {
    let keys = samples::keys();
    let pair = |(name, value): &(&str, &str)| Pair { name: (*name).to_owned(), value: (*value).to_owned() };
    let pairs: Vec<Pair> = [("patient", samples::ASKED)].iter().chain(pairs).map(pair).collect();
    let search = Search::parse(view, &pairs, Handling::Strict, &keys).unwrap();
    let graph = Graph::new(answer, &samples::context(&keys));
    let page = Searchset { search: &search, answer, graph: &graph, base_url: "https://trust.example/FHIR/R4", ids: &keys };
    match page.to_bundle() {
        Resource::Bundle(bundle) => *bundle,
        _ => panic!("no Bundle"),
    }
}

fn total(bundle: &Bundle) -> Option<u32> {
    bundle.total.as_ref().and_then(|total| total.value)
}

/// Answers with a record and with none, each with accesses and without.
fn answers() -> Vec<(bool, Answer)> {
    let large = samples::large();
    let accesses: Vec<Access> = large.accesses.clone();
    let plan = samples::one_plan(PlanType::LookedAfter, date(2025, 9, 1), None);
    vec![
        (true, samples::no_record()),
        (true, Answer { accesses: accesses.clone(), ..samples::no_record() }),
        (false, Answer { accesses: Vec::new(), ..plan.clone() }),
        (false, Answer { accesses, ..plan }),
        (false, large),
    ]
}

#[test]
fn nothing_but_no_record_is_an_empty_searchset() {
    let everywhere = [vec![], vec![("_id", "forged")], vec![("_summary", "count")], vec![("_count", "0")]];
    let filtered = [vec![("_id", "forged"), ("_summary", "count")], vec![("_id", "forged"), ("_count", "1")]];
    for (no_record, answer) in answers() {
        for view in SEARCHABLE.iter().chain([PATIENT_FLAG]) {
            for pairs in everywhere.iter().chain(&filtered) {
                if view.name == "PatientFlag" && !pairs.is_empty() {
                    continue;
                }
                let bundle = bundle(&answer, view, pairs);
                let empty = total(&bundle) == Some(0) && bundle.entry.is_empty();
                let held = if view.resource.is_per_plan() { !no_record } else { !no_record || !answer.accesses.is_empty() };
                assert_eq!(empty, !held, "{} {pairs:?} {no_record}", view.name);
            }
        }
    }
}

#[test]
fn where_something_is_held_and_nothing_matches_a_total_of_0_is_for_who_asked_for_it() {
    let counted =
        [vec![("_summary", "count")], vec![("_count", "0")], vec![("_total", "accurate")], vec![("_total", "estimate")]];
    for (no_record, answer) in answers() {
        for view in SEARCHABLE {
            let none = [("_id", "forged")];
            let held = !no_record || total(&bundle(&answer, view, &[("_total", "accurate")])) != Some(0);
            let (expected, shown) = (if held { None } else { Some(0) }, total(&bundle(&answer, view, &none)));
            assert_eq!(shown, expected, "{} {no_record}", view.name);
            assert_eq!(total(&bundle(&answer, view, &[none[0], ("_total", "none")])), expected, "{} {no_record}", view.name);
            for asked in &counted {
                assert_eq!(total(&bundle(&answer, view, &[none[0], asked[0]])), Some(0), "{} {asked:?}", view.name);
            }
        }
    }
}

#[test]
fn a_record_of_which_no_access_is_listed_says_so() {
    let answer = samples::one_plan(PlanType::ChildProtection, date(2025, 9, 1), None);
    for pairs in [&[][..], &[("_summary", "count")], &[("date", "ge2025")]] {
        let bundle = bundle(&answer, Searchable::of(ResourceType::AuditEvent).unwrap(), pairs);
        let [entry] = bundle.entry.as_slice() else { panic!("{} entries", bundle.entry.len()) };
        let Some(Resource::OperationOutcome(outcome)) = &entry.resource else { panic!("no outcome") };
        assert_eq!(outcome.issue[0].severity.value.as_deref(), Some("information"));
        let text = outcome.issue[0].diagnostics.as_ref().and_then(|text| text.value.clone()).unwrap();
        assert_eq!(text, "CP-IS holds 1 record(s) for this child; no access is listed.");
    }
}
