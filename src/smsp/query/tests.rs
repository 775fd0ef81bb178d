use super::{sample::*, *};
use crate::{
    cpis::{AuthorPart, Delivery, Phase, RegisterErrorKind, Requester, Role},
    smsp::AuthorTemplate,
};

fn written(requester: Requester, dialect: &Dialect) -> String {
    let question = question(requester);
    let author = author(&question.requester, dialect).unwrap();
    let mut out = String::new();
    write(&mut out, &question, &author, &ids(), dialect, now());
    out
}

fn missing(requester: &Requester, dialect: &Dialect) -> Vec<&'static str> {
    let failure = author(requester, dialect).unwrap_err();
    assert_eq!((failure.phase, failure.delivery), (Phase::Build, Delivery::NotDelivered));
    match failure.kind {
        RegisterErrorKind::AuthorIncomplete { missing } => missing.into_iter().map(AuthorPart::name).collect(),
        other => panic!("{other:?}"),
    }
}

fn nameless(requester: Requester) -> Requester {
    Requester { name: PersonName::default(), ..requester }
}

fn roleless(requester: Requester) -> Requester {
    Requester { role: Role::default(), ..requester }
}

#[test]
fn a_smartcard_user_is_the_author() {
    let text = written(smartcard_user(), &dialect());
    assert!(text.contains("COCT_TP145102GB01#AssignedAuthor"));
    assert!(!text.contains("COCT_TP145104GB01"));
}

#[test]
fn auto_takes_the_system_template_unless_everything_about_the_person_is_known() {
    let with_nominated =
        Dialect { author: crate::smsp::AuthorRule { nominated: Some(nominated()), ..dialect().author }, ..dialect() };
    for requester in [local_user(), nameless(smartcard_user()), roleless(smartcard_user())] {
        assert!(written(requester, &with_nominated).contains("COCT_TP145104GB01#System"));
    }
}

#[test]
fn the_real_clinician_stands_before_the_nominated_person() {
    let dialect = Dialect { author: crate::smsp::AuthorRule { nominated: Some(nominated()), ..dialect().author }, ..dialect() };
    let text = written(local_user(), &dialect);
    assert!(text.contains("<family>Example</family>") && !text.contains("Nominated"));
}

#[test]
fn the_nominated_person_stands_in_as_a_whole() {
    let dialect = Dialect { author: crate::smsp::AuthorRule { nominated: Some(nominated()), ..dialect().author }, ..dialect() };
    let text = written(roleless(local_user()), &dialect);
    assert!(text.contains("<family>Nominated</family>") && text.contains("Safeguarding Lead"));
    assert!(!text.contains("<family>Example</family>"), "a name under another's role");
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let bare = Requester { organisation: Organisation::default(), ..roleless(nameless(local_user())) };
    let without_asid = Dialect { asid: None, ..dialect() };
    assert_eq!(
        missing(&bare, &without_asid),
        ["job role code", "job role name", "name", "organisation code", "organisation name", "ASID"]
    );
}

#[test]
fn a_person_by_order_needs_a_smartcard_id() {
    let rule = crate::smsp::AuthorRule { template: AuthorTemplate::Person, ..dialect().author };
    assert_eq!(missing(&local_user(), &Dialect { author: rule, ..dialect() }), ["SDS user id"]);
}

#[test]
fn a_person_as_author_needs_no_asid() {
    assert!(author(&smartcard_user(), &Dialect { asid: None, ..dialect() }).is_ok());
}

#[test]
fn the_tms_form_needs_both_asids() {
    let dialect = Dialect { payload_form: PayloadForm::Tms, asid: None, to_asid: None, ..dialect() };
    assert_eq!(missing(&smartcard_user(), &dialect), ["ASID", "ASID of CP-IS"]);
}

#[test]
fn a_title_alone_is_not_a_name() {
    let titled = Requester { name: PersonName { prefix: vec!["Dr".into()], ..PersonName::default() }, ..smartcard_user() };
    assert_eq!(missing(&titled, &dialect()), ["name"]);
    let blank = Requester { name: name("Dr", " \u{1} ", "\t"), ..smartcard_user() };
    assert_eq!(missing(&blank, &dialect()), ["name"]);
}

#[test]
fn a_user_without_any_identity_is_refused() {
    let mut nobody = local_user();
    nobody.user.id = " ".into();
    assert_eq!(missing(&nobody, &dialect()), ["user id"]);
}

#[test]
fn the_nhs_number_stands_without_a_root() {
    let text = written(smartcard_user(), &dialect());
    assert!(text.contains(r#"<person.NHSnumber><value extension="9990000018"/></person.NHSnumber>"#));
    assert!(!text.contains("2.16.840.1.113883.2.1.4.1"));
}

#[test]
fn nothing_that_the_model_fixes_is_written() {
    for requester in [smartcard_user(), local_user()] {
        let text = written(requester, &dialect());
        for prohibited in ["classCode", "moodCode", "typeCode", "determinerCode", "templateId", "semanticsText", "schemaLocation"]
        {
            assert!(!text.contains(prohibited), "{prohibited}");
        }
    }
}

#[test]
fn a_role_path_is_passed_on_unchanged() {
    let mut requester = smartcard_user();
    requester.role.code = "S0010:G0020:R0050".into();
    assert!(written(requester, &dialect()).contains(r#"<code code="S0010:G0020:R0050" codeSystem="#));
}

#[test]
fn a_name_keeps_its_order_and_drops_empty_parts() {
    let mut requester = smartcard_user();
    requester.name = PersonName {
        prefix: vec!["Prof".into(), "".into()],
        given: vec!["Asha".into(), " ".into(), "Ruth".into()],
        family: vec!["Example".into()],
        suffix: vec!["FRCPCH".into()],
    };
    let expected =
        "<name><prefix>Prof</prefix><given>Asha</given><given>Ruth</given><family>Example</family><suffix>FRCPCH</suffix></name>";
    assert!(written(requester, &dialect()).contains(expected));
}

#[test]
fn a_site_has_its_own_root() {
    let mut requester = smartcard_user();
    requester.organisation.kind = OrganisationKind::Site;
    assert!(written(requester, &dialect()).contains(r#"<id root="2.16.840.1.113883.2.1.3.2.4.19.2" extension="RX1"/>"#));
}

#[test]
fn the_time_is_utc_in_summer_too() {
    let question = question(smartcard_user());
    let dialect = Dialect { payload_form: PayloadForm::Tms, ..dialect() };
    let author = author(&question.requester, &dialect).unwrap();
    let mut out = String::new();
    write(&mut out, &question, &author, &ids(), &dialect, "2026-07-15T23:30:15+01:00".parse().unwrap());
    assert!(out.contains(r#"<effectiveTime value="20260715223015+0000"/>"#));
    assert!(out.contains(r#"<creationTime value="20260715223015"/>"#));
}

#[test]
fn only_a_smartcard_user_with_a_role_profile_authors_the_control_act() {
    let dialect = Dialect { payload_form: PayloadForm::Tms, ..dialect() };
    assert!(written(smartcard_user(), &dialect).contains("<AgentPersonSDS"));
    let without_profile = Requester { role_profile_id: None, ..smartcard_user() };
    for requester in [without_profile, local_user()] {
        assert!(!written(requester, &dialect).contains("<AgentPersonSDS"));
    }
}

#[test]
fn an_author_shows_nothing_of_itself_in_debug() {
    let (requester, dialect) = (smartcard_user(), dialect());
    let shown = format!("{:?}", author(&requester, &dialect).unwrap().name);
    assert!(!shown.contains("Asha") && !shown.contains("Example"));
}
