//! Settings that are wrong, and those that are only odd.

use crate::common::fixture::{Fixture, text};
use std::os::unix::fs::PermissionsExt;

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_told_as_serve_tells_them_with_exit_code_2() {
    let mut fixture = Fixture::well().await;
    fixture.set("SMSP__TIMEOUT", "20").set("SMSP__ULR", "https://smsp.example");
    let (check, serve) = (fixture.run(&["check"]).await, fixture.run(&["serve"]).await);
    assert_eq!((check.status.code(), text(&check.stdout).as_str()), (Some(2), ""));
    assert_eq!(text(&check.stderr), text(&serve.stderr));
    assert!(text(&check.stderr).contains("did you mean smsp.url?"));
    let checked = fixture.check().await;
    assert_eq!((checked.code, checked.json["status"].as_str(), checked.stderr.as_str()), (2, Some("fail"), ""));
    assert_eq!(checked.json["findings"].as_array().unwrap().len(), 2, "{}", checked.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_warning_of_the_settings_is_a_line() {
    let mut fixture = Fixture::well().await;
    std::fs::set_permissions(fixture.folder.path().join("fhir__id.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    fixture.set("ACCESS__GATEWAY__HEADERS__USER_ID", "X-User");
    let checked = fixture.check().await;
    let warned = checked.json["findings"].as_array().unwrap().iter().filter(|finding| finding["status"] == "warn");
    let warned: Vec<&str> = warned.map(|finding| finding["message"].as_str().unwrap()).collect();
    assert_eq!((checked.code, warned.len()), (3, 2), "{}", checked.json);
    assert!(warned.iter().any(|warning| warning.starts_with("fhir.id_key_file (")), "{warned:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_of_a_store_is_ever_shown() {
    let mut fixture = Fixture::well().await;
    let key = fixture.secret("store.key", &"4d".repeat(32));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    fixture.set("LOOKUP__STORE", &format!("redis://user:hunter2@{free}/0")).set("LOOKUP__STORE_KEY_FILE", &key);
    fixture.set("AUDIT__STORE", &format!("postgres://user:hunter3@{free}/trail"));
    let (code, said) = fixture.text().await;
    assert_eq!(code, 1, "{said}");
    assert!(!said.contains("hunter"), "{said}");
    assert!(said.contains(&format!("redis://{free}/0: no connection")), "{said}");
    assert!(said.contains(&format!("postgres://{free}/trail: ")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn help_tells_the_exit_codes() {
    let fixture = Fixture::well().await;
    let help = text(&fixture.run(&["check", "--help"]).await.stdout);
    for word in
        ["--config", "--json", "--timeout", "--ready", "--admin", "0 all is well", "3 warnings only", "Never a CP-IS query"]
    {
        assert!(help.contains(word), "{word}: {help}");
    }
    for wrong in [&["check", "--timeout", "5"][..], &["check", "--timeout", "900ms"], &["check", "--admin", "http://127.0.0.1"]] {
        assert_eq!(fixture.run(wrong).await.status.code(), Some(2), "{wrong:?}");
    }
}
