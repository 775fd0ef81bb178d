//! The trail in a file: while a service uses it, where it cannot be written, and where it is not whole.

use crate::common::Service;
use crate::common::ground::Ground;

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_a_service_has_open_is_well_and_gains_no_line() {
    let ground = Ground::well().await;
    let url = ground.simulator.url();
    let service = Service::start(&ground.certificates, &url, &ground.settings());
    let before = std::fs::read(ground.folder.path().join("audit.db.head")).unwrap();
    let checked = ground.check().await;
    assert_eq!(checked.code, 0, "{}", checked.json);
    assert!(checked.message("audit.store").ends_with("audit.db can be written"), "{}", checked.json);
    assert_eq!(checked.message("audit.end"), "the last lines are whole, up to line 1");
    assert_eq!(checked.status("audit.head_file"), "ok");
    assert!(std::fs::read(ground.folder.path().join("audit.db.head")).unwrap() == before);
    drop(service);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_cannot_be_written_fails() {
    let mut ground = Ground::well().await;
    // Not even root can make a file there.
    ground.set("AUDIT__STORE", "sqlite:/proc/audit.db");
    let checked = ground.check().await;
    assert_eq!((checked.code, checked.status("audit.store"), checked.status("audit.head_file")), (1, "fail", "fail"));
    assert!(checked.message("audit.store").contains("no file can be written in the folder /proc"), "{}", checked.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_windows_file_that_cannot_be_written_is_warned_of_since_the_service_goes_on() {
    let mut ground = Ground::well().await;
    let well = ground.check().await;
    assert!(well.message("lookup.window_file").ends_with("audit.db.window can be written"), "{}", well.json);
    ground.set("LOOKUP__WINDOW_FILE", "/proc/window");
    let checked = ground.check().await;
    assert_eq!((checked.code, checked.status("lookup.window_file")), (3, "warn"), "{}", checked.json);
    assert!(checked.message("lookup.window_file").contains("a repeated request is refused"), "{}", checked.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_trail_fails() {
    let ground = Ground::well().await;
    std::fs::write(ground.folder.path().join("audit.db"), "a letter to the ward\n".repeat(500)).unwrap();
    let checked = ground.check().await;
    checked.assert_only_failure("audit.store");
    assert!(checked.message("audit.store").contains("is audit.store the right file?"), "{}", checked.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_are_gone_and_keys_that_do_not_fit_fail() {
    let mut ground = Ground::well().await;
    let (url, certificates) = (ground.simulator.url(), ground.certificates.clone());
    let mut service = Service::start(&certificates, &url, &ground.settings());
    tokio::task::block_in_place(|| service.stop());
    let other = ground.secret("other.key", &"9f".repeat(32));
    let right = ground.secret("right.key", &"2b".repeat(32));
    ground.set("AUDIT__CHAIN_KEY_FILE", &other);
    let checked = ground.check().await;
    checked.assert_only_failure("audit.end");
    assert!(checked.message("audit.end").contains("audit.chain_key_file"), "{}", checked.json);
    ground.set("AUDIT__CHAIN_KEY_FILE", &right);
    assert_eq!(ground.check().await.code, 0);
    std::fs::remove_file(ground.folder.path().join("audit.db")).unwrap();
    let checked = ground.check().await;
    checked.assert_only_failure("audit.end");
    assert!(checked.message("audit.end").starts_with("THE TRAIL IS NOT WHOLE: lines were removed"), "{}", checked.json);
}
