//! What the simulator sends, about every built-in child, against the schemas of the response.
//!
//! An SMSP answer is schema-conforming only when it holds a record, and only once its coded `value` is removed (wire.md 0.3,
//! 3.1). What is odd on purpose is listed with its reason.

use super::{Checker, ENVELOPE, cut_out};
use crate::common::TestApp;
use cpis_fhir::simulator::scenario::Scenario;

pub const ANSWER: &str = "hl7v3/Schemas/REPC_MT000007GB01.xsd";
pub const RESPONSE: &str = "hl7v3/Schemas/REPC_IN000007GB01.xsd";
pub const ACT_FAILED: &str = "hl7v3/Schemas/QUQI_IN010000UK14.xsd";
pub const ERROR: &str = "hl7v3/Schemas/MCCI_IN010000UK13.xsd";

/// Children whose answers are odd on purpose: why, and which elements the schema has something against. Nothing else may be.
const ODD: &[(&str, &str, &[&str])] = &[
    ("9990000212", "three numbers, one without a use, where the schema has two with uses", &["telecom"]),
    ("9990000220", "no NHS number in the record", &["childPerson"]),
    ("9990000239", "no NHS number in the record", &["childPerson"]),
    ("9990000263", "a template that is not in the schema", &["COCT_TP146199GB01.NewInformation"]),
    ("9990000271", "a template that is not in the schema", &["COCT_TP146199GB01.NewInformation"]),
    ("9990000298", "a start that is no date", &["value"]),
    ("9990000301", "an end that is no date", &["value"]),
    ("9990000328", "no plan", &["subject"]),
    ("9990000352", "no authority", &["communicationFunctionSnd"]),
    ("9990000417", "a total that is no number", &["value"]),
    ("9990000875", "as Spine writes (wire.md 3.5, rows 1 and 2)", &["pertinentCP-ISNHSQuery", "childPerson"]),
    ("9449310394", "as Spine writes (wire.md 3.5, rows 1 and 2)", &["pertinentCP-ISNHSQuery", "childPerson"]),
    ("9990000891", "no queryAck, as Spine's stylesheet writes it", &["ControlActEvent"]),
    ("9990000956", "a success that holds nothing", &["CP-ISNHSQueryResponse"]),
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs xmllint and CPIS_FHIR_REFERENCE"]
async fn what_the_simulator_answers_is_valid_unless_it_is_odd_on_purpose() {
    let xsd = Checker::new();
    let app =
        TestApp::with(&[("SMSP__CONNECT_TIMEOUT", "500ms"), ("SMSP__TIMEOUT", "500ms"), ("SMSP__LATE_TIMEOUT", "500ms")]).await;
    let mut checked = [(ANSWER, 0), (RESPONSE, 0), (ACT_FAILED, 0), (ERROR, 0), (ENVELOPE, 0)];
    let mut faults = Vec::new();
    for (number, title) in Scenario::built_in().children() {
        app.look(number.digits()).await;
        let reply = app.last_reply().await;
        for (element, schema) in parts(&reply) {
            let document = conforming(&reply, element);
            let fault = xsd.fault(title, element, &document, schema);
            checked.iter_mut().filter(|(of, _)| *of == schema).for_each(|(_, count)| *count += 1);
            let odd = ODD.iter().find(|(odd, ..)| *odd == number.digits()).filter(|_| schema != ENVELOPE);
            let (said, wanted) = (fault.unwrap_or_default(), odd.map_or(&[][..], |(.., elements)| elements));
            if complaints(&said) != wanted {
                faults.push(format!("{} {title}: wanted {wanted:?}: {said}", number.digits()));
            }
        }
    }
    println!("{checked:?}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The parts of a reply that a schema describes.
fn parts(reply: &str) -> Vec<(&'static str, &'static str)> {
    let mut parts = Vec::new();
    if reply.len() > 200_000 || !reply.to_lowercase().contains("</soap:envelope>") || reply.contains("<!DOCTYPE") {
        return parts;
    }
    if reply.contains("<itk:DistributionEnvelope ") {
        parts.push(("itk:DistributionEnvelope", ENVELOPE));
        if reply.contains("<pertinentInformation14") && reply.contains("<CP-ISNHSQueryResponse ") {
            parts.push(("CP-ISNHSQueryResponse", ANSWER));
        }
    }
    for (element, schema) in [
        ("REPC_IN000007GB01", RESPONSE),
        ("QUQI_IN010000UK14", ACT_FAILED),
        ("hl7:QUQI_IN010000UK14", ACT_FAILED),
        ("MCCI_IN010000UK13", ERROR),
    ] {
        if reply.contains(&format!("<{element} ")) || reply.contains(&format!("<{element}>")) {
            parts.push((element, schema));
        }
    }
    parts
}

/// The element without the coded `value` of an SMSP answer.
fn conforming(reply: &str, element: &str) -> String {
    let document = cut_out(reply, element);
    match (element, document.split_once("<value code=\"")) {
        ("CP-ISNHSQueryResponse", Some((before, after))) => format!("{before}{}", after.split_once("/>").unwrap().1),
        // Spine's own reply inherits no default namespace (wire.md 3.5, row 10).
        ("REPC_IN000007GB01", _) => document.replacen(
            "<REPC_IN000007GB01",
            "<REPC_IN000007GB01 xmlns=\"urn:hl7-org:v3\" xmlns:npfitlc=\"NPFIT:HL7:Localisation\"",
            1,
        ),
        _ => document.to_owned(),
    }
}

/// The elements that xmllint has something against, each once.
fn complaints(said: &str) -> Vec<&str> {
    let mut elements: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("validity error"))
        .map(|line| line.split_once(": element ").unwrap().1.split(':').next().unwrap())
        .collect();
    elements.dedup();
    if elements.is_empty() && !said.is_empty() { vec![said] } else { elements }
}
