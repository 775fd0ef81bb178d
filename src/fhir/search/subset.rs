//! Parts of resources: `_summary=true|text|data` and `_elements` (R4 3.1.1.5.8, 3.1.1.5.9).
//!
//! Always kept: id, meta, implicitRules, modifierExtension, and what R4 makes mandatory or a modifier. Every resource that
//! passes is tagged SUBSETTED. Beside R4's own summary elements the telephone numbers of Organization and CareTeam are kept
//! under `_summary=true`: numbers are never hidden (decisions.md 16).

use crate::fhir::codes::Code;
use crate::fhir::graph::ResourceType;
use fhirbolt_model::r4::Resource;
use fhirbolt_model::r4::types::{Coding, Meta};

/// The tag that says that a resource is not whole.
pub const SUBSETTED: Code =
    Code { system: "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", code: "SUBSETTED", display: "subsetted" };

/// Which part of a resource is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subset<'a> {
    Summary,
    /// The narrative.
    Text,
    /// All but the narrative.
    Data,
    /// These elements at the root, by their names in R4.
    Elements(&'a [&'static str]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Mandatory, a modifier, or needed by an invariant.
    Always,
    /// In the summary of R4.
    Summary,
    Other,
}

/// The elements of every resource that may be asked for and that a row does not repeat.
const COMMON: &[&str] = &["id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension"];

impl Subset<'_> {
    fn keeps(self, name: &str, rule: Rule) -> bool {
        if rule == Rule::Always {
            return true;
        }
        match self {
            Self::Summary => rule == Rule::Summary,
            Self::Text => name == "text",
            Self::Data => name != "text",
            Self::Elements(names) => names.contains(&name),
        }
    }
}

/// Leaves of `resource` what `subset` keeps, and tags it.
pub fn apply(resource: &mut Resource, subset: Subset<'_>) {
    prune(resource, subset);
}

fn tag(meta: &mut Option<Box<Meta>>) {
    meta.get_or_insert_default().tag.push(Coding {
        system: Some(SUBSETTED.system.into()),
        code: Some(SUBSETTED.code.into()),
        display: Some(SUBSETTED.display.into()),
        ..Coding::default()
    });
}

/// The name of an element at the root of a type, as R4 has it; `None` where there is no such element.
pub fn element(resource: ResourceType, name: &str) -> Option<&'static str> {
    let own = table(resource).iter().map(|(own, _)| own);
    own.chain(COMMON).copied().find(|known| *known == name)
}

/// One row for each type: every element at its root, in the order of R4, with its rule.
macro_rules! elements {
    ($($kind:ident { $($rule:ident $field:ident $name:literal,)* })*) => {
        fn table(kind: ResourceType) -> &'static [(&'static str, Rule)] {
            match kind {
                $(ResourceType::$kind => &[$(($name, Rule::$rule)),*],)*
            }
        }

        fn prune(resource: &mut Resource, subset: Subset<'_>) {
            match resource {
                $(Resource::$kind(resource) => {
                    $(if !subset.keeps($name, Rule::$rule) {
                        resource.$field = Default::default();
                    })*
                    if !subset.keeps("language", Rule::Other) {
                        resource.language = None;
                    }
                    if !subset.keeps("text", Rule::Other) {
                        resource.text = None;
                    }
                    if !subset.keeps("contained", Rule::Other) {
                        resource.contained.clear();
                    }
                    if !subset.keeps("extension", Rule::Other) {
                        resource.extension.clear();
                    }
                    tag(&mut resource.meta);
                })*
                // An OperationOutcome is always whole.
                _ => {}
            }
        }
    };
}

