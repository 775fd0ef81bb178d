//! URLs of settings. No message holds the URL, since people write passwords into them.

use super::files;
use super::key::Key;
use super::reader::{Reader, ReportedFault};
use crate::secret::StoreUrl;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::path::PathBuf;
use url::{Host, Url};
use zeroize::Zeroizing;

/// Which URLs a setting takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Https,
    /// https, and http where nothing leaves the machine.
    HttpsOrLoopback,
    /// http too: the base as callers see it, without a query.
    Base,
}

/// Reads a web address with a host, without user and fragment.
pub(super) fn web(text: &str, scheme: Scheme) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    let is_good_scheme = match url.scheme() {
        "https" => true,
        "http" => scheme == Scheme::Base || (scheme == Scheme::HttpsOrLoopback && is_loopback(&url)),
        _ => false,
    };
    if !is_good_scheme {
        return Err(match scheme {
            Scheme::Https => "wanted an https URL",
            Scheme::HttpsOrLoopback => "wanted an https URL (http only on loopback)",
            Scheme::Base => "wanted an http or https URL",
        });
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("has no host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or a password; wanted a URL without");
    }
    if url.fragment().is_some() {
        return Err("holds a fragment (#); wanted a URL without");
    }
    if scheme == Scheme::Base && url.query().is_some() {
        return Err("holds a query (?); wanted a URL without");
    }
    Ok(url)
}

/// As [`web`], for a setting, if it is set.
pub(super) fn read_web(reader: &mut Reader, key: Key<Option<String>>, scheme: Scheme) -> Result<Option<Url>, ReportedFault> {
    let Some(text) = reader.get(key)? else { return Ok(None) };
    web(&text, scheme).map(Some).map_err(|problem| reader.fault(key, problem))
}

/// The URL of a store, with the password from the file that `password` names, if any. The caller has checked the scheme.
pub(super) fn store(
    reader: &mut Reader,
    key: Key<String>,
    text: &str,
    password: Key<Option<PathBuf>>,
) -> Result<StoreUrl, ReportedFault> {
    let Ok(mut url) = Url::parse(text) else {
        return Err(reader.fault(key, "is not a URL that can be read; wanted scheme://host:port/..."));
    };
    if url.host_str().is_none_or(str::is_empty) {
        return Err(reader.fault(key, "has no host"));
    }
    let has_password = url.password().is_some() || url.query_pairs().any(|(key, _)| key.eq_ignore_ascii_case("password"));
    if has_password && reader.is_set(password) {
        return Err(reader.fault(key, format!("holds a password, and {password} is set too; wanted one of the two")));
    }
    let Some(bytes) = files::secret_contents(reader, password)? else {
        if has_password {
            reader.warn(key, format!("holds a password; {password} keeps it out of the environment and the settings file"));
        }
        return Ok(StoreUrl::new(url));
    };
    let text = std::str::from_utf8(&bytes).map(|text| Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()));
    match text {
        Ok(text) if !text.chars().any(char::is_control) && set_password(&mut url, &text) => Ok(StoreUrl::new(url)),
        _ => Err(reader.fault(password, "the file holds no password; wanted one line of text")),
    }
}

/// Percent-encodes the password so that each character is kept: in a URL, `%40` means `@`.
fn set_password(url: &mut Url, password: &str) -> bool {
    let encoded = Zeroizing::new(utf8_percent_encode(password, NON_ALPHANUMERIC).to_string());
    url.set_password(Some(&encoded)).is_ok()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The text before the first colon.
pub(super) fn scheme(text: &str) -> &str {
    text.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smsp_is_reached_by_https_alone() {
        assert!(web("https://smsp.example/cpis", Scheme::Https).is_ok());
        for (wrong, problem) in [
            ("http://127.0.0.1/", "wanted an https URL"),
            ("smsp.example", "is not a URL"),
            ("https://", "is not a URL"),
            ("https://user:hunter2@smsp.example/", "holds a user or a password; wanted a URL without"),
            ("https://smsp.example/#part", "holds a fragment (#); wanted a URL without"),
        ] {
            assert_eq!(web(wrong, Scheme::Https).err(), Some(problem), "{wrong}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_or_for_links() {
        for loopback in ["http://127.0.0.1:9/jwks", "http://[::1]/jwks", "http://localhost/jwks"] {
            assert!(web(loopback, Scheme::HttpsOrLoopback).is_ok(), "{loopback}");
        }
        assert!(web("http://issuer.example/jwks", Scheme::HttpsOrLoopback).is_err());
        assert!(web("http://fhir.example/FHIR/R4", Scheme::Base).is_ok());
        assert!(web("http://fhir.example/FHIR/R4?a=b", Scheme::Base).is_err());
    }
}
