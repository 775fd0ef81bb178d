//! What SMSPs and their stacks really send, from the bytes of the reply to what a clinician is shown.

use crate::common::scripted::{self, Query, Scripted, Step};
use crate::common::{Got, Service, client};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex};

const CHILD: &str = "9990000018";
const OTHER: &str = "9990000026";
/// Everything of one answer.
const ALL: &str =
    "Flag?patient=9990000018&_include=Flag:patient&_include=Flag:author&_include=Flag:detail&_include:iterate=EpisodeOfCare:team";

type Form = fn(&Query) -> Vec<u8>;
type Reply = Arc<dyn Fn(&Query) -> Vec<u8> + Send + Sync>;

/// The service before an SMSP whose reply the test sets.
struct Place {
    reply: Arc<Mutex<Reply>>,
    smsp: Scripted,
    service: Service,
    http: reqwest::Client,
}

impl Place {
    async fn with(settings: &[(&str, &str)]) -> Self {
        let record: Reply = Arc::new(|query| scripted::http_ok(&scripted::found(query)));
        let reply = Arc::new(Mutex::new(record));
        let said = Arc::clone(&reply);
        let smsp = Scripted::start(move |query| {
            let reply = Arc::clone(&said.lock().unwrap());
            vec![Step::Send(reply(query))]
        })
        .await;
        let service = Service::start(&smsp.certificates, &smsp.url, settings);
        Self { reply, smsp, service, http: client() }
    }

    async fn open() -> Self {
        Self::with(&[]).await
    }

    /// A new look, which is answered with these bytes.
    async fn look(&self, path: &str, reply: impl Fn(&Query) -> Vec<u8> + Send + Sync + 'static) -> Got {
        *self.reply.lock().unwrap() = Arc::new(reply);
        let heard = self.smsp.queries().len();
        let request = self.http.get(format!("{}/FHIR/R4/{path}", self.service.public)).header("CPIS-New-Look", "true");
        let got = Got::read(request.send().await.unwrap()).await;
        assert_eq!(self.smsp.queries().len(), heard + 1, "one look, one query");
        got
    }

    /// The same with this SOAP under 200.
    async fn look_at(&self, reply: impl Fn(&Query) -> String + Send + Sync + 'static) -> Got {
        self.look(ALL, move |query| scripted::http_ok(&reply(query))).await
    }
}

