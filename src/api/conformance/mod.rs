//! What describes this instance: `/metadata`, its search parameters, the SMART configuration and the OpenAPI document.
//!
//! Open to everyone, since they hold nothing of a patient. Made once at start and served from memory.

mod smart;
mod template;

use super::media::{Format, Presentation};
use super::problem::Problem;
use super::read::is_known;
use super::response::Response;
use super::routes::Route;
use super::search::base_url;
use super::{App, Options};
use crate::access::{self, Mode};
use crate::fhir::capability::{self, Instance, definitions};
use crate::fhir::json;
use actix_web::HttpRequest;
use fhirbolt_model::r4::Resource;
use std::collections::HashMap;
use std::sync::OnceLock;
use template::Template;

const OPENAPI_YAML: &str = include_str!("../../../openapi/cpis-fhir.yaml");
const OPENAPI_JSON: &str = include_str!("../../../openapi/cpis-fhir.json");
/// The FHIR base in the OpenAPI document as it is written; served, it is the one of the settings.
const DOCUMENTED_BASE: &str = "url: \"/FHIR/R4\"";
const DOCUMENTED_BASE_IN_JSON: &str = "\"url\": \"/FHIR/R4\"";

/// Every document, ready to be sent.
pub struct ConformanceDocuments {
    /// By how it is written and by what it is: `metadata`, or the id of a search parameter.
    of_fhir: HashMap<(Presentation, &'static str), Template>,
    openapi_yaml: Template,
    openapi_json: Template,
    smart: OnceLock<Template>,
}

impl ConformanceDocuments {
    pub fn new(options: &Options, access: &access::Options) -> Self {
        let public_url = options.server.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
        let base = public_url.as_deref().unwrap_or(template::BASE);
        let instance = instance(options, access, base);
        let mut resources = vec![("metadata", capability::statement(&instance))];
        resources.extend(definitions::all().map(|own| (own.id, own.search_parameter(base))));
        let mut of_fhir = HashMap::new();
        for format in Format::ALL {
            for pretty in [false, true] {
                let presentation = Presentation { format, pretty };
                let written = |(name, resource): &(&'static str, Resource)| {
                    ((presentation, *name), Template::new(&presentation.write(resource)))
                };
                of_fhir.extend(resources.iter().map(written));
            }
        }
        let server = match (&public_url, options.server.base_path.as_str()) {
            (Some(url), _) => url.as_str(),
            (None, "") => "/",
            (None, path) => path,
        };
        let mut quoted = Vec::new();
        json::push_string(&mut quoted, server);
        let quoted = String::from_utf8_lossy(&quoted);
        let yaml = OPENAPI_YAML.replacen(DOCUMENTED_BASE, &format!("url: {quoted}"), 1);
        let json = OPENAPI_JSON.replacen(DOCUMENTED_BASE_IN_JSON, &format!("\"url\": {quoted}"), 1);
        Self {
            of_fhir,
            openapi_yaml: Template::new(yaml.as_bytes()),
            openapi_json: Template::new(json.as_bytes()),
            smart: OnceLock::new(),
        }
    }

    /// Learns the endpoints of the issuer whose tokens are asked for, from its own OpenID configuration.
    ///
    /// Called by the reader of the issuer's keys; only the first call counts. Returns whether the configuration is enough for
    /// a SMART configuration.
    pub fn issuer_discovered(&self, configuration: &serde_json::Value) -> bool {
        let Some(document) = smart::configuration(configuration) else { return false };
        self.smart.get_or_init(|| Template::new(document.to_string().as_bytes()));
        true
    }

    /// The SMART configuration, once an issuer's configuration is known and complete.
    fn smart(&self, app: &App) -> Option<&Template> {
        if self.smart.get().is_none()
            && let Some(configuration) = app.access.openid_configuration()
        {
            self.issuer_discovered(&configuration);
        }
        self.smart.get()
    }
}

fn instance<'a>(options: &Options, access: &access::Options, base_url: &'a str) -> Instance<'a> {
    Instance {
        base_url,
        bearer: access.modes.contains(&Mode::Bearer),
        gateway: access.modes.contains(&Mode::Gateway),
        get_search: options.fhir.get_search,
        patient_flag: options.fhir.patient_flag,
    }
}

/// The document, if its format does not depend on a header. A wrong header does not keep it from being read.
pub fn plain(route: Route, request: &HttpRequest, app: &App) -> Option<Result<Response, Problem>> {
    let documents = &app.documents;
    let (name, template, content_type) = match route {
        Route::OpenApiYaml => ("openapi", &documents.openapi_yaml, "application/yaml"),
        Route::OpenApiJson => ("openapi", &documents.openapi_json, "application/json"),
        Route::SmartConfiguration => match documents.smart(app) {
            Some(template) => ("smart-configuration", template, "application/json"),
            None => return Some(Err(Problem::no_smart_configuration())),
        },
        _ => return None,
    };
    Some(Ok(answered(name, template, request, app, content_type)))
}

/// Whether the route is a resource about this instance.
pub fn is_of_fhir(route: Route) -> bool {
    matches!(route, Route::Metadata | Route::SearchParameter(_))
}

/// The document where the route is a resource about this instance.
pub fn of_fhir(route: Route, request: &HttpRequest, app: &App, presentation: Presentation) -> Option<Response> {
    let name = match route {
        Route::Metadata => "metadata",
        Route::SearchParameter(id) => id,
        _ => return None,
    };
    let template = app.documents.of_fhir.get(&(presentation, name))?;
    Some(answered(name, template, request, app, presentation.format.content_type()))
}

fn answered(name: &'static str, template: &Template, request: &HttpRequest, app: &App, content_type: &'static str) -> Response {
    let (body, etag) = template.fill(|| base_url(request, &app.options));
    let mut answered = Response::ok(name, body, content_type);
    if is_known(request, &etag) {
        answered.status = 304;
        answered.body.clear();
    }
    answered.etag = Some(etag);
    // May be cached, but must be revalidated each time, since settings may change at a restart.
    answered.cache_control = "no-cache";
    answered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_of_the_openapi_document_stands_once_where_it_is_replaced() {
        assert_eq!(OPENAPI_YAML.matches(DOCUMENTED_BASE).count(), 1);
        assert_eq!(OPENAPI_JSON.matches(DOCUMENTED_BASE_IN_JSON).count(), 1);
    }
}
