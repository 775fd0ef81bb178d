//! Records, plans, subjects and authorities (wire.md 3.1 to 3.4; decisions.md 7).

use super::samples::*;
use crate::cpis::{
    BirthDate, Entry, NumberUse, OrganisationKind, Period, Plan, PlanType, RegisterErrorKind, SubjectKind, Unreadable,
};
use jiff::civil::{Date, date};

/// The entries of a single record with these `pertinentInformation15`.
fn entries(plans: &str) -> Vec<Entry> {
    records_of(success("1", "", &information_14(&record(&(plans.to_owned() + &child(ASKED)))))).remove(0).entries
}

fn plan(plan_type: PlanType, start: Date, end: Option<Date>) -> Entry {
    Entry::Plan(Plan { plan_type, period: Period { start, end } })
}

#[test]
fn each_template_is_its_plan() {
    let (start, end) = (date(2025, 9, 1), date(2026, 3, 1));
    for (build, plan_type) in [
        (child_protection as fn(&str, Option<&str>) -> String, PlanType::ChildProtection),
        (looked_after, PlanType::LookedAfter),
        (unborn, PlanType::UnbornChildProtection),
    ] {
        assert_eq!(entries(&build("202509010000", None)), [plan(plan_type, start, None)]);
        assert_eq!(entries(&build("202509010000", Some("202603012359"))), [plan(plan_type, start, Some(end))]);
        assert_eq!(entries(&build("202509010000", Some("202509010000"))), [plan(plan_type, start, Some(start))]);
    }
}

#[test]
fn the_element_decides_and_not_the_content_id() {
    let mislabelled = looked_after("202509010000", None).replace("\"any\"", "\"COCT_TP146105GB01#CPPInformation\"");
    assert_eq!(entries(&mislabelled), [plan(PlanType::LookedAfter, date(2025, 9, 1), None)]);
}

#[test]
fn every_level_may_be_repeated() {
    let one = |start| record(&(child_protection(start, None) + &child(ASKED)));
    let twice_15 = record(&[child_protection("202503010000", None), looked_after("202504010000", None), child(ASKED)].concat());
    let two_acts = format!(
        "<pertinentInformation14><pertinentCP-ISRecordControlAct>{}{}</pertinentCP-ISRecordControlAct><pertinentCP-ISRecordControlAct>{twice_15}</pertinentCP-ISRecordControlAct></pertinentInformation14>",
        one("202501010000"),
        one("202502010000")
    );
    let records = records_of(success("4", "", &(two_acts + &information_14(&one("202505010000")))));
    let starts: Vec<i8> = records
        .iter()
        .flat_map(|record| &record.entries)
        .map(|entry| match entry {
            Entry::Plan(plan) => plan.period.start.month(),
            Entry::Unreadable(_) => 0,
        })
        .collect();
    assert_eq!(starts, [1, 2, 3, 4, 5]);
    assert_eq!(records.len(), 4);
}

#[test]
fn several_templates_in_one_pertinent_information_15_are_all_read() {
    let both = template("COCT_TP146105GB01.CPPInformation", "cPP", "202509010000", None)
        + &template("COCT_TP146103GB01.LACInformation", "lAC", "202510010000", None);
    let expected =
        [plan(PlanType::ChildProtection, date(2025, 9, 1), None), plan(PlanType::LookedAfter, date(2025, 10, 1), None)];
    assert_eq!(entries(&information_15(&both)), expected);
}

#[test]
fn a_plan_without_a_readable_start_keeps_its_place() {
    let bad = Entry::Unreadable(Unreadable::StartDate);
    for start in ["", "202513010000", "202509310000", "soon", "2025", "209900000000"] {
        assert_eq!(entries(&child_protection(start, None)), [bad], "{start}");
    }
    for inside in [
        "",
        "<component/>",
        "<component><cPPStartDate/></component>",
        "<component><lACStartDate><value value=\"202509010000\"/></lACStartDate></component>",
    ] {
        let template = format!("<COCT_TP146105GB01.CPPInformation>{inside}</COCT_TP146105GB01.CPPInformation>");
        assert_eq!(entries(&information_15(&template)), [bad], "{inside}");
    }
}

