//! The scripts that Redis runs, each as one atomic step, and their replies.

use redis::{FromRedisValue, Script, Value};
use std::sync::LazyLock;

pub(super) static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../scripts/claim.lua")));
pub(super) static JOIN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../scripts/join.lua")));
pub(super) static COMPLETE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../scripts/complete.lua")));
pub(super) static READ: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../scripts/read.lua")));
pub(super) static REMEMBERED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../scripts/remembered.lua")));

pub(super) fn all() -> [&'static Script; 5] {
    [&CLAIM, &JOIN, &COMPLETE, &READ, &REMEMBERED]
}

/// A reply: a list of numbers and byte strings. `None` if it is missing or of another type.
pub(super) struct Reply(pub Vec<Value>);

impl Reply {
    pub(super) fn bytes(&self, at: usize) -> Option<&[u8]> {
        match self.0.get(at)? {
            Value::BulkString(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A number, or a byte string that holds one.
    pub(super) fn number<T: FromRedisValue>(&self, at: usize) -> Option<T> {
        T::from_redis_value_ref(self.0.get(at)?).ok()
    }
}
