//! The sharing table against a real Redis. `.ci/run` runs these; they need `redis-server`.
#![allow(clippy::wildcard_imports)]

mod flights;
mod looks;
mod nameless;
mod outages;
mod remembering;
mod secrecy;
