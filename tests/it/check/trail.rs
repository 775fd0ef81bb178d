//! The trail in a file: while a service uses it, where it cannot be written, and where it is not whole.

use crate::common::Service;
use crate::common::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_a_service_has_open_is_well_and_gains_no_line() {
    let fixture = Fixture::well().await;
    let url = fixture.simulator.url();
    let service = Service::start(&fixture.certificates, &url, &fixture.settings());
    let before = std::fs::read(fixture.folder.path().join("audit.db.head")).unwrap();
    let checked = fixture.check().await;
    assert_eq!(checked.code, 0, "{}", checked.json);
    assert!(checked.message("audit.store").ends_with("audit.db can be written"), "{}", checked.json);
    assert_eq!(checked.message("audit.end"), "the last lines are whole, up to line 1");
    assert_eq!(checked.status("audit.head_file"), "ok");
    assert!(std::fs::read(fixture.folder.path().join("audit.db.head")).unwrap() == before);
    drop(service);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_cannot_be_written_fails() {
    let mut fixture = Fixture::well().await;
    // Not even root can make a file there.
    fixture.set("AUDIT__STORE", "sqlite:/proc/audit.db");
    let checked = fixture.check().await;
    assert_eq!((checked.code, checked.status("audit.store"), checked.status("audit.head_file")), (1, "fail", "fail"));
    assert!(checked.message("audit.store").contains("no file can be written in the folder /proc"), "{}", checked.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_windows_file_that_cannot_be_written_is_warned_of_since_the_service_goes_on() {
    let mut fixture = Fixture::well().await;
    let well = fixture.check().await;
    assert!(well.message("lookup.window_file").ends_with("audit.db.window can be written"), "{}", well.json);
    fixture.set("LOOKUP__WINDOW_FILE", "/proc/window");
    let checked = fixture.check().await;
    assert_eq!((checked.code, checked.status("lookup.window_file")), (3, "warn"), "{}", checked.json);
    assert!(checked.message("lookup.window_file").contains("a repeated request is refused"), "{}", checked.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_trail_fails() {
    let fixture = Fixture::well().await;
    std::fs::write(fixture.folder.path().join("audit.db"), "a letter to the ward\n".repeat(500)).unwrap();
    let checked = fixture.check().await;
    checked.assert_only_failure("audit.store");
    assert!(checked.message("audit.store").contains("is audit.store the right file?"), "{}", checked.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_are_gone_and_keys_that_do_not_fit_fail() {
    let mut fixture = Fixture::well().await;
    let (url, certificates) = (fixture.simulator.url(), fixture.certificates.clone());
    let mut service = Service::start(&certificates, &url, &fixture.settings());
    tokio::task::block_in_place(|| service.stop());
    let other = fixture.secret("other.key", &"9f".repeat(32));
    let right = fixture.secret("right.key", &"2b".repeat(32));
    fixture.set("AUDIT__CHAIN_KEY_FILE", &other);
    let checked = fixture.check().await;
    checked.assert_only_failure("audit.end");
    assert!(checked.message("audit.end").contains("audit.chain_key_file"), "{}", checked.json);
    fixture.set("AUDIT__CHAIN_KEY_FILE", &right);
    assert_eq!(fixture.check().await.code, 0);
    std::fs::remove_file(fixture.folder.path().join("audit.db")).unwrap();
    let checked = fixture.check().await;
    checked.assert_only_failure("audit.end");
    assert!(checked.message("audit.end").starts_with("THE TRAIL IS NOT WHOLE: lines were removed"), "{}", checked.json);
}
