//! One neutral tree for both formats, read from the written document by parsers that are not ours.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;

/// One element, as R4 defines it for every format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    pub id: Option<String>,
    pub url: Option<String>,
    pub value: Option<String>,
    pub xhtml: Option<String>,
    pub children: Vec<Node>,
}

/// Whether XML 1.0 allows the character at all.
pub fn is_legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

impl Node {
    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Elements of one name in their order, and names sorted: JSON has no order of members.
    pub fn by_name(mut self) -> Self {
        self.children.sort_by(|one, other| one.name.cmp(&other.name));
        self.children = self.children.into_iter().map(Self::by_name).collect();
        self
    }

    pub fn of_json(resource: &Json) -> Self {
        let members = resource.as_object().unwrap();
        let mut node = Self::named(members["resourceType"].as_str().unwrap());
        node.read_members(members, true);
        node
    }

    fn read_members(&mut self, members: &Map<String, Json>, is_resource: bool) {
        let names: BTreeSet<&str> = members.keys().map(|key| key.strip_prefix('_').unwrap_or(key)).collect();
        let is_extension = self.name.ends_with("xtension");
        for name in names {
            let (value, shadow) = (members.get(name), members.get(&format!("_{name}")));
            match (name, value) {
                ("resourceType", _) => {}
                ("id", Some(Json::String(id))) if !is_resource => self.id = Some(id.clone()),
                ("url", Some(Json::String(url))) if is_extension => self.url = Some(url.clone()),
                ("div", Some(Json::String(div))) => {
                    self.children.push(Self { xhtml: Some(div.clone()), ..Self::named(name) });
                }
                _ => self.read_repeats(name, value, shadow),
            }
        }
    }

    fn read_repeats(&mut self, name: &str, value: Option<&Json>, shadow: Option<&Json>) {
        let lists = (value.and_then(Json::as_array), shadow.and_then(Json::as_array));
        let count = lists.0.or(lists.1).map_or(1, Vec::len);
        let of = |json: Option<&Json>, place: usize| match json {
            Some(Json::Array(items)) => items.get(place).cloned(),
            other => other.cloned(),
        };
        for place in 0..count {
            self.children.push(Self::of_element(name, of(value, place), of(shadow, place)));
        }
    }

    fn of_element(name: &str, value: Option<Json>, shadow: Option<Json>) -> Self {
        let mut node = Self::named(name);
        match value {
            None | Some(Json::Null) => {}
            Some(Json::Object(members)) if members.contains_key("resourceType") => {
                node.children.push(Self::of_json(&Json::Object(members)));
            }
            Some(Json::Object(members)) => node.read_members(&members, false),
            Some(Json::String(text)) => node.value = Some(text),
            Some(other) => node.value = Some(other.to_string()),
        }
        if let Some(Json::Object(members)) = shadow {
            node.read_members(&members, false);
        }
        node
    }

    /// Reads one document: FHIR's namespace only on the root, text only in XHTML.
    pub fn of_xml(document: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(document);
        let mut open = vec![Self::default()];
        loop {
            let before = usize::try_from(reader.buffer_position()).unwrap();
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(start) if start.name().as_ref() == "div" => {
                    reader.read_to_end(start.name()).map_err(|error| error.to_string())?;
                    let after = usize::try_from(reader.buffer_position()).unwrap();
                    let xhtml = Some(document[before..after].to_owned());
                    open.last_mut().unwrap().children.push(Self { xhtml, ..Self::named("div") });
                }
                Event::Start(start) => open.push(Self::of_tag(&start, open.len() == 1)?),
                Event::Empty(start) => {
                    let node = Self::of_tag(&start, open.len() == 1)?;
                    open.last_mut().unwrap().children.push(node);
                }
                Event::End(_) => {
                    let node = open.pop().unwrap();
                    open.last_mut().ok_or("an end too many")?.children.push(node);
                }
                Event::Text(text) if text.xml10_content().trim().is_empty() => {}
                Event::Decl(_) if before == 0 => {}
                Event::Eof => break,
                other => return Err(format!("{other:?} in FHIR")),
            }
        }
        match open.pop() {
            Some(mut document) if open.is_empty() && document.children.len() == 1 => Ok(document.children.remove(0)),
            _ => Err("not one root".to_owned()),
        }
    }

    fn of_tag(tag: &BytesStart<'_>, is_root: bool) -> Result<Self, String> {
        let mut node = Self::named(tag.name().as_ref());
        let mut namespace = None;
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
            if !value.chars().all(is_legal) {
                return Err("a character that XML cannot hold".to_owned());
            }
            let place = match attribute.key.as_ref() {
                "id" => &mut node.id,
                "url" => &mut node.url,
                "value" => &mut node.value,
                "xmlns" => &mut namespace,
                other => return Err(format!("an attribute {other}")),
            };
            *place = Some(value.into_owned());
        }
        let wanted = is_root.then_some("http://hl7.org/fhir");
        if namespace.as_deref() == wanted { Ok(node) } else { Err("a namespace too many or too few".to_owned()) }
    }
}
