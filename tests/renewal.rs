//! Certificates, keys and passwords change while the service runs: nothing is dropped, and what is broken is not taken.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

#[path = "renewal/callers.rs"]
mod callers;
#[path = "renewal/ground.rs"]
mod ground;
#[path = "renewal/issuers.rs"]
mod issuers;
#[path = "renewal/keys.rs"]
mod keys;
#[path = "renewal/smsp.rs"]
mod smsp;
#[path = "renewal/stores.rs"]
mod stores;
