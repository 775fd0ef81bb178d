//! Every form of the request, and what the simulator answers, against the published schemas, by xmllint.
//!
//! `CPIS_FHIR_REFERENCE` names a folder with `hl7v3/Schemas/` (QUPC_MT000006GB01, QUPC_IN000006GB01, REPC_MT000007GB01,
//! REPC_IN000007GB01, QUQI_IN010000UK14, MCCI_IN010000UK13) and `itk/distributionEnvelope-v2-0.xsd`. The payload schemas are NHS England's and HL7's and are not part of this repository.

#![allow(clippy::print_stdout)]

mod answers;

use cpis_fhir::{
    cpis::{
        CareSetting, MessageIds, NhsNumber, Organisation, OrganisationKind, PersonName, Question, Requester, Role, SdsId,
        UserIdentity,
    },
    smsp::{AuthorRule, AuthorTemplate, Dialect, NominatedPerson, PayloadForm, envelope},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const STUB: &str = "hl7v3/Schemas/QUPC_MT000006GB01.xsd";
const TMS: &str = "hl7v3/Schemas/QUPC_IN000006GB01.xsd";
const ENVELOPE: &str = "itk/distributionEnvelope-v2-0.xsd";

#[test]
#[ignore = "needs xmllint and CPIS_FHIR_REFERENCE"]
fn every_form_of_the_request_is_valid() {
    let xsd = Checker::new();
    let mut checked = 0;
    let mut faults = Vec::new();
    for (form, question, dialect) in forms() {
        let document = envelope::request(&question, &dialect, &MessageIds::fresh(), jiff::Timestamp::now()).unwrap();
        let (payload, schema) = match dialect.payload_form {
            PayloadForm::Stub => ("CP-ISQueryStub", STUB),
            PayloadForm::Tms => ("QUPC_IN000006GB01", TMS),
        };
        for (element, schema) in [("itk:DistributionEnvelope", ENVELOPE), (payload, schema)] {
            checked += 1;
            faults.extend(xsd.fault(&form, element, cut_out(&document, element), schema));
        }
    }
    println!("{checked} documents checked");
    assert!(checked > 0);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A checker that accepts everything would be worse than none.
#[test]
#[ignore = "needs xmllint and CPIS_FHIR_REFERENCE"]
fn a_spoilt_request_is_found_out() {
    let xsd = Checker::new();
    let (form, question, dialect) = forms().remove(0);
    let document = envelope::request(&question, &dialect, &MessageIds::fresh(), jiff::Timestamp::now()).unwrap();
    for (sound, spoilt, element, schema) in [
        ("<value extension=", "<value root=\"2.16.840.1.113883.2.1.4.1\" extension=", "CP-ISQueryStub", STUB),
        ("<id root=\"", "<id root=\"urn:uuid:", "CP-ISQueryStub", STUB),
        ("trackingid=\"", "trackingid=\"uuid_", "itk:DistributionEnvelope", ENVELOPE),
        ("<itk:manifest ", "<itk:unknown/><itk:manifest ", "itk:DistributionEnvelope", ENVELOPE),
    ] {
        let spoilt = document.replace(sound, spoilt);
        assert_ne!(spoilt, document);
        assert!(xsd.fault(&form, element, cut_out(&spoilt, element), schema).is_some(), "{sound}");
    }
}

/// The element with that name; it declares its own namespaces, or the check fails.
fn cut_out<'a>(document: &'a str, element: &str) -> &'a str {
    let closing = format!("</{element}>");
    let start = [" ", ">"].iter().filter_map(|end| document.find(&format!("<{element}{end}"))).min().expect("the element begins");
    let end = document.rfind(&closing).expect("the element ends");
    &document[start..end + closing.len()]
}

struct Checker {
    reference: PathBuf,
    folder: tempfile::TempDir,
}

impl Checker {
    fn new() -> Self {
        let reference =
            PathBuf::from(std::env::var_os("CPIS_FHIR_REFERENCE").expect("CPIS_FHIR_REFERENCE names the folder of schemas"));
        for schema in [STUB, TMS, ENVELOPE, answers::ANSWER, answers::RESPONSE, answers::ACT_FAILED, answers::ERROR] {
            assert!(reference.join(schema).is_file(), "{schema} is missing from CPIS_FHIR_REFERENCE");
        }
        assert!(
            Command::new("xmllint").arg("--version").output().is_ok_and(|output| output.status.success()),
            "xmllint is missing"
        );
        Self { reference, folder: tempfile::tempdir().unwrap() }
    }

    /// What xmllint has against the document.
    fn fault(&self, form: &str, element: &str, document: &str, schema: &str) -> Option<String> {
        let file = self.folder.path().join("document.xml");
        fs::write(&file, document).unwrap();
        let output = xmllint(&self.reference.join(schema), &file);
        (!output.status.success()).then(|| format!("{form}, {element}:\n{}", String::from_utf8_lossy(&output.stderr)))
    }
}

