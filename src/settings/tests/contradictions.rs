//! Keys that contradict or require each other: listeners, access, stores.

use super::faults::{assert_fault, line};
use super::{Fixture, key_line, path, pem};
use crate::access::IdentityPart::{Family, Given, RoleCode, SdsUserId, UserId};
use std::time::Duration;

#[test]
fn tls_of_a_listener_is_whole_or_absent() {
    let key = Fixture::new().with_path("server.tls.cert", "client.pem").fault();
    assert!(key.starts_with(&line("server.tls.key", "required together with server.tls.cert")), "{key}");
    let cert = Fixture::new().with_path("admin.tls.key", "client.key").fault();
    assert!(cert.starts_with(&line("admin.tls.cert", "required together with admin.tls.key")), "{cert}");
    let only_ca = Fixture::new().with_path("server.tls.client_ca", "ca.pem").message();
    assert!(only_ca.contains("2 faults") && only_ca.contains("together with server.tls.client_ca"), "{only_ca}");
    let whole = Fixture::new()
        .with_path("server.tls.cert", "client.pem")
        .with_path("server.tls.key", "client.key")
        .with_path("server.tls.client_ca", "ca.pem");
    let tls = whole.settings().api.server.tls.expect("TLS");
    assert!(tls.cert_pem == pem().cert.as_bytes() && tls.client_ca_pem.is_some());
    let mismatch = whole.with_file("server.tls.key", "other.key", &pem().other_key).fault();
    assert_eq!(mismatch, line("server.tls.key", "is not the key of the certificate in server.tls.cert"));
}

#[test]
fn a_gateway_is_known_by_its_certificate_and_says_who_asks() {
    let message = Fixture::new().with("access.modes", "gateway").message();
    for key in [
        "server.tls.client_ca",
        "access.gateway.certificates",
        "access.gateway.headers.user_id",
        "access.gateway.headers.organisation_ods",
    ] {
        let missed = line(key, "required while access.modes holds gateway");
        assert!(message.contains(&format!("- {missed}")), "{key}: {message}");
    }
    let fixture = Fixture::new()
        .with("access.modes", "gateway,bearer")
        .with_path("server.tls.cert", "client.pem")
        .with_path("server.tls.key", "client.key")
        .with_path("server.tls.client_ca", "ca.pem")
        .with("access.gateway.certificates", "[\"CN=gateway, O=Trust\"]");
    assert!(fixture.message().contains("access.gateway.headers.user_id"));
    let by_token = fixture.with("access.gateway.headers.jwt", "NHSD-Identity").settings();
    assert_eq!(by_token.access.gateway.certificates, ["CN=gateway, O=Trust"]);
}

#[test]
fn what_no_mode_uses_is_warned_of() {
    let warnings = Fixture::new().with("access.gateway.headers.user_id", "X-User").settings().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("access.modes does not hold gateway"), "{warnings:?}");
}

#[test]
fn an_issuer_has_one_source_of_keys_and_a_short_leeway() {
    let both = Fixture::new()
        .with("access.issuers[0].jwks_url", "https://issuer.example/jwks")
        .with("access.issuers[0].discovery", "https://issuer.example/config");
    assert!(both.fault().contains("is set together with access.issuers[0].jwks_url"));
    assert_fault("access.issuers[0].jwks_url", "http://issuer.example/jwks", "wanted an https URL (http only on loopback)");
    assert_fault("access.issuers[0].leeway", "6m", "is more than 5m, for which tokens would be believed after their end");
    assert_fault("access.issuers[0].audience", "[]", "is empty, so that no token could be meant for this service");
    let unnamed = Fixture::new().with("access.issuers[0].issuer", "the-ward").fault();
    assert!(
        unnamed.starts_with(&line("access.issuers[0].jwks_url", "required, since access.issuers[0].issuer is not")),
        "{unnamed}"
    );
}

#[test]
fn a_preset_names_the_claims_that_the_settings_do_not() {
    let issuer = |fixture: Fixture| fixture.settings().access.issuers[0].clone();
    let plain = issuer(Fixture::new());
    let of = |part| path(&plain, part);
    assert_eq!((of(UserId), of(Given), of(RoleCode)), (Some("sub"), Some("given_name"), None));
    let cis2 = Fixture::new().with("access.issuers[0].preset", "nhs-cis2").without("smsp.asid");
    let cis2 = issuer(cis2.with("access.issuers[0].claims.family", "surname"));
    assert_eq!((path(&cis2, SdsUserId), path(&cis2, Family)), (Some("uid"), Some("surname")));
    assert_eq!(path(&cis2, RoleCode), Some("nhsid_nrbac_roles[person_roleid=selected_roleid].role_code"));
    assert_fault("access.issuers[0].preset", "cis2", "wanted oidc or nhs-cis2; found \"cis2\"");
    for wrong in ["role.", "roles[id].code", "roles[id=]"] {
        let fault = Fixture::new().with("access.issuers[0].claims.role_code", wrong).fault();
        assert!(fault.contains("is not the path of a claim"), "{wrong}: {fault}");
    }
}

