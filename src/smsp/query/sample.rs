//! Invented requesters, questions and settings for tests.

use crate::{
    cpis::{
        CareSetting, MessageIds, NhsNumber, Organisation, OrganisationKind, PersonName, Question, Requester, Role, SdsId,
        UserIdentity,
    },
    smsp::{AuthorRule, AuthorTemplate, Dialect, NominatedPerson, PayloadForm},
};
use jiff::Timestamp;

pub fn name(prefix: &str, given: &str, family: &str) -> PersonName {
    PersonName { prefix: vec![prefix.into()], given: vec![given.into()], family: vec![family.into()], suffix: vec![] }
}

/// A clinician who signed in with a smartcard.
pub fn smartcard_user() -> Requester {
    Requester {
        user: UserIdentity { issuer: "https://id.example".into(), id: "user.12345".into() },
        sds_user_id: SdsId::parse("555000111222"),
        role_profile_id: SdsId::parse("555000333444"),
        role: Role { code: "R0260".into(), code_system: "".into(), name: "General Medical Practitioner".into() },
        name: name("Dr", "Asha", "Example"),
        organisation: Organisation {
            kind: OrganisationKind::Organisation,
            ods_code: "RX1".into(),
            name: "EXAMPLE UNIVERSITY HOSPITALS NHS TRUST".into(),
        },
        activities: vec!["B0107".into()],
        care_setting: CareSetting::EmergencyDepartment,
    }
}

/// The same clinician, signed in at the hospital only.
pub fn local_user() -> Requester {
    Requester { sds_user_id: None, role_profile_id: None, ..smartcard_user() }
}

pub fn question(requester: Requester) -> Question {
    Question { nhs_number: NhsNumber::parse("9990000018").unwrap(), requester, traceparent: None }
}

pub fn nominated() -> NominatedPerson {
    NominatedPerson { role_code: "R0050".into(), role_name: "Safeguarding Lead".into(), name: name("Ms", "Nell", "Nominated") }
}

/// A dialect with every optional part.
pub fn dialect() -> Dialect {
    Dialect {
        url: "https://smsp.example.nhs.uk/cpis".into(),
        username: "cpis-client.rx1.example.nhs.uk".into(),
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
            nominated: None,
            role_code_system: "2.16.840.1.113883.2.1.3.2.4.17.196".into(),
        },
    }
}

pub fn ids() -> MessageIds {
    MessageIds {
        message: "E3B0C442-98FC-4C14-9AFB-F4C8996FB924".into(),
        tracking: "2CF24DBA-5FB0-430E-A6E8-3B2AC5B9E29E".into(),
        payload: "9F86D081-884C-4D65-9A2F-EAA0C55AD015".into(),
        query: "0F1E2D3C-4B5A-4978-8697-A5B4C3D2E1F0".into(),
        timestamp: "D41D8CD9-8F00-4204-A980-0998ECF8427E".into(),
        wrapper: "6B29FC40-CA47-4067-B31D-00DD010662DA".into(),
    }
}

pub fn now() -> Timestamp {
    "2026-01-15T09:30:15Z".parse().unwrap()
}
