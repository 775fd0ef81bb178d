//! What is asked of the table, and what it says.

use super::keys::{KeyNumber, NoRandom, Purpose, Token};
use super::outcome::{Outcome, RedisTime, What};
use super::scripts::{self, Reply};
use super::{Away, Begun, Flight, Kept, Landed, LookKey, Place, Remembered, RemoteTable, Waited, Wanted};
use crate::cpis::{Answer, Delivery, Failure, FailureKind, Phase};
use jiff::Timestamp;
use redis::{Script, Value};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A method as a whole. One call takes less than this even where it connects first.
const METHOD: Duration = Duration::from_millis(480);
/// How often a beginning is tried again when what was found turned out to be gone or not to be used.
const ROUNDS: usize = 6;
/// Between two questions of one that waits.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// How long those who wait can still hear that a flight was released.
const RELEASED_FOR: Duration = Duration::from_mins(1);

type ArcAnswer = Arc<Answer>;

impl RemoteTable {
    /// What is remembered of this very request.
    ///
    /// # Errors
    /// [`Away`]; nothing was changed.
    pub async fn remembered(&self, look: &LookKey, request_id: &str) -> Result<Option<Remembered>, Away> {
        bounded(async {
            let (now, found) = self.find(look, request_id).await?;
            Ok(found.and_then(|found| self.recall(look, request_id, now, &found)))
        })
        .await
    }

    /// The shared answer of this look and when it came, if it is not older than `share_for`.
    ///
    /// # Errors
    /// [`Away`]; nothing was changed.
    pub async fn shared(&self, look: &LookKey) -> Result<Option<(ArcAnswer, Timestamp)>, Away> {
        if self.windows.share_for.is_zero() {
            return Ok(None);
        }
        bounded(async {
            let names = self.keys.numbers().map(|key| format!("{}:shared", self.keys.look(key, look))).collect();
            let (now, reply) = self.run(&scripts::READ, names, vec![b"answer".to_vec()]).await?;
            let sealed = self.keys.numbers().filter_map(|key| Some((key, reply.bytes(key.0 + 1)?)));
            let mut answers = sealed.filter_map(|(key, sealed)| self.shareable(look, key, sealed, now, self.windows.share_for));
            Ok(answers.next())
        })
        .await
    }

    /// Takes the place of the look's one flight over all replicas and remembers the request under it, or says why not. It is one
    /// step, and done before any query goes out.
    ///
    /// A flight older than [`super::Windows::caller`] is taken over by a request that is not remembered (decisions.md 4: a new
    /// X-Request-ID is a person's new decision). It still lands for its own requests, but can no longer share its answer.
    ///
    /// If the caller is dropped while it waits, a place that it would have got is released.
    ///
    /// # Errors
    /// [`Away`]: the place may have been taken or not. Who goes ahead then flies with [`RemoteTable::alone`]; who does not should
    /// release that.
    pub async fn begin(&self, look: &LookKey, request_id: &str, wanted: Wanted) -> Result<Begun, Away> {
        let (table, look, request_id) = (self.clone(), look.clone(), request_id.to_owned());
        let (hear, heard) = oneshot::channel();
        self.link.runtime().spawn(async move {
            let begun = bounded(table.begin_at_once(&look, &request_id, wanted)).await;
            if let Err(Ok(Begun::Ours(place))) = hear.send(begun) {
                let nobody = Failure::new(FailureKind::Internal, Phase::Build, Delivery::NotDelivered);
                // If this fails too, the place is free again when it may be taken over.
                let _ = table.release(&place, &nobody).await;
            }
        });
        heard.await.unwrap_or(Err(Away::NoReply))
    }

