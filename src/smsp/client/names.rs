use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The system's name resolution, asked for each new connection, with an error of its own type.
pub(super) struct SystemNames;

/// The host name of the SMSP has no address.
#[derive(Debug, thiserror::Error)]
#[error("the name cannot be resolved")]
pub(super) struct NotResolved;

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // Port 0: the port of the URL takes its place.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_| NotResolved)?;
            let found: Vec<_> = found.collect();
            if found.is_empty() {
                return Err(NotResolved.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
