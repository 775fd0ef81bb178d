//! Key files: a new key above the old one, while the service runs.

use crate::common::renewal::{KEPT, RENEWED, RenewalFixture, flags, wait_for};
use crate::common::{GOOD_CHILD, Got, client};

fn lines(keys: &[char]) -> String {
    keys.iter().flat_map(|key| [key.to_string().repeat(64), "\n".to_owned()]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_goes_on_under_a_new_key_and_stays_whole() {
    let fixture = RenewalFixture::new().await;
    let mut service = fixture.serve(&[]);
    assert_eq!(flags(&client(), &service).await.unwrap(), 200);
    for (file, old, new) in [("chain.key", 'a', 'c'), ("encryption.key", 'b', 'd')] {
        std::fs::write(fixture.trail.file(file), lines(&[new, old])).unwrap();
    }
    wait_for(&service, RENEWED, 1);
    assert_eq!(flags(&client(), &service).await.unwrap(), 200);
    assert_eq!(service.stop(), Some(0));
    fixture.trail.assert_whole("new keys");
    let found = fixture.trail.audit(&["search", "--json", "--event", "answered", "--nhs-number", GOOD_CHILD]);
    let found = String::from_utf8_lossy(&found.stdout).into_owned();
    assert_eq!(found.lines().count(), 2, "what was sealed with either key is found: {found}");
    // Without the new chain key the last lines are nobody's.
    std::fs::write(fixture.trail.file("chain.key"), lines(&['a'])).unwrap();
    assert!(!fixture.trail.audit(&["verify"]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_still_writes_cannot_be_taken_away() {
    let fixture = RenewalFixture::new().await;
    let mut service = fixture.serve(&[]);
    std::fs::write(fixture.trail.file("chain.key"), lines(&['c'])).unwrap();
    wait_for(&service, KEPT, 1);
    assert!(service.line_with(KEPT).contains("put the new key above it"));
    assert_eq!(flags(&client(), &service).await.unwrap(), 200);
    assert_eq!(service.stop(), Some(0));
    std::fs::write(fixture.trail.file("chain.key"), lines(&['a'])).unwrap();
    fixture.trail.assert_whole("a key file that was not taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_were_given_out_stay_good_under_a_new_key() {
    let fixture = RenewalFixture::new().await;
    let ids = fixture.trail.file("id.key");
    std::fs::write(&ids, lines(&['e'])).unwrap();
    let service = fixture.serve(&[("FHIR__ID_KEY_FILE", &ids.display().to_string())]);
    let get = async |path: &str| {
        let url = format!("{}/FHIR/R4/{path}", service.public);
        Got::read(client().get(url).send().await.unwrap()).await
    };
    let search = format!("Flag?patient={GOOD_CHILD}");
    let id = |got: Got| got.resources("match")[0]["id"].as_str().unwrap().to_owned();
    let old = id(get(&search).await);
    std::fs::write(&ids, lines(&['f', 'e'])).unwrap();
    wait_for(&service, RENEWED, 1);
    let new = id(get(&search).await);
    assert_ne!(old, new, "new ids are made with the new key");
    for id in [old, new] {
        assert_eq!(get(&format!("Flag/{id}")).await.status, 200);
    }
}
