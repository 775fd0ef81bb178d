//! A streaming reader of hostile XML. It checks every limit of wire.md 3.10 in one place and for every element, including skipped ones.
//! Names are matched without their prefix (wire.md 3.5, row 10).

use super::attributes::{Attributes, begins_as_name, is_allowed, leading_name};
use crate::cpis::Malformed;
use memchr::memchr;
use quick_xml::{
    Reader,
    events::{BytesDecl, BytesRef, Event},
};
use std::borrow::Cow;

/// The most bytes of a body, even after decompression. A full answer is about 10 KB.
pub(super) const LARGEST_BODY: usize = 2 * 1024 * 1024;
/// The deepest nesting. A good answer in all its wrappers has about 25 levels.
const DEEPEST: usize = 64;
/// The most bytes of a text. No name, number or title is nearly as long; only a whole payload as text may be ([`Document::long_text`]).
pub(super) const LONGEST_TEXT: usize = 64 * 1024;
/// The most elements. A full answer (25 accesses, a few records) has fewer than 1000.
const MOST_ELEMENTS: usize = 20_000;

/// Why a document was refused. Does not repeat its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadError {
    Unreadable(Malformed),
    TooLarge,
}

/// Traces of a record anywhere in the document: the protection against a false "no record" (decisions.md 1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RecordTraces {
    /// There is a `pertinentInformation14`, or anything else that only a record has.
    pub(super) record: bool,
    /// The number of plan templates, known or not.
    pub(super) templates: usize,
}

impl RecordTraces {
    fn note(&mut self, name: &str) {
        if is_plan_template(name) {
            self.record = true;
            self.templates += 1;
        } else if is_record_part(name) {
            self.record = true;
        }
    }
}

fn is_record_part(name: &str) -> bool {
    const PARTS: [&str; 5] =
        ["pertinentInformation14", "pertinentInformation15", "CP-ISRecord", "pertinentCP-ISRecordControlAct", "record"];
    // The families of children and unborn children (wire.md 3.3).
    const SUBJECTS: [&str; 2] = ["COCT_TP145100", "COCT_TP145101"];
    PARTS.iter().any(|part| name.eq_ignore_ascii_case(part))
        || SUBJECTS.iter().any(|family| name.get(..family.len()).is_some_and(|start| start.eq_ignore_ascii_case(family)))
}

/// Whether a text contains the name of an element that only a record has. No person's name and no title does.
fn names_record_part(text: &str) -> bool {
    const NAMES: [&str; 5] = ["pertinentInformation14", "pertinentInformation15", "CP-ISRecord", "COCT_TP14510", "COCT_TP146"];
    const SHORTEST: usize = 10;
    text.len() >= SHORTEST && !is_space(text) && NAMES.iter().any(|name| text.contains(name))
}

/// Whether HL7 V3 allows the element in any element, relation or participation: it concerns form, not content. `negationInd` is not one
/// of these.
pub(super) fn is_infrastructure(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "contentId",
        "realmCode",
        "typeId",
        "templateId",
        "seperatableInd",
        "separatableInd",
        "sequenceNumber",
        "priorityNumber",
        "inversionInd",
        "contextControlCode",
        "contextConductionInd",
        "localVariableName",
    ];
    NAMES.contains(&name)
}

/// COCT_TP146xxx is the family of plans; the endings are those of the three known templates (wire.md 3.2).
pub(super) fn is_plan_template(name: &str) -> bool {
    const FAMILY: &[u8] = b"COCT_TP146";
    const ENDINGS: [&[u8]; 3] = [b"LAC", b"UCP", b"CPP"];
    let name = name.as_bytes();
    let begins = name.get(..FAMILY.len()).is_some_and(|start| start.eq_ignore_ascii_case(FAMILY));
    begins
        || without_ending(name, b"Information")
            .is_some_and(|rest| ENDINGS.iter().any(|ending| without_ending(rest, ending).is_some()))
}

/// The part before `ending`, ignoring case.
fn without_ending<'n>(name: &'n [u8], ending: &[u8]) -> Option<&'n [u8]> {
    let (rest, end) = name.split_at_checked(name.len().checked_sub(ending.len())?)?;
    end.eq_ignore_ascii_case(ending).then_some(rest)
}

