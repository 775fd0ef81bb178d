//! Which media type goes out and which may come in (fhir.md 3).

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
}

impl Format {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/fhir+json; charset=utf-8",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    #[error("None of the media types asked for can be given. This service writes application/fhir+json.")]
    NotAcceptable,
    #[error("This service speaks FHIR R4 (fhirVersion=4.0) only.")]
    OtherVersion,
    #[error("The body of a batch is application/fhir+json or application/fhir+xml.")]
    UnsupportedResourceType,
    #[error("The body of a search is application/x-www-form-urlencoded.")]
    UnsupportedContentType,
}

/// The format for `_format`, which wins, or for the `Accept` header; nothing said is JSON.
///
/// # Errors
/// [`MediaError`] when nothing that is asked for can be written.
pub fn negotiate(format: Option<&str>, accept: Option<&str>) -> Result<Format, MediaError> {
    match (format, accept) {
        // A plus that was not escaped arrives as a space.
        (Some(format), _) => one(&format.replace(' ', "+")),
        (None, Some(accept)) if !accept.trim().is_empty() => best(accept),
        _ => Ok(Format::Json),
    }
}

fn best(accept: &str) -> Result<Format, MediaError> {
    let mut refusal = MediaError::NotAcceptable;
    let mut best: Option<(u16, Format)> = None;
    for range in accept.split(',') {
        let weight = weight(range);
        match one(range) {
            Ok(format) if weight > 0 && best.is_none_or(|(most, _)| weight > most) => best = Some((weight, format)),
            Err(error @ MediaError::OtherVersion) => refusal = error,
            Ok(_) | Err(_) => {}
        }
    }
    best.map(|(_, format)| format).ok_or(refusal)
}

/// The `q` of a media range in thousandths; 1000 where there is none, 0 where it cannot be read.
fn weight(range: &str) -> u16 {
    let q = parameters(range).find(|(name, _)| name.eq_ignore_ascii_case("q"));
    let Some((_, value)) = q else { return 1000 };
    match value.parse::<f32>() {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped
        Ok(q) if q.is_finite() => (q.clamp(0.0, 1.0) * 1000.0) as u16,
        _ => 0,
    }
}

fn parameters(range: &str) -> impl Iterator<Item = (&str, &str)> {
    range
        .split(';')
        .skip(1)
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
}

fn one(range: &str) -> Result<Format, MediaError> {
    let media_type = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if parameters(range).any(|(name, value)| name.eq_ignore_ascii_case("fhirVersion") && value != "4.0") {
        return Err(MediaError::OtherVersion);
    }
    match media_type.as_str() {
        "application/fhir+json" | "application/json" | "text/json" | "json" | "*/*" | "application/*" => Ok(Format::Json),
        _ => Err(MediaError::NotAcceptable),
    }
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
mod tests {
    use super::*;

    #[test]
    fn every_name_of_json_gets_fhir_json() {
        for accept in [
            "application/fhir+json",
            "application/json",
            "text/json",
            "*/*",
            "application/*;q=0.1",
            "text/html, application/fhir+json;q=0.9",
            "application/fhir+json; fhirVersion=4.0",
            "Application/FHIR+JSON;charset=utf-8",
        ] {
            assert_eq!(negotiate(None, Some(accept)), Ok(Format::Json), "{accept}");
        }
        assert_eq!(negotiate(None, None), Ok(Format::Json));
        assert_eq!(negotiate(None, Some("")), Ok(Format::Json));
    }

    #[test]
    fn the_format_parameter_wins_and_its_plus_may_have_become_a_space() {
        assert_eq!(negotiate(Some("application/fhir json"), Some("text/html")), Ok(Format::Json));
        assert_eq!(negotiate(Some("json"), None), Ok(Format::Json));
        assert_eq!(negotiate(Some("html"), Some("*/*")), Err(MediaError::NotAcceptable));
    }

    #[test]
    fn what_cannot_be_given_is_refused() {
        assert_eq!(negotiate(None, Some("text/html")), Err(MediaError::NotAcceptable));
        assert_eq!(negotiate(None, Some("application/fhir+json;q=0")), Err(MediaError::NotAcceptable));
        assert_eq!(negotiate(None, Some("application/fhir+json;fhirVersion=3.0")), Err(MediaError::OtherVersion));
        assert_eq!(negotiate(None, Some("application/fhir+json;fhirVersion=3.0, */*;q=0.1")), Ok(Format::Json));
    }

    #[test]
    fn the_body_of_a_search_is_a_form_in_utf_8() {
        assert!(check_form(Some("application/x-www-form-urlencoded"), false).is_ok());
        assert!(check_form(Some("application/x-www-form-urlencoded; charset=UTF-8"), false).is_ok());
        assert!(check_form(None, true).is_ok());
        for refused in [None, Some("application/json"), Some("application/x-www-form-urlencoded; charset=iso-8859-1")] {
            assert_eq!(check_form(refused, false), Err(MediaError::UnsupportedContentType));
        }
    }
}
