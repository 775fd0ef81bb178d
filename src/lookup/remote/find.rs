//! Reads what the table holds. A value that we cannot verify and open counts as absent.

use super::keys::{KeyNumber, Purpose};
use super::outcome::{RedisTime, StoredOutcome};
use super::scripts::{self, Reply};
use super::{LookKey, RemoteFlight, RemoteOutcome, RemoteRequest, RemoteTable, Unavailable};
use crate::clock;
use std::time::Duration;

/// What the table holds for a request that it remembers.
pub(super) struct RequestRecord {
    pub(super) key: KeyNumber,
    pointer: Vec<u8>,
    since: RedisTime,
    outcome: Option<Vec<u8>>,
}

impl RequestRecord {
    /// Reads the number of the key, pointer, since and outcome, from position `at`.
    pub(super) fn read(reply: &Reply, at: usize) -> Result<Self, Unavailable> {
        Ok(Self {
            key: reply.key(at)?,
            pointer: reply.bytes(at + 1).ok_or(Unavailable::ErrorReply)?.to_vec(),
            since: RedisTime(reply.number(at + 2).ok_or(Unavailable::ErrorReply)?),
            outcome: reply.bytes(at + 3).map(<[u8]>::to_vec),
        })
    }
}

impl RemoteTable {
    pub(super) async fn find(&self, look: &LookKey, request_id: &str) -> Result<(RedisTime, Option<RequestRecord>), Unavailable> {
        let (now, reply) = self.run(&scripts::REMEMBERED, self.names(look, request_id), Vec::new()).await?;
        let found = if reply.0.len() > 1 { Some(RequestRecord::read(&reply, 1)?) } else { None };
        Ok((now, found))
    }

    /// Verifies and opens what was found for a request.
    pub(super) fn open_request(
        &self,
        look: &LookKey,
        request_id: &str,
        now: RedisTime,
        found: &RequestRecord,
    ) -> Option<RemoteRequest> {
        let flight = self.follow(look, request_id, now, found)?;
        match &found.outcome {
            None => Some(RemoteRequest::InFlight(flight)),
            Some(sealed) => self.open_outcome(look, &flight, sealed, now).map(RemoteRequest::Completed),
        }
    }

    pub(super) fn follow(&self, look: &LookKey, request_id: &str, now: RedisTime, found: &RequestRecord) -> Option<RemoteFlight> {
        let Some(token) = self.keys.follow(found.key, look, request_id, &found.pointer) else {
            self.unreadable.note(&"a pointer that was not made for this request");
            return None;
        };
        Some(RemoteFlight { since: found.since.local(now, clock::now()), keys: self.keys.clone(), number: found.key, token })
    }

    pub(super) fn open_outcome(
        &self,
        look: &LookKey,
        flight: &RemoteFlight,
        sealed: &[u8],
        now: RedisTime,
    ) -> Option<RemoteOutcome> {
        match StoredOutcome::open(&flight.keys, flight.number, look, Purpose::Outcome(&flight.token), sealed) {
            // The table forgets outcomes in time. An older one was put back by somebody else.
            Ok(outcome) if outcome.came.age(now) > self.flight_ttl() => None,
            Ok(outcome) => Some(outcome.into_remote(now, clock::now())),
            Err(why) => {
                self.unreadable.note(&why);
                None
            }
        }
    }

    pub(super) fn shareable(
        &self,
        look: &LookKey,
        key: KeyNumber,
        sealed: &[u8],
        now: RedisTime,
        limit: Duration,
    ) -> Option<RemoteOutcome> {
        let outcome = match StoredOutcome::open(&self.keys, key, look, Purpose::Shared, sealed) {
            Ok(outcome) => outcome,
            Err(why) => {
                self.unreadable.note(&why);
                return None;
            }
        };
        if outcome.came.is_future(now) || outcome.came.age(now) > limit {
            return None;
        }
        Some(outcome.into_remote(now, clock::now())).filter(|kept| kept.outcome.is_ok())
    }
}
