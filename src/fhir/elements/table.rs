//! The form of the tables.
//!
//! ```text
//! Flag: DomainResource {
//!     never encounter "encounter" summary,
//!     sent  status    "status"    summary mandatory modifier,
//! }
//! ```
//!
//! A row says whether we ever set the element, its field in fhirbolt's type, its name, and which properties of
//! [`Element`](super::Element) it has. Below the root of a resource, and for resources that are always whole, only `mandatory` matters, so
//! only that is given. The kind (Element, BackboneElement, Resource or DomainResource) adds the rows that all its types begin with.
//!
//! A field without a row does not compile. A `never` field that is set, and an empty mandatory list, fail a debug assertion.

/// A type's table: makes it [`Emit`](super::Emit), and a DomainResource [`Subsettable`](super::Subsettable).
macro_rules! table {
    ($type:ident: Element { $($rows:tt)* }) => {
        table! { $type {
            sent id "id",
            sent extension "extension",
            $($rows)*
        } }
    };
    ($type:ident: BackboneElement { $($rows:tt)* }) => {
        table! { $type {
            sent  id                 "id",
            sent  extension          "extension",
            never modifier_extension "modifierExtension",
            $($rows)*
        } }
    };
    ($type:ident: Resource { $($rows:tt)* }) => {
        table! { $type {
            sent  id             "id",
            sent  meta           "meta",
            never implicit_rules "implicitRules",
            never language       "language",
            $($rows)*
        } }
    };
    ($type:ident: DomainResource { $($rows:tt)* }) => {
        table! { @in_part $type {
            sent  id                 "id"                summary kept,
            sent  meta               "meta"              summary kept,
            never implicit_rules     "implicitRules"     summary modifier,
            never language           "language",
            sent  text               "text",
            never contained          "contained",
            sent  extension          "extension",
            never modifier_extension "modifierExtension" modifier,
            $($rows)*
        } }
    };
    (@in_part $type:ident { $($use:ident $field:ident $name:literal $($is:ident)*,)* }) => {
        table! { $type { $($use $field $name $($is)*,)* } }

        impl $crate::fhir::elements::Subsettable for $type {
            const ELEMENTS: &'static [$crate::fhir::elements::Element] = &[$(table!(@row $name $($is)*)),*];

            fn keep(&mut self, is_kept: impl Fn(&$crate::fhir::elements::Element) -> bool) -> &mut fhirbolt_model::r4::types::Meta {
                $(if !is_kept(&const { table!(@row $name $($is)*) }) {
                    self.$field = Default::default();
                })*
                self.meta.get_or_insert_default()
            }
        }
    };
    ($type:ident { $($use:ident $field:ident $name:literal $($is:ident)*,)* }) => {
        impl $crate::fhir::elements::Emit for $type {
            fn emit<S: $crate::fhir::elements::Sink>(&self, sink: &mut S) {
                let Self { $($field),* } = self;
                $(table!(@$use $type $field $name sink $($is)*);)*
            }
        }

        impl $crate::fhir::elements::field::Field for $type {
            #[inline]
            fn emit_as<S: $crate::fhir::elements::Sink>(&self, name: &'static str, sink: &mut S) {
                sink.complex(name, self);
            }
        }

        impl $crate::fhir::elements::field::Item for $type {
            #[inline]
            fn emit_all_as<S: $crate::fhir::elements::Sink>(items: &[Self], name: &'static str, sink: &mut S) {
                sink.complexes(name, items);
            }
        }
    };
    (@row $name:literal $($is:ident)*) => {
        $crate::fhir::elements::Element { $($is: true,)* ..$crate::fhir::elements::Element::plain($name) }
    };
    (@sent $type:ident $field:ident $name:literal $sink:ident $($is:ident)*) => {
        debug_assert!(
            !(const { table!(@row $name $($is)*).mandatory } && $crate::fhir::elements::field::Field::is_missing($field)),
            concat!(stringify!($type), ".", $name, " is required")
        );
        $crate::fhir::elements::field::Field::emit_as($field, $name, $sink);
    };
    (@never $type:ident $field:ident $name:literal $sink:ident $($is:ident)*) => {
        debug_assert!(
            $crate::fhir::elements::field::Unset::is_unset($field),
            concat!(stringify!($field), " is set but never written")
        );
    };
}

/// Several types' tables.
macro_rules! tables {
    ($($type:ident $(: $kind:ident)? { $($rows:tt)* })*) => {
        $(table! { $type $(: $kind)? { $($rows)* } })*
    };
}

/// A choice of types (`value[x]`): the ones that are sent, each with the name of its element.
macro_rules! choice {
    ($type:ident { $($variant:ident $name:literal),* }) => {
        impl $crate::fhir::elements::field::Field for $type {
            #[inline]
            fn emit_as<S: $crate::fhir::elements::Sink>(&self, name: &'static str, sink: &mut S) {
                match self {
                    $(Self::$variant(value) => value.emit_as($name, sink),)*
                    _ => debug_assert!(false, "a type of {name}[x] that is never sent"),
                }
            }
        }
    };
}

/// The tables of every resource type that is sent, and the functions that dispatch on the type of a
/// [`Resource`](fhirbolt_model::r4::Resource).
macro_rules! resources {
    (
        in_part { $($part:ident: $part_kind:ident { $($part_rows:tt)* })* }
        whole { $($whole:ident: $whole_kind:ident { $($whole_rows:tt)* })* }
    ) => {
        tables! {
            $($part: $part_kind { $($part_rows)* })*
            $($whole: $whole_kind { $($whole_rows)* })*
        }

        /// The name of a resource's type, or `None` for one that we never send.
        #[must_use]
        pub fn type_name(resource: &Resource) -> Option<&'static str> {
            Some(match resource {
                $(Resource::$part(_) => stringify!($part),)*
                $(Resource::$whole(_) => stringify!($whole),)*
                _ => return None,
            })
        }

        impl Emit for Resource {
            fn emit<S: Sink>(&self, sink: &mut S) {
                match self {
                    $(Resource::$part(resource) => resource.emit(sink),)*
                    $(Resource::$whole(resource) => resource.emit(sink),)*
                    _ => debug_assert!(false, "a resource type that this service does not send"),
                }
            }
        }

        /// The elements at the root of a type.
        #[must_use]
        pub fn of(kind: ResourceType) -> &'static [Element] {
            match kind {
                $(ResourceType::$part => $part::ELEMENTS,)*
            }
        }

        /// Unsets every root element of `resource` for which `is_kept` is false, and returns its `meta`. `None` for a type that is
        /// always whole.
        pub fn keep(resource: &mut Resource, is_kept: impl Fn(&Element) -> bool) -> Option<&mut Meta> {
            match resource {
                $(Resource::$part(resource) => Some(resource.keep(is_kept)),)*
                _ => None,
            }
        }
    };
}
