//! Checks the issuers of tokens: fetches their keys in the same way as the service.

use super::finding::Finding;
use super::within;
use crate::access;
use crate::access::Issuer;
use crate::settings::Settings;
use futures_util::future::join_all;
use std::time::Duration;

/// One finding for each issuer. All are checked at the same time.
pub async fn check(settings: &Settings, limit: Duration) -> Vec<Finding> {
    let issuers = settings.access.issuers.iter().enumerate();
    if !access::wants_tokens(&settings.access) {
        let skipped = |(at, _): (usize, &Issuer)| Finding::skip(key(at), "not used: access.modes takes no tokens");
        return issuers.map(skipped).collect();
    }
    join_all(issuers.map(|(at, issuer)| async move { within(limit, &key(at), of_issuer(at, issuer)).await })).await
}

fn key(at: usize) -> String {
    format!("access.issuers[{at}]")
}

async fn of_issuer(at: usize, issuer: &Issuer) -> Finding {
    let (key, name) = (key(at), &issuer.issuer);
    match access::published_keys(at, issuer).await {
        Err(why) => Finding::fail(
            key,
            format!(
                "{name}: {why}; users with its tokens could not send requests. Check its jwks_url or discovery, its ca, and the firewalls"
            ),
        ),
        Ok(published) if published.usable == 0 => Finding::fail(
            key,
            format!(
                "{name}: no key that it publishes can be used ({} in all); check algorithms, and the keys that it publishes",
                published.others
            ),
        ),
        Ok(published) => {
            let keys = if published.usable == 1 { "1 key".to_owned() } else { format!("{} keys", published.usable) };
            let others = if published.others == 0 { String::new() } else { format!(", and {} that cannot", published.others) };
            Finding::ok(key, format!("{name}: {keys} that can be used{others}"))
        }
    }
}
