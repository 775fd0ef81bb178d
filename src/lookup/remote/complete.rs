//! The end of a flight: stores its outcome and frees its lease.

use super::calls::{bounded, milliseconds};
use super::keys::{KeyNumber, Purpose, Token};
use super::outcome::{RedisTime, StoredOutcome, StoredResult};
use super::{
    LEAST_REMEMBERED, NO_ID, RemoteCompletion, RemoteFlight, RemoteLease, RemoteOutcome, RemoteTable, Unavailable, scripts,
};
use crate::clock;
use crate::lookup::LookError;
use std::sync::Arc;
use std::time::Duration;

/// How long waiting replicas can still read that a flight was released.
const RELEASED_FOR: Duration = Duration::from_mins(1);

impl RemoteTable {
    /// Completes a flight: stores its outcome for every request that belongs to it, shares an answer unless a newer flight has
    /// begun, and frees the lease. It may be repeated after [`Unavailable`].
    ///
    /// A failure that was not delivered is a [`RemoteTable::release`]. `is_unsettled`: the caller got no answer, though the query
    /// may have been delivered; then requests without an id get the outcome too ([`NO_ID`]).
    ///
    /// # Errors
    /// [`Unavailable`]: it may be complete or not. Until it is, its requests are remembered as in flight.
    pub async fn complete(
        &self,
        lease: &RemoteLease,
        kept: &RemoteOutcome,
        is_unsettled: bool,
    ) -> Result<RemoteCompletion, Unavailable> {
        bounded(async {
            let (now, flight) = self.flight_of(lease).await?;
            let outcome = StoredOutcome::new(kept, now, clock::now());
            let is_released = kept.is_undelivered();
            let purpose = Purpose::Outcome(&flight.token);
            let sealed = outcome.seal(&flight.keys, flight.number, &lease.look, purpose)?;
            let share_for = self.retention.share_for.saturating_sub(outcome.came.age(now));
            let shared = match &outcome.result {
                StoredResult::Answer(_) if share_for.as_millis() > 0 => {
                    outcome.seal(&flight.keys, flight.number, &lease.look, Purpose::Shared)?
                }
                _ => Vec::new(),
            };
            let flight_ttl = if is_released { RELEASED_FOR } else { self.retention.remember_for };
            let arguments = vec![
                flight.token.as_str().into(),
                lease.fence.to_string().into(),
                flight.keys.pointer(flight.number, &lease.look, &lease.request_id, &flight.token),
                sealed,
                shared,
                if is_released { b"1".to_vec() } else { Vec::new() },
                milliseconds(flight_ttl),
                milliseconds(self.pointer_ttl()),
                milliseconds(share_for),
                milliseconds(self.pointer_ttl()),
                flight.keys.pointer(flight.number, &lease.look, NO_ID, &flight.token),
                if is_unsettled { b"1".to_vec() } else { Vec::new() },
                milliseconds(self.retention.remember_for.min(LEAST_REMEMBERED)),
            ];
            let is_shared: i64 = self.invoke(&scripts::COMPLETE, Self::completion_names(lease, &flight), arguments).await?;
            Ok(RemoteCompletion { flight, is_shared: is_shared == 1 })
        })
        .await
    }

    /// Gives up a lease under which nothing was sent: the lease is free, waiting replicas get `failure`, and every request of the
    /// flight may ask again.
    ///
    /// # Errors
    /// [`Unavailable`]: it may be given up or not.
    pub async fn release(&self, lease: &RemoteLease, failure: &LookError) -> Result<(), Unavailable> {
        debug_assert!(failure.is_undelivered(), "a query that may have been delivered must be completed");
        self.complete(lease, &RemoteOutcome::now(Err(Arc::new(failure.clone()))), false).await.map(|_| ())
    }

    /// The flight of a lease, and Redis's time. A lease without the table takes the flight that its request is remembered under, if
    /// the claim reached the table after all, or else gets a new one.
    pub(super) async fn flight_of(&self, lease: &RemoteLease) -> Result<(RedisTime, RemoteFlight), Unavailable> {
        if let Some(flight) = &lease.flight {
            let (now, _) = self.run(&scripts::READ, Vec::new(), vec![Vec::new()]).await?;
            return Ok((now, flight.clone()));
        }
        let (now, found) = self.find(&lease.look, &lease.request_id).await?;
        let known = found.and_then(|found| self.follow(&lease.look, &lease.request_id, now, &found));
        let new = || {
            Ok(RemoteFlight { since: clock::now(), keys: self.keys.clone(), number: KeyNumber::FIRST, token: Token::fresh()? })
        };
        known.map_or_else(new, Ok).map(|flight| (now, flight))
    }

    pub(super) fn completion_names(lease: &RemoteLease, flight: &RemoteFlight) -> Vec<String> {
        let keys = &flight.keys;
        let names = |key| [keys.look(key, &lease.look), keys.request(key, &lease.look, NO_ID)];
        let others = keys.numbers().filter(|key| *key != flight.number).flat_map(names);
        let request = keys.request(flight.number, &lease.look, &lease.request_id);
        [request].into_iter().chain(names(flight.number)).chain(others).collect()
    }
}
