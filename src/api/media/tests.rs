use super::*;

const JSON: Result<Format, MediaError> = Ok(Format::Json);
const XML: Result<Format, MediaError> = Ok(Format::Xml);
const NEITHER: Result<Format, MediaError> = Err(MediaError::NotAcceptable { at: "Accept" });
const OTHER_VERSION: Result<Format, MediaError> = Err(MediaError::OtherVersion { at: "Accept" });

fn negotiated(accept: &[&str], parameters: &[(&str, &str)]) -> (Presentation, Result<(), MediaError>) {
    let accept = accept.iter().map(|&line| line.to_owned()).collect();
    let negotiation = Negotiation::by(accept, FormatParameters::among(parameters.iter().copied()));
    (negotiation.presentation(), negotiation.fault())
}

fn format(accept: &[&str], parameters: &[(&str, &str)]) -> Result<Format, MediaError> {
    let (presentation, fault) = negotiated(accept, parameters);
    assert!(fault.is_ok() || presentation.format == Format::Json, "where nothing is agreed, errors are JSON");
    fault.map(|()| presentation.format)
}

#[test]
fn the_accept_header_decides() {
    let rows: &[(&[&str], Result<Format, MediaError>)] = &[
        // nothing said
        (&[], JSON),
        (&[""], JSON),
        (&[" , ,"], JSON),
        // every name
        (&["application/fhir+json"], JSON),
        (&["application/json"], JSON),
        (&["text/json"], JSON),
        (&["application/fhir+xml"], XML),
        (&["application/xml"], XML),
        (&["text/xml"], XML),
        (&["Application/FHIR+XML;charset=utf-8"], XML),
        // wildcards
        (&["*/*"], JSON),
        (&["application/*"], JSON),
        (&["text/*"], JSON),
        (&["text/html, */*;q=0.1"], JSON),
        // weights
        (&["application/fhir+json;q=0.5, application/fhir+xml;q=0.9"], XML),
        (&["application/fhir+json;q=0.9, application/fhir+xml;q=0.5"], JSON),
        (&["application/fhir+xml;q=0.1, application/fhir+json;q=0.101"], JSON),
        (&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], XML),
        (&["application/fhir+xml;q=0.4, */*;q=0.5"], JSON),
        (&["application/fhir+json;q=0.4, application/*;q=0.5"], XML),
        (&["application/fhir+json;q=0.2, application/json;q=0.7, text/xml;q=0.5"], JSON),
        // ties
        (&["application/fhir+xml, application/fhir+json"], XML),
        (&["application/fhir+json, application/fhir+xml"], JSON),
        (&["application/fhir+xml;q=1.0, application/fhir+json;q=1.0, application/xml+fhir;q=0.9"], XML),
        (&["application/xml, */*"], XML),
        (&["*/*, application/xml"], JSON),
        (&["text/*;q=0.5, application/*;q=0.5"], JSON),
        // excluded
        (&["application/fhir+json;q=0, */*"], XML),
        (&["application/fhir+xml;q=0, */*"], JSON),
        (&["application/fhir+json;q=0"], NEITHER),
        (&["*/*;q=0"], NEITHER),
        (&["*/*;q=0.0, application/xml;q=0.001"], XML),
        // versions
        (&["application/fhir+xml; fhirVersion=4.0"], XML),
        (&["application/fhir+json;fhirVersion=\"4.0\""], JSON),
        (&["application/fhir+json;FHIRVERSION=3.0"], OTHER_VERSION),
        (&["*/*;fhirVersion=5.0"], OTHER_VERSION),
        (&["application/fhir+json;fhirVersion=3.0, application/fhir+xml;q=0.1"], XML),
        (&["application/fhir+xml;fhirVersion=3.0, */*;q=0.1"], JSON),
        // neither
        (&["text/html"], NEITHER),
        (&["image/*"], NEITHER),
        (&["application/fhir+turtle"], NEITHER),
        // unreadable
        (&["json"], NEITHER),
        (&["*"], NEITHER),
        (&["unreadable"], NEITHER),
        (&["application/fhir+json;q=much"], NEITHER),
        (&["application/fhir+json;q=2"], NEITHER),
        (&["application/fhir+json;q=-1"], NEITHER),
        (&["application/fhir+json;q=NaN"], NEITHER),
        (&["application/fhir+json;q=much, text/xml;q=0.1"], XML),
        (&[";;;, /, text/xml"], XML),
        (&["text/x;a=\"application/json,application/json\", text/xml"], XML),
        (&["\"application/json, text/xml"], NEITHER),
        // several lines are one list
        (&["text/html", "application/fhir+xml"], XML),
        (&["application/fhir+json;q=0.5", "application/fhir+xml;q=0.6"], XML),
        (&["unreadable", "text/json"], JSON),
    ];
    for (accept, wanted) in rows {
        assert_eq!(format(accept, &[]), *wanted, "{accept:?}");
    }
}

