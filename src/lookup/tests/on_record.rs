//! Nothing is asked or shown that is not on record.

use super::*;

const ID: &str = "0123456789abcdef";

fn found() -> Answer {
    Answer { response_id: "response".into(), ..samples::large() }
}

fn last(register: &FakeRegister) -> Entry {
    register.trail.lines().last().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn a_look_is_two_entries_that_say_everything() {
    let register = FakeRegister::answering(Duration::ZERO, vec![Ok(found())]);
    let lookups = lookups(&register);
    lookups.with_id(ID).await.unwrap();
    let lines = register.trail.lines();
    let [asked, answered] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((asked.event, answered.event), (Event::Asked, Event::Answered));
    assert!(asked.look.is_some() && asked.look == answered.look && asked.id != answered.id);
    let ids = register.ids.lock().unwrap()[0].clone();
    for entry in [asked, answered] {
        assert_eq!(entry.child, Some(NhsNumber::parse(NUMBER).unwrap()));
        assert_eq!(entry.who, Some(crate::audit::Who::from(&question("a").requester)));
        assert_eq!(entry.author, Some(author(&question("a").requester)));
        assert_eq!(entry.request.request_id, Some(ID.into()));
        let message = entry.message.as_ref().unwrap();
        assert_eq!((message.message_id.as_str(), message.query_id.as_str()), (ids.message.as_str(), ids.query.as_str()));
    }
    assert_eq!((&asked.outcome, &asked.message.as_ref().unwrap().response_id), (&None, &None));
    assert_eq!(answered.message.as_ref().unwrap().response_id, Some("response".into()));
    let outcome = answered.outcome.as_ref().unwrap();
    assert_eq!((outcome.name.as_str(), outcome.notification_expected), ("found", Some(true)));
    assert_eq!(outcome.response_code, Some("SMSP-0000".into()));
    assert_eq!(outcome.shown, Some(crate::audit::ShownCounts::from(&found())));
}

#[tokio::test(start_paused = true)]
async fn no_record_notifies_nobody_and_a_local_store_nobody_knows() {
    let stale = Answer { stale: true, ..found() };
    for (answer, name, expected) in [(no_record(), "no-record", Some(false)), (stale, "found", None)] {
        let register = FakeRegister::answering(Duration::ZERO, vec![Ok(answer)]);
        lookups(&register).plain("a").await.unwrap();
        let outcome = last(&register).outcome.unwrap();
        assert_eq!((outcome.name.as_str(), outcome.notification_expected), (name, expected));
    }
}

#[tokio::test(start_paused = true)]
async fn failed_is_what_cpis_is_known_to_have_heard_and_the_rest_is_unknown() {
    use RegisterErrorKind::*;
    let rejected = |reason, code: Option<&str>| Rejected { reason, code: code.map(str::to_owned) };
    let maybe = |kind| RegisterError::understanding(kind);
    let not = |kind| RegisterError::new(kind, Phase::Understand, Delivery::NotDelivered);
    let cases = [
        (not(RefusedByStatus { status: 403 }), "failed", "refused", None),
        (not(rejected(Rejection::SpineUnreachable, Some("SMSP-0004"))), "failed", "spine-unreachable", Some("SMSP-0004")),
        (maybe(rejected(Rejection::CpisFailed, Some("CPIS-9999"))), "failed", "cpis-failure", Some("CPIS-9999")),
        (maybe(rejected(Rejection::NotProcessed, Some("2200"))), "failed", "fault", Some("2200")),
        (maybe(rejected(Rejection::BusinessError, None)), "failed", "business-error", None),
        (maybe(rejected(Rejection::QueryFailed, None)), "failed", "query-failed", None),
        (maybe(Timeout), "unknown", "timeout", None),
        (lost(), "unknown", "connection-lost", None),
        (maybe(Unreadable(Malformed::Syntax)), "unknown", "unreadable", None),
        (maybe(TooLarge), "unknown", "too-large", None),
        (maybe(NotAnAnswer(NonAnswer::Html)), "unknown", "not-an-answer", None),
        (maybe(UnknownCode { code: Some("SMSP-0042".into()) }), "unknown", "unknown-code", Some("SMSP-0042")),
        (maybe(Contradictory(Contradiction::TotalUnreadable)), "unknown", "incomplete", None),
        (maybe(OtherChild), "unknown", "other-child", None),
        (maybe(OtherMessage), "unknown", "other-message", None),
        (maybe(Internal), "unknown", "internal", None),
    ];
    for (failure, event, name, code) in cases {
        let register = FakeRegister::new(Duration::ZERO, vec![Err(failure.clone())]);
        assert!(lookups(&register).plain("a").await.is_err());
        assert_eq!(register.events(), ["asked", event], "{failure}");
        let outcome = last(&register).outcome.unwrap();
        assert_eq!((outcome.name.as_str(), outcome.delivery), (name, Some(failure.delivery)));
        assert_eq!(outcome.response_code.as_ref().map(Text::as_str), code);
        let nobody = failure.delivery == Delivery::NotDelivered;
        assert_eq!(outcome.notification_expected, nobody.then_some(false));
    }
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_entries_of_its_own_under_one_look() {
    let register = FakeRegister::new(Duration::ZERO, vec![Err(not_connected()), Ok(())]);
    lookups(&register).plain("a").await.unwrap();
    assert_eq!(register.events(), ["asked", "failed", "asked", "answered"]);
    let lines = register.trail.lines();
    assert!(lines.iter().all(|line| line.look == lines[0].look));
    let message = |at: usize| lines[at].message.as_ref().unwrap().message_id.clone();
    assert_eq!((message(0), message(2)), (message(1), message(3)));
    assert_ne!(message(0), message(2));
}

#[tokio::test(start_paused = true)]
async fn who_waited_searched_again_read_or_found_nothing_has_an_entry_of_its_own() {
    let register = FakeRegister::answering(Duration::from_secs(1), vec![Ok(found())]);
    let lookups = sharing_lookups(&register);
    let (_, joined) = tokio::join!(lookups.with_id("first-id"), lookups.with_id("second-id"));
    assert!(joined.unwrap().shared);
    tokio::time::advance(Duration::from_secs(2)).await;
    lookups.with_id("third-id").await.unwrap();
    assert!(lookups.held(&question("a"), &request("a-read-id"), |_| true).await.unwrap().is_some());
    assert!(lookups.held(&question("b"), &request("not-held-id"), |_| true).await.unwrap().is_none());
    assert_eq!(register.events(), ["asked", "answered", "shared", "shared", "shared", "not-held"]);
    let lines = register.trail.lines();
    let ids: Vec<_> = lines.iter().map(|line| line.request.request_id.as_ref().unwrap().as_str()).collect();
    assert_eq!(ids, ["first-id", "first-id", "second-id", "third-id", "a-read-id", "not-held-id"]);
    assert!(lines[..5].iter().all(|line| line.look == lines[0].look));
    let ages: Vec<_> = lines[2..5].iter().map(|line| line.outcome.as_ref().unwrap().age_ms).collect();
    assert_eq!(ages, [None, Some(2000), Some(2000)]);
    for line in &lines[2..5] {
        let outcome = line.outcome.as_ref().unwrap();
        assert_eq!((outcome.name.as_str(), outcome.notification_expected), ("found", Some(false)));
        assert!(outcome.shown.is_some());
    }
    let statistics = lookups.statistics();
    assert_eq!((statistics.asked, statistics.answered, statistics.shared), (1, 1, 3));
    assert_eq!((statistics.notifications_caused, statistics.notifications_saved), (1, 2), "a read saves none");
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_be_the_author_is_refused_on_record_and_nothing_is_asked() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
    register.lacks_a_name.store(true, SeqCst);
    let lookups = lookups(&register);
    assert!(matches!(
        lookups.with_id(ID).await.unwrap_err().register().unwrap().kind,
        RegisterErrorKind::AuthorIncomplete { .. }
    ));
    assert_eq!((register.asked(), register.events()), (0, vec!["refused"]));
    assert_eq!(last(&register).outcome.unwrap().name.as_str(), "author-incomplete");
    register.trail.fails(&[Event::Refused]);
    assert_eq!(*lookups.with_id(ID).await.unwrap_err(), LookError::Trail(TrailUnavailable));
}

#[tokio::test(start_paused = true)]
async fn without_its_entry_no_query_goes_out_and_a_later_one_may() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
    register.trail.fails(&[Event::Asked]);
    let lookups = lookups(&register);
    let failure = lookups.with_id(ID).await.unwrap_err();
    assert_eq!((&*failure, failure.delivery()), (&LookError::Trail(TrailUnavailable), Delivery::NotDelivered));
    assert_eq!((register.asked(), register.trail.owed().len()), (0, 0), "nothing was written, so nothing needs an end");
    register.trail.fails(&[]);
    assert!(lookups.with_id(ID).await.is_ok());
    assert_eq!(register.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_may_have_been_written_gets_its_end_when_possible() {
    let gone: TrailError = StoreError::new(StoreErrorKind::Gone, "as the test wants it").into();
    for error in [TrailError::Slow, TrailError::Closed, gone] {
        let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
        register.trail.fails(&[Event::Asked]);
        register.trail.fails_with(error);
        assert_eq!(*lookups(&register).plain("a").await.unwrap_err(), LookError::Trail(TrailUnavailable));
        let owed = register.trail.owed();
        assert_eq!(owed.iter().map(|entry| entry.event).collect::<Vec<_>>(), [Event::Failed]);
        assert_eq!(owed[0].outcome.as_ref().unwrap().delivery, Some(Delivery::NotDelivered));
        assert!(owed[0].message.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn no_query_goes_out_while_the_trail_is_owed_too_much() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
    register.trail.is_full_of_debt.store(true, SeqCst);
    assert_eq!(*lookups(&register).plain("a").await.unwrap_err(), LookError::Trail(TrailUnavailable));
    assert_eq!((register.asked(), register.events().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_query_whose_caller_has_gone_before_the_trail_was_ready_never_goes_out() {
    let register = FakeRegister::new(Duration::ZERO, vec![Ok(())]);
    *register.trail.takes.lock().unwrap() = Duration::from_secs(21);
    let lookups = lookups(&register);
    assert!(lookups.with_id(ID).await.is_err());
    assert!(lookups.drain(WINDOW).await);
    assert_eq!((register.asked(), register.events()), (0, vec!["asked", "failed"]));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_recorded_is_withheld_and_given_to_the_retry_without_a_second_query() {
    let register = FakeRegister::answering(Duration::from_secs(1), vec![Ok(found())]);
    register.trail.fails(&[Event::Answered]);
    let lookups = lookups(&register);
    let (first, joined) = tokio::join!(lookups.with_id(ID), lookups.with_id("another-id"));
    for failure in [first.unwrap_err(), joined.unwrap_err(), lookups.with_id(ID).await.unwrap_err()] {
        assert_eq!((&*failure, failure.delivery()), (&LookError::Withheld, Delivery::MaybeDelivered));
    }
    assert_eq!(register.events(), ["asked"]);
    let owed = register.trail.owed();
    assert_eq!(owed.iter().map(|entry| entry.event).collect::<Vec<_>>(), [Event::Answered]);
    assert_eq!((lookups.statistics().withheld, lookups.statistics().answered), (1, 0));
    register.trail.fails(&[]);
    assert!(lookups.with_id(ID).await.unwrap().shared);
    assert!(lookups.with_id("another-id").await.unwrap().shared);
    assert_eq!(register.events(), ["asked", "answered", "shared", "shared"]);
    assert_eq!(register.trail.lines()[1].id, owed[0].id, "the owed entry itself, so that it stands there once");
    assert_eq!((register.asked(), lookups.statistics().answered, lookups.statistics().notifications_caused), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_withheld_answer_serves_the_next_search_too_once_it_is_on_record() {
    let register = FakeRegister::answering(Duration::ZERO, vec![Ok(found())]);
    register.trail.fails(&[Event::Answered]);
    let lookups = sharing_lookups(&register);
    assert_eq!(*lookups.plain("a").await.unwrap_err(), LookError::Withheld);
    let failure = lookups.plain("a").await.unwrap_err();
    assert_eq!(
        (&*failure, failure.delivery()),
        (&LookError::Trail(TrailUnavailable), Delivery::NotDelivered),
        "it asked nothing"
    );
    assert_eq!(*lookups.held(&question("a"), &anonymous(), |_| true).await.unwrap_err(), LookError::Trail(TrailUnavailable));
    register.trail.fails(&[]);
    assert!(lookups.plain("a").await.unwrap().shared);
    assert_eq!((register.asked(), register.events()), (1, vec!["asked", "answered", "shared"]));
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_cannot_be_recorded_is_told_unless_it_names_an_authority() {
    let register = FakeRegister::new(Duration::ZERO, vec![Err(lost())]);
    register.trail.fails(&[Event::Unknown]);
    let lookups_ = lookups(&register);
    assert_eq!(*lookups_.with_id(ID).await.unwrap_err(), lost().into());
    assert_eq!(register.trail.owed().len(), 1);
    let revealing = RegisterError::understanding(RegisterErrorKind::Contradictory(Contradiction::TotalUnreadable))
        .with_contacts(vec![samples::exampleshire()]);
    let register = FakeRegister::new(Duration::ZERO, vec![Err(revealing.clone())]);
    register.trail.fails(&[Event::Unknown]);
    let lookups = lookups(&register);
    assert_eq!(*lookups.with_id(ID).await.unwrap_err(), LookError::Withheld);
    register.trail.fails(&[]);
    assert_eq!(*lookups.with_id(ID).await.unwrap_err(), revealing.into());
    assert_eq!((register.asked(), register.events()), (1, vec!["asked", "unknown", "shared"]));
}

fn revealing() -> RegisterError {
    RegisterError::understanding(RegisterErrorKind::Contradictory(Contradiction::NoMatchWithContent))
        .with_contacts(vec![samples::exampleshire(), samples::exampleshire()])
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_names_an_authority_is_on_record_each_time_it_is_told() {
    let register = FakeRegister::new(Duration::from_secs(1), vec![Err(revealing())]);
    let lookups = sharing_lookups(&register);
    let (first, joined) = tokio::join!(lookups.with_id(ID), lookups.with_id("joined-id"));
    for failure in [first, joined, lookups.with_id(ID).await, lookups.plain("a").await] {
        assert_eq!(*failure.unwrap_err(), revealing().into());
    }
    assert_eq!(register.events(), ["asked", "unknown", "shared", "shared", "shared"]);
    let lines = register.trail.lines();
    for line in &lines[1..] {
        let outcome = line.outcome.as_ref().unwrap();
        assert_eq!((outcome.name.as_str(), outcome.authorities, outcome.shown), ("incomplete", Some(2), None));
        assert_eq!((line.look, &line.message), (lines[0].look, &lines[1].message));
    }
    assert_eq!(lines[2].outcome.as_ref().unwrap().notification_expected, Some(false), "a repetition notifies nobody");
    register.trail.fails(&[Event::Shared]);
    assert_eq!(*lookups.with_id(ID).await.unwrap_err(), LookError::Withheld, "no entry, no word of a record");
    assert_eq!(*lookups.plain("a").await.unwrap_err(), LookError::Withheld);
}

#[tokio::test(start_paused = true)]
async fn a_failure_about_another_child_names_nobody_and_one_that_tells_nothing_needs_no_further_entry() {
    let other = RegisterError::understanding(RegisterErrorKind::OtherChild).with_contacts(vec![samples::exampleshire()]);
    for failure in [other, lost()] {
        let register = FakeRegister::new(Duration::ZERO, vec![Err(failure)]);
        let lookups = lookups(&register);
        for _ in 0..3 {
            assert!(lookups.with_id(ID).await.is_err());
        }
        assert_eq!(register.events(), ["asked", "unknown"]);
        assert_eq!(last(&register).outcome.unwrap().authorities, None);
    }
}

/// What came, and whether its caller was there.
async fn come_late(outcome: Result<Answer, RegisterError>, hangs_up: bool) -> (Arc<FakeRegister>, Lookups) {
    let register = FakeRegister::answering(Duration::from_secs(30), vec![outcome]);
    let lookups = sharing_lookups(&register);
    let patience = Duration::from_secs(if hangs_up { 3 } else { 60 });
    let outcome = tokio::time::timeout(patience, lookups.with_id(ID)).await;
    assert_eq!(outcome.is_err(), hangs_up);
    assert!(lookups.drain(WINDOW).await);
    (register, lookups)
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_came_when_nobody_waited_says_so_and_claims_no_showing() {
    for (hangs_up, says) in [(false, "after its caller was told"), (true, "its caller had gone")] {
        for (outcome, event) in [(Ok(found()), "answered"), (Err(revealing()), "unknown"), (Err(lost()), "unknown")] {
            let (register, lookups) = come_late(outcome.clone(), hangs_up).await;
            assert_eq!(register.events(), ["asked", event]);
            let line = last(&register);
            let recorded = line.outcome.unwrap();
            assert_eq!((recorded.shown, recorded.authorities), (None, None), "{event}");
            assert!(line.detail.as_ref().unwrap().contains(says), "{line:?}", line = line.detail);
            // Shown to the retry, that is an entry of its own.
            let again = lookups.with_id(ID).await;
            let reveals = !outcome.is_err_and(|failure| failure == lost());
            assert_eq!(register.events().get(2), reveals.then_some(&"shared"));
            let shown = last(&register).outcome.unwrap();
            match again {
                Ok(look) => assert_eq!(shown.shown, Some(crate::audit::ShownCounts::from(&*look.answer))),
                Err(failure) => assert_eq!(shown.authorities.unwrap_or(0) as usize, failure.named().len()),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_joined_is_shown_what_its_first_caller_did_not_wait_for() {
    let register = FakeRegister::answering(Duration::from_secs(30), vec![Ok(found())]);
    let lookups = sharing_lookups(&register);
    let (first, joined) = tokio::join!(lookups.plain("a"), async {
        tokio::time::sleep(Duration::from_secs(15)).await;
        lookups.plain("a").await
    });
    assert!(first.is_err() && joined.is_ok());
    let lines = register.trail.lines();
    let shown: Vec<bool> =
        lines.iter().map(|line| line.outcome.as_ref().is_some_and(|outcome| outcome.shown.is_some())).collect();
    assert_eq!((register.events(), shown), (vec!["asked", "answered", "shared"], vec![false, false, true]));
}

/// The deadline passes while the answer is written down as shown: then it is shown.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_being_recorded_as_the_deadline_passes_is_waited_for() {
    let register = FakeRegister::answering(Duration::from_secs(19), vec![Ok(found())]);
    let lookups = lookups(&register);
    let looking = tokio::spawn({
        let lookups = lookups.clone();
        async move { lookups.with_id(ID).await }
    });
    tokio::time::sleep(Duration::from_secs(10)).await;
    *register.trail.takes.lock().unwrap() = Duration::from_secs(3);
    assert!(looking.await.unwrap().is_ok());
    let line = last(&register);
    assert!(line.outcome.unwrap().shown.is_some() && line.detail.is_none());
    assert_eq!(register.events(), ["asked", "answered"]);
}

#[tokio::test(start_paused = true)]
async fn a_withheld_answer_claims_no_showing_when_it_is_recorded_at_last() {
    let register = FakeRegister::answering(Duration::ZERO, vec![Ok(found())]);
    register.trail.fails(&[Event::Answered]);
    let lookups = lookups(&register);
    assert_eq!(*lookups.with_id(ID).await.unwrap_err(), LookError::Withheld);
    let owed = register.trail.owed().remove(0);
    register.trail.fails(&[]);
    assert!(lookups.with_id(ID).await.is_ok());
    let lines = register.trail.lines();
    for answered in [&owed, &lines[1]] {
        assert_eq!((answered.event, answered.outcome.as_ref().unwrap().shown), (Event::Answered, None));
        assert!(answered.detail.as_ref().unwrap().contains("withheld"));
    }
    assert!(lines[2].event == Event::Shared && lines[2].outcome.as_ref().unwrap().shown.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_showing_that_cannot_be_recorded_is_not_made() {
    let register = FakeRegister::answering(Duration::from_secs(1), vec![Ok(found())]);
    let lookups = sharing_lookups(&register);
    register.trail.fails(&[Event::Shared, Event::NotHeld]);
    let (owner, joined) = tokio::join!(lookups.with_id(ID), lookups.with_id("joined-id"));
    assert!(owner.is_ok());
    let outcome = |failure: Arc<LookError>| (LookError::clone(&failure), failure.delivery());
    let withheld = (LookError::Withheld, Delivery::MaybeDelivered);
    let unavailable = (LookError::Trail(TrailUnavailable), Delivery::NotDelivered);
    assert_eq!(outcome(joined.unwrap_err()), withheld, "its look was made");
    assert_eq!(outcome(lookups.with_id(ID).await.unwrap_err()), withheld, "its look was made");
    assert_eq!(outcome(lookups.with_id("window-id").await.unwrap_err()), unavailable, "it asked nothing");
    assert_eq!(outcome(lookups.held(&question("a"), &anonymous(), |_| true).await.unwrap_err()), unavailable);
    assert_eq!(outcome(lookups.held(&question("b"), &anonymous(), |_| true).await.unwrap_err()), unavailable);
    assert_eq!((register.asked(), register.events()), (1, vec!["asked", "answered"]));
}
