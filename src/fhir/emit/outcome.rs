use super::{Emit, Sink, never_set};
use fhirbolt_model::r4::resources::{OperationOutcome, OperationOutcomeIssue};

impl Emit for OperationOutcome {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, meta, implicit_rules, language, text, contained, extension, modifier_extension, issue } = self;
        never_set!(implicit_rules, language, contained, extension, modifier_extension);
        debug_assert!(!issue.is_empty(), "OperationOutcome.issue is required");
        sink.optional("id", id.as_ref());
        sink.optional_complex("meta", meta.as_deref());
        sink.optional_complex("text", text.as_deref());
        sink.complexes("issue", issue);
    }
}

impl Emit for OperationOutcomeIssue {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, modifier_extension, severity, code, details, diagnostics, location, expression } = self;
        never_set!(modifier_extension);
        sink.element(id.as_deref(), extension);
        sink.primitive("severity", severity);
        sink.primitive("code", code);
        sink.optional_complex("details", details.as_deref());
        sink.optional("diagnostics", diagnostics.as_ref());
        sink.primitives("location", location);
        sink.primitives("expression", expression);
    }
}
