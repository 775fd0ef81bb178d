use super::*;
use crate::fhir::graph::Graph;
use crate::fhir::{json, resources, samples};
use serde_json::Value;

fn json_of(resource: &Resource) -> Value {
    let mut out = Vec::new();
    json::write_resource(&mut out, resource);
    serde_json::from_slice(&out).unwrap()
}

/// Each resource of the large sample, whole and in part.
fn each(subset: Subset<'_>, mut look: impl FnMut(ResourceType, &Value, &Value)) {
    let keys = samples::keys();
    let answer = samples::large();
    let graph = Graph::new(&answer, &samples::context(&keys));
    for key in ResourceType::ALL.into_iter().flat_map(|kind| graph.of_type(kind)) {
        let mut resource = resources::build(&graph, key);
        let whole = json_of(&resource);
        apply(&mut resource, subset);
        look(key.kind, &whole, &json_of(&resource));
    }
}

fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(|name| name.trim_start_matches('_')).collect()
}

fn is_tagged(value: &Value) -> bool {
    let tags = value["meta"]["tag"].as_array().unwrap();
    tags.iter().any(|tag| tag["code"] == "SUBSETTED" && tag["system"] == SUBSETTED.system)
}

#[test]
fn every_part_is_tagged_and_keeps_its_id_and_what_is_mandatory() {
    for subset in [Subset::Summary, Subset::Text, Subset::Data, Subset::Elements(&["period"])] {
        each(subset, |kind, whole, part| {
            assert!(is_tagged(part), "{part}");
            assert_eq!(part["id"], whole["id"]);
            for Element { name, .. } in
                elements::of(kind).iter().filter(|element| element.is_always_kept() && element.name != "meta")
            {
                assert_eq!(part[*name], whole[*name], "{name}");
            }
            for tag in whole["meta"]["tag"].as_array().into_iter().flatten() {
                assert!(part["meta"]["tag"].as_array().unwrap().contains(tag), "a placeholder stays marked");
            }
        });
    }
}

#[test]
fn text_keeps_the_narrative_and_data_all_but_the_narrative() {
    each(Subset::Text, |kind, whole, part| {
        assert_eq!(part["text"], whole["text"]);
        let known = ["resourceType", "id", "meta", "text"];
        let always = |name: &str| elements::of(kind).iter().any(|own| own.name == name && own.is_always_kept());
        assert!(names(part).into_iter().all(|name| known.contains(&name) || always(name)), "{part}");
    });
    each(Subset::Data, |_, whole, part| {
        assert!(part.get("text").is_none());
        assert!(names(whole).into_iter().all(|name| name == "text" || names(part).contains(&name)));
    });
}

#[test]
fn a_summary_never_hides_a_telephone_number_of_an_authority() {
    each(Subset::Summary, |kind, whole, part| {
        assert!(part.get("text").is_none());
        if matches!(kind, ResourceType::Organization | ResourceType::CareTeam) {
            assert_eq!(part["telecom"], whole["telecom"]);
        }
        if kind == ResourceType::Flag {
            for name in ["status", "category", "code", "subject", "period", "author"] {
                assert_eq!(part.get(name), whole.get(name));
            }
        }
    });
}

#[test]
fn elements_are_those_asked_for_and_those_that_must_be() {
    each(Subset::Elements(&["period", "text"]), |kind, whole, part| {
        if kind == ResourceType::Flag {
            assert_eq!((part.get("period"), part.get("text")), (whole.get("period"), whole.get("text")));
            assert!(part.get("author").is_none() && part.get("category").is_none() && part.get("extension").is_none());
        }
    });
}

#[test]
fn the_table_knows_every_element_that_is_ever_sent() {
    each(Subset::Data, |kind, whole, _| {
        for name in names(whole).into_iter().filter(|name| *name != "resourceType") {
            assert_eq!(element(kind, name), Some(name));
        }
    });
    for unknown in ["", "Flag", "Status", "flag.status", "resourceType", "deceased[x]", "$invalid"] {
        assert_eq!(element(ResourceType::Flag, unknown), None);
    }
}
