//! Each fault by itself, in the words that an operator reads; then many at once.

use super::{Fixture, authority, client_params, key_line, pem};
use crate::settings::load;
use rcgen::{KeyPair, date_time_ymd};

/// The line of a fault in a variable.
pub(super) fn line(key: &str, problem: &str) -> String {
    format!("{key} ({}): {problem}", crate::settings::names::variable(key))
}

/// One wrong setting causes one fault with this text.
pub(super) fn assert_fault(key: &str, value: &str, problem: &str) {
    assert_eq!(Fixture::new().with(key, value).fault(), line(key, problem), "{key} = {value}");
}

#[test]
fn each_required_key_is_missed_by_name() {
    for (key, wanted) in [
        ("smsp.url", "required; wanted an https URL"),
        ("smsp.ca", "required; wanted the path of a file"),
        ("smsp.client_cert", "required; wanted the path of a file"),
        ("smsp.client_key", "required; wanted the path of a file"),
        ("smsp.sender_ods", "required; wanted an ODS code: 1 to 12 letters and digits"),
        ("audit.chain_key_file", "required (unless access.modes is demo); wanted the path of a file"),
        ("audit.encryption_key_file", "required (unless access.modes is demo); wanted the path of a file"),
        ("fhir.id_key_file", "required (unless access.modes is demo); wanted the path of a file"),
        ("access.issuers[0].issuer", "required; wanted an issuer exactly as in the tokens' `iss`"),
        ("access.issuers[0].audience", "required; wanted a list, each item an audience"),
    ] {
        assert_eq!(Fixture::new().without(key).fault(), line(key, wanted));
    }
    assert_eq!(
        Fixture::new().with("access.organisations[0].name", "North").fault(),
        line("access.organisations[0].ods", "required; wanted an ODS code: 1 to 12 letters and digits")
    );
}

#[test]
fn bearer_tokens_need_an_issuer() {
    let fixture = Fixture::new().without("access.issuers[0].issuer").without("access.issuers[0].audience");
    assert!(fixture.fault().starts_with("access.issuers (CPIS_FHIR__ACCESS__ISSUERS): required while access.modes holds bearer"));
}

#[test]
fn an_unknown_key_is_told_with_the_one_that_was_meant() {
    let variable = Fixture::new().with("smsp.ulr", "https://x.example").fault();
    assert_eq!(variable, "unknown setting smsp.ulr (environment variable CPIS_FHIR__SMSP__ULR); did you mean smsp.url?");
    let fixture = Fixture::new().with_toml("\n[smsp]\nulr = \"https://x.example\"\n");
    let file = fixture.path("cpis.toml").display().to_string();
    assert_eq!(fixture.fault(), format!("unknown setting smsp.ulr ({file}:3); did you mean smsp.url?"));
    let group = Fixture::new().with_toml("[smps]\nurl = \"https://x.example\"\ntimeout = \"1s\"\n").fault();
    assert!(group.ends_with("; did you mean smsp?"), "{group}");
    let far = Fixture::new().with("colour.of.the.door", "blue").fault();
    assert_eq!(far, "unknown setting colour.of.the.door (environment variable CPIS_FHIR__COLOUR__OF__THE__DOOR)");
    let item = Fixture::new().with("access.issuers[0].isuer", "x").fault();
    assert!(item.ends_with("; did you mean access.issuers[0].issuer?"), "{item}");
}

#[test]
fn names_that_only_look_like_keys_are_unknown() {
    for toml in
        ["\"smsp.timeout\" = \"9s\"", "[access]\n\"issuers[x]\" = {issuer = \"i\"}", "[smsp]\n\"\" = 1", "SMSP.timeout = \"9s\""]
    {
        let fault = Fixture::new().with_toml(toml).fault();
        assert!(fault.starts_with("unknown setting "), "{fault}");
    }
}

