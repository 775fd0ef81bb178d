//! Any answer that the simulator writes is read back equal: the two sides of the contract agree.
#![allow(clippy::wildcard_imports)]

use cpis_fhir::cpis::*;
use cpis_fhir::simulator::answer::{AnswerContent, EnvelopeIds, PayloadEncoding, encoded_envelope, envelope, write_payload};
use cpis_fhir::smsp::response::{self, QueryContext, SmspReply};
use jiff::{Timestamp, civil::Date};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::cmp::Reverse;

const NUMBERS: [&str; 4] = ["9990000018", "9990000026", "9990000034", "9990000042"];
const MESSAGE_ID: &str = "E3B0C442-98FC-4C14-9AFB-F4C8996FB924";

fn words() -> impl Strategy<Value = Text> {
    "[A-Za-z][A-Za-z'&<>\"éü-]{0,10}( [A-Za-z]{1,8}){0,2}".prop_map(|text| Text::from(text.as_str()))
}

fn upper_uuid() -> impl Strategy<Value = Text> {
    any::<[u8; 16]>().prop_map(|bytes| {
        let uuid = uuid::Uuid::from_bytes(bytes).as_hyphenated().to_string().to_ascii_uppercase();
        Text::from(uuid.as_str())
    })
}

fn date() -> impl Strategy<Value = Date> {
    (1990i16..2040, 1i8..=12, 1i8..=28).prop_map(|(year, month, day)| jiff::civil::date(year, month, day))
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (946_684_800i64..2_208_988_800).prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn organisation() -> impl Strategy<Value = Organisation> {
    (any::<bool>(), "[A-Z0-9]{1,6}", words()).prop_map(|(site, code, name)| Organisation {
        kind: if site { OrganisationKind::Site } else { OrganisationKind::Organisation },
        ods_code: code.as_str().into(),
        name,
    })
}

fn number_use() -> impl Strategy<Value = NumberUse> {
    prop_oneof![
        Just(NumberUse::OfficeHours),
        Just(NumberUse::EmergencyDuty),
        Just(NumberUse::Other("MC".into())),
        Just(NumberUse::Other("HP".into()))
    ]
}

fn authority() -> impl Strategy<Value = LocalAuthority> {
    let number = ("[+]?[0-9]{6,12}( x[0-9]{2})?", vec(number_use(), 1..3))
        .prop_map(|(number, uses)| TelephoneNumber { number: number.as_str().into(), uses });
    (organisation(), vec(number, 1..3)).prop_map(|(organisation, numbers)| LocalAuthority { organisation, numbers })
}

fn plan() -> impl Strategy<Value = Plan> {
    (prop::sample::select(PlanType::ALL.to_vec()), date(), option::of(0i32..2000)).prop_map(|(plan_type, start, days)| {
        let end = days.map(|days| start.saturating_add(jiff::Span::new().days(days)));
        Plan { plan_type, period: Period { start, end } }
    })
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let readable = plan().prop_map(Entry::Plan);
    let unreadable = prop::sample::select(vec![Unreadable::UnknownTemplate, Unreadable::StartDate, Unreadable::EndDate]);
    prop_oneof![
        9 => vec(prop_oneof![4 => readable, 1 => unreadable.prop_map(Entry::Unreadable)], 1..4),
        1 => Just(vec![Entry::Unreadable(Unreadable::NoPlan)]),
    ]
}

fn name() -> impl Strategy<Value = PersonName> {
    (option::of(words()), vec(words(), 1..3), words(), option::of(words())).prop_map(|(prefix, given, family, suffix)| {
        PersonName { prefix: prefix.into_iter().collect(), given, family: vec![family], suffix: suffix.into_iter().collect() }
    })
}

fn role() -> impl Strategy<Value = Role> {
    ("[A-Z][0-9]{4}", words()).prop_map(|(code, name)| Role {
        code: code.as_str().into(),
        code_system: "2.16.840.1.113883.2.1.3.2.4.17.196".into(),
        name,
    })
}

fn digits() -> impl Strategy<Value = Text> {
    "[0-9]{12}".prop_map(|text| Text::from(text.as_str()))
}

fn author() -> impl Strategy<Value = Author> {
    let person = (option::of(digits()), option::of(digits()), role(), name(), organisation()).prop_map(
        |(user_id, role_profile_id, role, name, organisation)| Author::Person {
            user_id,
            role_profile_id,
            role,
            name,
            organisation,
        },
    );
    let responsible = (role(), name()).prop_map(|(role, name)| Responsible { role, name });
    let system = (option::of(digits()), vec(responsible, 0..3), organisation())
        .prop_map(|(asid, responsible, organisation)| Author::System { asid, responsible, organisation });
    prop_oneof![4 => person, 2 => system, 1 => Just(Author::Unknown)]
}

fn accesses(about: NhsNumber) -> impl Strategy<Value = Vec<Access>> {
    let when = prop_oneof![8 => instant().prop_map(AccessTime::At), 1 => date().prop_map(AccessTime::On), 1 => Just(AccessTime::Unknown)];
    let access = (upper_uuid(), when, author()).prop_map(move |(id, when, author)| Access {
        id,
        when,
        author,
        about: Some(about.clone()),
    });
    vec(access, 0..6).prop_map(|mut accesses| {
        accesses.sort_by_key(|access| Reverse(access.when.sort_key()));
        accesses
    })
}

fn holding(about: NhsNumber) -> impl Strategy<Value = Holding> {
    // One subject for all records: records that disagree have a notice of their own, tested elsewhere.
    let subject =
        (any::<bool>(), name(), option::of(date()), "[A-Z0-9]{1,8}").prop_map(move |(mother, name, born, local)| Subject {
            kind: if mother { SubjectKind::Mother } else { SubjectKind::Child },
            nhs_numbers: vec![about.clone()],
            local_ids: vec![LocalId { value: local.as_str().into(), assigning_authority: Text::default() }],
            name: PersonName { prefix: vec![], given: name.given[..1].to_vec(), family: name.family, suffix: vec![] },
            birth_date: born.map(BirthDate::from),
        });
    let record = (authority(), entries());
    let records = (subject, vec(record, 1..4), 0usize..2).prop_map(|(subject, records, missing)| {
        let mut records: Vec<Record> = records
            .into_iter()
            .map(|(authority, entries)| Record { authority: Some(authority), entries, subjects: vec![subject.clone()] })
            .collect();
        for _ in 0..missing {
            let entries = vec![Entry::Unreadable(Unreadable::MissingRecord)];
            records.push(Record { authority: None, entries, subjects: vec![] });
        }
        Holding::Records(records)
    });
    prop_oneof![1 => Just(Holding::NoRecord), 5 => records]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop::sample::select(NUMBERS.to_vec()).prop_flat_map(|number| {
        let about = NhsNumber::parse(number).unwrap();
        let parts = (instant(), upper_uuid(), upper_uuid(), holding(about.clone()), accesses(about.clone()), any::<bool>());
        parts.prop_map(move |(effective, query_id, response_id, holding, accesses, stale)| Answer {
            about: about.clone(),
            effective,
            query_id,
            response_id,
            response_code: Some(match (&holding, stale) {
                (Holding::NoRecord, _) => "CPIS-0001".into(),
                (_, true) => "SMSP-0003".into(),
                (_, false) => "SMSP-0000".into(),
            }),
            stale: stale && holding != Holding::NoRecord,
            holding,
            accesses,
            notices: vec![],
        })
    })
}

fn read(body: &str, answer: &Answer) -> Result<Answer, RegisterError> {
    response::read(
        SmspReply { status: 200, content_type: Some("text/xml; charset=utf-8"), body: body.as_bytes() },
        QueryContext {
            nhs_number: &answer.about,
            message_id: MESSAGE_ID,
            wrapper_id: None,
            query_id: answer.query_id.as_str(),
            received: Timestamp::UNIX_EPOCH,
            is_first_reply: true,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_answer_written_by_the_simulator_is_read_back_equal(answer in answer()) {
        let body = envelope(&write_payload(&AnswerContent::from_answer(&answer)), &EnvelopeIds::fresh(MESSAGE_ID));
        prop_assert_eq!(read(&body, &answer), Ok(answer));
    }

    #[test]
    fn an_encoded_payload_is_read_back_equal(answer in answer()) {
        let payload = write_payload(&AnswerContent::from_answer(&answer));
        for encoding in [PayloadEncoding::Base64, PayloadEncoding::GzipBase64] {
            let body = encoded_envelope(&payload, &EnvelopeIds::fresh(MESSAGE_ID), encoding);
            prop_assert_eq!(read(&body, &answer), Ok(answer.clone()));
        }
    }

    #[test]
    fn an_answer_with_records_cut_short_or_changed_is_never_no_record(answer in answer(), at in 0usize..20_000, byte in any::<u8>()) {
        prop_assume!(answer.holding != Holding::NoRecord);
        let body = envelope(&write_payload(&AnswerContent::from_answer(&answer)), &EnvelopeIds::fresh(MESSAGE_ID));
        let at = at % body.len();
        let mut changed = body.clone().into_bytes();
        changed[at] = byte;
        for bytes in [&body.as_bytes()[..at], &changed] {
            let reply = SmspReply { status: 200, content_type: None, body: bytes };
            let asked = QueryContext { nhs_number: &answer.about, message_id: MESSAGE_ID, wrapper_id: None, query_id: "", received: Timestamp::UNIX_EPOCH, is_first_reply: true };
            if let Ok(read) = response::read(reply, asked) {
                prop_assert!(read.holding != Holding::NoRecord);
            }
        }
    }
}
