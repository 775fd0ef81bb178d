//! Code × content × total (decisions.md 1): the rules, written down a second time as a table and not as a program.

use super::samples::*;
use crate::cpis::{Contradiction, Delivery, Entry, Holding, Notice, Phase, RegisterErrorKind, Rejection, Unreadable};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    None,
    Empty14,
    Record,
    /// A plan template outside every `pertinentInformation14`.
    StrayPlan,
}

const CONTENTS: [Content; 4] = [Content::None, Content::Empty14, Content::Record, Content::StrayPlan];
/// The total in the message; "" is unreadable.
const TOTALS: [Option<&str>; 5] = [None, Some(""), Some("0"), Some("1"), Some("2")];

impl Content {
    fn xml(self) -> String {
        match self {
            Self::None => String::new(),
            Self::Empty14 => "<pertinentInformation14/>".to_owned(),
            Self::Record => one_record(),
            Self::StrayPlan => child_protection("202509010000", None),
        }
    }
}

/// One cell's outcome, in one word.
fn outcome(body: &str) -> String {
    let failure = match read_body(body) {
        Ok(answer) => {
            let stale = if answer.stale { "stale " } else { "" };
            return match &answer.holding {
                Holding::NoRecord => format!("{stale}no record"),
                Holding::Records(records) => format!("{stale}{} shown, {} unreadable", records.len(), answer.unreadable()),
            };
        }
        Err(failure) => failure,
    };
    assert_eq!(failure.phase, Phase::Understand);
    let delivery = if failure.delivery == Delivery::NotDelivered { " (not delivered)" } else { "" };
    let kind = match failure.kind {
        RegisterErrorKind::Contradictory(contradiction) => format!("{contradiction:?}"),
        RegisterErrorKind::Rejected { reason: Rejection::QueryFailed, .. } => "query failed".to_owned(),
        RegisterErrorKind::Rejected { code, .. } => code.unwrap_or_default(),
        RegisterErrorKind::UnknownCode { code } => format!("unknown {}", code.unwrap_or_default()),
        other => format!("{other:?}"),
    };
    kind + delivery
}

/// A rule: its contents and totals (empty: every one), and the outcome. The first rule that fits applies.
type Rule = (&'static [Content], &'static [Option<&'static str>], &'static str);

const ANY: &[Content] = &[];
const SOME: &[Content] = &[Content::Empty14, Content::Record, Content::StrayPlan];
const NOTHING: &[Content] = &[Content::None];
const ALL_TOTALS: &[Option<&str>] = &[];
const ABSENT: &[Option<&str>] = &[None];
const UNREADABLE: &[Option<&str>] = &[Some("")];
const ZERO: &[Option<&str>] = &[Some("0")];
const ONE: &[Option<&str>] = &[Some("1")];
const TWO: &[Option<&str>] = &[Some("2")];

/// Says that there is no record.
const NO_MATCH: &[Rule] = &[
    (SOME, ALL_TOTALS, "NoMatchWithContent"),
    (NOTHING, ONE, "NoMatchWithContent"),
    (NOTHING, TWO, "NoMatchWithContent"),
    (NOTHING, UNREADABLE, "TotalUnreadable"),
    (NOTHING, ABSENT, "no record"),
    (NOTHING, ZERO, "no record"),
];

/// Says success, by SMSP-0000.
const SUCCESS: &[Rule] = &[
    (ANY, ABSENT, "TotalUnreadable"),
    (ANY, UNREADABLE, "TotalUnreadable"),
    (SOME, ZERO, "ContentBeyondTotal"),
    (NOTHING, ZERO, "no record"),
    (&[Content::Record], ONE, "1 shown, 0 unreadable"),
    (&[Content::Record], TWO, "2 shown, 1 unreadable"),
    (ANY, ALL_TOTALS, "NothingReadable"),
];

/// Says success only by the TMS code: Spine does not say "no record" by empty content.
const TMS_SUCCESS: &[Rule] = &[
    (ANY, ABSENT, "TotalUnreadable"),
    (ANY, UNREADABLE, "TotalUnreadable"),
    (SOME, ZERO, "ContentBeyondTotal"),
    (NOTHING, ZERO, "EmptySuccess"),
    (&[Content::Record], ONE, "1 shown, 0 unreadable"),
    (&[Content::Record], TWO, "2 shown, 1 unreadable"),
    (ANY, ALL_TOTALS, "NothingReadable"),
];

/// Says that Spine was away. Without any sign of a record it is never a "no record".
const STALE: &[Rule] = &[
    (NOTHING, ABSENT, "SMSP-0003 (not delivered)"),
    (NOTHING, ZERO, "SMSP-0003 (not delivered)"),
    (ANY, ABSENT, "TotalUnreadable"),
    (ANY, UNREADABLE, "TotalUnreadable"),
    (SOME, ZERO, "ContentBeyondTotal"),
    (&[Content::Record], ONE, "stale 1 shown, 0 unreadable"),
    (&[Content::Record], TWO, "stale 2 shown, 1 unreadable"),
    (ANY, ALL_TOTALS, "NothingReadable"),
];

fn expected(rules: &[Rule], content: Content, total: Option<&str>) -> &'static str {
    let fits = |rule: &&Rule| (rule.0.is_empty() || rule.0.contains(&content)) && (rule.1.is_empty() || rule.1.contains(&total));
    rules.iter().find(fits).expect("no rule fits").2
}

