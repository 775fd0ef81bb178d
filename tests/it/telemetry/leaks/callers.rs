//! Callers that write names and numbers wherever something can be written.

use super::people::{AUTHORITY, BORN, CHILD, FAMILY, GIVEN, PHONE, WORDS};
use super::watch::{Ending, Watch};
use crate::common::{loopback, smsp::RawSmsp};
use cpis_fhir::simulator::certificates::Certificates;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const LENIENT: (&str, &str) = ("Prefer", "handling=lenient");

/// Before an SMSP that knows the canary child.
async fn watched() -> (RawSmsp, Watch) {
    let certificates = Certificates::generate("cpis-client.test").unwrap();
    let smsp = RawSmsp::start(&certificates, &certificates.ca_pem).await;
    smsp.say(crate::common::smsp::ok(super::people::ANSWER.as_bytes()));
    let settings = [("LIMITS__HEADER_TIMEOUT", "1s"), ("FHIR__PATIENT_FLAG", "true")];
    let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let watch = Watch::open(&certificates, &smsp.url, &settings).await;
    (smsp, watch)
}

fn encoded(word: &str) -> String {
    utf8_percent_encode(word, NON_ALPHANUMERIC).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_numbers_in_paths_and_parameters_are_nobodys_to_repeat() {
    let (smsp, watch) = watched().await;
    for word in WORDS {
        let word = encoded(word);
        for path in [
            format!("Flag/{word}"),
            word.clone(),
            format!("Patient/{word}"),
            format!("Patient/{word}/$everything"),
            format!("Flag/{word}/_history/1"),
            format!("AuditEvent/{word}?patient={word}"),
            format!("_page/{word}"),
            format!("SearchParameter/{word}"),
            format!("metadata/{word}"),
            format!("../{word}"),
            format!("Flag?patient={word}"),
            format!("Flag?patient=Patient/{word}"),
            format!("Flag?patient={CHILD},{word}"),
            format!("Flag?patient:identifier={word}%7C{word}"),
            format!("Flag?{word}"),
            format!("{word}?{word}={word}"),
            format!("PatientFlag?patient={word}"),
        ] {
            let got = watch.get(&path, &path, &[]).await;
            assert!(got.status >= 400 || path.contains("patient="), "{path}: {}", got.text);
        }
        for parameter in [
            format!("{word}=1"),
            format!("{word}:exact=1"),
            format!("status:{word}=1"),
            format!("name={word}"),
            format!("identifier={word}"),
            format!("patient.birthdate={word}"),
            format!("_has:{word}:{word}:{word}={word}"),
            format!("_include=Flag:{word}"),
            format!("_include={word}"),
            format!("_include:{word}=Flag:author"),
            format!("_revinclude={word}:entity"),
            format!("_sort={word}"),
            format!("_elements={word}"),
            format!("_count={word}"),
            format!("_summary={word}"),
            format!("_format={word}"),
            format!("_pretty={word}"),
            format!("_total={word}"),
            format!("_id={word}"),
            format!("date={word}"),
            format!("category={word}%7C{word}"),
            format!("author={word}"),
            format!("author:identifier={word}%7C{word}"),
            format!("access_token={word}"),
            format!("patient={word}"),
        ] {
            // Links repeat a date to filter by as it was given: it is nobody's birth date there.
            if parameter == format!("date={}", encoded(BORN)) {
                continue;
            }
            let path = format!("Flag?patient={CHILD}&{parameter}");
            watch.get(&format!("strictly {path}"), &path, &[]).await;
            watch.get(&format!("leniently {path}"), &path, &[LENIENT]).await;
        }
        // In a value that was not encoded, the rest of it becomes a name.
        let cut = format!("Flag?patient={CHILD}&name={GIVEN}&{FAMILY}&{word}");
        watch.get(&cut, &cut, &[]).await;
    }
    let (outcomes, spans) =
        (&["search", "no-route", "no-such-resource", "found"], &["search", "access", "lookup", "translation.fhir"]);
    watch.end(&Ending { asked: vec![("the SMSP", smsp.heads())], spans, outcomes, ..Ending::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_numbers_in_headers_are_nobodys_to_repeat() {
    let (smsp, watch) = watched().await;
    let path = format!("Flag?patient={CHILD}");
    for word in WORDS.into_iter().chain(["Zephyrine Quillfeather"]) {
        let both = format!("{GIVEN}={word}");
        for (name, value) in [
            ("CPIS-Care-Setting", word),
            ("CPIS-New-Look", word),
            ("CPIS-Anything", word),
            ("IsUnscheduledAccessEvent", word),
            ("IsUnscheduledEvent", word),
            ("Accept", word),
            ("Accept", &format!("application/fhir+json; x={GIVEN}")),
            ("Accept-Language", word),
            ("Accept-Encoding", word),
            ("Authorization", word),
            ("Cookie", &both),
            ("User-Agent", word),
            ("Referer", &format!("https://epr.example/{CHILD}")),
            ("Origin", &format!("https://{FAMILY}.example")),
            ("If-None-Match", word),
            ("If-Modified-Since", word),
            ("Range", word),
            ("Prefer", &format!("handling={GIVEN}, {word}")),
            ("Cache-Control", word),
            ("Forwarded", &format!("for={GIVEN};host={FAMILY}")),
            ("X-Forwarded-For", word),
            ("X-Forwarded-Host", word),
            ("X-HTTP-Method-Override", word),
            ("NHSD-Identity-UUID", word),
            ("NHSD-Session-URID", word),
            ("tracestate", &both),
            ("baggage", &both),
            ("Content-Type", word),
            ("Via", word),
            ("From", word),
            (&format!("X-{GIVEN}"), word),
            (&format!("{FAMILY}-{CHILD}"), "1"),
        ] {
            watch.get(&format!("{name}: {value}"), &path, &[(name, value)]).await;
        }
        let strange = reqwest::Method::from_bytes(encoded(word).to_uppercase().replace('%', "-").as_bytes()).unwrap();
        let got = watch.send(&format!("the method {strange}"), watch.http.request(strange, watch.fhir(&path))).await;
        assert_eq!(got.status, 405, "{}", got.text);
        // The base of links is the caller's own Host, so only where there is no link.
        let host = watch.http.get(watch.fhir("Flag?patient=1")).header("Host", format!("{FAMILY}.example"));
        assert_eq!(watch.send("Host", host).await.status, 400);
    }
    for value in [
        CHILD.to_owned(),
        format!("00-{CHILD}-{CHILD}-01"),
        format!("00-{CHILD:0>32}-b7ad6b7169203331-01"),
        format!("00-{GIVEN}-{FAMILY}-01"),
        BORN.to_owned(),
    ] {
        // Such a value counts as absent: the request gets a new trace.
        let got = watch.http.get(watch.fhir(&path)).header("traceparent", &value).send().await.unwrap();
        assert_eq!(got.status().as_u16(), 200, "{value}");
    }
    let (outcomes, spans) = (&["header", "found", "media", "method", "search"], &["access", "lookup"]);
    watch.end(&Ending { asked: vec![("the SMSP", smsp.heads())], spans, outcomes, ..Ending::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_numbers_in_ids_are_nobodys_to_repeat() {
    let (smsp, watch) = watched().await;
    let path = format!("Flag?patient={CHILD}");
    for header in ["X-Request-ID", "X-Correlation-ID", "TraceID"] {
        // An id is logged and echoed, so what can be told from an id is refused; a single name of 8 letters cannot be
        // (docs/telemetry.md).
        for value in [
            CHILD,
            "999-500-0105",
            "child-9995000105",
            "9995000105-1",
            "x9995000105x",
            "child9995000105",
            "bed9995000105face",
            "id:999.500.0105",
            "{9995000105}",
            "urn:uuid:9995000105",
            "Zephyrine Quillfeather",
            AUTHORITY,
        ] {
            let got = watch.get(&format!("{header}: {value}"), &path, &[(header, value)]).await;
            assert_eq!((got.status, got.issue().as_str()), (400, "value"), "{header}: {value}");
        }
        let twice = [(header, "0123456789abcdef"), (header, CHILD)];
        assert_eq!(watch.get(&format!("{header} twice"), &path, &twice).await.status, 400);
        // What has another form than a plain id is kept as its hash alone, and only its own caller sees it again.
        let telling = format!("ward:{GIVEN}.{FAMILY}#{BORN}");
        let got = watch.http.get(watch.fhir(&path)).header(header, &telling).send().await.unwrap();
        assert_eq!((got.status().as_u16(), got.headers()[header].to_str().unwrap()), (200, &*telling));
    }
    let (outcomes, spans) = (&["header", "found"], &["access", "lookup"]);
    watch.end(&Ending { asked: vec![("the SMSP", smsp.heads())], spans, outcomes, ..Ending::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_numbers_in_bodies_are_nobodys_to_repeat() {
    let (smsp, watch) = watched().await;
    let post =
        |path: &str, (name, value): (&str, &str), body: String| watch.http.post(watch.fhir(path)).header(name, value).body(body);
    for word in WORDS {
        let raw = encoded(word);
        for form in [
            format!("patient={raw}"),
            format!("patient={CHILD}&{raw}={raw}"),
            format!("patient={CHILD}&name={raw}&{FAMILY}"),
            format!("patient={CHILD}&{word}"),
            word.to_owned(),
            format!("patient={CHILD}&access_token={raw}"),
            format!("patient={CHILD}&%zz={word}"),
            format!("patient={CHILD}{}", FAMILY.repeat(8000)),
        ] {
            watch.send(&format!("the form {}", &form[..form.len().min(60)]), post("Flag/_search", FORM, form)).await;
        }
        let json = |url: &str, method: &str, more: &str| {
            let entry = format!(r#"{{"fullUrl":"urn:{raw}","request":{{"method":"{method}","url":"{url}"}}{more}}}"#);
            format!(r#"{{"resourceType":"Bundle","type":"batch","{GIVEN}":"{word}","entry":[{entry}]}}"#)
        };
        let bundle = ("Content-Type", "application/fhir+json");
        for body in [
            json(&format!("Flag?patient={CHILD}"), "GET", ""),
            json(&format!("Flag?patient={raw}"), "GET", ""),
            json(&format!("Flag?patient={CHILD}&{raw}=1"), "GET", ""),
            json(&format!("{raw}?{raw}={raw}"), "GET", ""),
            json(&format!("Flag/{raw}"), "GET", ""),
            json(&format!("https://{FAMILY}.example/{raw}"), "GET", ""),
            json(&format!("Flag?patient={CHILD}"), word, ""),
            json("Flag", "POST", &format!(r#","resource":{{"resourceType":"Patient","name":[{{"family":"{word}"}}]}}"#)),
            format!(r#"{{"resourceType":"{word}"}}"#),
            format!(r#"{{"resourceType":"Bundle","type":"{word}"}}"#),
            format!(r#"{{"{word}":"#),
            format!(r#""{word}""#),
            word.to_owned(),
            format!("{{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[\"{word}\", {{\"{word}\": {word}}}]}}"),
        ] {
            watch.send(&format!("the batch {body}"), post("", bundle, body)).await;
        }
        for content_type in [word, "text/plain", "application/json", &format!("multipart/form-data; boundary={FAMILY}")] {
            watch.send(content_type, post("Flag/_search", ("Content-Type", content_type), format!("patient={word}"))).await;
            watch.send(content_type, post("", ("Content-Type", content_type), format!("patient={word}"))).await;
        }
    }
    search_the_trail(&watch).await;
    let spans = &["access", "lookup", "search", "audit.commit"];
    let outcomes = &["found", "batch", "search", "trail-searched", "trail-question"];
    watch.end(&Ending { asked: vec![("the SMSP", smsp.heads())], spans, outcomes, ..Ending::default() }).await;
}

/// A search of the trail names the child, and that goes no further either.
async fn search_the_trail(watch: &Watch) {
    let search =
        |form: String| watch.http.post(format!("{}/audit/_search", watch.service.admin)).header(FORM.0, FORM.1).body(form);
    for word in WORDS {
        let word = encoded(word);
        for form in [
            format!("nhs-number={word}"),
            format!("user={word}"),
            format!("request-id={word}"),
            format!("{word}={word}"),
            format!("from={word}"),
            format!("limit={word}"),
            format!("nhs-number={word}&{FAMILY}"),
        ] {
            watch.send(&format!("the trail, {form}"), search(form)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_no_http_are_told_without_what_stands_in_them() {
    let (smsp, watch) = watched().await;
    watch.look("one that is").await;
    let rest = format!("Host: x\r\nX-{GIVEN}: {FAMILY}\r\nConnection: close\r\n\r\n");
    let path = format!("/FHIR/R4/Flag?patient={CHILD}");
    let closing = format!("Host: {}\r\nConnection: close\r\n", loopback());
    let mut requests: Vec<Vec<u8>> = [
        format!("{GIVEN} {FAMILY} {CHILD}\r\n\r\n"),
        format!("GET {path} {FAMILY}/1.1\r\n{rest}"),
        format!("GET {path} HTTP/9.9\r\n{rest}"),
        format!("GET {path} {PHONE} HTTP/1.1\r\n{rest}"),
        format!("GET {path} HTTP/1.1\r\n{GIVEN} {FAMILY}\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\n{GIVEN} : {FAMILY}\r\n{rest}"),
        format!("GET {path}&%zz{GIVEN}=%ff HTTP/1.1\r\n{rest}"),
        format!("GET /FHIR/R4/%zz{GIVEN}/%ff%fe HTTP/1.1\r\n{rest}"),
        format!("GET http://{FAMILY}.example/FHIR/R4/{GIVEN} HTTP/1.1\r\n{rest}"),
        format!("CONNECT {FAMILY}:443 HTTP/1.1\r\n{rest}"),
        format!("OPTIONS * HTTP/1.1\r\n{rest}"),
        format!("GET {path} HTTP/1.1\r\n{closing}X-{GIVEN}: {}\r\n\r\n", FAMILY.repeat(20_000)),
        format!("GET {path}{} HTTP/1.1\r\n{rest}", FAMILY.repeat(20_000)),
        format!("POST {path} HTTP/1.1\r\n{closing}Content-Length: {CHILD}\r\nTransfer-Encoding: chunked\r\n\r\n{FAMILY}"),
        format!("POST {path} HTTP/1.1\r\n{closing}Transfer-Encoding: chunked\r\n\r\n{FAMILY}\r\n{CHILD}\r\n"),
        format!("POST {path} HTTP/1.1\r\n{closing}Content-Length: {GIVEN}\r\n\r\n{FAMILY}"),
        format!("POST {path} HTTP/1.1\r\n{closing}Content-Length: 500\r\n\r\npatient={CHILD}"),
        format!("GET {path} HTTP/1.1\r\nX-{GIVEN}: {FAMILY}"),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{FAMILY}"),
    ]
    .map(String::into_bytes)
    .to_vec();
    requests.push([format!("GET {path} HTTP/1.1\r\nX-{GIVEN}: {FAMILY}").as_bytes(), b"\xff\xfe\0\r\n\r\n"].concat());
    requests.push([b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", FAMILY.as_bytes(), CHILD.as_bytes(), &[0; 600]].concat());
    for bytes in &requests {
        let what = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        let status = watch.raw(&what, bytes).await;
        assert!(status == 0 || status >= 400, "{what}: {status}");
    }
    let ending =
        Ending { asked: vec![("the SMSP", smsp.heads())], spans: &["lookup"], outcomes: &["found"], ..Ending::default() };
    watch.end(&ending).await;
}
