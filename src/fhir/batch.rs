//! Reads the request of each entry of a batch and ignores the rest (fhir.md 3). The body is untrusted, so no fhirbolt parser sees it.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use serde_json::Value;

/// `Bundle.entry.request`, of a batch. `Debug` hides the URL, which may hold an NHS number.
#[derive(Default, PartialEq, Eq)]
pub struct EntryRequest {
    pub method: Option<String>,
    pub url: Option<String>,
    pub if_none_match: Option<String>,
}

impl std::fmt::Debug for EntryRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EntryRequest(..)")
    }
}

/// Why a body is not a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    #[error("The body cannot be read as FHIR.")]
    Unreadable,
    #[error("The body is not a Bundle.")]
    NotABundle,
    #[error("A transaction is not supported: this service only reads. Send a batch.")]
    Transaction,
    #[error("The Bundle is not a batch.")]
    NotABatch,
    #[error("The batch has no entries.")]
    Empty,
}

/// The requests of a batch Bundle in FHIR JSON, one for each entry.
///
/// # Errors
/// [`BatchError`].
pub fn from_json(body: &[u8]) -> Result<Vec<EntryRequest>, BatchError> {
    let bundle: Value = serde_json::from_slice(body).map_err(|_| BatchError::Unreadable)?;
    if bundle["resourceType"] != "Bundle" {
        return Err(BatchError::NotABundle);
    }
    check_type(bundle["type"].as_str())?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let request = |entry: &Value| EntryRequest {
        method: text(&entry["request"]["method"]),
        url: text(&entry["request"]["url"]),
        if_none_match: text(&entry["request"]["ifNoneMatch"]),
    };
    of(bundle["entry"].as_array().map(|entries| entries.iter().map(request).collect()).unwrap_or_default())
}

/// The same in FHIR XML. Refuses a document type and elements nested deeper than any batch has.
///
/// # Errors
/// [`BatchError`].
pub fn from_xml(body: &[u8]) -> Result<Vec<EntryRequest>, BatchError> {
    const DEEPEST: usize = 64;
    let text = std::str::from_utf8(body).map_err(|_| BatchError::Unreadable)?;
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let (mut path, mut entries, mut bundle_type) = (Vec::<String>::new(), Vec::<EntryRequest>::new(), None);
    let mut ended = false;
    loop {
        match reader.read_event().map_err(|_| BatchError::Unreadable)? {
            Event::Start(element) if !ended && path.len() < DEEPEST => {
                path.push(element.local_name().as_ref().to_owned());
                let names: Vec<&str> = path.iter().map(String::as_str).collect();
                match names[..] {
                    ["Bundle"] => {}
                    [_] => return Err(BatchError::NotABundle),
                    ["Bundle", "type"] => bundle_type = value(&element)?,
                    ["Bundle", "entry"] => entries.push(EntryRequest::default()),
                    ["Bundle", "entry", "request", name] => {
                        if let Some(request) = entries.last_mut() {
                            set(request, name, value(&element)?);
                        }
                    }
                    _ => {}
                }
            }
            Event::Start(_) | Event::DocType(_) | Event::PI(_) => return Err(BatchError::Unreadable),
            Event::End(_) => {
                path.pop();
                ended = path.is_empty();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !ended {
        return Err(BatchError::Unreadable);
    }
    check_type(bundle_type.as_deref())?;
    of(entries)
}

fn set(request: &mut EntryRequest, name: &str, value: Option<String>) {
    match name {
        "method" => request.method = value,
        "url" => request.url = value,
        "ifNoneMatch" => request.if_none_match = value,
        _ => {}
    }
}

fn value(element: &BytesStart<'_>) -> Result<Option<String>, BatchError> {
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|_| BatchError::Unreadable)?;
        if attribute.key.as_ref() == "value" {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| BatchError::Unreadable)?;
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

fn check_type(bundle_type: Option<&str>) -> Result<(), BatchError> {
    match bundle_type {
        Some("batch") => Ok(()),
        Some("transaction") => Err(BatchError::Transaction),
        _ => Err(BatchError::NotABatch),
    }
}

fn of(entries: Vec<EntryRequest>) -> Result<Vec<EntryRequest>, BatchError> {
    if entries.is_empty() { Err(BatchError::Empty) } else { Ok(entries) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const JSON: &str = r#"{"resourceType":"Bundle","type":"batch","entry":[
        {"request":{"method":"GET","url":"Flag?patient=9990000018&_include=Flag:author"}},
        {"resource":{"resourceType":"Flag"},"request":{"method":"PUT","url":"Flag/1","ifNoneMatch":"W/\"a\""}}, {}]}"#;
    const XML: &str = r#"<?xml version="1.0"?><Bundle xmlns="http://hl7.org/fhir"><type value="batch"/>
        <entry><request><method value="GET"/><url value="Flag?patient=9990000018&amp;_include=Flag:author"/></request></entry>
        <entry><resource><Flag><status value="active"/></Flag></resource>
        <request><method value="PUT"/><url value="Flag/1"/><ifNoneMatch value='W/"a"'/></request></entry><entry/></Bundle>"#;

    #[test]
    fn json_and_xml_say_the_same() {
        let batch = from_json(JSON.as_bytes()).unwrap();
        assert_eq!(batch, from_xml(XML.as_bytes()).unwrap());
        assert_eq!(batch.len(), 3);
        assert_eq!(batch[0].url.as_deref(), Some("Flag?patient=9990000018&_include=Flag:author"));
        assert_eq!(batch[2], EntryRequest::default());
        assert!(!format!("{batch:?}").contains("999"));
    }

    #[test]
    fn what_is_no_batch_is_said() {
        for (json, error) in [
            ("", BatchError::Unreadable),
            ("[]", BatchError::NotABundle),
            (r#"{"resourceType":"Flag"}"#, BatchError::NotABundle),
            (r#"{"resourceType":"Bundle"}"#, BatchError::NotABatch),
            (r#"{"resourceType":"Bundle","type":"transaction"}"#, BatchError::Transaction),
            (r#"{"resourceType":"Bundle","type":"batch"}"#, BatchError::Empty),
            (r#"{"resourceType":"Bundle","type":"batch","entry":{}}"#, BatchError::Empty),
        ] {
            assert_eq!(from_json(json.as_bytes()).unwrap_err(), error, "{json}");
        }
        for (xml, error) in [
            ("", BatchError::Unreadable),
            ("<Flag/>", BatchError::NotABundle),
            ("<Bundle><type value='transaction'/></Bundle>", BatchError::Transaction),
            ("<Bundle><type value='batch'/></Bundle>", BatchError::Empty),
            ("<Bundle><type value='batch'/>", BatchError::Unreadable),
            ("<Bundle/><Bundle/>", BatchError::Unreadable),
            ("<!DOCTYPE x [<!ENTITY a 'b'>]><Bundle/>", BatchError::Unreadable),
        ] {
            assert_eq!(from_xml(xml.as_bytes()).unwrap_err(), error, "{xml}");
        }
        assert!(from_xml("<Bundle>".repeat(100_000).as_bytes()).is_err());
        assert!(from_json("[".repeat(100_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..300, byte in any::<u8>()) {
            let _ = (from_json(&bytes), from_xml(&bytes));
            for good in [JSON, XML] {
                let mut changed = good.as_bytes().to_vec();
                let at = at % changed.len();
                changed[at] = byte;
                let _ = (from_json(&changed), from_xml(&changed));
            }
        }
    }
}