/// One step through a document.
pub(super) enum XmlToken<'a> {
    /// A start tag: its local name.
    Open(&'a str),
    /// Decoded text inside the root.
    Text(Cow<'a, str>),
    Close,
    /// The document ended correctly.
    End,
}

/// A document being read.
///
/// Elements are read by level: take [`Document::level`] of the element whose start tag was read last, then call [`Document::child`] with
/// that level until it returns `None`. The unread rest of a child is skipped, but still checked.
pub(super) struct Document<'a> {
    source: &'a str,
    reader: Reader<&'a [u8]>,
    attributes: Attributes<'a>,
    depth: usize,
    elements: usize,
    /// The element read last was `<name/>`, so its end is the next step.
    ends_at_once: bool,
    traces: RecordTraces,
}

impl<'a> Document<'a> {
    /// Checks the whole document: size, encoding, control characters.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, ReadError> {
        if bytes.len() > LARGEST_BODY {
            return Err(ReadError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ReadError::Unreadable(Malformed::NotUtf8))?;
        let source = text.strip_prefix('\u{feff}').unwrap_or(text);
        // A second byte order mark is text outside the root, which quick-xml would drop silently.
        if source.starts_with('\u{feff}') {
            return Err(ReadError::Unreadable(Malformed::TextOutsideRoot));
        }
        // Without an early exit, so that the compiler can check many bytes at once.
        let controls = source.bytes().fold(0, |bad, b| bad | u8::from(b < b' ' && b != b'\t' && b != b'\n' && b != b'\r'));
        if controls != 0 {
            return Err(ReadError::Unreadable(Malformed::ControlCharacter));
        }
        let mut reader = Reader::from_str(source);
        // This reader expands empty elements itself, because quick-xml would allocate the name of each.
        reader.config_mut().enable_all_checks(true);
        Ok(Self {
            source,
            reader,
            attributes: Attributes::default(),
            depth: 0,
            elements: 0,
            ends_at_once: false,
            traces: RecordTraces::default(),
        })
    }

    /// The level of the element read last; the root is 1.
    pub(super) fn level(&self) -> usize {
        self.depth
    }

    /// The traces of a record so far.
    pub(super) fn traces(&self) -> RecordTraces {
        self.traces
    }

