use super::*;
use crate::{
    cpis::{PersonName, Requester},
    smsp::{
        AuthorRule, AuthorTemplate, PayloadForm,
        query::sample::{dialect, ids, local_user, name, nominated, now, question, smartcard_user},
    },
};
use std::collections::HashSet;

fn built(requester: Requester, dialect: &Dialect) -> String {
    request(&question(requester), dialect, &ids(), now()).unwrap()
}

/// Compares the document with the reviewed snapshot, one element per line.
fn snapshot(form: &str, document: &str) {
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(format!("request_{form}"), document.replace("><", ">\n<"));
    });
}

fn tms() -> Dialect {
    Dialect { payload_form: PayloadForm::Tms, ..dialect() }
}

fn with_rule(template: AuthorTemplate) -> Dialect {
    Dialect { author: AuthorRule { template, nominated: Some(nominated()), ..dialect().author }, ..dialect() }
}

#[test]
fn a_person_asks_with_a_smartcard() {
    snapshot("person", &built(smartcard_user(), &dialect()));
}

#[test]
fn a_person_asks_with_a_smartcard_and_no_asid() {
    snapshot("person_without_asid", &built(smartcard_user(), &Dialect { asid: None, ..dialect() }));
}

#[test]
fn an_organisation_with_an_asid_of_its_own_asks_in_its_name() {
    let own = SdsId::parse("200000000777").unwrap();
    let other = ("RX9".to_owned(), SdsId::parse("200000000888").unwrap());
    for form in [PayloadForm::Stub, PayloadForm::Tms] {
        let asids = vec![other.clone(), ("rx1".to_owned(), own.clone())];
        let asked = built(local_user(), &Dialect { organisation_asids: asids, payload_form: form, ..dialect() });
        assert!(asked.contains("200000000777") && !asked.contains("200000000115"), "{asked}");
    }
    let alone = Dialect { asid: None, organisation_asids: vec![("RX1".to_owned(), own)], ..dialect() };
    assert!(built(local_user(), &alone).contains("200000000777"));
}

#[test]
fn a_system_asks_for_the_real_clinician() {
    snapshot("system_real_clinician", &built(local_user(), &dialect()));
}

#[test]
fn a_system_asks_for_the_nominated_person() {
    let requester = Requester { name: PersonName::default(), ..local_user() };
    snapshot("system_nominated", &built(requester, &with_rule(AuthorTemplate::Auto)));
}

#[test]
fn a_person_asks_in_the_tms_form() {
    snapshot("tms_person", &built(smartcard_user(), &tms()));
}

#[test]
fn a_system_asks_in_the_tms_form() {
    snapshot("tms_system", &built(local_user(), &tms()));
}

#[test]
fn no_receiver_means_no_address_list() {
    snapshot("no_receiver", &built(local_user(), &Dialect { receiver_ods: None, ..dialect() }));
}

#[test]
fn no_interaction_id_means_no_handling_specification() {
    let dialect = Dialect { interaction_id: String::new(), ..dialect() };
    snapshot("no_interaction", &built(local_user(), &dialect));
}

#[test]
fn the_audit_identity_has_at_most_four_ids_and_is_never_an_organisation_alone() {
    let without_profile = Requester { role_profile_id: None, ..smartcard_user() };
    for (requester, asid, count) in
        [(smartcard_user(), true, 4), (smartcard_user(), false, 3), (without_profile, false, 1), (local_user(), true, 2)]
    {
        let dialect = Dialect { asid: dialect().asid.filter(|_| asid), ..dialect() };
        let text = built(requester, &dialect);
        assert_eq!(text.matches("<itk:id ").count(), count);
        assert!(text.contains("urn:nhs-uk:identity:ods:RX1:user.12345") || count >= 3);
    }
}

#[test]
fn a_local_user_id_stays_one_token() {
    let mut requester = local_user();
    requester.user.id = "CORP\\anna müller:1 <&>".into();
    let text = built(requester, &dialect());
    assert!(text.contains("uri=\"urn:nhs-uk:identity:ods:RX1:CORP%5Canna%20m%C3%BCller%3A1%20%3C%26%3E\""));
}

