//! Which references are ours: the keys of our ids and the addresses of this service (decisions.md 52).

use crate::fhir::id::IdKeys;

/// Decides whether a reference is ours.
#[derive(Clone)]
pub struct ReferenceResolver<'k> {
    pub ids: &'k IdKeys,
    pub bases: Vec<BaseUrl>,
}

/// Without a base URL, no absolute reference is ours.
impl<'k> From<&'k IdKeys> for ReferenceResolver<'k> {
    fn from(ids: &'k IdKeys) -> Self {
        Self { ids, bases: Vec::new() }
    }
}

/// An absolute base of our own references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// `None`: http or https, because a proxy in front may have terminated TLS.
    scheme: Option<String>,
    authority: String,
    path: String,
}

/// Whose a literal reference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResolvedReference<'v> {
    /// It names no server; the whole text.
    Relative(&'v str),
    /// It is under our own base; the part after the base.
    Own(&'v str),
    /// It names another server, or its server cannot be read.
    Foreign,
}

impl BaseUrl {
    /// The public address: only this exact URL is ours.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let (scheme, authority, path) = parts(url)?;
        Some(Self { scheme: Some(scheme), authority, path: path.trim_end_matches('/').to_owned() })
    }

    /// The address that a request was sent to. The scheme that its caller used is not known.
    #[must_use]
    pub fn of_request(url: &str) -> Option<Self> {
        Self::of_url(url).map(|base| Self { scheme: None, ..base })
    }
}

impl ReferenceResolver<'_> {
    /// Whose reference `text` is. Scheme and host are compared without case, and the scheme's default port may be left out. Everything else
    /// is compared exactly.
    #[must_use]
    pub fn resolve<'v>(&self, text: &'v str) -> ResolvedReference<'v> {
        if !text.contains("//") {
            return ResolvedReference::Relative(text);
        }
        let Some((scheme, authority, path)) = parts(text) else { return ResolvedReference::Foreign };
        let rest = self.bases.iter().find_map(|base| {
            let same = base.scheme.as_ref().is_none_or(|own| *own == scheme) && base.authority == authority;
            same.then(|| path.strip_prefix(base.path.as_str())?.strip_prefix('/')).flatten()
        });
        rest.map_or(ResolvedReference::Foreign, ResolvedReference::Own)
    }
}

/// Scheme and authority in lower case, without the scheme's default port; then the path. `None` if it is not an http URL, or has a user
/// name or password before its host.
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

    fn resolved<'v>(bases: &[BaseUrl], text: &'v str) -> ResolvedReference<'v> {
        let keys = crate::fhir::samples::keys();
        ReferenceResolver { ids: &keys, bases: bases.to_vec() }.resolve(text)
    }

    #[test]
    fn a_reference_is_ours_under_our_own_base_alone() {
        let public = [BaseUrl::of_url("https://Trust.example/FHIR/R4").unwrap()];
        for own in ["https://trust.example/FHIR/R4/Patient/a", "HTTPS://TRUST.EXAMPLE:443/FHIR/R4/Patient/a"] {
            assert_eq!(resolved(&public, own), ResolvedReference::Own("Patient/a"), "{own}");
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
            assert_eq!(resolved(&public, other), ResolvedReference::Foreign, "{other}");
        }
        assert_eq!(resolved(&public, "Patient/a"), ResolvedReference::Relative("Patient/a"));
        assert_eq!(resolved(&[], "https://trust.example/FHIR/R4/Patient/a"), ResolvedReference::Foreign);
    }

    #[test]
    fn behind_a_proxy_the_scheme_of_the_request_is_not_known() {
        let bases = [BaseUrl::of_request("http://127.0.0.1:8080/FHIR/R4").unwrap()];
        for own in ["http://127.0.0.1:8080/FHIR/R4/Patient/a", "https://127.0.0.1:8080/FHIR/R4/Patient/a"] {
            assert_eq!(resolved(&bases, own), ResolvedReference::Own("Patient/a"), "{own}");
        }
        assert_eq!(resolved(&bases, "http://127.0.0.1:8081/FHIR/R4/Patient/a"), ResolvedReference::Foreign);
        let root = [BaseUrl::of_url("https://trust.example").unwrap()];
        assert_eq!(resolved(&root, "https://trust.example/Patient/a"), ResolvedReference::Own("Patient/a"));
    }
}
