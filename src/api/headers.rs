//! What the caller's headers say (fhir.md 4, decisions.md 13).

use super::media::unquoted;
use crate::cpis::{CallerId, CareSetting, NhsNumber, Text};
use crate::fhir::search::Handling;
use crate::lookup::Freshness;
use actix_web::http::header::HeaderMap;

/// A header is missing or malformed. Its value is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The header {header} {reason}.")]
pub struct HeaderError {
    pub header: &'static str,
    pub reason: &'static str,
    pub missing: bool,
}

/// The headers that matter, read.
#[derive(Debug, Clone, Default)]
pub struct CallerHeaders {
    pub request_id: Option<CallerId>,
    pub correlation_id: Option<CallerId>,
    /// Whether the correlation id came as `TraceID`, which is then echoed too.
    pub trace_id: Option<CallerId>,
    /// `IsUnscheduledAccessEvent`; absent means unscheduled.
    pub unscheduled: Option<bool>,
    pub care_setting: Option<CareSetting>,
    /// `CPIS-New-Look` and `Cache-Control`.
    pub freshness: Freshness,
    /// `Prefer: handling=...`
    pub handling: Option<Handling>,
    /// A well-formed W3C `traceparent`.
    pub traceparent: Option<Text>,
    /// The request had no readable `X-Request-ID`, so this one was made here.
    pub request_id_was_made: bool,
}

/// The settings require an `X-Request-ID`, and the request has none.
pub const REQUEST_ID_MISSING: HeaderError = HeaderError { header: "X-Request-ID", reason: "is required", missing: true };

/// `/PatientFlag` is for callers that say that their access is unscheduled (decisions.md 3).
pub const UNSCHEDULED_MISSING: HeaderError =
    HeaderError { header: "IsUnscheduledAccessEvent", reason: "is required here, and true", missing: true };

impl CallerHeaders {
    /// Reads the headers. Readable ids are returned even if another header is at fault, so that they are echoed.
    pub fn read(headers: &HeaderMap) -> (Self, Result<(), HeaderError>) {
        let mut read = Self::default();
        let mut fault = Ok(());
        let mut note = |result: Result<(), HeaderError>| {
            if fault.is_ok() {
                fault = result;
            }
        };
        note(caller_id(headers, "X-Request-ID").map(|id| read.request_id = id));
        note(caller_id(headers, "X-Correlation-ID").map(|id| read.correlation_id = id));
        note(caller_id(headers, "TraceID").map(|id| read.trace_id = id));
        note(unscheduled(headers).map(|unscheduled| read.unscheduled = unscheduled));
        note(care_setting(headers).map(|setting| read.care_setting = setting));
        note(freshness(headers).map(|freshness| read.freshness = freshness));
        read.handling = handling(headers);
        read.traceparent = traceparent(headers);
        (read, fault)
    }

    /// With a fresh request id if the request had none.
    pub fn with_request_id(mut self) -> Self {
        if self.request_id.is_none() {
            self.request_id = CallerId::parse(&uuid::Uuid::new_v4().to_string()).ok();
            self.request_id_was_made = true;
        }
        self
    }
}

/// The one value of a header as text.
fn single<'a>(headers: &'a HeaderMap, header: &'static str) -> Result<Option<&'a str>, HeaderError> {
    let mut values = headers.get_all(header);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed(header, "is given more than once"));
    }
    value.to_str().map(|text| Some(text.trim())).map_err(|_| malformed(header, "is not plain text"))
}

fn malformed(header: &'static str, reason: &'static str) -> HeaderError {
    HeaderError { header, reason, missing: false }
}

fn caller_id(headers: &HeaderMap, header: &'static str) -> Result<Option<CallerId>, HeaderError> {
    let Some(id) = single(headers, header)? else { return Ok(None) };
    CallerId::parse(id).map(Some).map_err(|error| malformed(header, error.reason()))
}

fn unscheduled(headers: &HeaderMap) -> Result<Option<bool>, HeaderError> {
    const NAME: &str = "IsUnscheduledAccessEvent";
    let values = [single(headers, NAME)?, single(headers, "IsUnscheduledEvent")?];
    let mut said = None;
    for value in values.into_iter().flatten() {
        let value = match value.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => return Err(malformed(NAME, "is either true or false")),
        };
        if said.is_some_and(|earlier| earlier != value) {
            return Err(malformed(NAME, "contradicts its alias"));
        }
        said = Some(value);
    }
    Ok(said)
}