#[test]
fn a_plan_without_a_readable_end_keeps_its_place() {
    let bad = Entry::Unreadable(Unreadable::EndDate);
    for end in ["", "202513010000", "later", "202508310000"] {
        assert_eq!(entries(&child_protection("202509010000", Some(end))), [bad], "{end}");
    }
    let with = |component: &str| {
        information_15(
            &template("COCT_TP146105GB01.CPPInformation", "cPP", "202509010000", None)
                .replace("</COCT", &format!("{component}</COCT")),
        )
    };
    for component in [
        "<component1/>",
        "<component1><cPPEndDate/></component1>",
        "<component1><cPPEndDate><value/></cPPEndDate></component1>",
        "<component1><cPPEndDate><value nullFlavor=\"UNK\"/></cPPEndDate></component1>",
        "<component1><lACEndDate><value value=\"202601010000\"/></lACEndDate></component1>",
        "<component2><lACEndDate><value value=\"202601010000\"/></lACEndDate></component2>",
    ] {
        assert_eq!(entries(&with(component)), [bad], "{component}");
    }
}

#[test]
fn two_dates_that_differ_are_no_date() {
    let twice = |prefix: &str, end: bool| {
        let date = |value| {
            format!(
                "<component{}><cPP{prefix}Date><value value=\"{value}\"/></cPP{prefix}Date></component{}>",
                if end { "1" } else { "" },
                if end { "1" } else { "" }
            )
        };
        let plain = template("COCT_TP146105GB01.CPPInformation", "cPP", "202509010000", None);
        information_15(&plain.replace("</COCT", &format!("{}{}</COCT", date("202601010000"), date("202602010000"))))
    };
    assert_eq!(entries(&twice("Start", false)), [Entry::Unreadable(Unreadable::StartDate)]);
    assert_eq!(entries(&twice("End", true)), [Entry::Unreadable(Unreadable::EndDate)]);
}

#[test]
fn an_unknown_template_keeps_its_place() {
    for name in [
        "COCT_TP146106GB01.NewInformation",
        "COCT_TP146105GB02.CPPInformation",
        "COCT_TP146100GB01.LACInformationUpload",
        "Surprise",
    ] {
        let template = template(name, "cPP", "202509010000", None);
        assert_eq!(entries(&information_15(&template)), [Entry::Unreadable(Unreadable::UnknownTemplate)], "{name}");
    }
}

#[test]
fn a_record_without_a_plan_keeps_its_place() {
    let no_plan = [Entry::Unreadable(Unreadable::NoPlan)];
    assert_eq!(entries(""), no_plan);
    assert_eq!(entries("<pertinentInformation15/>"), no_plan);
    assert_eq!(entries(&information_15("")), no_plan);
    let empty = format!("<record>{}</record>", authority("999", "Exampleshire"));
    let accesses = information_13(&access("a", "20250101120000", ASKED));
    assert_eq!(records_of(success("1", &accesses, &information_14(&empty)))[0].entries, no_plan);
}

#[test]
fn a_plan_at_an_unexpected_place_of_a_record_keeps_its_place() {
    let hidden = format!("<surprise>{}</surprise>", template("COCT_TP146103GB01.LACInformation", "lAC", "202510010000", None));
    let expected = [plan(PlanType::ChildProtection, date(2025, 9, 1), None), Entry::Unreadable(Unreadable::UnknownTemplate)];
    assert_eq!(entries(&(child_protection("202509010000", None) + &hidden)), expected);
}

#[test]
fn each_record_inside_a_record_is_one_of_its_own() {
    let two = format!(
        "<record><CP-ISRecord>{}{}</CP-ISRecord><CP-ISRecord>{}{}</CP-ISRecord>{}</record>",
        child_protection("202509010000", None),
        child(ASKED),
        looked_after("202509010000", None),
        child(ASKED),
        authority("999", "Exampleshire")
    );
    let records = records_of(success("2", "", &information_14(&two)));
    assert!(records.iter().all(|record| record.authority.is_some() && record.entries.len() == 1));
    assert_eq!(records.len(), 2);
}

#[test]
fn every_telephone_number_is_kept_as_given_without_its_scheme() {
    let numbers = [
        r#"<telecom value="tel:02079460001" use="WP"/>"#,
        r#"<telecom value="TEL:+442079460002" use="EC"/>"#,
        r#"<telecom value=" (020) 7946 0003 ext 4 " use="WP EC"/>"#,
        r#"<telecom value="tel: 02079460004" use="XX"/>"#,
        r#"<telecom value="02079460005"/>"#,
        r#"<telecom use="WP">tel:02079460006</telecom>"#,
        r#"<telecom value="tel:" use="WP"/>"#,
        r#"<telecom value="" use="EC"/>"#,
        r#"<telecom value="duty@example.gov.uk" use=""/>"#,
    ];
    let sender =
        format!("<communicationFunctionSnd><organisation>{}</organisation></communicationFunctionSnd>", numbers.concat());
    let records = records_of(success("1", "", &information_14(&record_of(&sender, &child(ASKED)))));
    let authority = records[0].authority.as_ref().unwrap();
    let read: Vec<(&str, &[NumberUse])> = authority.numbers.iter().map(|n| (n.number.as_str(), n.uses.as_slice())).collect();
    let expected: [(&str, &[NumberUse]); 7] = [
        ("02079460001", &[NumberUse::OfficeHours]),
        ("+442079460002", &[NumberUse::EmergencyDuty]),
        ("(020) 7946 0003 ext 4", &[NumberUse::OfficeHours, NumberUse::EmergencyDuty]),
        ("02079460004", &[NumberUse::Other("XX".into())]),
        ("02079460005", &[]),
        ("02079460006", &[NumberUse::OfficeHours]),
        ("duty@example.gov.uk", &[]),
    ];
    assert_eq!(read, expected);
}

