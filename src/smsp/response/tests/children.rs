//! Whose record it is, and whose message (decisions.md 9).

use super::samples::*;
use crate::cpis::{Holding, Notice, RegisterError, RegisterErrorKind};
use crate::smsp::response::{QueryContext, SmspReply, read};

/// An answer with a record of these subjects and accesses that repeat these numbers.
fn about(subjects: &str, echoes: &[&str]) -> Result<Vec<Notice>, RegisterError> {
    let accesses: String = echoes.iter().map(|echo| information_13(&access("a", "20250101120000", echo))).collect();
    let record = information_14(&record(&(child_protection("202509010000", None) + subjects)));
    read_body(success("1", &accesses, &record)).map(|answer| answer.notices)
}

fn is_refused(result: &Result<Vec<Notice>, RegisterError>) -> bool {
    // Nothing of an answer about someone else is shown, not even whom to ring.
    result.as_ref().is_err_and(|failure| failure.kind == RegisterErrorKind::OtherChild && failure.contacts.is_empty())
}

#[test]
fn a_record_with_the_number_asked_is_accepted() {
    assert_eq!(about(&child(ASKED), &[]), Ok(vec![]));
    assert_eq!(about(&child(ASKED), &[ASKED, ASKED]), Ok(vec![]));
    assert_eq!(about(&mother(&nhs_id(ASKED)), &[]), Ok(vec![]));
    assert_eq!(about(&(child(OTHER) + &mother(&nhs_id(ASKED))), &[]), Ok(vec![]));
    assert_eq!(about(&child_with_ids(&(nhs_id(OTHER) + &nhs_id(ASKED))), &[]), Ok(vec![]));
}

#[test]
fn a_record_of_another_number_is_refused() {
    assert!(is_refused(&about(&child(OTHER), &[])));
    assert!(is_refused(&about(&child(OTHER), &[ASKED])));
    assert!(is_refused(&about(&(child(OTHER) + &mother(&nhs_id(THIRD))), &[ASKED])));
}

#[test]
fn a_malformed_number_is_not_the_number_asked() {
    for malformed in ["1234567895", "999000001", "99900000180", "unknown"] {
        assert!(is_refused(&about(&child(malformed), &[ASKED])), "{malformed}");
        // The number asked about is there too, which settles whose record it is.
        assert_eq!(about(&child_with_ids(&(nhs_id(malformed) + &nhs_id(ASKED))), &[]), Ok(vec![]));
    }
}

