//! Defaults, then the file, then the environment.

use super::{Fixture, load, path};
use crate::access::{IdentityPart, KeySource, Mode};
use crate::cpis::SdsId;
use crate::settings::names;
use std::fmt::Write as _;
use std::time::Duration;

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_defaults() {
    let fixture = Fixture::new().with_toml("[smsp]\ntimeout = \"30s\"\nmax_in_flight = 7\n").with("smsp.max_in_flight", "9");
    let rules = fixture.settings().lookup.rules;
    let bulkhead = rules.bulkhead;
    assert_eq!((rules.patience.caller, bulkhead.max_in_flight, bulkhead.max_queued), (Duration::from_secs(30), 9, 256));
}

#[test]
fn a_file_alone_is_enough() {
    let fixture = Fixture::new();
    let mut toml = String::new();
    for (key, value) in fixture.settings.iter().filter(|(key, _)| !key.contains('[')) {
        writeln!(toml, "{key} = {value:?}").unwrap();
    }
    toml.push_str(
        "[[access.issuers]]\nissuer = \"https://issuer.example\"\naudience = [\"cpis-fhir\"]\nclaims.user_id = \"uid\"\n",
    );
    let mut fixture = fixture.with_toml(&toml);
    fixture.settings.clear();
    let settings = fixture.settings();
    assert_eq!(path(&settings.access.issuers[0], IdentityPart::UserId), Some("uid"));
}

#[test]
fn a_variable_can_name_the_file() {
    let fixture = Fixture::new().with_toml("telemetry.log = \"purple\"");
    let mut env = fixture.env();
    env.push(("CPIS_FHIR_CONFIG".to_owned(), fixture.path("cpis.toml").display().to_string()));
    assert!(load(None, env).is_err_and(|error| error.to_string().contains("telemetry.log")));
}

#[test]
fn values_of_the_file_are_native_or_text() {
    let toml = "limits = { body = 2048, requests_per_second = \"3\" }\nlookup.share_for = 0\nfhir.get_search = \"false\"\n";
    let settings = Fixture::new().with_toml(toml).settings();
    assert_eq!((settings.api.limits.body, settings.api.limits.requests_per_second), (2048, Some(3)));
    assert_eq!(settings.lookup.rules.sharing.share_for, Duration::ZERO);
    assert!(!settings.api.fhir.get_search);
}

#[test]
fn a_list_has_two_forms_in_a_variable() {
    for form in ["R0260,R0270", "[\"R0260\", \"R0270\"]", "['R0260','R0270',]"] {
        assert_eq!(Fixture::new().with("access.allow.roles", form).settings().access.allow.roles, ["R0260", "R0270"], "{form}");
    }
    assert_eq!(Fixture::demo().with("access.modes", "[\"demo\"]").settings().access.modes, [Mode::Demo]);
}

