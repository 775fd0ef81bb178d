//! The resource types that are sent.

use super::{Element, Emit, Sink, Subsettable};
use crate::fhir::resource_type::ResourceType;
use fhirbolt_model::r4::resources::{
    AuditEvent, Bundle, CapabilityStatement, CarePlan, CareTeam, Device, EpisodeOfCare, Flag, OperationOutcome, Organization,
    Patient, PractitionerRole, SearchParameter,
};
use fhirbolt_model::r4::{Resource, types::Meta};

resources! {
    // The types that show an answer: `_summary` and `_elements` cut them down.
    in_part {
        Flag: DomainResource {
            never identifier "identifier" summary,
            sent  status     "status"     summary mandatory modifier,
            sent  category   "category"   summary,
            sent  code       "code"       summary mandatory,
            sent  subject    "subject"    summary mandatory,
            sent  period     "period"     summary,
            never encounter  "encounter"  summary,
            sent  author     "author"     summary,
        }

        EpisodeOfCare: DomainResource {
            never identifier            "identifier",
            sent  status                "status"               summary mandatory modifier,
            never status_history        "statusHistory",
            sent  r#type                "type"                 summary,
            never diagnosis             "diagnosis"            summary,
            sent  patient               "patient"              summary mandatory,
            sent  managing_organization "managingOrganization" summary,
            sent  period                "period"               summary,
            never referral_request      "referralRequest",
            never care_manager          "careManager",
            sent  team                  "team",
            never account               "account",
        }

        CarePlan: DomainResource {
            never identifier             "identifier"            summary,
            never instantiates_canonical "instantiatesCanonical" summary,
            never instantiates_uri       "instantiatesUri"       summary,
            never based_on               "basedOn"               summary,
            never replaces               "replaces"              summary,
            never part_of                "partOf"                summary,
            sent  status                 "status"                summary mandatory modifier,
            sent  intent                 "intent"                summary mandatory modifier,
            sent  category               "category"              summary,
            sent  title                  "title"                 summary,
            never description            "description"           summary,
            sent  subject                "subject"               summary mandatory,
            never encounter              "encounter"             summary,
            sent  period                 "period"                summary,
            never created                "created"               summary,
            sent  author                 "author"                summary,
            never contributor            "contributor",
            sent  care_team              "careTeam",
            never addresses              "addresses"             summary,
            never supporting_info        "supportingInfo",
            never goal                   "goal",
            never activity               "activity",
            never note                   "note",
        }

        CareTeam: DomainResource {
            never identifier            "identifier"           summary,
            sent  status                "status"               summary modifier,
            sent  category              "category"             summary,
            sent  name                  "name"                 summary,
            sent  subject               "subject"              summary,
            never encounter             "encounter"            summary,
            sent  period                "period"               summary,
            never participant           "participant",
            never reason_code           "reasonCode",
            never reason_reference      "reasonReference",
            sent  managing_organization "managingOrganization" summary,
            // Not in R4's summary: numbers are never hidden (decisions.md 16).
            sent  telecom               "telecom"              summary,
            never note                  "note",
        }

        Organization: DomainResource {
            // org-1: an organisation has an identifier or a name.
            sent  identifier "identifier" summary kept,
            never active     "active"     summary,
            never r#type     "type"       summary,
            sent  name       "name"       summary kept,
            sent  alias      "alias",
            // As in CareTeam.
            sent  telecom    "telecom"    summary,
            never address    "address",
            never part_of    "partOf"     summary,
            sent  contact    "contact",
            never endpoint   "endpoint",
        }

        Patient: DomainResource {
            sent  identifier            "identifier"           summary,
            never active                "active"               summary modifier,
            sent  name                  "name"                 summary,
            never telecom               "telecom"              summary,
            never gender                "gender"               summary,
            sent  birth_date            "birthDate"            summary,
            never deceased              "deceased"             summary modifier,
            never address               "address"              summary,
            never marital_status        "maritalStatus",
            never multiple_birth        "multipleBirth",
            never photo                 "photo",
            never contact               "contact",
            never communication         "communication",
            never general_practitioner  "generalPractitioner",
            never managing_organization "managingOrganization" summary,
            never link                  "link"                 summary modifier,
        }

        AuditEvent: DomainResource {
            sent  r#type           "type"           summary mandatory,
            sent  subtype          "subtype"        summary,
            sent  action           "action"         summary,
            never period           "period",
            sent  recorded         "recorded"       summary mandatory,
            sent  outcome          "outcome"        summary,
            sent  outcome_desc     "outcomeDesc"    summary,
            never purpose_of_event "purposeOfEvent" summary,
            sent  agent            "agent"          mandatory,
            sent  source           "source"         mandatory,
            sent  entity           "entity",
        }

        PractitionerRole: DomainResource {
            sent  identifier              "identifier"             summary,
            never active                  "active"                 summary,
            never period                  "period"                 summary,
            sent  practitioner            "practitioner"           summary,
            sent  organization            "organization"           summary,
            sent  code                    "code"                   summary,
            never specialty               "specialty"              summary,
            never location                "location"               summary,
            never healthcare_service      "healthcareService",
            never telecom                 "telecom"                summary,
            never available_time          "availableTime",
            never not_available           "notAvailable",
            never availability_exceptions "availabilityExceptions",
            never endpoint                "endpoint",
        }

        Device: DomainResource {
            sent  identifier          "identifier",
            never definition          "definition",
            never udi_carrier         "udiCarrier"         summary,
            never status              "status"             summary modifier,
            never status_reason       "statusReason",
            never distinct_identifier "distinctIdentifier",
            never manufacturer        "manufacturer",
            never manufacture_date    "manufactureDate",
            never expiration_date     "expirationDate",
            never lot_number          "lotNumber",
            never serial_number       "serialNumber",
            sent  device_name         "deviceName",
            never model_number        "modelNumber",
            never part_number         "partNumber",
            never r#type              "type",
            never specialization      "specialization",
            never version             "version",
            never property            "property",
            never patient             "patient",
            sent  owner               "owner",
            never contact             "contact",
            never location            "location",
            never url                 "url",
            never note                "note",
            never safety              "safety"             summary,
            never parent              "parent",
        }
    }

    // All others. An OperationOutcome is never cut down.
    whole {
        OperationOutcome: DomainResource {
            sent  issue "issue" mandatory,
        }

        Bundle: Resource {
            never identifier "identifier",
            sent  r#type     "type"       mandatory,
            sent  timestamp  "timestamp",
            sent  total      "total",
            sent  link       "link",
            sent  entry      "entry",
            never signature  "signature",
        }

        CapabilityStatement: DomainResource {
            sent  url                  "url",
            sent  version              "version",
            sent  name                 "name",
            sent  title                "title",
            sent  status               "status"              mandatory,
            sent  experimental         "experimental",
            sent  date                 "date"                mandatory,
            sent  publisher            "publisher",
            never contact              "contact",
            sent  description          "description",
            never use_context          "useContext",
            never jurisdiction         "jurisdiction",
            never purpose              "purpose",
            never copyright            "copyright",
            sent  kind                 "kind"                mandatory,
            never instantiates         "instantiates",
            never imports              "imports",
            sent  software             "software",
            sent  implementation       "implementation",
            sent  fhir_version         "fhirVersion"         mandatory,
            sent  format               "format"              mandatory,
            never patch_format         "patchFormat",
            never implementation_guide "implementationGuide",
            sent  rest                 "rest",
            never messaging            "messaging",
            never document             "document",
        }

        SearchParameter: DomainResource {
            sent  url          "url"          mandatory,
            sent  version      "version",
            sent  name         "name"         mandatory,
            never derived_from "derivedFrom",
            sent  status       "status"       mandatory,
            sent  experimental "experimental",
            sent  date         "date",
            sent  publisher    "publisher",
            never contact      "contact",
            sent  description  "description"  mandatory,
            never use_context  "useContext",
            never jurisdiction "jurisdiction",
            never purpose      "purpose",
            sent  code         "code"         mandatory,
            sent  base         "base"         mandatory,
            sent  r#type       "type"         mandatory,
            sent  expression   "expression",
            never xpath        "xpath",
            never xpath_usage  "xpathUsage",
            sent  target       "target",
            sent  multiple_or  "multipleOr",
            sent  multiple_and "multipleAnd",
            sent  comparator   "comparator",
            sent  modifier     "modifier",
            never chain        "chain",
            never component    "component",
        }
    }
}
