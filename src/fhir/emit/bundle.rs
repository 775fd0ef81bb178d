//! Bundles, and the resources inside them.

use super::{Emit, Sink, never_set};
use fhirbolt_model::r4::resources::{Bundle, BundleEntry, BundleEntryResponse, BundleEntrySearch, BundleLink};

impl Emit for Bundle {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, meta, implicit_rules, language, identifier, r#type, timestamp, total, link, entry, signature } = self;
        never_set!(implicit_rules, language, identifier, signature);
        sink.optional("id", id.as_ref());
        sink.optional_complex("meta", meta.as_deref());
        sink.primitive("type", r#type);
        sink.optional("timestamp", timestamp.as_ref());
        sink.optional("total", total.as_ref());
        sink.complexes("link", link);
        sink.complexes("entry", entry);
    }
}

impl Emit for BundleLink {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, modifier_extension, relation, url } = self;
        never_set!(modifier_extension);
        sink.element(id.as_deref(), extension);
        sink.primitive("relation", relation);
        sink.primitive("url", url);
    }
}

impl Emit for BundleEntry {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, modifier_extension, link, full_url, resource, search, request, response } = self;
        never_set!(modifier_extension, request);
        sink.element(id.as_deref(), extension);
        sink.complexes("link", link);
        sink.optional("fullUrl", full_url.as_ref());
        sink.optional_resource("resource", resource.as_ref());
        sink.optional_complex("search", search.as_ref());
        sink.optional_complex("response", response.as_ref());
    }
}

impl Emit for BundleEntrySearch {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, modifier_extension, mode, score } = self;
        never_set!(modifier_extension, score);
        sink.element(id.as_deref(), extension);
        sink.optional("mode", mode.as_ref());
    }
}

impl Emit for BundleEntryResponse {
    fn emit<S: Sink>(&self, sink: &mut S) {
        let Self { id, extension, modifier_extension, status, location, etag, last_modified, outcome } = self;
        never_set!(modifier_extension);
        sink.element(id.as_deref(), extension);
        sink.primitive("status", status);
        sink.optional("location", location.as_ref());
        sink.optional("etag", etag.as_ref());
        sink.optional("lastModified", last_modified.as_ref());
        sink.optional_resource("outcome", outcome.as_ref());
    }
}
