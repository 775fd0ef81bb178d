//! Every row of wire.md 3.5: what real systems send and must be understood.

use super::samples::*;
use crate::cpis::{AccessTime, Author, Holding, Notice, OrganisationKind};

#[test]
fn row_1_many_queries_in_one_pertinent_information_13() {
    let many: String = (0..10).map(|n| access(&format!("id-{n}"), &format!("2025010{n}120000"), ASKED)).collect();
    let answer = read_body(success("1", &information_13(&many), &one_record())).unwrap();
    // The first, of 2025-01-00, has no readable time and comes last.
    assert_eq!(answer.accesses.len(), 10);
    assert_eq!(answer.accesses[0].id.as_str(), "id-9");
    assert_eq!(answer.accesses[9].when, AccessTime::Unknown);
}

#[test]
fn row_2_a_child_without_id_is_taken_by_the_echoed_number() {
    let record = information_14(&record(&(child_protection("202509010000", None) + &child_with_ids(""))));
    let answer = read_body(success("1", &information_13(&access("a", "20250101120000", ASKED)), &record)).unwrap();
    assert!(answer.records()[0].subjects[0].nhs_numbers.is_empty());
}

#[test]
fn row_3_timestamps_with_and_without_offset_in_one_message() {
    let accesses = access("a", "20140520130412", ASKED) + &access("b", "20140808124202+0000", ASKED);
    let answer = read_body(success("1", &information_13(&accesses), &one_record())).unwrap();
    assert_eq!(answer.accesses[0].when, AccessTime::At("2014-08-08T12:42:02Z".parse().unwrap()));
    assert_eq!(answer.accesses[1].when, AccessTime::At("2014-05-20T13:04:12Z".parse().unwrap()));
}

#[test]
fn row_4_twelve_digits_with_offset() {
    let accesses = access("a", "201212082000+0000", ASKED) + &access("b", "201206082000+0100", ASKED);
    let answer = read_body(success("1", &information_13(&accesses), &one_record())).unwrap();
    assert_eq!(answer.accesses[0].when, AccessTime::At("2012-12-08T20:00:00Z".parse().unwrap()));
    assert_eq!(answer.accesses[1].when, AccessTime::At("2012-06-08T19:00:00Z".parse().unwrap()));
}

#[test]
fn row_5_lower_case_ods_codes_and_names_are_kept_as_given() {
    let record = record_of(&authority("rfx", "exampleshire council"), &(child_protection("202509010000", None) + &child(ASKED)));
    let records = records_of(success("1", "", &information_14(&record)));
    let organisation = &records[0].authority.as_ref().unwrap().organisation;
    assert_eq!((organisation.ods_code.as_str(), organisation.name.as_str()), ("rfx", "exampleshire council"));
    assert_eq!(organisation.code_upper(), "RFX");
}

#[test]
fn row_6_names_in_any_order_with_spaces_around() {
    let subject = child(ASKED).replace(
        "<given>Robin</given><family>Testpatient</family>",
        "<family> Testpatient</family><given>Louise </given><prefix/><given>\n May\n</given><suffix>Jr</suffix>",
    );
    let records = records_of(success("1", "", &information_14(&record(&(child_protection("202509010000", None) + &subject)))));
    assert_eq!(records[0].subjects[0].name.spoken(), "Louise May Testpatient Jr");
}

#[test]
fn row_7_job_role_codes_in_any_form() {
    for form in ["R0670", "NR0050", "S0010:G0020:R0050"] {
        let body = success("1", &information_13(&access("a", "20250101120000", ASKED)), &one_record()).replace("R0260", form);
        let answer = read_body(body).unwrap();
        assert!(matches!(&answer.accesses[0].author, Author::Person { role, .. } if role.code.as_str() == form));
    }
}

#[test]
fn row_8_this_look_is_in_the_access_list() {
    let accesses = access("old", "20250101120000", ASKED) + &access(RESPONSE_ID, "20260115093016", ASKED);
    let answer = read_body(success("1", &information_13(&accesses), &one_record())).unwrap();
    let own: Vec<bool> = answer.accesses.iter().map(|access| answer.is_this_look(access)).collect();
    assert_eq!(own, [true, false]);
}

#[test]
fn row_9_the_name_of_the_payload_twice_nested() {
    let answer = read_body(tms(Some("OK"), "", &payload(&(record_total("1") + &one_record())))).unwrap();
    assert_eq!(answer.records().len(), 1);
    assert_eq!(answer.response_id.as_str(), RESPONSE_ID);
}

