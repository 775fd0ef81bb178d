//! The methods of the table up to the end of a flight: claim, join, wait, and what is remembered or shared.

use super::calls::{bounded, milliseconds};
use super::find::RequestRecord;
use super::keys::{KeyNumber, Token};
use super::outcome::RedisTime;
use super::scripts::Reply;
use super::{
    ClaimResult, LookKey, NO_ID, RemoteFlight, RemoteLease, RemoteOutcome, RemoteRequest, RemoteTable, Unavailable, WaitResult,
    WantedAge, scripts,
};
use crate::clock;
use crate::cpis::Delivery;
use crate::lookup::LookError;
use crate::telemetry::request::carried;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How often a claim is tried if what it found is gone or cannot be used.
const ROUNDS: usize = 6;
/// The pause between two reads while waiting.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

impl RemoteTable {
    /// Connects and loads the scripts, so that the first look need not. For the start, and to check that the table can be reached.
    ///
    /// # Errors
    /// [`Unavailable`]; the table is used anyway once it is back.
    pub async fn ready(&self) -> Result<(), Unavailable> {
        let load = |mut connection| async move {
            for script in scripts::all() {
                script.prepare_invoke().load_async(&mut connection).await?;
            }
            Ok(())
        };
        bounded(self.connection.call(load)).await
    }

    /// What is remembered of this request.
    ///
    /// # Errors
    /// [`Unavailable`]; nothing was changed.
    pub async fn remembered(&self, look: &LookKey, request_id: &str) -> Result<Option<RemoteRequest>, Unavailable> {
        bounded(async {
            let (now, found) = self.find(look, request_id).await?;
            Ok(found.and_then(|found| self.open_request(look, request_id, now, &found)))
        })
        .await
    }

    /// The shared answer of this look and when it came, unless it is older than `share_for`.
    ///
    /// # Errors
    /// [`Unavailable`]; nothing was changed.
    pub async fn shared(&self, look: &LookKey) -> Result<Option<RemoteOutcome>, Unavailable> {
        if self.retention.share_for.is_zero() {
            return Ok(None);
        }
        bounded(async {
            let names = self.keys.numbers().map(|key| format!("{}:shared", self.keys.look(key, look))).collect();
            let (now, reply) = self.run(&scripts::READ, names, vec![b"answer".to_vec()]).await?;
            let sealed = self.keys.numbers().filter_map(|key| Some((key, reply.bytes(key.0 + 1)?)));
            let mut answers = sealed.filter_map(|(key, sealed)| self.shareable(look, key, sealed, now, self.retention.share_for));
            Ok(answers.next())
        })
        .await
    }

    /// Claims the lease for the look's one flight over all replicas and remembers the request under it, or says why not. It is one
    /// step, done before any query is sent.
    ///
    /// A flight older than [`super::Retention::caller`] is taken over by a request that is not remembered (decisions.md 4: a new
    /// X-Request-ID is a person's new decision). It still completes for its own requests, but can no longer share its answer.
    ///
    /// [`NO_ID`] stands for a request without one: it never takes over, and repeats the look's last flight whose caller got no
    /// answer (decisions.md 45).
    ///
    /// If the caller is dropped while it waits, the lease that it would have got is released.
    ///
    /// # Errors
    /// [`Unavailable`]: the lease may have been taken or not. A caller that goes ahead then uses [`RemoteTable::unclaimed`]; one
    /// that does not should release that.
    pub async fn claim(&self, look: &LookKey, request_id: &str, wanted: WantedAge) -> Result<ClaimResult, Unavailable> {
        let (table, look, request_id) = (self.clone(), look.clone(), request_id.to_owned());
        let (sender, receiver) = oneshot::channel();
        self.connection.runtime().spawn(carried(async move {
            let claim = bounded(table.claim_once(&look, &request_id, wanted)).await;
            let _ = sender.send(ClaimHandover { claim: Some(claim), table });
        }));
        let mut handover = receiver.await.map_err(|_| Unavailable::NoReply)?;
        handover.claim.take().unwrap_or(Err(Unavailable::NoReply))
    }

