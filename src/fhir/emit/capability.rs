//! What an instance can do: CapabilityStatement and SearchParameter.

use super::{Emit, Sink, never_set};
use fhirbolt_model::r4::resources::{
    CapabilityStatement, CapabilityStatementImplementation, CapabilityStatementRest, CapabilityStatementRestInteraction,
    CapabilityStatementRestResource, CapabilityStatementRestResourceInteraction, CapabilityStatementRestResourceSearchParam,
    CapabilityStatementRestSecurity, CapabilityStatementSoftware, SearchParameter,
};

impl Emit for CapabilityStatement {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self {
            id,
            meta,
            implicit_rules,
            language,
            text,
            contained,
            extension,
            modifier_extension,
            url,
            version,
            name,
            title,
            status,
            experimental,
            date,
            publisher,
            contact,
            description,
            use_context,
            jurisdiction,
            purpose,
            copyright,
            kind,
            instantiates,
            imports,
            software,
            implementation,
            fhir_version,
            format,
            patch_format,
            implementation_guide,
            rest,
            messaging,
            document,
        } = self;
        never_set!(meta, implicit_rules, language, text, contained, extension, modifier_extension, contact, use_context);
        never_set!(jurisdiction, purpose, copyright, instantiates, imports, patch_format, implementation_guide, messaging);
        never_set!(document);
        sink.optional("id", id.as_ref());
        sink.optional("url", url.as_ref());
        sink.optional("version", version.as_ref());
        sink.optional("name", name.as_ref());
        sink.optional("title", title.as_ref());
        sink.primitive("status", status);
        sink.optional("experimental", experimental.as_ref());
        sink.primitive("date", date);
        sink.optional("publisher", publisher.as_ref());
        sink.optional("description", description.as_ref());
        sink.primitive("kind", kind);
        sink.optional_complex("software", software.as_ref());
        sink.optional_complex("implementation", implementation.as_ref());
        sink.primitive("fhirVersion", fhir_version);
        sink.primitives("format", format);
        sink.complexes("rest", rest);
    }
}

impl Emit for CapabilityStatementSoftware {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, modifier_extension, name, version, release_date } = self;
        never_set!(modifier_extension);
        sink.element(id.as_deref(), extension);
        sink.primitive("name", name);
        sink.optional("version", version.as_ref());
        sink.optional("releaseDate", release_date.as_ref());
    }
}

impl Emit for CapabilityStatementImplementation {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, modifier_extension, description, url, custodian } = self;
        never_set!(modifier_extension, custodian);
        sink.element(id.as_deref(), extension);
        sink.primitive("description", description);
        sink.optional("url", url.as_ref());
    }
}

impl Emit for CapabilityStatementRest {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self {
            id,
            extension,
            modifier_extension,
            mode,
            documentation,
            security,
            resource,
            interaction,
            search_param,
            operation,
            compartment,
        } = self;
        never_set!(modifier_extension, operation, compartment);
        sink.element(id.as_deref(), extension);
        sink.primitive("mode", mode);
        sink.optional("documentation", documentation.as_ref());
        sink.optional_complex("security", security.as_ref());
        sink.complexes("resource", resource);
        sink.complexes("interaction", interaction);
        sink.complexes("searchParam", search_param);
    }
}

impl Emit for CapabilityStatementRestSecurity {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, modifier_extension, cors, service, description } = self;
        never_set!(modifier_extension);
        sink.element(id.as_deref(), extension);
        sink.optional("cors", cors.as_ref());
        sink.complexes("service", service);
        sink.optional("description", description.as_ref());
    }
}

impl Emit for CapabilityStatementRestResource {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self {
            id,
            extension,
            modifier_extension,
            r#type,
            profile,
            supported_profile,
            documentation,
            interaction,
            versioning,
            read_history,
            update_create,
            conditional_create,
            conditional_read,
            conditional_update,
            conditional_delete,
            reference_policy,
            search_include,
            search_rev_include,
            search_param,
            operation,
        } = self;
        never_set!(modifier_extension, operation);
        sink.element(id.as_deref(), extension);
        sink.primitive("type", r#type);
        sink.optional("profile", profile.as_ref());
        sink.primitives("supportedProfile", supported_profile);
        sink.optional("documentation", documentation.as_ref());
        sink.complexes("interaction", interaction);
        sink.optional("versioning", versioning.as_ref());
        sink.optional("readHistory", read_history.as_ref());
        sink.optional("updateCreate", update_create.as_ref());
        sink.optional("conditionalCreate", conditional_create.as_ref());
        sink.optional("conditionalRead", conditional_read.as_ref());
        sink.optional("conditionalUpdate", conditional_update.as_ref());
        sink.optional("conditionalDelete", conditional_delete.as_ref());
        sink.primitives("referencePolicy", reference_policy);
        sink.primitives("searchInclude", search_include);
        sink.primitives("searchRevInclude", search_rev_include);
        sink.complexes("searchParam", search_param);
    }
}

impl Emit for CapabilityStatementRestResourceInteraction {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, modifier_extension, code, documentation } = self;
        never_set!(modifier_extension);
        sink.element(id.as_deref(), extension);
        sink.primitive("code", code);
        sink.optional("documentation", documentation.as_ref());
    }
}

impl Emit for CapabilityStatementRestResourceSearchParam {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, modifier_extension, name, definition, r#type, documentation } = self;
        never_set!(modifier_extension);
        sink.element(id.as_deref(), extension);
        sink.primitive("name", name);
        sink.optional("definition", definition.as_ref());
        sink.primitive("type", r#type);
        sink.optional("documentation", documentation.as_ref());
    }
}

impl Emit for CapabilityStatementRestInteraction {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, modifier_extension, code, documentation } = self;
        never_set!(modifier_extension);
        sink.element(id.as_deref(), extension);
        sink.primitive("code", code);
        sink.optional("documentation", documentation.as_ref());
    }
}

impl Emit for SearchParameter {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self {
            id,
            meta,
            implicit_rules,
            language,
            text,
            contained,
            extension,
            modifier_extension,
            url,
            version,
            name,
            derived_from,
            status,
            experimental,
            date,
            publisher,
            contact,
            description,
            use_context,
            jurisdiction,
            purpose,
            code,
            base,
            r#type,
            expression,
            xpath,
            xpath_usage,
            target,
            multiple_or,
            multiple_and,
            comparator,
            modifier,
            chain,
            component,
        } = self;
        never_set!(meta, implicit_rules, language, text, contained, extension, modifier_extension, derived_from, contact);
        never_set!(use_context, jurisdiction, purpose, xpath, xpath_usage, chain, component);
        sink.optional("id", id.as_ref());
        sink.primitive("url", url);
        sink.optional("version", version.as_ref());
        sink.primitive("name", name);
        sink.primitive("status", status);
        sink.optional("experimental", experimental.as_ref());
        sink.optional("date", date.as_ref());
        sink.optional("publisher", publisher.as_ref());
        sink.primitive("description", description);
        sink.primitive("code", code);
        sink.primitives("base", base);
        sink.primitive("type", r#type);
        sink.optional("expression", expression.as_ref());
        sink.primitives("target", target);
        sink.optional("multipleOr", multiple_or.as_ref());
        sink.optional("multipleAnd", multiple_and.as_ref());
        sink.primitives("comparator", comparator);
        sink.primitives("modifier", modifier);
    }
}
