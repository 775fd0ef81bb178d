//! The sharing table against a real Redis. `.ci/run` runs these; they need `redis-server`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_imports)]

mod sharing {
    mod flights;
    mod looks;
    mod nameless;
    mod outages;
    mod remembering;
    mod secrecy;
    #[path = "../common/redis.rs"]
    mod server;
}
