use super::*;
use crate::audit::{Entry, Event, Message, Outcome, RequestFacts, Who};
use crate::clock::SinceBoot;
use crate::cpis::{CareSetting, Delivery, Malformed, NhsNumber, NonAnswer, RegisterError, RegisterErrorKind, Rejection};
use crate::fhir::samples;
use crate::lookup::LookKey;
use crate::lookup::window::Stamp;
use jiff::{SignedDuration, Timestamp};

const LIMITS: RecallLimits =
    RecallLimits { share_for: Duration::from_mins(5), remember_for: Duration::from_mins(5), longest: Duration::from_mins(2) };

fn at(text: &str) -> Timestamp {
    format!("2026-11-29T{text}Z").parse().unwrap()
}

/// A moment of one run of the machine, `up` seconds after its start.
fn stamp(wall: &str, up: u64) -> Stamp {
    let since_boot = SinceBoot { boot: Uuid::from_u128(7), up: Duration::from_secs(up) };
    Stamp { wall: at(wall), since_boot: Some(since_boot) }
}

/// The same on a machine that does not say when it booted.
fn wall(wall: &str) -> Stamp {
    Stamp { wall: at(wall), since_boot: None }
}

fn entry(event: Event, moment: &str, message: &str) -> Entry {
    Entry {
        at: at(moment),
        look: Some(Uuid::from_u128(1)),
        who: Some(Who {
            issuer: Some("issuer".into()),
            user_id: Some("user".into()),
            role_code: Some("R0260".into()),
            organisation_ods: Some("rx1".into()),
            care_setting: Some("maternity".into()),
            ..Who::default()
        }),
        child: Some(NhsNumber::parse("9990000018").unwrap()),
        request: RequestFacts { request_id: Some("ID-of-the-First".into()), ..RequestFacts::default() },
        message: Some(Message { message_id: message.into(), ..Message::default() }),
        ..Entry::of(event)
    }
}

fn ended(event: Event, moment: &str, message: &str, outcome: &str, delivery: Option<Delivery>) -> Entry {
    let outcome = Outcome { name: outcome.into(), delivery, ..Outcome::default() };
    Entry { outcome: Some(outcome), ..entry(event, moment, message) }
}

/// Entries in the order in which they were written.
fn looks(entries: &[Entry]) -> TrailLooks {
    let mut looks = TrailLooks::default();
    for (seq, entry) in entries.iter().enumerate().rev() {
        looks.note(seq as u64, entry);
    }
    looks
}

fn one(entries: &[Entry], file_record: FileRecord, now: Stamp) -> Option<RecalledLook> {
    let looks = looks(entries);
    let look = looks.by_look.get(&Uuid::from_u128(1))?;
    recalled_look(Uuid::from_u128(1), look, Some(file_record), now, LIMITS)
}

fn with_answer(written: Stamp) -> FileRecord {
    FileRecord { outcome: Some((written, Ok(Arc::new(samples::large())))), ..FileRecord::default() }
}

fn answered(moment: &str) -> [Entry; 2] {
    [entry(Event::Asked, moment, "A"), ended(Event::Answered, moment, "A", "found", None)]
}

fn error(past: &RecalledLook) -> &LookError {
    past.outcome.as_ref().unwrap_err()
}