fn check(rules: &[Rule], body: impl Fn(&str) -> String) {
    for content in CONTENTS {
        for total in TOTALS {
            let parts = total.map(record_total).unwrap_or_default() + &content.xml();
            assert_eq!(outcome(&body(&parts)), expected(rules, content, total), "{content:?} × {total:?}");
        }
    }
}

fn smsp(code_said: &'static str) -> impl Fn(&str) -> String {
    move |parts| itk(&payload(&(code(code_said) + parts)))
}

fn spine(query_response_code: &'static str) -> impl Fn(&str) -> String {
    move |parts| tms(Some(query_response_code), "", &payload(parts))
}

#[test]
fn cpis_0001_is_no_record_only_where_nothing_speaks_of_one() {
    check(NO_MATCH, smsp("CPIS-0001"));
}

#[test]
fn smsp_0000_needs_a_total_that_the_content_bears_out() {
    check(SUCCESS, smsp("SMSP-0000"));
}

#[test]
fn smsp_0003_shows_records_as_stale_and_is_never_a_no_record() {
    check(STALE, smsp("SMSP-0003"));
}

#[test]
fn tms_ok_needs_a_record() {
    check(TMS_SUCCESS, spine("OK"));
}

#[test]
fn tms_nf_is_no_record_only_where_nothing_speaks_of_one() {
    check(NO_MATCH, spine("NF"));
}

#[test]
fn tms_id_is_a_failed_query_whatever_the_content() {
    check(&[(ANY, ALL_TOTALS, "query failed")], spine("ID"));
}

#[test]
fn an_unknown_tms_code_is_never_an_answer() {
    for said in ["ZZ", "", "0"] {
        let body = |parts: &str| tms(Some(said), "", &payload(parts));
        check(&[(ANY, ALL_TOTALS, "unknown ")], body);
    }
}

#[test]
fn a_failing_code_fails_whatever_the_content() {
    for said in ["SMSP-0001", "SMSP-0002", "SMSP-0005", "SMSP-9999", "CPIS-9999"] {
        check(&[(ANY, ALL_TOTALS, said)], smsp(said));
    }
}

#[test]
fn smsp_0004_was_not_delivered_unless_the_answer_holds_what_only_spine_knows() {
    let rules: &[Rule] = &[
        (SOME, ALL_TOTALS, "SMSP-0004"),
        (NOTHING, ONE, "SMSP-0004"),
        (NOTHING, TWO, "SMSP-0004"),
        (NOTHING, ALL_TOTALS, "SMSP-0004 (not delivered)"),
    ];
    check(rules, smsp("SMSP-0004"));
}

#[test]
fn an_unknown_code_fails_and_is_kept_only_in_the_form_of_a_code() {
    check(&[(ANY, ALL_TOTALS, "unknown DEMOG-0001")], smsp("DEMOG-0001"));
    check(&[(ANY, ALL_TOTALS, "unknown SMSP-0006")], smsp("SMSP-0006"));
    for odd in ["", "OK", "CPIS-00001", "SCR-0001", "9990000018", "CPIS-000l", "Robin Testpatient"] {
        check(&[(ANY, ALL_TOTALS, "unknown ")], smsp(odd));
    }
}

#[test]
fn an_absent_code_is_never_an_answer() {
    check(&[(ANY, ALL_TOTALS, "unknown ")], |parts| itk(&payload(parts)));
    check(&[(ANY, ALL_TOTALS, "unknown ")], |parts| tms(None, "", &payload(parts)));
}

