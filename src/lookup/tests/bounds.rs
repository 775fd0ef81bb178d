//! The table is bounded, and nothing that may have been delivered is asked again for lack of room.

use super::*;

async fn ask(lookups: &Lookups, n: u64, id: Option<&str>) -> Result<Look, Arc<LookError>> {
    lookups.look(about(&child(n), "a"), Freshness::Shared, id.map_or_else(anonymous, request)).await
}

fn room_for(answers: usize, looks: usize, ids: usize) -> Bounds {
    let answer = weight::weight(&samples::large());
    // And for two more looks, one of them in flight or with an answer.
    let overhead = (answers + 2) * (weight::LOOK + weight::ID + 100) + weight::IN_FLIGHT;
    Bounds { bytes: answers * answer + overhead, bodies: || 0, looks, ids }
}

#[tokio::test(start_paused = true)]
async fn looks_that_hold_no_answer_take_room_too_and_what_bodies_take_is_not_theirs() {
    let looks = |bodies: fn() -> usize| async move {
        let register = FakeRegister::new(Duration::ZERO, vec![Err(lost())]);
        let bytes = 100 * (weight::LOOK + weight::ID + 100) + weight::IN_FLIGHT;
        let lookups = bounded(&register, rules(WINDOW), Bounds { bytes, bodies, looks: 1000, ids: 1000 });
        let mut asked = 0;
        while *ask(&lookups, asked, Some("one-request")).await.unwrap_err() != LookError::Overloaded {
            asked += 1;
        }
        let statistics = lookups.statistics();
        assert!(statistics.shed == 1 && statistics.memory_limit == bytes, "{statistics:?}");
        assert!(statistics.memory_used <= bytes, "{statistics:?}");
        assert_eq!(register.asked() as u64, asked, "what is refused is not asked");
        // The first is still remembered, and room comes with time.
        assert_eq!(
            ask(&lookups, 0, Some("one-request")).await.unwrap_err().register().unwrap().kind,
            RegisterErrorKind::ConnectionLost
        );
        tokio::time::advance(WINDOW).await;
        assert_eq!(
            ask(&lookups, asked, Some("one-request")).await.unwrap_err().register().unwrap().kind,
            RegisterErrorKind::ConnectionLost
        );
        asked
    };
    let all = looks(|| 0).await;
    assert!((90..=110).contains(&all), "{all}");
    let half = looks(|| 50 * (weight::LOOK + weight::ID + 100)).await;
    assert!((45..=55).contains(&half), "{half}");
}

#[tokio::test(start_paused = true)]
async fn the_oldest_told_answer_makes_room_and_its_id_asks_nothing_again() {
    let register = FakeRegister::answering(Duration::ZERO, vec![Ok(samples::large())]);
    let lookups = bounded(&register, rules(WINDOW), room_for(2, 100, 100));
    for n in 0..4 {
        ask(&lookups, n, Some(&format!("request-{n}"))).await.unwrap();
    }
    assert_eq!(lookups.statistics().displaced, 1);
    let failure = ask(&lookups, 0, Some("request-0")).await.unwrap_err();
    assert_eq!((&*failure, failure.delivery()), (&LookError::NoLongerHeld, Delivery::MaybeDelivered));
    assert!(ask(&lookups, 3, Some("request-3")).await.unwrap().shared);
    assert_eq!(register.asked(), 4);
    assert!(!ask(&lookups, 0, Some("another-id")).await.unwrap().shared, "a new id is a new look");
}

#[tokio::test(start_paused = true)]
async fn answers_that_nobody_has_seen_are_kept_and_no_further_query_goes_out() {
    let register = FakeRegister::answering(Duration::ZERO, vec![Ok(samples::large())]);
    register.trail.fails(&[Event::Answered]);
    let lookups = bounded(&register, rules(WINDOW), room_for(2, 100, 100));
    for n in 0..3 {
        assert_eq!(*ask(&lookups, n, Some(&format!("request-{n}"))).await.unwrap_err(), LookError::Withheld);
    }
    register.trail.fails(&[]);
    let failure = ask(&lookups, 4, Some("request-4")).await.unwrap_err();
    assert_eq!((&*failure, failure.delivery()), (&LookError::Overloaded, Delivery::NotDelivered));
    for n in 0..3 {
        assert!(ask(&lookups, n, Some(&format!("request-{n}"))).await.is_ok());
    }
    assert!(ask(&lookups, 4, Some("request-4")).await.is_ok(), "they have been told, so one may go");
    assert_eq!(register.asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn no_id_that_may_have_been_heard_is_forgotten_for_another() {
    let register = FakeRegister::new(Duration::ZERO, vec![Err(lost())]);
    let lookups = bounded(&register, rules(WINDOW), room_for(100, 100, 3));
    for n in 0..3 {
        assert!(ask(&lookups, n, Some("one-request")).await.is_err());
    }
    assert_eq!(*ask(&lookups, 3, Some("one-request")).await.unwrap_err(), LookError::Overloaded);
    assert_eq!(
        ask(&lookups, 0, Some("one-request")).await.unwrap_err().register().unwrap().kind,
        RegisterErrorKind::ConnectionLost
    );
    assert_eq!(register.asked(), 3);
    tokio::time::advance(WINDOW).await;
    assert_eq!(
        ask(&lookups, 3, Some("one-request")).await.unwrap_err().register().unwrap().kind,
        RegisterErrorKind::ConnectionLost
    );
    assert_eq!(register.asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_full_table_lets_go_of_what_was_told_and_has_no_id() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
    let lookups = bounded(&register, rules(WINDOW), room_for(100, 3, 100));
    for n in 0..10 {
        assert!(ask(&lookups, n, None).await.is_ok());
    }
    assert_eq!((register.asked(), lookups.statistics().displaced), (10, 7));
    let lookups = bounded(&register, rules(WINDOW), room_for(100, 3, 100));
    for n in 0..3 {
        assert!(ask(&lookups, n, Some("one-request")).await.is_ok());
    }
    assert_eq!(*ask(&lookups, 3, None).await.unwrap_err(), LookError::Overloaded);
}

#[tokio::test(start_paused = true)]
async fn an_idle_table_forgets_by_itself() {
    let register = FakeRegister::answering(Duration::ZERO, vec![Ok(samples::large())]);
    let lookups = sharing_lookups(&register);
    let answer = Arc::downgrade(&ask(&lookups, 1, Some("one-request")).await.unwrap().answer);
    tokio::time::sleep(Duration::from_secs(299)).await;
    assert!(answer.upgrade().is_some());
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert!(answer.upgrade().is_none());
}