#[test]
fn values_of_the_wrong_form_are_told_with_what_is_wanted() {
    let duration = "wanted a duration such as 250ms, 20s, 5m or 1h, more than 0s, at most 24h";
    assert_fault("smsp.timeout", "20", &format!("{duration}; found \"20\""));
    assert_fault("limits.header_timeout", "0s", &format!("{duration}; found \"0s\""));
    let origin = "wanted origins as browsers send them: https://app.trust.example, in small letters, without a path or a usual port (http on loopback)";
    for wrong in [
        "*",
        "https://x.example/",
        "https://x.example/app",
        "https://X.example",
        "https://x.example:443",
        "http://x.example",
        "null",
    ] {
        assert_fault("server.cors_origins", wrong, origin);
    }
    assert_fault("limits.body", "64KB", "wanted a size such as 64KiB or 1MiB, from 1 to 16777216 bytes; found \"64KB\"");
    assert_fault("smsp.max_in_flight", "0", "wanted a whole number from 1 to 10000; found \"0\"");
    assert_fault("fhir.get_search", "yes", "wanted true or false; found \"yes\"");
    assert_fault("fhir.handling", "strickt", "wanted one of strict-only, strict, lenient, lenient-only; found \"strickt\"");
    assert_fault("telemetry.log", "", "is empty; wanted json or pretty");
    assert_fault(
        "server.listen",
        "localhost:8080",
        "wanted an IP address and port such as 127.0.0.1:8080; found \"localhost:8080\"",
    );
    assert_fault("smsp.sender_ods", "X 26", "wanted an ODS code: 1 to 12 letters and digits");
    assert_fault("smsp.receiver_ods", "ABCDEFGHIJKLM", "wanted an ODS code: 1 to 12 letters and digits");
    assert_fault("smsp.asid", "20000000001", "wanted an ASID: 12 digits, as text");
    assert_fault("author.role_code_system", "urn:oid:2.16", "wanted an OID: numbers with dots between them");
    assert_fault("smsp.action", "urn:a\r\nX-Y: z", "wanted a URN, without spaces and quotes");
    assert_fault(
        "access.issuers[0].algorithms",
        "HS256",
        "item 1: wanted one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA; found \"HS256\"",
    );
}

#[test]
fn a_group_is_not_a_setting_and_a_setting_is_not_a_group() {
    assert_fault("smsp", "x", "is a group of settings, not one; found text");
    let fault = Fixture::new().with_toml("[telemetry.log]\nform = \"json\"\n").fault();
    assert!(fault.ends_with("wanted json or pretty; found a table"), "{fault}");
    assert_fault("access.organisations", "X26", "wanted a list of tables such as [{name = \"value\"}]; found text");
    assert_fault(
        "access.organisations",
        "[\"X26\"]",
        "wanted a list of tables such as [{name = \"value\"}]; found a list of something else",
    );
}

#[test]
fn a_gap_in_a_list_is_noticed() {
    let fault = Fixture::new().with("access.organisations[1].ods", "X26").message();
    assert!(fault.contains("access.organisations[0] (CPIS_FHIR__ACCESS__ORGANISATIONS__0): is missing"), "{fault}");
}

#[test]
fn the_smsp_url_is_https_with_a_host_and_nothing_secret() {
    assert_fault("smsp.url", "http://smsp.example", "wanted an https URL");
    assert_fault("smsp.url", "smsp.example", "is not a URL");
    assert_fault("smsp.url", "https://me:hunter2@smsp.example", "holds a user or a password; wanted a URL without");
    assert_fault("smsp.url", "https://smsp.example#a", "holds a fragment (#); wanted a URL without");
    assert_fault("server.public_url", "https://fhir.example/FHIR/R4?a=b", "holds a query (?); wanted a URL without");
}

#[test]
fn timeouts_grow_from_connecting_to_giving_up() {
    let wanted = "wanted connect_timeout <= timeout <= late_timeout";
    assert_fault("smsp.connect_timeout", "21s", &format!("is longer than smsp.timeout; {wanted}"));
    assert_fault("smsp.timeout", "4s", &format!("is shorter than smsp.connect_timeout; {wanted}"));
    assert_fault("smsp.late_timeout", "19s", &format!("is shorter than smsp.timeout; {wanted}"));
}

#[test]
fn the_base_path_is_a_plain_path() {
    for wrong in ["FHIR", "/", "/FHIR/", "/a//b", "/a/../b", "/a/./b", "/a?b", "/{a}", "/a b"] {
        let fault = Fixture::new().with("server.base_path", wrong).fault();
        assert!(fault.contains("starts with / and does not end with it"), "{wrong}: {fault}");
    }
    assert_eq!(Fixture::new().with("server.base_path", "/cpis").settings().api.server.base_path, "/cpis");
}

