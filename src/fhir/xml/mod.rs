//! FHIR XML (R4, "XML Representation of Resources"): elements in the order of the definition, values as attributes, the
//! namespace only on the root.

mod escape;

use super::elements::{self, Emit, Primitive, PrimitiveValue, Sink, UNSET_MARKER};
use super::layout::Layout;
use escape::push_escaped;
use fhirbolt_model::r4::Resource;
use std::io::Write as _;

const DECLARATION: &[u8] = br#"<?xml version="1.0" encoding="UTF-8"?>"#;
const NAMESPACE: &[u8] = br#" xmlns="http://hl7.org/fhir""#;

/// Appends the document of `resource` to `out`, in UTF-8.
///
/// A resource of a type that this service never sends is a bug. An OperationOutcome takes its place, because an absence could be read as
/// "no plan".
pub fn write_resource(out: &mut Vec<u8>, resource: &Resource, layout: Layout) {
    out.extend_from_slice(DECLARATION);
    write_element(out, resource, NAMESPACE, layout);
}

fn write_element(out: &mut Vec<u8>, resource: &Resource, namespace: &[u8], layout: Layout) {
    let Some(name) = elements::type_name(resource) else {
        debug_assert!(false, "a resource type that this service does not send");
        layout.line(out);
        out.extend_from_slice(b"<OperationOutcome");
        out.extend_from_slice(namespace);
        out.extend_from_slice(br#"><issue><severity value="fatal"/><code value="exception"/></issue>"#);
        layout.line(out);
        out.extend_from_slice(b"</OperationOutcome>");
        return;
    };
    write_typed(out, name, resource, namespace, layout);
}

/// Writes a resource whose type is `name`.
pub(super) fn write_typed<E: Emit>(out: &mut Vec<u8>, name: &str, resource: &E, namespace: &[u8], layout: Layout) {
    layout.line(out);
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(namespace);
    let mut writer = XmlWriter { out, open: true, layout: layout.deeper() };
    resource.emit(&mut writer);
    writer.end(name, layout);
}

/// Writes the attributes and children of an element whose start tag is begun.
struct XmlWriter<'o> {
    out: &'o mut Vec<u8>,
    /// Whether the start tag is still open, so that attributes may follow.
    open: bool,
    /// The layout of the children.
    layout: Layout,
}

impl XmlWriter<'_> {
    fn close_start_tag(&mut self) {
        if std::mem::take(&mut self.open) {
            self.out.push(b'>');
        }
    }

    /// Begins a child; [`XmlWriter::end`] must end it.
    fn child(&mut self, name: &str) -> XmlWriter<'_> {
        self.close_start_tag();
        self.layout.line(self.out);
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        XmlWriter { out: self.out, open: true, layout: self.layout.deeper() }
    }

    /// Ends this element, whose name is `name` and whose own layout is `layout`.
    fn end(self, name: &str, layout: Layout) {
        if self.open {
            self.out.extend_from_slice(b"/>");
            return;
        }
        layout.line(self.out);
        self.out.extend_from_slice(b"</");
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'>');
    }

    fn raw_attribute(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        debug_assert!(self.open, "an attribute after a child");
        self.out.push(b' ');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"=\"");
        write(self.out);
        self.out.push(b'"');
    }

    fn value(&mut self, value: PrimitiveValue<'_>) {
        self.raw_attribute("value", |out| match value {
            PrimitiveValue::Text(text) => {
                debug_assert!(!text.is_empty(), "ele-1: a value is not empty");
                push_escaped(out, text);
            }
            PrimitiveValue::Boolean(boolean) => out.extend_from_slice(if boolean { b"true" } else { b"false" }),
            // Writing into memory cannot fail.
            PrimitiveValue::Integer(integer) => _ = write!(out, "{integer}"),
        });
    }
}

impl Sink for XmlWriter<'_> {
    fn attribute(&mut self, name: &'static str, value: &str) {
        debug_assert!(value != UNSET_MARKER, "a required element is not set");
        self.raw_attribute(name, |out| push_escaped(out, value));
    }

    fn primitive<P: Primitive>(&mut self, name: &'static str, primitive: &P) {
        let value = primitive.value();
        if value.is_none() && !primitive.has_shadow() {
            return;
        }
        let layout = self.layout;
        let mut child = self.child(name);
        if let Some(id) = primitive.id() {
            child.attribute("id", id);
        }
        if let Some(value) = value {
            child.value(value);
        }
        child.complexes("extension", primitive.extension());
        child.end(name, layout);
    }

    fn primitives<P: Primitive>(&mut self, name: &'static str, primitives: &[P]) {
        for primitive in primitives {
            self.primitive(name, primitive);
        }
    }

    fn complex<E: Emit>(&mut self, name: &'static str, element: &E) {
        let layout = self.layout;
        let mut child = self.child(name);
        let start = child.out.len();
        element.emit(&mut child);
        debug_assert!(child.out.len() > start, "ele-1: an element has a value or children");
        child.end(name, layout);
    }

    fn complexes<E: Emit>(&mut self, name: &'static str, elements: &[E]) {
        for element in elements {
            self.complex(name, element);
        }
    }

    fn resource(&mut self, name: &'static str, resource: &Resource) {
        let layout = self.layout;
        let mut child = self.child(name);
        child.close_start_tag();
        write_element(child.out, resource, b"", child.layout);
        child.end(name, layout);
    }

    fn xhtml(&mut self, name: &'static str, div: &str) {
        // `narrative` wrote it as XML, with its own namespace.
        debug_assert!(div.strip_prefix('<').is_some_and(|rest| rest.starts_with(name)), "Narrative.div is an element");
        self.close_start_tag();
        self.layout.line(self.out);
        self.out.extend_from_slice(div.as_bytes());
    }
}

#[cfg(test)]
mod tests;
