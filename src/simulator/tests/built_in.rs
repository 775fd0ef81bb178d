//! Every built-in child does what its title says.

use crate::cpis::NhsNumber;
use crate::simulator::{
    answer::StatedTotal,
    provider::Provider,
    reply::HttpReply,
    sample::{CLIENT, SampleRequest},
    scenario::{Behaviour, Scenario, Transport},
    tree,
};

fn ask(provider: &Provider, number: &str) -> HttpReply {
    provider.reply(&SampleRequest::about(number).request(), CLIENT)
}

fn text(reply: &HttpReply) -> String {
    String::from_utf8(reply.body.clone()).unwrap()
}

fn number_of(title: &str) -> String {
    let scenario = Scenario::built_in();
    let found = scenario.children().find(|(_, t)| t.contains(title)).map(|(number, _)| number.digits().to_owned());
    found.unwrap_or_else(|| panic!("no child is titled {title}"))
}

/// The reply's text and status for the first child whose title contains these words.
fn told(title: &str) -> (u16, String) {
    let reply = ask(&Provider::new(Scenario::built_in()), &number_of(title));
    (reply.status, text(&reply))
}

/// How often each text occurs in the reply about the child with that title.
fn holds(title: &str, counts: &[(&str, usize)]) {
    let (_, text) = told(title);
    for (needle, times) in counts {
        assert_eq!(text.matches(needle).count(), *times, "{title}: {needle} in {text}");
    }
}

const CPP: &str = "<COCT_TP146105GB01.CPPInformation>";
const LAC: &str = "<COCT_TP146103GB01.LACInformation>";
const UCP: &str = "<COCT_TP146104GB01.UCPInformation>";
const ACCESS: &str = "<pertinentCP-ISNHSQuery>";
const PERSON: &str = "<COCT_TP145102GB01.AssignedAuthor>";
const SYSTEM: &str = "<COCT_TP145104GB01.System>";

fn total(records: &str) -> String {
    format!("<pertinentTotalReturnedChildRecords><value value=\"{records}\"/>")
}

#[test]
fn plans_and_accesses_are_as_their_titles_say() {
    holds(
        "A child protection plan, and a looked-after",
        &[(CPP, 1), (LAC, 1), (ACCESS, 4), (SYSTEM, 1), ("lACEndDate", 2), ("<telecom ", 2)],
    );
    holds("A child protection plan alone", &[(CPP, 1), (LAC, 0), (UCP, 0)]);
    holds("Looked after alone", &[(LAC, 1), (CPP, 0), ("lACEndDate", 0)]);
    holds("An unborn child protection plan alone", &[(UCP, 1), ("<playedMother>", 1), ("<childPerson>", 0)]);
    holds("Two plans", &[(CPP, 1), (LAC, 1)]);
    holds("All three kinds", &[(CPP, 1), (LAC, 1), (UCP, 1), ("<playedMother>", 1), ("<childPerson>", 1)]);
    holds("Two local authorities", &[("<record>", 2), (&total("2"), 1), ("Exampleshire", 1), ("Sampleton City", 1)]);
    holds("that ended 30 days ago", &[("cPPEndDate", 2)]);
    holds("No access at all", &[(ACCESS, 0), (CPP, 1)]);
    holds("One earlier access, by a person", &[(ACCESS, 2), (PERSON, 2)]);
    holds("One earlier access, by a system", &[(ACCESS, 2), (SYSTEM, 1)]);
    holds("25 earlier accesses", &[(ACCESS, 25), ("AccessRecords><value value=\"25\"/>", 1)]);
    holds("emergency duty number only", &[("<telecom ", 1), ("use=\"EC\"", 1)]);
    holds("odd uses", &[("use=\"WP EC\"", 1), ("use=\"MC\"", 1), ("<telecom ", 3), ("Oddington &amp; District", 1)]);
    holds("without NHS numbers: only the accesses", &[("2.16.840.1.113883.2.1.4.1\"", 0), (ACCESS, 2)]);
    holds("without NHS numbers and without accesses", &[("2.16.840.1.113883.2.1.4.1\"", 0), (ACCESS, 0)]);
    holds("own id beside the NHS number", &[("LA-004711", 1), ("2.16.840.1.113883.2.1.4.1\"", 1)]);
    holds("An access that repeats another", &[("<value extension=\"9990000190\"/>", 1)]);
}