#[test]
fn two_listeners_have_two_ports() {
    assert_fault("admin.listen", "127.0.0.1:8080", "is the address and port of server.listen; wanted another port");
    assert_fault("admin.listen", "0.0.0.0:8080", "is the address and port of server.listen; wanted another port");
    let any = Fixture::new().with("server.listen", "127.0.0.1:0").with("admin.listen", "127.0.0.1:0");
    assert_eq!(any.settings().api.admin.listen.port(), 0);
}

#[test]
fn demo_stands_alone_and_stays_on_this_machine() {
    let together = Fixture::new().with("access.modes", "bearer,demo").fault();
    assert!(together.contains("holds demo together with another mode"), "{together}");
    for key in ["server.listen", "admin.listen"] {
        let fault = Fixture::demo().with(key, "0.0.0.0:7070").fault();
        assert!(fault.starts_with(key) && fault.contains("wanted a loopback address"), "{fault}");
    }
    assert!(Fixture::demo().with("server.listen", "[::1]:7070").load().is_ok());
    assert!(Fixture::new().with("access.modes", "[]").fault().contains("is empty, so that nobody could ask"));
}

#[test]
fn demo_makes_the_keys_that_are_not_named_and_says_so() {
    let settings = Fixture::demo().settings();
    assert!(settings.is_demo());
    assert_eq!(settings.warnings.len(), 3, "{:?}", settings.warnings);
    assert!(settings.warnings.iter().all(|warning| warning.contains("a random key is used")));
    assert_ne!(settings.audit.chain_keys[0].bytes(), settings.audit.encryption_keys[0].bytes());
    assert_ne!(settings.id_keys[0].bytes(), &[0; 32]);
    let named = Fixture::demo().with_path("fhir.id_key_file", "absent.key").fault();
    assert_eq!(named, line("fhir.id_key_file", "the file does not exist"));
}

#[test]
fn files_exist_and_hold_what_they_should() {
    let fixture = Fixture::new().with_path("smsp.ca", "absent.pem");
    let absent = fixture.path("absent.pem").display().to_string();
    assert_eq!(fixture.fault(), line("smsp.ca", &format!("the file {absent} does not exist")));
    assert_eq!(
        Fixture::new().with_path("smsp.client_key", "absent.key").fault(),
        line("smsp.client_key", "the file does not exist")
    );
    assert_eq!(
        Fixture::new().with_path("fhir.id_key_file", ".").fault(),
        line("fhir.id_key_file", "the file is not a regular file")
    );
    assert_eq!(Fixture::new().with_file("fhir.id_key_file", "k", " \n").fault(), line("fhir.id_key_file", "the file is empty"));
    let junk = Fixture::new().with_file("smsp.client_cert", "junk.pem", "junk").fault();
    assert_eq!(junk, line("smsp.client_cert", "the file holds no certificate; wanted PEM with BEGIN CERTIFICATE"));
    let broken = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
    let broken = Fixture::new().with_file("smsp.ca", "broken.pem", broken).fault();
    assert_eq!(broken, line("smsp.ca", "the file is broken PEM; wanted certificates with BEGIN CERTIFICATE"));
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let no_certificate = Fixture::new().with_file("smsp.client_cert", "no.pem", no_certificate).fault();
    assert_eq!(no_certificate, line("smsp.client_cert", "the first certificate of the file cannot be read"));
}

#[test]
fn key_and_certificate_belong_together() {
    let fixture = Fixture::new().with_file("smsp.client_key", "other.key", &pem().other_key);
    assert_eq!(fixture.fault(), line("smsp.client_key", "is not the key of the certificate in smsp.client_cert"));
    let no_key = Fixture::new().with_file("smsp.client_key", "cert.key", &pem().cert).fault();
    assert!(no_key.contains("the file holds no private key"), "{no_key}");
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = Fixture::new().with_file("smsp.client_key", "locked.key", locked).fault();
    assert_eq!(locked, line("smsp.client_key", "the key in the file is locked with a passphrase; wanted one without"));
}

