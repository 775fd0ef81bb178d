//! The OpenAPI document against the code: routes, search parameters and errors, each both ways.
//!
//! That `cpis-fhir.json` is what `cpis-fhir.yaml` says is checked by `scripts/openapi-json --check`.

use cpis_fhir::api::{problem, routes};
use cpis_fhir::fhir::capability::definitions;
use cpis_fhir::fhir::search::registry::SEARCHABLE;
use serde_json::Value;
use std::collections::BTreeSet;

const METHODS: [&str; 8] = ["get", "head", "post", "put", "patch", "delete", "options", "trace"];

fn document() -> Value {
    serde_json::from_str(include_str!("../../openapi/cpis-fhir.json")).unwrap()
}

/// Follows `$ref` as long as there is one.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(pointer) => {
            let target = document.pointer(pointer.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("nothing at {pointer}"));
            resolved(document, target)
        }
        None => value,
    }
}

/// Every operation: method in capitals, path, whether it is at the root, and the operation.
fn operations(document: &Value) -> Vec<(String, String, bool, &Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let at_root = item.get("servers").is_some_and(|servers| servers[0]["url"] == "/");
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                all.push((method.to_uppercase(), path.clone(), at_root, operation));
            }
        }
    }
    all
}

fn operation<'d>(document: &'d Value, method: &str, path: &str) -> &'d Value {
    document["paths"][path].get(method).unwrap_or_else(|| panic!("{method} {path} is not in the document"))
}

