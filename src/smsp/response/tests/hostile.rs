//! Hostile documents (wire.md 3.10): refused, quickly, and never with a panic.

use super::samples::*;
use crate::cpis::RegisterErrorKind;
use std::time::{Duration, Instant};

fn is_unreadable(body: impl AsRef<[u8]>) -> bool {
    let started = Instant::now();
    let kind = failure_of(body);
    assert!(started.elapsed() < Duration::from_secs(5), "took {:?}", started.elapsed());
    matches!(kind, RegisterErrorKind::Unreadable { .. })
}

/// A good answer with `xml` as a child of the payload, where everything unknown is skipped.
fn with(xml: &str) -> String {
    success("1", xml, &one_record())
}

#[test]
fn what_is_harmless_is_read() {
    assert!(read_body(with("")).is_ok());
    for harmless in
        ["<unknown a='1' b=\"2\"><deep/> text &amp; <![CDATA[<raw>]]> &#xe9; <!-- comment --></unknown>", "<é/>", "<a b = 'c' />"]
    {
        assert!(read_body(with(harmless)).is_ok(), "{harmless}");
    }
    let bom = [b"\xef\xbb\xbf", full_answer().as_bytes()].concat();
    assert!(read_body(bom).is_ok());
    assert!(read_body(full_answer() + "\n<!-- end -->\r\n\t ").is_ok());
    assert!(read_body(full_answer().replace('\n', "\r\n")).is_ok());
}

#[test]
fn a_doctype_is_refused() {
    let whole = full_answer();
    for doctype in [
        "<!DOCTYPE soap:Envelope>",
        "<!DOCTYPE x SYSTEM \"file:///etc/passwd\">",
        "<!DOCTYPE x [<!ENTITY a \"b\">]>",
        "<!doctype x>",
    ] {
        assert!(is_unreadable(whole.replacen("?>", &format!("?>{doctype}"), 1)), "{doctype}");
        assert!(is_unreadable(with(doctype)), "{doctype}");
    }
}