#[test]
fn records_that_cannot_be_read_are_as_their_titles_say() {
    holds("A plan of an unknown template", &[("<COCT_TP146199GB01.NewInformation>", 1), (CPP, 0)]);
    holds("A readable plan beside", &[("<COCT_TP146199GB01.NewInformation>", 1), (LAC, 1)]);
    holds("whose start is no date", &[("<cPPStartDate><value value=\"20251345\"/>", 1)]);
    holds("whose end is no date", &[("<cPPEndDate><value value=\"20251345\"/>", 1)]);
    holds("A record without a plan", &[("<pertinentInformation15>", 0), ("<record>", 1)]);
    holds("Two records counted, one there", &[("<record>", 1), (&total("2"), 1)]);
    holds("One record counted, none there", &[("<record>", 0), (&total("1"), 1), ("SMSP-0000", 1)]);
    holds("without any authority", &[("<organisation>", 0), ("<record>", 1)]);
    holds("A record about another child", &[("2.16.840.1.113883.2.1.4.1\" extension=\"9990000190\"", 1)]);
}

#[test]
fn contradictions_and_codes_are_as_their_titles_say() {
    holds("The code says no record, the content has one", &[("CPIS-0001", 1), (CPP, 1), (&total("1"), 1)]);
    holds("The code says no record, only the count", &[("CPIS-0001", 1), ("<record>", 0), (&total("1"), 1)]);
    holds("the count says none, the content has", &[("SMSP-0000", 1), (CPP, 1), (&total("0"), 1)]);
    holds("Success, no count, no record", &[("SMSP-0000", 1), ("pertinentInformation12", 0)]);
    holds("the count is no number", &[(&total("many"), 1), (CPP, 1)]);
    holds("count 0, no record", &[("SMSP-0000", 1), (&total("0"), 1), ("<record>", 0)]);
    holds("More accesses counted", &[("AccessRecords><value value=\"7\"/>", 1), (ACCESS, 2)]);
    holds("SMSP-0003 with a record", &[("SMSP-0003", 1), (CPP, 1)]);
    for code in ["SMSP-0001", "SMSP-0002", "SMSP-0003", "SMSP-0004", "SMSP-0005", "SMSP-9999", "CPIS-9999", "SMSP-0042"] {
        let title = if code == "SMSP-0042" { "in no vocabulary".to_owned() } else { format!("{code}: ") };
        holds(&title, &[(&format!("code=\"{code}\""), 1), (&total("0"), 1), ("<record>", 0)]);
    }
}

#[test]
fn faults_and_strange_bodies_are_as_their_titles_say() {
    for (title, code) in [("client-1000:", "1000"), ("client-3000", "3000"), ("server-2100", "2100"), ("server-2200", "2200")] {
        let (status, text) = told(title);
        assert_eq!(status, 500);
        assert!(text.contains(&format!(">{code}</toolkit:ErrorCode>")), "{text}");
    }
    assert_eq!(told("under HTTP 200, as NHS").0, 200);
    holds("soap12-1000", &[("env:Sender", 1)]);
    holds("InfrastructureResponse", &[("<itk:InfrastructureResponse ", 1)]);
    holds("SimpleMessageResponse", &[(">OK</itk:SimpleMessageResponse>", 1)]);
    holds("billion laughs", &[("<!DOCTYPE", 1), ("&lol9;", 1)]);
    for (title, status) in
        [("HTML under HTTP 200", 200), ("HTML under HTTP 503", 503), ("HTTP 202", 202), ("HTTP 401", 401), ("HTTP 429", 429)]
    {
        assert_eq!(told(title).0, status, "{title}");
    }
    assert!(tree::read(&told("Truncated XML").1).is_err());
    assert!(tree::read(&told("body that is not XML").1).is_err());
    assert!(told("10 MiB").1.len() > 10 * 1024 * 1024);
    assert!(
        tree::read(&told("gzip and base64").1)
            .unwrap()
            .at(&["Body", "DistributionEnvelope", "payloads", "payload"])
            .unwrap()
            .text
            .len()
            > 500
    );
    holds("An answer about another child", &[("9990000190", 2), (LAC, 1)]);
}

