//! The elements of R4 that this service sends: one row for each element, in the order of R4.
//!
//! Each resource type has a table in [`mod@resources`], each backbone element in [`backbone`], each data type in [`data_types`];
//! [`mod@table`] defines their form. The tables drive writing to a [`Sink`] of any format, and cutting a resource to a part ([`keep`]).

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

/// fhirbolt puts this into the id of a required element that was never set.
pub const UNSET_MARKER: &str = "$invalid";

/// One element at the root of a resource type, as R4 defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    pub name: &'static str,
    /// Shown under `_summary=true`.
    pub summary: bool,
    pub mandatory: bool,
    /// Changes what the resource means: `?!` in R4.
    pub modifier: bool,
    /// R4 allows leaving it out, but an invariant or this service needs it.
    pub kept: bool,
}

impl Element {
    /// An optional element with nothing special about it.
    const fn plain(name: &'static str) -> Self {
        Self { name, summary: false, mandatory: false, modifier: false, kept: false }
    }

    /// Whether every part of a resource includes it.
    pub const fn is_always_kept(&self) -> bool {
        self.mandatory || self.modifier || self.kept
    }
}

/// Something with elements: a resource or a data type.
pub trait Emit: std::fmt::Debug {
    /// Passes every element that is set to `sink`, in the order of the R4 definition.
    fn emit<S: Sink>(&self, sink: &mut S);
}

/// A resource type that can be cut to a part.
trait Subsettable {
    /// The elements at its root.
    const ELEMENTS: &'static [Element];

    /// Unsets every root element for which `is_kept` is false, and returns `meta`, which always stays.
    fn keep(&mut self, is_kept: impl Fn(&Element) -> bool) -> &mut Meta;
}

/// The writer of a format, inside one object.
pub trait Sink: Sized {
    /// What XML writes as an attribute of the object: `Element.id` and `Extension.url`.
    fn attribute(&mut self, name: &'static str, value: &str);
    /// One primitive with its id and extensions. Nothing is written if all of them are missing.
    fn primitive<P: Primitive>(&mut self, name: &'static str, primitive: &P);
    /// Repeating primitives; nothing is written for an empty list.
    fn primitives<P: Primitive>(&mut self, name: &'static str, primitives: &[P]);
    /// One object.
    fn complex<E: Emit>(&mut self, name: &'static str, element: &E);
    /// Repeating objects; nothing is written for an empty list.
    fn complexes<E: Emit>(&mut self, name: &'static str, elements: &[E]);
    /// A resource inside another, with its own type: `Bundle.entry.resource`, `Bundle.entry.response.outcome`.
    fn resource(&mut self, name: &'static str, resource: &Resource);
    /// `Narrative.div`: a complete XHTML element.
    fn xhtml(&mut self, name: &'static str, div: &str);
}

#[cfg(test)]
mod tests;
