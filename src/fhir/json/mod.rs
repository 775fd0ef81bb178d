//! FHIR JSON (R4, "JSON Representation of Resources"): nulls only in arrays of primitives, no empty arrays or objects.

use super::elements::{self, Emit, Primitive, PrimitiveValue, Sink, UNSET_MARKER};
use super::layout::Layout;
use fhirbolt_model::r4::Resource;
use std::io::Write as _;

/// Appends `resource` to `out`, compact.
///
/// A resource of a type that this service never sends is a bug. An OperationOutcome takes its place, because an absence could be read as
/// "no plan".
pub fn write_resource(out: &mut Vec<u8>, resource: &Resource) {
    write_laid_out(out, resource, Layout::COMPACT);
}

/// The same in the given layout.
pub fn write_laid_out(out: &mut Vec<u8>, resource: &Resource, layout: Layout) {
    let Some(name) = elements::type_name(resource) else {
        debug_assert!(false, "a resource type that this service does not send");
        out.extend_from_slice(br#"{"resourceType":"OperationOutcome","issue":[{"severity":"fatal","code":"exception"}]}"#);
        return;
    };
    write_typed(out, name, resource, layout);
}

/// Writes a resource whose type is `name`.
pub(super) fn write_typed<E: Emit>(out: &mut Vec<u8>, name: &str, resource: &E, layout: Layout) {
    out.push(b'{');
    let mut writer = JsonWriter { out, first: true, layout: layout.deeper() };
    writer.name("", "resourceType");
    push_string(writer.out, name);
    resource.emit(&mut writer);
    layout.line(out);
    out.push(b'}');
}

/// Appends `text` as a JSON string, quotes included.
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut clean = 0;
    for (place, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[clean..place]);
        clean = place + 1;
        push_escape(out, byte);
    }
    out.extend_from_slice(&bytes[clean..]);
    out.push(b'"');
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(br#"\""#),
        b'\\' => out.extend_from_slice(br"\\"),
        b'\n' => out.extend_from_slice(br"\n"),
        b'\r' => out.extend_from_slice(br"\r"),
        b'\t' => out.extend_from_slice(br"\t"),
        control => {
            out.extend_from_slice(br"\u00");
            out.extend_from_slice(&[HEX[usize::from(control >> 4)], HEX[usize::from(control & 15)]]);
        }
    }
}

/// Writes the members of an object whose opening brace is already written.
struct JsonWriter<'o> {
    out: &'o mut Vec<u8>,
    /// Whether the next member is the first of the object.
    first: bool,
    /// The layout of the members.
    layout: Layout,
}

impl JsonWriter<'_> {
    fn name(&mut self, prefix: &str, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        self.layout.line(self.out);
        self.out.push(b'"');
        self.out.extend_from_slice(prefix.as_bytes());
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(if self.layout.is_indented() { b"\": " } else { b"\":" });
    }

    fn object<E: Emit>(&mut self, element: &E) {
        self.members(|inner| element.emit(inner));
    }

    fn members(&mut self, write: impl FnOnce(&mut JsonWriter<'_>)) {
        self.out.push(b'{');
        let start = self.out.len();
        write(&mut JsonWriter { out: self.out, first: true, layout: self.layout.deeper() });
        debug_assert!(self.out.len() > start, "ele-1: an element has a value or children");
        self.layout.line(self.out);
        self.out.push(b'}');
    }

    fn value(&mut self, value: PrimitiveValue<'_>) {
        match value {
            PrimitiveValue::Text(text) => {
                debug_assert!(!text.is_empty(), "ele-1: a value is not empty");
                push_string(self.out, text);
            }
            PrimitiveValue::Boolean(boolean) => self.out.extend_from_slice(if boolean { b"true" } else { b"false" }),
            // Writing into memory cannot fail.
            PrimitiveValue::Integer(integer) => _ = write!(self.out, "{integer}"),
        }
    }

    fn shadow<P: Primitive>(&mut self, primitive: &P) {
        self.members(|inner| {
            if let Some(id) = primitive.id() {
                inner.attribute("id", id);
            }
            inner.complexes("extension", primitive.extension());
        });
    }

    /// An array. An item for which `write` returns false, having written nothing, becomes `null`.
    fn array<T>(&mut self, items: &[T], mut write: impl FnMut(&mut JsonWriter<'_>, &T) -> bool) {
        self.out.push(b'[');
        let mut inner = JsonWriter { out: self.out, first: true, layout: self.layout.deeper() };
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                inner.out.push(b',');
            }
            inner.layout.line(inner.out);
            if !write(&mut inner, item) {
                inner.out.extend_from_slice(b"null");
            }
        }
        self.layout.line(self.out);
        self.out.push(b']');
    }
}

impl Sink for JsonWriter<'_> {
    fn attribute(&mut self, name: &'static str, value: &str) {
        debug_assert!(value != UNSET_MARKER, "a required element is not set");
        self.name("", name);
        push_string(self.out, value);
    }

    fn primitive<P: Primitive>(&mut self, name: &'static str, primitive: &P) {
        if let Some(value) = primitive.value() {
            self.name("", name);
            self.value(value);
        }
        if primitive.has_shadow() {
            self.name("_", name);
            self.shadow(primitive);
        }
    }

    fn primitives<P: Primitive>(&mut self, name: &'static str, primitives: &[P]) {
        if primitives.iter().any(|primitive| primitive.value().is_some()) {
            self.name("", name);
            self.array(primitives, |writer, primitive| primitive.value().map(|value| writer.value(value)).is_some());
        }
        if primitives.iter().any(Primitive::has_shadow) {
            self.name("_", name);
            self.array(primitives, |writer, primitive| {
                let shadowed = primitive.has_shadow();
                if shadowed {
                    writer.shadow(primitive);
                }
                shadowed
            });
        }
    }

    fn complex<E: Emit>(&mut self, name: &'static str, element: &E) {
        self.name("", name);
        self.object(element);
    }

    fn complexes<E: Emit>(&mut self, name: &'static str, elements: &[E]) {
        if elements.is_empty() {
            return;
        }
        self.name("", name);
        self.array(elements, |writer, element| {
            writer.object(element);
            true
        });
    }

    fn resource(&mut self, name: &'static str, resource: &Resource) {
        self.name("", name);
        write_laid_out(self.out, resource, self.layout);
    }

    fn xhtml(&mut self, name: &'static str, div: &str) {
        self.name("", name);
        push_string(self.out, div);
    }
}

#[cfg(test)]
mod tests;