#[test]
fn an_authority_is_an_organisation_or_a_site() {
    let at = |root: &str| authority("999", "Exampleshire").replace("2.16.840.1.113883.2.1.3.2.4.19.1", root);
    let read = |root: &str| {
        records_of(success("1", "", &information_14(&record_of(&at(root), &child(ASKED)))))[0]
            .authority
            .clone()
            .unwrap()
            .organisation
    };
    assert_eq!(read("2.16.840.1.113883.2.1.3.2.4.19.1").kind, OrganisationKind::Organisation);
    assert_eq!(read("2.16.840.1.113883.2.1.3.2.4.19.2").kind, OrganisationKind::Site);
    assert_eq!(read("1.2.3").ods_code.as_str(), "");
}

#[test]
fn child_and_mother_are_read_apart() {
    let local = r#"<id root="2.16.840.1.113883.2.1.3.2.4.18.24" extension="L-77" assigningAuthorityName="Exampleshire"/>"#;
    let subjects = child(OTHER) + &mother(&(nhs_id(ASKED) + local));
    let records = records_of(success("1", "", &information_14(&record(&(unborn("202509010000", None) + &subjects)))));
    let [child, mother] = &records[0].subjects[..] else { panic!("not two subjects") };
    assert_eq!((child.kind, mother.kind), (SubjectKind::Child, SubjectKind::Mother));
    assert_eq!((&child.nhs_numbers[..], &mother.nhs_numbers[..]), (&[number(OTHER)][..], &[number(ASKED)][..]));
    assert_eq!(
        (child.birth_date, mother.birth_date),
        (Some(BirthDate::from(date(2018, 4, 1))), Some(BirthDate::from(date(1996, 2, 29))))
    );
    assert_eq!((child.name.spoken().as_str(), mother.name.spoken().as_str()), ("Robin Testpatient", "Ada Testmother"));
    assert_eq!((mother.local_ids[0].value.as_str(), mother.local_ids[0].assigning_authority.as_str()), ("L-77", "Exampleshire"));
}

#[test]
fn ids_are_gathered_wherever_they_stand_in_any_subject() {
    let subject =
        format!("<subject><Strange><a><b>{}</b></a><name>Robin Testpatient</name></Strange></subject>", nhs_id("999 000 0018"));
    let records = records_of(success("1", "", &information_14(&record(&(child_protection("202509010000", None) + &subject)))));
    let subject = &records[0].subjects[0];
    assert_eq!((subject.kind, subject.nhs_numbers.len(), subject.birth_date), (SubjectKind::Unknown, 1, None));
    assert_eq!(subject.name.spoken(), "Robin Testpatient");
}

#[test]
fn a_birth_date_that_is_none_is_left_out() {
    for born in ["", "0000", "201", "20181", "201813", "20180231", "yesterday"] {
        let subject = person_of_subject(&nhs_id(ASKED), "Robin", "Testpatient", born);
        let records =
            records_of(success("1", "", &information_14(&record(&(child_protection("202509010000", None) + &subject)))));
        assert_eq!(records[0].subjects[0].birth_date, None, "{born}");
    }
}

#[test]
fn text_may_come_in_pieces() {
    let sender = authority("999", "Borough<!-- of --> &amp; <![CDATA[City <of>]]> S&#97;mpleton&#x21;");
    let records = records_of(success("1", "", &information_14(&record_of(&sender, &child(ASKED)))));
    assert_eq!(records[0].authority.as_ref().unwrap().organisation.name.as_str(), "Borough & City <of> Sampleton!");
}

