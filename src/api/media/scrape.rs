//! The `Accept` header of a scrape: the text format of Prometheus, or OpenMetrics if that is preferred.

use super::accept::{split, weight};
use super::parameters;
use crate::telemetry::PageFormat;
use actix_web::http::header::{ACCEPT, HeaderMap};

/// How narrowly a range names a format, and its `q` in thousandths. The narrower range of a format decides about it.
type ScrapeMatch = Option<(FormatSpecificity, u16)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum FormatSpecificity {
    /// `*/*`
    Any,
    /// `application/*`, `text/*`
    Type,
    Exact,
}

/// The preferred format; text if both are equal or neither is named.
pub fn wanted(headers: &HeaderMap) -> PageFormat {
    preferred(headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok()))
}

fn preferred<'l>(lines: impl Iterator<Item = &'l str>) -> PageFormat {
    let (mut text, mut open): (ScrapeMatch, ScrapeMatch) = (None, None);
    for range in lines.flat_map(split) {
        let Some(weight) = weight(range) else { continue };
        let media_type = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let (of_text, of_open) = match media_type.as_str() {
            "*/*" => (Some(FormatSpecificity::Any), Some(FormatSpecificity::Any)),
            "text/*" => (Some(FormatSpecificity::Type), None),
            "text/plain" => (Some(FormatSpecificity::Exact), None),
            "application/*" => (None, Some(FormatSpecificity::Type)),
            "application/openmetrics-text" if is_version_1(range) => (None, Some(FormatSpecificity::Exact)),
            _ => continue,
        };
        text = text.max(of_text.map(|breadth| (breadth, weight)));
        open = open.max(of_open.map(|breadth| (breadth, weight)));
    }
    let weighed = |claim: ScrapeMatch| claim.filter(|(_, weight)| *weight > 0).map(|(breadth, weight)| (weight, breadth));
    if weighed(open) > weighed(text) { PageFormat::OpenMetrics } else { PageFormat::Text }
}

fn is_version_1(range: &str) -> bool {
    let mut version = parameters(range).filter(|(name, _)| name.eq_ignore_ascii_case("version"));
    version.all(|(_, value)| value == "1.0.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_open(accept: &[&str]) -> bool {
        preferred(accept.iter().copied()) == PageFormat::OpenMetrics
    }

    #[test]
    fn prometheus_gets_openmetrics() {
        for accept in [
            // 2.50, 3.0, and what an operator's scrapeProtocols can make of it
            "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "Application/OpenMetrics-Text",
        ] {
            assert!(is_open(&[accept]), "{accept}");
        }
        assert!(is_open(&["text/plain;q=0.3", "application/openmetrics-text;version=1.0.0"]), "over several headers");
    }

    #[test]
    fn whoever_does_not_ask_for_it_gets_text() {
        for accept in [
            "",
            "*/*",
            "text/plain",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json",
            "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;q=0.4",
            "text/plain, application/openmetrics-text",
            "application/openmetrics-text;version=1.0.0;q=0",
            "application/openmetrics-text;version=2.0.0",
            // Prometheus before 2.34 asks for this draft.
            "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;q=much",
        ] {
            assert!(!is_open(&[accept]), "{accept}");
        }
        assert!(!is_open(&[]));
    }

    #[test]
    fn a_range_with_a_star_gives_way_to_one_that_names_the_format() {
        assert!(is_open(&["*/*, application/openmetrics-text"]));
        assert!(is_open(&["text/plain;q=0, */*"]));
        assert!(!is_open(&["application/openmetrics-text;q=0.1, */*;q=0.5"]));
    }
}
