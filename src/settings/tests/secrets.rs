//! No secret in a message, a warning or `Debug`.

use super::{Fixture, key_line, pem, set_mode};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Everything an operator or a log could see of these settings.
fn said(fixture: &Fixture) -> String {
    match fixture.load() {
        Ok(settings) => format!("{settings:?}"),
        Err(error) => format!("{error}\n{error:?}"),
    }
}

fn assert_untold(fixture: &Fixture, secret: &str) {
    let said = said(fixture);
    assert!(!said.contains(secret), "{said}");
}

#[test]
fn debug_shows_no_key() {
    let fixture = Fixture::new()
        .with("lookup.store", "redis://user:hunter2@cache.example")
        .with_file("lookup.store_key_file", "store.key", &key_line('d'))
        .with("audit.store", "postgres://user:hunter3@db.example/cpis?sslpassword=hunter4")
        .with_path("server.tls.cert", "client.pem")
        .with_path("server.tls.key", "client.key");
    let said = format!("{:?}", fixture.settings());
    // As text and as the bytes that a derived Debug would list.
    let in_pem = pem().key.lines().nth(1).unwrap().to_owned();
    let bytes: Vec<String> = in_pem.bytes().take(8).map(|byte| byte.to_string()).collect();
    for secret in [in_pem, bytes.join(", "), "170, 170".to_owned(), "aaaa".to_owned(), "hunter".to_owned()] {
        assert!(!said.contains(&secret), "{secret}: {said}");
    }
    assert!(said.contains("cache.example") && said.contains("KeyMaterial(..)"));
}

#[test]
fn a_secret_in_the_wrong_place_is_not_echoed() {
    let key = key_line('7');
    let in_base64 = BASE64_STANDARD.encode([0xfb; 32]);
    for place in ["audit.chain_key_file", "fhir.id_key_file", "lookup.store_key_file", "smsp.client_key", "server.tls.key"] {
        for secret in [key.as_str(), in_base64.as_str(), &pem().key, "hunter2"] {
            let fixture = Fixture::new().with("lookup.store", "redis://cache.example").with(place, secret);
            assert_untold(&fixture, secret);
            assert_untold(&fixture, secret.lines().last().unwrap());
        }
    }
    for place in ["smsp.ca", "smsp.client_cert", "smsp.username", "telemetry.log", "smsp.timeout", "smsp.sender_ods"] {
        assert_untold(&Fixture::new().with(place, &pem().key), pem().key.lines().nth(1).unwrap());
        // A name may well look like this; a path, a word or a number never does.
        if place != "smsp.username" {
            assert_untold(&Fixture::new().with(place, &key), &key);
        }
    }
}

#[test]
fn a_value_of_text_is_not_echoed_where_it_is_refused() {
    let secret = "hunter2\u{7}hunter2";
    for row in crate::settings::table::ROWS.iter() {
        assert_untold(&Fixture::new().with(&row.name.replace("[]", "[0]"), secret), "\u{7}hunter2");
    }
    for (key, value) in [
        ("smsp.url", "https://me:hunter2@smsp.example"),
        ("smsp.url", "hunter2"),
        ("server.public_url", "https://me:hunter2@fhir.example"),
        ("access.issuers[0].jwks_url", "https://me:hunter2@issuer.example"),
        ("lookup.store", "redis://me:hunter2@"),
        ("lookup.store", "redis://me:hunter2@cache.example:port"),
        ("lookup.store", "hunter2"),
        ("audit.store", "mysql://me:hunter2@db.example"),
        ("audit.store", "postgres://me:hunter2@"),
        ("access.organisations", "[{ods=\"hunter2\""),
        ("smsp.asid", "hunter2"),
        ("smsp.password", "hunter2"),
    ] {
        assert_untold(&Fixture::new().with(key, value), "hunter2");
    }
    assert_untold(&Fixture::new().with_toml("[smsp]\npassword = \"hunter2\"\nurl = hunter2\n"), "hunter2");
}

#[test]
fn a_key_file_that_is_no_key_is_not_echoed() {
    assert_untold(&Fixture::new().with_file("fhir.id_key_file", "id2.key", "hunter2"), "hunter2");
    let twice = format!("{}\n{}\n", key_line('7'), key_line('7'));
    assert_untold(&Fixture::new().with_file("fhir.id_key_file", "id2.key", &twice), "7777");
}

#[test]
fn a_password_of_a_store_comes_from_a_file() {
    let fixture = Fixture::new()
        .with("audit.store", "postgres://cpis@db.example/cpis")
        .with_path("audit.head_file", "audit.head")
        .with_path("lookup.window_file", "window")
        .with_file("audit.store_password_file", "db.password", "p%40ss word/1\n");
    let settings = fixture.settings();
    let crate::audit::StoreLocation::Postgres(url) = &settings.audit.store else { panic!("PostgreSQL") };
    assert_eq!(url.expose(), "postgres://cpis:p%2540ss%20word%2F1@db.example/cpis");
    assert_eq!(settings.warnings, Vec::<String>::new());
    let both = fixture.with("audit.store", "postgres://cpis:hunter2@db.example/cpis");
    assert!(both.fault().contains("wanted one of the two"));
    let in_url = Fixture::new().with("lookup.store", "redis://:hunter2@cache.example").with_file(
        "lookup.store_key_file",
        "s",
        &key_line('d'),
    );
    assert!(in_url.settings().warnings[0].contains("lookup.store_password_file keeps it out"));
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_may_read_is_warned_of() {
    let fixture = Fixture::new();
    for (file, mode) in [("id.key", 0o640), ("client.key", 0o604), ("client.pem", 0o644)] {
        set_mode(&fixture.path(file), mode);
    }
    let warnings = fixture.settings().warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].starts_with("smsp.client_key (CPIS_FHIR__SMSP__CLIENT_KEY): the file may be read by others"));
    assert!(warnings[1].starts_with("fhir.id_key_file (") && warnings[1].contains("(mode 0640)"), "{warnings:?}");
}