/// CP-IS may know only a year, or a year and a month: no day is invented or dropped.
#[test]
fn a_partial_birth_date_stays_partial() {
    let born = |text: &str| {
        let subject = person_of_subject(&nhs_id(ASKED), "Robin", "Testpatient", text);
        let records =
            records_of(success("1", "", &information_14(&record(&(child_protection("202509010000", None) + &subject)))));
        records[0].subjects[0].birth_date.map(BirthDate::iso)
    };
    for (text, date) in [("2018", "2018"), (" 201804 ", "2018-04"), ("20180401", "2018-04-01"), ("201804011230", "2018-04-01")] {
        assert_eq!(born(text).as_deref(), Some(date), "{text}");
    }
}

/// A number of any sender and at any depth may be the one that is answered tonight (decisions.md 54).
#[test]
fn every_number_of_every_sender_and_organisation_is_kept() {
    let number = |number: u8| format!(r#"<telecom value="tel:0207946000{number}" use="WP"/>"#);
    let senders = format!(
        r#"<communicationFunctionSnd>{0}<organisation><id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="999"/><name>Exampleshire</name>{1}<part><contact>{2}</contact></part></organisation><organisation><id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="998"/><name>Another</name>{3}</organisation></communicationFunctionSnd><communicationFunctionSnd><organization><name>Third</name>{4}{1}</organization></communicationFunctionSnd>"#,
        number(0),
        number(1),
        number(2),
        number(3),
        number(4),
    );
    let records = records_of(success("1", "", &information_14(&record_of(&senders, &child(ASKED)))));
    let authority = records[0].authority.as_ref().unwrap();
    assert_eq!((authority.organisation.ods_code.as_str(), authority.organisation.name.as_str()), ("999", "Exampleshire"));
    let numbers: Vec<_> = authority.numbers.iter().map(|number| number.number.as_str()).collect();
    assert_eq!(numbers, ["02079460000", "02079460001", "02079460002", "02079460003", "02079460004"]);
}

#[test]
fn numbers_without_an_organisation_are_whom_to_ring() {
    let sender = r#"<communicationFunctionSnd><device/><telecom value="tel:02079460001"/></communicationFunctionSnd>"#;
    let records = records_of(success("1", "", &information_14(&record_of(sender, &child(ASKED)))));
    assert_eq!(records[0].authority.as_ref().unwrap().numbers[0].number.as_str(), "02079460001");
}

/// An element that HL7 V3 allows anywhere is no plan and no person. Any other unknown element may be one.
#[test]
fn the_infrastructure_of_hl7_is_neither_a_plan_nor_a_person() {
    let infrastructure = r#"<realmCode code="UK"/><typeId root="1" extension="a"/><templateId root="2" extension="b"/><seperatableInd value="false"/><sequenceNumber value="1"/><priorityNumber value="1"/>"#;
    let within = |more: &str| {
        let plan = child_protection("202509010000", None)
            .replace("<pertinentInformation15>", &format!("<pertinentInformation15>{more}"));
        let subject = child(ASKED).replace("<subject>", &format!("<subject>{more}"));
        assert!(plan.contains(more) && subject.contains(more));
        records_of(success("1", "", &information_14(&record(&(plan + &subject))))).remove(0)
    };
    let record = within(infrastructure);
    assert!(matches!(record.entries.as_slice(), [Entry::Plan(_)]), "{:?}", record.entries);
    assert_eq!(record.subjects.len(), 1);
    let record = within("<negationInd value=\"true\"/>");
    assert_eq!((record.entries.len(), record.subjects.len()), (2, 2), "what is not known may be a plan");
}

#[test]
fn a_text_over_64_kib_is_unreadable() {
    let named = |length: usize| {
        let subject = person_of_subject(&nhs_id(ASKED), "Robin", &"x".repeat(length), "20180401");
        read_body(success("1", "", &information_14(&record(&(child_protection("202509010000", None) + &subject)))))
    };
    assert!(named(64 * 1024).is_ok());
    assert!(matches!(named(64 * 1024 + 1).unwrap_err().kind, RegisterErrorKind::Unreadable { .. }));
    let called = |length: usize| {
        let sender = authority("999", &"x".repeat(length));
        read_body(success(
            "1",
            "",
            &information_14(&record_of(&sender, &(child_protection("202509010000", None) + &child(ASKED)))),
        ))
    };
    assert!(called(64 * 1024).is_ok());
    assert!(matches!(called(64 * 1024 + 1).unwrap_err().kind, RegisterErrorKind::Unreadable { .. }));
}

#[test]
fn more_records_than_any_child_has_are_unreadable() {
    let many = |count: usize| read_body(success(&count.to_string(), "", &information_14(&"<record/>".repeat(count))));
    assert!(matches!(many(501).unwrap_err().kind, RegisterErrorKind::Unreadable { .. }));
    assert!(!matches!(many(500).unwrap_err().kind, RegisterErrorKind::Unreadable { .. }), "no authority, but readable");
}
