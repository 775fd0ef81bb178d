//! Fetches the keys of an issuer once, in the same way as the service: for `check`.

use super::Issuer;
use super::issuer::KeyFetcher;
use jsonwebtoken::Algorithm;

/// The keys that an issuer publishes now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedKeys {
    /// Keys that can check a token with one of the issuer's `algorithms`.
    pub usable: usize,
    /// Other keys: for another use, too weak, of an unknown type, or for other algorithms.
    pub others: usize,
}

/// Fetches the keys of the issuer at `at` in the settings, in the same way and with the same limits as the service.
///
/// # Errors
/// A short reason. It contains nothing that the issuer sent.
pub async fn published_keys(at: usize, issuer: &Issuer) -> Result<PublishedKeys, &'static str> {
    let fetcher = KeyFetcher::new(at, issuer).map_err(|error| error.reason)?;
    let keys = fetcher.read().await?.keys;
    let algorithms: Vec<Algorithm> = issuer.algorithms.iter().filter_map(|name| name.parse().ok()).collect();
    let usable = keys.fitting(&algorithms);
    Ok(PublishedKeys { usable, others: keys.len() - usable + keys.ignored })
}
