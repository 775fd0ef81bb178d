//! All keys and their defaults, written out a second time: names and defaults are a contract (decisions.md 17).

use super::{Fixture, path};
use crate::access::{IdentityPart, KeySource, Mode};
use crate::api::{HandlingPolicy, ScheduledCare};
use crate::cpis::CareSetting;
use crate::settings::key::Initial;
use crate::settings::names::row;
use crate::smsp::{AuthorTemplate, PayloadForm};
use crate::telemetry::LogForm;
use crate::{audit, lookup};
use std::time::Duration;

/// Keys and the defaults that operators rely on; `None` where there is no fixed value.
const SPECIFIED: &[(&str, Option<&str>)] = &[
    ("server.listen", Some("127.0.0.1:8080")),
    ("server.base_path", Some("/FHIR/R4")),
    ("server.public_url", None),
    ("server.cors_origins", Some("[]")),
    ("server.tls.cert", None),
    ("server.tls.key", None),
    ("server.tls.client_ca", None),
    ("admin.listen", Some("127.0.0.1:9090")),
    ("admin.tls.cert", None),
    ("admin.tls.key", None),
    ("admin.tls.client_ca", None),
    ("smsp.url", None),
    ("smsp.ca", None),
    ("smsp.client_cert", None),
    ("smsp.client_key", None),
    ("smsp.username", None),
    ("smsp.sender_ods", None),
    ("smsp.receiver_ods", None),
    ("smsp.asid", None),
    ("smsp.action", Some("urn:nhs-itk:services:201005:sendRecvDistEnvelope")),
    ("smsp.profile_id", Some("urn:nhs-en:profile:CP-ISNHSQuery-v2-0")),
    ("smsp.interaction_id", Some("urn:nhs-itk:interaction:CP-ISNHSQuery-v1-0")),
    ("smsp.payload_form", Some("stub")),
    ("smsp.soap_action_quoted", Some("true")),
    ("smsp.connect_timeout", Some("5s")),
    ("smsp.timeout", Some("20s")),
    ("smsp.late_timeout", Some("60s")),
    ("smsp.to_asid", None),
    ("smsp.send_traceparent", Some("true")),
    ("smsp.max_in_flight", Some("64")),
    ("smsp.max_queued", Some("256")),
    ("smsp.breaker.failures", Some("5")),
    ("smsp.breaker.open_for", Some("15s")),
    ("author.template", Some("auto")),
    ("author.nominated.role_code", None),
    ("author.nominated.role_name", None),
    ("author.nominated.prefix", None),
    ("author.nominated.given", None),
    ("author.nominated.family", None),
    ("author.role_code_system", Some("2.16.840.1.113883.2.1.3.2.4.17.196")),
    ("cpis.scheduled_care", Some("refuse")),
    ("access.modes", Some("[\"bearer\"]")),
    ("access.issuers[].issuer", None),
    ("access.issuers[].jwks_url", None),
    ("access.issuers[].discovery", None),
    ("access.issuers[].audience", None),
    ("access.gateway.certificates", Some("[]")),
    ("access.organisations[].ods", None),
    ("access.organisations[].name", None),
    ("access.organisations[].asid", None),
    ("access.care_setting", Some("emergency-department")),
    ("access.care_settings", Some("[\"all\"]")),
    ("access.allow.audit_roles", Some("[]")),
    ("access.allow.roles", Some("[]")),
    ("access.allow.activities", Some("[\"B0107\"]")),
    ("access.allow.organisations", Some("[]")),
    ("lookup.share_for", Some("5m")),
    ("lookup.refresh_after", None),
    ("lookup.store", Some("memory")),
    ("lookup.store_key_file", None),
    ("lookup.window_file", None),
    ("audit.store", Some("sqlite:cpis-fhir-audit.db")),
    ("audit.chain_key_file", None),
    ("audit.encryption_key_file", None),
    ("audit.head_file", None),
    ("audit.commit_timeout", Some("5s")),
    ("audit.online_for", Some("1096d")),
    ("fhir.id_key_file", None),
    ("fhir.handling", Some("strict")),
    ("fhir.get_search", Some("true")),
    ("fhir.require_request_id", Some("false")),
    ("fhir.batch.max_entries", Some("20")),
    ("fhir.batch.max_children", Some("2")),
    ("fhir.patient_flag", Some("false")),
    ("fhir.read_asks", Some("false")),
    ("limits.requests_per_second", Some("20")),
    ("limits.children_per_user", Some("30")),
    ("limits.children_window", Some("10m")),
    ("limits.body", Some("64KiB")),
    ("limits.header_timeout", Some("5s")),
    ("limits.write_timeout", Some("30s")),
    ("limits.connections", Some("4096")),
    ("limits.connections_per_address", None),
    ("telemetry.log", Some("json")),
];

const IDENTITY_PARTS: [&str; 11] = [
    "user_id",
    "sds_user_id",
    "role_profile_id",
    "role_code",
    "role_name",
    "activities",
    "prefix",
    "given",
    "family",
    "organisation_ods",
    "organisation_name",
];

#[test]
fn every_specified_key_is_known_with_its_default() {
    for (name, default) in SPECIFIED {
        let row = row(name).unwrap_or_else(|| panic!("{name} is not in the table"));
        let is = match row.default {
            Initial::Is(is) => Some(is),
            Initial::Required | Initial::Otherwise(_) => None,
        };
        assert_eq!(is, *default, "{name}");
    }
    for part in IDENTITY_PARTS {
        assert!(row(&format!("access.issuers[].claims.{part}")).is_some(), "{part}");
        assert!(row(&format!("access.gateway.headers.{part}")).is_some(), "{part}");
    }
    for name in ["access.issuers[].algorithms", "access.issuers[].leeway"] {
        assert!(row(name).is_some(), "{name}");
    }
}

