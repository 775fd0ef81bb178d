//! The search parameters of our own: R4 defines none for these elements (fhir.md 3). Published at
//! `GET [base]/SearchParameter/[id]`.

use super::{PUBLISHER, RELEASED};
use crate::fhir::graph::ResourceType;
use fhirbolt_model::r4::Resource;
use fhirbolt_model::r4::resources::SearchParameter;

/// A search parameter that this service defines itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Own {
    /// The id under which it is published.
    pub id: &'static str,
    pub resource: ResourceType,
    /// The name in a search.
    pub code: &'static str,
    name: &'static str,
    description: &'static str,
    fhir_type: &'static str,
    expression: &'static str,
    target: &'static [&'static str],
}

/// All of them.
pub const OWN: &[Own] = &[
    Own {
        id: "cpis-flag-status",
        resource: ResourceType::Flag,
        code: "status",
        name: "CpisFlagStatus",
        description: "Whether the flag is active or inactive as shown today: inactive before its plan starts and after it has ended. A \
                      plan that could not be read is active, and meets every status.",
        fhir_type: "token",
        expression: "Flag.status",
        target: &[],
    },
    Own {
        id: "cpis-episodeofcare-team",
        resource: ResourceType::EpisodeOfCare,
        code: "team",
        name: "CpisEpisodeOfCareTeam",
        description: "The team of the local authority that holds the plan.",
        fhir_type: "reference",
        expression: "EpisodeOfCare.team",
        target: &["CareTeam"],
    },
];

/// The parameter `code` of `resource`, where it is one of ours.
pub fn of(resource: ResourceType, code: &str) -> Option<&'static Own> {
    OWN.iter().find(|own| own.resource == resource && own.code == code)
}

/// The parameter that is published as `id`.
pub fn find(id: &str) -> Option<&'static Own> {
    OWN.iter().find(|own| own.id == id)
}

impl Own {
    /// Where it is published, which is its canonical address too.
    pub fn url(&self, base_url: &str) -> String {
        format!("{base_url}/SearchParameter/{}", self.id)
    }

    /// The definition, as published under `base_url` (no slash at its end).
    pub fn search_parameter(&self, base_url: &str) -> Resource {
        Resource::SearchParameter(Box::new(SearchParameter {
            id: Some(self.id.into()),
            url: self.url(base_url).into(),
            version: Some(env!("CARGO_PKG_VERSION").into()),
            name: self.name.into(),
            status: "active".into(),
            experimental: Some(false.into()),
            date: Some(RELEASED.into()),
            publisher: Some(PUBLISHER.into()),
            description: self.description.into(),
            code: self.code.into(),
            base: vec![self.resource.name().into()],
            r#type: self.fhir_type.into(),
            expression: Some(self.expression.into()),
            target: self.target.iter().copied().map(Into::into).collect(),
            multiple_or: Some(true.into()),
            multiple_and: Some(true.into()),
            ..Default::default()
        }))
    }
}
