use crate::cpis::{CareSetting, Organisation, OrganisationKind, PersonName, Requester, Role, SdsId, UserIdentity};

const ROLE_CODE_SYSTEM: &str = "2.16.840.1.113883.2.1.3.2.4.17.196";

/// The invented clinician of the demo (decisions.md 21), at the sending organisation of the settings.
pub fn requester(sender_ods: &str, care_setting: CareSetting) -> Requester {
    Requester {
        user: UserIdentity { issuer: "demo".into(), id: "555000111222".into() },
        sds_user_id: SdsId::parse("555000111222"),
        role_profile_id: SdsId::parse("555000333444"),
        role: Role { code: "R0260".into(), code_system: ROLE_CODE_SYSTEM.into(), name: "General Medical Practitioner".into() },
        name: PersonName {
            prefix: vec!["Dr".into()],
            given: vec!["Asha".into()],
            family: vec!["Example".into()],
            suffix: Vec::new(),
        },
        organisation: Organisation {
            kind: OrganisationKind::Organisation,
            ods_code: sender_ods.into(),
            name: "Example University Hospitals NHS Trust".into(),
        },
        activities: vec!["B0107".into()],
        care_setting,
    }
}