/// The record's answer with something changed in it.
fn found_with(from: &'static str, to: impl Into<String>) -> impl Fn(&Query) -> String + Send + Sync + 'static {
    let to = to.into();
    move |query| {
        let found = scripted::found(query);
        assert!(found.contains(from), "{from}");
        found.replacen(from, &to, 1)
    }
}

/// "No record" with something in its payload.
fn no_record_beside(content: &'static str) -> impl Fn(&Query) -> String + Send + Sync + 'static {
    move |query| scripted::no_record(query).replacen("</CP-ISNHSQueryResponse>", &format!("{content}</CP-ISNHSQueryResponse>"), 1)
}

fn with_head(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn gzip(plain: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn deflate(plain: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// The one resource of this type.
fn only(got: &Got, resource: &str) -> Value {
    let all = [got.resources("match"), got.resources("include")].concat();
    let mut of_type: Vec<_> = all.into_iter().filter(|each| each["resourceType"] == resource).collect();
    assert_eq!(of_type.len(), 1, "{resource}: {}", got.text);
    of_type.remove(0)
}

fn text(resource: &Value) -> &str {
    resource["text"]["div"].as_str().unwrap()
}

/// The matches' texts.
fn plans(got: &Got) -> Vec<String> {
    let code = |flag: &Value| flag["code"]["text"].as_str().unwrap_or_else(|| panic!("{flag}")).to_owned();
    got.resources("match").iter().map(code).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_the_same_answer_in_every_form_that_http_gives_it() {
    let place = Place::open().await;
    let plain = place.look_at(scripted::found).await;
    assert_eq!((plain.status, plain.total(), plans(&plain).len()), (200, 1, 1), "{}", plain.text);
    let request = place.smsp.queries()[0].head.to_ascii_lowercase();
    assert!(request.contains("\r\naccept-encoding: identity"), "{request}");
    let forms: [(&str, Form); 5] = [
        ("gzip", |query| with_head("Content-Encoding: gzip\r\n", &gzip(&scripted::found(query)))),
        ("x-gzip", |query| with_head("Content-Encoding: X-GZIP\r\n", &gzip(&scripted::found(query)))),
        ("deflate", |query| with_head("Content-Encoding: deflate\r\n", &deflate(&scripted::found(query)))),
        ("a folded header", |query| {
            let head = "Content-Type: text/xml;\r\n charset=utf-8\r\nContent-Security-Policy: default-src 'none';\r\n  frame-ancestors 'none'\r\n";
            with_head(head, scripted::found(query).as_bytes())
        }),
        ("a byte order mark", |query| scripted::http_ok(&format!("\u{feff}{}", scripted::found(query)))),
    ];
    for (name, form) in forms {
        let got = place.look(ALL, form).await;
        assert_eq!((got.status, got.resources("match")), (200, plain.resources("match")), "{name}: {}", got.text);
    }
    assert_eq!(place.smsp.connections(), 1, "all of them are good answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_relation_of_a_reply_says_whose_answer_it_is() {
    const REPLY: &str = "http://www.w3.org/2005/08/addressing/reply";
    let place = Place::open().await;
    let related = |own: &str, other: &str| {
        let relation = |kind: &str, id: &str| match kind {
            "" => format!("<wsa:RelatesTo>{id}</wsa:RelatesTo>"),
            kind => format!("<wsa:RelatesTo RelationshipType=\"{kind}\">{id}</wsa:RelatesTo>"),
        };
        let (own, other) = (relation(own, "OWN"), relation(other, "00000000-0000-4000-8000-0000000000AA"));
        move |query: &Query| {
            let both = format!("{own}{other}").replace("OWN", &query.message_id);
            let before = format!("<wsa:RelatesTo>{}</wsa:RelatesTo>", query.message_id);
            scripted::found(query).replacen(&before, &both, 1)
        }
    };
    for own in [REPLY, ""] {
        let got = place.look_at(related(own, "urn:example:transaction")).await;
        assert_eq!((got.status, got.total()), (200, 1), "{own}: {}", got.text);
        for other in [REPLY, ""] {
            let got = place.look_at(related(own, other)).await;
            assert_eq!((got.status, got.issue().as_str()), (502, "structure"), "{own}, {other}: {}", got.text);
            assert!(got.diagnostics().contains("belongs to another message"), "{}", got.diagnostics());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_infrastructure_of_hl7_is_no_further_plan() {
    let place = Place::open().await;
    let before = "<templateId root=\"2.16.840.1.113883.2.1.3.2.4.18.2\" extension=\"CSAB_RM-NPfITUK10.pertinentInformation\"/><seperatableInd value=\"false\"/>";
    let got = place.look_at(found_with("<pertinentInformation15>", format!("<pertinentInformation15>{before}"))).await;
    assert_eq!((got.status, got.total(), got.resources("outcome").len()), (200, 1, 0), "{}", got.text);
    assert_eq!(plans(&got), ["Child protection plan"]);
    let unknown =
        place.look_at(found_with("<pertinentInformation15>", "<pertinentInformation15><negationInd value=\"true\"/>")).await;
    assert_eq!(
        (unknown.total(), unknown.resources("outcome").len()),
        (2, 1),
        "what is not known may be a plan: {}",
        unknown.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_birth_date_is_shown_as_far_as_it_is_known() {
    let place = Place::open().await;
    for (value, date, spoken) in
        [("20180401", "2018-04-01", "1 April 2018"), ("201804", "2018-04", "April 2018"), ("2018", "2018", "2018")]
    {
        let got = place.look_at(found_with("20180401", value)).await;
        assert_eq!(only(&got, "Patient")["birthDate"], date, "{value}");
        let flag = only(&got, "Flag");
        assert!(text(&flag).contains(spoken), "{value}: {}", text(&flag));
    }
    let got = place.look_at(found_with("20180401", "unknown")).await;
    assert_eq!(only(&got, "Patient").get("birthDate"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_reach_the_authority_is_shown_as_what_it_is() {
    let place = Place::open().await;
    let got = place.look_at(found_with("tel:02079460001", "mailto:duty.team@example.gov.uk")).await;
    for resource in ["Organization", "CareTeam"] {
        let shown = only(&got, resource);
        let kinds: Vec<_> = shown["telecom"].as_array().unwrap().iter().map(|each| (&each["system"], &each["value"])).collect();
        let (email, phone) = (json!("email"), json!("phone"));
        let (address, number) = (json!("duty.team@example.gov.uk"), json!(scripted::EMERGENCY_NUMBER));
        assert_eq!(kinds, [(&email, &address), (&phone, &number)], "{resource}");
    }
    let flag = only(&got, "Flag");
    assert!(text(&flag).contains("duty.team@example.gov.uk") && !text(&flag).contains("mailto"), "{}", text(&flag));
    // Of a second sender, next to the organisation and deep inside it: each may be the one that answers tonight.
    let more = r#"<contact><part><telecom value="tel:02079460003" use="WP"/></part></contact></organisation><telecom value="fax:02079460004"/></communicationFunctionSnd><communicationFunctionSnd><organisation><name>Emergency duty team</name><telecom value="tel:02079460005" use="EC"/></organisation></communicationFunctionSnd>"#;
    let got = place.look_at(found_with("</organisation></communicationFunctionSnd>", more)).await;
    let organisation = only(&got, "Organization");
    let mut shown: Vec<_> =
        organisation["telecom"].as_array().unwrap().iter().map(|each| each["value"].as_str().unwrap()).collect();
    shown.sort_unstable();
    assert_eq!(shown, ["02079460001", "02079460002", "02079460003", "02079460004", "02079460005"], "{}", got.text);
}

/// What many stacks say when our clock is wrong, or our message is not theirs.
#[tokio::test(flavor = "multi_thread")]
async fn the_code_of_a_fault_is_told_and_logged_and_nothing_else_of_it() {
    let place = Place::open().await;
    let soap_11 = |code: &str| format!("<faultcode>a:{code}</faultcode><faultstring>About {CHILD}</faultstring>");
    let soap_12 = |code: &str| {
        format!(
            "<soap:Code><soap:Value>soap:Sender</soap:Value><soap:Subcode><soap:Value>a:{code}</soap:Value></soap:Subcode></soap:Code><soap:Reason><soap:Text>About {CHILD}</soap:Text></soap:Reason>"
        )
    };
    for code in ["InvalidSecurity", "MessageExpired", "FailedAuthentication", "ActionNotSupported"] {
        for fault in [soap_11(code), soap_12(code)] {
            let body = format!(
                "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><soap:Fault>{fault}</soap:Fault></soap:Body></soap:Envelope>"
            );
            let got = place.look(ALL, move |_| scripted::http("500 Internal Server Error", "text/xml", &body)).await;
            assert_eq!(got.status, 502, "{}", got.text);
            assert!(got.diagnostics().contains(&format!("SOAP fault, {code})")), "{}", got.diagnostics());
            assert!(!got.text.contains(CHILD));
        }
        let line = place.service.line_with(code);
        assert!(line.contains("SOAP fault"), "{line}");
    }
    assert!(!place.service.said().contains(CHILD));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_childs_number_is_one_however_its_root_is_written() {
    let place = Place::open().await;
    // An access of the child's own, which an unnumbered record is believed on.
    let echo = format!(
        "<pertinentInformation13><pertinentCP-ISNHSQuery><effectiveTime value=\"20251224231500+0000\"/><id root=\"00000000-0000-4000-8000-000000000001\"/><queryByParameter><person.NHSnumber><value extension=\"{CHILD}\"/></person.NHSnumber></queryByParameter></pertinentCP-ISNHSQuery></pertinentInformation13>"
    );
    let with = |id: String| {
        let echo = echo.clone();
        move |query: &Query| {
            let own = format!("<id root=\"2.16.840.1.113883.2.1.4.1\" extension=\"{}\"/>", query.nhs_number);
            let found =
                scripted::found(query).replacen("<pertinentInformation14>", &format!("{echo}<pertinentInformation14>"), 1);
            assert!(found.contains(&own));
            found.replacen(&own, &id, 1)
        }
    };
    for root in ["", "root=\"urn:oid:2.16.840.1.113883.2.1.4.1\"", "root=\"1.2.3.4\"", "root=\"\""] {
        let got = place.look_at(with(format!("<id {root} extension=\"{OTHER}\"/>"))).await;
        assert_eq!((got.status, got.issue().as_str()), (502, "structure"), "{root}: {}", got.text);
        assert!(
            got.diagnostics().contains("not about the child that was asked for") && !got.text.contains(OTHER),
            "{}",
            got.text
        );
        let own = place.look_at(with(format!("<id {root} extension=\"{CHILD}\"/>"))).await;
        assert_eq!((own.status, own.total()), (200, 1), "{root}: {}", own.text);
    }
    assert_eq!(place.look_at(with(String::new())).await.total(), 1, "an unnumbered record, by its access");
}

/// She is a looked-after child, and the mother of an unborn one: her own plan is hers in either order.
#[tokio::test(flavor = "multi_thread")]
async fn a_looked_after_girl_who_is_pregnant_has_her_own_plan_and_her_babys() {
    let place = Place::open().await;
    let plans_of = "<pertinentInformation15><COCT_TP146103GB01.LACInformation><component><lACStartDate><value value=\"202401150000\"/></lACStartDate></component></COCT_TP146103GB01.LACInformation></pertinentInformation15><pertinentInformation15><COCT_TP146104GB01.UCPInformation><component><uCPStartDate><value value=\"202509010000\"/></uCPStartDate></component></COCT_TP146104GB01.UCPInformation></pertinentInformation15>";
    let mother = format!(
        "<subject><COCT_TP145100GB01.UnbornChild><parentMotherPerson><name><given>Robin</given><family>Testpatient</family></name><playedMother><id root=\"2.16.840.1.113883.2.1.4.1\" extension=\"{CHILD}\"/></playedMother></parentMotherPerson></COCT_TP145100GB01.UnbornChild></subject>"
    );
    for mother_first in [true, false] {
        let mother = mother.clone();
        let got = place
            .look_at(move |query| {
                let found = scripted::found(query);
                let (before, rest) = found.split_once("<pertinentInformation15>").unwrap();
                let (_, rest) = rest.split_once("</pertinentInformation15>").unwrap();
                let (subject, after) = rest.split_once("</subject>").unwrap();
                let child = format!("{subject}</subject>");
                let subjects = if mother_first { [mother.as_str(), child.as_str()] } else { [child.as_str(), mother.as_str()] };
                format!("{before}{plans_of}{}{after}", subjects.concat())
            })
            .await;
        assert_eq!(got.total(), 2, "{}", got.text);
        let mut shown = plans(&got);
        shown.sort();
        assert_eq!(shown, ["Looked after child", "Unborn child protection plan (recorded against the mother)"], "{mother_first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_record_beside_anything_of_a_record_is_never_shown_as_none() {
    let place = Place::open().await;
    let beside = [
        "<pertinentInformation14><pertinentCP-ISRecordControlAct><record><communicationFunctionSnd><organisation><name>Exampleshire</name></organisation></communicationFunctionSnd></record></pertinentCP-ISRecordControlAct></pertinentInformation14>",
        "<record><communicationFunctionSnd><organisation><name>Exampleshire</name></organisation></communicationFunctionSnd></record>",
        "<subject><COCT_TP145101GB01.Child/></subject>",
        "<pertinentInformation16/>",
        "<note>&lt;CP-ISRecord/&gt;</note>",
    ];
    for content in beside {
        let none = place.look_at(no_record_beside(content)).await;
        assert_eq!((none.status, none.issue().as_str()), (502, "incomplete"), "{content}: {}", none.text);
        let zero = place.look_at(move |query| no_record_beside(content)(query).replace("CPIS-0001", "SMSP-0000")).await;
        assert_eq!((zero.status, zero.issue().as_str()), (502, "incomplete"), "{content}: {}", zero.text);
        assert!(zero.diagnostics().contains("does not mean that there is no plan"), "{}", zero.diagnostics());
    }
    assert!(place.look_at(no_record_beside("<realmCode code=\"UK\"/>")).await.says_no_record());
}

/// In the TMS form the wrapper is ours: the reply's `messageRef` says whose answer it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_query_of_another_wrapper_is_no_answer() {
    let place =
        Place::with(&[("SMSP__PAYLOAD_FORM", "tms"), ("SMSP__ASID", "200000000115"), ("SMSP__TO_ASID", "200000000116")]).await;
    let failed = |wrapper: Option<&'static str>, related: bool| {
        move |query: &Query| {
            let own = query.body.split_once("<QUPC_IN000006GB01").unwrap().1.split_once("<id root=\"").unwrap().1;
            let wrapper = wrapper.unwrap_or_else(|| own.split_once('"').unwrap().0);
            let reply = scripted::no_record(query);
            let (before, rest) = reply.split_once("<itk:DistributionEnvelope>").unwrap();
            let (_, after) = rest.split_once("</itk:DistributionEnvelope>").unwrap();
            let body = format!(
                "<CP-ISNHSQueryResponse><QUQI_IN010000UK14><id root=\"00000000-0000-4000-8000-000000000002\"/><creationTime value=\"20260115093016\"/><interactionId root=\"2.16.840.1.113883.2.1.3.2.4.12\" extension=\"QUQI_IN010000UK14\"/><acknowledgement typeCode=\"AE\"><messageRef><id root=\"{wrapper}\"/></messageRef></acknowledgement><ControlActEvent classCode=\"CACT\" moodCode=\"EVN\"><reason typeCode=\"RSON\"><justifyingDetectedIssueEvent classCode=\"ALRT\" moodCode=\"EVN\"><code code=\"NHSNCC002\" codeSystem=\"2.16.840.1.113883.2.1.3.2.4.17.42\"><qualifier code=\"ER\"/></code></justifyingDetectedIssueEvent></reason><queryAck type=\"QueryAck\"><queryResponseCode code=\"ID\"/></queryAck></ControlActEvent></QUQI_IN010000UK14></CP-ISNHSQueryResponse>"
            );
            let reply = format!("{before}{body}{after}");
            if related { reply } else { scripted::unrelated(&reply) }
        }
    };
    for related in [true, false] {
        let own = place.look_at(failed(None, related)).await;
        assert!(own.says_no_record(), "{}", own.text);
        let other = place.look_at(failed(Some("5DB6A0C1-3E0B-4B0C-9D0E-1F2A3B4C5D6E"), related)).await;
        assert_eq!((other.status, other.issue().as_str()), (502, "structure"), "{}", other.text);
    }
}
