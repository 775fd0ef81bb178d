//! One look at what an issuer publishes, as the service would take it: for `check`.

use super::Issuer;
use super::issuer::KeyFetcher;
use jsonwebtoken::Algorithm;

/// The keys that an issuer publishes now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedKeys {
    /// Those that can check a token by one of the issuer's `algorithms`.
    pub usable: usize,
    /// The others: of another use, too weak, of an unknown kind, or for other algorithms.
    pub others: usize,
}

/// Reads the keys of the issuer at `at` in the settings, by the same way and with the same limits as the service.
///
/// # Errors
/// Why not, in a few words: nothing that the issuer sent.
pub async fn published_keys(at: usize, issuer: &Issuer) -> Result<PublishedKeys, &'static str> {
    let fetcher = KeyFetcher::new(at, issuer).map_err(|error| error.reason)?;
    let keys = fetcher.read().await?.keys;
    let algorithms: Vec<Algorithm> = issuer.algorithms.iter().filter_map(|name| name.parse().ok()).collect();
    let usable = keys.fitting(&algorithms);
    Ok(PublishedKeys { usable, others: keys.len() - usable + keys.ignored })
}