#[test]
fn spines_own_replies_are_as_their_titles_say() {
    let doubled = [("CP-ISNHSQueryResponse", 4), ("<REPC_IN000007GB01>", 1), ("queryResponseCode code=\"OK\"", 1)];
    holds("Spine's own reply", &doubled);
    holds("harness's success", &[(LAC, 1), (ACCESS, 11), ("<pertinentInformation13>", 1), ("<value code=", 0)]);
    holds(
        "Spine's own 'not found': QUQI",
        &[("code=\"NHSNCC002\"", 1), ("queryResponseCode code=\"ID\"", 1), ("typeCode=\"AE\"", 1)],
    );
    holds("prefixed and without queryAck", &[("<hl7:QUQI_IN010000UK14 ", 1), ("queryAck", 0)]);
    holds("NF alone", &[("reason", 0), ("code=\"NF\"", 1)]);
    holds("QUQI with another reason", &[("code=\"GE001\"", 1), ("code=\"NHSNCC002\"", 1)]);
    holds("MCCI GE002, AE", &[("typeCode=\"AE\"", 1), ("<code code=\"GE002\"", 1)]);
    holds("MCCI GE002, AR", &[("typeCode=\"AR\"", 1), ("<acknowledgementDetail ", 1), ("<reason", 0)]);
    holds("Spine's own success with no record", &[("<record>", 0), ("code=\"OK\"", 1)]);
    let fault = told("harness's SOAP fault 101");
    assert!(fault.0 == 500 && fault.1.contains("<nasp:errorCode>101<"));
}

#[test]
fn every_child_that_is_broken_in_no_way_answers_with_readable_xml_about_itself() {
    let provider = Provider::new(Scenario::built_in());
    for (number, title) in provider.scenario.children() {
        let child = provider.scenario.named(number).unwrap();
        let plain = Behaviour { hides_accesses: child.behaviour.hides_accesses, ..Behaviour::default() };
        if format!("{plain:?}") != format!("{:?}", child.behaviour) {
            continue;
        }
        let reply = ask(&provider, number.digits());
        let root = tree::read(&text(&reply)).unwrap();
        let payload = root.at(&["Body", "DistributionEnvelope", "payloads", "payload", "CP-ISNHSQueryResponse"]).unwrap();
        let expected = if child.records.is_empty() { "CPIS-0001" } else { "SMSP-0000" };
        assert_eq!(payload.child("value").unwrap().attribute("code"), Some(expected), "{title}");
        assert_eq!((reply.status, reply.transport), (200, Transport::Sound), "{title}");
        assert_eq!(child.behaviour.total_records, StatedTotal::True);
    }
}

#[test]
fn only_what_reaches_cp_is_counts_and_only_records_notify() {
    let provider = Provider::new(Scenario::built_in());
    let step = |title: &str| {
        let before = provider.counts();
        ask(&provider, &number_of(title));
        let after = provider.counts();
        assert_eq!(after.requests - before.requests, 1);
        (after.queries - before.queries, after.notifications - before.notifications)
    };
    for title in [
        "A child protection plan alone",
        "Two local authorities",
        "One record counted, none there",
        "TCP reset before",
        "Never answers",
        "billion laughs",
        "harness's success",
    ] {
        assert_eq!(step(title), (1, 1), "{title}");
    }
    for title in ["No record", "Spine's own 'not found': QUQI", "SMSP-0002: "] {
        assert_eq!(step(title), (1, 0), "{title}");
    }
    for title in [
        "SMSP-0001: ",
        "SMSP-0003 with a record",
        "SMSP-0004: ",
        "SMSP-0005: ",
        "SOAP fault server-2100",
        "HTML under HTTP 503",
        "HTTP 401",
    ] {
        assert_eq!(step(title), (0, 0), "{title}");
    }
}

