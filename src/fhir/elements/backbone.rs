//! The backbone elements of the resource types.

use fhirbolt_model::r4::resources::{
    AuditEventAgent, AuditEventAgentNetwork, AuditEventEntity, AuditEventEntityDetail, AuditEventEntityDetailValue,
    AuditEventSource, BundleEntry, BundleEntryResponse, BundleEntrySearch, BundleLink, CapabilityStatementImplementation,
    CapabilityStatementRest, CapabilityStatementRestInteraction, CapabilityStatementRestResource,
    CapabilityStatementRestResourceInteraction, CapabilityStatementRestResourceSearchParam, CapabilityStatementRestSecurity,
    CapabilityStatementSoftware, DeviceDeviceName, OperationOutcomeIssue, OrganizationContact,
};

tables! {
    AuditEventAgent: BackboneElement {
        sent  r#type         "type",
        sent  role           "role",
        sent  who            "who",
        sent  alt_id         "altId",
        sent  name           "name",
        sent  requestor      "requestor"    mandatory,
        never location       "location",
        never policy         "policy",
        never media          "media",
        sent  network        "network",
        never purpose_of_use "purposeOfUse",
    }

    AuditEventAgentNetwork: BackboneElement {
        sent  address "address",
        sent  r#type  "type",
    }

    AuditEventEntity: BackboneElement {
        sent  what           "what",
        sent  r#type         "type",
        sent  role           "role",
        never lifecycle      "lifecycle",
        never security_label "securityLabel",
        sent  name           "name",
        sent  description    "description",
        never query          "query",
        sent  detail         "detail",
    }

    AuditEventEntityDetail: BackboneElement {
        sent  r#type "type"  mandatory,
        sent  value  "value" mandatory,
    }

    AuditEventSource: BackboneElement {
        never site     "site",
        sent  observer "observer" mandatory,
        never r#type   "type",
    }

    BundleEntry: BackboneElement {
        sent  link     "link",
        sent  full_url "fullUrl",
        sent  resource "resource",
        sent  search   "search",
        never request  "request",
        sent  response "response",
    }

    BundleEntryResponse: BackboneElement {
        sent  status        "status"       mandatory,
        sent  location      "location",
        sent  etag          "etag",
        sent  last_modified "lastModified",
        sent  outcome       "outcome",
    }

    BundleEntrySearch: BackboneElement {
        sent  mode  "mode",
        never score "score",
    }

    BundleLink: BackboneElement {
        sent  relation "relation" mandatory,
        sent  url      "url"      mandatory,
    }

    CapabilityStatementImplementation: BackboneElement {
        sent  description "description" mandatory,
        sent  url         "url",
        never custodian   "custodian",
    }

    CapabilityStatementRest: BackboneElement {
        sent  mode          "mode"          mandatory,
        sent  documentation "documentation",
        sent  security      "security",
        sent  resource      "resource",
        sent  interaction   "interaction",
        sent  search_param  "searchParam",
        never operation     "operation",
        never compartment   "compartment",
    }

    CapabilityStatementRestInteraction: BackboneElement {
        sent  code          "code"          mandatory,
        sent  documentation "documentation",
    }

    CapabilityStatementRestResource: BackboneElement {
        sent  r#type             "type"              mandatory,
        sent  profile            "profile",
        sent  supported_profile  "supportedProfile",
        sent  documentation      "documentation",
        sent  interaction        "interaction",
        sent  versioning         "versioning",
        sent  read_history       "readHistory",
        sent  update_create      "updateCreate",
        sent  conditional_create "conditionalCreate",
        sent  conditional_read   "conditionalRead",
        sent  conditional_update "conditionalUpdate",
        sent  conditional_delete "conditionalDelete",
        sent  reference_policy   "referencePolicy",
        sent  search_include     "searchInclude",
        sent  search_rev_include "searchRevInclude",
        sent  search_param       "searchParam",
        never operation          "operation",
    }

    CapabilityStatementRestResourceInteraction: BackboneElement {
        sent  code          "code"          mandatory,
        sent  documentation "documentation",
    }

    CapabilityStatementRestResourceSearchParam: BackboneElement {
        sent  name          "name"          mandatory,
        sent  definition    "definition",
        sent  r#type        "type"          mandatory,
        sent  documentation "documentation",
    }

    CapabilityStatementRestSecurity: BackboneElement {
        sent  cors        "cors",
        sent  service     "service",
        sent  description "description",
    }

    CapabilityStatementSoftware: BackboneElement {
        sent  name         "name"        mandatory,
        sent  version      "version",
        sent  release_date "releaseDate",
    }

    DeviceDeviceName: BackboneElement {
        sent  name   "name" mandatory,
        sent  r#type "type" mandatory,
    }

    OperationOutcomeIssue: BackboneElement {
        sent  severity    "severity"    mandatory,
        sent  code        "code"        mandatory,
        sent  details     "details",
        sent  diagnostics "diagnostics",
        sent  location    "location",
        sent  expression  "expression",
    }

    OrganizationContact: BackboneElement {
        sent  purpose "purpose",
        sent  name    "name",
        sent  telecom "telecom",
        never address "address",
    }
}

choice! { AuditEventEntityDetailValue { String "valueString" } }
