//! What this instance can do: the CapabilityStatement of `/metadata`, made from the registry of search (fhir.md 3).

pub mod definitions;

use super::codes::Code;
use super::graph::ResourceType;
use super::resources::{ENGLAND, UK_CORE, concept};
use super::search::registry::{Parameter, Searchable};
use fhirbolt_model::r4::Resource;
use fhirbolt_model::r4::resources::{
    CapabilityStatement, CapabilityStatementImplementation, CapabilityStatementRest, CapabilityStatementRestInteraction,
    CapabilityStatementRestResource, CapabilityStatementRestResourceInteraction, CapabilityStatementRestResourceSearchParam,
    CapabilityStatementRestSecurity, CapabilityStatementSoftware,
};
use fhirbolt_model::r4::types::Canonical;

/// The day of this release; it dates the statement and its search parameters.
pub const RELEASED: &str = "2026-11-22";
pub const PUBLISHER: &str = "cpis-fhir";
/// Whether `POST [base]` is served. Only this constant decides it.
pub const BATCH_IS_SERVED: bool = true;

const FHIR_VERSION: &str = "4.0.1";
const SECURITY_SERVICE: &str = "http://terminology.hl7.org/CodeSystem/restful-security-service";
const OAUTH: Code = Code { system: SECURITY_SERVICE, code: "OAuth", display: "OAuth" };
const CERTIFICATES: Code = Code { system: SECURITY_SERVICE, code: "Certificates", display: "Certificates" };

const DESCRIPTION: &str = "Shows what CP-IS, England's register of child protection plans, holds about one child: a Flag, an \
    EpisodeOfCare, a CarePlan and a CareTeam for each plan, and an AuditEvent for each access. An empty searchset means that \
    CP-IS said that it holds no record; every failure and every doubt is an OperationOutcome with a status of 400 or more.";
const SECURITY: &str = "A clinician always asks, never a system alone: requests carry a bearer token of a known issuer, or come \
    through a trusted gateway. This statement, the search parameters, the OpenAPI document and health need neither.";
const READ: &str = "Answered from what the same requester was shown a short time before; a read never asks CP-IS. Afterwards it \
    is 404: search for the child again.";

/// What differs from instance to instance.
#[derive(Debug, Clone, Copy)]
pub struct Instance<'a> {
    /// The absolute FHIR base, without a trailing slash.
    pub base_url: &'a str,
    /// Callers present tokens.
    pub bearer: bool,
    /// Callers come through gateways that present certificates.
    pub gateway: bool,
    /// false: `POST [type]/_search` only.
    pub get_search: bool,
    /// `/PatientFlag` is on (decisions.md 3).
    pub patient_flag: bool,
}

/// The statement of `instance`: the same for every caller.
pub fn statement(instance: &Instance<'_>) -> Resource {
    let version = env!("CARGO_PKG_VERSION");
    Resource::CapabilityStatement(Box::new(CapabilityStatement {
        id: Some("cpis-fhir".into()),
        url: Some(format!("{}/metadata", instance.base_url).into()),
        version: Some(version.into()),
        name: Some("CpisFhir".into()),
        title: Some("CP-IS over FHIR R4".into()),
        status: "active".into(),
        experimental: Some(false.into()),
        date: RELEASED.into(),
        publisher: Some(PUBLISHER.into()),
        description: Some(DESCRIPTION.into()),
        kind: "instance".into(),
        software: Some(CapabilityStatementSoftware {
            name: "cpis-fhir".into(),
            version: Some(version.into()),
            release_date: Some(RELEASED.into()),
            ..Default::default()
        }),
        implementation: Some(CapabilityStatementImplementation {
            description: "CP-IS over FHIR R4, for unscheduled care".into(),
            url: Some(instance.base_url.into()),
            ..Default::default()
        }),
        fhir_version: FHIR_VERSION.into(),
        format: ["application/fhir+json", "application/fhir+xml", "json", "xml"].map(Into::into).to_vec(),
        rest: vec![rest(instance)],
        ..Default::default()
    }))
}

