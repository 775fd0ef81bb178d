//! base64 and gzip payloads (wire.md 5.4).

use super::samples::*;
use crate::cpis::RegisterErrorKind;
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(plain).unwrap();
    gzip.finish().unwrap()
}

fn inner() -> String {
    let declaration = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
    declaration.to_owned() + &payload(&(code("SMSP-0000") + &record_total("1") + &one_record()))
}

fn packed(attributes: &str, bytes: impl AsRef<[u8]>) -> String {
    soap(&distribution_envelope(attributes, &STANDARD.encode(bytes)))
}

fn is_unreadable(body: String) -> bool {
    matches!(failure_of(body), RegisterErrorKind::Unreadable { .. })
}

#[test]
fn a_base64_payload_is_read() {
    for attributes in [r#"base64="true""#, r#"base64="1""#] {
        assert_eq!(records_of(packed(attributes, inner())).len(), 1);
    }
}

#[test]
fn base64_may_be_broken_into_lines() {
    let encoded = STANDARD.encode(inner());
    let lines: Vec<&str> = encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let body = soap(&distribution_envelope(r#"base64="true""#, &format!("\n\t{}\r\n", lines.join("\r\n  "))));
    assert_eq!(records_of(body).len(), 1);
}

#[test]
fn a_compressed_payload_is_read() {
    assert_eq!(records_of(packed(r#"base64="true" compressed="true""#, gzip(inner().as_bytes()))).len(), 1);
    assert_eq!(records_of(packed(r#"compressed="true""#, gzip(inner().as_bytes()))).len(), 1);
}

#[test]
fn an_encrypted_payload_is_unreadable() {
    assert!(is_unreadable(packed(r#"encrypted="true""#, inner())));
    assert!(is_unreadable(packed(r#"base64="true" encrypted="true""#, inner())));
    let plain = payload(&(code("CPIS-0001") + &record_total("0")));
    assert!(is_unreadable(soap(&distribution_envelope(r#"encrypted="true""#, &plain))));
}

#[test]
fn what_is_not_encoded_as_said_is_unreadable() {
    let base64 = r#"base64="true""#;
    let both = r#"base64="true" compressed="true""#;
    assert!(is_unreadable(soap(&distribution_envelope(base64, "not base64!"))));
    assert!(is_unreadable(soap(&distribution_envelope(base64, ""))));
    assert!(is_unreadable(soap(&distribution_envelope(base64, &payload(&code("CPIS-0001"))))));
    assert!(is_unreadable(packed(both, inner())));
    assert!(is_unreadable(packed(base64, gzip(inner().as_bytes()))));
    let whole = gzip(inner().as_bytes());
    assert!(is_unreadable(packed(both, &whole[..whole.len() - 1])));
    assert!(is_unreadable(packed(both, [&whole[..], b"more"].concat())));
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x55;
    assert!(is_unreadable(packed(both, damaged)));
}

#[test]
fn the_inner_document_is_held_to_the_same_rules() {
    let base64 = r#"base64="true""#;
    let whole = inner();
    assert!(is_unreadable(packed(base64, &whole[..whole.len() - 4])));
    assert!(is_unreadable(packed(base64, whole.replace("?>", "?><!DOCTYPE x>"))));
    assert!(is_unreadable(packed(base64, whole.clone() + "<x/>")));
    assert!(is_unreadable(packed(base64, [0xff, 0xfe])));
    assert!(is_unreadable(packed(base64, full_answer())));
    assert!(is_unreadable(packed(base64, distribution_envelope(base64, &STANDARD.encode(&whole)))));
}

#[test]
fn a_payload_that_grows_too_large_is_refused() {
    let bomb = gzip(&vec![b' '; 64 * 1024 * 1024]);
    assert!(bomb.len() < 100_000);
    assert_eq!(failure_of(packed(r#"base64="true" compressed="true""#, bomb)), RegisterErrorKind::TooLarge);
}

#[test]
fn a_plan_in_an_encoded_payload_speaks_against_a_no_record() {
    let hidden = payload(&(code("CPIS-0001") + &record_total("0") + &child_protection("202509010000", None)));
    assert!(matches!(failure_of(packed(r#"base64="true""#, hidden)), RegisterErrorKind::Contradictory(_)));
}

#[test]
fn the_manifest_item_of_the_payload_counts() {
    let two = packed(r#"base64="true""#, inner())
        .replace("<itk:manifestitem ", r#"<itk:manifestitem id="uuid_other" compressed="true"/><itk:manifestitem "#);
    assert_eq!(records_of(two).len(), 1);
    let only = packed(r#"base64="true""#, inner()).replace(r#"<itk:payload id="uuid_"#, r#"<itk:payload id="UUID_"#);
    assert_eq!(records_of(only).len(), 1);
}
