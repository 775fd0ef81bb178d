//! How calls to the table are made: names, times to live, scripts, and a time limit for each method.

use super::keys::{KeyNumber, NoRandom};
use super::outcome::RedisTime;
use super::scripts::Reply;
use super::{LookKey, NO_ID, RemoteTable, Unavailable};
use redis::{Script, Value};
use std::future::Future;
use std::time::Duration;

/// The limit of a whole method. One call takes less than this even if it must connect first.
const METHOD_TIMEOUT: Duration = Duration::from_millis(480);

impl RemoteTable {
    /// For each key: the prefix of the look's names, and the request's name.
    pub(super) fn names(&self, look: &LookKey, request_id: &str) -> Vec<String> {
        let names = |key| [self.keys.look(key, look), self.keys.request(key, look, request_id)];
        self.keys.numbers().flat_map(names).collect()
    }

    /// The same, and the name that stands for requests without an id.
    pub(super) fn claim_names(&self, look: &LookKey, request_id: &str) -> Vec<String> {
        let names =
            |key| [self.keys.look(key, look), self.keys.request(key, look, request_id), self.keys.request(key, look, NO_ID)];
        self.keys.numbers().flat_map(names).collect()
    }

    /// How long a flight that never completes is remembered as in flight.
    pub(super) fn flight_ttl(&self) -> Duration {
        self.retention.lock_for + self.retention.remember_for
    }

    /// Longer than the life of anything that a pointer can lead to.
    pub(super) fn pointer_ttl(&self) -> Duration {
        self.flight_ttl() + self.retention.lock_for
    }

    /// Runs a script whose reply is a list with Redis's time: second in the reply to `claim`, first elsewhere.
    pub(super) async fn run(
        &self,
        script: &'static Script,
        names: Vec<String>,
        arguments: Vec<Vec<u8>>,
    ) -> Result<(RedisTime, Reply), Unavailable> {
        let reply: Vec<Value> = self.invoke(script, names, arguments).await?;
        let reply = Reply(reply);
        let now = reply.number(0).or_else(|| reply.number(1)).ok_or(Unavailable::ErrorReply)?;
        Ok((RedisTime(now), reply))
    }

    pub(super) async fn invoke<T>(
        &self,
        script: &'static Script,
        names: Vec<String>,
        arguments: Vec<Vec<u8>>,
    ) -> Result<T, Unavailable>
    where
        T: redis::FromRedisValue + Send + 'static,
    {
        self.connection
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

impl Reply {
    /// Scripts count keys from one.
    pub(super) fn key(&self, at: usize) -> Result<KeyNumber, Unavailable> {
        self.number::<usize>(at).and_then(|number| number.checked_sub(1)).map(KeyNumber).ok_or(Unavailable::ErrorReply)
    }
}

impl From<NoRandom> for Unavailable {
    fn from(_: NoRandom) -> Self {
        Self::NoRandom
    }
}

pub(super) fn milliseconds(time: Duration) -> Vec<u8> {
    time.as_millis().max(1).to_string().into_bytes()
}

pub(super) async fn bounded<T>(method: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
    tokio::time::timeout(METHOD_TIMEOUT, method).await.unwrap_or(Err(Unavailable::NoReply))
}