fn xmllint(schema: &Path, document: &Path) -> std::process::Output {
    Command::new("xmllint").args(["--nonet", "--noout", "--schema"]).arg(schema).arg(document).output().unwrap()
}

/// Who asks, in every way that changes the request, under every setting that changes it.
fn forms() -> Vec<(String, Question, Dialect)> {
    let mut forms = Vec::new();
    for (who, requester) in requesters() {
        for (setting, dialect) in dialects() {
            for payload_form in [PayloadForm::Stub, PayloadForm::Tms] {
                let question = Question {
                    nhs_number: NhsNumber::parse("9990000018").unwrap(),
                    requester: requester.clone(),
                    traceparent: None,
                };
                forms.push((
                    format!("{who}, {setting}, {payload_form:?}"),
                    question,
                    Dialect { payload_form, ..dialect.clone() },
                ));
            }
        }
    }
    forms
}

fn requesters() -> Vec<(&'static str, Requester)> {
    let smartcard = smartcard_user();
    let local = Requester { sds_user_id: None, role_profile_id: None, ..smartcard.clone() };
    let site = Organisation { kind: OrganisationKind::Site, ..smartcard.organisation.clone() };
    let many_names = PersonName {
        prefix: vec!["Prof".into(), "Dr".into()],
        given: vec!["Asha".into(), "Ruth".into(), "Zoë 🩺".into()],
        family: vec!["O'Example & <Sons>".into()],
        suffix: vec!["FRCPCH".into()],
    };
    let hostile = "A \"B\" <C> & 'D' \u{1}\n";
    vec![
        ("smartcard user without role profile", Requester { role_profile_id: None, ..smartcard.clone() }),
        ("clinician with many names at a site", Requester { name: many_names, organisation: site, ..local.clone() }),
        ("nameless user", Requester { name: PersonName::default(), role: Role::default(), ..local.clone() }),
        (
            "hostile texts",
            Requester {
                user: UserIdentity { issuer: hostile.into(), id: hostile.into() },
                role: Role { code: "S0010:G0020:R0050".into(), code_system: "".into(), name: hostile.into() },
                organisation: Organisation { kind: OrganisationKind::Organisation, ods_code: "RX1".into(), name: hostile.into() },
                ..smartcard.clone()
            },
        ),
        ("smartcard user", smartcard),
        ("local user", local),
    ]
}

fn smartcard_user() -> Requester {
    Requester {
        user: UserIdentity { issuer: "https://id.example".into(), id: "CORP\\anna müller:1".into() },
        sds_user_id: SdsId::parse("555000111222"),
        role_profile_id: SdsId::parse("555000333444"),
        role: Role { code: "R0260".into(), code_system: "".into(), name: "General Medical Practitioner".into() },
        name: name("Dr", "Asha", "Example"),
        organisation: Organisation {
            kind: OrganisationKind::Organisation,
            ods_code: "RX1".into(),
            name: "EXAMPLE NHS TRUST".into(),
        },
        activities: vec![],
        care_setting: CareSetting::EmergencyDepartment,
    }
}

fn name(prefix: &str, given: &str, family: &str) -> PersonName {
    PersonName { prefix: vec![prefix.into()], given: vec![given.into()], family: vec![family.into()], suffix: vec![] }
}

fn dialects() -> Vec<(&'static str, Dialect)> {
    let full = Dialect {
        url: "https://smsp.example.nhs.uk/cpis".into(),
        username: "cpis-client.example.nhs.uk".into(),
        sender_ods: "RX1".into(),
        receiver_ods: Some("SMSPORG".into()),
        asid: SdsId::parse("200000000115"),
        organisation_asids: Vec::new(),
        to_asid: SdsId::parse("200000000999"),
        action: "urn:nhs-itk:services:201005:sendRecvDistEnvelope".into(),
        profile_id: "urn:nhs-en:profile:CP-ISNHSQuery-v2-0".into(),
        interaction_id: "urn:nhs-itk:interaction:CP-ISNHSQuery-v1-0".into(),
        payload_form: PayloadForm::Stub,
        soap_action_quoted: true,
        send_traceparent: true,
        author: AuthorRule {
            template: AuthorTemplate::Auto,
            nominated: Some(NominatedPerson {
                role_code: "R0050".into(),
                role_name: "Consultant".into(),
                name: name("Ms", "Nell", "Nominated"),
            }),
            role_code_system: "2.16.840.1.113883.2.1.3.2.4.17.196".into(),
        },
    };
    vec![
        ("no receiver", Dialect { receiver_ods: None, ..full.clone() }),
        ("no interaction id", Dialect { interaction_id: String::new(), ..full.clone() }),
        (
            "always the system",
            Dialect { author: AuthorRule { template: AuthorTemplate::System, ..full.author.clone() }, ..full.clone() },
        ),
        ("everything", full),
    ]
}
