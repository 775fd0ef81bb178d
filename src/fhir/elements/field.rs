//! What a field of fhirbolt's types can hold, and how each kind is passed to a [`Sink`].

use super::Sink;
use fhirbolt_model::r4::{Resource, types::Xhtml};

/// A field that is written: a primitive, an object or a choice of types; as it is, optional or repeating.
pub trait Field {
    fn emit_as<S: Sink>(&self, name: &'static str, sink: &mut S);

    /// Whether a mandatory field is empty. A single value never is: fhirbolt marks the ones that were not set.
    fn is_missing(&self) -> bool {
        false
    }
}

/// An item of a repeating field.
pub trait Item: Field + Sized {
    fn emit_all_as<S: Sink>(items: &[Self], name: &'static str, sink: &mut S);
}

impl<F: Field> Field for Box<F> {
    #[inline]
    fn emit_as<S: Sink>(&self, name: &'static str, sink: &mut S) {
        (**self).emit_as(name, sink);
    }
}

impl<F: Field> Field for Option<F> {
    #[inline]
    fn emit_as<S: Sink>(&self, name: &'static str, sink: &mut S) {
        if let Some(field) = self {
            field.emit_as(name, sink);
        }
    }
}

impl<I: Item> Field for Vec<I> {
    #[inline]
    fn emit_as<S: Sink>(&self, name: &'static str, sink: &mut S) {
        I::emit_all_as(self, name, sink);
    }

    fn is_missing(&self) -> bool {
        self.is_empty()
    }
}

/// `Element.id` and `Extension.url`.
impl Field for String {
    #[inline]
    fn emit_as<S: Sink>(&self, name: &'static str, sink: &mut S) {
        sink.attribute(name, self);
    }

    fn is_missing(&self) -> bool {
        self.is_empty()
    }
}

impl Field for Xhtml {
    #[inline]
    fn emit_as<S: Sink>(&self, name: &'static str, sink: &mut S) {
        debug_assert!(self.id.is_none(), "an id that is never written");
        sink.xhtml(name, &self.value);
    }

    fn is_missing(&self) -> bool {
        self.value.is_empty()
    }
}

impl Field for Resource {
    #[inline]
    fn emit_as<S: Sink>(&self, name: &'static str, sink: &mut S) {
        sink.resource(name, self);
    }
}

/// A field that is never written.
pub trait Unset {
    fn is_unset(&self) -> bool;
}

impl<T> Unset for Option<T> {
    fn is_unset(&self) -> bool {
        self.is_none()
    }
}

impl<T> Unset for Vec<T> {
    fn is_unset(&self) -> bool {
        self.is_empty()
    }
}
