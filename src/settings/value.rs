//! Values as they were given, before their keys are known: from TOML, JSON text or a variable.

use super::units::whole_number;
use toml::de::{DeTable, DeValue};

/// A value and its line in the file; variables have no lines.
#[derive(Clone)]
pub(super) struct Node {
    pub value: Value,
    pub line: Option<usize>,
}

#[derive(Clone)]
pub(super) enum Value {
    Text(String),
    /// A whole number that is not negative; no setting uses other numbers.
    Whole(u64),
    Switch(bool),
    List(Vec<Node>),
    Group(Vec<(String, Node)>),
    /// A type that no setting uses: its name, for a message.
    Useless(&'static str),
}

impl Value {
    /// The type of this value, with its article, for a message.
    pub(super) fn described(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Whole(_) => "a number",
            Self::Switch(_) => "true or false",
            Self::List(_) => "a list",
            Self::Group(_) => "a table",
            Self::Useless(name) => name,
        }
    }
}

/// A syntax fault and its line, without the text around it, which may be a secret.
pub(super) struct SyntaxFault {
    pub line: usize,
    pub problem: String,
}

/// Parses a TOML document. Returns what could be read, and every syntax fault.
pub(super) fn read_document(text: &str) -> (Vec<(String, Node)>, Vec<SyntaxFault>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let lines = Lines::of(text);
    let mut faults: Vec<SyntaxFault> = errors
        .iter()
        .map(|error| SyntaxFault {
            line: error.span().map_or(1, |span| lines.line_at(span.start)),
            problem: error.message().to_owned(),
        })
        .collect();
    faults.sort_by_key(|fault| fault.line);
    (group(table.get_ref(), &lines), faults)
}

/// Parses an array or a table from one text, as TOML or else as JSON. `None` if it is neither.
pub(super) fn read_inline(text: &str) -> Option<Node> {
    let node = match DeValue::parse(text) {
        Ok(value) => from_toml(value.get_ref(), None),
        Err(_) => from_json(&serde_json::from_str(text).ok()?),
    };
    Some(without_lines(node))
}

fn group(table: &DeTable<'_>, lines: &Lines) -> Vec<(String, Node)> {
    table
        .iter()
        .map(|(key, value)| {
            let line = lines.line_at(key.span().start);
            (key.get_ref().to_string(), from_toml(value.get_ref(), Some((line, lines))))
        })
        .collect()
}

fn from_toml(value: &DeValue<'_>, place: Option<(usize, &Lines)>) -> Node {
    let nowhere = Lines::default();
    let lines = place.map_or(&nowhere, |(_, lines)| lines);
    let value = match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).map_or(NEGATIVE, Value::Whole),
        DeValue::Boolean(switch) => Value::Switch(*switch),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| from_toml(item.get_ref(), place.map(|(_, lines)| (lines.line_at(item.span().start), lines))))
                .collect(),
        ),
        DeValue::Table(table) => Value::Group(group(table, lines)),
        DeValue::Float(_) => Value::Useless("a number with a fraction"),
        DeValue::Datetime(_) => Value::Useless("a date or time"),
    };
    Node { value, line: place.map(|(line, _)| line) }
}

const NEGATIVE: Value = Value::Useless("a number that is negative or too large");

fn from_json(json: &serde_json::Value) -> Node {
    let value = match json {
        serde_json::Value::String(text) => Value::Text(text.clone()),
        serde_json::Value::Number(number) => number.as_u64().map_or(NEGATIVE, Value::Whole),
        serde_json::Value::Bool(switch) => Value::Switch(*switch),
        serde_json::Value::Array(items) => Value::List(items.iter().map(from_json).collect()),
        serde_json::Value::Object(members) => {
            Value::Group(members.iter().map(|(name, value)| (name.clone(), from_json(value))).collect())
        }
        serde_json::Value::Null => Value::Useless("null"),
    };
    Node { value, line: None }
}

/// Line numbers inside the text of a variable would not help an operator.
fn without_lines(mut node: Node) -> Node {
    node.line = None;
    node.value = match node.value {
        Value::List(items) => Value::List(items.into_iter().map(without_lines).collect()),
        Value::Group(members) => Value::Group(members.into_iter().map(|(name, node)| (name, without_lines(node))).collect()),
        scalar => scalar,
    };
    node
}

/// Where each line starts, to turn a byte offset into a line number.
#[derive(Default)]
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    fn line_at(&self, offset: usize) -> usize {
        self.0.partition_point(|end| *end < offset) + 1
    }
}

/// Whether a part of a variable's name is an index into a list of tables.
pub(super) fn index(part: &str) -> Option<usize> {
    whole_number(part).and_then(|number| usize::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_the_line_of_each_value() {
        let (members, faults) = read_document("# head\n[smsp]\nurl = \"u\"\n\n[[access.issuers]]\nissuer = \"i\"\n");
        assert!(faults.is_empty());
        let (name, node) = &members[0];
        assert_eq!(name, "access");
        let Value::Group(access) = &node.value else { panic!("access is a table") };
        let Value::List(issuers) = &access[0].1.value else { panic!("issuers are a list") };
        let Value::Group(issuer) = &issuers[0].value else { panic!("an issuer is a table") };
        assert_eq!(issuer[0].1.line, Some(6));
        let Value::Group(smsp) = &members[1].1.value else { panic!("smsp is a table") };
        assert_eq!(smsp[0].1.line, Some(3));
    }

    #[test]
    fn a_fault_of_syntax_is_reported_without_its_text() {
        let (_, faults) = read_document("a = hunter2\nb = 1\nc == 2\n");
        assert!(faults.len() >= 2, "{}", faults.len());
        assert_eq!(faults[0].line, 1);
        assert!(faults.iter().all(|fault| !fault.problem.contains("hunter2")));
    }

    #[test]
    fn inline_text_is_toml_or_json() {
        for text in ["[{issuer=\"a\"}]", "[{\"issuer\":\"a\"}]"] {
            let node = read_inline(text).expect(text);
            assert!(matches!(&node.value, Value::List(items) if matches!(items[0].value, Value::Group(_))), "{text}");
        }
        assert!(read_inline("[issuer").is_none());
    }
}
