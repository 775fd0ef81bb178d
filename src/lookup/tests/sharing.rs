//! One look, one query: flights that are joined, and answers that are shared.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_hundred_searches_of_one_look_ask_once() {
    let register = FakeRegister::new(Duration::from_secs(1), vec![Ok(())]);
    let lookups = lookups(&register);
    let looks = futures_util::future::join_all((0..100).map(|_| lookups.plain("a"))).await;
    assert!(looks.iter().all(Result::is_ok));
    assert_eq!(looks.iter().filter(|look| !look.as_ref().unwrap().shared).count(), 1);
    assert_eq!(register.asked(), 1);
    assert_eq!(lookups.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn two_users_are_two_looks() {
    let register = FakeRegister::new(Duration::from_secs(1), vec![Ok(())]);
    let lookups = lookups(&register);
    let (a, b) = tokio::join!(lookups.plain("a"), lookups.plain("b"));
    assert!(a.is_ok() && b.is_ok());
    assert_eq!(register.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn waiters_of_one_flight_get_the_same_failure_and_a_new_id_asks_again() {
    let register = FakeRegister::new(Duration::from_secs(1), vec![Err(lost()), Ok(())]);
    let lookups = lookups(&register);
    let (a, b) = tokio::join!(lookups.plain("a"), lookups.plain("a"));
    assert_eq!(a.unwrap_err(), b.unwrap_err());
    assert_eq!(register.asked(), 1);
    assert!(lookups.with_id("another-id").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_connection_never_made_is_tried_once_more_with_new_ids() {
    let register = FakeRegister::new(Duration::ZERO, vec![Err(not_connected()), Ok(())]);
    assert!(lookups(&register).plain("a").await.is_ok());
    let ids = register.ids.lock().unwrap();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0].message, ids[1].message);
    assert_ne!(ids[0].query, ids[1].query);
}

#[tokio::test(start_paused = true)]
async fn a_connection_never_made_is_not_tried_a_third_time() {
    let register = FakeRegister::new(Duration::ZERO, vec![Err(not_connected())]);
    assert_eq!(*lookups(&register).plain("a").await.unwrap_err(), not_connected().into());
    assert_eq!(register.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_heard_is_never_sent_again() {
    let mut tls = not_connected();
    tls.kind = RegisterErrorKind::Insecure(TlsCause::Alert(48));
    let mut refused = not_connected();
    (refused.kind, refused.phase) = (RegisterErrorKind::RefusedByStatus { status: 403 }, Phase::Understand);
    for failure in [lost(), tls, refused] {
        let register = FakeRegister::new(Duration::ZERO, vec![Err(failure)]);
        assert!(lookups(&register).plain("a").await.is_err());
        assert_eq!(register.asked(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_caller_hears_in_time_and_the_flight_goes_on() {
    let register = FakeRegister::new(Duration::from_secs(30), vec![Ok(())]);
    let lookups = lookups(&register);
    let began = tokio::time::Instant::now();
    let failure = lookups.plain("a").await.unwrap_err();
    assert_eq!((began.elapsed().as_secs(), &*failure), (20, &LookError::timeout()));
    assert_eq!(lookups.in_flight(), 1);
    // A further request joins the same flight and gets the late answer, without a second query.
    assert!(lookups.plain("a").await.unwrap().shared);
    assert_eq!(register.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_does_not_stop_the_query() {
    let register = FakeRegister::new(Duration::from_secs(5), vec![Ok(())]);
    let lookups = lookups(&register);
    let hurried = tokio::time::timeout(Duration::from_secs(1), lookups.plain("a")).await;
    assert!(hurried.is_err());
    assert!(lookups.drain(Duration::from_secs(10)).await);
    assert_eq!(register.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flight_ends_for_good_after_the_late_timeout() {
    let register = FakeRegister::new(Duration::from_hours(1), vec![Ok(())]);
    let lookups = lookups(&register);
    let _ = lookups.plain("a").await;
    assert!(!lookups.drain(Duration::from_secs(59)).await);
    assert!(lookups.drain(Duration::from_secs(2)).await);
}

#[tokio::test(start_paused = true)]
async fn a_finished_answer_is_shared_with_its_age_until_the_window_closes() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
    let lookups = sharing_lookups(&register);
    assert_eq!(lookups.plain("a").await.unwrap().age, None);
    tokio::time::advance(Duration::from_secs(299)).await;
    let shared = lookups.plain("a").await.unwrap();
    assert_eq!((shared.shared, shared.age.unwrap().as_secs(), register.asked()), (true, 299, 1));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(lookups.held(&question("a"), &anonymous(), |_| true).await.unwrap().is_none());
    assert!(!lookups.plain("a").await.unwrap().shared);
    assert_eq!(register.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_user_does_not_share() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
    let lookups = sharing_lookups(&register);
    lookups.plain("a").await.unwrap();
    assert!(lookups.held(&question("b"), &anonymous(), |_| true).await.unwrap().is_none());
    lookups.plain("b").await.unwrap();
    assert_eq!(register.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_cache_makes_a_new_look_only_where_the_settings_say_so_and_a_new_look_always() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
    let sharing = Sharing { share_for: WINDOW, refresh_after: Duration::from_secs(30) };
    let lookups = by(&register, Rules { sharing, ..rules(WINDOW) });
    lookups.look(question("a"), Freshness::NoCache, anonymous()).await.unwrap();
    tokio::time::advance(Duration::from_secs(30)).await;
    lookups.look(question("a"), Freshness::NoCache, anonymous()).await.unwrap();
    assert_eq!(register.asked(), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    lookups.look(question("a"), Freshness::NoCache, anonymous()).await.unwrap();
    assert_eq!(register.asked(), 2);
    lookups.look(question("a"), Freshness::NewLook, anonymous()).await.unwrap();
    assert_eq!(register.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_view_that_sends_no_cache_at_every_refresh_asks_once_a_window() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
    let lookups = sharing_lookups(&register);
    for _ in 0..10 {
        lookups.look(question("a"), Freshness::NoCache, anonymous()).await.unwrap();
        tokio::time::advance(Duration::from_secs(31)).await;
    }
    assert_eq!(register.asked(), 1);
    lookups.look(question("a"), Freshness::NoCache, anonymous()).await.unwrap();
    assert_eq!(register.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_person_who_asks_about_one_child_again_and_again_is_counted_and_repetitions_are_not() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(()), Err(not_connected()), Err(not_connected()), Ok(())]);
    let lookups = sharing_lookups(&register);
    let counted = || (register.asked(), lookups.statistics().repeated);
    // Neither attempt of the second new look reaches CP-IS: the same request asks for it.
    for (n, expected) in [(1, 0), (4, 0), (5, 0), (6, 1)].into_iter().enumerate() {
        let _ = lookups.new_look(&format!("new-look-{n}")).await;
        lookups.with_id(&format!("new-look-{n}")).await.unwrap();
        lookups.plain("a").await.unwrap();
        assert_eq!(counted(), expected);
        tokio::time::advance(Duration::from_mins(10)).await;
    }
    lookups.plain("b").await.unwrap();
    assert_eq!(counted(), (7, 1));
    lookups.plain("a").await.unwrap();
    assert_eq!(counted(), (8, 2));
    tokio::time::advance(Duration::from_hours(1)).await;
    lookups.plain("a").await.unwrap();
    assert_eq!(counted(), (9, 2));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_never_shared() {
    let register = FakeRegister::new(Duration::ZERO, vec![Err(lost()), Ok(())]);
    let lookups = sharing_lookups(&register);
    assert!(lookups.plain("a").await.is_err());
    assert!(lookups.held(&question("a"), &anonymous(), |_| true).await.unwrap().is_none());
    assert!(lookups.with_id("another-id").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_came_too_late_for_its_caller_is_shared_with_the_next() {
    let register = FakeRegister::new(Duration::from_secs(30), vec![Ok(())]);
    let lookups = sharing_lookups(&register);
    assert!(lookups.plain("a").await.is_err());
    assert!(lookups.drain(Duration::from_secs(20)).await);
    assert!(lookups.plain("a").await.unwrap().age.is_some());
    assert_eq!(register.asked(), 1);
}