#[test]
fn a_billion_laughs_are_refused() {
    let laughs: String = (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    let body = with("&l9;").replacen("?>", &format!("?><!DOCTYPE l [<!ENTITY l0 \"ha\">{laughs}]>"), 1);
    assert!(is_unreadable(body));
}

#[test]
fn unknown_entities_are_refused_in_text_and_in_attributes() {
    for reference in [
        "&nbsp;",
        "&xxe;",
        "&;",
        "& ",
        "&amp",
        "&#;",
        "&#x;",
        "&#0;",
        "&#1;",
        "&#x1F;",
        "&#xD800;",
        "&#xFFFF;",
        "&#x110000;",
        "&#-1;",
        "&#99999999999;",
    ] {
        assert!(is_unreadable(with(&format!("<x>{reference}</x>"))), "{reference}");
        assert!(is_unreadable(with(&format!("<x a=\"{reference}\"/>"))), "{reference}");
    }
}

#[test]
fn processing_instructions_are_refused() {
    assert!(is_unreadable(with("<?php echo 1 ?>")));
    assert!(is_unreadable(with("<?xml version=\"1.0\"?>")));
    assert!(is_unreadable(full_answer() + "<?x?>"));
    assert!(is_unreadable(" ".to_owned() + &full_answer()));
}

#[test]
fn deep_nesting_is_refused() {
    let deep = |n| with(&("<a>".repeat(n) + &"</a>".repeat(n)));
    assert!(read_body(deep(55)).is_ok());
    assert!(is_unreadable(deep(64)));
    assert!(is_unreadable(deep(100_000)));
    assert!(is_unreadable("<a>".repeat(600_000)) || failure_of("<a>".repeat(600_000)) == RegisterErrorKind::TooLarge);
}

#[test]
fn many_attributes_and_many_namespaces_are_refused() {
    let flood = |n: usize, name: &str| with(&format!("<x {}/>", (0..n).map(|i| format!("{name}{i}='' ")).collect::<String>()));
    assert!(read_body(flood(32, "a")).is_ok());
    assert!(is_unreadable(flood(33, "a")));
    assert!(is_unreadable(flood(100_000, "a")));
    assert!(is_unreadable(flood(100_000, "xmlns:n")));
}

#[test]
fn malformed_attributes_are_refused() {
    for tag in [
        "<x a='1' a='2'/>",
        "<x a=1/>",
        "<x a/>",
        "<x a='1'b='2'/>",
        "<x a='<'/>",
        "<x ='1'/>",
        "<x a=''' />",
        "<x 1a=''/>",
        "<x a='1' / >",
        "<x/a='1'>",
    ] {
        assert!(is_unreadable(with(tag)), "{tag}");
    }
}

#[test]
fn malformed_names_and_tags_are_refused() {
    for tag in [
        "<>",
        "< x/>",
        "<1/>",
        "<a:b:c/>",
        "<:a/>",
        "<a:/>",
        "<a:1/>",
        "<a><b></a></b>",
        "<a></A>",
        "</x>",
        "<a",
        "<!x>",
        "<a></a b='1'>",
        "<!-- a -- b -->",
        "<!-- ",
        "<![CDATA[ ",
    ] {
        assert!(is_unreadable(with(tag)), "{tag}");
    }
}

#[test]
fn too_many_elements_are_refused() {
    assert!(read_body(with(&"<a/>".repeat(19_000))).is_ok());
    assert!(is_unreadable(with(&"<a/>".repeat(20_000))));
}

#[test]
fn floods_within_the_limits_are_read_in_linear_time() {
    let floods = [
        "<!---->".repeat(250_000),
        format!("<x>{}</x>", "&amp;".repeat(400_000)),
        format!("<x>{}</x>", "<![CDATA[]]>".repeat(150_000)),
    ];
    for flood in floods {
        let started = Instant::now();
        assert!(read_body(with(&flood)).is_ok());
        assert!(started.elapsed() < Duration::from_secs(10), "took {:?}", started.elapsed());
    }
    let started = Instant::now();
    assert!(is_unreadable(with(&format!("<x a='{}'/>", "&lt;".repeat(500_000)))), "a text over 64 KiB");
    assert!(started.elapsed() < Duration::from_secs(10), "took {:?}", started.elapsed());
    let name = "<faultcode>".to_owned() + &"&amp;".repeat(400_000) + "</faultcode>";
    assert!(matches!(
        failure_of(soap(&format!("<soap:Fault>{name}</soap:Fault>"))),
        RegisterErrorKind::Rejected { code: None, .. }
    ));
}

#[test]
fn a_body_over_two_mebibytes_is_too_large() {
    let body = full_answer();
    let padded = |size: usize| body.clone() + &" ".repeat(size - body.len());
    assert!(read_body(padded(2 * 1024 * 1024)).is_ok());
    assert_eq!(failure_of(padded(2 * 1024 * 1024 + 1)), RegisterErrorKind::TooLarge);
}

#[test]
fn other_encodings_are_refused() {
    let utf_16: Vec<u8> = full_answer().encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(is_unreadable(&utf_16));
    assert!(is_unreadable([&[0xff, 0xfe][..], &utf_16].concat()));
    let latin: Vec<u8> = with("<x>caf?</x>").bytes().map(|byte| if byte == b'?' { 0xe9 } else { byte }).collect();
    assert!(is_unreadable(latin));
    for name in ["ISO-8859-1", "UTF-16", "windows-1252", "UTF-7", ""] {
        assert!(is_unreadable(full_answer().replacen("UTF-8", name, 1)), "{name}");
    }
    for name in ["utf-8", "US-ASCII"] {
        assert!(read_body(full_answer().replacen("UTF-8", name, 1)).is_ok(), "{name}");
    }
    assert!(read_body(full_answer().replacen(" encoding=\"UTF-8\"", "", 1)).is_ok());
    let two_marks = "\u{feff}\u{feff}".to_owned() + &full_answer();
    assert!(is_unreadable(two_marks));
}

#[test]
fn control_characters_are_refused() {
    for control in (0u8..32).filter(|byte| !matches!(byte, b'\t' | b'\n' | b'\r')) {
        let control = char::from(control);
        assert!(is_unreadable(with(&format!("<x>{control}</x>"))));
        assert!(is_unreadable(full_answer() + &control.to_string()));
    }
}

#[test]
fn anything_beside_the_one_root_is_refused() {
    let whole = full_answer();
    for after in ["x", "<x/>", "&amp;", "<![CDATA[]]>", "</soap:Envelope>", "\u{a0}", &whole] {
        assert!(is_unreadable(whole.clone() + after), "{after}");
    }
    for before in ["x", "&#32;", "<![CDATA[ ]]>"] {
        assert!(is_unreadable(before.to_owned() + &whole[38..]), "{before}");
    }
    assert!(is_unreadable(""));
    assert!(is_unreadable("<!-- only -->"));
}

#[test]
fn a_second_envelope_body_or_answer_is_refused() {
    let answer = payload(&(code("CPIS-0001") + &record_total("0")));
    let envelope = distribution_envelope("", &answer);
    assert!(is_unreadable(soap(&format!("{answer}{answer}"))));
    assert!(is_unreadable(itk(&format!("{answer}{answer}"))));
    assert!(is_unreadable(soap(&format!("{envelope}{answer}"))));
    assert!(is_unreadable(soap(&format!("{envelope}{envelope}"))));
    assert!(is_unreadable(soap(&soap(&envelope)[38..])));
    assert!(is_unreadable(soap(&envelope).replace("</soap:Body>", "</soap:Body><soap:Body/>")));
    assert!(is_unreadable(full_answer().replace("soap:Body", "soap:Torso")));
    // One inside the other, both with content.
    assert!(is_unreadable(itk(&answer.replace("</CP-IS", &format!("{answer}</CP-IS")))));
}

#[test]
fn an_answer_cut_off_at_any_byte_is_never_an_answer() {
    for whole in [
        full_answer(),
        no_record(),
        tms(Some("OK"), "", &payload(&(record_total("1") + &one_record()))),
        quqi(Some("ID"), &reason("NHSNCC002", "ER")),
    ] {
        assert!(read_body(&whole).is_ok());
        for end in 0..whole.len() {
            assert!(read_body(&whole.as_bytes()[..end]).is_err(), "cut at {end}");
        }
    }
}

#[test]
fn an_answer_without_any_one_byte_is_never_a_no_record() {
    let whole = full_answer();
    for at in 0..whole.len() {
        let mut without = whole.clone().into_bytes();
        without.remove(at);
        if let Ok(answer) = read_body(&without) {
            assert!(!answer.records().is_empty(), "without byte {at}");
        }
    }
}