fn of_type(resource: &str) -> (Vec<String>, Vec<String>) {
    let document = document();
    let get = operation(&document, "get", &format!("/{resource}"));
    let parameters = get["parameters"].as_array().unwrap().iter().map(|parameter| resolved(&document, parameter));
    let names = parameters.filter(|parameter| parameter["in"] == "query").map(|parameter| parameter["name"].as_str().unwrap());
    let post = operation(&document, "post", &format!("/{resource}/_search"));
    let schema = resolved(&document, &post["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]);
    let form = schema["properties"].as_object().unwrap().keys().cloned().collect();
    (names.map(str::to_owned).collect(), form)
}

fn without_modifier(name: &str) -> &str {
    name.split([':', '.']).next().unwrap_or(name)
}

#[test]
fn every_route_is_documented_and_every_documented_one_is_served() {
    let document = document();
    let documented: BTreeSet<_> = operations(&document).into_iter().map(|(method, path, root, _)| (method, path, root)).collect();
    let known: BTreeSet<_> =
        routes::described().into_iter().map(|route| (route.method.to_owned(), route.path, route.at_root)).collect();
    assert_eq!(documented, known);
}

#[test]
fn every_search_parameter_is_documented_for_its_type_and_the_reverse() {
    for row in SEARCHABLE {
        let resource = row.resource.name();
        let (query, form) = of_type(resource);
        let known: BTreeSet<&str> = row.parameters().map(|parameter| parameter.name).collect();
        for names in [&query, &form] {
            let documented: BTreeSet<&str> = names.iter().map(|name| without_modifier(name)).collect();
            assert_eq!(documented, known, "{resource}");
        }
    }
}

#[test]
fn get_and_post_take_the_same_parameters() {
    for row in SEARCHABLE {
        let (mut query, mut form) = of_type(row.resource.name());
        query.sort();
        form.sort();
        assert_eq!(query, form);
    }
}

/// (status, issue code, Spine code, http-error-code) of every error example that one operation's responses have.
fn documented_errors(document: &Value, operation: &Value) -> BTreeSet<(u16, String, String, String)> {
    let mut errors = BTreeSet::new();
    for (status, response) in operation["responses"].as_object().unwrap() {
        let response = resolved(document, response);
        let Some(examples) = response["content"]["application/fhir+json"]["examples"].as_object() else { continue };
        for example in examples.values() {
            let issue = &example["value"]["issue"][0];
            if issue["severity"] == "error" {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let coding = &issue["details"]["coding"];
                errors.insert((
                    status.parse().unwrap(),
                    text(&issue["code"]),
                    text(&coding[0]["code"]),
                    text(&coding[1]["code"]),
                ));
            }
        }
    }
    errors
}

#[test]
fn every_error_is_documented_for_every_search_and_the_reverse() {
    let document = document();
    let all: BTreeSet<_> = problem::EVERY
        .iter()
        .map(|(status, issue, spine, http)| (*status, issue.code().to_owned(), spine.code().to_owned(), http.code().to_owned()))
        .collect();
    // A search by GET has no body to be too slow, too large or of a wrong type.
    let of_get: BTreeSet<_> = all.iter().filter(|(status, ..)| ![408, 413, 415].contains(status)).cloned().collect();
    for row in SEARCHABLE {
        let resource = row.resource.name();
        let post = operation(&document, "post", &format!("/{resource}/_search"));
        assert_eq!(documented_errors(&document, post), all, "{resource}");
        let get = operation(&document, "get", &format!("/{resource}"));
        assert_eq!(documented_errors(&document, get), of_get, "{resource}");
    }
}

#[test]
fn every_answer_of_fhir_is_in_json_and_xml() {
    let document = document();
    for (method, path, at_root, operation) in operations(&document) {
        if at_root || method == "HEAD" || path.starts_with("/.well-known") {
            continue;
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            if ["304", "431"].contains(&status.as_str()) {
                continue;
            }
            let content = resolved(&document, response)["content"].as_object().unwrap();
            let types: Vec<_> = content.keys().map(String::as_str).collect();
            assert_eq!(types, ["application/fhir+json", "application/fhir+xml"], "{method} {path} {status}");
        }
    }
}

fn each(value: &Value, seen: &mut impl FnMut(&Value)) {
    seen(value);
    match value {
        Value::Object(members) => members.values().for_each(|member| each(member, seen)),
        Value::Array(items) => items.iter().for_each(|item| each(item, seen)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    each(&document, &mut |value| {
        resolved(&document, value);
    });
}

#[test]
fn every_component_is_used() {
    let text = include_str!("../../openapi/cpis-fhir.json");
    let document = document();
    for (group, components) in document["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys().filter(|_| group != "securitySchemes") {
            assert!(text.contains(&format!("\"#/components/{group}/{name}\"")), "{group}/{name}");
        }
    }
}

#[test]
fn every_example_of_a_resource_names_its_type_and_fits_the_schema_at_its_top() {
    let document = document();
    let mut seen = 0;
    for response in document["components"]["responses"].as_object().unwrap().values() {
        let content = &response["content"]["application/fhir+json"];
        let schema = resolved(&document, &content["schema"]);
        let empty = serde_json::Map::new();
        for example in content["examples"].as_object().unwrap_or(&empty).values() {
            let members = example["value"].as_object().unwrap();
            assert_eq!(schema["properties"]["resourceType"]["const"], members["resourceType"]);
            for required in schema["required"].as_array().unwrap() {
                assert!(members.contains_key(required.as_str().unwrap()), "{required}: {example}");
            }
            for name in members.keys() {
                assert!(schema["properties"].get(name).is_some(), "{name}: {example}");
            }
            seen += 1;
        }
    }
    assert!(seen > 30);
}

#[test]
fn nhs_numbers_of_examples_are_invented() {
    let text = include_str!("../../openapi/cpis-fhir.json");
    let bytes = text.as_bytes();
    for (at, window) in bytes.windows(10).enumerate() {
        let alone = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_none_or(|byte| !byte.is_ascii_digit());
        if window.iter().all(u8::is_ascii_digit) && alone(at.checked_sub(1)) && alone(Some(at + 10)) {
            let number = std::str::from_utf8(window).unwrap();
            assert!(number.starts_with("999") || cpis_fhir::cpis::NhsNumber::parse(number).is_err(), "at {at}");
        }
    }
}

#[test]
fn every_search_parameter_of_our_own_is_documented() {
    let document = document();
    let parameters = &operation(&document, "get", "/SearchParameter/{id}")["parameters"];
    let id = parameters.as_array().unwrap().iter().find(|parameter| parameter["name"] == "id").unwrap();
    let documented: Vec<_> = id["schema"]["enum"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(documented, definitions::all().map(|own| own.id).collect::<Vec<_>>());
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
}
