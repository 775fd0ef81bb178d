//! A writer of XML that always escapes.

/// XML under construction. The call that opens an element also closes it.
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

    /// Text that is already XML.
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

/// Writes line ends and tabs as references, so that no normalisation changes them. A character that XML 1.0 cannot hold becomes U+FFFD.
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
