//! Which media type goes out and which may come in (fhir.md 3).

mod accept;
pub mod scrape;

use crate::fhir::layout::Layout;
use crate::fhir::search::pairs::Pair;
use crate::fhir::{json, xml};
use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, HeaderMap};
use fhirbolt_model::r4::Resource;
use std::cell::Cell;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    Json,
    Xml,
}

impl Format {
    /// The first one is the default.
    pub const ALL: [Self; 2] = [Self::Json, Self::Xml];

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/fhir+json; charset=utf-8",
            Self::Xml => "application/fhir+xml; charset=utf-8",
        }
    }

    /// The format that is known by a media type in lower case, without parameters.
    fn of_media_type(name: &str) -> Option<Self> {
        match name {
            "application/fhir+json" | "application/json" | "text/json" => Some(Self::Json),
            "application/fhir+xml" | "application/xml" | "text/xml" => Some(Self::Xml),
            _ => None,
        }
    }
}

/// How an answer is written: its format, and whether it is indented for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Presentation {
    pub format: Format,
    pub pretty: bool,
}

impl Presentation {
    /// The default, if nothing else was agreed.
    pub const DEFAULT: Self = Self { format: Format::Json, pretty: false };

    /// The bytes of `resource` as it goes out.
    pub fn write(self, resource: &Resource) -> Vec<u8> {
        let mut out = Vec::with_capacity(size_hint(resource));
        let layout = if self.pretty { Layout::INDENTED } else { Layout::COMPACT };
        match self.format {
            Format::Json => json::write_laid_out(&mut out, resource, layout),
            Format::Xml => xml::write_resource(&mut out, resource, layout),
        }
        out
    }
}

/// The rough size of `resource` in bytes: enough that the body seldom has to grow.
fn size_hint(resource: &Resource) -> usize {
    match resource {
        Resource::Bundle(bundle) => 1024 + 3 * 1024 * bundle.entry.len(),
        _ => 3 * 1024,
    }
}

/// Why no media type could be agreed. `at` is the header or parameter at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    #[error(
        "None of the media types asked for can be given. This service writes application/fhir+json and application/fhir+xml."
    )]
    NotAcceptable { at: &'static str },
    #[error("This service speaks FHIR R4 (fhirVersion=4.0) only.")]
    OtherVersion { at: &'static str },
    #[error("The parameter must be true or false.")]
    NotABoolean { at: &'static str },
    #[error("The body of a batch is application/fhir+json or application/fhir+xml.")]
    UnsupportedResourceType,
    #[error(
        "The body of a search is application/x-www-form-urlencoded in UTF-8; in another charset it may hold nothing but what is the same \
         in ASCII."
    )]
    UnsupportedContentType,
    #[error("The body must not be compressed: send it without Content-Encoding.")]
    Compressed,
}

impl MediaError {
    /// The header or parameter at fault.
    pub fn at(self) -> &'static str {
        match self {
            Self::NotAcceptable { at } | Self::OtherVersion { at } | Self::NotABoolean { at } => at,
            Self::UnsupportedContentType | Self::UnsupportedResourceType => "Content-Type",
            Self::Compressed => "Content-Encoding",
        }
    }
}

/// What a request says about the format of its answer. A posted search may name it in its body as well, so the choice is final
/// once that has been read; until then the URL and the header decide, for errors as well.
pub struct Negotiation {
    accept: Vec<String>,
    agreed: Cell<(Presentation, Result<(), MediaError>)>,
}

impl Negotiation {
    /// By the URL and the `Accept` header.
    pub fn of(request: &HttpRequest) -> Self {
        // A value that is not ASCII is a range that cannot be read, which is not the same as none.
        let values = request.headers().get_all("Accept").map(|value| value.to_str().unwrap_or("unreadable").to_owned());
        let pairs: Vec<_> = form_urlencoded::parse(request.query_string().as_bytes()).collect();
        Self::by(values.collect(), FormatParameters::among(pairs.iter().map(|(name, value)| (&**name, &**value))))
    }

    fn by(accept: Vec<String>, wishes: FormatParameters<'_>) -> Self {
        let agreed = agree(&accept, wishes);
        Self { accept, agreed: Cell::new(agreed) }
    }

    /// By all parameters, of URL and body together.
    ///
    /// # Errors
    /// [`MediaError`] when nothing that is asked for can be written.
    pub fn settle(&self, parameters: &[Pair]) -> Result<(), MediaError> {
        let wishes = FormatParameters::among(parameters.iter().map(|pair| (pair.name.as_str(), pair.value.as_str())));
        let agreed = agree(&self.accept, wishes);
        self.agreed.set(agreed);
        agreed.1
    }

    /// As agreed so far; where nothing could be agreed, JSON.
    pub fn presentation(&self) -> Presentation {
        self.agreed.get().0
    }

    /// # Errors
    /// [`MediaError`] when nothing could be agreed so far.
    pub fn fault(&self) -> Result<(), MediaError> {
        self.agreed.get().1
    }
}

/// What the parameters say: the first `_format` and `_pretty` that have a value. The URL's come first.
#[derive(Clone, Copy, Default)]
struct FormatParameters<'p> {
    format: Option<&'p str>,
    pretty: Option<&'p str>,
}

