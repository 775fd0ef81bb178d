//! A writer of XML that cannot forget to escape.

/// XML under construction. Elements that are opened are closed by the same call.
#[derive(Default)]
pub(super) struct Xml(String);

impl Xml {
    pub fn new() -> Self {
        Self(String::with_capacity(8 * 1024))
    }

    pub fn finish(self) -> String {
        self.0
    }

    /// `<name a="b">…</name>`, with what `inside` writes between the tags.
    pub fn element(&mut self, name: &str, attributes: &[(&str, &str)], inside: impl FnOnce(&mut Self)) {
        self.open(name, attributes);
        self.0.push('>');
        inside(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// `<name a="b"/>`
    pub fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.open(name, attributes);
        self.0.push_str("/>");
    }

    /// `<name>text</name>`
    pub fn text(&mut self, name: &str, text: &str) {
        self.element(name, &[], |xml| xml.escaped(text));
    }

    /// Character data, escaped.
    pub fn escaped(&mut self, text: &str) {
        escape(&mut self.0, text);
    }

    /// What is already XML.
    pub fn raw(&mut self, xml: &str) {
        self.0.push_str(xml);
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            escape(&mut self.0, value);
            self.0.push('"');
        }
    }
}

/// Line ends and tabs go out as references, so that neither attribute nor line-end normalisation changes them; what XML 1.0
/// cannot carry at all becomes U+FFFD.
fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(character),
        }
    }
}
