use super::*;
use crate::{
    cpis::{
        Access, AccessTime, Answer, Author, Entry, Holding, LocalAuthority, NhsNumber, Notice, NumberUse, Organisation,
        PersonName, Record, Role, Subject, SubjectKind, TelephoneNumber, Text, Unreadable,
    },
    simulator::tree::{self, XmlElement},
};
use jiff::Timestamp;

fn now() -> Timestamp {
    "2026-01-15T09:30:16Z".parse().unwrap()
}

fn about() -> NhsNumber {
    NhsNumber::parse("9990000018").unwrap()
}

fn record(entries: Vec<Entry>) -> Record {
    let organisation =
        Organisation { ods_code: "999".into(), name: "A & B <Council> \"x\"\n\u{1}".into(), ..Organisation::default() };
    let number = TelephoneNumber {
        number: "0207".into(),
        uses: vec![NumberUse::OfficeHours, NumberUse::EmergencyDuty, NumberUse::Other("MC".into())],
    };
    Record {
        authority: Some(LocalAuthority { organisation, numbers: vec![number] }),
        entries,
        subjects: vec![Subject {
            kind: SubjectKind::Child,
            nhs_numbers: vec![about()],
            local_ids: Vec::new(),
            name: PersonName { given: vec!["Robin".into()], family: vec!["O'Test".into()], ..PersonName::default() },
            birth_date: None,
        }],
    }
}

fn access() -> Access {
    let author = Author::Person {
        user_id: Some("555000111222".into()),
        role_profile_id: None,
        role: Role { code: "R0260".into(), code_system: "1.2".into(), name: "GP".into() },
        name: PersonName {
            prefix: vec!["Dr".into()],
            given: vec!["Asha".into()],
            family: vec!["Example".into()],
            ..PersonName::default()
        },
        organisation: Organisation::default(),
    };
    Access { id: "A1".into(), when: AccessTime::At(now()), author, about: Some(about()) }
}

fn answer(records: Vec<Record>) -> Answer {
    Answer {
        about: about(),
        effective: now(),
        query_id: Text::default(),
        response_id: "R1".into(),
        response_code: Some("SMSP-0000".into()),
        holding: if records.is_empty() { Holding::NoRecord } else { Holding::Records(records) },
        accesses: vec![access()],
        stale: false,
        notices: Vec::new(),
    }
}

fn written(answer: &Answer) -> XmlElement {
    tree::read(&write_payload(&AnswerContent::from_answer(answer))).unwrap()
}

fn code(root: &XmlElement) -> &str {
    root.child("value").and_then(|value| value.attribute("code")).unwrap()
}

fn total(root: &XmlElement, path: [&str; 2]) -> Option<String> {
    root.at(&[path[0], path[1], "value"])?.attribute("value").map(str::to_owned)
}

const RECORDS: [&str; 2] = ["pertinentInformation12", "pertinentTotalReturnedChildRecords"];
const ACCESSES: [&str; 2] = ["pertinentInformation11", "pertinentTotalReturnedAccessRecords"];

#[test]
fn the_code_follows_the_answer() {
    let some = || vec![record(vec![Entry::Unreadable(Unreadable::NoPlan)])];
    assert_eq!(code(&written(&answer(Vec::new()))), "CPIS-0001");
    assert_eq!(code(&written(&answer(some()))), "SMSP-0000");
    assert_eq!(code(&written(&Answer { stale: true, ..answer(some()) })), "SMSP-0003");
}

#[test]
fn text_survives_escaping() {
    let root = written(&answer(vec![record(vec![Entry::Unreadable(Unreadable::NoPlan)])]));
    let organisation = root
        .at(&["pertinentInformation14", "pertinentCP-ISRecordControlAct", "record", "communicationFunctionSnd", "organisation"])
        .unwrap();
    assert_eq!(organisation.child("name").unwrap().text, "A & B <Council> \"x\"\n\u{fffd}");
    let telecom = organisation.child("telecom").unwrap();
    assert_eq!((telecom.attribute("value"), telecom.attribute("use")), (Some("tel:0207"), Some("WP EC MC")));
}

#[test]
fn a_missing_record_is_counted_and_not_written() {
    let missing = Record { authority: None, entries: vec![Entry::Unreadable(Unreadable::MissingRecord)], subjects: Vec::new() };
    let root = written(&answer(vec![record(vec![Entry::Unreadable(Unreadable::StartDate)]), missing]));
    assert_eq!(total(&root, RECORDS).as_deref(), Some("2"));
    assert_eq!(root.at(&["pertinentInformation14", "pertinentCP-ISRecordControlAct"]).unwrap().children.len(), 1);
}

