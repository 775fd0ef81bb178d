//! Secrets: never printed, and wiped when they are dropped.

use std::fmt;
use url::Url;
use zeroize::Zeroizing;

/// A key of 32 bytes. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyMaterial(Zeroizing<[u8; 32]>);

impl KeyMaterial {
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key itself, for a cipher or a MAC.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyMaterial(..)")
    }
}

/// The bytes of a PEM file that holds a private key.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretPem(Zeroizing<Vec<u8>>);

impl SecretPem {
    #[must_use]
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The PEM text, for the TLS configuration.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretPem(..)")
    }
}

/// The URL of a store, which may hold a password. `Debug` shows scheme, host, port and path only.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(Url);

impl StoreUrl {
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// The whole URL, for the store's client.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// Scheme, host, port and path: fit for a log.
    #[must_use]
    pub fn shown(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        let port = self.0.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}{}", self.0.scheme(), self.0.path())
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({})", self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show_themselves() {
        let url = StoreUrl::new(Url::parse("rediss://user:hunter2@cache.example:6380/1?password=hunter3").unwrap());
        assert_eq!(format!("{url:?}"), "StoreUrl(rediss://cache.example:6380/1)");
        assert_eq!(format!("{:?}", KeyMaterial::new([0x5a; 32])), "KeyMaterial(..)");
        assert_eq!(format!("{:?}", SecretPem::new(Zeroizing::new(b"key".to_vec()))), "SecretPem(..)");
    }
}