    async fn begin_at_once(&self, look: &LookKey, request_id: &str, wanted: Wanted) -> Result<Begun, Away> {
        let token = Token::fresh()?;
        let writes = KeyNumber::FIRST;
        let times = [self.flight_ttl(), self.pointer_ttl(), self.windows.lock_for, self.pointer_ttl(), self.windows.caller];
        let any = if wanted == Wanted::New || self.windows.share_for.is_zero() { b"*".to_vec() } else { Vec::new() };
        // What was found under each key and could not be used, so that it is passed over in the next round.
        let mut passed_over: Vec<[Vec<u8>; 2]> = self.keys.numbers().map(|_| [Vec::new(), any.clone()]).collect();
        for _ in 0..ROUNDS {
            let mut arguments = vec![token.as_str().into(), self.keys.pointer(writes, look, request_id, &token)];
            arguments.extend(times.map(milliseconds));
            arguments.extend(passed_over.iter().flatten().cloned());
            let (now, reply) = self.run(&scripts::BEGIN, self.names(look, request_id), arguments).await?;
            let key = reply.key(2)?;
            let (first, second) = (reply.bytes(3).ok_or(Away::ErrorReply)?, reply.bytes(4));
            match reply.bytes(0) {
                Some(b"ours") => {
                    let fence = reply.number(3).ok_or(Away::ErrorReply)?;
                    let flight = Flight { since: Timestamp::now(), number: writes, token };
                    return Ok(Begun::Ours(Place {
                        look: look.clone(),
                        request_id: request_id.to_owned(),
                        flight: Some(flight),
                        fence,
                    }));
                }
                Some(b"remembered") => match self.recall(look, request_id, now, &Found::read(&reply, 2)?) {
                    Some(remembered) => return Ok(Begun::Remembered(remembered)),
                    None => passed_over.get_mut(key.0).ok_or(Away::ErrorReply)?[0] = first.to_vec(),
                },
                Some(b"shared") => {
                    let Wanted::NotOlderThan(limit) = wanted else { return Err(Away::ErrorReply) };
                    let limit = limit.min(self.windows.share_for);
                    match self.shareable(look, key, second.ok_or(Away::ErrorReply)?, now, limit) {
                        Some((answer, came)) => return Ok(Begun::Shared { answer, came }),
                        None => passed_over.get_mut(key.0).ok_or(Away::ErrorReply)?[1] = first.to_vec(),
                    }
                }
                Some(b"elsewhere") => {
                    let flight = flight_of(first, reply.number(4), key, now)?;
                    if self.join(look, request_id, &flight).await? {
                        return Ok(Begun::Elsewhere(flight));
                    }
                }
                _ => return Err(Away::ErrorReply),
            }
        }
        Err(Away::Restless)
    }

    /// The place of a look that goes ahead although the table is away. It is landed as any other: if the table is back by then,
    /// the outcome is remembered under the request, and an answer is shared unless somebody else is flying.
    #[must_use]
    pub fn alone(&self, look: &LookKey, request_id: &str) -> Place {
        Place { look: look.clone(), request_id: request_id.to_owned(), flight: None, fence: 0 }
    }

    /// Remembers a further request under `flight`, on its way or landed. False when there is no such flight any more, or it was
    /// released: the request is then to begin for itself. A request that is remembered already keeps its first flight.
    ///
    /// # Errors
    /// [`Away`]: the request may be remembered or not.
    pub async fn join(&self, look: &LookKey, request_id: &str, flight: &Flight) -> Result<bool, Away> {
        bounded(async {
            let names = vec![self.keys.look(flight.number, look), self.keys.request(flight.number, look, request_id)];
            let pointer = self.keys.pointer(flight.number, look, request_id, &flight.token);
            let arguments = vec![flight.token.as_str().into(), pointer, milliseconds(self.pointer_ttl())];
            let script = &*scripts::JOIN;
            let joined: i64 = self.invoke(script, names, arguments).await?;
            Ok(joined == 1)
        })
        .await
    }

