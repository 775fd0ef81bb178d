//! What is ours: the keys of our ids, and the addresses under which references are ours and no other server's (decisions.md 52).

use crate::fhir::id::IdKeys;

/// What a search is read with.
#[derive(Clone)]
pub struct Ours<'k> {
    pub ids: &'k IdKeys,
    pub bases: Vec<Base>,
}

/// Without an address: no absolute reference is ours.
impl<'k> From<&'k IdKeys> for Ours<'k> {
    fn from(ids: &'k IdKeys) -> Self {
        Self { ids, bases: Vec::new() }
    }
}

/// The absolute base of our own references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// `None`: either of http and https, where a proxy in front may have ended the TLS.
    scheme: Option<String>,
    authority: String,
    path: String,
}

/// A literal reference, as far as it is told apart here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'v> {
    /// It names no server.
    Relative(&'v str),
    /// It is under our own base; what follows that.
    Own(&'v str),
    /// It names another server, or none that can be read.
    Another,
}

impl Base {
    /// What is known in public: nothing but this very address.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let (scheme, authority, path) = parts(url)?;
        Some(Self { scheme: Some(scheme), authority, path: path.trim_end_matches('/').to_owned() })
    }

    /// What a request was sent to: the scheme that its caller used is not known.
    #[must_use]
    pub fn of_request(url: &str) -> Option<Self> {
        Self::of_url(url).map(|base| Self { scheme: None, ..base })
    }
}

impl Ours<'_> {
    /// Whose reference `text` is. Scheme and host have no case; a port that is the scheme's own may be left out; everything else is
    /// compared as it is.
    #[must_use]
    pub fn place<'v>(&self, text: &'v str) -> Place<'v> {
        if !text.contains("//") {
            return Place::Relative(text);
        }
        let Some((scheme, authority, path)) = parts(text) else { return Place::Another };
        let rest = self.bases.iter().find_map(|base| {
            let same = base.scheme.as_ref().is_none_or(|own| *own == scheme) && base.authority == authority;
            same.then(|| path.strip_prefix(base.path.as_str())?.strip_prefix('/')).flatten()
        });
        rest.map_or(Place::Another, Place::Own)
    }
}

/// Scheme and authority in lower case, without the scheme's own port; then the path. `None` for what is no http URL, and for one with
/// a name or a password before its host.
fn parts(url: &str) -> Option<(String, String, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let port = match scheme.as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    if authority.is_empty() || authority.contains(['@', '?', '#', '\\']) {
        return None;
    }
    let authority = authority.to_ascii_lowercase();
    let authority = authority.strip_suffix(port).map_or_else(|| authority.clone(), str::to_owned);
    Some((scheme, authority, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place<'v>(bases: &[Base], text: &'v str) -> Place<'v> {
        let keys = crate::fhir::samples::keys();
        Ours { ids: &keys, bases: bases.to_vec() }.place(text)
    }

    #[test]
    fn a_reference_is_ours_under_our_own_base_alone() {
        let public = [Base::of_url("https://Trust.example/FHIR/R4").unwrap()];
        for own in ["https://trust.example/FHIR/R4/Patient/a", "HTTPS://TRUST.EXAMPLE:443/FHIR/R4/Patient/a"] {
            assert_eq!(place(&public, own), Place::Own("Patient/a"), "{own}");
        }
        for other in [
            "https://other.example/FHIR/R4/Patient/a",
            "https://trust.example.other/FHIR/R4/Patient/a",
            "https://trust.example:8443/FHIR/R4/Patient/a",
            "https://trust.example@other.example/FHIR/R4/Patient/a",
            "https://user@trust.example/FHIR/R4/Patient/a",
            "https://trust.example/FHIR/R5/Patient/a",
            "https://trust.example/FHIR/R4x/Patient/a",
            "https://trust.example/fhir/r4/Patient/a",
            "https://trust.example/Patient/a",
            "https://trust.example\\other/FHIR/R4/Patient/a",
            "http://trust.example/FHIR/R4/Patient/a",
            "ftp://trust.example/FHIR/R4/Patient/a",
            "//trust.example/FHIR/R4/Patient/a",
            "https:///FHIR/R4/Patient/a",
        ] {
            assert_eq!(place(&public, other), Place::Another, "{other}");
        }
        assert_eq!(place(&public, "Patient/a"), Place::Relative("Patient/a"));
        assert_eq!(place(&[], "https://trust.example/FHIR/R4/Patient/a"), Place::Another);
    }

    #[test]
    fn behind_a_proxy_the_scheme_of_the_request_is_not_known() {
        let bases = [Base::of_request("http://127.0.0.1:8080/FHIR/R4").unwrap()];
        for own in ["http://127.0.0.1:8080/FHIR/R4/Patient/a", "https://127.0.0.1:8080/FHIR/R4/Patient/a"] {
            assert_eq!(place(&bases, own), Place::Own("Patient/a"), "{own}");
        }
        assert_eq!(place(&bases, "http://127.0.0.1:8081/FHIR/R4/Patient/a"), Place::Another);
        let root = [Base::of_url("https://trust.example").unwrap()];
        assert_eq!(place(&root, "https://trust.example/Patient/a"), Place::Own("Patient/a"));
    }
}