#[test]
fn keys_are_kept_longer_than_they_are_fresh_and_read_from_whom_the_ca_vouches_for() {
    let fault = Fixture::new().with("access.issuers[0].keep_keys", "1m").fault();
    assert!(fault.contains("is shorter than access.issuers[0].refresh"), "{fault}");
    let leaf = Fixture::new().with_path("access.issuers[0].ca", "client.pem").fault();
    assert!(leaf.contains("holds no certificate of a certification authority"), "{leaf}");
    let ca = Fixture::new().with_path("access.issuers[0].ca", "ca.pem").settings().access.issuers[0].ca_pem.clone();
    assert_eq!(ca.expect("a CA"), pem().ca.as_bytes());
}

#[test]
fn an_organisation_may_have_an_asid_of_its_own() {
    let settings =
        Fixture::new().with("access.organisations", "[{ods=\"X26\", asid=\"200000000002\"}, {ods=\"X27\"}]").settings();
    let of = |ods: &str| {
        let organisation = crate::cpis::Organisation { ods_code: ods.into(), ..Default::default() };
        settings.smsp.dialect.asid_of(&organisation).expect("an ASID").as_str().to_owned()
    };
    assert_eq!((of("x26"), of("X27")), ("200000000002".to_owned(), "200000000001".to_owned()));
}

#[test]
fn nothing_is_named_twice() {
    let organisations = Fixture::new().with("access.organisations", "[{ods=\"X26\"}, {ods=\"x26\"}]").fault();
    assert!(organisations.starts_with("access.organisations[1].ods"), "{organisations}");
    let issuers = "[{issuer=\"https://a.example\", audience=[\"a\"]}, {issuer=\"https://a.example\", audience=[\"b\"]}]";
    let mut fixture = Fixture::new().without("access.issuers[0].issuer").without("access.issuers[0].audience");
    fixture = fixture.with("access.issuers", issuers);
    assert!(fixture.fault().starts_with("access.issuers[1].issuer"));
}

#[test]
fn care_settings_agree() {
    let outside = "is not among access.care_settings, so that requests that name none would be refused";
    let fixture = Fixture::new().with("access.care_settings", "maternity,ambulance");
    assert_eq!(fixture.fault(), line("access.care_setting", outside));
    assert_eq!(fixture.with("access.care_setting", "maternity").settings().access.care_settings.len(), 2);
    assert_fault("access.care_settings", "[]", "is empty, so that every request would be refused");
}

#[test]
fn somebody_must_be_allowed_to_look() {
    assert!(Fixture::new().with("access.allow.activities", "").fault().contains("so that nobody may look"));
    assert!(Fixture::new().with("access.allow.activities", "").with("access.allow.roles", "R0260").load().is_ok());
}

#[test]
fn a_shared_table_outside_needs_a_key() {
    let fault = Fixture::new().with("lookup.store", "redis://cache.example:6379").fault();
    assert!(fault.starts_with(&line("lookup.store_key_file", "required while lookup.store is outside")), "{fault}");
    let fixture = Fixture::new().with("lookup.store", "rediss://cache.example:6379/1").with_file(
        "lookup.store_key_file",
        "s.key",
        &key_line('d'),
    );
    assert_eq!(fixture.settings().lookup.store.keys.len(), 1);
    for wrong in ["memcached://cache.example", "Memory", "redis://", "redis://cache.example:notaport"] {
        let fault = Fixture::new().with("lookup.store", wrong).message();
        assert!(fault.contains("- lookup.store (CPIS_FHIR__LOOKUP__STORE): "), "{wrong}: {fault}");
    }
}

#[test]
fn an_answer_is_shared_for_a_quarter_of_an_hour_at_most() {
    let settings = |value: &str| Fixture::new().with("lookup.share_for", value).settings().lookup.rules.sharing;
    assert_eq!(settings("15m").share_for, Duration::from_mins(15));
    let wanted = "wanted a duration such as 250ms, 20s or 5m, from 0s to 15m";
    for wrong in ["901s", "16m", "1h", "24h"] {
        assert_fault("lookup.share_for", wrong, &format!("{wanted}; found {wrong:?}"));
    }
}

#[test]
fn no_cache_asks_within_the_window_only_where_the_settings_say_so() {
    let after = |fixture: Fixture| fixture.settings().lookup.rules.sharing.refresh_after;
    let shares = || Fixture::new().with("lookup.share_for", "10m");
    assert_eq!(after(shares()), Duration::from_mins(10));
    assert_eq!(after(shares().with("lookup.refresh_after", "45s")), Duration::from_secs(45));
}

#[test]
fn a_missing_file_is_noticed_also_where_the_store_needs_none() {
    for name in ["audit.store_password_file", "lookup.store_password_file"] {
        let fault = Fixture::new().with_path(name, "nowhere/password").fault();
        assert!(fault.starts_with(name) && fault.ends_with("does not exist"), "{fault}");
    }
}

