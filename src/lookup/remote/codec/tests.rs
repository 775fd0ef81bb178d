//! Whatever an answer or a failure can hold comes back the same, and nothing else comes back at all.

use super::*;
use crate::cpis::*;
use crate::lookup::LookError;
use jiff::civil::date;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![3 => "\\PC{0,12}", 1 => "\\PC{25,60}"].prop_map(|text| Text::from(text.as_str()))
}

fn texts() -> impl Strategy<Value = Vec<Text>> {
    vec(text(), 0..3)
}

fn number() -> impl Strategy<Value = NhsNumber> {
    select(vec!["9990000018", "9990000026", "9990000034", "0000000000", "4010232137"])
        .prop_map(|digits| NhsNumber::parse(digits).unwrap())
}

fn day() -> impl Strategy<Value = Date> {
    (-9999i16..=9999, 1i8..=12, 1i8..=28).prop_map(|(year, month, day)| date(year, month, day))
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.as_second() + 1..Timestamp::MAX.as_second(), 0i32..1_000_000_000)
        .prop_map(|(second, nano)| Timestamp::new(second, nano).unwrap())
}

fn organisation() -> impl Strategy<Value = Organisation> {
    (select(vec![OrganisationKind::Organisation, OrganisationKind::Site]), text(), text())
        .prop_map(|(kind, ods_code, name)| Organisation { kind, ods_code, name })
}

fn name() -> impl Strategy<Value = PersonName> {
    (texts(), texts(), texts(), texts()).prop_map(|(prefix, given, family, suffix)| PersonName { prefix, given, family, suffix })
}

fn role() -> impl Strategy<Value = Role> {
    (text(), text(), text()).prop_map(|(code, code_system, name)| Role { code, code_system, name })
}

fn authority() -> impl Strategy<Value = LocalAuthority> {
    let number_use = prop_oneof![Just(NumberUse::OfficeHours), Just(NumberUse::EmergencyDuty), text().prop_map(NumberUse::Other)];
    let number = (text(), vec(number_use, 0..3)).prop_map(|(number, uses)| TelephoneNumber { number, uses });
    (organisation(), vec(number, 0..3)).prop_map(|(organisation, numbers)| LocalAuthority { organisation, numbers })
}

fn entry() -> impl Strategy<Value = Entry> {
    let plan = (select(PlanType::ALL.to_vec()), day(), option::of(day()))
        .prop_map(|(plan_type, start, end)| Entry::Plan(Plan { plan_type, period: Period { start, end } }));
    let unreadable = select(vec![
        Unreadable::UnknownTemplate,
        Unreadable::StartDate,
        Unreadable::EndDate,
        Unreadable::NoPlan,
        Unreadable::MissingRecord,
    ]);
    prop_oneof![plan, unreadable.prop_map(Entry::Unreadable)]
}

fn subject() -> impl Strategy<Value = Subject> {
    let local = (text(), text()).prop_map(|(value, assigning_authority)| LocalId { value, assigning_authority });
    let kind = select(vec![SubjectKind::Child, SubjectKind::Mother, SubjectKind::Unknown]);
    (kind, vec(number(), 0..3), vec(local, 0..3), name(), option::of(day().prop_map(BirthDate::from)))
        .prop_map(|(kind, nhs_numbers, local_ids, name, birth_date)| Subject { kind, nhs_numbers, local_ids, name, birth_date })
}

fn holding() -> impl Strategy<Value = Holding> {
    let record = (option::of(authority()), vec(entry(), 0..3), vec(subject(), 0..3))
        .prop_map(|(authority, entries, subjects)| Record { authority, entries, subjects });
    prop_oneof![1 => Just(Holding::NoRecord), 4 => vec(record, 0..3).prop_map(Holding::Records)]
}

fn author() -> impl Strategy<Value = Author> {
    let person = (option::of(text()), option::of(text()), role(), name(), organisation()).prop_map(
        |(user_id, role_profile_id, role, name, organisation)| Author::Person {
            user_id,
            role_profile_id,
            role,
            name,
            organisation,
        },
    );
    let responsible = (role(), name()).prop_map(|(role, name)| Responsible { role, name });
    let system = (option::of(text()), vec(responsible, 0..3), organisation())
        .prop_map(|(asid, responsible, organisation)| Author::System { asid, responsible, organisation });
    prop_oneof![person, system, Just(Author::Unknown)]
}

fn access() -> impl Strategy<Value = Access> {
    let when = prop_oneof![instant().prop_map(AccessTime::At), day().prop_map(AccessTime::On), Just(AccessTime::Unknown)];
    (text(), when, author(), option::of(number())).prop_map(|(id, when, author, about)| Access { id, when, author, about })
}

