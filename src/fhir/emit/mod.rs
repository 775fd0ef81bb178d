//! Walks a resource in the order of R4 and tells a [`Sink`] what is there. One walk serves every format.
//!
//! Only the types that this service sends are known. Each walk takes its type apart field by field, so the compiler tells of
//! every field; those that we never set are checked to be unset when debug assertions are on.

mod bundle;
mod capability;
mod data_types;
mod outcome;
mod people;
mod plans;
mod primitive;

pub use primitive::{Primitive, Value};

use fhirbolt_model::r4::{Resource, types::Extension};

/// What fhirbolt puts into the id of a required element that was never set.
pub const UNSET_MARKER: &str = "$invalid";

/// Something with elements: a resource or a data type.
pub trait Emit: std::fmt::Debug {
    /// Tells `sink` every element that is set, in the order of the R4 definition.
    fn emit<S: Sink>(&self, sink: &mut S);
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

    fn optional<P: Primitive>(&mut self, name: &'static str, primitive: Option<&P>) {
        if let Some(primitive) = primitive {
            self.primitive(name, primitive);
        }
    }

    fn optional_complex<E: Emit>(&mut self, name: &'static str, element: Option<&E>) {
        if let Some(element) = element {
            self.complex(name, element);
        }
    }

    fn optional_resource(&mut self, name: &'static str, resource: Option<&Resource>) {
        if let Some(resource) = resource {
            self.resource(name, resource);
        }
    }

    /// The beginning of every data type: `Element.id` and its extensions.
    fn element(&mut self, id: Option<&str>, extension: &[Extension]) {
        if let Some(id) = id {
            self.attribute("id", id);
        }
        self.complexes("extension", extension);
    }
}

/// The name of a resource's type, where it is one that we send.
#[must_use]
pub fn type_name(resource: &Resource) -> Option<&'static str> {
    Some(match resource {
        Resource::AuditEvent(_) => "AuditEvent",
        Resource::Bundle(_) => "Bundle",
        Resource::CapabilityStatement(_) => "CapabilityStatement",
        Resource::CarePlan(_) => "CarePlan",
        Resource::CareTeam(_) => "CareTeam",
        Resource::Device(_) => "Device",
        Resource::EpisodeOfCare(_) => "EpisodeOfCare",
        Resource::Flag(_) => "Flag",
        Resource::OperationOutcome(_) => "OperationOutcome",
        Resource::Organization(_) => "Organization",
        Resource::Patient(_) => "Patient",
        Resource::PractitionerRole(_) => "PractitionerRole",
        Resource::SearchParameter(_) => "SearchParameter",
        _ => return None,
    })
}

impl Emit for Resource {
    fn emit<S: Sink>(&self, sink: &mut S) {
        match self {
            Resource::AuditEvent(resource) => resource.emit(sink),
            Resource::Bundle(resource) => resource.emit(sink),
            Resource::CapabilityStatement(resource) => resource.emit(sink),
            Resource::CarePlan(resource) => resource.emit(sink),
            Resource::CareTeam(resource) => resource.emit(sink),
            Resource::Device(resource) => resource.emit(sink),
            Resource::EpisodeOfCare(resource) => resource.emit(sink),
            Resource::Flag(resource) => resource.emit(sink),
            Resource::OperationOutcome(resource) => resource.emit(sink),
            Resource::Organization(resource) => resource.emit(sink),
            Resource::Patient(resource) => resource.emit(sink),
            Resource::PractitionerRole(resource) => resource.emit(sink),
            Resource::SearchParameter(resource) => resource.emit(sink),
            _ => debug_assert!(false, "a resource type that this service does not send"),
        }
    }
}

/// A field that may be unset.
trait Unset {
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

/// Fields that no builder sets, and that no walk would show: they must stay unset.
macro_rules! never_set {
    ($($field:ident),+ $(,)?) => {
        $(debug_assert!($crate::fhir::emit::Unset::is_unset($field), concat!(stringify!($field), " is set but never written"));)+
    };
}
use never_set;

#[cfg(test)]
mod tests;