    /// Waits until `flight` has landed, until `deadline` at most. While the table is away it goes on trying.
    ///
    /// # Errors
    /// [`Away`] when the table was away at the deadline. Whether the flight has landed is then not known.
    pub async fn wait(&self, look: &LookKey, flight: &Flight, deadline: Instant) -> Result<Waited, Away> {
        let name = format!("{}:flight:{}", self.keys.look(flight.number, look), flight.token.as_str());
        let mut pause = FIRST_PAUSE;
        loop {
            let read = self.run(&scripts::READ, vec![name.clone()], vec![b"outcome".to_vec()]);
            let read = tokio::time::timeout_at(deadline, read).await.unwrap_or(Ok((RedisTime(0), Reply(Vec::new()))));
            if let Ok((now, reply)) = &read
                && let Some(sealed) = reply.bytes(1)
                && let Some(kept) = self.open_outcome(look, flight.number, &flight.token, sealed, *now)
            {
                return Ok(Waited::Landed(kept));
            }
            if Instant::now() + pause >= deadline {
                return read.map(|_| Waited::NotYet);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    /// Lands a flight: keeps its outcome for every request that belongs to it, shares an answer unless a newer flight has begun,
    /// and frees the place. It may be done again after [`Away`].
    ///
    /// A failure that was not delivered is a [`RemoteTable::release`].
    ///
    /// # Errors
    /// [`Away`]: it may have landed or not. Until it has, its requests are remembered as on their way.
    pub async fn land(&self, place: &Place, kept: &Kept) -> Result<Landed, Away> {
        bounded(async {
            let (now, flight) = self.flight_of(place).await?;
            let outcome = Outcome::new(kept, now, Timestamp::now());
            let is_released = matches!(kept, Kept::Failed(failure) if failure.delivery == Delivery::NotDelivered);
            let purpose = Purpose::Outcome(&flight.token);
            let sealed = outcome.seal(&self.keys, flight.number, &place.look, purpose)?;
            let share_for = self.windows.share_for.saturating_sub(outcome.came.age(now));
            let shared = match &outcome.what {
                What::Answer(_) if share_for.as_millis() > 0 => {
                    outcome.seal(&self.keys, flight.number, &place.look, Purpose::Shared)?
                }
                _ => Vec::new(),
            };
            let flight_ttl = if is_released { RELEASED_FOR } else { self.windows.remember_for };
            let arguments = vec![
                flight.token.as_str().into(),
                place.fence.to_string().into(),
                self.keys.pointer(flight.number, &place.look, &place.request_id, &flight.token),
                sealed,
                shared,
                if is_released { b"1".to_vec() } else { Vec::new() },
                milliseconds(flight_ttl),
                milliseconds(self.pointer_ttl()),
                milliseconds(share_for),
                milliseconds(self.pointer_ttl()),
            ];
            let is_shared: i64 = self.invoke(&scripts::LAND, self.landing_names(place, &flight), arguments).await?;
            Ok(Landed { flight, is_shared: is_shared == 1 })
        })
        .await
    }

    /// Gives a place up from which nothing was sent: it is free, those who wait hear `failure`, and every request of the flight
    /// may ask again.
    ///
    /// # Errors
    /// [`Away`]: it may be given up or not.
    pub async fn release(&self, place: &Place, failure: &Failure) -> Result<(), Away> {
        debug_assert_eq!(failure.delivery, Delivery::NotDelivered, "what may have been heard is landed");
        self.land(place, &Kept::Failed(Arc::new(failure.clone()))).await.map(|_| ())
    }

    /// The flight of a place and Redis's time. One that went ahead alone takes up the flight that its request was remembered
    /// under, if its beginning had reached the table after all, or else gets a new one.
    async fn flight_of(&self, place: &Place) -> Result<(RedisTime, Flight), Away> {
        if let Some(flight) = &place.flight {
            let (now, _) = self.run(&scripts::READ, Vec::new(), vec![Vec::new()]).await?;
            return Ok((now, flight.clone()));
        }
        let (now, found) = self.find(&place.look, &place.request_id).await?;
        let begun = found.and_then(|found| self.follow(&place.look, &place.request_id, now, &found));
        let new = || Ok(Flight { since: Timestamp::now(), number: KeyNumber::FIRST, token: Token::fresh()? });
        begun.map_or_else(new, Ok).map(|flight| (now, flight))
    }

    async fn find(&self, look: &LookKey, request_id: &str) -> Result<(RedisTime, Option<Found>), Away> {
        let (now, reply) = self.run(&scripts::REMEMBERED, self.names(look, request_id), Vec::new()).await?;
        let found = if reply.0.len() > 1 { Some(Found::read(&reply, 1)?) } else { None };
        Ok((now, found))
    }

    /// What was found of a request, if it is ours to read.
    fn recall(&self, look: &LookKey, request_id: &str, now: RedisTime, found: &Found) -> Option<Remembered> {
        let flight = self.follow(look, request_id, now, found)?;
        match &found.outcome {
            None => Some(Remembered::OnItsWay(flight)),
            Some(sealed) => self.open_outcome(look, found.key, &flight.token, sealed, now).map(Remembered::Landed),
        }
    }

    fn follow(&self, look: &LookKey, request_id: &str, now: RedisTime, found: &Found) -> Option<Flight> {
        let Some(token) = self.keys.follow(found.key, look, request_id, &found.pointer) else {
            self.unreadable.note(&"a pointer that was not made for this request");
            return None;
        };
        Some(Flight { since: found.since.local(now, Timestamp::now()), number: found.key, token })
    }

    fn open_outcome(&self, look: &LookKey, key: KeyNumber, token: &Token, sealed: &[u8], now: RedisTime) -> Option<Kept> {
        match Outcome::open(&self.keys, key, look, Purpose::Outcome(token), sealed) {
            // The table forgets it by itself; what is older was put there again by somebody else.
            Ok(outcome) if outcome.came.age(now) > self.flight_ttl() => None,
            Ok(outcome) => Some(outcome.kept(now, Timestamp::now())),
            Err(why) => {
                self.unreadable.note(&why);
                None
            }
        }
    }

    fn shareable(
        &self,
        look: &LookKey,
        key: KeyNumber,
        sealed: &[u8],
        now: RedisTime,
        limit: Duration,
    ) -> Option<(ArcAnswer, Timestamp)> {
        let outcome = match Outcome::open(&self.keys, key, look, Purpose::Shared, sealed) {
            Ok(outcome) => outcome,
            Err(why) => {
                self.unreadable.note(&why);
                return None;
            }
        };
        if outcome.came.is_future(now) || outcome.came.age(now) > limit {
            return None;
        }
        match outcome.kept(now, Timestamp::now()) {
            Kept::Answer { answer, came } => Some((answer, came)),
            Kept::Failed(_) => None,
        }
    }

    /// For each key: what the look's names begin with, and the request's name.
    fn names(&self, look: &LookKey, request_id: &str) -> Vec<String> {
        let names = |key| [self.keys.look(key, look), self.keys.request(key, look, request_id)];
        self.keys.numbers().flat_map(names).collect()
    }

    fn landing_names(&self, place: &Place, flight: &Flight) -> Vec<String> {
        let others = self.keys.numbers().filter(|key| *key != flight.number).map(|key| self.keys.look(key, &place.look));
        let own = [self.keys.look(flight.number, &place.look), self.keys.request(flight.number, &place.look, &place.request_id)];
        own.into_iter().chain(others).collect()
    }

    /// How long a flight that never lands is remembered as on its way.
    fn flight_ttl(&self) -> Duration {
        self.windows.lock_for + self.windows.remember_for
    }

    /// Longer than anything that a pointer can lead to.
    fn pointer_ttl(&self) -> Duration {
        self.flight_ttl() + self.windows.lock_for
    }

    /// Runs a script whose reply is a list with Redis's time: second in the reply to `begin`, first elsewhere.
    async fn run(
        &self,
        script: &'static Script,
        names: Vec<String>,
        arguments: Vec<Vec<u8>>,
    ) -> Result<(RedisTime, Reply), Away> {
        let reply: Vec<Value> = self.invoke(script, names, arguments).await?;
        let reply = Reply(reply);
        let now = reply.number(0).or_else(|| reply.number(1)).ok_or(Away::ErrorReply)?;
        Ok((RedisTime(now), reply))
    }

    async fn invoke<T>(&self, script: &'static Script, names: Vec<String>, arguments: Vec<Vec<u8>>) -> Result<T, Away>
    where
        T: redis::FromRedisValue + Send + 'static,
    {
        self.link
            .call(move |mut connection| async move {
                let mut invocation = script.prepare_invoke();
                for name in names {
                    invocation.key(name);
                }
                for argument in arguments {
                    invocation.arg(argument);
                }
                invocation.invoke_async(&mut connection).await
            })
            .await
    }
}

/// What the table says of a request that it remembers.
struct Found {
    key: KeyNumber,
    pointer: Vec<u8>,
    since: RedisTime,
    outcome: Option<Vec<u8>>,
}

impl Found {
    /// Number of the key, pointer, since, outcome: from `at` on.
    fn read(reply: &Reply, at: usize) -> Result<Self, Away> {
        Ok(Self {
            key: reply.key(at)?,
            pointer: reply.bytes(at + 1).ok_or(Away::ErrorReply)?.to_vec(),
            since: RedisTime(reply.number(at + 2).ok_or(Away::ErrorReply)?),
            outcome: reply.bytes(at + 3).map(<[u8]>::to_vec),
        })
    }
}

impl Reply {
    /// Scripts count keys from one.
    fn key(&self, at: usize) -> Result<KeyNumber, Away> {
        self.number::<usize>(at).and_then(|number| number.checked_sub(1)).map(KeyNumber).ok_or(Away::ErrorReply)
    }
}

impl From<NoRandom> for Away {
    fn from(_: NoRandom) -> Self {
        Self::NoRandom
    }
}

fn flight_of(token: &[u8], since: Option<i64>, number: KeyNumber, now: RedisTime) -> Result<Flight, Away> {
    let token = Token::read(token).ok_or(Away::ErrorReply)?;
    let since = RedisTime(since.ok_or(Away::ErrorReply)?).local(now, Timestamp::now());
    Ok(Flight { since, number, token })
}

fn milliseconds(time: Duration) -> Vec<u8> {
    time.as_millis().max(1).to_string().into_bytes()
}

async fn bounded<T>(method: impl Future<Output = Result<T, Away>>) -> Result<T, Away> {
    tokio::time::timeout(METHOD, method).await.unwrap_or(Err(Away::NoReply))
}