elements! {
    Flag {
        Summary identifier "identifier",
        Always status "status",
        Summary category "category",
        Always code "code",
        Always subject "subject",
        Summary period "period",
        Summary encounter "encounter",
        Summary author "author",
    }
    EpisodeOfCare {
        Other identifier "identifier",
        Always status "status",
        Other status_history "statusHistory",
        Summary r#type "type",
        Summary diagnosis "diagnosis",
        Always patient "patient",
        Summary managing_organization "managingOrganization",
        Summary period "period",
        Other referral_request "referralRequest",
        Other care_manager "careManager",
        Other team "team",
        Other account "account",
    }
    CarePlan {
        Summary identifier "identifier",
        Summary instantiates_canonical "instantiatesCanonical",
        Summary instantiates_uri "instantiatesUri",
        Summary based_on "basedOn",
        Summary replaces "replaces",
        Summary part_of "partOf",
        Always status "status",
        Always intent "intent",
        Summary category "category",
        Summary title "title",
        Summary description "description",
        Always subject "subject",
        Summary encounter "encounter",
        Summary period "period",
        Summary created "created",
        Summary author "author",
        Other contributor "contributor",
        Other care_team "careTeam",
        Summary addresses "addresses",
        Other supporting_info "supportingInfo",
        Other goal "goal",
        Other activity "activity",
        Other note "note",
    }
    CareTeam {
        Summary identifier "identifier",
        Always status "status",
        Summary category "category",
        Summary name "name",
        Summary subject "subject",
        Summary encounter "encounter",
        Summary period "period",
        Other participant "participant",
        Other reason_code "reasonCode",
        Other reason_reference "reasonReference",
        Summary managing_organization "managingOrganization",
        Summary telecom "telecom",
        Other note "note",
    }
    Organization {
        Always identifier "identifier",
        Summary active "active",
        Summary r#type "type",
        Always name "name",
        Other alias "alias",
        Summary telecom "telecom",
        Other address "address",
        Summary part_of "partOf",
        Other contact "contact",
        Other endpoint "endpoint",
    }
    Patient {
        Summary identifier "identifier",
        Always active "active",
        Summary name "name",
        Summary telecom "telecom",
        Summary gender "gender",
        Summary birth_date "birthDate",
        Always deceased "deceased",
        Summary address "address",
        Other marital_status "maritalStatus",
        Other multiple_birth "multipleBirth",
        Other photo "photo",
        Other contact "contact",
        Other communication "communication",
        Other general_practitioner "generalPractitioner",
        Summary managing_organization "managingOrganization",
        Always link "link",
    }
    AuditEvent {
        Always r#type "type",
        Summary subtype "subtype",
        Summary action "action",
        Other period "period",
        Always recorded "recorded",
        Summary outcome "outcome",
        Summary outcome_desc "outcomeDesc",
        Summary purpose_of_event "purposeOfEvent",
        Always agent "agent",
        Always source "source",
        Other entity "entity",
    }
    PractitionerRole {
        Summary identifier "identifier",
        Summary active "active",
        Summary period "period",
        Summary practitioner "practitioner",
        Summary organization "organization",
        Summary code "code",
        Summary specialty "specialty",
        Summary location "location",
        Other healthcare_service "healthcareService",
        Summary telecom "telecom",
        Other available_time "availableTime",
        Other not_available "notAvailable",
        Other availability_exceptions "availabilityExceptions",
        Other endpoint "endpoint",
    }
    Device {
        Other identifier "identifier",
        Other definition "definition",
        Summary udi_carrier "udiCarrier",
        Always status "status",
        Other status_reason "statusReason",
        Other distinct_identifier "distinctIdentifier",
        Other manufacturer "manufacturer",
        Other manufacture_date "manufactureDate",
        Other expiration_date "expirationDate",
        Other lot_number "lotNumber",
        Other serial_number "serialNumber",
        Other device_name "deviceName",
        Other model_number "modelNumber",
        Other part_number "partNumber",
        Other r#type "type",
        Other specialization "specialization",
        Other version "version",
        Other property "property",
        Other patient "patient",
        Other owner "owner",
        Other contact "contact",
        Other location "location",
        Other url "url",
        Other note "note",
        Summary safety "safety",
        Other parent "parent",
    }
}

#[cfg(test)]
#[path = "tests/subset.rs"]
mod tests;