/// In whole seconds.
fn age(past: &RecalledLook) -> u64 {
    past.came.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn an_answer_on_trail_and_file_is_shared_with_its_age() {
    let past = one(&answered("12:00:00"), with_answer(stamp("12:00:00", 100)), stamp("12:00:40", 140)).unwrap();
    assert!(past.outcome.is_ok() && past.is_shared);
    assert_eq!(age(&past), 40);
    assert_eq!(past.ids, [Box::<str>::from("id-of-the-first")]);
    let key = LookKey::from_parts(
        NhsNumber::parse("9990000018").unwrap(),
        "issuer".into(),
        "user".into(),
        "R0260".into(),
        "RX1",
        CareSetting::Maternity,
    );
    assert_eq!(past.key, key);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_file_that_the_trail_does_not_know_does_not_count() {
    let asked = [entry(Event::Asked, "12:00:00", "A")];
    let past = one(&asked, with_answer(stamp("12:00:00", 100)), stamp("12:00:40", 140)).unwrap();
    assert_eq!((error(&past), past.is_shared), (&LookError::timeout(), false));
    let failed =
        [entry(Event::Asked, "12:00:00", "A"), ended(Event::Unknown, "12:00:00", "A", "timeout", Some(Delivery::MaybeDelivered))];
    let past = one(&failed, with_answer(stamp("12:00:00", 100)), stamp("12:00:40", 140)).unwrap();
    assert_eq!(error(&past).register().unwrap().kind, RegisterErrorKind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn what_was_certainly_not_heard_is_not_remembered() {
    let refused = [
        entry(Event::Asked, "12:00:00", "A"),
        ended(Event::Failed, "12:00:01", "A", "not-connected", Some(Delivery::NotDelivered)),
    ];
    assert!(one(&refused, FileRecord::default(), wall("12:00:02")).is_none());
    // A second attempt without an end may have been delivered.
    let again = [refused.as_slice(), &[entry(Event::Asked, "12:00:02", "B")]].concat();
    assert_eq!(*error(&one(&again, FileRecord::default(), wall("12:00:03")).unwrap()), LookError::timeout());
    let twice = [again.as_slice(), &[ended(Event::Answered, "12:00:03", "B", "no-record", None)]].concat();
    assert_eq!(*error(&one(&twice, FileRecord::default(), wall("12:00:04")).unwrap()), LookError::BeforeRestart);
}

#[tokio::test(start_paused = true)]
async fn a_look_is_over_in_its_time_and_an_open_one_later() {
    let lost = |now: &str| one(&answered("12:00:00"), FileRecord::default(), wall(now));
    assert!(lost("12:04:59").is_some() && lost("12:05:01").is_none());
    let open = |now: &str| one(&[entry(Event::Asked, "12:00:00", "A")], FileRecord::default(), wall(now));
    assert!(open("12:06:59").is_some() && open("12:07:01").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_makes_no_answer_younger_and_no_look_forgotten() {
    let written = || with_answer(stamp("12:00:00", 100));
    // An hour back: the machine knows better.
    let back = one(&answered("12:00:00"), written(), stamp("11:00:40", 140)).unwrap();
    assert_eq!((age(&back), back.is_shared), (40, true));
    // An hour ahead: it may be that old, so only its own requests get it.
    let ahead = one(&answered("12:00:00"), written(), stamp("13:00:40", 140)).unwrap();
    assert!(ahead.outcome.is_ok() && !ahead.is_shared);
    // Set back by two minutes, after four: the older of both.
    let less = one(&answered("12:00:00"), written(), stamp("12:02:00", 340)).unwrap();
    assert_eq!((age(&less), less.is_shared), (240, true));
    let more = one(&answered("12:00:00"), written(), stamp("12:04:00", 220)).unwrap();
    assert_eq!((age(&more), more.is_shared), (240, true));
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_the_future_is_not_shown_and_not_asked_again() {
    let past = one(&answered("12:00:00"), with_answer(wall("12:00:00")), wall("11:00:00")).unwrap();
    assert_eq!((error(&past), past.is_shared), (&LookError::BeforeRestart, false));
}

#[tokio::test(start_paused = true)]
async fn every_request_of_a_look_is_one_of_it() {
    let mut entries = answered("12:00:00").to_vec();
    let mut shared = entry(Event::Shared, "12:01:00", "A");
    shared.request.request_id = Some("ID-of-the-Second".into());
    entries.push(shared);
    let file_record = FileRecord { ids: vec!["id-of-the-third".into(), "id-of-the-first".into()], ..FileRecord::default() };
    let past = one(&entries, file_record, wall("12:01:00")).unwrap();
    assert_eq!(past.ids, ["id-of-the-first", "id-of-the-second", "id-of-the-third"].map(Box::<str>::from));
}

#[tokio::test(start_paused = true)]
async fn an_entry_of_another_requester_adds_nothing_to_a_look() {
    let mut entries = answered("12:00:00").to_vec();
    let mut other = entry(Event::Shared, "12:01:00", "A");
    other.who.as_mut().unwrap().user_id = Some("another".into());
    other.request.request_id = Some("another-id".into());
    entries.insert(1, other);
    assert_eq!(one(&entries, FileRecord::default(), wall("12:01:00")).unwrap().ids, [Box::<str>::from("id-of-the-first")]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_as_it_was_as_far_as_the_trail_knows() {
    let all = [
        ("timeout", RegisterErrorKind::Timeout),
        ("connection-lost", RegisterErrorKind::ConnectionLost),
        ("other-child", RegisterErrorKind::OtherChild),
        ("cpis-failure", RegisterErrorKind::Rejected { reason: Rejection::CpisFailed, code: None }),
    ];
    for (name, expected) in all {
        let entries =
            [entry(Event::Asked, "12:00:00", "A"), ended(Event::Unknown, "12:00:01", "A", name, Some(Delivery::MaybeDelivered))];
        let past = one(&entries, FileRecord::default(), wall("12:00:02")).unwrap();
        assert_eq!(error(&past).register().unwrap().kind, expected);
    }
    // The file knows all of it.
    let failed = [
        entry(Event::Asked, "12:00:00", "A"),
        ended(Event::Unknown, "12:00:01", "A", "not-an-answer", Some(Delivery::MaybeDelivered)),
    ];
    let told = LookError::from(RegisterError::understanding(RegisterErrorKind::NotAnAnswer(NonAnswer::ErrorStatus)));
    let file_record = FileRecord { outcome: Some((wall("12:00:01"), Err(Arc::new(told.clone())))), ..FileRecord::default() };
    assert_eq!(**one(&failed, file_record, wall("12:00:02")).unwrap().outcome.as_ref().unwrap_err(), told);
}

#[test]
fn every_failure_that_may_have_been_heard_has_one_of_its_status_after_a_restart() {
    use crate::api::problem::Problem;
    use crate::cpis::Contradiction;
    let kinds = [
        RegisterErrorKind::ConnectionLost,
        RegisterErrorKind::Timeout,
        RegisterErrorKind::TooLarge,
        RegisterErrorKind::NotAnAnswer(NonAnswer::Html),
        RegisterErrorKind::Unreadable(Malformed::Syntax),
        RegisterErrorKind::UnknownCode { code: None },
        RegisterErrorKind::Contradictory(Contradiction::NothingReadable),
        RegisterErrorKind::OtherChild,
        RegisterErrorKind::OtherMessage,
        RegisterErrorKind::Internal,
    ];
    let rejections = Rejection::ALL.map(|reason| RegisterErrorKind::Rejected { reason, code: Some("7".into()) });
    for kind in kinds.into_iter().chain(rejections) {
        let failure = LookError::from(RegisterError::understanding(kind));
        let outcome = Outcome {
            name: failure.outcome().into(),
            response_code: failure.response_code().map(Into::into),
            delivery: Some(failure.delivery()),
            ..Outcome::default()
        };
        let entry = Entry { outcome: Some(outcome), ..entry(Event::Unknown, "12:00:00", "A") };
        let again = query_end::QueryEnd::of(&entry).unwrap().failure();
        let status = |failure: &LookError| Problem::of_failure(failure, true).status;
        assert_eq!(status(&again), status(&failure), "{failure}");
    }
}

#[test]
fn the_trail_is_read_from_before_a_clock_that_was_set() {
    let day = SignedDuration::from_hours(24);
    assert_eq!(before(at("12:00:00"), Duration::from_hours(24)), at("12:00:00") - day);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_shown_to_who_asked_is_the_look_of_those_without_an_id() {
    let mut shown = answered("12:00:00");
    shown[1].outcome.as_mut().unwrap().shown = Some(crate::audit::ShownCounts::default());
    let file_record = || with_answer(stamp("12:00:00", 100));
    let past = one(&shown, file_record(), stamp("12:00:40", 140)).unwrap();
    assert!(!past.is_unsettled);
    assert_eq!(past.message, shown[1].message);
    // It came when nobody waited, it failed, or it has no end.
    let failed =
        [entry(Event::Asked, "12:00:00", "A"), ended(Event::Unknown, "12:00:01", "A", "timeout", Some(Delivery::MaybeDelivered))];
    for entries in [&answered("12:00:00")[..], &failed, &failed[..1]] {
        assert!(one(entries, file_record(), stamp("12:00:40", 140)).unwrap().is_unsettled);
    }
}