#[test]
fn codes_are_compared_trimmed_and_in_any_case_and_under_any_code_system() {
    for said in [" cpis-0001 ", "Cpis-0001", "CPIS-0001"] {
        let body = itk(&payload(&format!(r#"<value code="{said}" codeSystem="1.2.3"/>{}"#, record_total("0"))));
        assert_eq!(outcome(&body), "no record");
    }
}

#[test]
fn two_codes_of_one_payload_must_be_the_same() {
    let both = |a, b| itk(&payload(&[code(a), code(b), record_total("0")].concat()));
    assert_eq!(outcome(&both("CPIS-0001", "CPIS-0001")), "no record");
    assert_eq!(outcome(&both("CPIS-0001", "SMSP-0000")), "CodesDisagree");
    assert_eq!(outcome(&both("CPIS-0001", "CPIS-9999")), "CodesDisagree");
}

#[test]
fn the_code_of_the_payload_and_that_of_spine_must_agree() {
    let both = |smsp: &str, spine, total: &str, records: &str| {
        outcome(&tms(Some(spine), "", &payload(&[&code(smsp), &record_total(total), records].concat())))
    };
    let one = one_record();
    assert_eq!(both("SMSP-0000", "OK", "1", &one), "1 shown, 0 unreadable");
    assert_eq!(both("SMSP-0003", "OK", "1", &one), "stale 1 shown, 0 unreadable");
    assert_eq!(both("CPIS-0001", "NF", "0", ""), "no record");
    assert_eq!(both("SMSP-0000", "OK", "0", ""), "EmptySuccess");
    for (smsp, spine) in [("SMSP-0000", "NF"), ("CPIS-0001", "OK"), ("CPIS-0001", "ID"), ("SMSP-0000", "ID"), ("CPIS-9999", "OK")]
    {
        assert_eq!(both(smsp, spine, "0", ""), "CodesDisagree", "{smsp} {spine}");
        assert_eq!(both(smsp, spine, "1", &one), "CodesDisagree", "{smsp} {spine}");
    }
}

#[test]
fn nf_with_any_reason_at_all_is_not_a_no_record() {
    for qualifier in ["ER", "WG", "IF", ""] {
        assert_eq!(outcome(&tms(Some("NF"), &reason("1", qualifier), &payload(&record_total("0")))), "query failed");
    }
}

#[test]
fn ok_with_a_warning_is_shown_and_with_an_error_is_not() {
    let body = |qualifier| tms(Some("OK"), &reason("GE002", qualifier), &payload(&(record_total("1") + &one_record())));
    assert_eq!(outcome(&body("WG")), "1 shown, 0 unreadable");
    assert_eq!(outcome(&body("IF")), "1 shown, 0 unreadable");
    assert_eq!(outcome(&body("ER")), "query failed");
    assert_eq!(outcome(&body("")), "query failed");
}

#[test]
fn a_total_is_digits_and_nothing_else() {
    for odd in ["", "one", "-1", "+1", "1.0", "0x1", "1 1", "99999999999999999999999"] {
        assert_eq!(outcome(&success(odd, "", &one_record())), "TotalUnreadable", "{odd}");
    }
    assert_eq!(outcome(&success(" 01 ", "", &one_record())), "1 shown, 0 unreadable");
}

#[test]
fn a_total_without_a_value_is_unreadable_and_two_that_differ_are_too() {
    let totals = [
        "<pertinentInformation12/>".to_owned(),
        "<pertinentInformation12><pertinentTotalReturnedChildRecords/></pertinentInformation12>".to_owned(),
        record_total("0") + &record_total("1"),
        record_total("1") + "<pertinentInformation12/>",
    ];
    for total in totals {
        assert_eq!(outcome(&itk(&payload(&[code("CPIS-0001"), total.clone()].concat()))), "TotalUnreadable");
        assert_eq!(outcome(&itk(&payload(&[code("SMSP-0000"), total, one_record()].concat()))), "TotalUnreadable");
    }
}

#[test]
fn a_total_may_stand_as_text() {
    let total = "<pertinentInformation12><pertinentTotalReturnedChildRecords><value> 1 </value></pertinentTotalReturnedChildRecords></pertinentInformation12>";
    assert_eq!(outcome(&itk(&payload(&[&code("SMSP-0000"), total, &one_record()].concat()))), "1 shown, 0 unreadable");
}

#[test]
fn more_records_than_counted_are_all_shown() {
    let answer = read_body(success("1", "", &(one_record() + &one_record()))).unwrap();
    assert_eq!(answer.records().len(), 2);
    assert_eq!(answer.notices, [Notice::MoreRecordsThanCounted { said: 1, found: 2 }]);
}

#[test]
fn every_missing_record_has_its_place() {
    let records = records_of(success("4", "", &one_record()));
    assert_eq!(records.len(), 4);
    for missing in &records[1..] {
        assert_eq!(missing.authority, None);
        assert_eq!(missing.entries, [Entry::Unreadable(Unreadable::MissingRecord)]);
        assert!(missing.subjects.is_empty());
    }
}

#[test]
fn an_absurd_count_is_no_count() {
    assert_eq!(records_of(success("51", "", &one_record())).len(), 51);
    for absurd in ["52", "1000000", "18446744073709551615"] {
        assert_eq!(outcome(&success(absurd, "", &one_record())), "TotalUnreadable", "{absurd}");
    }
}

#[test]
fn a_record_without_an_authority_is_kept_beside_one_that_has_it() {
    let nameless = record_of(unreadable_authority(), &(looked_after("202501150000", None) + &child(ASKED)));
    let records = records_of(success("2", "", &(one_record() + &information_14(&nameless))));
    assert_eq!(records[1].authority, None);
    assert!(matches!(records[1].entries[..], [Entry::Plan(_)]));
    assert_eq!(outcome(&success("1", "", &information_14(&nameless))), "NothingReadable");
}

#[test]
fn a_plan_outside_every_record_is_not_lost() {
    let stray = looked_after("202501150000", None);
    let records = records_of(success("1", "", &(one_record() + &stray)));
    assert_eq!(records.len(), 2);
    assert_eq!(records[1].entries, [Entry::Unreadable(Unreadable::UnknownTemplate)]);
    // It may belong to the missing record: one placeholder is enough.
    assert_eq!(records_of(success("2", "", &(one_record() + &stray))).len(), 2);
}

#[test]
fn a_plan_anywhere_in_the_document_speaks_against_a_no_record() {
    let plan = child_protection("202509010000", None);
    let with_header = soap_with_header(&plan, &distribution_envelope("", &payload(&(code("CPIS-0001") + &record_total("0")))));
    assert_eq!(outcome(&with_header), "NoMatchWithContent");
    for trace in ["<CP-ISRecord/>", "<PertinentInformation14/>", "<x><COCT_TP146199GB09.New/></x>", "<pertinentInformation15/>"] {
        let body = itk(&payload(&[&code("CPIS-0001"), &record_total("0"), trace].concat()));
        assert_eq!(outcome(&body), "NoMatchWithContent", "{trace}");
    }
}

#[test]
fn an_answer_without_time_and_totals_is_no_no_record() {
    let bare = format!("<CP-ISNHSQueryResponse>{}</CP-ISNHSQueryResponse>", code("CPIS-0001"));
    assert!(matches!(failure_of(itk(&bare)), RegisterErrorKind::Unreadable { .. }));
    let timed = format!(r#"<CP-ISNHSQueryResponse><effectiveTime value="x"/>{}</CP-ISNHSQueryResponse>"#, code("CPIS-0001"));
    assert_eq!(outcome(&itk(&timed)), "no record");
}

#[test]
fn a_contradiction_names_every_authority_that_could_be_read_once() {
    let second = record_of(&authority("998", "Sampleton"), &child(ASKED));
    let content = one_record() + &one_record() + &information_14(&second);
    for body in [
        itk(&payload(&(code("CPIS-0001") + &record_total("0") + &content))),
        itk(&payload(&(code("SMSP-0000") + &content))),
        itk(&payload(&(code("CPIS-9999") + &record_total("2") + &content))),
        itk(&payload(&(code("nonsense") + &content))),
    ] {
        let failure = read_body(body).unwrap_err();
        let names: Vec<&str> = failure.contacts.iter().map(|contact| contact.organisation.name.as_str()).collect();
        assert_eq!(names, ["Exampleshire County Council", "Sampleton"]);
        assert_eq!(failure.contacts[0].numbers.len(), 2);
    }
}

#[test]
fn a_good_answer_is_read_in_full() {
    let answer = read_body(full_answer()).unwrap();
    assert_eq!(answer.about, number(ASKED));
    assert_eq!(answer.effective.to_string(), EFFECTIVE);
    assert_eq!(answer.query_id.as_str(), QUERY_ID);
    assert_eq!(answer.response_id.as_str(), RESPONSE_ID);
    assert_eq!((answer.records().len(), answer.accesses.len()), (2, 2));
    assert!(answer.notices.is_empty() && !answer.stale);
    assert_eq!(answer.records()[1].authority.as_ref().unwrap().organisation.name.as_str(), "Borough & City of Sampleton");
    assert!(answer.is_this_look(&answer.accesses[0]));
}

#[test]
fn without_a_time_of_its_own_an_answer_has_that_of_its_receipt() {
    for time in
        ["", r#"<effectiveTime value=""/>"#, r#"<effectiveTime value="20261301000000"/>"#, r#"<effectiveTime value="20260115"/>"#]
    {
        let parts = [time, &code("SMSP-0000"), &access_total("0"), &record_total("1"), &one_record()].concat();
        let answer = read_body(itk(&format!("<CP-ISNHSQueryResponse>{parts}</CP-ISNHSQueryResponse>"))).unwrap();
        assert_eq!(answer.effective, received());
        assert_eq!(answer.notices, [Notice::EffectiveTimeUnreadable]);
    }
}

#[test]
fn response_codes_have_their_kinds() {
    let rejected = |reason, code: &str| RegisterErrorKind::Rejected { reason, code: Some(code.to_owned()) };
    let kind = |said| failure_of(itk(&payload(&code(said))));
    assert_eq!(kind("SMSP-0001"), rejected(Rejection::QueryInvalid, "SMSP-0001"));
    assert_eq!(kind("SMSP-0002"), rejected(Rejection::AnswerUnusable, "SMSP-0002"));
    assert_eq!(kind("SMSP-0003"), rejected(Rejection::LocalStoreOnly, "SMSP-0003"));
    assert_eq!(kind("SMSP-0004"), rejected(Rejection::SpineUnreachable, "SMSP-0004"));
    assert_eq!(kind("SMSP-0005"), rejected(Rejection::AuthorRefused, "SMSP-0005"));
    assert_eq!(kind("SMSP-9999"), rejected(Rejection::ProviderFailed, "SMSP-9999"));
    assert_eq!(kind("CPIS-9999"), rejected(Rejection::CpisFailed, "CPIS-9999"));
    assert_eq!(kind("SMSP-0000"), RegisterErrorKind::Contradictory(Contradiction::TotalUnreadable));
}

/// Any part of a record together with a "no record", anywhere, is a doubt (decisions.md 54).
#[test]
fn a_no_record_beside_anything_of_a_record_is_doubt() {
    let contradictory = RegisterErrorKind::Contradictory(Contradiction::NoMatchWithContent);
    let subject = child(ASKED);
    let beside = [
        format!("<record>{}</record>", authority("999", "Exampleshire")),
        subject.clone(),
        "<subject/>".to_owned(),
        "<COCT_TP145100GB01.UnbornChild/>".to_owned(),
        "<pertinentInformation16/>".to_owned(),
        "<anything/>".to_owned(),
        "<note>&lt;pertinentInformation14/&gt;</note>".to_owned(),
        "<![CDATA[<CP-ISRecord/>]]>".to_owned(),
        "<id>&amp;lt;x:CP-ISRecord&amp;gt;</id>".to_owned(),
    ];
    for beside in beside {
        let none = payload(&(code("CPIS-0001") + &record_total("0") + &beside));
        assert_eq!(failure_of(itk(&none)), contradictory, "{beside}");
        let zero = payload(&(code("SMSP-0000") + &record_total("0") + &beside));
        assert_eq!(failure_of(itk(&zero)), RegisterErrorKind::Contradictory(Contradiction::ContentBeyondTotal), "{beside}");
    }
    for harmless in ["<realmCode code=\"UK\"/>", "<typeId root=\"1\"/>", "<templateId root=\"1\"/>", "", " "] {
        let none = payload(&(code("CPIS-0001") + &record_total("0") + harmless));
        assert!(read_body(itk(&none)).is_ok(), "{harmless}");
    }
    let failed = quqi(Some("ID"), &reason("NHSNCC002", "ER"));
    let with_subject = failed.replacen("<ControlActEvent", "<subject><person/></subject><ControlActEvent", 1);
    assert_ne!(with_subject, failed);
    assert_eq!(failure_of(with_subject), contradictory);
}