fn notice() -> impl Strategy<Value = Notice> {
    prop_oneof![
        any::<usize>().prop_map(|left_out| Notice::ForeignAccesses { left_out }),
        Just(Notice::SubjectsDisagree),
        any::<(u64, usize)>().prop_map(|(said, found)| Notice::AccessCountDiffers { said, found }),
        any::<(u64, usize)>().prop_map(|(said, found)| Notice::MoreRecordsThanCounted { said, found }),
        Just(Notice::EffectiveTimeUnreadable),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    (
        number(),
        instant(),
        text(),
        (text(), option::of(text())),
        holding(),
        vec(access(), 0..4),
        any::<bool>(),
        vec(notice(), 0..3),
    )
        .prop_map(|(about, effective, query_id, (response_id, response_code), holding, accesses, stale, notices)| Answer {
            about,
            effective,
            query_id,
            response_id,
            response_code,
            holding,
            accesses,
            stale,
            notices,
        })
}

fn kind() -> impl Strategy<Value = RegisterErrorKind> {
    use RegisterErrorKind as Kind;
    let code = || option::of("[A-Z0-9-]{0,12}");
    let part = select(vec![AuthorPart::SdsUserId, AuthorPart::Name, AuthorPart::AsidOfCpis]);
    let connect = select(vec![ConnectCause::NameNotResolved, ConnectCause::NoRoute, ConnectCause::Other]);
    let tls = prop_oneof![any::<u8>().prop_map(TlsCause::Alert), Just(TlsCause::UnknownCa), Just(TlsCause::Other)];
    let non_answer = select(vec![NonAnswer::Accepted, NonAnswer::MessageReceipt, NonAnswer::Forgotten]);
    let malformed = select(vec![Malformed::NotGzip, Malformed::NoBody, Malformed::Forgotten]);
    let contradiction = select(vec![
        Contradiction::NoMatchWithContent,
        Contradiction::TotalUnreadable,
        Contradiction::NothingReadable,
        Contradiction::ContentBeyondTotal,
        Contradiction::EmptySuccess,
        Contradiction::CodesDisagree,
    ]);
    let plain = vec![Kind::ConnectionLost, Kind::Timeout, Kind::TooLarge, Kind::OtherChild, Kind::OtherMessage, Kind::Internal];
    prop_oneof![
        vec(part, 0..3).prop_map(|missing| Kind::AuthorIncomplete { missing }),
        connect.prop_map(Kind::Unreachable),
        tls.prop_map(Kind::Insecure),
        any::<u16>().prop_map(|status| Kind::RefusedByStatus { status }),
        non_answer.prop_map(Kind::NotAnAnswer),
        malformed.prop_map(Kind::Unreadable),
        code().prop_map(|code| Kind::UnknownCode { code }),
        contradiction.prop_map(Kind::Contradictory),
        (select(Rejection::ALL.to_vec()), code()).prop_map(|(reason, code)| Kind::Rejected { reason, code }),
        select(plain),
    ]
}

fn delivery() -> impl Strategy<Value = Delivery> {
    select(Delivery::ALL.to_vec())
}

fn failure() -> impl Strategy<Value = LookError> {
    let phase = select(vec![Phase::Build, Phase::Connect, Phase::Exchange, Phase::Read, Phase::Understand]);
    let register = (kind(), phase, delivery(), vec(authority(), 0..3))
        .prop_map(|(kind, phase, delivery, contacts)| LookError::Register(RegisterError { kind, phase, delivery, contacts }));
    let plain = vec![
        LookError::Trail(TrailUnavailable),
        LookError::Withheld,
        LookError::Overloaded,
        LookError::CircuitOpen,
        LookError::NoLongerHeld,
        LookError::BeforeRestart,
        LookError::TableUnavailable,
    ];
    prop_oneof![4 => register, 1 => select(plain), 1 => delivery().prop_map(|delivery| LookError::Broken { delivery })]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_answer_comes_back_equal(answer in answer()) {
        prop_assert_eq!(decode::<Answer>(&encode(&answer)), Some(answer));
    }

    #[test]
    fn any_failure_comes_back_equal(failure in failure()) {
        prop_assert_eq!(decode::<LookError>(&encode(&failure)), Some(failure));
    }

    #[test]
    fn an_answer_cut_short_or_with_more_behind_it_is_none(answer in answer(), at in any::<prop::sample::Index>()) {
        let bytes = encode(&answer);
        prop_assert_eq!(decode::<Answer>(&bytes[..at.index(bytes.len())]), None);
        prop_assert_eq!(decode::<Answer>(&[&bytes[..], &[0]].concat()), None);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(answer in answer(), at in any::<prop::sample::Index>(), byte: u8, noise: Vec<u8>) {
        let mut bytes = encode(&answer).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = decode::<Answer>(&bytes);
        let _ = decode::<Answer>(&noise);
        let _ = decode::<LookError>(&noise);
    }
}

#[test]
fn the_fingerprint_is_made_of_the_parts_that_are_written() {
    let list: Vec<&str> = shapes::SHAPES.split_whitespace().collect();
    for part in ["struct Answer", "birth_date: Option<BirthDate>,", "2 UnbornChildProtection", "14 Internal,"] {
        assert!(list.join(" ").contains(part), "{part} is not in {list:?}");
    }
}

#[test]
fn a_length_that_cannot_be_is_refused_before_memory_is_set_aside() {
    assert_eq!(decode::<Vec<Text>>(&u64::MAX.to_be_bytes()), None);
}