#[test]
fn what_cannot_be_read_is_written_so() {
    let entries =
        [Unreadable::UnknownTemplate, Unreadable::StartDate, Unreadable::EndDate, Unreadable::NoPlan].map(Entry::Unreadable);
    let payload = write_payload(&AnswerContent::from_answer(&answer(vec![record(entries.to_vec())])));
    assert_eq!(payload.matches("<pertinentInformation15>").count(), 3);
    assert_eq!(payload.matches("COCT_TP146199GB01.NewInformation>").count(), 2);
    assert!(payload.contains(r#"<cPPStartDate><value value="20251345"/>"#));
    assert!(payload.contains(r#"<cPPEndDate><value value="20251345"/>"#));
}

#[test]
fn notices_become_the_faults_that_cause_them() {
    let mut doubtful = answer(vec![record(vec![Entry::Unreadable(Unreadable::NoPlan)])]);
    doubtful.notices = vec![
        Notice::ForeignAccesses { left_out: 2 },
        Notice::AccessCountDiffers { said: 9, found: 1 },
        Notice::MoreRecordsThanCounted { said: 0, found: 1 },
        Notice::EffectiveTimeUnreadable,
    ];
    let root = written(&doubtful);
    assert_eq!(total(&root, ACCESSES).as_deref(), Some("9"));
    assert_eq!(total(&root, RECORDS).as_deref(), Some("0"));
    assert_eq!(root.all("pertinentInformation13").count(), 3);
    assert_eq!(root.child("effectiveTime").unwrap().attribute("value"), Some("20251345"));
}

#[test]
fn totals_may_lie_or_be_absent() {
    let mut content = AnswerContent::no_record("R1".into(), now());
    content.total_records = StatedTotal::Says("many".into());
    content.total_accesses = StatedTotal::Absent;
    let root = tree::read(&write_payload(&content)).unwrap();
    assert_eq!(total(&root, RECORDS).as_deref(), Some("many"));
    assert_eq!(total(&root, ACCESSES), None);
}

#[test]
fn spines_layout_has_its_oddities() {
    let mut content = AnswerContent::from_answer(&answer(vec![record(vec![Entry::Unreadable(Unreadable::NoPlan)])]));
    content.style = PayloadStyle::Spine;
    content.accesses.push(access());
    let payload = write_payload(&content);
    let root = tree::read(&payload).unwrap();
    assert_eq!(root.child("pertinentInformation13").unwrap().children.len(), 2);
    assert!(payload.contains("<family>O'Test</family><given>Robin </given>"));
    assert!(payload.contains(r#"<effectiveTime value="20260115093016"/>"#));
    assert!(!payload.contains("2.16.840.1.113883.2.1.4.1\""), "the child has no id");
}

#[test]
fn an_envelope_is_read_back_in_each_encoding() {
    let payload = write_payload(&AnswerContent::no_record("R1".into(), now()));
    let ids = EnvelopeIds::fresh("M1");
    for encoding in [PayloadEncoding::Plain, PayloadEncoding::Base64, PayloadEncoding::GzipBase64] {
        let root = tree::read(&encoded_envelope(&payload, &ids, encoding)).unwrap();
        assert_eq!(root.at(&["Header", "RelatesTo"]).unwrap().text, "M1");
        let envelope = root.at(&["Body", "DistributionEnvelope"]).unwrap();
        let item = envelope.at(&["header", "manifest", "manifestitem"]).unwrap();
        assert_eq!(item.attribute("base64").is_some(), encoding != PayloadEncoding::Plain);
        let held = envelope.at(&["payloads", "payload"]).unwrap();
        assert_eq!(held.attribute("id"), item.attribute("id"));
        assert_eq!(held.children.len(), usize::from(encoding == PayloadEncoding::Plain));
    }
}

#[test]
fn each_fault_says_its_code() {
    let words = |fault: FaultReply| FaultText { text: fault.usual_text(), diagnostic: None };
    for (fault, says) in [
        (FaultReply::Client(1000), ">1000<"),
        (FaultReply::Server(2100), ">2100<"),
        (FaultReply::VersionMismatch, "soap:VersionMismatch"),
        (FaultReply::MustUnderstand, "soap:MustUnderstand"),
        (FaultReply::Spine(101), "<nasp:errorCode>101<"),
        (FaultReply::Soap12(1000), "env:Sender"),
    ] {
        let xml = soap_fault(fault, Some("M1"), words(fault));
        assert!(tree::read(&xml).unwrap().at(&["Body", "Fault"]).is_some());
        assert!(xml.contains(says), "{xml}");
    }
    assert!(!soap_fault(FaultReply::NoDetail, None, words(FaultReply::NoDetail)).contains("etail"));
}
