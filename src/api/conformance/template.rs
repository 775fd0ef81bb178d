//! A document in which the FHIR base is filled in for each request if the settings do not name it.

use crate::api::read::etag;
use actix_web::web::Bytes;

/// The placeholder for the base in a document that is made before any request.
pub const BASE: &str = "cpis-fhir-base:";

/// A document, cut where the base belongs.
pub struct Template {
    pieces: Vec<Bytes>,
}

impl Template {
    pub fn new(document: &[u8]) -> Self {
        let mut pieces = Vec::new();
        let mut rest = document;
        while let Some(at) = rest.windows(BASE.len()).position(|window| window == BASE.as_bytes()) {
            pieces.push(Bytes::copy_from_slice(&rest[..at]));
            rest = &rest[at + BASE.len()..];
        }
        pieces.push(Bytes::copy_from_slice(rest));
        Self { pieces }
    }

    /// The document with `base`, and its strong ETag, which is the hash of it. `base` must need no escaping.
    pub fn fill(&self, base: impl FnOnce() -> String) -> (Bytes, String) {
        let body = match self.pieces.as_slice() {
            [whole] => whole.clone(),
            pieces => pieces.join(base().as_bytes()).into(),
        };
        let etag = etag(&body);
        (body, etag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_filled_in_wherever_it_belongs() {
        let template = Template::new(format!("a {BASE}/x b {BASE} c").as_bytes());
        let (body, etag) = template.fill(|| "http://here".to_owned());
        assert_eq!(body, &b"a http://here/x b http://here c"[..]);
        assert_eq!(etag.len(), 24);
        assert_ne!(template.fill(|| "http://there".to_owned()).1, etag);
    }

    #[test]
    fn a_document_without_the_base_asks_for_none() {
        let template = Template::new(b"plain");
        assert_eq!(template.fill(|| unreachable!()).0, &b"plain"[..]);
    }
}
