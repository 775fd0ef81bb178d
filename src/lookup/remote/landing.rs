//! The end of a flight: its outcome is kept, its place is free.

use super::calls::{bounded, milliseconds};
use super::keys::{KeyNumber, Purpose, Token};
use super::outcome::{Outcome, RedisTime, What};
use super::{Away, Flight, Kept, LEAST_REMEMBERED, Landed, NO_ID, Place, RemoteTable, scripts};
use crate::clock;
use crate::lookup::LookError;
use std::sync::Arc;
use std::time::Duration;

/// How long those who wait can still hear that a flight was released.
const RELEASED_FOR: Duration = Duration::from_mins(1);

impl RemoteTable {
    /// Lands a flight: keeps its outcome for every request that belongs to it, shares an answer unless a newer flight has begun,
    /// and frees the place. It may be done again after [`Away`].
    ///
    /// A failure that was not delivered is a [`RemoteTable::release`]. `is_unsettled`: the caller was told no answer, though the query may
    /// have been heard; then the outcome is that of every request without an id, too ([`NO_ID`]).
    ///
    /// # Errors
    /// [`Away`]: it may have landed or not. Until it has, its requests are remembered as on their way.
    pub async fn land(&self, place: &Place, kept: &Kept, is_unsettled: bool) -> Result<Landed, Away> {
        bounded(async {
            let (now, flight) = self.flight_of(place).await?;
            let outcome = Outcome::new(kept, now, clock::now());
            let is_released = kept.is_unheard();
            let purpose = Purpose::Outcome(&flight.token);
            let sealed = outcome.seal(&flight.keys, flight.number, &place.look, purpose)?;
            let share_for = self.windows.share_for.saturating_sub(outcome.came.age(now));
            let shared = match &outcome.what {
                What::Answer(_) if share_for.as_millis() > 0 => {
                    outcome.seal(&flight.keys, flight.number, &place.look, Purpose::Shared)?
                }
                _ => Vec::new(),
            };
            let flight_ttl = if is_released { RELEASED_FOR } else { self.windows.remember_for };
            let arguments = vec![
                flight.token.as_str().into(),
                place.fence.to_string().into(),
                flight.keys.pointer(flight.number, &place.look, &place.request_id, &flight.token),
                sealed,
                shared,
                if is_released { b"1".to_vec() } else { Vec::new() },
                milliseconds(flight_ttl),
                milliseconds(self.pointer_ttl()),
                milliseconds(share_for),
                milliseconds(self.pointer_ttl()),
                flight.keys.pointer(flight.number, &place.look, NO_ID, &flight.token),
                if is_unsettled { b"1".to_vec() } else { Vec::new() },
                milliseconds(self.windows.remember_for.min(LEAST_REMEMBERED)),
            ];
            let is_shared: i64 = self.invoke(&scripts::LAND, Self::landing_names(place, &flight), arguments).await?;
            Ok(Landed { flight, is_shared: is_shared == 1 })
        })
        .await
    }

    /// Gives a place up from which nothing was sent: it is free, those who wait hear `failure`, and every request of the flight
    /// may ask again.
    ///
    /// # Errors
    /// [`Away`]: it may be given up or not.
    pub async fn release(&self, place: &Place, failure: &LookError) -> Result<(), Away> {
        debug_assert!(failure.is_undelivered(), "what may have been heard is landed");
        self.land(place, &Kept::now(Err(Arc::new(failure.clone()))), false).await.map(|_| ())
    }

    /// The flight of a place and Redis's time. One that went ahead alone takes up the flight that its request was remembered
    /// under, if its beginning had reached the table after all, or else gets a new one.
    pub(super) async fn flight_of(&self, place: &Place) -> Result<(RedisTime, Flight), Away> {
        if let Some(flight) = &place.flight {
            let (now, _) = self.run(&scripts::READ, Vec::new(), vec![Vec::new()]).await?;
            return Ok((now, flight.clone()));
        }
        let (now, found) = self.find(&place.look, &place.request_id).await?;
        let begun = found.and_then(|found| self.follow(&place.look, &place.request_id, now, &found));
        let new =
            || Ok(Flight { since: clock::now(), keys: self.keys.clone(), number: KeyNumber::FIRST, token: Token::fresh()? });
        begun.map_or_else(new, Ok).map(|flight| (now, flight))
    }

    pub(super) fn landing_names(place: &Place, flight: &Flight) -> Vec<String> {
        let keys = &flight.keys;
        let names = |key| [keys.look(key, &place.look), keys.request(key, &place.look, NO_ID)];
        let others = keys.numbers().filter(|key| *key != flight.number).flat_map(names);
        let request = keys.request(flight.number, &place.look, &place.request_id);
        [request].into_iter().chain(names(flight.number)).chain(others).collect()
    }
}