#[test]
fn the_current_query_is_listed_with_its_own_id_once_per_author_and_day() {
    let provider = Provider::new(Scenario::built_in());
    let first = SampleRequest::about("9990000018");
    let reply = provider.reply(&first.request(), CLIENT);
    assert!(text(&reply).contains(&first.ids.query));
    let again = text(&ask(&provider, "9990000018"));
    assert!(again.contains(&first.ids.query));
    assert_eq!(again.matches(ACCESS).count(), 4);
    for user in 0..30 {
        provider.reply(
            &SampleRequest { user: format!("{:012}", 555_000_900_000_u64 + user), ..SampleRequest::about("9990000018") }
                .request(),
            CLIENT,
        );
    }
    let full = text(&ask(&provider, "9990000018"));
    assert_eq!(full.matches(ACCESS).count(), 25);
    assert!(full.contains("555000900029") && !full.contains("555000900004"));
    provider.reset();
    assert_eq!(text(&ask(&provider, "9990000018")).matches(ACCESS).count(), 4);
}

#[test]
fn a_message_that_is_sent_twice_is_a_fault_and_reaches_nobody() {
    let provider = Provider::new(Scenario::built_in());
    let request = SampleRequest::about("9990000018").request();
    assert_eq!(provider.reply(&request, CLIENT).status, 200);
    let second = provider.reply(&request, CLIENT);
    assert_eq!(second.status, 500);
    assert!(text(&second).contains("sent twice") && second.rule.unwrap().contains("sent twice"));
    provider.reset();
    assert_eq!(provider.reply(&request, CLIENT).status, 500, "also after a reset");
    assert_eq!(provider.counts().queries, 0);
}

#[test]
fn the_official_tracking_ids_select_faults_again_and_again() {
    let provider = Provider::new(Scenario::built_in());
    for (id, says) in [
        ("00000000-0000-0000-0000-0000000C1000", ">1000<"),
        ("00000000-0000-0000-0000-0000000E2100", ">2100<"),
        ("00000000-0000-0000-0000-0000000E2100", "soap:Server"),
        ("00000000-0000-0000-0000-000000001111", "VersionMismatch"),
        ("00000000-0000-0000-0000-000000002222", "MustUnderstand"),
    ] {
        let mut sample = SampleRequest::about("9990000018");
        sample.ids.tracking = id.to_owned();
        let reply = provider.reply(&sample.request(), CLIENT);
        assert!(reply.status == 500 && text(&reply).contains(says), "{id}");
    }
    assert_eq!(provider.counts().queries, 0);
}

#[test]
fn refusals_name_the_rule_and_the_message_but_never_the_number() {
    let provider = Provider::new(Scenario::built_in());
    let sample = SampleRequest::about("1234567895");
    let reply = provider.reply(&sample.request(), CLIENT);
    assert!(reply.status == 200 && text(&reply).contains("code=\"SMSP-0001\"") && text(&reply).contains(&sample.ids.message));
    assert!(reply.rule.clone().unwrap().contains("modulus 11") && !text(&reply).contains("1234567895"));
    let stranger = provider.reply(&SampleRequest::about("9990000018").request(), "somebody.else");
    assert!(stranger.status == 500 && text(&stranger).contains(">3000<"));
}

#[test]
fn any_other_number_is_not_known_unless_the_scenario_says_so() {
    let other = "9999999999";
    assert!(NhsNumber::parse(other).is_ok());
    assert!(text(&ask(&Provider::new(Scenario::built_in()), other)).contains("CPIS-0001"));
    let text_of = include_str!("../built_in.toml").replacen("default = \"no-record\"", "default = \"record\"", 1);
    let reply = text(&ask(&Provider::new(Scenario::from_toml(&text_of).unwrap()), other));
    assert!(reply.contains("SMSP-0000") && reply.contains(other) && !reply.contains("9990000018"));
}
