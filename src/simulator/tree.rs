//! Parses the XML of a request strictly into a small tree. The contract check looks at every element of it.

use quick_xml::{
    NsReader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
    name::ResolveResult,
};

const MAX_DEPTH: usize = 64;
const MAX_ATTRIBUTES: usize = 32;

/// Why a text is not accepted as XML. Does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct XmlError(pub &'static str);

/// One element with its namespace resolved.
#[derive(Debug, Default)]
pub(super) struct XmlElement {
    /// Empty if the element is in no namespace.
    pub namespace: String,
    pub name: String,
    pub attributes: Vec<XmlAttribute>,
    pub children: Vec<XmlElement>,
    /// The text directly in this element, trimmed.
    pub text: String,
}

#[derive(Debug)]
pub(super) struct XmlAttribute {
    pub namespace: String,
    pub name: String,
    pub value: String,
}

impl XmlElement {
    pub fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }

    /// The value of an attribute without a namespace.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attribute_in("", name)
    }

    pub fn attribute_in(&self, namespace: &str, name: &str) -> Option<&str> {
        self.attributes.iter().find(|a| a.namespace == namespace && a.name == name).map(|a| a.value.as_str())
    }

    /// Every child with that local name, in any namespace.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first child with that local name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The element at the end of a path of local names, taking the first of each.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }

    /// This element and everything below it.
    pub fn walk(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        for child in &self.children {
            child.walk(visit);
        }
    }
}

/// Reads one document: no DTD, no processing instruction, one root, bounded depth.
pub(super) fn read(text: &str) -> Result<XmlElement, XmlError> {
    let mut reader = NsReader::from_str(text);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.check_comments = true;
    let mut open: Vec<XmlElement> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event().map_err(|_| XmlError("the XML is not well formed"))? {
            Event::Start(start) => {
                if root.is_some() || open.len() >= MAX_DEPTH {
                    return Err(XmlError("the XML has a second root or is nested too deeply"));
                }
                open.push(element(&reader, &start)?);
            }
            Event::End(_) => {
                let mut closed = open.pop().ok_or(XmlError("the XML is not well formed"))?;
                closed.text = String::from(closed.text.trim());
                match open.last_mut() {
                    Some(parent) => parent.children.push(closed),
                    None => root = Some(closed),
                }
            }
            Event::Text(content) => text_to(&mut open, &content.xml10_content())?,
            Event::CData(content) => text_to(&mut open, &content.xml10_content())?,
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|_| XmlError("a character reference is not legal"))?;
                match character {
                    Some(character) => text_to(&mut open, character.encode_utf8(&mut [0; 4]))?,
                    None => text_to(
                        &mut open,
                        resolve_predefined_entity(&reference.xml10_content()).ok_or(XmlError("an entity is not defined"))?,
                    )?,
                }
            }
            Event::DocType(_) => return Err(XmlError("a DTD is not allowed")),
            Event::PI(_) => return Err(XmlError("a processing instruction is not allowed")),
            Event::Decl(_) | Event::Comment(_) | Event::Empty(_) => {}
            Event::Eof => break,
        }
    }
    if open.is_empty() { root.ok_or(XmlError("there is no XML")) } else { Err(XmlError("the XML ends too early")) }
}

fn text_to(open: &mut [XmlElement], text: &str) -> Result<(), XmlError> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim_start_matches('\u{feff}').trim().is_empty() => {}
        None => return Err(XmlError("there is text outside the root element")),
    }
    Ok(())
}

fn element(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<XmlElement, XmlError> {
    let (namespace, name) = reader.resolver().resolve_element(start.name());
    let mut element =
        XmlElement { namespace: namespace_of(&namespace)?, name: name.as_ref().to_owned(), ..XmlElement::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| XmlError("an attribute is not well formed or doubled"))?;
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        if element.attributes.len() >= MAX_ATTRIBUTES {
            return Err(XmlError("an element has too many attributes"));
        }
        let (namespace, name) = reader.resolver().resolve_attribute(attribute.key);
        let value =
            attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| XmlError("an attribute's value is not legal"))?;
        element.attributes.push(XmlAttribute {
            namespace: namespace_of(&namespace)?,
            name: name.as_ref().to_owned(),
            value: value.into_owned(),
        });
    }
    Ok(element)
}

fn namespace_of(resolved: &ResolveResult<'_>) -> Result<String, XmlError> {
    match resolved {
        ResolveResult::Unbound => Ok(String::new()),
        ResolveResult::Bound(namespace) => Ok(namespace.0.to_owned()),
        ResolveResult::Unknown(_) => Err(XmlError("a prefix is not bound")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_text_and_references_are_read() {
        let root = read("<a:x xmlns:a='urn:a' xmlns='urn:d'><y a:b='1' c='&lt;2'> t&amp;&#65; </y></a:x>").unwrap();
        assert!(root.is("urn:a", "x"));
        let child = root.child("y").unwrap();
        assert!(child.is("urn:d", "y"));
        assert_eq!((child.attribute("c"), child.attribute_in("urn:a", "b")), (Some("<2"), Some("1")));
        assert_eq!(child.text, "t&A");
    }

    #[test]
    fn what_is_not_one_plain_document_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
        for text in [
            "",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "<!DOCTYPE a><a/>",
            "<?p q?><a/>",
            "<p:a/>",
            "<a>&x;</a>",
            "<a b='1' b='2'/>",
            deep.as_str(),
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