fn care_setting(headers: &HeaderMap) -> Result<Option<CareSetting>, HeaderError> {
    const NAME: &str = "CPIS-Care-Setting";
    // As servers write it for a variable that is not set (decisions.md 51).
    let is_set = |code: &&str| !matches!(*code, "" | "-" | "(null)");
    let Some(code) = single(headers, NAME)?.filter(is_set) else { return Ok(None) };
    CareSetting::parse(code).map(Some).ok_or_else(|| malformed(NAME, "is not the code of an unscheduled care setting"))
}

fn freshness(headers: &HeaderMap) -> Result<Freshness, HeaderError> {
    const NAME: &str = "CPIS-New-Look";
    match single(headers, NAME)? {
        Some("true") => return Ok(Freshness::NewLook),
        None | Some("false") => {}
        Some(_) => return Err(malformed(NAME, "is either true or false")),
    }
    let directives = headers.get_all("Cache-Control").filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let no_cache = directives.map(str::trim).any(|directive| directive.eq_ignore_ascii_case("no-cache"));
    Ok(if no_cache { Freshness::NoCache } else { Freshness::Shared })
}

/// `handling` among the preferences of every `Prefer` header (RFC 7240): the first one counts; its value may be quoted; what
/// follows a semicolon is a parameter, and of its own preference only.
fn handling(headers: &HeaderMap) -> Option<Handling> {
    let lines = headers.get_all("Prefer").filter_map(|value| value.to_str().ok());
    let preferences = lines.flat_map(|line| unquoted(line, ',')).filter_map(|preference| unquoted(preference, ';').next());
    let mut values = preferences.filter_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        name.trim().eq_ignore_ascii_case("handling").then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    });
    match values.next()?.as_str() {
        "strict" => Some(Handling::Strict),
        "lenient" => Some(Handling::Lenient),
        _ => None,
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>`; anything else counts as absent, as W3C asks, and so does an NHS number padded with zeros.
/// A later version may be longer, and is continued as 00: of its flags, only "sampled" is known.
fn traceparent(headers: &HeaderMap) -> Option<Text> {
    let text = single(headers, "traceparent").ok()??;
    let parts: Vec<&str> = text.splitn(5, '-').collect();
    let hex = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    let is_number = |part: &str| NhsNumber::parse(part).is_ok();
    let random = |part: &str| !zero(part) && !is_number(part.trim_start_matches('0')) && !is_number(part.trim_end_matches('0'));
    let [version, trace, span, flags, more @ ..] = parts.as_slice() else { return None };
    let is_version = hex(version, 2) && *version != "ff" && (*version != "00" || more.is_empty());
    if !(is_version && hex(trace, 32) && hex(span, 16) && hex(flags, 2) && random(trace) && random(span)) {
        return None;
    }
    let known = if *version == "00" { 0xff } else { 0x01 };
    let flags = u8::from_str_radix(flags, 16).ok()? & known;
    Some(format!("00-{trace}-{span}-{flags:02x}").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
    }

    fn read(pairs: &[(&'static str, &str)]) -> (CallerHeaders, Result<(), HeaderError>) {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            let (name, value) = header(name, value).unwrap();
            map.append(name, value);
        }
        CallerHeaders::read(&map)
    }

    #[test]
    fn an_id_that_cannot_be_taken_is_refused_by_the_name_of_its_header() {
        for id in ["short", "with space and more", "semi;colon-semi", "9990000018", "child9990000018", &"x".repeat(129), ""] {
            for name in ["X-Request-ID", "X-Correlation-ID", "TraceID"] {
                let fault = read(&[(name, id)]).1.unwrap_err();
                assert_eq!(fault.header, name, "{id}");
                assert!(id.is_empty() || !fault.to_string().contains(id), "{fault}");
            }
        }
    }

    #[test]
    fn which_of_two_ids_is_meant_is_not_guessed() {
        for other in ["abcdefgh", "ABCDEFGH", "ijklmnop"] {
            let (headers, fault) = read(&[("X-Request-ID", "abcdefgh"), ("X-Request-ID", other)]);
            assert_eq!((headers.request_id, fault.unwrap_err().reason), (None, "is given more than once"));
        }
        // As a proxy joins them.
        assert!(read(&[("X-Request-ID", "abcdefgh, abcdefgh")]).1.is_err());
    }

    #[test]
    fn an_id_is_echoed_even_when_another_header_is_at_fault() {
        let (headers, fault) = read(&[("X-Request-ID", "abcdefgh"), ("IsUnscheduledAccessEvent", "maybe")]);
        assert!(fault.is_err());
        assert_eq!(headers.request_id.as_ref().map(CallerId::as_received), Some("abcdefgh"));
    }

    #[test]
    fn whether_the_access_is_unscheduled_is_true_or_false_or_unsaid() {
        assert_eq!(read(&[]).0.unscheduled, None);
        assert_eq!(read(&[("IsUnscheduledAccessEvent", "true")]).0.unscheduled, Some(true));
        assert_eq!(read(&[("IsUnscheduledEvent", "false")]).0.unscheduled, Some(false));
        assert_eq!(read(&[("isunscheduledACCESSevent", "TRUE")]).0.unscheduled, Some(true));
        assert_eq!(read(&[("IsUnscheduledAccessEvent", "False")]).0.unscheduled, Some(false));
        assert!(read(&[("IsUnscheduledAccessEvent", "TRUE ish")]).1.is_err());
        assert!(read(&[("IsUnscheduledAccessEvent", "true"), ("IsUnscheduledEvent", "false")]).1.is_err());
    }

    #[test]
    fn a_malformed_traceparent_is_as_none() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(read(&[("traceparent", good)]).0.traceparent.is_some());
        let padded = format!("00-{:0>32}-b7ad6b7169203331-01", "9990000018");
        let as_span = format!("00-0af7651916cd43dd8448eb211c80319c-{:0<16}-01", "9990000018");
        for bad in
            ["", "00-0-0-0", "00-00000000000000000000000000000000-b7ad6b7169203331-01", &good.to_uppercase(), &padded, &as_span]
        {
            assert!(read(&[("traceparent", bad)]).0.traceparent.is_none(), "{bad}");
        }
    }

    #[test]
    fn a_traceparent_of_a_later_version_is_continued_as_the_first() {
        let ids = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
        let read = |value: &str| read(&[("traceparent", value)]).0.traceparent.map(|text| text.as_str().to_owned());
        for (value, flags) in [
            (format!("01-{ids}-01-extra"), "01"),
            (format!("01-{ids}-01"), "01"),
            (format!("cc-{ids}-00-what-ever"), "00"),
            (format!("fe-{ids}-fe-"), "00"),
            (format!("00-{ids}-03"), "03"),
        ] {
            assert_eq!(read(&value), Some(format!("00-{ids}-{flags}")), "{value}");
        }
        for bad in [
            format!("00-{ids}-01-extra"),
            format!("ff-{ids}-01"),
            format!("01-{ids}-01.x"),
            format!("01-{ids}"),
            format!("1-{ids}-01"),
        ] {
            assert_eq!(read(&bad), None, "{bad}");
        }
    }

    #[test]
    fn handling_is_read_among_other_preferences() {
        assert_eq!(read(&[("Prefer", "return=minimal, handling=lenient")]).0.handling, Some(Handling::Lenient));
        assert_eq!(read(&[("Prefer", "handling = strict")]).0.handling, Some(Handling::Strict));
        assert_eq!(read(&[("Prefer", "handling=odd")]).0.handling, None);
        for (lines, wanted) in [
            (&[r#"handling="lenient""#][..], Some(Handling::Lenient)),
            (&[r#"Handling = "STRICT" ; wait=10"#], Some(Handling::Strict)),
            (&["return=minimal", "respond-async, handling=lenient"], Some(Handling::Lenient)),
            (&["handling=strict", "handling=lenient"], Some(Handling::Strict)),
            (&["handling=odd, handling=lenient"], None),
            // Neither a parameter of another preference nor a word inside quotes is a preference.
            (&["return=minimal; handling=lenient"], None),
            (&[r#"foo="a, handling=lenient""#], None),
            (&["handling", "handling=\"lenient\""], Some(Handling::Lenient)),
        ] {
            let pairs: Vec<_> = lines.iter().map(|line| ("Prefer", *line)).collect();
            assert_eq!(read(&pairs).0.handling, wanted, "{lines:?}");
        }
    }
}
