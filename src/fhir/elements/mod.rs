//! The elements of R4, as far as this service sends them: one row an element, in the order of R4.
//!
//! A resource type is one table in [`mod@resources`], what it is made of one in [`backbone`] or [`data_types`]; [`mod@table`] has their
//! form. From them come the writing, to a [`Sink`] of any format, and what is shown of a part ([`keep`]).

#[macro_use]
mod table;

mod backbone;
mod data_types;
mod field;
mod primitive;
mod resources;

pub use primitive::{Primitive, PrimitiveValue};
pub use resources::{keep, of, type_name};

use fhirbolt_model::r4::{Resource, types::Meta};

/// What fhirbolt puts into the id of a required element that was never set.
pub const UNSET_MARKER: &str = "$invalid";

/// One element at the root of a resource type, as R4 defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    pub name: &'static str,
    /// It is shown under `_summary=true`.
    pub summary: bool,
    pub mandatory: bool,
    /// It changes what the resource means: `?!` in R4.
    pub modifier: bool,
    /// Never left out though R4 allows it: an invariant or this service needs it.
    pub kept: bool,
}

impl Element {
    /// An optional element with nothing special about it.
    const fn plain(name: &'static str) -> Self {
        Self { name, summary: false, mandatory: false, modifier: false, kept: false }
    }

    /// Whether it stands in every part of a resource.
    pub const fn is_always_kept(&self) -> bool {
        self.mandatory || self.modifier || self.kept
    }
}

/// Something with elements: a resource or a data type.
pub trait Emit: std::fmt::Debug {
    /// Tells `sink` every element that is set, in the order of the R4 definition.
    fn emit<S: Sink>(&self, sink: &mut S);
}

/// A resource type that may be shown in part.
trait Subsettable {
    /// The elements at its root.
    const ELEMENTS: &'static [Element];

    /// Unsets every element at the root that `is_kept` does not keep. `meta` always stays.
    fn keep(&mut self, is_kept: impl Fn(&Element) -> bool) -> &mut Meta;
}

/// A format's writer, in the middle of one object.
pub trait Sink: Sized {
    /// What XML writes as an attribute of the object: `Element.id` and `Extension.url`.
    fn attribute(&mut self, name: &'static str, value: &str);
    /// One primitive with its id and extensions. Nothing is written when all of them are missing.
    fn primitive<P: Primitive>(&mut self, name: &'static str, primitive: &P);
    /// Repeating primitives. Nothing is written when there are none.
    fn primitives<P: Primitive>(&mut self, name: &'static str, primitives: &[P]);
    /// One object.
    fn complex<E: Emit>(&mut self, name: &'static str, element: &E);
    /// Repeating objects. Nothing is written when there are none.
    fn complexes<E: Emit>(&mut self, name: &'static str, elements: &[E]);
    /// A resource inside another, with its own type: `Bundle.entry.resource`, `Bundle.entry.response.outcome`.
    fn resource(&mut self, name: &'static str, resource: &Resource);
    /// `Narrative.div`: a complete XHTML element.
    fn xhtml(&mut self, name: &'static str, div: &str);
}

#[cfg(test)]
mod tests;
