//! Reads a request's body, within a limit on its size and a deadline (decisions.md 38).

use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use std::time::Duration;

use crate::memory::{Full, Held};

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("The body is larger than is accepted.")]
    TooLarge,
    #[error("The body did not arrive in time.")]
    TooSlow,
    #[error("The body broke off.")]
    Broken,
    #[error("There is no memory left for the body.")]
    NoRoom,
}

/// The whole body, of `limit` bytes at most, within `deadline`.
///
/// # Errors
/// [`BodyError`], after which nothing more is read.
pub async fn read(mut payload: Payload, limit: usize, deadline: Duration) -> Result<Bytes, BodyError> {
    let reading = async {
        let (mut body, mut held) = (BytesMut::new(), Held::default());
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| BodyError::Broken)?;
            if body.len() + chunk.len() > limit {
                return Err(BodyError::TooLarge);
            }
            held.grow(chunk.len()).map_err(|Full| BodyError::NoRoom)?;
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    tokio::time::timeout(deadline, reading).await.map_err(|_| BodyError::TooSlow)?
}