    async fn claim_once(&self, look: &LookKey, request_id: &str, wanted: WantedAge) -> Result<ClaimResult, Unavailable> {
        let token = Token::fresh()?;
        let writes = KeyNumber::FIRST;
        let times = [self.flight_ttl(), self.pointer_ttl(), self.retention.lock_for, self.pointer_ttl(), self.retention.caller];
        let any = if wanted == WantedAge::New || self.retention.share_for.is_zero() { b"*".to_vec() } else { Vec::new() };
        // What was found under each key and could not be used. The next round passes over it.
        let mut passed_over: Vec<[Vec<u8>; 2]> = self.keys.numbers().map(|_| [Vec::new(), any.clone()]).collect();
        let pointers = [request_id, NO_ID].map(|id| self.keys.pointer(writes, look, id, &token));
        for _ in 0..ROUNDS {
            let mut arguments = vec![token.as_str().into()];
            arguments.extend(pointers.iter().cloned());
            arguments.extend(times.map(milliseconds));
            arguments.extend(passed_over.iter().flatten().cloned());
            let (now, reply) = self.run(&scripts::CLAIM, self.claim_names(look, request_id), arguments).await?;
            let key = reply.key(2)?;
            let (first, second) = (reply.bytes(3).ok_or(Unavailable::ErrorReply)?, reply.bytes(4));
            match reply.bytes(0) {
                Some(b"ours") => {
                    let fence = reply.number(3).ok_or(Unavailable::ErrorReply)?;
                    let flight = RemoteFlight { since: clock::now(), keys: self.keys.clone(), number: writes, token };
                    return Ok(ClaimResult::Ours(RemoteLease {
                        look: look.clone(),
                        request_id: request_id.to_owned(),
                        flight: Some(flight),
                        fence,
                    }));
                }
                Some(b"remembered") => match self.open_request(look, request_id, now, &RequestRecord::read(&reply, 2)?) {
                    Some(remembered) => return Ok(ClaimResult::Remembered(remembered)),
                    None => passed_over.get_mut(key.0).ok_or(Unavailable::ErrorReply)?[0] = first.to_vec(),
                },
                Some(b"shared") => {
                    let WantedAge::NotOlderThan(limit) = wanted else { return Err(Unavailable::ErrorReply) };
                    let limit = limit.min(self.retention.share_for);
                    match self.shareable(look, key, second.ok_or(Unavailable::ErrorReply)?, now, limit) {
                        Some(kept) => return Ok(ClaimResult::Shared(kept)),
                        None => passed_over.get_mut(key.0).ok_or(Unavailable::ErrorReply)?[1] = first.to_vec(),
                    }
                }
                Some(b"elsewhere") => {
                    let flight = self.flight_elsewhere(first, reply.number(4), key, now)?;
                    if self.join(look, request_id, &flight).await? {
                        return Ok(ClaimResult::Elsewhere(flight));
                    }
                }
                _ => return Err(Unavailable::ErrorReply),
            }
        }
        Err(Unavailable::Contention)
    }

    /// The lease of a look that goes ahead without the table. It is completed like any other: if the table is back by then, the
    /// outcome is remembered under the request, and an answer is shared unless another flight is running.
    #[must_use]
    pub fn unclaimed(&self, look: &LookKey, request_id: &str) -> RemoteLease {
        RemoteLease { look: look.clone(), request_id: request_id.to_owned(), flight: None, fence: 0 }
    }

    /// Remembers a further request under `flight`, in flight or complete. False if the flight is gone or was released: the request
    /// must then claim for itself. A request that is already remembered keeps its first flight.
    ///
    /// # Errors
    /// [`Unavailable`]: the request may be remembered or not.
    pub async fn join(&self, look: &LookKey, request_id: &str, flight: &RemoteFlight) -> Result<bool, Unavailable> {
        bounded(async {
            let names = vec![flight.keys.look(flight.number, look), flight.keys.request(flight.number, look, request_id)];
            let pointer = flight.keys.pointer(flight.number, look, request_id, &flight.token);
            let arguments = vec![flight.token.as_str().into(), pointer, milliseconds(self.pointer_ttl())];
            let joined: i64 = self.invoke(&scripts::JOIN, names, arguments).await?;
            Ok(joined == 1)
        })
        .await
    }

    /// Waits until `flight` is complete, until `deadline` at most. Keeps trying while the table is unavailable.
    ///
    /// # Errors
    /// [`Unavailable`] if the table was unavailable at the deadline. It is then not known whether the flight is complete.
    pub async fn wait(&self, look: &LookKey, flight: &RemoteFlight, deadline: Instant) -> Result<WaitResult, Unavailable> {
        let name = format!("{}:flight:{}", flight.keys.look(flight.number, look), flight.token.as_str());
        let mut pause = FIRST_PAUSE;
        loop {
            let read = self.run(&scripts::READ, vec![name.clone()], vec![b"outcome".to_vec()]);
            let read = tokio::time::timeout_at(deadline, read).await.unwrap_or(Ok((RedisTime(0), Reply(Vec::new()))));
            if let Ok((now, reply)) = &read
                && let Some(sealed) = reply.bytes(1)
                && let Some(kept) = self.open_outcome(look, flight, sealed, *now)
            {
                return Ok(WaitResult::Completed(kept));
            }
            if Instant::now() + pause >= deadline {
                return read.map(|_| WaitResult::NotYet);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    fn flight_elsewhere(
        &self,
        token: &[u8],
        since: Option<i64>,
        number: KeyNumber,
        now: RedisTime,
    ) -> Result<RemoteFlight, Unavailable> {
        let token = Token::read(token).ok_or(Unavailable::ErrorReply)?;
        let since = RedisTime(since.ok_or(Unavailable::ErrorReply)?).local(now, clock::now());
        Ok(RemoteFlight { since, keys: self.keys.clone(), number, token })
    }
}

/// Hands the result of a claim to its caller. If the caller goes away before it gets it, the lease is released.
struct ClaimHandover {
    claim: Option<Result<ClaimResult, Unavailable>>,
    table: RemoteTable,
}

impl Drop for ClaimHandover {
    fn drop(&mut self) {
        if let Some(Ok(ClaimResult::Ours(lease))) = self.claim.take() {
            let table = self.table.clone();
            self.table.connection.runtime().spawn(carried(async move {
                let nobody = LookError::Broken { delivery: Delivery::NotDelivered };
                // If this fails, the lease is free again when it may be taken over.
                let _ = table.release(&lease, &nobody).await;
            }));
        }
    }
}