#[test]
fn the_least_settings_give_the_defaults() {
    let fixture = Fixture::new();
    let settings = fixture.settings();
    assert_eq!(settings.warnings, Vec::<String>::new());
    assert_eq!(settings.api.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.api.server.base_path, "/FHIR/R4");
    assert!(settings.api.server.public_url.is_none() && settings.api.server.tls.is_none() && settings.api.admin.tls.is_none());
    assert_eq!(settings.api.admin.listen.to_string(), "127.0.0.1:9090");
    assert_eq!(settings.api.scheduled_care, ScheduledCare::Refuse);
    assert_eq!(settings.lookup.rules.sharing.share_for, Duration::from_mins(5));
    assert_eq!(settings.lookup.rules.sharing.refresh_after, Duration::from_mins(5));
    assert!(matches!(settings.lookup.store.location, lookup::StoreLocation::Memory) && settings.lookup.store.keys.is_empty());
    assert!(matches!(&settings.audit.store, audit::StoreLocation::Sqlite(path) if *path == fixture.path("audit.db")));
    assert_eq!(settings.audit.head_file, Some(fixture.path("audit.db.head")));
    assert_eq!(settings.lookup.window_file, Some(fixture.path("audit.db.window")));
    assert_eq!(settings.api.fhir.handling, HandlingPolicy::Strict);
    assert!(settings.api.fhir.get_search && !settings.api.fhir.require_request_id);
    assert!(!settings.api.fhir.patient_flag && !settings.api.fhir.read_asks);
    assert_eq!((settings.api.fhir.batch.max_entries, settings.api.fhir.batch.max_children), (20, 2));
    assert_eq!(
        (settings.api.limits.requests_per_second, settings.api.limits.body, settings.api.limits.connections),
        (Some(20), 65_536, 4096)
    );
    assert_eq!((settings.api.limits.children_per_user, settings.api.limits.children_window), (30, Duration::from_mins(10)));
    assert_eq!(settings.api.limits.header_timeout, Duration::from_secs(5));
    assert_eq!((settings.api.limits.write_timeout, settings.api.limits.connections_per_address), (Duration::from_secs(30), None));
    assert_eq!(settings.log, LogForm::Json);
    assert!(!settings.is_demo());
}

#[test]
fn the_smsp_is_spoken_to_as_the_wire_contract_says() {
    let fixture = Fixture::new();
    let settings = fixture.settings();
    let (smsp, rules) = (settings.smsp, settings.lookup.rules);
    assert_eq!(smsp.dialect.url, "https://smsp.example/cpis");
    assert_eq!(smsp.dialect.username, "cpis.example.nhs.uk", "the common name of the certificate");
    assert!(smsp.is_username_from_certificate);
    assert_eq!(smsp.dialect.action, "urn:nhs-itk:services:201005:sendRecvDistEnvelope");
    assert_eq!(smsp.dialect.profile_id, "urn:nhs-en:profile:CP-ISNHSQuery-v2-0");
    assert_eq!(smsp.dialect.interaction_id, "urn:nhs-itk:interaction:CP-ISNHSQuery-v1-0");
    assert_eq!(smsp.dialect.payload_form, PayloadForm::Stub);
    assert!(smsp.dialect.soap_action_quoted && smsp.dialect.send_traceparent);
    assert_eq!(smsp.dialect.author.template, AuthorTemplate::Auto);
    assert_eq!(smsp.dialect.author.role_code_system, "2.16.840.1.113883.2.1.3.2.4.17.196");
    assert!(smsp.dialect.author.nominated.is_none() && smsp.dialect.receiver_ods.is_none() && smsp.dialect.to_asid.is_none());
    assert_eq!(smsp.connection.connect_timeout, Duration::from_secs(5));
    assert_eq!((rules.patience.caller, rules.patience.late), (Duration::from_secs(20), Duration::from_mins(1)));
    assert_eq!((rules.bulkhead.max_in_flight, rules.bulkhead.max_queued), (64, 256));
    assert_eq!((rules.breaker.failures, rules.breaker.open_for), (5, Duration::from_secs(15)));
    assert_eq!(smsp.connection.client_cert_pem, super::pem().cert.as_bytes());
}

#[test]
fn an_issuer_is_plain_oidc_unless_told_otherwise() {
    let access = Fixture::new().settings().access;
    assert_eq!(access.modes, [Mode::Bearer]);
    assert_eq!((access.care_setting, access.care_settings.len()), (CareSetting::EmergencyDepartment, 8));
    assert_eq!(access.allow.activities, ["B0107"]);
    let issuer = &access.issuers[0];
    assert_eq!(issuer.issuer, "https://issuer.example");
    assert!(
        matches!(&issuer.keys, KeySource::Discovery(url) if url.as_str() == "https://issuer.example/.well-known/openid-configuration")
    );
    assert_eq!(issuer.audience, ["cpis-fhir"]);
    assert_eq!(path(issuer, IdentityPart::UserId), Some("sub"));
    assert_eq!(path(issuer, IdentityPart::SdsUserId), None, "a user id is not a smartcard's (decisions.md 20)");
}

#[test]
fn an_empty_interaction_is_a_choice() {
    assert_eq!(Fixture::new().with("smsp.interaction_id", "").settings().smsp.dialect.interaction_id, "");
}
