use super::{Emit, Sink, never_set};
use fhirbolt_model::r4::types::{
    CodeableConcept, Coding, ContactPoint, Extension, ExtensionValue, HumanName, Identifier, Meta, Narrative, Period, Reference,
};

impl Emit for Meta {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, version_id, last_updated, source, profile, security, tag } = self;
        sink.element(id.as_deref(), extension);
        sink.optional("versionId", version_id.as_ref());
        sink.optional("lastUpdated", last_updated.as_ref());
        sink.optional("source", source.as_ref());
        sink.primitives("profile", profile);
        sink.complexes("security", security);
        sink.complexes("tag", tag);
    }
}

impl Emit for Narrative {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, status, div } = self;
        never_set!(id);
        debug_assert!(div.id.is_none() && !div.value.is_empty(), "Narrative.div is required");
        sink.element(None, extension);
        sink.primitive("status", status);
        sink.xhtml("div", &div.value);
    }
}

impl Emit for Extension {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, url, value } = self;
        debug_assert!(!url.is_empty(), "Extension.url is required");
        if let Some(id) = id {
            sink.attribute("id", id);
        }
        sink.attribute("url", url);
        sink.complexes("extension", extension);
        match value {
            None => {}
            Some(ExtensionValue::Reference(value)) => sink.complex("valueReference", &**value),
            Some(ExtensionValue::Code(value)) => sink.primitive("valueCode", value),
            Some(ExtensionValue::String(value)) => sink.primitive("valueString", value),
            Some(_) => debug_assert!(false, "a type of Extension.value that is never sent"),
        }
    }
}

impl Emit for CodeableConcept {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, coding, text } = self;
        sink.element(id.as_deref(), extension);
        sink.complexes("coding", coding);
        sink.optional("text", text.as_ref());
    }
}

impl Emit for Coding {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, system, version, code, display, user_selected } = self;
        sink.element(id.as_deref(), extension);
        sink.optional("system", system.as_ref());
        sink.optional("version", version.as_ref());
        sink.optional("code", code.as_ref());
        sink.optional("display", display.as_ref());
        sink.optional("userSelected", user_selected.as_ref());
    }
}

impl Emit for Identifier {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, r#use, r#type, system, value, period, assigner } = self;
        sink.element(id.as_deref(), extension);
        sink.optional("use", r#use.as_ref());
        sink.optional_complex("type", r#type.as_deref());
        sink.optional("system", system.as_ref());
        sink.optional("value", value.as_ref());
        sink.optional_complex("period", period.as_deref());
        sink.optional_complex("assigner", assigner.as_deref());
    }
}

impl Emit for Reference {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, reference, r#type, identifier, display } = self;
        sink.element(id.as_deref(), extension);
        sink.optional("reference", reference.as_ref());
        sink.optional("type", r#type.as_ref());
        sink.optional_complex("identifier", identifier.as_deref());
        sink.optional("display", display.as_ref());
    }
}

impl Emit for Period {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, start, end } = self;
        sink.element(id.as_deref(), extension);
        sink.optional("start", start.as_ref());
        sink.optional("end", end.as_ref());
    }
}

impl Emit for ContactPoint {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, system, value, r#use, rank, period } = self;
        sink.element(id.as_deref(), extension);
        sink.optional("system", system.as_ref());
        sink.optional("value", value.as_ref());
        sink.optional("use", r#use.as_ref());
        sink.optional("rank", rank.as_ref());
        sink.optional_complex("period", period.as_deref());
    }
}

impl Emit for HumanName {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, r#use, text, family, given, prefix, suffix, period } = self;
        sink.element(id.as_deref(), extension);
        sink.optional("use", r#use.as_ref());
        sink.optional("text", text.as_ref());
        sink.optional("family", family.as_ref());
        sink.primitives("given", given);
        sink.primitives("prefix", prefix);
        sink.primitives("suffix", suffix);
        sink.optional_complex("period", period.as_deref());
    }
}