#[test]
fn a_record_without_numbers_needs_accesses_that_all_repeat_the_number() {
    let nameless = child_with_ids("");
    assert_eq!(about(&nameless, &[ASKED]), Ok(vec![]));
    assert_eq!(about(&nameless, &[ASKED, ASKED]), Ok(vec![]));
    assert!(is_refused(&about(&nameless, &[])));
    assert!(is_refused(&about(&nameless, &[OTHER])));
    assert!(is_refused(&about(&nameless, &[ASKED, OTHER])));
    assert!(is_refused(&about(&nameless, &[ASKED, "12345"])));
    assert!(is_refused(&about(&nameless, &[""])));
    assert_eq!(about(&nameless, &["", ASKED]), Ok(vec![]));
    assert!(is_refused(&about("", &[])));
    // An id without a value, or from the local authority, is not an NHS number.
    assert_eq!(about(&child_with_ids(&nhs_id("")), &[ASKED]), Ok(vec![]));
    assert!(is_refused(&about(&child_with_ids(r#"<id root="2.16.840.1.113883.2.1.3.2.4.18.24" extension="9990000018"/>"#), &[])));
}

#[test]
fn foreign_accesses_are_left_out_where_the_records_are_the_childs_by_their_own_ids() {
    assert_eq!(about(&child(ASKED), &[ASKED, OTHER, "1234567895"]), Ok(vec![Notice::ForeignAccesses { left_out: 2 }]));
    let accesses = information_13(&(access("own", "20250101120000", ASKED) + &access("foreign", "20250101120000", OTHER)));
    let answer = read_body(success("1", &accesses, &one_record())).unwrap();
    assert_eq!(answer.accesses.iter().map(|access| access.id.as_str()).collect::<Vec<_>>(), ["own"]);
}

#[test]
fn one_record_of_someone_else_refuses_the_whole_answer() {
    let other = record_of(&authority("998", "Sampleton"), &(looked_after("202509010000", None) + &child(OTHER)));
    let failure = read_body(success("2", "", &(one_record() + &information_14(&other)))).unwrap_err();
    assert_eq!((failure.kind, failure.contacts), (RegisterErrorKind::OtherChild, vec![]));
}

#[test]
fn a_failing_answer_does_not_name_the_authority_of_someone_else() {
    let other = record_of(&authority("998", "Sampleton"), &(looked_after("202509010000", None) + &child(OTHER)));
    let body = itk(&payload(&[code("CPIS-9999"), one_record(), information_14(&other)].concat()));
    let failure = read_body(body).unwrap_err();
    assert_eq!(failure.contacts.iter().map(|contact| contact.organisation.ods_code.as_str()).collect::<Vec<_>>(), ["999"]);
}

#[test]
fn a_no_record_with_an_access_of_someone_else_is_refused() {
    let body =
        |echo| itk(&payload(&[code("CPIS-0001"), record_total("0"), information_13(&access("a", "20250101", echo))].concat()));
    assert_eq!(read_body(body(ASKED)).unwrap().holding, Holding::NoRecord);
    for echo in [OTHER, "1234567895", "x"] {
        assert_eq!(failure_of(body(echo)), RegisterErrorKind::OtherChild);
    }
}

#[test]
fn records_that_disagree_on_name_or_birth_date_are_shown_with_a_notice() {
    let two = |second: &str| {
        let records = [one_record(), information_14(&record(&(looked_after("202509010000", None) + second)))].concat();
        read_body(success("2", "", &records)).unwrap().notices
    };
    let subject = |given, family, born| person_of_subject(&nhs_id(ASKED), given, family, born);
    assert_eq!(two(&subject("Robin", "Testpatient", "20180401")), []);
    assert_eq!(two(&subject("ROBIN ", "testpatient", "201804010000")), []);
    assert_eq!(two(&subject("", "", "")), []);
    assert_eq!(two(&subject("Robin", "Otherpatient", "20180401")), [Notice::SubjectsDisagree]);
    assert_eq!(two(&subject("Robin", "Testpatient", "20180402")), [Notice::SubjectsDisagree]);
    // The mother in the same record is another person and may have another name.
    assert_eq!(two(&(child(ASKED) + &mother(&nhs_id(OTHER)))), []);
}

#[test]
fn a_message_that_relates_to_another_is_refused() {
    let body = distribution_envelope("", &payload(&(code("CPIS-0001") + &record_total("0"))));
    let relating = |id: &str| read_body(soap_with_header(&format!("<wsa:RelatesTo>{id}</wsa:RelatesTo>"), &body));
    for prefix in ["", "urn:", "uuid:", "urn:uuid:", "URN:UUID:"] {
        assert!(relating(&format!(" {prefix}{MESSAGE_ID}\n")).is_ok(), "{prefix}");
        assert!(relating(&format!("{prefix}{}", MESSAGE_ID.to_lowercase())).is_ok(), "{prefix}");
    }
    for other in ["", "5DB6A0C1-3E0B-4B0C-9D0E-1F2A3B4C5D6E", "E3B0C442", "urn:uuid:"] {
        let failure = relating(other).unwrap_err();
        assert_eq!((failure.kind, failure.contacts), (RegisterErrorKind::OtherMessage, vec![]), "{other}");
    }
    assert!(read_body(soap_with_header("", &body)).is_ok(), "RelatesTo may be left out");
}

#[test]
fn whose_message_it_is_comes_before_all_that_could_be_shown() {
    let foreign = "<wsa:RelatesTo>5DB6A0C1-3E0B-4B0C-9D0E-1F2A3B4C5D6E</wsa:RelatesTo>";
    let own = format!("<wsa:RelatesTo>{MESSAGE_ID}</wsa:RelatesTo>");
    for body in [
        full_answer(),
        success("1", "", ""),
        quqi(Some("ID"), &reason("NHSNCC002", "ER")),
        mcci(""),
        soap("<soap:Fault/>"),
        soap("<x/>"),
    ] {
        assert_eq!(failure_of(body.replace(&own, foreign)), RegisterErrorKind::OtherMessage);
        assert_eq!(failure_of(body.replace(&own, &(own.clone() + foreign))), RegisterErrorKind::OtherMessage);
    }
}

#[test]
fn nothing_of_a_failure_names_anyone() {
    let bodies = [success("1", "", &one_record().replace(ASKED, OTHER)), itk(&payload(&(code("CPIS-0001") + &one_record())))];
    for failure in bodies.map(|body| read_body(body).unwrap_err()) {
        let shown = format!("{failure} {failure:?}");
        for secret in [ASKED, OTHER, "Robin", "Testpatient", "Exampleshire", "0207", "2018"] {
            assert!(!shown.contains(secret));
        }
    }
}

/// A number with any root is checked: it may be another child's (decisions.md 52).
#[test]
fn another_childs_number_is_one_under_any_root() {
    let with_id = |id: &str| {
        let record = record(&(child_protection("202509010000", None) + &child_with_ids(id)));
        read_body(success("1", &information_13(&access("A", "20251224231500+0000", ASKED)), &information_14(&record)))
    };
    for root in [
        "",
        r#" root="""#,
        r#" root="2.16.840.1.113883.2.1.4.1""#,
        r#" root="urn:oid:2.16.840.1.113883.2.1.4.1""#,
        r#" root="1.2.3""#,
    ] {
        assert_eq!(
            with_id(&format!(r#"<id{root} extension="{OTHER}"/>"#)).unwrap_err().kind,
            RegisterErrorKind::OtherChild,
            "{root}"
        );
        let own = with_id(&format!(r#"<id{root} extension="{ASKED}"/>"#)).unwrap();
        assert_eq!(own.records()[0].subjects[0].nhs_numbers, [number(ASKED)], "{root}");
    }
    for local in ["2.16.840.1.113883.2.1.3.2.4.18.24", "urn:oid:2.16.840.1.113883.2.1.3.2.4.18.24"] {
        let own = with_id(&format!(r#"<id root="{local}" extension="{OTHER}"/>"#)).unwrap();
        assert_eq!(own.records()[0].subjects[0].local_ids.len(), 1, "the authority's own id");
    }
    assert!(with_id(r#"<id root="1.2.3" extension="A1"/>"#).is_ok(), "an id that is no number is none");
}

/// Only the relation of a reply says which message is answered (C2-20).
#[test]
fn other_relations_do_not_say_which_message_is_answered() {
    const OTHER_MESSAGE: &str = "5DB6A0C1-3E0B-4B0C-9D0E-1F2A3B4C5D6E";
    let body = distribution_envelope("", &payload(&(code("CPIS-0001") + &record_total("0"))));
    let relation = |kind: &str, id: &str| format!("<wsa:RelatesTo{kind}>{id}</wsa:RelatesTo>");
    let replies = [
        "",
        r#" RelationshipType="""#,
        r#" RelationshipType="http://www.w3.org/2005/08/addressing/reply""#,
        r#" RelationshipType="wsa:Reply""#,
    ];
    let transaction = relation(r#" RelationshipType="urn:example:transaction""#, OTHER_MESSAGE);
    for reply in replies {
        let header = relation(reply, MESSAGE_ID) + &transaction;
        assert!(read_body(soap_with_header(&header, &body)).is_ok(), "{reply}");
        let header = relation(reply, OTHER_MESSAGE) + &transaction;
        assert_eq!(read_body(soap_with_header(&header, &body)).unwrap_err().kind, RegisterErrorKind::OtherMessage, "{reply}");
    }
}

/// In the TMS form the wrapper is ours, and `messageRef` must name it (decisions.md 54).
#[test]
fn a_failed_query_of_another_message_is_refused_where_the_wrapper_is_ours() {
    const WRAPPER: &str = "6B29FC40-CA47-4067-B31D-00DD010662DA";
    let nhs_number = number(ASKED);
    let read_as = |wrapper_id, is_first_reply, named: Option<&str>, header: &str| {
        let named = named.map_or_else(String::new, |id| {
            format!(r#"<acknowledgement typeCode="AE"><messageRef><id root="{id}"/></messageRef></acknowledgement>"#)
        });
        let own = format!("<wsa:RelatesTo>{MESSAGE_ID}</wsa:RelatesTo>");
        let body = quqi(Some("ID"), &reason("NHSNCC002", "ER")).replace(&own, header);
        let (before, rest) = body.split_once("<acknowledgement ").unwrap();
        let body = [before, &named, rest.split_once("</acknowledgement>").unwrap().1].concat();
        let asked = QueryContext {
            nhs_number: &nhs_number,
            message_id: MESSAGE_ID,
            wrapper_id,
            query_id: QUERY_ID,
            received: received(),
            is_first_reply,
        };
        read(SmspReply { status: 200, content_type: None, body: body.as_bytes() }, asked).map_err(|failure| failure.kind)
    };
    let tms = Some(WRAPPER);
    assert!(read_as(tms, true, Some(WRAPPER), "").is_ok());
    assert!(read_as(tms, false, Some(WRAPPER), "").is_ok(), "tied by its messageRef");
    assert!(read_as(tms, true, None, "").is_ok());
    assert_eq!(read_as(tms, false, None, "").unwrap_err(), RegisterErrorKind::OtherMessage, "tied by nothing");
    for other in ["5DB6A0C1-3E0B-4B0C-9D0E-1F2A3B4C5D6E", ""] {
        assert_eq!(read_as(tms, true, Some(other), "").unwrap_err(), RegisterErrorKind::OtherMessage);
        assert!(read_as(None, true, Some(other), "").is_ok(), "the SMSP's own wrapper");
    }
}

/// It names no child and no message, so it can be ours only as the first reply of its connection.
#[test]
fn a_no_record_that_names_no_message_must_be_the_first_reply_of_its_connection() {
    let nhs_number = number(ASKED);
    let read_as = |is_first_reply, header: &str, payload: &str| {
        let body = soap_with_header(header, &distribution_envelope("", payload));
        let asked = QueryContext {
            nhs_number: &nhs_number,
            message_id: MESSAGE_ID,
            wrapper_id: None,
            query_id: QUERY_ID,
            received: received(),
            is_first_reply,
        };
        read(SmspReply { status: 200, content_type: None, body: body.as_bytes() }, asked).map_err(|failure| failure.kind)
    };
    let own = format!("<wsa:RelatesTo>{MESSAGE_ID}</wsa:RelatesTo>");
    let none = payload(&(code("CPIS-0001") + &record_total("0")));
    let one = payload(&(code("SMSP-0000") + &record_total("1") + &one_record()));
    assert!(read_as(true, "", &none).is_ok());
    assert!(read_as(false, &own, &none).is_ok());
    assert_eq!(read_as(false, "", &none).unwrap_err(), RegisterErrorKind::OtherMessage);
    assert!(read_as(false, "", &one).is_ok(), "a record says itself whose it is");
}