fn rest(instance: &Instance<'_>) -> CapabilityStatementRest {
    let batch = CapabilityStatementRestInteraction {
        code: "batch".into(),
        documentation: Some("Searches and reads. All entries about one child share one look.".into()),
        ..Default::default()
    };
    CapabilityStatementRest {
        mode: "server".into(),
        documentation: Some(documentation(instance).into()),
        security: Some(security(instance)),
        resource: ResourceType::ALL.into_iter().map(|kind| resource(kind, instance)).collect(),
        interaction: if BATCH_IS_SERVED { vec![batch] } else { Vec::new() },
        ..Default::default()
    }
}

fn documentation(instance: &Instance<'_>) -> String {
    let mut text = "Search by POST [type]/_search, which keeps the NHS number out of URLs".to_owned();
    text.push_str(if instance.get_search { "; GET works too. " } else { "; GET search is switched off here. " });
    text.push_str(
        "A search names exactly one child, and is one look: CP-IS is asked once and tells the child's local authority, which cannot \
         be taken back. Requests of one requester about one child share a look, and the same X-Request-ID is always the same \
         look. What is not understood is refused (Prefer: handling=strict).",
    );
    if instance.patient_flag {
        text.push_str(" GET /PatientFlag gives the shape of NHS England's Patient flags API.");
    }
    text
}

fn security(instance: &Instance<'_>) -> CapabilityStatementRestSecurity {
    let services = [(instance.bearer, OAUTH), (instance.gateway, CERTIFICATES)];
    CapabilityStatementRestSecurity {
        cors: Some(false.into()),
        service: services.into_iter().filter(|(is_on, _)| *is_on).map(|(_, code)| concept(code)).collect(),
        description: Some(SECURITY.into()),
        ..Default::default()
    }
}

fn resource(kind: ResourceType, instance: &Instance<'_>) -> CapabilityStatementRestResource {
    let mut described = CapabilityStatementRestResource {
        r#type: kind.name().into(),
        profile: Some([UK_CORE, kind.name()].concat().into()),
        supported_profile: supported_profile(kind, instance).into_iter().collect(),
        documentation: Some(kind.about().into()),
        interaction: vec![interaction("read", READ)],
        versioning: Some("no-version".into()),
        read_history: Some(false.into()),
        update_create: Some(false.into()),
        // Only by If-None-Match (decisions.md 48).
        conditional_read: Some("not-match".into()),
        conditional_create: Some(false.into()),
        conditional_update: Some(false.into()),
        conditional_delete: Some("not-supported".into()),
        reference_policy: vec!["literal".into(), "logical".into()],
        ..Default::default()
    };
    if let Some(row) = Searchable::of(kind) {
        let how = if instance.get_search { "By POST [type]/_search or GET." } else { "By POST [type]/_search only." };
        described.interaction.push(interaction("search-type", how));
        described.search_include = row.includes().map(Into::into).collect();
        described.search_rev_include = row.reverse_includes().map(Into::into).collect();
        described.search_param = row.parameters().filter_map(|parameter| search_param(parameter, instance.base_url)).collect();
    }
    described
}

fn interaction(code: &str, documentation: &str) -> CapabilityStatementRestResourceInteraction {
    CapabilityStatementRestResourceInteraction {
        code: code.into(),
        documentation: Some(documentation.into()),
        ..Default::default()
    }
}

/// One row of the registry as the statement shows it; `None` for a parameter that only shapes the answer.
fn search_param(parameter: &Parameter, base_url: &str) -> Option<CapabilityStatementRestResourceSearchParam> {
    parameter.kind.is_filter().then(|| CapabilityStatementRestResourceSearchParam {
        name: parameter.name.into(),
        definition: parameter.definition.map(|definition| definition.url(base_url).into()),
        r#type: parameter.kind.fhir_type().code().into(),
        documentation: Some(parameter.documentation.into()),
        ..Default::default()
    })
}

/// The additional profile that `/PatientFlag` names (decisions.md 29c).
fn supported_profile(kind: ResourceType, instance: &Instance<'_>) -> Option<Canonical> {
    let profile = kind.england_profile().filter(|_| instance.patient_flag)?;
    Some([ENGLAND, profile].concat().into())
}

#[cfg(test)]
mod tests;
