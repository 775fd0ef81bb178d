//! Code systems, identifier systems and the codes that our resources use (fhir.md 2).

use crate::cpis::{OrganisationKind, PlanType};

/// One code of a published system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    pub system: &'static str,
    pub code: &'static str,
    pub display: &'static str,
}

const fn code(system: &'static str, code: &'static str, display: &'static str) -> Code {
    Code { system, code, display }
}

pub const SNOMED_CT: &str = "http://snomed.info/sct";
pub const CPIS_OBSERVATION_TYPE: &str = "https://fhir.nhs.uk/R4/CodeSystem/CPIS-ObservationType";
pub const ENGLAND_FLAG_CATEGORY: &str = "https://fhir.nhs.uk/England/CodeSystem/England-FlagCategoryPatient";
pub const FLAG_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/flag-category";
pub const ROLE_CLASS: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleClass";
pub const ADDRESS_USE: &str = "http://terminology.hl7.org/CodeSystem/v3-AddressUse";
/// Our own tags, under a URN because we own no public address.
pub const TAGS: &str = "urn:cpis-fhir:tag";

pub const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
pub const SDS_USER_ID: &str = "https://fhir.nhs.uk/Id/sds-user-id";
pub const SDS_ROLE_PROFILE_ID: &str = "https://fhir.nhs.uk/Id/sds-role-profile-id";
pub const SPINE_ASID: &str = "https://fhir.nhs.uk/Id/nhsSpineASID";
pub const ODS_ORGANISATION: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
pub const ODS_SITE: &str = "https://fhir.nhs.uk/Id/ods-site-code";
/// Local patient identifiers (wire.md 3.3).
pub const LOCAL_PATIENT_ID: &str = "urn:oid:2.16.840.1.113883.2.1.3.2.4.18.24";

pub const FLAG_DETAIL: &str = "http://hl7.org/fhir/StructureDefinition/flag-detail";
pub const DATA_ABSENT_REASON: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// Every Flag and every placeholder has this code.
pub const ENGLAND_CPIS_FLAG: Code =
    code(ENGLAND_FLAG_CATEGORY, "child-protection-information-system-flag", "Child Protection Information System Flag");
pub const SAFETY: Code = code(FLAG_CATEGORY, "safety", "Safety");
pub const RESTRICTED: Code = code("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "R", "restricted");
/// The display is the code system's own; `text` adds that it is an NHS number.
pub const NHS_NUMBER_TYPE: Code = code("http://terminology.hl7.org/CodeSystem/v2-0203", "NH", "National Health Plan Identifier");
pub const ACCESS: Code =
    code("http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", "access", "Access/View Record Lifecycle Event");
pub const SEARCH_TYPE: Code = code("http://hl7.org/fhir/restful-interaction", "search-type", "search-type");
pub const ROLE_PATIENT: Code = code(ROLE_CLASS, "PAT", "patient");
pub const ROLE_ASSIGNED: Code = code(ROLE_CLASS, "ASSIGNED", "assigned entity");
pub const WORK_PLACE: Code = code(ADDRESS_USE, "WP", "work place");
pub const EMERGENCY_CONTACT: Code = code(ADDRESS_USE, "EC", "emergency contact");

pub const TAG_UNREADABLE: Code = code(TAGS, "unreadable", "CP-IS holds something that could not be read");
pub const TAG_STALE: Code = code(TAGS, "stale", "May be out of date");
pub const TAG_THIS_LOOKUP: Code = code(TAGS, "this-lookup", "Made by this very lookup");

/// SNOMED CT, ValueSet England-ChildProtectionPlan. Never 375041000000100, which is a family member.
#[must_use]
pub fn plan_snomed(plan_type: PlanType) -> Code {
    match plan_type {
        PlanType::ChildProtection => code(SNOMED_CT, "342191000000101", "Subject to child protection plan"),
        PlanType::LookedAfter => code(SNOMED_CT, "764841000000100", "Looked after child"),
        PlanType::UnbornChildProtection => code(SNOMED_CT, "818901000000100", "Unborn child subject to child protection plan"),
    }
}

/// CPIS-ObservationType, the second coding of `EpisodeOfCare.type`.
#[must_use]
pub fn plan_observation(plan_type: PlanType) -> Code {
    match plan_type {
        PlanType::ChildProtection => code(CPIS_OBSERVATION_TYPE, "CPPI", "Child Protection Plan Information"),
        PlanType::LookedAfter => code(CPIS_OBSERVATION_TYPE, "LACI", "Looked After Child Information"),
        PlanType::UnbornChildProtection => code(CPIS_OBSERVATION_TYPE, "UCPI", "Unborn Child Plan Information"),
    }
}

/// The identifier system of an ODS code.
#[must_use]
pub fn ods_system(kind: OrganisationKind) -> &'static str {
    match kind {
        OrganisationKind::Organisation => ODS_ORGANISATION,
        OrganisationKind::Site => ODS_SITE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_family_member_code_is_never_used() {
        assert!(PlanType::ALL.iter().all(|plan_type| plan_snomed(*plan_type).code != "375041000000100"));
    }
}