impl<'p> FormatParameters<'p> {
    fn among(parameters: impl Iterator<Item = (&'p str, &'p str)>) -> Self {
        let mut wishes = Self::default();
        for (name, value) in parameters.map(|(name, value)| (name, value.trim())).filter(|(_, value)| !value.is_empty()) {
            match name {
                "_format" => wishes.format = wishes.format.or(Some(value)),
                "_pretty" => wishes.pretty = wishes.pretty.or(Some(value)),
                _ => {}
            }
        }
        wishes
    }
}

/// `_format` wins over `Accept`. What is agreed is returned along with a fault in the rest.
fn agree(accept: &[String], wishes: FormatParameters<'_>) -> (Presentation, Result<(), MediaError>) {
    let format = match wishes.format {
        Some(format) => of_parameter(format),
        None => accept::preferred(accept.iter().map(String::as_str), "Accept"),
    };
    let pretty = match wishes.pretty {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(MediaError::NotABoolean { at: "_pretty" }),
    };
    let fallback = Presentation::DEFAULT;
    let presentation = Presentation { format: format.unwrap_or(fallback.format), pretty: pretty.unwrap_or(fallback.pretty) };
    (presentation, format.and(pretty).map(drop))
}

fn of_parameter(format: &str) -> Result<Format, MediaError> {
    // A plus that was not escaped arrives as a space.
    let format = format.replace(' ', "+");
    match format.to_ascii_lowercase().as_str() {
        "json" => Ok(Format::Json),
        "xml" => Ok(Format::Xml),
        _ => accept::preferred(std::iter::once(format.as_str()), "_format"),
    }
}

fn parameters(range: &str) -> impl Iterator<Item = (&str, &str)> {
    range
        .split(';')
        .skip(1)
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
}

/// The pieces of a header's value between separators; one inside quotes does not separate.
pub(super) fn unquoted(line: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    line.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

/// Checks that the body of a request is not encoded.
///
/// # Errors
/// [`MediaError::Compressed`] where `Content-Encoding` says otherwise.
pub fn check_coding(headers: &HeaderMap) -> Result<(), MediaError> {
    let lines = headers.get_all(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("unreadable"));
    let mut codings = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|coding| !coding.is_empty());
    if codings.all(|coding| coding.eq_ignore_ascii_case("identity")) { Ok(()) } else { Err(MediaError::Compressed) }
}

/// How a charset encodes the bytes of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Utf8,
    /// It contains ASCII: what is ASCII is the same in it, and everything else is not.
    AroundAscii,
    Unknown,
}

impl Charset {
    /// The beginnings of the names of charsets that contain ASCII.
    const AROUND_ASCII: [&str; 16] = [
        "us-ascii",
        "ascii",
        "ansi_x3",
        "iso-8859-",
        "iso8859",
        "iso_8859",
        "latin",
        "windows-",
        "cp125",
        "koi8-",
        "macintosh",
        "gb",
        "big5",
        "euc-",
        "tis-620",
        "ibm819",
    ];

    /// By the parameter of a media type; UTF-8 where there is none.
    fn of(content_type: &str) -> Self {
        let Some((_, name)) = parameters(content_type).find(|(name, _)| name.eq_ignore_ascii_case("charset")) else {
            return Self::Utf8;
        };
        let name = name.to_ascii_lowercase();
        if matches!(name.as_str(), "utf-8" | "utf8") {
            Self::Utf8
        } else if Self::AROUND_ASCII.iter().any(|known| name.starts_with(known)) {
            Self::AroundAscii
        } else {
            Self::Unknown
        }
    }

    fn can_read(self, body: &[u8]) -> bool {
        match self {
            Self::Utf8 => true,
            Self::AroundAscii => body.is_ascii(),
            Self::Unknown => false,
        }
    }
}

/// The text of a body without a byte order mark (RFC 8259 8.1 lets it be passed over).
pub fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// The form in the body of a search, without a final line end. An empty body needs no type.
///
/// # Errors
/// [`MediaError::UnsupportedContentType`] for anything but a form in UTF-8, or in ASCII under whatever name.
pub fn form<'b>(content_type: Option<&str>, body: &'b [u8]) -> Result<&'b [u8], MediaError> {
    let Some(content_type) = content_type else {
        return if body.is_empty() { Ok(body) } else { Err(MediaError::UnsupportedContentType) };
    };
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let charset = Charset::of(content_type);
    // An escape is a byte of the charset too.
    let is_escaped = |pair: &[u8]| pair[0] == b'%' && matches!(pair[1], b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F');
    let is_read = charset.can_read(body) && (charset == Charset::Utf8 || !body.windows(2).any(is_escaped));
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") || !is_read {
        return Err(MediaError::UnsupportedContentType);
    }
    let end = body.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    Ok(without_mark(&body[..end]))
}

/// How a resource in a request's body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    Json,
    Xml,
}

/// The syntax of a body that is a resource.
///
/// # Errors
/// [`MediaError::UnsupportedResourceType`] for anything but FHIR JSON or XML in UTF-8, or in ASCII under whatever name.
pub fn of_resource(content_type: Option<&str>, body: &[u8]) -> Result<Syntax, MediaError> {
    let content_type = content_type.ok_or(MediaError::UnsupportedResourceType)?;
    let is_read = Charset::of(content_type).can_read(body);
    match content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/fhir+json" | "application/json" | "text/json" if is_read => Ok(Syntax::Json),
        "application/fhir+xml" | "application/xml" | "text/xml" if is_read => Ok(Syntax::Xml),
        _ => Err(MediaError::UnsupportedResourceType),
    }
}

#[cfg(test)]
mod tests;
