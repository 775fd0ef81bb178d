//! Answers of the SMSP that break where it hurts: in the middle of a name or a number.

use super::people::{self, ANSWER, BORN, CHILD, FAMILY, GIVEN, WORDS};
use super::watch::{Ending, Watch};
use crate::common::smsp::{RawSmsp, ok, with_head};
use base64::Engine as _;
use cpis_fhir::simulator::certificates::Certificates;

async fn watched() -> (RawSmsp, Watch) {
    let certificates = Certificates::generate("cpis-client.test").unwrap();
    let smsp = RawSmsp::start(&certificates, &certificates.ca_pem).await;
    let watch = Watch::open(&certificates, &smsp.url, &[]).await;
    (smsp, watch)
}

/// Each is sent; none may be an answer, unless `good`.
async fn drive(smsp: &RawSmsp, watch: &Watch, replies: Vec<(String, Vec<u8>)>) {
    for (what, reply) in replies {
        smsp.say(reply);
        let got = watch.look(&what).await;
        assert!(!got.says_no_record(), "{what}: {}", got.text);
    }
}

fn without(from: &str, to: &str) -> String {
    assert!(ANSWER.contains(from), "{from}");
    ANSWER.replacen(from, to, 1)
}

/// Every position of a canary in the good answer, with its length.
fn places() -> Vec<(usize, &'static str)> {
    let words = [CHILD, GIVEN, FAMILY, "20170309", people::STREET, people::AUTHORITY, people::PHONE, people::EARLIER[1]];
    words.into_iter().map(|word| (ANSWER.rfind(word).unwrap(), word)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_in_a_name_or_a_number_is_told_without_it() {
    let (smsp, watch) = watched().await;
    smsp.say(ok(ANSWER.as_bytes()));
    let got = watch.look("the good answer").await;
    assert_eq!((got.status, got.total()), (200, 1), "{}", got.text);
    assert!(got.text.contains(GIVEN) && got.text.contains(people::AUTHORITY), "{}", got.text);
    let mut replies = Vec::new();
    for (at, word) in places() {
        let (middle, end) = (at + word.len() / 2, at + word.len());
        let cut = |at: usize, further: &str| [&ANSWER.as_bytes()[..at], further.as_bytes(), &ANSWER.as_bytes()[at..]].concat();
        replies.push((format!("it ends in {word}"), ok(&ANSWER.as_bytes()[..middle])));
        replies.push((format!("it ends after {word}"), ok(&ANSWER.as_bytes()[..end])));
        for further in
            [&format!("<{word}"), &format!("</{word}>"), "&", &format!("&{word};"), "\0", "<![CDATA[", "<?", "\u{ffff}"]
        {
            replies.push((format!("{further:?} stands in {word}"), ok(&cut(middle, further))));
        }
        let invalid = [&ANSWER.as_bytes()[..middle], b"\xff\xfe", &ANSWER.as_bytes()[middle..]].concat();
        replies.push((format!("it is not UTF-8 in {word}"), ok(&invalid)));
        let short = [ok(ANSWER.as_bytes()), Vec::new()].concat();
        let head = short.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        replies.push((format!("the connection ends in {word}"), short[..head + middle].to_vec()));
    }
    drive(&smsp, &watch, replies).await;
    let spans = &["lookup", "POST", "smsp.connect", "smsp.tls", "smsp.read", "translation.hl7v3", "audit.commit"];
    let (outcomes, lines) = (&["found", "unreadable", "connection-lost"], &["look failed"]);
    watch.end(&Ending { asked: vec![("the SMSP", smsp.heads())], spans, outcomes, lines, ..Ending::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_canaries_where_codes_counts_and_names_of_elements_belong_is_told_without_them() {
    let (smsp, watch) = watched().await;
    let mut replies = Vec::new();
    for word in WORDS.into_iter().chain(["20170309", "170309", "ZZ994QF", "Zephyrine1", "555000919191"]) {
        let name = word.replace(' ', "-");
        let mut say =
            |what: &str, from: &str, to: &str| replies.push((format!("{what}: {word}"), ok(without(from, to).as_bytes())));
        say("the response code", "SMSP-0000", word);
        say("half of the response code", "SMSP-0000", &format!("SMSP-0000 {word}"));
        say("the total of records", r#"ChildRecords><value value="1""#, &format!(r#"ChildRecords><value value="{word}""#));
        say("the total of accesses", r#"AccessRecords><value value="1""#, &format!(r#"AccessRecords><value value="{word}""#));
        say("an element", "<childPerson>", &format!("<x{name}>{word}</x{name}><childPerson>"));
        say("an attribute", "<childPerson>", &format!("<childPerson x{name}=\"{word}\">"));
        say("an attribute twice", "<childPerson>", &format!("<childPerson x{name}=\"1\" x{name}=\"2\">"));
        say("a namespace", "<childPerson>", &format!("<x{name}:y>{word}</x{name}:y><childPerson>"));
        say("a template", "COCT_TP146105GB01#CPPInformation", &format!("COCT_TP146105GB01#{word}"));
        say("the start of the plan", r#"<value value="202605060000"/>"#, &format!("<value value=\"{word}\"/>"));
        say("an effective time", "20261116141106+0000", word);
        say("an end tag", "</childPerson>", &format!("</x{name}>"));
        say("the id of an access", "FA55C5D4-3866-46C7-94A2-48CB5D46C524", word);
        say("RelatesTo", "</soap:Header>", &format!("<wsa:RelatesTo>{word}</wsa:RelatesTo></soap:Header>"));
        say("the declaration", r#"encoding="UTF-8""#, &format!("encoding=\"{word}\""));
        say("a document type", "<soap:Envelope", &format!("<!DOCTYPE x{name} [<!ENTITY x{name} \"{word}\">]><soap:Envelope"));
        say("an instruction", "<soap:Envelope", &format!("<?x{name} {word}?><soap:Envelope"));
        say("the body of a message", "<itk:DistributionEnvelope", &format!("<x{name}>{word}</x{name}><itk:DistributionEnvelope"));
        say("an interaction", "<CP-ISNHSQueryResponse", &format!("<x{name}/><CP-ISNHSQueryResponse"));
    }
    let long = |word: &str| word.repeat(100_000 / word.len());
    for (what, from) in
        [("a family name", FAMILY), ("an authority", people::AUTHORITY), ("a number", people::PHONE), ("a code", "SMSP-0000")]
    {
        replies.push((format!("{what} without end"), ok(without(from, &long(FAMILY)).as_bytes())));
    }
    // Nothing of it may be shown, but the authority's numbers must be.
    for (what, from, to) in [
        ("none, and yet one", "SMSP-0000", "CPIS-0001"),
        (
            "a record that is counted and another that is not",
            r#"ChildRecords><value value="1""#,
            r#"ChildRecords><value value="0""#,
        ),
        ("no total", "<pertinentInformation12>", "<pertinentInformation12x>"),
    ] {
        let answer = ANSWER.replace(from, to).replace(
            "</pertinentInformation12>",
            if what == "no total" { "</pertinentInformation12x>" } else { "</pertinentInformation12>" },
        );
        smsp.say(ok(answer.as_bytes()));
        let got = watch.look(what).await;
        assert_eq!((got.status, got.issue().as_str()), (502, "incomplete"), "{what}: {}", got.text);
        for wanted in [people::AUTHORITY, people::PHONE, people::OTHER_PHONE] {
            assert!(got.diagnostics().contains(wanted), "{what}: {}", got.text);
        }
    }
    replies.push(("another child".to_owned(), ok(ANSWER.replace(CHILD, people::OTHER_CHILD).as_bytes())));
    replies
        .push(("a child twice".to_owned(), ok(ANSWER.replace(CHILD, &format!("{CHILD}\"/><id extension=\"{CHILD}")).as_bytes())));
    drive(&smsp, &watch, replies).await;
    let spans = &["lookup", "POST", "translation.hl7v3", "translation.fhir", "audit.commit"];
    let (outcomes, lines) = (&["incomplete", "unreadable", "unknown-code", "other-child", "other-message"], &["look failed"]);
    watch.end(&Ending { asked: vec![("the SMSP", smsp.heads())], spans, outcomes, lines, ..Ending::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_told_without_what_stands_in_it() {
    let (smsp, watch) = watched().await;
    let everything = WORDS.join(" ");
    let mut replies: Vec<(String, Vec<u8>)> = Vec::new();
    let mut say = |what: &str, reply: Vec<u8>| replies.push((what.to_owned(), reply));
    let page = format!("<html><head><title>{everything}</title></head><body><{GIVEN}>{everything}</{GIVEN}></body></html>");
    for status in
        ["200 OK", "302 Found", "400 Bad", "401 No", "403 No", "404 No", "429 Wait", "500 Broken", "502 Bad", "503 Busy"]
    {
        let head = format!(
            "HTTP/1.1 {status} {everything}\r\nContent-Type: text/html; charset={FAMILY}\r\nX-{GIVEN}: {everything}\r\nLocation: https://{FAMILY}.example/{CHILD}?{BORN}\r\nWWW-Authenticate: {everything}\r\nSet-Cookie: {GIVEN}={CHILD}\r\nRetry-After: {CHILD}"
        );
        say(status, with_head(&head, page.as_bytes()));
        say(status, with_head(&head, b""));
    }
    heads(&everything, &mut say);
    for (what, body) in [
        ("words", everything.clone()),
        ("JSON", format!("{{\"{GIVEN}\":\"{everything}\"}}")),
        ("an element", format!("<{GIVEN}>{everything}</{GIVEN}>")),
        ("half an element", format!("<{GIVEN} {FAMILY}=\"{CHILD}")),
        ("nothing but names", format!("<{GIVEN}/><{FAMILY}/>")),
        ("2 MiB", format!("{ANSWER}{}", everything.repeat(3 * 1024 * 1024 / everything.len()))),
        ("depth", format!("<{GIVEN}>").repeat(2000)),
        ("attributes", format!("<x {}/>", (0..2000).map(|n| format!("{FAMILY}{n}=\"{CHILD}\"")).collect::<Vec<_>>().join(" "))),
        ("an entity", format!("<!DOCTYPE x [<!ENTITY {GIVEN} SYSTEM \"file:///{FAMILY}/{CHILD}\">]><x>&{GIVEN};</x>")),
    ] {
        say(what, ok(body.as_bytes()));
        say(what, with_head("HTTP/1.1 500 Error\r\nContent-Type: text/xml", body.as_bytes()));
    }
    for (name, unit) in [("big", u16::to_be_bytes as fn(u16) -> [u8; 2]), ("small", u16::to_le_bytes)] {
        let wide: Vec<u8> = ANSWER.replace("UTF-8", "UTF-16").encode_utf16().flat_map(unit).collect();
        say(&format!("UTF-16, {name} end first"), ok(&wide));
    }
    let from = ANSWER.find("<CP-ISNHSQueryResponse").unwrap();
    let to = ANSWER.find("</itk:payload>").unwrap();
    let encoded = base64::prelude::BASE64_STANDARD.encode(&ANSWER[from..to - 200]);
    say(
        "half a payload in base64",
        ok([&ANSWER[..from], &encoded, &ANSWER[to..]]
            .concat()
            .replace("mimetype=\"text/xml\"", "mimetype=\"text/xml\" base64=\"true\"")
            .as_bytes()),
    );
    faults(&everything, &mut say);
    drive(&smsp, &watch, replies).await;
    smsp.be_silent();
    assert_eq!(watch.look("no answer").await.status, 504);
    let outcomes = &[
        "not-an-answer",
        "unreadable",
        "refused",
        "fault",
        "fault-retryable",
        "timeout",
        "connection-lost",
        "business-error",
        "query-failed",
    ];
    let ending = Ending {
        asked: vec![("the SMSP", smsp.heads())],
        spans: &["lookup", "POST", "smsp.wait"],
        outcomes,
        lines: &["look failed"],
        ..Ending::default()
    };
    watch.end(&ending).await;
}

/// What no client of HTTP can read.
fn heads(everything: &str, say: &mut impl FnMut(&str, Vec<u8>)) {
    for head in [
        format!("HTTP/1.1 {CHILD} {GIVEN}"),
        format!("{GIVEN} {FAMILY} {CHILD}"),
        format!("HTTP/1.1 200 OK\r\n{GIVEN} {FAMILY}: {CHILD}"),
        format!("HTTP/1.1 200 OK\r\n{FAMILY}"),
        format!("HTTP/1.1 200 OK\r\nContent-Length: {CHILD}"),
        format!("HTTP/1.1 200 OK\r\nContent-Length: {GIVEN}"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {GIVEN}"),
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: {GIVEN}\r\nContent-Type: {CHILD}"),
        format!("HTTP/1.1 200 OK\r\nX-{GIVEN}: {}", FAMILY.repeat(40_000)),
    ] {
        say(&head.chars().take(60).collect::<String>(), format!("{head}\r\n\r\n{everything}").into_bytes());
    }
    say(
        "a chunk without a size",
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{CHILD}{GIVEN}\r\n").into_bytes(),
    );
}

/// SOAP faults and errors of Spine, with canaries wherever a text, a code or an element may stand.
fn faults(everything: &str, say: &mut impl FnMut(&str, Vec<u8>)) {
    let soap = |body: &str| {
        format!(
            r#"<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>{body}</soap:Body></soap:Envelope>"#
        )
    };
    let error = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/xml";
    for word in WORDS.into_iter().chain(["20170309", "ZZ994QF", "2100", "Zephyrine1"]) {
        let detail = format!(
            "<{GIVEN}>{everything}</{GIVEN}><ToolkitErrorInfo><ErrorID>{word}</ErrorID><ErrorCode>{word}</ErrorCode><ErrorText>{everything}</ErrorText><ErrorDiagnosticText>{everything}</ErrorDiagnosticText></ToolkitErrorInfo>"
        );
        for code in [word.to_owned(), format!("soap:Client.{word}"), "soap:Server".to_owned(), format!("{FAMILY}:{word}")] {
            let fault = |detail: &str| {
                format!(
                    "<soap:Fault><faultcode>{code}</faultcode><faultstring>{everything} ErrorBase1712.{}|{everything}</faultstring><faultactor>{everything}</faultactor><detail>{detail}</detail></soap:Fault>",
                    GIVEN.to_uppercase()
                )
            };
            say(&format!("a fault {code}"), with_head(error, soap(&fault("")).as_bytes()));
            say(&format!("a fault {code} with detail {word}"), with_head(error, soap(&fault(&detail)).as_bytes()));
        }
        let reason = format!(
            r#"<reason typeCode="RSON"><justifyingDetectedIssueEvent classCode="ALRT" moodCode="EVN"><code code="{word}" displayName="{everything}"><qualifier code="ER"/></code></justifyingDetectedIssueEvent></reason>"#
        );
        for name in ["MCCI_IN010000UK13", "QUQI_IN010000UK14", "REPC_IN000007GB01"] {
            let error = format!(
                r#"<{name} xmlns="urn:hl7-org:v3"><ControlActEvent>{reason}<queryAck><queryResponseCode code="{word}"/></queryAck></ControlActEvent></{name}>"#
            );
            say(&format!("{name} {word}"), ok(soap(&error).as_bytes()));
        }
        for name in ["InfrastructureResponse", "SimpleMessageResponse", word.split(' ').next().unwrap_or_default()] {
            let response = format!(
                r#"<itk:x{name} xmlns:itk="urn:nhs-itk:ns:201005" result="{word}"><itk:errors><itk:errorInfo><itk:ErrorCode>{word}</itk:ErrorCode><itk:ErrorText>{everything}</itk:ErrorText></itk:errorInfo></itk:errors></itk:x{name}>"#
            );
            say(&format!("{name} {word}"), ok(soap(&response.replace("itk:xI", "itk:I").replace("itk:xS", "itk:S")).as_bytes()));
        }
    }
}
