//! Structure: the attributes and children of an element, and their order. Everything else is prohibited.

use super::Violation;
use crate::simulator::tree::XmlElement;

/// A child's local name, and how often it occurs here: at least and at most.
pub(super) type ChildRule<'a> = (&'a str, usize, usize);

/// Checks the namespace, the attributes and the order of the children. Attributes are required and not empty, unless their name here ends
/// in `?`.
pub(super) fn shape(
    element: &XmlElement,
    namespace: &str,
    attributes: &[&str],
    children: &[ChildRule<'_>],
) -> Result<(), Violation> {
    let name = &element.name;
    if element.namespace != namespace {
        return Err(Violation::invalid(format!("{name} must be in the namespace {namespace}")));
    }
    check_attributes(element, attributes)?;
    if !element.text.is_empty() {
        return Err(Violation::invalid(format!("{name} must not hold text")));
    }
    let mut rest = element.children.as_slice();
    for (child, least, most) in children {
        let found = rest.iter().take_while(|next| next.name == *child).count();
        if found < *least || found > *most {
            return Err(Violation::invalid(format!(
                "{name} must hold {child} {least} to {most} times, in the order of the schema"
            )));
        }
        rest = &rest[found..];
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(Violation::invalid(format!("{name} holds an element that is prohibited or out of order")))
    }
}

/// The text of an element that holds only text.
pub(super) fn text<'a>(element: &'a XmlElement, namespace: &str) -> Result<&'a str, Violation> {
    let name = &element.name;
    if element.namespace != namespace || !element.children.is_empty() || element.text.is_empty() {
        return Err(Violation::invalid(format!("{name} must hold text and nothing else")));
    }
    check_attributes(element, &[])?;
    Ok(&element.text)
}

fn check_attributes(element: &XmlElement, allowed: &[&str]) -> Result<(), Violation> {
    let name = &element.name;
    let known = |wanted: &str| allowed.iter().any(|attribute| attribute.trim_end_matches('?') == wanted);
    if element.attributes.iter().any(|a| !a.namespace.is_empty() || !known(&a.name)) {
        return Err(Violation::invalid(format!("{name} has an attribute that is prohibited")));
    }
    for attribute in allowed {
        let value = element.attribute(attribute.trim_end_matches('?'));
        if value.is_some_and(str::is_empty) || value.is_none() && !attribute.ends_with('?') {
            return Err(Violation::invalid(format!("{name}/@{} must be there and not empty", attribute.trim_end_matches('?'))));
        }
    }
    Ok(())
}

/// The child called `name`, which [`shape`] has checked.
pub(super) fn child<'a>(element: &'a XmlElement, name: &str) -> Result<&'a XmlElement, Violation> {
    element.child(name).ok_or_else(|| Violation::invalid(format!("{} must hold {name}", element.name)))
}

/// 8-4-4-4-12 hexadecimal digits.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// As [`is_uuid`], in upper case.
pub(super) fn is_upper_uuid(text: &str) -> bool {
    is_uuid(text) && !text.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// The UUID of an id that must also be an XML name: `uuid_` and the UUID.
pub(super) fn uuid_in_name(text: &str) -> Option<&str> {
    let at = text.len().checked_sub(36)?;
    let (prefix, uuid) = (text.get(..at)?, text.get(at..)?);
    let is_name = !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    (is_name && is_uuid(uuid)).then_some(uuid)
}