#[test]
fn a_bundle_of_authorities_holds_one() {
    let fault = Fixture::new().with_file("smsp.ca", "leaf.pem", &pem().cert).fault();
    assert_eq!(fault, line("smsp.ca", "holds no certificate of a certification authority (basicConstraints CA)"));
}

#[test]
fn a_certificate_outside_its_time_is_a_warning() {
    let key = KeyPair::generate().unwrap();
    for (from, to, words) in [
        ((2001, 1, 1), (2002, 1, 1), "the certificate expired "),
        ((2999, 1, 1), (3000, 1, 1), "the certificate is not valid yet, for "),
    ] {
        let mut params = client_params(Some("cpis.example.nhs.uk"));
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(to.0, to.1, to.2);
        let cert = params.signed_by(&key, &authority()).unwrap().pem();
        let fixture = Fixture::new().with_file("smsp.client_cert", "dated.pem", &cert).with_file(
            "smsp.client_key",
            "dated.key",
            &key.serialize_pem(),
        );
        let warnings = fixture.settings().warnings;
        assert!(
            warnings.len() == 1 && warnings[0].starts_with("smsp.client_cert (") && warnings[0].contains(words),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_certificate_without_a_common_name_needs_a_username() {
    let key = KeyPair::generate().unwrap();
    let cert = client_params(None).signed_by(&key, &authority()).unwrap().pem();
    let fixture = Fixture::new().with_file("smsp.client_cert", "nameless.pem", &cert).with_file(
        "smsp.client_key",
        "nameless.key",
        &key.serialize_pem(),
    );
    assert!(fixture.fault().starts_with(&line("smsp.username", "required, since the certificate")));
    let smsp = fixture.with("smsp.username", "cpis").settings().smsp;
    assert!(smsp.dialect.username == "cpis" && !smsp.is_username_from_certificate);
}

#[test]
fn the_wrapped_form_needs_both_asids_and_the_bare_form_none() {
    let fault = Fixture::new().with("smsp.payload_form", "tms").fault();
    assert!(fault.starts_with(&line("smsp.to_asid", "required for smsp.payload_form = tms")), "{fault}");
    assert!(Fixture::new().with("smsp.payload_form", "tms").with("smsp.to_asid", "200000000009").load().is_ok());
    assert_fault("smsp.to_asid", "200000000009", "is for smsp.payload_form = tms only; take it out or change the form");
}

#[test]
fn the_system_as_author_needs_an_asid() {
    let system = Fixture::new().without("smsp.asid").with("author.template", "system").fault();
    assert!(system.starts_with(&line("smsp.asid", "required for author.template = system")), "{system}");
    let auto = Fixture::new().without("smsp.asid").fault();
    assert!(auto.starts_with(&line("smsp.asid", "required, since no identity carries an SDS user id")), "{auto}");
    let person = Fixture::new().with("author.template", "person").fault();
    assert!(person.starts_with(&line("author.template", "is person, but no identity carries")), "{person}");
    let once = Fixture::new().without("smsp.asid").with("smsp.payload_form", "tms").with("smsp.to_asid", "200000000009").fault();
    assert!(once.starts_with(&line("smsp.asid", "required for smsp.payload_form = tms")), "{once}");
    let of_organisation =
        Fixture::new().without("smsp.asid").with("access.organisations", "[{ods=\"X26\", asid=\"200000000002\"}]");
    assert!(of_organisation.load().is_ok());
}

#[test]
fn smartcard_claims_make_the_person_an_author() {
    let mut fixture = Fixture::new().without("smsp.asid");
    for part in ["sds_user_id", "role_code", "role_name"] {
        fixture = fixture.with(&format!("access.issuers[0].claims.{part}"), part);
    }
    let warnings = fixture.settings().warnings;
    assert!(warnings.len() == 1 && warnings[0].starts_with("smsp.asid ("), "{warnings:?}");
    assert!(fixture.with("author.template", "person").settings().warnings.is_empty());
}

#[test]
fn a_nominated_person_is_whole_or_absent() {
    let fixture = Fixture::new().with("author.nominated.given", "Asha").with("author.nominated.role_code", "R0260");
    let message = fixture.message();
    for key in ["author.nominated.role_name", "author.nominated.family"] {
        assert!(message.contains(&line(key, "required, since another key of author.nominated is set")), "{message}");
    }
    let whole = fixture.with("author.nominated.role_name", "GP").with("author.nominated.family", "Example").settings();
    let nominated = whole.smsp.dialect.author.nominated.expect("somebody");
    assert_eq!((nominated.role_code.as_str(), nominated.name.spoken().as_str()), ("R0260", "Asha Example"));
}

#[test]
fn key_files_hold_keys_of_their_own() {
    let short = Fixture::new().with_file("fhir.id_key_file", "short.key", "abcdef").fault();
    assert!(short.starts_with(&line("fhir.id_key_file", "line 1 of the file is no key; wanted 32 bytes")), "{short}");
    let same = Fixture::new().with_path("audit.encryption_key_file", "chain.key").settings().warnings;
    assert!(same.len() == 1 && same[0].contains("holds a key of audit.chain_key_file"), "{same:?}");
    let two = Fixture::new().with_file("fhir.id_key_file", "two.key", &format!("{}\n{}\n", key_line('d'), key_line('e')));
    assert_eq!(two.settings().id_keys.iter().map(|key| key.bytes()[0]).collect::<Vec<_>>(), [0xdd, 0xee]);
}

#[test]
fn a_broken_file_is_told_without_guesses_about_what_it_may_hold() {
    let message = Fixture::demo().without("smsp.url").with("telemetry.log", "purple").with_toml("[smsp\nurl = 1\n").message();
    assert!(message.contains("cpis.toml:1 is not TOML: "), "{message}");
    assert!(message.contains("telemetry.log") && !message.contains("required"), "{message}");
    let absent = load(Some(std::path::Path::new("/nonexistent/cpis.toml")), []).expect_err("a fault").to_string();
    assert!(absent.ends_with("- settings file /nonexistent/cpis.toml cannot be read: entity not found"), "{absent}");
}

#[test]
fn an_empty_environment_is_told_all_that_is_missing() {
    let message = load(None, []).expect_err("faults").to_string();
    for key in ["smsp.url", "smsp.ca", "smsp.client_cert", "smsp.client_key", "smsp.sender_ods", "access.issuers"] {
        assert!(message.contains(&format!("- {key} (")), "{key}: {message}");
    }
    for key in ["audit.chain_key_file", "audit.encryption_key_file", "fhir.id_key_file"] {
        assert!(message.contains(&format!("- {key} (")), "{key}: {message}");
    }
}

#[test]
fn many_faults_are_told_in_one_message_in_the_order_of_the_reference() {
    let fixture = Fixture::new()
        .without("smsp.sender_ods")
        .with("telemetry.log", "purple")
        .with("smsp.url", "http://smsp.example")
        .with_file("smsp.client_key", "other.key", &pem().other_key)
        .with("smsp.timeout", "fast")
        .with("smsp.to_asid", "200000000009")
        .with("server.base_path", "FHIR")
        .with("admin.listen", "127.0.0.1:8080")
        .with("access.allow.roels", "R0260")
        .with("access.care_settings", "maternity")
        .with("lookup.store", "redis://cache.example")
        .with("audit.store", "mysql://db.example")
        .with_file("fhir.id_key_file", "short.key", "abc")
        .with_toml("[limits]\nbody = \"lots\"\nconnections = 1.5\n");
    let message = fixture.message();
    assert!(
        message.starts_with("cpis-fhir cannot start: 15 faults in the settings\n- unknown setting access.allow.roels"),
        "{message}"
    );
    let keys: Vec<&str> = message.lines().skip(2).filter_map(|line| line.strip_prefix("- ")?.split(' ').next()).collect();
    assert_eq!(
        keys,
        [
            "server.base_path",
            "admin.listen",
            "smsp.url",
            "smsp.client_key",
            "smsp.sender_ods",
            "smsp.to_asid",
            "smsp.timeout",
            "access.care_setting",
            "lookup.store_key_file",
            "audit.store",
            "fhir.id_key_file",
            "limits.body",
            "limits.connections",
            "telemetry.log"
        ],
        "{message}"
    );
}