#[test]
fn the_trail_has_a_place() {
    for wrong in ["mysql://db.example", "sqlite:", "sqlite://audit.db", "postgres://", "audit.db", "sqlite::memory:"] {
        let fault = Fixture::new().with("audit.store", wrong).fault();
        assert!(fault.starts_with("audit.store (CPIS_FHIR__AUDIT__STORE): "), "{wrong}: {fault}");
    }
    for (url, meant) in [
        ("sqlite:/x.db?mode=rwc", "write sqlite:/x.db"),
        ("sqlite:audit.db?cache=shared#a", "write sqlite:audit.db"),
        ("sqlite:audit.db#part", "write sqlite:audit.db"),
        ("sqlite:///var/lib/x.db", "write sqlite:/var/lib/x.db"),
        ("sqlite://audit.db", "write sqlite:/audit.db"),
        ("sqlite:file:audit.db?mode=rwc", "write sqlite:audit.db"),
        ("sqlite:file:///x.db", "write sqlite:/x.db"),
        ("sqlite:?mode=rwc", "write sqlite:PATH"),
    ] {
        let fault = Fixture::new().with("audit.store", url).fault();
        assert!(fault.ends_with(meant), "{url}: {fault}");
    }
    for url in ["file:/x.db?mode=rwc", "sqlite3:/x.db", "SQLITE:/x.db"] {
        assert!(Fixture::new().with("audit.store", url).fault().contains("wanted sqlite:PATH"), "{url}");
    }
    let fixture = Fixture::new().with_path("audit.head_file", "nowhere/audit.head");
    assert!(fixture.fault().contains("the folder ") && fixture.fault().ends_with("nowhere does not exist"));
    let postgres = Fixture::new().with("audit.store", "postgres://db.example/cpis").settings();
    assert!(postgres.audit.head_file.is_none());
    assert!(postgres.warnings[0].starts_with("audit.head_file ("), "{:?}", postgres.warnings);
}

#[test]
fn what_outlives_a_restart_has_a_file_of_its_own() {
    let fixture = Fixture::new().with_path("lookup.window_file", "nowhere/window");
    assert!(fixture.fault().contains("the folder ") && fixture.fault().ends_with("nowhere does not exist"));
    for taken in ["audit.db", "audit.db.head"] {
        let fault = Fixture::new().with_path("lookup.window_file", taken).fault();
        assert!(fault.contains("is the file of the trail or of its head"), "{fault}");
    }
    let named = Fixture::new().with_path("lookup.window_file", "window");
    assert_eq!(named.settings().lookup.window_file, Some(named.path("window")));
    let postgres = || Fixture::new().with("audit.store", "postgres://db.example/cpis");
    let settings = postgres().settings();
    assert!(settings.lookup.window_file.is_none());
    assert!(settings.warnings.iter().any(|warning| warning.starts_with("lookup.window_file (")), "{:?}", settings.warnings);
    let named = postgres().with_path("lookup.window_file", "window");
    assert_eq!(named.settings().lookup.window_file, Some(named.path("window")));
    let redis = || {
        Fixture::new().with("lookup.store", "redis://cache.example").with_file("lookup.store_key_file", "s.key", &key_line('d'))
    };
    assert!(redis().settings().lookup.window_file.is_none());
    let unused = redis().with_path("lookup.window_file", "window").settings();
    assert!(
        unused.lookup.window_file.is_none() && unused.warnings[0].contains("lookup.store remembers"),
        "{:?}",
        unused.warnings
    );
}

#[test]
fn an_authority_for_the_store_is_for_tls_alone() {
    let fixture =
        || Fixture::new().with_file("lookup.store_key_file", "store.key", &key_line('d')).with_path("lookup.store_ca", "ca.pem");
    let settings = fixture().with("lookup.store", "rediss://cache.example").settings();
    assert_eq!(settings.lookup.store.ca.as_deref(), Some(pem().ca.as_bytes()));
    let fault = fixture().with("lookup.store", "redis://cache.example").fault();
    assert!(fault.contains("is for rediss:// only"), "{fault}");
    let fault = fixture().with("lookup.store", "rediss://cache.example").with_path("lookup.store_ca", "client.pem").fault();
    assert!(fault.contains("holds no certificate of a certification authority"), "{fault}");
}

#[test]
fn the_databases_ca_is_read_at_the_start_and_of_no_use_to_a_file() {
    let fixture = || Fixture::new().with("audit.store", "postgres://db.example/cpis");
    assert_eq!(fixture().settings().audit.store_ca, None);
    let with_ca = fixture().with_path("audit.store_ca", "ca.pem").settings();
    assert!(with_ca.audit.store_ca.is_some_and(|pem| pem.starts_with(b"-----BEGIN CERTIFICATE")));
    assert!(fixture().with_file("audit.store_ca", "leaf.pem", "nothing").fault().starts_with("audit.store_ca ("));
    let file = Fixture::new().with_path("audit.store_ca", "ca.pem").settings();
    assert!(file.warnings.iter().any(|warning| warning.ends_with("is not used, since audit.store is a file")));
}
