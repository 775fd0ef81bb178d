//! Which media type goes out and which may come in (fhir.md 3).

mod accept;
pub mod scrape;

use crate::fhir::layout::Layout;
use crate::fhir::search::pairs::Pair;
use crate::fhir::{json, xml};
use actix_web::HttpRequest;
use fhirbolt_model::r4::Resource;
use std::cell::Cell;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    Json,
    Xml,
}

impl Format {
    /// The first one is the one that nothing asked for gets.
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
    /// What stands where nothing else was agreed.
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

/// Bytes that `resource` will take, roughly: enough that the body seldom grows.
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
    #[error("The body of a search is application/x-www-form-urlencoded.")]
    UnsupportedContentType,
}

impl MediaError {
    /// The header or parameter at fault.
    pub fn at(self) -> &'static str {
        match self {
            Self::NotAcceptable { at } | Self::OtherVersion { at } | Self::NotABoolean { at } => at,
            Self::UnsupportedContentType | Self::UnsupportedResourceType => "Content-Type",
        }
    }
}

/// What a request says about the form of its answer. A posted search may say it in its body as well, so the last word is only
/// spoken when that has been read; until then the URL and the header decide, also for errors.
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
        Self::by(values.collect(), Wishes::among(pairs.iter().map(|(name, value)| (&**name, &**value))))
    }

    fn by(accept: Vec<String>, wishes: Wishes<'_>) -> Self {
        let agreed = agree(&accept, wishes);
        Self { accept, agreed: Cell::new(agreed) }
    }

    /// By all parameters, of URL and body together.
    ///
    /// # Errors
    /// [`MediaError`] when nothing that is asked for can be written.
    pub fn settle(&self, parameters: &[Pair]) -> Result<(), MediaError> {
        let wishes = Wishes::among(parameters.iter().map(|pair| (pair.name.as_str(), pair.value.as_str())));
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
struct Wishes<'p> {
    format: Option<&'p str>,
    pretty: Option<&'p str>,
}

impl<'p> Wishes<'p> {
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

/// `_format` wins over `Accept`. What is agreed stands beside a fault in the rest.
fn agree(accept: &[String], wishes: Wishes<'_>) -> (Presentation, Result<(), MediaError>) {
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

/// Checks the type of a search's body; none is fine where there is no body.
///
/// # Errors
/// [`MediaError::UnsupportedContentType`] for anything but a UTF-8 form.
pub fn check_form(content_type: Option<&str>, body_is_empty: bool) -> Result<(), MediaError> {
    let Some(content_type) = content_type else {
        return if body_is_empty { Ok(()) } else { Err(MediaError::UnsupportedContentType) };
    };
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let utf8 = parameters(content_type).all(|(name, value)| {
        !name.eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("us-ascii")
    });
    if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") && utf8 {
        Ok(())
    } else {
        Err(MediaError::UnsupportedContentType)
    }
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
/// [`MediaError::UnsupportedResourceType`] for anything but FHIR JSON or XML in UTF-8.
pub fn of_resource(content_type: Option<&str>) -> Result<Syntax, MediaError> {
    let content_type = content_type.ok_or(MediaError::UnsupportedResourceType)?;
    let utf8 = parameters(content_type)
        .all(|(name, value)| !name.eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8"));
    match content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/fhir+json" | "application/json" | "text/json" if utf8 => Ok(Syntax::Json),
        "application/fhir+xml" | "application/xml" | "text/xml" if utf8 => Ok(Syntax::Xml),
        _ => Err(MediaError::UnsupportedResourceType),
    }
}

#[cfg(test)]
mod tests;
