//! No id is no licence to ask twice (decisions.md 45).

use super::*;

#[tokio::test(start_paused = true)]
async fn a_request_without_an_id_gets_the_failure_of_its_look_for_five_minutes_and_asks_nothing() {
    for share_for in [Duration::ZERO, WINDOW, WINDOW * 3] {
        for first in [anonymous(), request("0123456789abcdef")] {
            let register = FakeRegister::new(Duration::from_secs(1), vec![Err(lost()), Ok(())]);
            let lookups = by(&register, rules(share_for));
            let failure = lookups.look(question("a"), Freshness::Shared, first).await.unwrap_err();
            for freshness in [Freshness::Shared, Freshness::NoCache] {
                tokio::time::advance(Duration::from_millis(149_999)).await;
                let again = lookups.look(question("a"), freshness, anonymous()).await.unwrap_err();
                assert_eq!(again, failure);
            }
            assert_eq!(register.asked(), 1);
            tokio::time::advance(Duration::from_millis(2)).await;
            assert!(lookups.plain("a").await.is_ok());
            assert_eq!(register.asked(), 2);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_look_or_a_new_id_asks_after_a_failure_and_its_answer_ends_it() {
    for share_for in [Duration::ZERO, WINDOW] {
        let register = FakeRegister::new(Duration::ZERO, vec![Err(lost()), Err(lost()), Err(lost()), Ok(())]);
        let lookups = by(&register, rules(share_for));
        assert!(lookups.plain("a").await.is_err());
        assert!(lookups.look(question("a"), Freshness::NewLook, anonymous()).await.is_err());
        assert!(lookups.with_id("first-id").await.is_err());
        assert_eq!(register.asked(), 3);
        assert!(lookups.plain("a").await.is_err());
        assert_eq!(register.asked(), 3);
        assert!(lookups.with_id("second-id").await.is_ok());
        assert!(lookups.plain("a").await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_another_persons_or_childs_look_is_nobody_elses() {
    let register = FakeRegister::new(Duration::ZERO, vec![Err(lost()), Ok(())]);
    let lookups = lookups(&register);
    assert!(lookups.plain("a").await.is_err());
    assert!(lookups.plain("b").await.is_ok());
    assert!(lookups.look(about(&child(7), "a"), Freshness::Shared, anonymous()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_was_certainly_not_heard_may_be_asked_again_and_does_not_hide_what_may_have_been() {
    let refused =
        RegisterError::new(RegisterErrorKind::RefusedByStatus { status: 403 }, Phase::Understand, Delivery::NotDelivered);
    let register = FakeRegister::new(Duration::ZERO, vec![Err(refused.clone()), Err(lost()), Err(refused), Ok(())]);
    let lookups = lookups(&register);
    assert!(lookups.plain("a").await.is_err());
    assert_eq!(*lookups.plain("a").await.unwrap_err(), lost().into());
    assert!(lookups.with_id("second-id").await.is_err());
    assert_eq!(*lookups.plain("a").await.unwrap_err(), lost().into());
    assert_eq!(register.asked(), 3);
}

/// The caller got a 504, so a late answer is for its repetition, even if only requests in flight share answers.
#[tokio::test(start_paused = true)]
async fn an_answer_that_came_late_is_given_to_a_repetition_without_an_id() {
    let register = FakeRegister::new(Duration::from_secs(30), vec![Ok(())]);
    let lookups = lookups(&register);
    assert_eq!(lookups.plain("a").await.unwrap_err().register().unwrap().kind, RegisterErrorKind::Timeout);
    assert!(lookups.drain(Duration::from_secs(20)).await);
    for _ in 0..3 {
        assert!(lookups.plain("a").await.unwrap().shared);
    }
    assert_eq!(register.asked(), 1);
    assert!(!lookups.with_id("a-new-id").await.is_ok_and(|look| look.shared));
}

#[tokio::test(start_paused = true)]
async fn a_withheld_answer_is_given_to_a_repetition_without_an_id_too() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
    register.trail.fails(&[Event::Answered]);
    let lookups = lookups(&register);
    for _ in 0..2 {
        assert_eq!(*lookups.plain("a").await.unwrap_err(), LookError::Withheld);
    }
    register.trail.fails(&[]);
    assert!(lookups.plain("a").await.unwrap().shared);
    assert_eq!((register.asked(), register.events()), (1, vec!["asked", "answered", "shared"]));
}

#[tokio::test(start_paused = true)]
async fn a_failed_look_without_an_id_is_never_forgotten_for_room() {
    let register = FakeRegister::new(Duration::ZERO, vec![Err(lost())]);
    let lookups = bounded(&register, rules(WINDOW), Bounds { looks: 2, ..Bounds::of_memory() });
    for n in [1, 2] {
        assert!(lookups.look(about(&child(n), "a"), Freshness::Shared, anonymous()).await.is_err());
    }
    let failure = lookups.look(about(&child(3), "a"), Freshness::Shared, anonymous()).await.unwrap_err();
    assert_eq!(*failure, LookError::Overloaded);
    for n in [1, 2] {
        let failure = lookups.look(about(&child(n), "a"), Freshness::Shared, anonymous()).await.unwrap_err();
        assert_eq!(*failure, lost().into());
    }
    assert_eq!(register.asked(), 2);
}
