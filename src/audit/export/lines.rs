//! One entry as one line of JSON, times in UTC: for `--json`, the admin listener and `--format lines`.

use super::{Numbers, plain};
use crate::audit::Found;
use serde_json::{Map, Value, json};

/// An object and a line end. `seq`, `intact`; where not intact, `problem`; `child` (`shown`, `hidden`, or `sealed` with a key that is
/// not there) and `nhs_number`; `entry` as it was written. Of a line that was changed only number, and what the store says of time
/// and event.
#[must_use]
pub fn line(found: &Found, numbers: Numbers<'_>) -> String {
    let mut object = Map::new();
    object.insert("seq".to_owned(), json!(found.line.seq));
    object.insert("intact".to_owned(), json!(found.doubt.is_none()));
    if let Some(doubt) = found.doubt {
        object.insert("problem".to_owned(), json!(doubt.to_string()));
    }
    match &found.told {
        None => {
            let stored = json!({ "at": found.line.at.to_string(), "event": found.line.event });
            object.insert("as_stored".to_owned(), stored);
        }
        Some(told) => {
            match &told.entry.child {
                Some(number) if numbers.shows(number) => {
                    object.insert("child".to_owned(), json!("shown"));
                    object.insert("nhs_number".to_owned(), json!(number.digits()));
                }
                Some(_) => drop(object.insert("child".to_owned(), json!("hidden"))),
                None if told.child_is_sealed => drop(object.insert("child".to_owned(), json!("sealed"))),
                None => {}
            }
            object.insert("entry".to_owned(), entry(&found.line.body));
        }
    }
    let mut text = plain::escaped(&Value::Object(object).to_string());
    text.push('\n');
    text
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
