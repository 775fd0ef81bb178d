//! The suites that need a real PostgreSQL (`initdb` in /usr/lib/postgresql or the PATH) or `redis-server`. They are ignored unless asked
//! for: `cargo test --test stores -- --ignored`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)] // `tests/it` uses all of it
#[path = "../common/mod.rs"]
mod common;
mod servers;

mod crash;
mod renewal;
mod replicas;
mod restart;
mod sharing;
mod trail_postgres;
