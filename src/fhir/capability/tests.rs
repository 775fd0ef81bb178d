use super::*;
use crate::fhir::json;
use crate::fhir::search::registry::SEARCHABLE;
use serde_json::Value;
use std::collections::HashSet;

const PLAIN: Instance<'_> =
    Instance { base_url: "https://cpis.test/FHIR/R4", bearer: false, gateway: false, get_search: true, patient_flag: false };

fn written(resource: &Resource) -> Value {
    let mut out = Vec::new();
    json::write_resource(&mut out, resource);
    serde_json::from_slice(&out).unwrap()
}

fn of(instance: &Instance<'_>) -> Value {
    written(&statement(instance))
}

fn resource_of(statement: &Value, kind: ResourceType) -> Value {
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    resources.iter().find(|resource| resource["type"] == kind.name()).unwrap().clone()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// cpb-0, 1, 2, 4, 7, 14: what R4 requires of an instance's statement.
#[test]
fn the_invariants_of_an_instance_hold() {
    let statement = of(&PLAIN);
    let name = statement["name"].as_str().unwrap();
    assert!(name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    assert_eq!(statement["kind"], "instance");
    assert!(statement["implementation"]["description"].is_string());
    assert_eq!(statement["implementation"]["url"], PLAIN.base_url);
    assert_eq!(statement["rest"].as_array().unwrap().len(), 1);
    assert!(statement.get("messaging").is_none() && statement.get("document").is_none());
    assert_eq!(statement["fhirVersion"], "4.0.1");
    for format in ["application/fhir+json", "application/fhir+xml"] {
        assert!(texts(&statement["format"]).contains(&format));
    }
}

/// cpb-9 and cpb-12.
#[test]
fn no_type_and_no_parameter_of_a_type_is_described_twice() {
    let statement = of(&PLAIN);
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    let types: HashSet<_> = resources.iter().map(|resource| resource["type"].as_str().unwrap()).collect();
    assert_eq!((types.len(), resources.len()), (9, 9));
    for resource in resources {
        let empty = Vec::new();
        let parameters = resource["searchParam"].as_array().unwrap_or(&empty);
        let names: HashSet<_> = parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), parameters.len(), "{resource}");
    }
}

#[test]
fn every_type_can_be_read_and_the_rows_of_the_registry_can_be_searched() {
    let statement = of(&PLAIN);
    for kind in ResourceType::ALL {
        let resource = resource_of(&statement, kind);
        let codes: Vec<_> = resource["interaction"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
        let row = SEARCHABLE.iter().find(|row| row.resource == kind);
        assert_eq!(codes, if row.is_some() { vec!["read", "search-type"] } else { vec!["read"] });
        assert_eq!(resource["profile"], format!("https://fhir.hl7.org.uk/StructureDefinition/UKCore-{}", kind.name()));
        assert_eq!(resource.get("searchParam").is_some(), row.is_some());
    }
}

#[test]
fn includes_are_those_of_the_registry() {
    let flag = resource_of(&of(&PLAIN), ResourceType::Flag);
    assert_eq!(texts(&flag["searchInclude"]), ["Flag:author", "Flag:subject", "Flag:patient", "Flag:detail"]);
    let episode = resource_of(&of(&PLAIN), ResourceType::EpisodeOfCare);
    assert_eq!(texts(&episode["searchRevInclude"]), ["Flag:detail"]);
}

#[test]
fn what_the_settings_switch_shows() {
    let plain = of(&PLAIN);
    assert!(plain["rest"][0]["security"].get("service").is_none());
    assert!(resource_of(&plain, ResourceType::Flag).get("supportedProfile").is_none());
    let other = of(&Instance { bearer: true, gateway: true, get_search: false, patient_flag: true, ..PLAIN });
    let services = other["rest"][0]["security"]["service"].as_array().unwrap();
    let codes: Vec<_> = services.iter().map(|service| service["coding"][0]["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["OAuth", "Certificates"]);
    assert!(other["rest"][0]["documentation"].as_str().unwrap().contains("GET search is switched off"));
    let profiles = resource_of(&other, ResourceType::Flag);
    assert_eq!(
        texts(&profiles["supportedProfile"]),
        ["https://fhir.nhs.uk/England/StructureDefinition/England-Flag-PatientFlag"]
    );
}

#[test]
fn a_batch_is_promised_only_where_it_is_served() {
    assert_eq!(of(&PLAIN)["rest"][0].get("interaction").is_some(), BATCH_IS_SERVED);
}

#[test]
fn our_own_parameters_are_whole_definitions() {
    assert_eq!(definitions::all().count(), 2);
    for own in definitions::all() {
        let resource = written(&own.search_parameter(PLAIN.base_url));
        assert_eq!(resource["resourceType"], "SearchParameter");
        assert_eq!(resource["url"], format!("{}/SearchParameter/{}", PLAIN.base_url, own.id));
        for name in ["name", "status", "description", "code", "base", "type", "expression"] {
            assert!(resource.get(name).is_some(), "{name}: {resource}");
        }
        assert!(definitions::find(own.id).is_some());
    }
}