    /// An unprefixed attribute of the start tag read last, decoded and trimmed.
    pub(super) fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        self.attributes.get(name)
    }

    /// The local name of the next child of the element at `level` (0: the root itself); `None` when that element has ended.
    pub(super) fn child(&mut self, level: usize) -> Result<Option<&'a str>, ReadError> {
        if self.depth < level {
            return Ok(None);
        }
        loop {
            match self.next()? {
                XmlToken::Open(name) if self.depth == level + 1 => return Ok(Some(name)),
                XmlToken::Close if self.depth < level => return Ok(None),
                XmlToken::End => return Ok(None),
                _ => {}
            }
        }
    }

    /// The text directly in the element read last, up to its end.
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>, ReadError> {
        self.text_within(LONGEST_TEXT)
    }

    /// A text that may be as long as the document.
    pub(super) fn long_text(&mut self) -> Result<Cow<'a, str>, ReadError> {
        self.text_within(LARGEST_BODY)
    }

    fn text_within(&mut self, limit: usize) -> Result<Cow<'a, str>, ReadError> {
        let level = self.depth;
        let mut text = Cow::Borrowed("");
        loop {
            match self.next()? {
                XmlToken::Text(piece) if self.depth == level => {
                    append(&mut text, piece);
                    check_length(text.len(), limit)?;
                }
                XmlToken::Close if self.depth < level => return Ok(text),
                XmlToken::End => return Ok(text),
                _ => {}
            }
        }
    }

    /// Reads to the end of the document, so that all of it is checked.
    pub(super) fn finish(&mut self) -> Result<(), ReadError> {
        while !matches!(self.next()?, XmlToken::End) {}
        Ok(())
    }

    /// The next step, checked.
    pub(super) fn next(&mut self) -> Result<XmlToken<'a>, ReadError> {
        if std::mem::take(&mut self.ends_at_once) {
            return Ok(self.end());
        }
        loop {
            let from = self.position();
            match self.reader.read_event().map_err(|_| ReadError::Unreadable(Malformed::Syntax))? {
                Event::Start(_) => return self.start(from).map(XmlToken::Open),
                Event::Empty(_) => {
                    self.ends_at_once = true;
                    return self.start(from).map(XmlToken::Open);
                }
                Event::End(_) => return Ok(self.end()),
                Event::Text(text) if self.depth > 0 => return Ok(self.noted(text.xml10_content())),
                Event::Text(text) if is_space(&text) => {}
                Event::CData(text) if self.depth > 0 => return Ok(self.noted(text.xml10_content())),
                Event::GeneralRef(reference) if self.depth > 0 => return resolve(&reference).map(|text| self.noted(text)),
                Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                    return Err(ReadError::Unreadable(Malformed::TextOutsideRoot));
                }
                Event::Comment(_) => {}
                Event::Decl(declaration) if from == 0 => check_encoding(&declaration)?,
                Event::Decl(_) | Event::PI(_) => return Err(ReadError::Unreadable(Malformed::ProcessingInstruction)),
                Event::DocType(_) => return Err(ReadError::Unreadable(Malformed::DocumentType)),
                Event::Eof if self.depth > 0 => return Err(ReadError::Unreadable(Malformed::Truncated)),
                Event::Eof if self.elements == 0 => return Err(ReadError::Unreadable(Malformed::NoRoot)),
                Event::Eof => return Ok(XmlToken::End),
            }
        }
    }

    /// A document may contain a record as text, escaped once or more (decisions.md 54).
    fn noted(&mut self, text: Cow<'a, str>) -> XmlToken<'a> {
        self.traces.record |= names_record_part(&text);
        XmlToken::Text(text)
    }

    fn end(&mut self) -> XmlToken<'a> {
        self.depth = self.depth.saturating_sub(1);
        XmlToken::Close
    }

    fn start(&mut self, from: usize) -> Result<&'a str, ReadError> {
        if self.depth == 0 && self.elements > 0 {
            return Err(ReadError::Unreadable(Malformed::TwoRoots));
        }
        self.depth += 1;
        self.elements += 1;
        if self.depth > DEEPEST {
            return Err(ReadError::Unreadable(Malformed::TooDeep));
        }
        if self.elements > MOST_ELEMENTS {
            return Err(ReadError::Unreadable(Malformed::TooManyElements));
        }
        let tag = self.tag(from).ok_or(ReadError::Unreadable(Malformed::StartTag))?;
        let (name, attributes) = leading_name(tag).ok_or(ReadError::Unreadable(Malformed::ElementName))?;
        let name = local_name(name).ok_or(ReadError::Unreadable(Malformed::ElementName))?;
        self.attributes.scan(attributes)?;
        self.traces.note(name);
        Ok(name)
    }

    /// The text between the brackets of the start tag at `from`, borrowed from the source and not from the event.
    fn tag(&self, from: usize) -> Option<&'a str> {
        let tag = self.source.get(from..self.position())?.strip_prefix('<')?.strip_suffix('>')?;
        Some(tag.strip_suffix('/').unwrap_or(tag))
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }
}

pub(super) fn check_length(length: usize, limit: usize) -> Result<(), ReadError> {
    if length > limit { Err(ReadError::Unreadable(Malformed::LongText)) } else { Ok(()) }
}

fn append<'a>(text: &mut Cow<'a, str>, piece: Cow<'a, str>) {
    if text.is_empty() {
        *text = piece;
    } else {
        text.to_mut().push_str(&piece);
    }
}

fn is_space(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// The part of a name after the prefix; `None` if either part is not a name, or there are two prefixes.
fn local_name(name: &str) -> Option<&str> {
    let Some(colon) = memchr(b':', name.as_bytes()) else { return Some(name) };
    let local = &name[colon + 1..];
    (colon > 0 && begins_as_name(local) && memchr(b':', local.as_bytes()).is_none()).then_some(local)
}

fn resolve<'a>(reference: &BytesRef<'a>) -> Result<Cow<'a, str>, ReadError> {
    let known = match reference.as_ref() {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "apos" => "'",
        "quot" => "\"",
        _ => {
            let character = reference.resolve_char_ref().ok().flatten().ok_or(ReadError::Unreadable(Malformed::UnknownEntity))?;
            return if is_allowed(character) {
                Ok(Cow::Owned(character.to_string()))
            } else {
                Err(ReadError::Unreadable(Malformed::ControlCharacter))
            };
        }
    };
    Ok(Cow::Borrowed(known))
}

fn check_encoding(declaration: &BytesDecl<'_>) -> Result<(), ReadError> {
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(name)) if name.eq_ignore_ascii_case("UTF-8") || name.eq_ignore_ascii_case("US-ASCII") => Ok(()),
        Some(_) => Err(ReadError::Unreadable(Malformed::OtherEncoding)),
    }
}
