//! Our own search parameters, for elements that R4 defines none for (fhir.md 3). The registry lists them; this module makes the
//! resources that `GET [base]/SearchParameter/[id]` returns.

use super::{PUBLISHER, RELEASED};
use crate::fhir::search::registry::{INCLUDE_PATHS, Parameter, ParameterDefinition, ParameterKind, Searchable, own_definitions};
use fhirbolt_model::r4::Resource;
use fhirbolt_model::r4::resources::SearchParameter;

/// A search parameter that this service defines itself.
#[derive(Debug, Clone, Copy)]
pub struct OwnParameter {
    /// The id under which it is published.
    pub id: &'static str,
    expression: &'static str,
    row: &'static Searchable,
    parameter: &'static Parameter,
}

/// All of them.
pub fn all() -> impl Iterator<Item = OwnParameter> {
    own_definitions().filter_map(|(row, parameter)| match parameter.definition {
        Some(ParameterDefinition::Own { id, expression }) => Some(OwnParameter { id, expression, row, parameter }),
        _ => None,
    })
}

/// The parameter published as `id`.
pub fn find(id: &str) -> Option<OwnParameter> {
    all().find(|own| own.id == id)
}

impl OwnParameter {
    /// The definition, as published under `base_url` (without a trailing slash).
    pub fn search_parameter(&self, base_url: &str) -> Resource {
        let Self { id, expression, row, parameter } = *self;
        let resource = row.resource.name();
        Resource::SearchParameter(Box::new(SearchParameter {
            id: Some(id.into()),
            url: format!("{base_url}/SearchParameter/{id}").into(),
            version: Some(env!("CARGO_PKG_VERSION").into()),
            name: computer_name(id).into(),
            status: "active".into(),
            experimental: Some(false.into()),
            date: Some(RELEASED.into()),
            publisher: Some(PUBLISHER.into()),
            description: format!("{resource}.{}: {}", parameter.name, parameter.documentation).into(),
            code: parameter.name.into(),
            base: vec![resource.into()],
            r#type: parameter.kind.fhir_type().code().into(),
            expression: Some(expression.into()),
            target: self.targets().map(Into::into).collect(),
            multiple_or: Some(true.into()),
            multiple_and: Some(true.into()),
            ..Default::default()
        }))
    }

    /// The types that the reference may point to.
    fn targets(&self) -> impl Iterator<Item = &'static str> {
        let edge = match self.parameter.kind {
            ParameterKind::Reference(edge) => Some(edge),
            _ => None,
        };
        let path = INCLUDE_PATHS.iter().find(|path| edge.is_some_and(|edge| path.edges.contains(&edge)));
        path.into_iter().flat_map(|path| path.targets).map(|kind| kind.name())
    }
}

/// The name for programs: `cpis-flag-status` becomes `CpisFlagStatus`.
fn computer_name(id: &str) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    id.split('-').filter(|word| !word.is_empty()).map(capital).collect()
}
