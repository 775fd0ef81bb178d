//! Killed at every moment of a look.

use crate::common::restart::{ID, OTHER_ID, Place, WITH_AND_WITHOUT_AN_ID, a_page, found};
use crate::common::scripted::{self, Query, Step};
use cpis_fhir::audit::Event;

/// A look that never ends meets `moment`; then the service is killed.
async fn killed_at(place: &mut Place, id: Option<&str>, moment: impl AsyncFnOnce(&Place)) {
    {
        let look = place.look_with(id, &[]);
        tokio::select! {
            got = look => panic!("it was answered: {:?}", got.map(|got| got.status)),
            () = moment(place) => {}
        }
    }
    place.kill_and_start();
}

/// The reply stops after its first 500 bytes.
fn half(query: &Query) -> Vec<Step> {
    let reply = scripted::http_ok(&scripted::found(query));
    vec![Step::Send(reply[..500].to_vec()), Step::Hold]
}

/// The same request is refused as one that may have been delivered, and nothing is asked.
async fn assert_not_asked_again(place: &Place, id: Option<&str>, queries: usize) {
    let again = place.look(id).await;
    assert_eq!((again.status, again.issue().as_str()), (504, "timeout"), "{}", again.text);
    assert!(again.diagnostics().contains("may already have been notified"), "{}", again.text);
    assert_eq!(again.header("Retry-After"), None);
    assert_eq!(place.queries(), queries);
    place.trail.assert_whole("a kill");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_killed_before_its_first_byte_is_not_asked_twice() {
    for id in WITH_AND_WITHOUT_AN_ID {
        let mut place = Place::answered().await;
        // The handshake ends, and nothing is read.
        place.smsp.read_at_most(0);
        killed_at(&mut place, id, async |place: &Place| place.smsp.until_connections(1).await).await;
        place.smsp.read_at_most(usize::MAX);
        let asked = place.count(Event::Asked).await;
        let again = place.look(id).await;
        // Where its entry was not on the trail yet, it had not been asked.
        assert_eq!(again.status, if asked == 1 { 504 } else { 200 }, "{}", again.text);
        assert_eq!(place.queries(), 1 - asked);
        place.trail.assert_whole("a kill");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_killed_between_two_bytes_of_its_query_is_not_asked_twice() {
    for id in WITH_AND_WITHOUT_AN_ID {
        let mut place = Place::answered().await;
        place.smsp.read_at_most(700);
        killed_at(&mut place, id, async |place: &Place| place.smsp.until_bytes(700).await).await;
        place.smsp.read_at_most(usize::MAX);
        assert_not_asked_again(&place, id, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_killed_before_its_reply_is_not_asked_twice() {
    for id in WITH_AND_WITHOUT_AN_ID {
        let mut place = Place::with(&[], |_| vec![Step::Hold]).await;
        killed_at(&mut place, id, async |place: &Place| place.smsp.until_queries(1).await).await;
        place.smsp.follow(found);
        assert_not_asked_again(&place, id, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_killed_inside_its_reply_is_not_asked_twice() {
    for id in WITH_AND_WITHOUT_AN_ID {
        let mut place = Place::with(&[], half).await;
        killed_at(&mut place, id, async |place: &Place| place.smsp.until_sent(1).await).await;
        place.smsp.follow(found);
        assert_not_asked_again(&place, id, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_killed_after_it_landed_is_shown_again_and_not_asked() {
    for id in WITH_AND_WITHOUT_AN_ID {
        let mut place = Place::answered().await;
        let first = place.look(id).await;
        assert_eq!(first.total(), 1);
        place.kill_and_start();
        let again = place.look(id).await;
        assert_eq!((again.status, again.total()), (200, 1), "{}", again.text);
        assert_eq!(again.resources("match"), first.resources("match"));
        assert!(crate::common::restart::age(&again) < 60, "{:?}", again.headers);
        assert_eq!(place.queries(), 1);
        // It is on the trail as one showing of the look that asked.
        let told = place.trail.told().await;
        let of =
            |event: Event| told.iter().filter(|told| told.entry.event == event).map(|told| told.entry.look).collect::<Vec<_>>();
        assert_eq!(of(Event::Shared), of(Event::Asked));
        place.trail.assert_whole("a kill");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_the_same_after_a_kill() {
    for id in WITH_AND_WITHOUT_AN_ID {
        let mut place = Place::with(&[], a_page).await;
        let first = place.look(id).await;
        place.kill_and_start();
        place.smsp.follow(found);
        let again = place.look(id).await;
        assert_eq!((again.status, again.diagnostics()), (502, first.diagnostics()));
        assert_eq!(place.queries(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waited_for_anothers_look_is_not_asked_after_a_kill() {
    let mut place = Place::with(&[], |_| vec![Step::Hold]).await;
    {
        let (first, second) = (place.look_with(Some(ID), &[]), place.look_with(Some(OTHER_ID), &[]));
        let both_wait = async {
            place.smsp.until_queries(1).await;
            // Its request was read when the file has it too.
            until(|| std::fs::metadata(place.window_file()).is_ok_and(|file| file.len() > 260)).await;
        };
        tokio::select! {
            _ = async { tokio::join!(first, second) } => panic!("they were answered"),
            () = both_wait => {}
        }
    }
    place.kill_and_start();
    place.smsp.follow(found);
    assert_not_asked_again(&place, Some(OTHER_ID), 1).await;
    assert_not_asked_again(&place, Some(ID), 1).await;
}

/// A new look is a person's decision, after a restart as before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_decides_to_ask_again_after_a_kill_asks() {
    let mut place = Place::with(&[], |_| vec![Step::Hold]).await;
    killed_at(&mut place, Some(ID), async |place: &Place| place.smsp.until_queries(1).await).await;
    place.smsp.follow(found);
    let anew = place.look_with(Some(OTHER_ID), &[("CPIS-New-Look", "true")]).await.unwrap();
    assert_eq!((anew.total(), place.queries()), (1, 2));
    assert_not_asked_again(&place, Some(ID), 2).await;
}

async fn until(holds: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "it never came to that");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