#[test]
fn the_format_parameter_wins() {
    for (value, wanted) in [
        ("json", JSON),
        ("xml", XML),
        ("XML", XML),
        ("application/fhir+xml", XML),
        ("application/fhir xml", XML),
        ("text/xml", XML),
        ("application/json; fhirVersion=4.0", JSON),
        ("*/*", JSON),
        ("html", Err(MediaError::NotAcceptable { at: "_format" })),
        ("ttl", Err(MediaError::NotAcceptable { at: "_format" })),
        ("application/json;fhirVersion=3.0", Err(MediaError::OtherVersion { at: "_format" })),
    ] {
        for accept in [&[][..], &["text/html"], &["application/fhir+json"], &["application/fhir+xml"]] {
            assert_eq!(format(accept, &[("_format", value)]), wanted, "{value} {accept:?}");
        }
    }
}

#[test]
fn an_empty_format_says_nothing_and_the_first_one_counts() {
    assert_eq!(format(&["text/xml"], &[("_format", "")]), XML);
    assert_eq!(format(&[], &[("_format", " "), ("_format", "xml"), ("_format", "json")]), XML);
}

#[test]
fn pretty_is_true_or_false() {
    for (value, wanted) in [("true", true), ("false", false), ("", false)] {
        let (presentation, fault) = negotiated(&["text/xml"], &[("_pretty", value)]);
        assert_eq!((presentation, fault), (Presentation { format: Format::Xml, pretty: wanted }, Ok(())));
    }
    let (presentation, fault) = negotiated(&["text/xml"], &[("_pretty", "yes")]);
    assert_eq!(presentation, Presentation { format: Format::Xml, pretty: false }, "the format was agreed all the same");
    assert_eq!(fault, Err(MediaError::NotABoolean { at: "_pretty" }));
}

#[test]
fn a_body_may_say_what_the_url_left_open() {
    let negotiation = Negotiation::by(vec!["text/html".to_owned()], FormatParameters::default());
    assert!(negotiation.fault().is_err());
    let pair = |name: &str, value: &str| Pair { name: name.to_owned(), value: value.to_owned() };
    assert_eq!(negotiation.settle(&[pair("_format", "xml"), pair("_pretty", "true")]), Ok(()));
    assert_eq!(negotiation.presentation(), Presentation { format: Format::Xml, pretty: true });
    assert!(negotiation.settle(&[pair("_format", "html")]).is_err());
    assert_eq!(negotiation.presentation(), Presentation::DEFAULT);
}

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn the_body_of_a_search_is_a_form_in_utf_8_or_in_ascii_by_any_name() {
    let form_in = |charset: &str, body: &'static [u8]| form(Some(&format!("{FORM}{charset}")), body);
    for charset in
        ["", "; charset=UTF-8", ";charset=\"utf-8\"", "; charset=ISO-8859-1", "; charset=us-ascii", ";charset=Windows-1252"]
    {
        assert_eq!(form_in(charset, b"patient=1"), Ok(&b"patient=1"[..]), "{charset}");
    }
    assert!(form(None, b"").is_ok());
    for charset in ["", "; charset=utf-8"] {
        assert!(form_in(charset, b"a=%C3%A9").is_ok() && form_in(charset, "a=é".as_bytes()).is_ok());
    }
    let refused = Err(MediaError::UnsupportedContentType);
    assert_eq!(form(None, b"a"), refused);
    assert_eq!(form(Some("application/json"), b"a=1"), refused);
    for charset in ["iso-8859-1", "us-ascii", "windows-1252"] {
        for body in [&b"a=\xe9"[..], b"a=%E9", b"a=%c3%a9"] {
            assert_eq!(form_in(&format!("; charset={charset}"), body), refused, "{charset}");
        }
    }
    for charset in ["utf-16", "utf-16le", "utf-32", "utf-7", "ibm037", "hz-gb-2312", "iso-2022-jp", "nonsense"] {
        assert_eq!(form_in(&format!("; charset={charset}"), b"a=1"), refused, "{charset}");
    }
}

#[test]
fn the_end_of_a_last_line_is_no_part_of_a_form() {
    for body in [&b"patient=1\n"[..], b"patient=1\r\n", b"patient=1\n\n", b"\xef\xbb\xbfpatient=1\n"] {
        assert_eq!(form(Some(FORM), body), Ok(&b"patient=1"[..]));
    }
    assert_eq!(form(Some(FORM), b"a=1\nb=2"), Ok(&b"a=1\nb=2"[..]), "within, it is no form's");
}

#[test]
fn a_body_comes_as_it_is() {
    let headers = |lines: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CONTENT_ENCODING, line.parse().unwrap());
        }
        check_coding(&headers)
    };
    for lines in [&[][..], &["identity"], &["Identity, identity"], &[""]] {
        assert_eq!(headers(lines), Ok(()), "{lines:?}");
    }
    for lines in [&["gzip"][..], &["identity", "br"], &["deflate, identity"], &["x"]] {
        assert_eq!(headers(lines), Err(MediaError::Compressed), "{lines:?}");
    }
}
