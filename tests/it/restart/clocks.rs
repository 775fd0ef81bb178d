//! Clocks that are set, while the service runs and while it does not.

use crate::common::restart::{ID, OTHER_ID, Place, age};
use jiff::SignedDuration;

const JUMPS: [SignedDuration; 4] = [
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(-1),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(-24),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_jump_of_the_clock_while_serving_makes_a_second_query() {
    for jump in JUMPS {
        let place = Place::answered().await;
        place.look(Some(ID)).await;
        place.clock.jump(jump);
        for id in [Some(ID), Some(OTHER_ID), None] {
            let again = place.look(id).await;
            assert_eq!(again.total(), 1, "{jump:#}: {}", again.text);
            assert!(age(&again) < 60, "{jump:#}: {:?}", again.headers);
        }
        assert_eq!(place.queries(), 1, "{jump:#}");
        place.trail.assert_whole(&format!("a jump by {jump:#}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_jump_of_the_clock_over_a_restart_makes_a_repetition_ask() {
    for jump in JUMPS {
        let mut place = Place::answered().await;
        place.look(Some(ID)).await;
        place.service.kill();
        place.clock.jump(jump);
        place.start();
        let again = place.look(Some(ID)).await;
        assert_eq!((again.status, place.queries()), (200, 1), "{jump:#}: {}", again.text);
        place.trail.assert_whole(&format!("a jump by {jump:#}"));
        // And back.
        place.service.kill();
        place.clock.jump(-jump);
        place.start();
        let again = place.look(Some(ID)).await;
        assert_eq!((again.status, place.queries()), (200, 1), "{jump:#} and back: {}", again.text);
        place.trail.assert_whole(&format!("a jump by {jump:#} and back"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_may_be_older_than_the_window_is_not_shared_after_a_restart() {
    let mut place = Place::answered().await;
    place.look(Some(ID)).await;
    place.service.kill();
    place.clock.jump(SignedDuration::from_mins(6));
    place.start();
    let another = place.look(Some(OTHER_ID)).await;
    assert_eq!((another.status, another.header("Age"), place.queries()), (200, None, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn days_and_hours_that_change_over_a_restart_change_no_look() {
    // Midnight in London in winter and in summer, and both edges of summer time.
    for (before, after) in [
        ("2026-11-29T23:59:30Z", "2026-11-30T00:00:30Z"),
        ("2026-06-30T22:59:30Z", "2026-06-30T23:00:30Z"),
        ("2026-03-29T00:59:30Z", "2026-03-29T01:00:30Z"),
        ("2026-10-25T00:59:30Z", "2026-10-25T01:00:30Z"),
    ] {
        let mut place = Place::answered().await;
        place.service.kill();
        place.clock.set(before);
        place.start();
        place.look(Some(ID)).await;
        place.service.kill();
        place.clock.set(after);
        place.start();
        for id in [Some(ID), Some(OTHER_ID), None] {
            let again = place.look(id).await;
            assert_eq!(again.total(), 1, "{before}: {}", again.text);
            assert!((55..300).contains(&age(&again)) || id == Some(ID), "{before}: {:?}", again.headers);
        }
        assert_eq!(place.queries(), 1, "{before}");
        place.trail.assert_whole(before);
    }
}