#[test]
fn row_9_the_name_of_the_payload_twice_around_a_failed_query() {
    let reasons = reason("1", "ER") + &reason("NHSNCC002", "ER");
    assert_eq!(read_body(quqi(Some("ID"), &reasons)).unwrap().holding, Holding::NoRecord);
}

#[test]
fn row_9_a_payload_directly_in_itself_or_bare_in_the_body() {
    let inner = payload(&(code("SMSP-0000") + &record_total("1") + &one_record()));
    for body in [soap(&inner), soap(&format!("<CP-ISNHSQueryResponse>{inner}</CP-ISNHSQueryResponse>")), itk(&inner)] {
        assert_eq!(records_of(body).len(), 1);
    }
}

#[test]
fn row_10_no_default_namespace_or_another_prefix() {
    let plain = full_answer();
    let bare = plain.replace(r#"xmlns="urn:hl7-org:v3" "#, "");
    assert_ne!(plain, bare);
    assert_eq!(read_body(&bare), read_body(&plain));
    let prefixed = plain.replace("soap:", "SOAP-ENV:").replace("itk:", "toolkit:").replace("npfitlc:", "");
    assert_eq!(read_body(prefixed), read_body(&plain));
    let reasons = (reason("1", "ER") + &reason("NHSNCC002", "ER")).replace("</", "</hl7:").replace("<reason", "<hl7:reason");
    let reasons =
        reasons.replace("<justifying", "<hl7:justifying").replace("<code", "<hl7:code").replace("<qualifier", "<hl7:qualifier");
    assert_eq!(read_body(quqi(None, &reasons)).unwrap().holding, Holding::NoRecord);
}

#[test]
fn row_11_no_acknowledgement_on_success() {
    let body = tms(Some("OK"), "", &payload(&(record_total("1") + &one_record())));
    assert!(!body.contains("<acknowledgement"));
    assert!(read_body(body).is_ok());
}

#[test]
fn row_12_any_version_code() {
    let body = tms(Some("OK"), "", &payload(&(record_total("1") + &one_record())));
    for version in ["v3INF_DMSv5.7:FIN", "V3NPfIT4.2.00", ""] {
        assert!(read_body(body.replace("V3NPfIT3.0", version)).is_ok());
    }
}

#[test]
fn row_13_the_flattened_viewer_of_the_portal() {
    let viewer = r#"<viewer><jobRole displayName="Midwife"/><name><prefix>Ms</prefix><given>Kim</given><family>Sample</family></name><organisation>EXAMPLE TRUST</organisation></viewer>"#;
    let accesses = information_13(&access_by("a", "20250101120000", ASKED, viewer));
    let body = tms(Some("OK"), "", &payload(&(record_total("1") + &accesses + &one_record())))
        .replace("REPC_IN000007GB01", "REPC_IN000007SM01");
    let answer = read_body(body).unwrap();
    let Author::Person { user_id, role, name, organisation, .. } = &answer.accesses[0].author else { panic!("no person") };
    assert_eq!(*user_id, None);
    assert_eq!((role.name.as_str(), name.spoken().as_str()), ("Midwife", "Ms Kim Sample"));
    assert_eq!((organisation.name.as_str(), organisation.kind), ("EXAMPLE TRUST", OrganisationKind::Organisation));
}

#[test]
fn row_14_an_access_total_that_differs_is_a_notice() {
    let one = information_13(&access("a", "20250101120000", ASKED));
    let body = |total: &str| itk(&payload(&[&code("SMSP-0000"), total, &record_total("1"), &one, &one_record()].concat()));
    assert_eq!(read_body(body(&access_total("1"))).unwrap().notices, []);
    assert_eq!(read_body(body(&access_total("7"))).unwrap().notices, [Notice::AccessCountDiffers { said: 7, found: 1 }]);
    // If it is absent or unreadable, it says nothing.
    for no_count in ["many", "9990000018", "20190214"] {
        assert_eq!(read_body(body(&access_total(no_count))).unwrap().notices, [], "{no_count}");
    }
    assert_eq!(read_body(body("")).unwrap().notices, []);
}

#[test]
fn row_15_more_than_25_accesses() {
    let many: String = (0..40).map(|n| information_13(&access(&format!("id-{n}"), "20250101120000", ASKED))).collect();
    let answer = read_body(success("1", &many, &one_record())).unwrap();
    let ids: Vec<&str> = answer.accesses.iter().map(|access| access.id.as_str()).collect();
    // Equal times keep their order.
    assert_eq!(ids, (0..40).map(|n| format!("id-{n}")).collect::<Vec<_>>());
}
