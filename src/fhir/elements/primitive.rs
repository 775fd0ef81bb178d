use super::Sink;
use super::field::{Field, Item};
use fhirbolt_model::r4::types::{self, Extension};

/// A FHIR primitive: an optional value, an id and extensions.
pub trait Primitive {
    fn value(&self) -> Option<PrimitiveValue<'_>>;
    fn id(&self) -> Option<&str>;
    fn extension(&self) -> &[Extension];

    /// Whether it has an id or extensions.
    fn has_shadow(&self) -> bool {
        debug_assert!(self.id() != Some(super::UNSET_MARKER), "a required element is not set");
        self.id().is_some() || !self.extension().is_empty()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrimitiveValue<'a> {
    Text(&'a str),
    Boolean(bool),
    Integer(i64),
}

macro_rules! primitive {
    ($form:path, $get:expr; $($kind:ident),+) => {
        $(impl Primitive for types::$kind {
            fn value(&self) -> Option<PrimitiveValue<'_>> {
                self.value.as_ref().map(|value| $form($get(value)))
            }

            fn id(&self) -> Option<&str> {
                self.id.as_deref()
            }

            fn extension(&self) -> &[Extension] {
                &self.extension
            }
        }

        impl Field for types::$kind {
            #[inline]
            fn emit_as<S: Sink>(&self, name: &'static str, sink: &mut S) {
                sink.primitive(name, self);
            }
        }

        impl Item for types::$kind {
            #[inline]
            fn emit_all_as<S: Sink>(items: &[Self], name: &'static str, sink: &mut S) {
                sink.primitives(name, items);
            }
        })+
    };
}

primitive!(PrimitiveValue::Text, String::as_str; Canonical, Code, Date, DateTime, Id, Instant, Markdown, String, Uri, Url);
primitive!(PrimitiveValue::Boolean, |value: &bool| *value; Boolean);
primitive!(PrimitiveValue::Integer, |value: &u32| i64::from(*value); PositiveInt, UnsignedInt);