#[test]
fn a_list_of_tables_is_written_as_toml_as_json_or_by_index() {
    let toml = "[{ods = \"X26\", name = \"North, East\"}, {ods = \"Y27\", asid = \"200000000002\"}]";
    let json = r#"[{"ods": "X26", "name": "North, East"}, {"ods": "Y27", "asid": "200000000002"}]"#;
    let by_index = Fixture::new()
        .with("access.organisations[0].ods", "X26")
        .with("access.organisations[0].name", "North, East")
        .with("access.organisations[1].ods", "Y27")
        .with("access.organisations[1].asid", "200000000002");
    for fixture in [
        Fixture::new().with("access.organisations", toml),
        Fixture::new().with("access.organisations", json),
        Fixture::new()
            .with("access.organisations[0]", "{ods = \"X26\", name = \"North, East\"}")
            .with("access.organisations[1]", r#"{"ods": "Y27", "asid": "200000000002"}"#),
        by_index,
    ] {
        let organisations = fixture.settings().access.organisations;
        assert_eq!(organisations.iter().map(|one| one.ods.as_str()).collect::<Vec<_>>(), ["X26", "Y27"]);
        assert_eq!(organisations[0].name.as_deref(), Some("North, East"));
        assert_eq!(organisations[1].asid.as_ref().map(SdsId::as_str), Some("200000000002"));
    }
}

#[test]
fn a_whole_list_in_a_variable_replaces_the_files_list_and_a_single_key_changes_it() {
    let toml = "[[access.organisations]]\nods = \"A1\"\nname = \"Old\"\n[[access.organisations]]\nods = \"B2\"\n";
    let replaced = Fixture::new().with_toml(toml).with("access.organisations", "[{ods=\"C3\"}]").settings();
    assert_eq!(replaced.access.organisations.len(), 1);
    assert_eq!((replaced.access.organisations[0].ods.as_str(), &replaced.access.organisations[0].name), ("C3", &None));
    let changed = Fixture::new().with_toml(toml).with("access.organisations[0].name", "New").settings();
    assert_eq!(changed.access.organisations[0].name.as_deref(), Some("New"));
    assert_eq!(changed.access.organisations.len(), 2);
    let item = Fixture::new().with_toml(toml).with("access.organisations[0]", "{ods=\"D4\"}").settings();
    assert_eq!((item.access.organisations[0].ods.as_str(), &item.access.organisations[0].name), ("D4", &None));
    assert_eq!(item.access.organisations[1].ods, "B2");
    let emptied = Fixture::new().with_toml(toml).with("access.organisations", "").settings();
    assert!(emptied.access.organisations.is_empty());
}

#[test]
fn more_than_ten_items_keep_their_order() {
    let mut fixture = Fixture::new();
    for at in 0..12 {
        fixture = fixture.with(&format!("access.organisations[{at}].ods"), &format!("X{at}"));
    }
    assert_eq!(fixture.settings().access.organisations[11].ods, "X11");
}

#[test]
fn letter_case_of_a_variable_does_not_matter() {
    let mut env = Fixture::new().env();
    env.push(("cpis_fhir__Telemetry__LOG".to_owned(), "purple".to_owned()));
    let message = load(None, env).err().map(|error| error.to_string()).unwrap_or_default();
    // The files of the fixture are gone by now; its faults do not matter here.
    assert!(message.contains("telemetry.log (CPIS_FHIR__TELEMETRY__LOG"), "{message}");
}

#[test]
fn two_variables_for_one_key_are_a_fault() {
    let fixture = Fixture::new().with("telemetry.log", "json");
    let mut env = fixture.env();
    env.push(("CPIS_FHIR__telemetry__log".to_owned(), "pretty".to_owned()));
    let message = load(None, env).expect_err("a fault").to_string();
    assert!(message.contains("telemetry.log (CPIS_FHIR__TELEMETRY__LOG): is set by two variables"), "{message}");
}

#[test]
fn other_variables_are_left_alone_but_a_near_miss_is_warned_of() {
    let fixture = Fixture::new();
    let mut env = fixture.env();
    for (name, value) in [("PATH", "/bin"), ("CPIS_FHIR_SERVICE_HOST", "10.0.0.1"), ("CPIS_FHIR_SMSP_TIMEOUT", "9s")] {
        env.push((name.to_owned(), value.to_owned()));
    }
    let settings = load(None, env).expect("settings");
    assert_eq!(
        settings.warnings,
        ["the environment variable CPIS_FHIR_SMSP_TIMEOUT is not read; did you mean CPIS_FHIR__SMSP__TIMEOUT?"]
    );
}

#[test]
fn keys_are_found_where_the_issuer_says_or_where_the_settings_say() {
    let jwks = Fixture::new().with("access.issuers[0].jwks_url", "http://127.0.0.1:9/jwks").settings();
    assert!(matches!(&jwks.access.issuers[0].keys, KeySource::Jwks(url) if url.path() == "/jwks"));
    let found = Fixture::new().with("access.issuers[0].discovery", "https://other.example/config").settings();
    assert!(matches!(&found.access.issuers[0].keys, KeySource::Discovery(url) if url.host_str() == Some("other.example")));
}

#[test]
fn every_key_can_be_given_by_file_and_by_variable() {
    for key in crate::settings::table::ROWS.iter() {
        let name = key.name.replace("[]", "[0]");
        // A date has the form of no setting, so each key must be named in its own fault.
        let fixture = Fixture::new().with_toml(&format!("{} = 2024-01-01\n", key.name.replace("[].", ".")));
        if !key.name.contains("[]") && !fixture.settings.contains_key(&name) {
            let message = fixture.message();
            assert!(message.contains(&format!("- {name} ({}, set in ", names::variable(&name))), "{message}");
        }
        let message = Fixture::new().with(&name, "\u{7}").message();
        assert!(message.contains(&format!("- {name} ({})", names::variable(&name))), "{message}");
    }
}
