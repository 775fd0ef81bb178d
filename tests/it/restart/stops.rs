//! Stopped in good order, and started with other settings.

use crate::common::restart::{ID, OTHER_ID, Place, WITH_AND_WITHOUT_AN_ID, a_page, age, found};
use crate::common::scripted::{self, Step};
use cpis_fhir::audit::Event;

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_the_same_after_a_stop() {
    for id in WITH_AND_WITHOUT_AN_ID {
        let mut place = Place::with(&[], a_page).await;
        let first = place.look(id).await;
        place.stop_and_start();
        place.smsp.follow(found);
        let again = place.look(id).await;
        assert_eq!((again.status, again.diagnostics()), (502, first.diagnostics()));
        assert_eq!(place.queries(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_outlives_two_restarts_with_its_age() {
    let mut place = Place::answered().await;
    place.look(Some(ID)).await;
    place.stop_and_start();
    let once = place.look(Some(OTHER_ID)).await;
    place.kill_and_start();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    for id in [Some(ID), Some(OTHER_ID), None] {
        let again = place.look(id).await;
        assert_eq!((again.status, again.total()), (200, 1), "{}", again.text);
        assert!(age(&again) > age(&once), "{:?}", again.headers);
    }
    assert_eq!(place.queries(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_look_go_on_after_a_restart_and_are_gone_after_a_new_one() {
    let mut place = Place::with(&[], |query| {
        // The plan twice over, so that there are two pages.
        let reply = scripted::found(query);
        let (start, end) = (reply.find("<pertinentInformation15>").unwrap(), reply.find("<subject>").unwrap());
        let another = reply[start..end].replace("202509010000", "202410010000");
        vec![Step::Send(scripted::http_ok(&format!("{}{another}{}", &reply[..start], &reply[start..])))]
    })
    .await;
    let search = format!("/FHIR/R4/Flag?patient={}&_count=1", crate::common::GOOD_CHILD);
    let starts = |got: &crate::common::Got| got.resources("match")[0]["period"]["start"].as_str().unwrap().to_owned();
    let first = place.follow(&format!("{}{search}", place.service.public)).await;
    let next = first.json()["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next").unwrap()["url"].clone();
    // Started anew, the service has another port.
    let next = next.as_str().unwrap().replace(&place.service.public, "");
    place.kill_and_start();
    let second = place.follow(&format!("{}{next}", place.service.public)).await;
    assert_eq!((second.status, second.total()), (200, 2), "{}", second.text);
    assert_eq!([starts(&first), starts(&second)], ["2025-09-01", "2024-10-01"]);
    assert_eq!(place.queries(), 1);
    place.look_with(None, &[("CPIS-New-Look", "true")]).await.unwrap();
    place.stop_and_start();
    let gone = place.follow(&format!("{}{next}", place.service.public)).await;
    assert_eq!((gone.status, place.queries()), (410, 2), "{}", gone.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_is_answered_after_a_restart_and_asks_nobody() {
    let mut place = Place::answered().await;
    let flag = place.look(None).await.resources("match")[0]["id"].as_str().unwrap().to_owned();
    place.kill_and_start();
    let read = place.follow(&format!("{}/FHIR/R4/Flag/{flag}", place.service.public)).await;
    assert_eq!((read.status, place.queries()), (200, 1), "{}", read.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_sharing_a_request_still_keeps_its_own_answer_over_a_restart() {
    let mut place = Place::with(&[("LOOKUP__SHARE_FOR", "0s")], found).await;
    place.look(Some(ID)).await;
    place.kill_and_start();
    let again = place.look(Some(ID)).await;
    assert_eq!((again.total(), place.queries()), (1, 1));
    let another = place.look(Some(OTHER_ID)).await;
    assert_eq!((another.total(), place.queries()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_shown_after_the_key_was_rotated() {
    for id in WITH_AND_WITHOUT_AN_ID {
        let mut place = Place::answered().await;
        place.look(id).await;
        let (old, new) = ("b".repeat(64), "c".repeat(64));
        std::fs::write(place.trail.file("encryption.key"), format!("{new}\n{old}\n")).unwrap();
        place.stop_and_start();
        let again = place.look(id).await;
        assert_eq!((again.total(), place.queries()), (1, 1));
        // And once more, sealed with either key.
        place.kill_and_start();
        assert_eq!((place.look(id).await.total(), place.queries()), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_waited_for_is_given_to_its_request_after_a_restart() {
    let late = |query: &scripted::Query| {
        let reply = Step::Send(scripted::http_ok(&scripted::found(query)));
        vec![Step::Wait(std::time::Duration::from_secs(2)), reply]
    };
    let mut place = Place::with(&[("SMSP__TIMEOUT", "1s"), ("SMSP__CONNECT_TIMEOUT", "500ms")], late).await;
    assert_eq!(place.look(Some(ID)).await.status, 504);
    place.smsp.until_sent(1).await;
    place.stop_and_start();
    let again = place.look(Some(ID)).await;
    assert_eq!((again.status, place.queries()), (200, 1), "{}", again.text);
    assert_eq!(place.count(Event::Unknown).await, 0);
}

/// A restart between the pages, and midnight too: in force on the day of the first page, on each page.
#[tokio::test(flavor = "multi_thread")]
async fn pages_over_a_restart_and_midnight_are_those_of_the_first_day() {
    for killed in [true, false] {
        let mut place = Place::with(&[], |query| {
            // Ends on the day of the first page; another begins on the day after.
            let end = "</component><component1><cPPEndDate><value value=\"202611290000\"/></cPPEndDate></component1>";
            let reply = scripted::found(query).replacen("</component>", end, 1);
            let (at, after) = (reply.find("<pertinentInformation15>").unwrap(), reply.find("<subject>").unwrap());
            let next = reply[at..after].replace("202509010000", "202611300000").replace("202611290000", "202712310000");
            vec![Step::Send(scripted::http_ok(&format!("{}{next}{}", &reply[..after], &reply[after..])))]
        })
        .await;
        place.clock.set("2026-11-29T23:58:30Z");
        let search = format!("{}/FHIR/R4/Flag?patient={}&_count=1", place.service.public, crate::common::GOOD_CHILD);
        let first = place.follow(&search).await;
        let next =
            first.json()["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next").unwrap()["url"].clone();
        let next = next.as_str().unwrap().replace(&place.service.public, "");
        place.clock.set("2026-11-30T00:00:30Z");
        if killed {
            place.kill_and_start();
        } else {
            place.stop_and_start();
        }
        let second = place.follow(&format!("{}{next}", place.service.public)).await;
        let shown = |got: &crate::common::Got| {
            let flag = got.resources("match")[0].clone();
            [&flag["period"]["start"], &flag["status"]].map(|value| value.as_str().unwrap().to_owned())
        };
        assert_eq!((first.total(), second.status, second.total()), (2, 200, 2), "{}", second.text);
        assert_eq!([shown(&first), shown(&second)], [["2025-09-01", "active"], ["2026-11-30", "inactive"]]);
        assert_eq!(place.queries(), 1);
    }
}
