//! The `Accept` header: which format its media ranges prefer (RFC 9110, 12.5.1).

use super::{Format, MediaError, parameters};

/// The only FHIR version that this service speaks.
const FHIR_VERSION: &str = "4.0";

/// How narrowly a range names what it means; the narrower one decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Specificity {
    /// `*/*`
    Any,
    /// `application/*`, `text/*`
    Type,
    Exact(Format),
}

/// One media range that could be read.
struct Range {
    breadth: Specificity,
    /// `q` in thousandths.
    weight: u16,
    other_version: bool,
}

/// What is known of one format: of the narrowest ranges that cover it, the first of those with the highest `q`.
#[derive(Clone, Copy)]
struct FormatMatch {
    breadth: Specificity,
    weight: u16,
    place: usize,
}

/// The format that the header prefers, `lines` being its values, however many times it was sent. The higher `q` wins, then what
/// is listed first, then JSON. An empty header means JSON.
///
/// # Errors
/// [`MediaError`] when nothing that is asked for can be written. A range that cannot be read asks for nothing.
pub(super) fn preferred<'l>(lines: impl Iterator<Item = &'l str>, at: &'static str) -> Result<Format, MediaError> {
    let ranges = lines.flat_map(split).map(str::trim).filter(|range| !range.is_empty());
    let mut claims: [Option<FormatMatch>; Format::ALL.len()] = [None; Format::ALL.len()];
    let (mut said, mut other_version) = (false, false);
    for (place, text) in ranges.enumerate() {
        said = true;
        let Some(range) = Range::read(text) else { continue };
        if range.other_version {
            other_version = true;
            continue;
        }
        for (format, claim) in Format::ALL.into_iter().zip(&mut claims) {
            range.claim(format, place, claim);
        }
    }
    if !said {
        return Ok(Format::Json);
    }
    let refusal = if other_version { MediaError::OtherVersion { at } } else { MediaError::NotAcceptable { at } };
    let wanted = Format::ALL.into_iter().zip(claims).filter_map(|(format, claim)| claim.map(|claim| (format, claim)));
    wanted
        .filter(|(_, claim)| claim.weight > 0)
        .min_by_key(|(_, claim)| (std::cmp::Reverse(claim.weight), claim.place))
        .map(|(format, _)| format)
        .ok_or(refusal)
}

impl Range {
    /// `None` for what is no media range, or none of ours.
    fn read(text: &str) -> Option<Self> {
        let media_type = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let breadth = match media_type.as_str() {
            "*/*" => Specificity::Any,
            "application/*" | "text/*" => Specificity::Type,
            name => Specificity::Exact(Format::of_media_type(name)?),
        };
        let version = parameters(text).find(|(name, _)| name.eq_ignore_ascii_case("fhirVersion"));
        Some(Self { breadth, weight: weight(text)?, other_version: version.is_some_and(|(_, value)| value != FHIR_VERSION) })
    }

    fn claim(&self, format: Format, place: usize, claim: &mut Option<FormatMatch>) {
        let covers = !matches!(self.breadth, Specificity::Exact(named) if named != format);
        let better = claim.is_none_or(|held| (self.breadth, self.weight) > (held.breadth, held.weight));
        if covers && better {
            *claim = Some(FormatMatch { breadth: self.breadth, weight: self.weight, place });
        }
    }
}

/// The `q` of a media range in thousandths; 1000 where there is none, `None` where it cannot be read.
pub(super) fn weight(range: &str) -> Option<u16> {
    let Some((_, value)) = parameters(range).find(|(name, _)| name.eq_ignore_ascii_case("q")) else { return Some(1000) };
    let q = value.parse::<f32>().ok().filter(|q| (0.0..=1.0).contains(q))?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and 1000
    let thousandths = (q * 1000.0).round() as u16;
    Some(thousandths)
}

/// The ranges between commas; a comma inside quotes does not separate.
pub(super) fn split(line: &str) -> impl Iterator<Item = &str> {
    super::unquoted(line, ',')
}
