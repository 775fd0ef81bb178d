//! FHIR JSON (R4, "JSON Representation of Resources"): compact, without nulls but in arrays of primitives, without empty
//! arrays or objects.

use super::emit::{self, Emit, Primitive, Sink, UNSET_MARKER, Value};
use fhirbolt_model::r4::Resource;
use std::io::Write as _;

/// Appends `resource` to `out`.
///
/// A resource of a type that this service never sends is a fault of ours: an OperationOutcome stands in its place, since an
/// absence could be read as "no plan".
pub fn write_resource(out: &mut Vec<u8>, resource: &Resource) {
    let Some(name) = emit::type_name(resource) else {
        debug_assert!(false, "a resource type that this service does not send");
        out.extend_from_slice(br#"{"resourceType":"OperationOutcome","issue":[{"severity":"fatal","code":"exception"}]}"#);
        return;
    };
    out.extend_from_slice(br#"{"resourceType":""#);
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
    resource.emit(&mut Writer { out, first: false });
    out.push(b'}');
}

/// Appends `text` as a JSON string, quotes included.
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (clean, dirty) = rest.split_at(clean_length(rest));
        out.extend_from_slice(clean);
        let Some((&byte, after)) = dirty.split_first() else { break };
        push_escape(out, byte);
        rest = after;
    }
    out.push(b'"');
}

/// How many bytes stand before the first one that must be escaped.
fn clean_length(bytes: &[u8]) -> usize {
    let must_escape = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    // No early end within a chunk, so that the compiler can check many bytes at once.
    let is_clean = |chunk: &&[u8]| !chunk.iter().fold(false, |dirty, byte| dirty | must_escape(byte));
    let clean: usize = bytes.chunks(32).take_while(is_clean).map(<[u8]>::len).sum();
    clean + bytes[clean..].iter().position(must_escape).unwrap_or(bytes.len() - clean)
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

/// Writes the members of one object whose brace is already open.
struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// Whether the next member is the object's first.
    first: bool,
}

impl Writer<'_> {
    fn name(&mut self, name: &str) {
        self.out.extend_from_slice(if std::mem::take(&mut self.first) { &b"\""[..] } else { b",\"" });
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// The member that holds the id and the extensions of a primitive.
    fn shadow_name(&mut self, name: &str) {
        self.out.extend_from_slice(if std::mem::take(&mut self.first) { &b"\"_"[..] } else { b",\"_" });
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn object<E: Emit>(&mut self, element: &E) {
        self.members(|inner| element.emit(inner));
    }

    fn members(&mut self, write: impl FnOnce(&mut Writer<'_>)) {
        self.out.push(b'{');
        let start = self.out.len();
        write(&mut Writer { out: self.out, first: true });
        debug_assert!(self.out.len() > start, "ele-1: an element has a value or children");
        self.out.push(b'}');
    }

    fn value(&mut self, value: Value<'_>) {
        match value {
            Value::Text(text) => {
                debug_assert!(!text.is_empty(), "ele-1: a value is not empty");
                push_string(self.out, text);
            }
            Value::Boolean(boolean) => self.out.extend_from_slice(if boolean { b"true" } else { b"false" }),
            // Writing into memory does not fail.
            Value::Integer(integer) => _ = write!(self.out, "{integer}"),
        }
    }

    fn shadow<P: Primitive>(&mut self, primitive: &P) {
        self.members(|inner| inner.element(primitive.id(), primitive.extension()));
    }

    /// An array in which `write` returns false where it has nothing to say, which is `null`.
    fn array<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T) -> bool) {
        self.out.push(b'[');
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            if !write(self, item) {
                self.out.extend_from_slice(b"null");
            }
        }
        self.out.push(b']');
    }
}

fn has_shadow<P: Primitive>(primitive: &P) -> bool {
    debug_assert!(primitive.id() != Some(UNSET_MARKER), "a required element is not set");
    primitive.id().is_some() || !primitive.extension().is_empty()
}

impl Sink for Writer<'_> {
    fn attribute(&mut self, name: &'static str, value: &str) {
        debug_assert!(value != UNSET_MARKER, "a required element is not set");
        self.name(name);
        push_string(self.out, value);
    }

    fn primitive<P: Primitive>(&mut self, name: &'static str, primitive: &P) {
        if let Some(value) = primitive.value() {
            self.name(name);
            self.value(value);
        }
        if has_shadow(primitive) {
            self.shadow_name(name);
            self.shadow(primitive);
        }
    }

    fn primitives<P: Primitive>(&mut self, name: &'static str, primitives: &[P]) {
        if primitives.iter().any(|primitive| primitive.value().is_some()) {
            self.name(name);
            self.array(primitives, |writer, primitive| primitive.value().map(|value| writer.value(value)).is_some());
        }
        if primitives.iter().any(has_shadow) {
            self.shadow_name(name);
            self.array(primitives, |writer, primitive| {
                let shadowed = has_shadow(primitive);
                if shadowed {
                    writer.shadow(primitive);
                }
                shadowed
            });
        }
    }

    fn complex<E: Emit>(&mut self, name: &'static str, element: &E) {
        self.name(name);
        self.object(element);
    }

    fn complexes<E: Emit>(&mut self, name: &'static str, elements: &[E]) {
        if elements.is_empty() {
            return;
        }
        self.name(name);
        self.array(elements, |writer, element| {
            writer.object(element);
            true
        });
    }

    fn xhtml(&mut self, name: &'static str, div: &str) {
        self.name(name);
        push_string(self.out, div);
    }
}

#[cfg(test)]
mod tests;
