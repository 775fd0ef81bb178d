//! The window's file: lost, cut, another's, and what can be read of it.

use crate::common::restart::{ID, OTHER_ID, Place, found};
use crate::common::trail::TrailFolder;

/// The look is known, its answer is not: the caller learns that, and CP-IS is not asked.
async fn assert_answered_before(place: &Place) {
    let again = place.look(Some(ID)).await;
    assert_eq!((again.status, again.issue().as_str()), (500, "exception"), "{}", again.text);
    assert!(again.diagnostics().contains("before a restart"), "{}", again.text);
    assert!(again.diagnostics().contains("CPIS-New-Look: true"), "{}", again.text);
    assert_eq!((again.header("Retry-After"), place.queries()), (None, 1));
}

async fn answered_and_stopped() -> Place {
    let mut place = Place::answered().await;
    place.look(Some(ID)).await;
    assert_eq!(place.service.stop(), Some(0));
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_whose_answer_is_lost_is_not_asked_again() {
    let mut place = answered_and_stopped().await;
    std::fs::remove_file(place.window_file()).unwrap();
    place.start();
    assert_answered_before(&place).await;
    let anew = place.look_with(Some(OTHER_ID), &[("CPIS-New-Look", "true")]).await.unwrap();
    assert_eq!((anew.total(), place.queries()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_or_changed_is_survived_and_said() {
    let mut place = answered_and_stopped().await;
    let whole = std::fs::read(place.window_file()).unwrap();
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    for bytes in [&whole[..whole.len() - 1], &whole[..4], b"no window at all", &changed] {
        std::fs::write(place.window_file(), bytes).unwrap();
        place.start();
        assert_answered_before(&place).await;
        let said = place.service.said();
        assert!(
            said.contains("the window's file is damaged") || said.contains("the window's file holds frames that do not open"),
            "{said}"
        );
        // What is written after it is read again.
        assert_eq!(place.service.stop(), Some(0));
    }
    std::fs::write(place.window_file(), &whole).unwrap();
    place.start();
    assert_eq!((place.look(Some(ID)).await.total(), place.queries()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_another_trail_is_not_opened() {
    let other = Place::answered().await;
    other.look(Some(ID)).await;
    let mut place = answered_and_stopped().await;
    std::fs::copy(other.window_file(), place.window_file()).unwrap();
    place.start();
    assert_answered_before(&place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_that_are_given_one_file_both_serve() {
    let first = Place::answered().await;
    let file = first.window_file().display().to_string();
    let second = Place::on(TrailFolder::sqlite(), &[("LOOKUP__WINDOW_FILE", &file)], found).await;
    second.service.line_with("lookup.window_file is not used");
    assert_eq!(first.look(Some(ID)).await.total(), 1);
    assert_eq!(second.look(Some(ID)).await.total(), 1);
    let (mut first, mut second) = (first, second);
    first.kill_and_start();
    assert_eq!((first.look(Some(ID)).await.total(), first.queries()), (1, 1));
    // Its answer was in no file; the trail knows it all the same.
    second.kill_and_start();
    assert_answered_before(&second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_written_stops_nobody() {
    let place = Place::with(&[("LOOKUP__WINDOW_FILE", "/proc/window")], found).await;
    place.service.line_with("lookup.window_file is not used");
    assert_eq!(place.look(Some(ID)).await.total(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_person_can_be_read_in_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::answered().await;
    let shown = place.look(Some(ID)).await;
    let mut place = place;
    assert_eq!(place.service.stop(), Some(0));
    let bytes = std::fs::read(place.window_file()).unwrap();
    let name = crate::common::scripted::AUTHORITY;
    let number = crate::common::scripted::OFFICE_NUMBER;
    assert!(shown.text.contains(name) || shown.text.contains(number), "{}", shown.text);
    for word in [crate::common::GOOD_CHILD, name, number, ID, "demo", "RX1", "Example"] {
        assert!(!bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes())), "{word}");
    }
    assert!(bytes.len() > 500, "{}", bytes.len());
    assert_eq!(std::fs::metadata(place.window_file()).unwrap().permissions().mode() & 0o777, 0o600);
}