#[test]
fn a_hostile_organisation_code_adds_no_token() {
    let mut requester = local_user();
    requester.organisation.ods_code = "RX1:SYSTEM".into();
    assert!(built(requester, &dialect()).contains("urn:nhs-uk:identity:ods:RX1%3ASYSTEM:user.12345"));
}

#[test]
fn every_id_stands_where_it_belongs_and_all_differ() {
    let ids = MessageIds::fresh();
    let text = request(&question(smartcard_user()), &tms(), &ids, now()).unwrap();
    for place in [
        format!("<wsa:MessageID>{}</wsa:MessageID>", ids.message),
        format!("wsu:Id=\"uuid_{}\"", ids.timestamp),
        format!("trackingid=\"{}\"", ids.tracking),
        format!("<itk:manifestitem id=\"uuid_{}\"", ids.payload),
        format!("<itk:payload id=\"uuid_{}\"", ids.payload),
        format!("<effectiveTime value=\"20260115093015+0000\"/><id root=\"{}\"/>", ids.query),
        format!("<id root=\"{}\"/><creationTime", ids.wrapper),
    ] {
        assert_eq!(text.matches(&place).count(), 1, "{place}");
    }
    let all = [&ids.message, &ids.tracking, &ids.payload, &ids.query, &ids.timestamp, &ids.wrapper];
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 6);
    assert!(all.iter().all(|id| id.len() == 36 && id.to_ascii_uppercase() == **id));
}

#[test]
fn a_message_is_good_for_ten_minutes() {
    let text = built(local_user(), &dialect());
    assert!(text.contains("<wsu:Created>2026-01-15T09:30:15Z</wsu:Created><wsu:Expires>2026-01-15T09:40:15Z</wsu:Expires>"));
}

#[test]
fn neither_reply_to_nor_from_nor_a_schema_location_is_sent() {
    let text = built(smartcard_user(), &tms());
    for absent in ["ReplyTo", "wsa:From", "FaultTo", "schemaLocation", "Password", "mustUnderstand"] {
        assert!(!text.contains(absent), "{absent}");
    }
}

#[test]
fn hostile_names_stay_text() {
    let hostile = r#"<&"'>"</name><given>Eve</given>"#;
    let mut requester = local_user();
    requester.name = name("Dr\0", &format!("{hostile}\u{b}🩺"), "O'Neill\u{ffff}");
    requester.role.name = format!("A & E \"Consultant\" {hostile}").into();
    requester.organisation.name = "St <Mary's> & Sons]]>".into();
    let mut dialect = dialect();
    dialect.username = "CN & <co>".into();
    let text = built(requester, &dialect);

    let mut texts = Vec::new();
    let mut reader = quick_xml::Reader::from_str(&text);
    let mut depth = 0;
    let mut current = String::new();
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(_) => depth += 1,
            quick_xml::events::Event::End(_) => {
                depth -= 1;
                texts.push(std::mem::take(&mut current));
            }
            quick_xml::events::Event::Text(piece) => current.push_str(&piece),
            quick_xml::events::Event::GeneralRef(name) => {
                current.push_str(quick_xml::escape::resolve_predefined_entity(&name).unwrap());
            }
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
    for expected in ["Dr", &format!("{hostile}🩺"), "O'Neill", "St <Mary's> & Sons]]>", "CN & <co>"] {
        assert!(texts.iter().any(|text| text == expected), "{expected}");
    }
    assert_eq!(text.matches("<given>").count(), 1);
}

#[test]
fn an_incomplete_author_sends_nothing() {
    let failure = request(&question(local_user()), &Dialect { asid: None, ..dialect() }, &ids(), now()).unwrap_err();
    assert_eq!(failure.kind, crate::cpis::RegisterErrorKind::AuthorIncomplete { missing: vec![crate::cpis::AuthorPart::Asid] });
}

#[test]
fn one_allocation_holds_an_ordinary_request() {
    let longest = built(smartcard_user(), &tms()).len();
    assert!(longest + 1024 < CAPACITY, "{longest}");
}
