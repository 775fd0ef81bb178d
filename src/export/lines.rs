//! One entry as one line of JSON, times in UTC: for `--json`, the admin listener and `--format lines`.

use super::{Numbers, plain};
use crate::audit::{Hit, StoredEntry};
use serde::Serialize;
use serde_json::Value;

/// The fields, in their order.
#[derive(Serialize)]
struct JsonLine<'a> {
    seq: u64,
    intact: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// `shown`, `hidden`, or `sealed` with a missing key.
    #[serde(skip_serializing_if = "Option::is_none")]
    child: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nhs_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_stored: Option<StoredColumns<'a>>,
}

/// All that is shown of a changed line. The store may say anything.
#[derive(Serialize)]
struct StoredColumns<'a> {
    at: String,
    event: &'a str,
}

/// An object and a line end; see [`JsonLine`].
#[must_use]
pub fn line(hit: &Hit, numbers: Numbers<'_>) -> String {
    let (child, nhs_number) = hit.stored.as_ref().map(|stored| child(stored, numbers)).unwrap_or_default();
    let is_stored = hit.stored.is_some();
    let object = JsonLine {
        seq: hit.line.seq,
        intact: hit.doubt.is_none(),
        problem: hit.doubt.map(|doubt| doubt.to_string()),
        child,
        nhs_number,
        entry: is_stored.then(|| entry(&hit.line.body)),
        as_stored: (!is_stored).then(|| StoredColumns { at: hit.line.at.to_string(), event: &hit.line.event }),
    };
    let mut text = plain::escaped(&serde_json::to_string(&object).unwrap_or_default());
    text.push('\n');
    text
}

fn child<'a>(stored: &'a StoredEntry, numbers: Numbers<'_>) -> (Option<&'static str>, Option<&'a str>) {
    match &stored.entry.child {
        Some(number) if numbers.shows(number) => (Some("shown"), Some(number.digits())),
        Some(_) => (Some("hidden"), None),
        None => (stored.child_is_sealed.then_some("sealed"), None),
    }
}

/// The body without its version and the sealed number.
fn entry(body: &[u8]) -> Value {
    let mut entry: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(object) = entry.as_object_mut() {
        object.remove("v");
        object.remove("child");
    }
    entry
}
