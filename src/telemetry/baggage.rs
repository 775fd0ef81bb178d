//! `OTEL_RESOURCE_ATTRIBUTES`: pairs in the form of W3C Baggage, values percent-encoded (OpenTelemetry specification, Resource SDK).

use percent_encoding::percent_decode_str;

/// The attributes, and how many are not in that form.
pub(super) fn read(text: &str) -> (Vec<(String, String)>, usize) {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let (mut attributes, mut bad) = (Vec::new(), 0);
    for pair in pairs {
        match pair.split_once('=').and_then(|(key, value)| Some((key_of(key.trim())?, value_of(value.trim())?))) {
            Some(attribute) => attributes.push(attribute),
            None => bad += 1,
        }
    }
    (attributes, bad)
}

fn key_of(key: &str) -> Option<String> {
    let key = value_of(key)?;
    (!key.is_empty()).then_some(key)
}

/// Each `%` begins an escape, and what comes out is text.
fn value_of(value: &str) -> Option<String> {
    let is_hex = |escape: &str| escape.len() >= 2 && escape.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit);
    let is_whole = value.split('%').skip(1).all(is_hex);
    let decoded = percent_decode_str(value).decode_utf8().ok()?;
    (is_whole && !decoded.chars().any(char::is_control)).then(|| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_what_cannot_be_is_counted() {
        let (attributes, bad) = read("deployment.environment.name=A%26E%2C%20east, team=caf\u{e9} ,empty=,note=a=b");
        let wanted = [("deployment.environment.name", "A&E, east"), ("team", "caf\u{e9}"), ("empty", ""), ("note", "a=b")];
        assert_eq!(attributes, wanted.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(bad, 0);
        assert_eq!(read(""), (vec![], 0));
        for wrong in ["no-value", "=x", "a=100%", "a=%zz", "a=%C3", "a=%0A"] {
            let (attributes, bad) = read(&format!("b=1,{wrong}"));
            assert_eq!((attributes.len(), bad), (1, 1), "{wrong}");
        }
    }
}
